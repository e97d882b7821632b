// The organiser's page: events of all own wallets, and check-in by code.
;(() => {
  const {request, sentence} = window.eventsPage
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

  // By the clock on the wall of the event; a browser may not know its time zone.
  function timeOfDay(at, zone) {
    try {
      const options = {hour: '2-digit', minute: '2-digit', timeZone: zone}
      return `${new Date(at).toLocaleTimeString('en-GB', options)} (${zone.replaceAll('_', ' ')})`
    } catch {
      return ''
    }
  }

  // A ticket's code as it may be typed, scanned or pasted: the id, ticket://id, or its page.
  function ticketId(text) {
    return text.trim().replace(/^ticket:\/\//i, '').replace(/[?#].*$/, '').replace(/^.*\//, '')
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
        isFormOpen: false,
        // The wallet whose Nostr settings are open.
        nostrWallet: '',
        // The events of which more is shown, and the one a dialog asks about.
        doorOf: '',
        moneyOf: '',
        messagesOf: '',
        nostrOf: '',
        toCancel: null,
        door: {event: ANY_EVENT, code: '', isSending: false, result: null}
      }
    },
    computed: {
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
      walletOf(event) {
        return this.g.user.wallets.find(({id}) => id === event?.wallet) ?? this.g.user.wallets[0]
      },
      async load() {
        try {
          this.events = (await request('GET', '/events?all_wallets=true', this.walletOf())).data
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
      dates({event_start_date: starts, event_end_date: ends, starts_at: at, timezone: zone}) {
        const days = starts === ends ? longDay(starts) : `${longDay(starts)} to ${longDay(ends)}`
        return at ? `${days}, ${timeOfDay(at, zone)}` : days
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
      openForm() {
        this.said = ''
        this.isFormOpen = true
      },
      async made(event) {
        this.isFormOpen = false
        this.marked = event.id
        this.said = `“${event.name}” is published. Copy its link and send it to your guests.`
        await this.load()
      },
      // What the API answers to a change, in place of what was read before.
      changed(event) {
        this.events = this.events.map(each => (each.id === event.id ? {...each, ...event} : each))
      },
      openSettings(wallet) {
        this.said = ''
        this.nostrWallet = wallet
      },
      async closeSettings() {
        this.nostrWallet = ''
        await this.$nextTick()
        this.$refs.toNostr.$el.focus()
      },
      async cancelled({id, name}) {
        this.said = `“${name}” is cancelled. The refunds are shown below it.`
        await this.load()
        this.moneyOf = id
        // The button that opened the dialog is gone.
        await this.$nextTick()
        this.$refs.money?.[0]?.$el.focus()
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
          ticket = (await request('GET', `/tickets/${encodeURIComponent(id)}`, this.walletOf())).data
          const event = this.events.find(each => each.id === ticket.event)
          if (!event) {
            this.show('bad', 'Not yours', 'This ticket is for the event of another organiser.')
            return
          }
          if (this.door.event !== ANY_EVENT && this.door.event !== event.id) {
            this.show('bad', 'Wrong event', `This ticket is for “${event.name}”.`)
            return
          }
          await request(
            'PUT',
            `/tickets/register/${encodeURIComponent(id)}`,
            this.walletOf(event)
          )
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
