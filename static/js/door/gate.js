// Joining: where the token comes from, and the panel that asks for it or says why it is refused.

import {el, setText} from './dom.js'
import {keepToken, recallToken} from './prefs.js'
import {state, watch} from './state.js'
import {BARRED, join} from './texts.js'

const TOKEN = /^[A-Za-z0-9_-]{20,200}$/
const LINK = /\/events\/door\/([^/?#\s]+)\/?#(\S+)$/

/** The event a door page is for stands in its address. */
export const eventIdHere = () =>
  decodeURIComponent(location.pathname.replace(/\/$/, '').split('/').pop())

/** The token of the address, else the one kept earlier. It leaves the address bar at once. */
export function takeToken(eventId) {
  const given = location.hash.slice(1)
  if (given) history.replaceState(null, '', location.pathname)
  if (!TOKEN.test(given)) return recallToken(eventId)
  keepToken(eventId, given)
  return given
}

function readLink(text, eventId) {
  const link = LINK.exec(text)
  const token = link ? link[2] : text
  if (!TOKEN.test(token)) return {problem: join.bad}
  return link && decodeURIComponent(link[1]) !== eventId ? {problem: join.otherEvent} : {token}
}

function show() {
  const isBlocked = state.link === 'blocked'
  const isOpen = isBlocked || state.link === 'join'
  el('gate').hidden = !isOpen
  el('work').hidden = isOpen
  if (!isOpen) return
  setText(el('gate-title'), isBlocked ? join.barredTitle : join.title)
  const why = BARRED[state.barred] ?? BARRED.forbidden
  setText(el('gate-text'), isBlocked ? `${why} ${join.barredText}` : join.text)
  el('gate-kept').hidden = !state.pending
  setText(el('gate-kept'), join.kept(state.pending))
}

export function startGate(eventId) {
  el('gate-form').addEventListener('submit', event => {
    event.preventDefault()
    const {token, problem} = readLink(el('gate-link').value.trim(), eventId)
    setText(el('gate-error'), problem ?? '')
    if (!token) return
    keepToken(eventId, token)
    location.reload()
  })
  // A new link was opened in the tab that has this page.
  window.addEventListener('hashchange', () => {
    if (TOKEN.test(location.hash.slice(1))) location.reload()
  })
  watch(show)
}
