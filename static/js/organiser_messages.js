// The messages of one event: how many went where, which did not arrive, and sending them again.
;(() => {
  const {request, sentence, number, count, moment} = window.eventsPage
  const PAGE = 20
  const MOST = 1000
  const BUSY_WAIT_MS = 3000
  const CALM_WAIT_MS = 15000

  const STATES = {
    queued: {word: 'Waiting', tone: 'calm', icon: 'schedule'},
    sending: {word: 'Being sent', tone: 'calm', icon: 'schedule'},
    sent: {word: 'Sent', tone: 'good', icon: 'check_circle'},
    failed: {word: 'Failed', tone: 'bad', icon: 'error'},
    undeliverable: {word: 'Nowhere to send it', tone: 'warn', icon: 'warning'}
  }
  // Not true any more when it could have been sent: nothing was lost.
  const OUTDATED = {word: 'Not needed any more', tone: 'calm', icon: 'info'}
  const isOutdated = ({state, error_code: code}) => state === 'failed' && code === 'outdated'
  const KINDS = {
    order_confirmed: 'Order confirmed',
    ticket: 'Ticket',
    event_changed: 'New time or place',
    event_cancelled: 'Event cancelled',
    tickets_cancelled: 'Ticket cancelled',
    refund_due: 'Refund',
    refund_paid: 'Paid back',
    late_payment: 'Paid too late',
    reminder: 'Reminder',
    announcement: 'From you'
  }
  const CHANNELS = {mail: 'mail', dm: 'Nostr message'}

  const options = (words, all) => [
    {value: '', label: all},
    ...Object.entries(words).map(([value, word]) => ({value, label: word.word ?? word}))
  ]

  window.app.component('events-messages', {
    template: '#events-messages',
    props: {event: {type: Object, required: true}, wallet: {type: Object, required: true}},
    emits: ['changed'],
    data() {
      return {
        messages: null,
        total: 0,
        summary: {},
        hasMail: true,
        most: PAGE,
        filter: {state: '', kind: ''},
        // Which part is open: '', 'settings', 'writing' or 'orders'.
        open: '',
        busy: '',
        problem: '',
        said: '',
        timer: 0
      }
    },
    computed: {
      path() {
        return `/events/${encodeURIComponent(this.event.id)}/messages`
      },
      stateOptions: () => options(STATES, 'All states'),
      kindOptions: () => options(KINDS, 'All kinds'),
      figures() {
        const {queued = 0, sending = 0, sent = 0, failed = 0, undeliverable = 0} = this.summary
        return [
          {word: 'Sent', text: number(sent)},
          {word: 'Waiting', text: number(queued + sending)},
          {word: 'Failed', text: number(failed)},
          {word: 'Nowhere to send', text: number(undeliverable)}
        ]
      },
      failed() {
        return this.summary.failed ?? 0
      },
      lost() {
        const words = count(this.failed, 'message was', 'messages were')
        return `${words} given up. Mend the cause, then send ${this.failed === 1 ? 'it' : 'them'} again.`
      },
      isBusy() {
        // Without a mail server what waits may wait for days.
        return this.hasMail && (this.summary.queued ?? 0) + (this.summary.sending ?? 0) > 0
      },
      query() {
        const wanted = Object.entries(this.filter).filter(([, value]) => value)
        return new URLSearchParams(wanted)
      },
      isFiltered() {
        return String(this.query) !== ''
      },
      hasMore() {
        return this.total > this.messages.length && this.most < MOST
      }
    },
    watch: {
      filter: {
        deep: true,
        handler() {
          this.most = PAGE
          this.load()
        }
      }
    },
    methods: {
      moment,
      isOutdated,
      state: message => {
        const {state} = message
        if (isOutdated(message)) return OUTDATED
        return STATES[state] ?? {word: state, tone: 'calm', icon: 'help'}
      },
      what: ({kind, channel}) => `${KINDS[kind] ?? kind}, by ${CHANNELS[channel] ?? channel}`,
      // Public keys are long, and their ends are what people compare.
      who: ({recipient: text}) => (/^n(pub|profile)1/.test(text) ? `${text.slice(0, 14)}…${text.slice(-6)}` : text),
      when({state, sent_at: sent, created_at: made, next_try_at: next, attempts}) {
        if (state === 'sent') return `Sent ${moment(sent ?? made)}`
        // A change waits for what follows it.
        if (state === 'queued' && Date.parse(made) > Date.now()) return `Leaves ${moment(made)}`
        const parts = [`Made ${moment(made)}`]
        if (attempts) parts.push(count(attempts, 'attempt', 'attempts'))
        if (state === 'queued' && attempts && next) parts.push(`next try ${moment(next)}`)
        return parts.join(' · ')
      },
      async load() {
        const asked = String(this.query)
        try {
          const path = `${this.path}?limit=${this.most}&${asked}`
          const {data} = await request('GET', path, this.wallet)
          // Somebody may have chosen another filter meanwhile.
          if (asked !== String(this.query)) return
          this.messages = data.data
          this.total = data.total
          this.summary = data.summary
          this.hasMail = data.mail_configured
          this.problem = ''
        } catch (error) {
          this.problem = sentence(error, 'The messages could not be loaded.')
        }
      },
      async keepLoading() {
        clearTimeout(this.timer)
        if (!document.hidden) await this.load()
        if (this.isGone) return
        const wait = this.isBusy ? BUSY_WAIT_MS : CALM_WAIT_MS
        this.timer = setTimeout(() => this.keepLoading(), wait)
      },
      more() {
        this.most = Math.min(2 * this.most, MOST)
        this.load()
      },
      toggle(part) {
        this.open = this.open === part ? '' : part
        this.said = ''
      },
      async close(part) {
        this.open = ''
        await this.$nextTick()
        this.$refs[part]?.$el.focus()
      },
      async done(words, part) {
        await this.close(part)
        this.said = words
        await this.keepLoading()
      },
      async saved(event) {
        this.$emit('changed', event)
        await this.done('Saved.', 'settings')
      },
      async again({id}) {
        await this.sendAgain(id, async () => {
          await request('POST', `/messages/${encodeURIComponent(id)}/resend`, this.wallet)
          return {queued: 1, left: 0}
        })
      },
      // All that were given up, also those not shown here.
      async allAgain() {
        await this.sendAgain('all', async () => {
          const {data} = await request('POST', `${this.path}/resend-failed`, this.wallet)
          return data
        })
      },
      // `ask` sends some again, and tells how many are left.
      async sendAgain(busy, ask) {
        if (this.busy) return
        this.busy = busy
        this.said = ''
        let problem = ''
        let sent = 0
        try {
          let answer = await ask()
          // What fails anew meanwhile is not sent a third time.
          const all = answer.queued + answer.left
          sent = answer.queued
          while (answer.queued && answer.left && sent < all) {
            answer = await ask()
            sent += answer.queued
          }
        } catch (error) {
          problem = sentence(error, 'That did not work. Please try again.')
        } finally {
          this.busy = ''
        }
        if (sent) this.said = `${count(sent, 'message is', 'messages are')} on the way again.`
        await this.keepLoading()
        if (problem) this.problem = problem
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
})()
