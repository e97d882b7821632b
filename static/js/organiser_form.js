// The form for a new event.
;(() => {
  const {request, sentence, sharing} = window.eventsPage

  function zones() {
    return Intl.supportedValuesOf ? ['UTC', ...Intl.supportedValuesOf('timeZone')] : []
  }

  function newEvent(wallet) {
    return {
      name: '',
      info: '',
      event_start_date: '',
      time: '',
      timezone: Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC',
      event_end_date: '',
      closing_date: '',
      amount_tickets: '100',
      price_per_ticket: '1000',
      currency: 'sat',
      buyer_can_cancel: true,
      telling: sharing.defaults(),
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
    if (!data.timezone.trim()) errors.timezone = 'A time zone, such as Europe/Berlin.'
    if (!/^[0-9]+$/.test(data.amount_tickets.trim())) {
      errors.amount_tickets = 'A whole number, such as 100.'
    }
    if (!/^[0-9]+(\.[0-9]+)?$/.test(data.price_per_ticket.trim())) {
      errors.price_per_ticket = 'A number, such as 1000 or 19.99.'
    }
    return errors
  }

  function body({time, telling, ...data}) {
    const day = data.event_start_date
    return {
      ...data,
      ...sharing.body(telling),
      name: data.name.trim(),
      timezone: data.timezone.trim(),
      // Without an offset: the time on the wall there.
      ...(time ? {starts_at: `${day}T${time}`} : {}),
      amount_tickets: Number(data.amount_tickets),
      price_per_ticket: Number(data.price_per_ticket),
      event_end_date: data.event_end_date || day,
      closing_date: data.closing_date || data.event_end_date || day
    }
  }

  window.app.component('events-form', {
    template: '#events-form',
    props: {wallets: {type: Array, required: true}},
    emits: ['made', 'close'],
    data() {
      return {
        data: newEvent(this.wallets[0].id),
        errors: {},
        problem: '',
        isSending: false,
        zones: zones(),
        currencies: ['sat', ...CURRENCIES.filter(code => code !== 'sat')]
      }
    },
    computed: {
      walletOptions() {
        return this.wallets.map(({id, name}) => ({value: id, label: name}))
      }
    },
    methods: {
      async create() {
        this.errors = fieldErrors(this.data)
        const isBad = Object.keys(this.errors).length > 0
        this.problem = isBad ? 'Please mend the marked fields.' : ''
        if (isBad) return
        this.isSending = true
        try {
          const wallet = this.wallets.find(({id}) => id === this.data.wallet)
          const {data: event} = await request('POST', '/events', wallet, body(this.data))
          this.$emit('made', event)
        } catch (error) {
          this.problem = sentence(error, 'The event could not be stored. Please try again.')
        } finally {
          this.isSending = false
        }
      }
    },
    mounted() {
      this.$refs.title.focus()
    }
  })
})()
