// What was scanned at the door of one event, and the conflicts that a person must look at.
;(() => {
  const {request, sentence, count} = window.eventsPage
  const PAGE = 20
  const MOST = 1000

  const OUTCOMES = {
    admitted: {word: 'Admitted', tone: 'good'},
    access_granted: {word: 'Access granted', tone: 'good'},
    left: {word: 'Went out', tone: 'calm'},
    already_used: {word: 'Already used', tone: 'warn'},
    not_checked_in: {word: 'Was not inside', tone: 'warn'},
    not_yet_valid: {word: 'Not valid yet', tone: 'warn'},
    expired: {word: 'No longer valid', tone: 'warn'},
    unpaid: {word: 'Not paid', tone: 'bad'},
    cancelled: {word: 'Cancelled', tone: 'bad'},
    refunded: {word: 'Refunded', tone: 'bad'},
    wrong_event: {word: 'Wrong event', tone: 'bad'},
    unknown: {word: 'Unknown code', tone: 'bad'}
  }
  const TYPES = {check_in: 'Check in', check_out: 'Check out', access: 'Access'}

  // Why somebody who was let in should not have been.
  const WRONGS = {
    unpaid: 'its ticket is not paid',
    cancelled: 'its ticket was cancelled',
    refunded: 'its ticket was refunded',
    wrong_event: 'its ticket is of another event',
    unknown: 'its code is no ticket',
    not_yet_valid: 'its ticket was not valid yet',
    expired: 'its ticket was no longer valid'
  }

  function ticketWords({number, name, package: kind}) {
    return [number ? `No. ${number}` : 'Ticket', name, kind].filter(Boolean).join(', ')
  }

  const who = name => (name === 'organiser' ? 'the organiser' : name)

  // Sent some time after it was made, by a device that had no network.
  const isLate = ({at, received_at: received}) => Date.parse(received) - Date.parse(at) > 10000

  // `loads` changes whenever it is time to look again; `at` writes a moment.
  const props = {
    event: {type: Object, required: true},
    wallet: {type: Object, required: true},
    at: {type: Function, required: true},
    loads: {type: Number, required: true}
  }
  const pathOf = ({id}) => `/events/${encodeURIComponent(id)}/scans`

  window.app.component('events-conflicts', {
    template: '#events-conflicts',
    props,
    emits: ['ticket'],
    data() {
      return {scans: [], total: 0, most: PAGE, problem: ''}
    },
    computed: {
      title() {
        return count(this.total, 'conflict', 'conflicts')
      },
      hasMore() {
        return this.total > this.scans.length && this.most < MOST
      }
    },
    watch: {loads: 'load'},
    methods: {
      head(scan) {
        const what = scan.ticket ? ticketWords(scan.ticket) : 'Somebody'
        const wrong = WRONGS[scan.outcome]
        if (wrong) return `${what}: let in, but ${wrong}`
        // Else it was not valid at that time, or it was let in before there was a log.
        return `${what}: let in ${scan.others.length ? 'twice' : 'when it was not valid'}`
      },
      // What happened, which devices, and when.
      story(scan) {
        const heard = isLate(scan) ? `, reported ${this.at(scan.received_at)}` : ''
        const undone = scan.annulled_at ? `, undone ${this.at(scan.annulled_at)}` : ''
        const offline = {...scan, how: `, without network${heard}${undone}`}
        return [offline, ...scan.others]
          .sort((one, other) => Date.parse(one.at) - Date.parse(other.at))
          .map(({scanner, at, how = ''}) => `Let in by ${who(scanner)}, ${this.at(at)}${how}.`)
      },
      async load() {
        try {
          const path = `${pathOf(this.event)}?conflict=true&limit=${this.most}`
          const {data} = await request('GET', path, this.wallet)
          this.scans = data.data
          this.total = data.total
          this.problem = ''
        } catch (error) {
          this.problem = sentence(error, 'The conflicts could not be loaded.')
        }
      },
      more() {
        this.most = Math.min(2 * this.most, MOST)
        this.load()
      }
    },
    mounted() {
      this.load()
    }
  })

  window.app.component('events-scans', {
    template: '#events-scans',
    props: {...props, scanners: {type: Array, required: true}},
    emits: ['undo'],
    data() {
      return {
        scans: null,
        total: 0,
        most: PAGE,
        filter: {scanner: '', outcome: '', ticket: null},
        problem: ''
      }
    },
    computed: {
      scannerOptions() {
        const own = this.scanners.map(({id, name}) => ({value: id, label: name}))
        return [{value: '', label: 'All scanners'}, ...own]
      },
      outcomeOptions() {
        const all = Object.entries(OUTCOMES).map(([value, {word}]) => ({value, label: word}))
        return [{value: '', label: 'All outcomes'}, ...all]
      },
      query() {
        const {scanner, outcome, ticket} = this.filter
        const wanted = {scanner_id: scanner, outcome, ticket_id: ticket?.id}
        return new URLSearchParams(Object.entries(wanted).filter(([, value]) => value))
      },
      isFiltered() {
        return String(this.query) !== ''
      },
      hasMore() {
        return this.total > this.scans.length && this.most < MOST
      }
    },
    watch: {
      loads: 'load',
      filter: {
        deep: true,
        handler() {
          this.most = PAGE
          this.load()
        }
      }
    },
    methods: {
      ticketWords,
      who,
      outcome: ({outcome}) => OUTCOMES[outcome] ?? {word: outcome, tone: 'calm'},
      canUndo: ({type, outcome, annulled_at: annulled}) =>
        type === 'check_in' && outcome === 'admitted' && !annulled,
      how(scan) {
        const parts = [TYPES[scan.type] ?? scan.type, `by ${who(scan.scanner)}`]
        if (scan.location) parts.push(scan.location)
        if (isLate(scan)) parts.push(`reported ${this.at(scan.received_at)}`)
        return parts.join(' · ')
      },
      async load() {
        const asked = String(this.query)
        try {
          const path = `${pathOf(this.event)}?limit=${this.most}&${asked}`
          const {data} = await request('GET', path, this.wallet)
          // Somebody may have chosen another filter meanwhile.
          if (asked !== String(this.query)) return
          this.scans = data.data
          this.total = data.total
          this.problem = ''
        } catch (error) {
          this.problem = sentence(error, 'The scans could not be loaded.')
        }
      },
      more() {
        this.most = Math.min(2 * this.most, MOST)
        this.load()
      },
      async showTicket(ticket) {
        this.filter = {scanner: '', outcome: '', ticket}
        await this.$nextTick()
        this.$refs.log.focus()
        this.$refs.log.scrollIntoView({block: 'nearest'})
      },
      showAll() {
        this.filter = {scanner: '', outcome: '', ticket: null}
      }
    },
    mounted() {
      this.load()
    }
  })
})()
