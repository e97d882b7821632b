// The order page and the claim page: clock, copy buttons, and the change from "waiting" to tickets
// or to money without a reload. The server renders every state; this only asks whether the state
// changed and takes the new part. An order with a payment hash is asked for by that; what waits for
// money to go back has a mark, and the page itself is asked whether it still has the same one.

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

const part = () => document.getElementById('watched')
const isWatched = () => Boolean(part().dataset.hash || part().dataset.mark)
// Nothing will change soon: ask seldom, and not for ever.
const isSlow = () => part().dataset.state === 'expired' || part().dataset.pace === 'slow'
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
  endsAt = Date.now() + Number(part().dataset.remaining) * 1000
  const warned = new Set(WARN_AT_S.filter(at => Number(part().dataset.remaining) <= at))
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
  const {event, hash, status} = part().dataset
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
  const fresh = page.getElementById('watched')
  if (!fresh) return
  const {state, mark} = part().dataset
  const isNew = fresh.dataset.state !== state
  if (!isNew && mark && fresh.dataset.mark === mark) return
  const focused = document.activeElement?.id
  stop()
  keepTyped(fresh)
  part().replaceWith(document.adoptNode(fresh))
  document.title = page.title
  tell(isNew, Boolean(mark))
  if (!isNew && focused) document.getElementById(focused)?.focus()
  part().dispatchEvent(new Event('part-replaced', {bubbles: true}))
  start()
}

// What somebody is typing while the state changes goes over to the new part.
function keepTyped(fresh) {
  for (const field of part().querySelectorAll('form [id]:is(input, textarea)')) {
    const next = fresh.querySelector(`#${CSS.escape(field.id)}`)
    if (next && field.value) next.value = field.value
  }
}

function tell(isNew, isMoney) {
  const heading = part().querySelector('h1')
  if (isNew) {
    heading.focus({preventScroll: true})
    window.scrollTo({top: 0})
    tries = 0
  }
  if (isNew || isMoney) say(isNew ? heading.textContent : 'Your refund has changed.')
}

async function ask() {
  if (isAsking || !isWatched()) return
  isAsking = true
  try {
    const {mark} = part().dataset
    if (mark || Date.now() >= endsAt || (await isChanged())) await takeNewState()
  } catch {
    // Offline: the next try, or the `online` event, asks again.
  } finally {
    isAsking = false
  }
}

function askLater() {
  const isLate = isSlow()
  if (isLate && tries >= LATE_TRIES) return
  const wait = isLate ? LATE_WAIT_MS : WAITS_MS[Math.min(tries, WAITS_MS.length - 1)]
  tries += 1
  timers.push(
    setTimeout(async () => {
      const before = part()
      // Nobody looks: the return to the page asks.
      if (!document.hidden || part().dataset.hash) await ask()
      if (part() !== before) return
      listen()
      askLater()
    }, wait)
  )
}

// Anybody can send to the socket, so a message means no more than "ask now".
function listen() {
  if (socket || !part().dataset.hash || part().dataset.state === 'expired') return
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:'
  try {
    socket = new WebSocket(
      `${scheme}//${location.host}/events/api/v1/tickets/ws/${part().dataset.hash}`
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
    document.getElementById(button.dataset.copy)?.value ?? location.origin + location.pathname
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
  for (const button of part().querySelectorAll('[data-copy]')) {
    button.hidden = false
    button.addEventListener('click', () => copy(button))
  }
  if (!part().dataset.hash) socket?.close()
  if (!isWatched()) return
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
