// The organiser's page: events of all own wallets, a new one, and check-in by code.
;(() => {
  const API = '/events/api/v1'
  const FIRST_SHOWN = 50
  const ANY_EVENT = ''

  const STATES = {
    draft: {word: 'Draft', tone: 'calm'},
    cancelled: {word: 'Cancelled', tone: 'bad'},
    completed: {word: 'Ended', tone: 'calm'},
    open: {word: 'On sale', tone: 'good'},
    not_yet: {word: 'Not on sale yet', tone: 'calm'},
    sold_out: {word: 'Sold out', tone: 'warn'},
    closed: {word: 'Sale ended', tone: 'calm'}
  }

  const NUMBER = new Intl.NumberFormat('en')
  const DAY = new Intl.DateTimeFormat('en-GB', {dateStyle: 'long', timeZone: 'UTC'})
  const MOMENT = new Intl.DateTimeFormat('en-GB', {dateStyle: 'medium', timeStyle: 'short'})

  function longDay(text) {
    const day = new Date(`${text}T00:00:00Z`)
    return Number.isNaN(day.getTime()) ? text : DAY.format(day)
  }

  // A ticket's code as it may be typed, scanned or pasted: the id, ticket://id, or its page.
  function ticketId(text) {
    return text.trim().replace(/^ticket:\/\//i, '').replace(/[?#].*$/, '').replace(/^.*\//, '')
  }

  function sentence(error, otherwise) {
    const detail = error.response?.data?.detail
    return typeof detail === 'string' ? detail : otherwise
  }

  function newEvent(wallet) {
    return {
      name: '',
      info: '',
      event_start_date: '',
      event_end_date: '',
      closing_date: '',
      amount_tickets: '100',
      price_per_ticket: '1000',
      currency: 'sat',
      wallet
    }
  }

  function fieldErrors(data) {
    const errors = {}
    const {event_start_date: starts, event_end_date: ends, closing_date: closes} = data
    if (!data.name.trim()) errors.name = 'Give the event a name.'
    if (!starts) errors.event_start_date = 'On which day does it start?'
    if (ends && starts && ends < starts) errors.event_end_date = 'It ends before it starts.'
    if (closes && (ends || starts) && closes > (ends || starts)) {
      errors.closing_date = 'The sale ends after the event.'
    }
    if (!/^[0-9]+$/.test(data.amount_tickets.trim())) {
      errors.amount_tickets = 'A whole number, such as 100.'
    }
    if (!/^[0-9]+(\.[0-9]+)?$/.test(data.price_per_ticket.trim())) {
      errors.price_per_ticket = 'A number, such as 1000 or 19.99.'
    }
    return errors
  }

  window.app = Vue.createApp({
    el: '#vue',
    data() {
      return {
        events: [],
        isLoading: true,
        problem: '',
        said: '',
        filter: '',
        most: FIRST_SHOWN,
        marked: '',
        currencies: ['sat', ...CURRENCIES.filter(code => code !== 'sat')],
        form: {isOpen: false, isSending: false, problem: '', errors: {}, data: newEvent('')},
        door: {event: ANY_EVENT, code: '', isSending: false, result: null}
      }
    },
    computed: {
      wallets() {
        return this.g.user.wallets.map(({id, name}) => ({value: id, label: name}))
      },
      found() {
        const words = (this.filter ?? '').trim().toLowerCase()
        return this.events.filter(({name}) => name.toLowerCase().includes(words))
      },
      shown() {
        return this.found.slice(0, this.most)
      },
      doorEvents() {
        const own = this.events.map(({id, name}) => ({value: id, label: name}))
        return [{value: ANY_EVENT, label: 'Any of my events'}, ...own]
      }
    },
    methods: {
      request(method, path, walletId, data) {
        const wallet = this.g.user.wallets.find(({id}) => id === walletId) ?? this.g.user.wallets[0]
        return LNbits.api.request(method, API + path, wallet.adminkey, data)
      },
      async load() {
        try {
          this.events = (await this.request('GET', '/events?all_wallets=true')).data
          this.problem = ''
        } catch (error) {
          this.problem = sentence(error, 'Your events could not be loaded. Please reload the page.')
        } finally {
          this.isLoading = false
        }
      },
      state({status, sales, event_end_date: ends}) {
        const isOver = ends < new Date().toISOString().slice(0, 10)
        if (status === 'published' && isOver) return STATES.completed
        return STATES[status === 'published' ? sales : status] ?? STATES.closed
      },
      dates({event_start_date: starts, event_end_date: ends}) {
        return starts === ends ? longDay(starts) : `${longDay(starts)} to ${longDay(ends)}`
      },
      sold({sold, capacity}) {
        const of = capacity === null ? '' : ` of ${NUMBER.format(capacity)}`
        return `${NUMBER.format(sold)}${of} sold`
      },
      async copyLink({id, name}) {
        const link = `${location.origin}/events/${id}`
        try {
          await Quasar.copyToClipboard(link)
          this.said = `The link of “${name}” is copied.`
        } catch {
          this.said = `Copying was refused. The link is ${link}`
        }
      },
      async openForm() {
        this.form.data = newEvent(this.g.user.wallets[0].id)
        this.form.errors = {}
        this.form.problem = ''
        this.said = ''
        this.form.isOpen = true
        await this.$nextTick()
        this.$refs.formTitle.focus()
      },
      closeForm() {
        this.form.isOpen = false
      },
      async create() {
        const {data} = this.form
        this.form.errors = fieldErrors(data)
        const isBad = Object.keys(this.form.errors).length > 0
        this.form.problem = isBad ? 'Please mend the marked fields.' : ''
        if (this.form.problem) return
        this.form.isSending = true
        try {
          const {data: event} = await this.request('POST', '/events', data.wallet, {
            ...data,
            name: data.name.trim(),
            amount_tickets: Number(data.amount_tickets),
            price_per_ticket: Number(data.price_per_ticket),
            event_end_date: data.event_end_date || data.event_start_date,
            closing_date: data.closing_date || data.event_end_date || data.event_start_date
          })
          this.form.isOpen = false
          this.marked = event.id
          this.said = `“${event.name}” is published. Copy its link and send it to your guests.`
          await this.load()
        } catch (error) {
          this.form.problem = sentence(error, 'The event could not be stored. Please try again.')
        } finally {
          this.form.isSending = false
        }
      },
      async chooseForCheckIn({id}) {
        this.door.event = id
        this.door.result = null
        await this.goToDoor()
      },
      async goToDoor() {
        await this.$nextTick()
        document.getElementById('check-in').scrollIntoView({block: 'nearest'})
        this.$refs.code.focus()
      },
      async checkIn() {
        const id = ticketId(this.door.code)
        if (!id) {
          this.show('warn', 'No code', 'Type or scan the code of a ticket.')
          return
        }
        this.door.isSending = true
        try {
          await this.admit(id)
        } finally {
          this.door.isSending = false
          this.door.code = ''
          await this.$nextTick()
          this.$refs.code.focus()
        }
      },
      async admit(id) {
        let ticket
        try {
          ticket = (await this.request('GET', `/tickets/${encodeURIComponent(id)}`)).data
          const event = this.events.find(each => each.id === ticket.event)
          if (!event) {
            this.show('bad', 'Not yours', 'This ticket is for the event of another organiser.')
            return
          }
          if (this.door.event !== ANY_EVENT && this.door.event !== event.id) {
            this.show('bad', 'Wrong event', `This ticket is for “${event.name}”.`)
            return
          }
          await this.request('PUT', `/tickets/register/${encodeURIComponent(id)}`, event.wallet)
          const number = ticket.number ? `, no. ${ticket.number}` : ''
          this.show('good', 'Admitted', `${ticket.name}${number}, ${ticket.package}, ${event.name}`)
        } catch (error) {
          this.refuse(error, ticket)
        }
      },
      refuse(error, ticket) {
        if (!error.response) {
          this.show('bad', 'No connection', 'The server was not reached. Nobody was checked in.')
        } else if (error.response.status === 404) {
          this.show('bad', 'Unknown', 'There is no ticket with this code.')
        } else if (ticket?.registered) {
          const at = ticket.reg_timestamp && MOMENT.format(new Date(ticket.reg_timestamp))
          this.show('warn', 'Already used', `${ticket.name} was checked in${at ? ` on ${at}` : ''}.`)
        } else {
          this.show('bad', 'Refused', sentence(error, 'This ticket was refused.'))
        }
      },
      show(tone, word, text) {
        const icon = {good: 'check_circle', warn: 'warning', bad: 'cancel'}[tone]
        this.door.result = {tone, word, text, icon}
      }
    },
    async mounted() {
      // The page stands under the router's v-if: there is nothing to focus before it is ready.
      await this.$router.isReady()
      await this.load()
      const wanted = this.$route.query.event
      const event = this.events.find(({id}) => id === wanted)
      if (event) {
        this.marked = event.id
        this.chooseForCheckIn(event)
      }
    }
  })
})()
