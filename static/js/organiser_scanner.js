// A new scanner: the form for it, and its token, shown once.
;(() => {
  const {request, sentence} = window.eventsPage
  const DAY_MS = 86400000

  // A wall clock's time, as the field and the API have it; nothing when that is over.
  function noonAfter({event_end_date: ends}) {
    const day = new Date(Date.parse(`${ends}T12:00:00Z`) + DAY_MS)
    return day > new Date() ? day.toISOString().slice(0, 16) : ''
  }

  window.app.component('events-scanner', {
    template: '#events-scanner',
    props: {event: {type: Object, required: true}, wallet: {type: Object, required: true}},
    emits: ['made', 'close'],
    data() {
      return {
        name: '',
        until: noonAfter(this.event),
        mayWorkOffline: true,
        seesNames: false,
        nameProblem: '',
        problem: '',
        isSending: false
      }
    },
    computed: {
      untilLabel() {
        return `Works until (${this.event.timezone.replaceAll('_', ' ')})`
      }
    },
    methods: {
      async create() {
        const name = this.name.trim()
        this.problem = ''
        this.nameProblem = name ? '' : 'Give it a name, so that you know it again.'
        if (!name || this.isSending) return
        this.isSending = true
        try {
          const path = `/events/${encodeURIComponent(this.event.id)}/scanners`
          const {data: scanner} = await request('POST', path, this.wallet, {
            name,
            // Without an offset: the time on the wall there.
            expires_at: this.until || null,
            may_work_offline: this.mayWorkOffline,
            sees_names: this.seesNames
          })
          this.$emit('made', scanner)
        } catch (error) {
          this.problem = sentence(error, 'The scanner could not be made. Please try again.')
        } finally {
          this.isSending = false
        }
      }
    },
    mounted() {
      this.$refs.name.focus()
    }
  })

  // Shows a new scanner's token, this once.
  window.app.component('events-join', {
    template: '#events-join',
    props: {scanner: {type: Object, required: true}},
    emits: ['close'],
    data() {
      return {isOpen: true, said: ''}
    },
    computed: {
      link() {
        return new URL(this.scanner.door_url)
      },
      // As a picture, a code can do nothing else.
      code() {
        return `data:image/svg+xml,${encodeURIComponent(this.scanner.join_qr_svg)}`
      },
      here() {
        return this.link.pathname + this.link.hash
      },
      elsewhere() {
        return this.link.origin === location.origin ? '' : this.link.origin
      }
    },
    methods: {
      async copy() {
        try {
          await Quasar.copyToClipboard(this.scanner.door_url)
          this.said = 'The link is copied. Give it only to who scans.'
        } catch {
          this.said = 'Copying was refused. Mark the link above and copy it.'
        }
      }
    }
  })
})()
