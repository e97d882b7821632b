// Writing to whoever holds tickets, and sending somebody's tickets again.
;(() => {
  const {request, sentence, count} = window.eventsPage
  const MOST = 1000
  const SHOWN = 20
  const WAIT_MS = 300

  window.app.component('events-announce', {
    template: '#events-announce',
    props: {event: {type: Object, required: true}, wallet: {type: Object, required: true}},
    emits: ['done', 'close'],
    data() {
      return {
        subject: '',
        text: '',
        chosen: (this.event.packages ?? []).map(({id}) => id),
        recipients: null,
        errors: {},
        problem: '',
        said: '',
        isAsking: false,
        isTesting: false,
        timer: 0
      }
    },
    computed: {
      path() {
        return `/events/${encodeURIComponent(this.event.id)}/messages`
      },
      packages() {
        return (this.event.packages ?? []).map(({id, name}) => ({value: id, label: name}))
      },
      isAll() {
        return this.chosen.length === this.packages.length
      },
      audience() {
        if (this.recipients === null) return ''
        const {recipients: n} = this
        return n ? `It goes to ${count(n, 'recipient', 'recipients')}.` : 'Nobody holds such a ticket and has left an address.'
      },
      words() {
        const some = this.isAll ? {} : {package_ids: this.chosen}
        return {subject: this.subject.trim(), text: this.text.trim(), ...some}
      },
      question() {
        return {
          title: `Write to ${count(this.recipients ?? 0, 'recipient', 'recipients')}?`,
          text: `“${this.subject.trim()}” leaves at once and cannot be called back.`,
          button: 'Send',
          isGood: true,
          path: this.path,
          method: 'POST',
          data: this.words
        }
      }
    },
    watch: {
      chosen() {
        clearTimeout(this.timer)
        this.timer = setTimeout(() => this.countThem(), WAIT_MS)
      }
    },
    methods: {
      async countThem() {
        const asked = [...this.chosen]
        if (!asked.length) {
          this.recipients = 0
          return
        }
        const wanted = this.isAll ? [] : asked
        const query = new URLSearchParams(wanted.map(id => ['package_ids', id]))
        try {
          const {data} = await request('GET', `${this.path}/preview?${query}`, this.wallet)
          if (String(asked) === String(this.chosen)) this.recipients = data.recipients
        } catch (error) {
          this.problem = sentence(error, 'The recipients could not be counted.')
        }
      },
      isReady() {
        this.said = ''
        this.errors = {
          ...(this.subject.trim() ? {} : {subject: 'A subject, so that it is read.'}),
          ...(this.text.trim() ? {} : {text: 'What do you want to tell them?'})
        }
        const isBad = Object.keys(this.errors).length > 0
        this.problem = isBad ? 'Please mend the marked fields.' : ''
        return !isBad
      },
      ask() {
        if (!this.isReady()) return
        if (this.recipients === 0) this.problem = this.audience
        this.isAsking = !this.problem
      },
      // To the mail address of the organiser's own account.
      async test() {
        if (!this.isReady() || this.isTesting) return
        this.isTesting = true
        try {
          await request('POST', this.path, this.wallet, {...this.words, test: true})
          this.said = 'It is on the way to the mail address of your account.'
        } catch (error) {
          this.problem = sentence(error, 'That did not work. Please try again.')
        } finally {
          this.isTesting = false
        }
      },
      sent(question, {recipients}) {
        this.$emit('done', `Your message is on the way to ${count(recipients, 'recipient', 'recipients')}.`)
      }
    },
    async mounted() {
      this.$refs.subject.focus()
      await this.countThem()
    },
    unmounted() {
      clearTimeout(this.timer)
    }
  })

  // The orders of one event, to send their tickets again.
  window.app.component('events-resend', {
    template: '#events-resend',
    props: {event: {type: Object, required: true}, wallet: {type: Object, required: true}},
    emits: ['done', 'close'],
    data() {
      return {orders: null, total: 0, filter: '', tickets: {}, busy: '', problem: '', said: ''}
    },
    computed: {
      found() {
        const words = (this.filter ?? '').trim().toLowerCase()
        const texts = ({name, email, id}) => `${name} ${email ?? ''} ${id}`.toLowerCase()
        return this.orders.filter(order => texts(order).includes(words))
      },
      shown() {
        return this.found.slice(0, SHOWN)
      }
    },
    methods: {
      what: ({email, quantity}) =>
        [email || 'no mail address', count(quantity, 'ticket', 'tickets')].join(' · '),
      ticketWords: ({number, name}) => [number ? `No. ${number}` : 'Ticket', name].filter(Boolean).join(', '),
      async load() {
        try {
          const path = `/events/${encodeURIComponent(this.event.id)}/orders`
          const {data} = await request('GET', `${path}?status=confirmed&limit=${MOST}`, this.wallet)
          this.orders = data.data
          this.total = data.total
        } catch (error) {
          this.problem = sentence(error, 'The orders could not be loaded.')
        }
      },
      async showTickets({id}) {
        if (this.tickets[id]) {
          this.tickets = {...this.tickets, [id]: null}
          return
        }
        try {
          const {data} = await request('GET', `/orders/${encodeURIComponent(id)}`, this.wallet)
          const valid = data.tickets.filter(({status}) => ['active', 'used'].includes(status))
          this.tickets = {...this.tickets, [id]: valid}
        } catch (error) {
          this.problem = sentence(error, 'The tickets could not be loaded.')
        }
      },
      sendOrder(order) {
        return this.send(order.id, `/orders/${encodeURIComponent(order.id)}/resend`, order.name)
      },
      sendTicket(ticket) {
        const path = `/tickets/${encodeURIComponent(ticket.id)}/resend-email`
        return this.send(ticket.id, path, this.ticketWords(ticket))
      },
      async send(busy, path, whose) {
        if (this.busy) return
        this.busy = busy
        this.problem = ''
        // It is tried at once, which takes some seconds.
        this.said = 'Sending…'
        try {
          const {data} = await request('POST', path, this.wallet)
          this.said = ''
          const {isSent, text} = window.eventsPage.told(data, whose)
          this[isSent ? 'said' : 'problem'] = text
        } catch (error) {
          this.said = ''
          this.problem = sentence(error, 'That did not work. Please try again.')
        } finally {
          this.busy = ''
        }
        this.$emit('done')
      }
    },
    mounted() {
      this.load()
    }
  })
})()
