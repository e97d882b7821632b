// The Nostr settings of a wallet: the relays, and the key that signs for the organiser.
;(() => {
  const {request, sentence} = window.eventsPage
  const MOST_RELAYS = 5

  const MODES = {
    generated: 'Made for you by this server',
    nsec: 'Your own key, kept by this server',
    bunker: 'Your own key, kept by a signer of yours'
  }

  window.app.component('events-nostr-settings', {
    template: '#events-nostr-settings',
    props: {wallets: {type: Array, required: true}, chosen: {type: String, required: true}},
    emits: ['close', 'saved'],
    data() {
      return {
        walletId: this.chosen,
        settings: null,
        relays: [],
        relay: '',
        relayProblem: '',
        name: '',
        hasCalendar: false,
        mode: '',
        nsec: '',
        uri: '',
        keyProblem: '',
        problem: '',
        said: '',
        isSending: false
      }
    },
    computed: {
      wallet() {
        return this.wallets.find(({id}) => id === this.walletId) ?? this.wallets[0]
      },
      walletOptions() {
        return this.wallets.map(({id, name}) => ({value: id, label: name}))
      },
      isFull() {
        return this.relays.length >= MOST_RELAYS
      },
      npub() {
        return this.settings.key?.npub ?? this.settings.npub ?? ''
      },
      keyWords() {
        const {key} = this.settings
        return key ? `${MODES[key.mode] ?? key.mode}.` : 'None yet. It is made with the first event that is published on Nostr.'
      },
      modes() {
        const isMade = this.settings.key?.mode === 'generated'
        const kept = this.settings.key ? 'Keep this key' : 'Have one made for me'
        const made = isMade || !this.settings.key ? [] : [{value: 'generated', label: 'Have a new one made for me'}]
        return [
          {value: '', label: kept},
          ...made,
          {value: 'nsec', label: 'Use my own key (nsec)'},
          {value: 'bunker', label: 'Use my remote signer (bunker)'}
        ]
      }
    },
    watch: {walletId: 'load'},
    methods: {
      show(settings) {
        this.settings = settings
        this.relays = settings.uses_default_relays ? [] : [...settings.relays]
        this.name = settings.profile_name ?? ''
        this.hasCalendar = settings.has_calendar
        this.forgetSecrets()
      },
      // A secret leaves the page as soon as it was sent.
      forgetSecrets() {
        this.mode = ''
        this.nsec = ''
        this.uri = ''
        this.keyProblem = ''
      },
      async load() {
        const asked = this.walletId
        this.said = ''
        try {
          const {data} = await request('GET', '/nostr/settings', this.wallet)
          if (asked !== this.walletId) return
          this.show(data)
          this.problem = ''
        } catch (error) {
          this.settings = null
          this.problem = sentence(error, 'The Nostr settings could not be loaded.')
        }
      },
      // True when nothing is left in the field.
      addRelay() {
        const typed = this.relay.trim()
        this.relayProblem = ''
        if (!typed) return true
        const url = typed.includes('://') ? typed : `wss://${typed}`
        if (!/^wss?:\/\/[^\s/]+/i.test(url)) this.relayProblem = 'Like wss://relay.example.com'
        else if (this.isFull && !this.relays.includes(url)) {
          this.relayProblem = `At most ${MOST_RELAYS} relays: remove one first.`
        } else {
          if (!this.relays.includes(url)) this.relays.push(url)
          this.relay = ''
        }
        return !this.relayProblem
      },
      async remove(url) {
        this.relays = this.relays.filter(each => each !== url)
        await this.$nextTick()
        this.$refs.relay.focus()
      },
      // The key to be sent, or null to leave it; undefined when it cannot be sent.
      newKey() {
        this.keyProblem = ''
        const {mode} = this
        if (!mode) return null
        if (mode === 'generated') return {mode}
        const field = mode === 'nsec' ? 'nsec' : 'uri'
        const text = this[field].trim()
        if (text) return {mode, [field]: text}
        this.keyProblem = mode === 'nsec' ? 'Paste the key, nsec1…' : 'Paste the address, bunker://…'
        return undefined
      },
      async save() {
        const key = this.newKey()
        if (!this.addRelay() || key === undefined || this.isSending) return
        this.isSending = true
        this.problem = ''
        this.said = ''
        try {
          const {data} = await request('PUT', '/nostr/settings', this.wallet, {
            relays: this.relays,
            profile_name: this.name.trim(),
            has_calendar: this.hasCalendar,
            version: this.settings.version,
            ...(key ? {key} : {})
          })
          this.show(data)
          this.said = key ? 'Saved. What is published is signed with this key from now on.' : 'Saved.'
          this.$emit('saved')
        } catch (error) {
          this.problem = sentence(error, 'The settings could not be stored. Please try again.')
        } finally {
          this.isSending = false
        }
      }
    },
    async mounted() {
      this.$refs.title.focus()
      await this.load()
    }
  })
})()
