// Forms that may be sent once: the service does the work of a double click only once anyway; this
// saves it the second one, and tells people that something happens.

for (const form of document.querySelectorAll('form[data-once]')) prepare(form)
// The page's watched part may be replaced, and its form with it (order.js).
document.addEventListener('part-replaced', event => {
  for (const form of event.target.querySelectorAll('form[data-once]')) prepare(form)
})

function prepare(form) {
  const submit = form.querySelector('[type=submit]')
  const label = submit.querySelector('span')
  const words = label.textContent
  let isSending = false
  form.addEventListener('submit', event => {
    if (isSending) {
      event.preventDefault()
      return
    }
    isSending = true
    submit.setAttribute('aria-disabled', 'true')
    label.textContent = 'One moment…'
  })
  // Brought back by the Back button, it may be sent again.
  window.addEventListener('pageshow', event => {
    if (!event.persisted) return
    isSending = false
    submit.removeAttribute('aria-disabled')
    label.textContent = words
  })
}

document.getElementById('errors')?.focus()
