// The verdict over the whole screen. A good one goes by itself, any other waits for a touch, so
// that nobody walks past a refusal.

import {el, icon, make, setText} from './dom.js'
import {play} from './sound.js'
import {ui} from './texts.js'

const GOOD_MS = 1200
// A touch meant for what was there before must not take a refusal away unseen.
const TOUCH_GUARD_MS = 400

let timer = null
let shownAt = 0
let onClose = null
let onRetry = null
let focusBefore = null

const panel = () => el('result')

/** Whether a verdict is up: `passing`, `waiting`, or null. */
export const screenState = () =>
  panel().hidden ? null : panel().classList.contains('passing') ? 'passing' : 'waiting'

export function close() {
  clearTimeout(timer)
  if (panel().hidden) return
  panel().hidden = true
  el('page').inert = false
  focusBefore?.focus({preventScroll: true})
  focusBefore = null
  onClose?.()
}

function fill(told) {
  const {dataset} = panel()
  dataset.outcome = told.kind
  dataset.tone = told.tone
  panel().querySelector('.result-icon').replaceChildren(icon(told.icon))
  setText(el('result-word'), told.word)
  const longest = Math.max(...told.word.split(' ').map(part => part.length))
  el('result-word').classList.toggle('long', longest > 7)
  setText(el('result-name'), told.name)
  setText(el('result-ticket'), told.ticket)
  el('result-lines').replaceChildren(...told.lines.map(line => make('p', {}, line)))
  setText(el('result-offline'), ui.checkedOffline)
  el('result-offline').hidden = !told.isOffline
  setText(el('result-next'), onRetry ? ui.tryAgain : ui.next)
}

function announce(told) {
  const parts = [told.word, told.name, told.ticket, ...told.lines]
  if (told.isOffline) parts.push(ui.checkedOffline)
  // Emptied first: the same verdict twice in a row must be read out twice.
  el('announce').textContent = ''
  requestAnimationFrame(() => {
    el('announce').textContent = parts.filter(Boolean).join('. ').replaceAll('..', '.')
  })
}

/**
 * Shows what `describe` made, in place of what was up. `done` is called when it goes, and `retry`
 * when somebody asks for it, which only a verdict without an answer offers.
 */
export function show(told, done, retry) {
  close()
  onClose = done
  onRetry = told.kind === 'no_connection' ? retry : null
  fill(told)
  const isPassing = told.tone === 'good'
  panel().classList.toggle('passing', isPassing)
  panel().hidden = false
  shownAt = performance.now()
  play(told.tone)
  announce(told)
  if (isPassing) {
    timer = setTimeout(close, GOOD_MS)
    return
  }
  focusBefore = document.activeElement
  el('page').inert = true
  el('result-next').focus({preventScroll: true})
}

export function startScreen() {
  el('result-next').addEventListener('click', event => {
    event.stopPropagation()
    close()
    onRetry?.()
  })
  panel().addEventListener('click', () => {
    if (performance.now() - shownAt > TOUCH_GUARD_MS) close()
  })
  window.addEventListener('keydown', event => {
    if (event.key === 'Escape') close()
  })
}
