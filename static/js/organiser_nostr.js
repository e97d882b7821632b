// One event on Nostr: its address there, and what each relay has of it.
;(() => {
  const {request, sentence, count, moment} = window.eventsPage
  const BUSY_WAIT_MS = 3000
  const CALM_WAIT_MS = 15000

  const STATES = {
    acknowledged: {word: 'Up to date', tone: 'good', icon: 'check_circle'},
    pending: {word: 'Being sent', tone: 'calm', icon: 'schedule'},
    refused: {word: 'Refused', tone: 'bad', icon: 'block'},
    failing: {word: 'Not reached', tone: 'warn', icon: 'warning'}
  }

  // Why nothing newer can be signed.
  const PROBLEMS = {
    offline: 'Your remote signer does not answer. What is published does not change until it does.',
    denied: 'Your remote signer said no. Allow it to sign for this server, then publish again.',
    broken: 'The key cannot be used. Look at it under “Key and relays”.',
    clock: 'The clock of this server is wrong, or was: nothing newer can be signed until it is past the last version.',
    no_relays: 'No relay is chosen, so it goes nowhere.',
    no_date: 'The event has no date that a calendar could show.',
    deletion_first: 'What was published before is being deleted first.'
  }
  const WRONG_CLOCK =
    'A relay says that the event is of a wrong time. Please have the clock of this server checked.'
  const UNKNOWN = 'The event cannot be signed at present. It is tried again.'

  // Why what is under an earlier key is still there.
  const OLD_KEY = {
    offline: 'The signer it was published with does not answer. Until it does, apps may go on showing what stood there.',
    denied: 'The signer it was published with said no. Allow it to sign kind 5, so that apps stop showing what stood there.',
    broken: 'The key it was published with cannot be used any more. Apps may go on showing what stood there.'
  }
  const UNKNOWN_OLD = 'It cannot be signed at present. It is tried again.'

  // Nostr counts in seconds.
  const ofSeconds = at => (at ? moment(new Date(at * 1000).toISOString()) : '')

  window.app.component('events-nostr', {
    template: '#events-nostr',
    props: {event: {type: Object, required: true}, wallet: {type: Object, required: true}},
    emits: ['changed', 'settings'],
    data() {
      return {
        listing: null,
        problem: '',
        said: '',
        isFormOpen: false,
        isSending: false,
        timer: 0
      }
    },
    computed: {
      path() {
        return `/events/${encodeURIComponent(this.event.id)}/nostr`
      },
      // Why nothing of it is on a relay.
      why() {
        const {published, relays, naddr} = this.listing
        if (!published) return 'This event is not published on Nostr.'
        if (this.event.status === 'draft') return 'A draft is not published. Publish the event first.'
        if (!relays.length) return 'No relay is chosen, so it goes nowhere yet.'
        return naddr ? '' : 'It is being signed. This takes a moment.'
      },
      trouble() {
        const {problem, relays} = this.listing
        if (problem) return PROBLEMS[problem] ?? UNKNOWN
        return relays.some(({refusal}) => refusal === 'clock') ? WRONG_CLOCK : ''
      },
      // What was published under another key is deleted by that key alone.
      leaving() {
        const waiting = this.listing.deletions_pending
        if (!waiting.length) return ''
        const what =
          waiting.length === 1
            ? 'An older address of this event waits'
            : `${waiting.length} older addresses of this event wait`
        const [{problem}] = waiting
        const why = problem ? (OLD_KEY[problem] ?? UNKNOWN_OLD) : 'This takes a moment.'
        return `${what} to be deleted. ${why}`
      },
      version() {
        const {signed_revision: signed, revision, created_at: at} = this.listing
        if (!at) return ''
        const next = revision > signed ? ' A newer one is about to follow.' : ''
        return `Its newest version is of ${ofSeconds(at)}.${next}`
      },
      isBusy() {
        const {relays, revision, signed_revision: signed, published} = this.listing ?? {}
        if (!published || !relays.length) return false
        return revision > signed || relays.some(({state}) => state === 'pending')
      },
      told() {
        const {relays} = this.listing
        const done = relays.filter(({state}) => state === 'acknowledged').length
        return `${done} of ${count(relays.length, 'relay has', 'relays have')} the newest version.`
      }
    },
    methods: {
      linkName: ({name}) => ({nostr: 'For Nostr apps', 'njump.me': 'On the web, at njump.me'})[name] ?? name,
      state: ({state}) => STATES[state] ?? {word: state, tone: 'calm', icon: 'help'},
      story(relay) {
        const {acked_created_at: acked, next_try_at: next, attempts, state} = relay
        const parts = []
        if (state !== 'acknowledged') {
          parts.push(acked ? `It has the version of ${ofSeconds(acked)}.` : 'It has no version yet.')
        }
        if (state !== 'acknowledged' && attempts) {
          parts.push(`${count(attempts, 'attempt', 'attempts')} so far.`)
        }
        if (state === 'refused') parts.push('Tried again when the event changes.')
        else if (state !== 'acknowledged' && next) parts.push(`Next try ${moment(next)}.`)
        return parts.join(' ')
      },
      async load() {
        try {
          this.listing = (await request('GET', this.path, this.wallet)).data
          this.problem = ''
        } catch (error) {
          this.problem = sentence(error, 'The state on Nostr could not be loaded.')
        }
      },
      async keepLoading() {
        clearTimeout(this.timer)
        if (!document.hidden) await this.load()
        if (this.isGone) return
        const wait = this.isBusy ? BUSY_WAIT_MS : CALM_WAIT_MS
        this.timer = setTimeout(() => this.keepLoading(), wait)
      },
      async republish() {
        if (this.isSending) return
        this.isSending = true
        this.said = ''
        try {
          await request('POST', `${this.path}/republish`, this.wallet)
          this.said = 'Every relay is asked again what it has, and gets what it lacks.'
          await this.keepLoading()
        } catch (error) {
          this.problem = sentence(error, 'That did not work. Please try again.')
        } finally {
          this.isSending = false
        }
      },
      async saved(event) {
        this.said = event.nostr_publish
          ? 'Saved. The event is published on Nostr.'
          : 'Saved. The event is not published on Nostr.'
        this.$emit('changed', event)
        await this.closeForm()
        await this.keepLoading()
      },
      async closeForm() {
        this.isFormOpen = false
        await this.$nextTick()
        this.$refs.edit?.$el.focus()
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
