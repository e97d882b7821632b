// The door of one event: who may scan, what their devices last said, and how many are in.
;(() => {
  const {request, sentence, number, count} = window.eventsPage
  const WAIT_MS = 10000
  // A device that works says so at least once a minute.
  const SEEN_LATELY_MS = 3 * 60000

  // In the event's own time, as the devices at its door show it.
  function clockOf(zone, style) {
    try {
      return new Intl.DateTimeFormat('en-GB', {...style, timeZone: zone})
    } catch {
      return new Intl.DateTimeFormat('en-GB', style)
    }
  }

  window.app.component('events-door', {
    template: '#events-door',
    props: {event: {type: Object, required: true}, wallet: {type: Object, required: true}},
    data() {
      return {
        scanners: null,
        stats: null,
        // The server's time at the last answer: a phone's own clock may be wrong.
        now: Date.now(),
        loads: 0,
        showPast: false,
        problem: '',
        said: '',
        isFormOpen: false,
        joined: null,
        question: null
      }
    },
    computed: {
      path() {
        return `/events/${encodeURIComponent(this.event.id)}`
      },
      days() {
        return clockOf(this.event.timezone, {dateStyle: 'medium'})
      },
      clock() {
        return clockOf(this.event.timezone, {timeStyle: 'medium'})
      },
      zone() {
        return this.clock.resolvedOptions().timeZone.replaceAll('_', ' ')
      },
      active() {
        return this.scanners.filter(({is_active: isActive}) => isActive)
      },
      past() {
        return this.scanners.filter(({is_active: isActive}) => !isActive)
      },
      listed() {
        return this.showPast ? [...this.active, ...this.past] : this.active
      },
      figures() {
        const {sold, admitted, inside, last_minute: lately} = this.stats
        return [
          {word: 'Admitted', text: `${number(admitted)} of ${number(sold)}`},
          {word: 'Inside now', text: number(inside)},
          {word: 'In the last minute', text: number(lately)}
        ]
      }
    },
    methods: {
      // Without the day when it is today.
      at(text) {
        const moment = new Date(text)
        const day = this.days.format(moment)
        const time = this.clock.format(moment)
        return day === this.days.format(this.now) ? time : `${day}, ${time}`
      },
      state({is_active: isActive, revoked_at: revoked, last_seen_at: seen}) {
        if (revoked) return {word: 'Revoked', tone: 'bad'}
        if (!isActive) return {word: 'Expired', tone: 'calm'}
        if (!seen) return {word: 'Not joined yet', tone: 'calm'}
        const isHere = this.now - Date.parse(seen) < SEEN_LATELY_MS
        return isHere ? {word: 'Online', tone: 'good'} : {word: 'Not in touch', tone: 'warn'}
      },
      rights(scanner) {
        const {may_work_offline: mayOffline, sees_names: seesNames} = scanner
        const {revoked_at: revoked, expires_at: expires} = scanner
        const until = expires ? `until ${this.at(expires)}` : 'until you revoke it'
        return [
          mayOffline ? 'Works without network' : 'Only with network',
          seesNames ? 'sees names' : 'sees no names',
          revoked ? `revoked ${this.at(revoked)}` : until
        ].join(' · ')
      },
      device({last_seen_at: seen, pending, page_version: version}) {
        const parts = [seen ? `Last seen ${this.at(seen)}` : 'Never seen']
        if (version) parts.push(`page ${version}`)
        if (pending === 0) parts.push('nothing waits on it')
        return parts.join(' · ')
      },
      waiting: ({pending}) => count(pending, 'scan waits', 'scans wait'),
      async load() {
        try {
          const [scanners, stats] = await Promise.all([
            request('GET', `${this.path}/scanners?limit=1000`, this.wallet),
            request('GET', `/door/${encodeURIComponent(this.event.id)}/stats`, this.wallet)
          ])
          this.now = Date.parse(scanners.headers.date) || Date.now()
          this.scanners = scanners.data.data
          this.stats = stats.data
          this.problem = ''
        } catch (error) {
          this.problem = sentence(error, 'The door could not be loaded.')
        }
        this.loads += 1
      },
      async keepLoading() {
        clearTimeout(this.timer)
        if (!document.hidden) await this.load()
        if (!this.isGone) this.timer = setTimeout(() => this.keepLoading(), WAIT_MS)
      },
      openForm() {
        this.said = ''
        this.isFormOpen = true
      },
      async closeForm() {
        this.isFormOpen = false
        await this.$nextTick()
        this.$refs.add?.$el.focus()
      },
      async made(scanner) {
        this.isFormOpen = false
        this.joined = scanner
        await this.keepLoading()
      },
      // The token is in nothing else that this page keeps.
      async forget() {
        this.said = `“${this.joined.name}” may scan now.`
        this.joined = null
        await this.$nextTick()
        this.$refs.add?.$el.focus()
      },
      revoke(scanner) {
        const {pending, name} = scanner
        const lost = pending ? ` ${this.waiting(scanner)} on it and will be refused.` : ''
        this.said = ''
        this.question = {
          title: `Revoke “${name}”?`,
          text: `Its device is refused from now on. This cannot be undone.${lost}`,
          button: 'Revoke',
          path: `${this.path}/scanners/${encodeURIComponent(scanner.id)}`,
          method: 'DELETE',
          done: `“${name}” is revoked.`
        }
      },
      undo(scan) {
        const event = encodeURIComponent(this.event.id)
        this.said = ''
        this.question = {
          title: 'Undo this admission?',
          text:
            'It stays in the log, marked as undone. ' +
            'A ticket that was let in only this once can come in again.',
          button: 'Undo',
          path: `/door/${event}/scans/${encodeURIComponent(scan.scan_id)}/annul`,
          method: 'POST',
          done: 'The admission is undone.'
        }
      },
      async answered({done}) {
        this.said = done
        await this.keepLoading()
        this.$refs.panel?.focus()
      }
    },
    mounted() {
      this.keepLoading()
    },
    unmounted() {
      this.isGone = true
      clearTimeout(this.timer)
    }
  })

  window.app.component('events-ask', {
    template: '#events-ask',
    props: {question: {type: Object, required: true}, wallet: {type: Object, required: true}},
    emits: ['done', 'close'],
    data() {
      return {isOpen: true, isSending: false, problem: ''}
    },
    methods: {
      async send() {
        const {method, path, data} = this.question
        this.isSending = true
        this.problem = ''
        try {
          const {data: answer} = await request(method, path, this.wallet, data)
          this.isOpen = false
          this.$emit('done', this.question, answer)
        } catch (error) {
          this.problem = sentence(error, 'That did not work. Please try again.')
        } finally {
          this.isSending = false
        }
      }
    }
  })
})()
