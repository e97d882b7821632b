// What the parts of the organiser's page share: asking the API, and how things are written.
window.eventsPage = (() => {
  const API = '/events/api/v1'
  const NUMBER = new Intl.NumberFormat('en')
  const MOMENT = new Intl.DateTimeFormat('en-GB', {dateStyle: 'medium', timeStyle: 'short'})

  function count(n, one, many) {
    return `${NUMBER.format(n)} ${n === 1 ? one : many}`
  }

  return {
    request: (method, path, wallet, data) =>
      LNbits.api.request(method, API + path, wallet.adminkey, data),
    // The refusal's own sentence, or another one where there is none.
    sentence(error, otherwise) {
      const detail = error.response?.data?.detail
      return typeof detail === 'string' ? detail : otherwise
    },
    // What became of sending somebody's tickets again, of 1.6.9's answer.
    told({email = {}, nostr = {}}, whose) {
      const both = [
        {...email, word: 'mail'},
        {...nostr, word: 'Nostr message'}
      ]
      const tried = both.filter(({attempted}) => attempted)
      const words = (tried.length ? tried : both).map(({word, sent, error}) => {
        if (sent) return `Sent by ${word}.`
        return tried.length ? `By ${word}: ${error}` : error
      })
      return {isSent: tried.length > 0, text: `${whose}: ${words.join(' ')}`}
    },
    number: n => NUMBER.format(n),
    count,
    sat: n => `${NUMBER.format(n)} sat`,
    // A moment of the API in the organiser's own time.
    moment: text => (text ? MOMENT.format(new Date(text)) : '')
  }
})()
