// An event's money: what was received, kept and paid back, the queue of refunds, and cancelling.
;(() => {
  const {request, sentence, number, count, sat, moment} = window.eventsPage
  const PAGE = 50
  const BUSY_WAIT_MS = 2000
  const CALM_WAIT_MS = 15000

  const REASONS = {
    no_seat_left: 'Paid when no seat was left',
    event_cancelled: 'Event cancelled',
    tickets_missing: 'Paid after its tickets were deleted',
    order_cancelled: 'Paid after the order was cancelled',
    paid_twice: 'Paid twice',
    buyer_cancelled: 'Cancelled by the buyer',
    organiser_cancelled: 'Cancelled by you',
    minimum_not_reached: 'Too few tickets sold'
  }

  const isByHand = ({method}) => method !== 'lightning'

  function state(refund) {
    const {status, destination, paid_at: at, attempts} = refund
    if (status === 'paid') {
      const when = at ? ` on ${moment(at)}` : ''
      return `Paid back${when}${refund.paid_by === 'hand' ? ', by hand' : ''}`
    }
    if (status === 'paying') return 'Being paid now'
    if (isByHand(refund)) return 'Due: pay it by hand, then mark it as paid'
    if (status === 'failed') return `Given up after ${count(attempts, 'attempt', 'attempts')}`
    if (status === 'due' && destination) return `Due, goes to ${destination}`
    return 'Waits for the buyer to claim it'
  }

  window.app.component('events-money', {
    template: '#events-money',
    props: {event: {type: Object, required: true}, wallet: {type: Object, required: true}},
    data() {
      return {
        ledger: null,
        refunds: [],
        total: 0,
        most: PAGE,
        problem: '',
        said: '',
        edit: {id: '', kind: '', text: '', problem: ''},
        busy: '',
        timer: 0
      }
    },
    computed: {
      isCancelled() {
        return this.event.status === 'cancelled'
      },
      // Orders of a cancelled event: those on the books and those still to come.
      orders() {
        const {booked, to_book: left} = this.ledger.orders
        return {booked, all: booked + left}
      },
      progress() {
        if (!this.isCancelled || !this.ledger) return ''
        const {booked, all} = this.orders
        if (!all) return 'Nobody has to get money back.'
        const paid = `${number(this.ledger.refunds.paid)} paid`
        const word = booked < all ? 'Refunding' : 'Refunds'
        return `${word}: ${number(booked)} of ${count(all, 'order', 'orders')} booked, ${paid}`
      },
      share() {
        const {booked, all} = this.orders
        const {paid} = this.ledger.refunds
        return all ? Math.min(1, (booked + Math.min(paid, all)) / (2 * all)) : 1
      },
      sums() {
        const {received_sat: received, kept_sat: kept} = this.ledger
        const {refunded_sat: refunded, due_sat: due} = this.ledger
        return [
          {word: 'Received', text: sat(received)},
          {word: 'Kept', text: sat(kept)},
          {word: 'Paid back', text: sat(refunded)},
          {word: 'Still owed', text: sat(due)}
        ]
      },
      balance() {
        const {balanced, difference_sat: by} = this.ledger
        return balanced ? 'Balanced' : `Not balanced: ${sat(by)}`
      },
      isBusy() {
        if (!this.ledger) return false
        const {to_book: left} = this.ledger.orders
        const isMoving = refund =>
          refund.status === 'paying' ||
          (refund.status === 'due' && refund.destination && !refund.error && !isByHand(refund))
        return left > 0 || this.refunds.some(isMoving)
      }
    },
    methods: {
      state,
      sat,
      moment,
      isByHand,
      why: ({reason}) => REASONS[reason] ?? reason,
      isOpen: ({status}) => ['due', 'offered', 'failed'].includes(status),
      canRetry(refund) {
        return this.isOpen(refund) && Boolean(refund.destination) && !isByHand(refund)
      },
      async load() {
        try {
          const path = `/events/${encodeURIComponent(this.event.id)}`
          const [ledger, refunds] = await Promise.all([
            request('GET', `${path}/ledger`, this.wallet),
            request('GET', `${path}/refunds?limit=${this.most}`, this.wallet)
          ])
          this.ledger = ledger.data
          this.refunds = refunds.data.data
          this.total = refunds.data.total
          this.problem = ''
        } catch (error) {
          this.problem = sentence(error, 'The refunds could not be loaded.')
        }
      },
      async keepLoading() {
        clearTimeout(this.timer)
        await this.load()
        if (this.isGone) return
        const wait = this.isBusy ? BUSY_WAIT_MS : CALM_WAIT_MS
        this.timer = setTimeout(() => this.keepLoading(), wait)
      },
      more() {
        this.most += PAGE
        this.keepLoading()
      },
      async open(refund, kind) {
        this.edit = {id: refund.id, kind, text: '', problem: ''}
        this.said = ''
        await this.$nextTick()
        this.$refs.edit?.[0]?.focus()
      },
      close() {
        this.edit = {id: '', kind: '', text: '', problem: ''}
      },
      retry(refund) {
        return this.pay(refund, {}, 'The payment was tried again')
      },
      send(refund) {
        const text = this.edit.text.trim()
        if (this.edit.kind === 'hand') {
          return this.pay(refund, {by_hand: true, note: text}, 'Marked as paid by hand')
        }
        if (!text) {
          this.edit.problem = 'A lightning address, an LNURL or an invoice.'
          return null
        }
        return this.pay(refund, {destination: text}, 'The payment was sent off')
      },
      async pay(refund, body, words) {
        if (this.busy) return
        this.busy = refund.id
        this.edit.problem = ''
        this.said = ''
        try {
          const path = `/refunds/${encodeURIComponent(refund.id)}/pay`
          const {data: after} = await request('POST', path, this.wallet, body)
          this.close()
          this.said = `${words}: ${state({...refund, ...after})}.`
        } catch (error) {
          const words = sentence(error, 'That did not work. Please try again.')
          if (this.edit.id === refund.id) this.edit.problem = words
          else this.problem = words
        } finally {
          this.busy = ''
        }
        const {problem} = this
        await this.keepLoading()
        if (problem) this.problem = problem
      },
      async copyClaim(refund) {
        const {pathname} = new URL(refund.claim_url, location.origin)
        const link = location.origin + pathname
        try {
          await Quasar.copyToClipboard(link)
          this.said = 'The claim link is copied. Give it only to the buyer: it is like cash.'
        } catch {
          this.said = `Copying was refused. The link is ${link}`
        }
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

  window.app.component('events-cancel', {
    template: '#events-cancel',
    props: {event: {type: Object, required: true}, wallet: {type: Object, required: true}},
    emits: ['done', 'close'],
    data() {
      return {isOpen: true, ledger: null, problem: '', isSending: false}
    },
    computed: {
      what() {
        if (!this.ledger) return 'All that was paid goes back to the buyers.'
        const {confirmed} = this.ledger.orders
        const {kept_sat: kept} = this.ledger
        if (!confirmed) return 'Nothing was sold yet, so no money goes back.'
        const orders = count(confirmed, 'order', 'orders')
        if (!kept) return `${orders} of free tickets will be cancelled.`
        return `${orders} will be cancelled, and up to ${sat(kept)} go back to the buyers.`
      },
      funds() {
        const {sat: held} = this.wallet
        if (!this.ledger?.kept_sat || typeof held !== 'number') return ''
        const short = held < this.ledger.kept_sat
        const has = `The wallet “${this.wallet.name}” pays this; it holds ${sat(held)}.`
        return short ? `${has} What it cannot pay waits until there is more in it.` : has
      }
    },
    methods: {
      async cancel() {
        if (this.isSending) return
        this.isSending = true
        this.problem = ''
        try {
          await request('PUT', `/events/${encodeURIComponent(this.event.id)}/cancel`, this.wallet)
          this.isOpen = false
          this.$emit('done', this.event)
        } catch (error) {
          this.problem = sentence(error, 'The event could not be cancelled. Please try again.')
        } finally {
          this.isSending = false
        }
      }
    },
    async mounted() {
      try {
        const path = `/events/${encodeURIComponent(this.event.id)}/ledger`
        this.ledger = (await request('GET', path, this.wallet)).data
      } catch {
        // The dialog says it without figures then.
      }
    }
  })
})()
