// The order page: clock, copy buttons, and the change from "waiting" to tickets without a reload.
// The server renders every state; this only asks whether the state changed and takes the new part.

const WAITS_MS = [3000, 5000, 10000]
const LATE_WAIT_MS = 15000
const LATE_TRIES = 40
const WARN_AT_S = [120, 30]

const live = document.getElementById('live')
let timers = []
let socket = null
let tries = 0
let isAsking = false
let endsAt = Infinity

const order = () => document.getElementById('order')
const say = text => {
  live.textContent = text
}

function words(seconds) {
  const rest = Math.max(0, seconds)
  return `${Math.floor(rest / 60)}:${String(rest % 60).padStart(2, '0')}`
}

function startClock() {
  const clock = document.getElementById('clock')
  endsAt = Infinity
  if (!clock) return
  // Counted from the server's figure, so a wrong clock in the phone does not matter.
  endsAt = Date.now() + Number(order().dataset.remaining) * 1000
  const warned = new Set(WARN_AT_S.filter(at => Number(order().dataset.remaining) <= at))
  const tick = () => {
    const left = Math.ceil((endsAt - Date.now()) / 1000)
    clock.textContent = words(left)
    for (const at of WARN_AT_S) {
      if (left <= at && left > 0 && !warned.has(at)) {
        warned.add(at)
        say(`${at === 120 ? 'Two minutes' : 'Thirty seconds'} left to pay.`)
      }
    }
    if (left <= 0) {
      clearInterval(timer)
      ask()
    }
  }
  const timer = setInterval(tick, 1000)
  timers.push(timer)
  tick()
}

async function isChanged() {
  const {event, hash, status} = order().dataset
  const answer = await fetch(`/events/api/v1/tickets/${event}/${hash}`, {
    method: 'POST',
    cache: 'no-store',
    headers: {
      'Content-Type': 'application/json',
      'X-Order-Secret': location.pathname.split('/').pop()
    },
    body: '{}'
  })
  if (!answer.ok) return false
  return (await answer.json()).status !== status
}

async function takeNewState() {
  const answer = await fetch(location.pathname, {cache: 'no-store', headers: {Accept: 'text/html'}})
  if (!answer.ok) return
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
  const fresh = page.getElementById('order')
  if (!fresh) return
  const isNew = fresh.dataset.state !== order().dataset.state
  if (!isNew && !order().dataset.hash) return
  stop()
  order().replaceWith(document.adoptNode(fresh))
  document.title = page.title
  if (isNew) {
    const heading = order().querySelector('h1')
    heading.focus({preventScroll: true})
    window.scrollTo({top: 0})
    say(heading.textContent)
    tries = 0
  }
  start()
}

async function ask() {
  if (isAsking || !order().dataset.hash) return
  isAsking = true
  try {
    if (Date.now() >= endsAt || (await isChanged())) await takeNewState()
  } catch {
    // Offline: the next try, or the `online` event, asks again.
  } finally {
    isAsking = false
  }
}

function askLater() {
  const isLate = order().dataset.state === 'expired'
  if (isLate && tries >= LATE_TRIES) return
  const wait = isLate ? LATE_WAIT_MS : WAITS_MS[Math.min(tries, WAITS_MS.length - 1)]
  tries += 1
  timers.push(
    setTimeout(async () => {
      const before = order()
      await ask()
      if (order() !== before) return
      listen()
      askLater()
    }, wait)
  )
}

// Anybody can send to the socket, so a message means no more than "ask now".
function listen() {
  if (socket || order().dataset.state === 'expired') return
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:'
  try {
    socket = new WebSocket(
      `${scheme}//${location.host}/events/api/v1/tickets/ws/${order().dataset.hash}`
    )
  } catch {
    return
  }
  socket.addEventListener('message', ask)
  socket.addEventListener('close', () => {
    socket = null
  })
}

async function copy(button) {
  const text =
    button.dataset.copy === 'invoice'
      ? document.getElementById('invoice').value
      : location.origin + location.pathname
  const label = button.querySelector('span')
  const before = label.textContent
  const isCopied = await copyText(text)
  label.textContent = isCopied ? 'Copied' : 'Please copy it by hand'
  say(label.textContent)
  setTimeout(() => {
    label.textContent = before
  }, 2500)
}

async function copyText(text) {
  // No clipboard on plain http except on localhost: there the old way still works.
  if (navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(text)
      return true
    } catch {
      // Refused: try the old way.
    }
  }
  const field = document.createElement('textarea')
  field.value = text
  document.body.append(field)
  field.select()
  const isCopied = document.execCommand('copy')
  field.remove()
  return isCopied
}

function stop() {
  for (const timer of timers) {
    clearInterval(timer)
    clearTimeout(timer)
  }
  timers = []
}

function start() {
  for (const button of order().querySelectorAll('[data-copy]')) {
    button.hidden = false
    button.addEventListener('click', () => copy(button))
  }
  if (!order().dataset.hash) {
    socket?.close()
    return
  }
  startClock()
  listen()
  askLater()
}

// Phones freeze the tab while the wallet app is open, so look again on every return.
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) ask()
})
window.addEventListener('pageshow', event => {
  if (event.persisted) ask()
})
window.addEventListener('online', ask)
start()
