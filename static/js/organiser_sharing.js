// What several parts of the page use: fields about messages and Nostr, and a text to copy.
;(() => {
  const {request, sentence} = window.eventsPage

  // Placeholders of the organiser's own words, as the server knows them.
  const PLACEHOLDERS = [
    ['{name}', 'whom it is for'],
    ['{event}', 'the event'],
    ['{tickets}', 'how many tickets'],
    ['{when}', 'day and time'],
    ['{where}', 'the place'],
    ['{link}', 'the page with the tickets'],
    ['{order}', 'the number of the order']
  ].map(([word, meaning]) => ({word, meaning}))

  const OF_NOSTR = ['nostr_publish', 'nostr_hide_counts']
  const OF_MESSAGES = ['send_messages', 'send_reminder']
  const OF_EXTRA = ['email_notifications', 'notification_subject', 'notification_body']

  const taken = (from, names) => Object.fromEntries(names.map(name => [name, from[name]]))

  // As the API takes them.
  function body(data, part) {
    if (part === 'nostr') return taken(data, OF_NOSTR)
    return {...taken(data, OF_MESSAGES), extra: taken(data, OF_EXTRA)}
  }

  window.eventsPage.sharing = {
    defaults: () => ({
      nostr_publish: false,
      nostr_hide_counts: false,
      send_messages: true,
      send_reminder: false,
      email_notifications: false,
      notification_subject: '',
      notification_body: ''
    }),
    of: event => ({
      ...taken(event, [...OF_NOSTR, ...OF_MESSAGES]),
      ...taken(event.extra ?? {}, OF_EXTRA)
    }),
    body: data => ({...body(data, 'nostr'), ...body(data, 'messages')})
  }

  // It writes into `data`, the draft of whoever shows it.
  window.app.component('events-sharing', {
    template: '#events-sharing',
    props: {data: {type: Object, required: true}, part: {type: String, required: true}},
    data() {
      const {notification_subject: subject, notification_body: text} = this.data
      return {hasWords: Boolean(subject || text), placeholders: PLACEHOLDERS}
    },
    methods: {
      // Without own words, ours are sent.
      forget(hasWords) {
        if (hasWords) return
        this.data.notification_subject = ''
        this.data.notification_body = ''
      }
    }
  })

  // The same fields for an event that is there already.
  window.app.component('events-sharing-form', {
    template: '#events-sharing-form',
    props: {
      event: {type: Object, required: true},
      wallet: {type: Object, required: true},
      part: {type: String, required: true}
    },
    emits: ['saved', 'close'],
    data() {
      return {data: window.eventsPage.sharing.of(this.event), problem: '', isSending: false}
    },
    methods: {
      async save() {
        if (this.isSending) return
        this.isSending = true
        this.problem = ''
        try {
          const path = `/events/${encodeURIComponent(this.event.id)}`
          const change = body(this.data, this.part)
          const {data: event} = await request('PUT', path, this.wallet, change)
          this.$emit('saved', event)
        } catch (error) {
          this.problem = sentence(error, 'That could not be stored. Please try again.')
        } finally {
          this.isSending = false
        }
      }
    },
    mounted() {
      this.$refs.form.$el.focus()
    }
  })

  window.app.component('events-copy', {
    template: '#events-copy',
    props: {label: {type: String, required: true}, text: {type: String, required: true}},
    data() {
      return {said: ''}
    },
    methods: {
      async copy() {
        this.said = ''
        try {
          await Quasar.copyToClipboard(this.text)
          this.said = 'Copied.'
        } catch {
          this.said = 'Copying was refused. Mark the text above and copy it.'
        }
      }
    }
  })
})()
