// The event page: plus and minus buttons, a running total, one order per click. The form works
// without any of it.

const form = document.getElementById('buy')
const quantity = document.getElementById('quantity')
const total = document.getElementById('total')
const guests = document.getElementById('guests')
const submit = form.querySelector('[type=submit]')
// What the button says when no second step is in between.
const lastWords = submit.dataset.last

function chosen() {
  const packages = [...form.querySelectorAll('[data-package]')]
  return packages.find(each => each.querySelector('input:checked')) ?? packages[0]
}

function wanted() {
  const count = Number(quantity.value)
  return Number.isInteger(count) && count > 0 ? count : 0
}

function money(price, currency, count) {
  const digits = (price.split('.')[1] ?? '').length
  const sum = (Number(price) * count).toLocaleString('en', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits
  })
  return `${sum} ${currency}`
}

function showTotal() {
  const {priceSat, price, currency, max, min} = chosen().dataset
  quantity.max = max
  quantity.min = min
  const hint = document.getElementById('quantity-hint')
  if (hint) hint.textContent = `Up to ${max} in one order`
  const count = wanted()
  showNext(count)
  total.replaceChildren()
  if (!count || Number(price) === 0) {
    total.hidden = true
    return
  }
  const sum = document.createElement('b')
  sum.textContent = money(price, currency, count)
  total.append('Total ', sum)
  if (currency !== 'sat' && priceSat) {
    total.append(`about ${money(priceSat, 'sat', count)}`)
  }
  total.hidden = false
}

// Guests can be named where there are several; where questions are asked, names are anyway.
function showNext(count) {
  const asks = 'asks' in chosen().dataset
  if (guests) document.getElementById('guests-row').hidden = count < 2 || asks
  const hasSteps = asks || (count > 1 && Boolean(guests?.checked))
  submit.querySelector('span').textContent = hasSteps ? 'Continue' : lastWords
  submit.querySelector('svg')?.toggleAttribute('hidden', hasSteps)
}

function step(by) {
  const next = wanted() + by
  const {max, min} = chosen().dataset
  quantity.value = Math.min(Number(max), Math.max(Number(min), next))
  showTotal()
}

for (const button of form.querySelectorAll('[data-step]')) {
  button.hidden = false
  button.addEventListener('click', () => step(Number(button.dataset.step)))
}
quantity.parentElement.classList.add('is-enhanced')
form.addEventListener('input', showTotal)
form.addEventListener('change', showTotal)
showTotal()

// The server makes one order of a double click anyway (the key in the form); this only saves it
// the work, and tells the buyer that something happens.
let isSending = false
form.addEventListener('submit', event => {
  if (isSending) {
    event.preventDefault()
    return
  }
  isSending = true
  submit.setAttribute('aria-disabled', 'true')
  submit.querySelector('span').textContent = 'One moment…'
})

// A page brought back by the Back button holds a used key and old stock.
window.addEventListener('pageshow', event => {
  if (event.persisted) location.reload()
})

document.getElementById('errors')?.focus()
