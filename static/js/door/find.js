// Guests without a code at hand: search by name, e-mail or number.

import {Refused, Unreachable} from './api.js'
import {RESULTS, ui} from './texts.js'
import {el, make, setText} from './dom.js'
import {enter} from './flow.js'
import {door, state, watch} from './state.js'
import {clockTime} from './times.js'

const STATUS_OUTCOME = {
  used: 'already_used',
  reserved: 'unpaid',
  cancelled: 'cancelled',
  refunded: 'refunded'
}

function stateOf(guest) {
  if (guest.status === 'used' && guest.first_check_in_at) {
    return `${RESULTS.already_used.word}, ${clockTime(guest.first_check_in_at)}`
  }
  return RESULTS[STATUS_OUTCOME[guest.status]]?.word ?? ''
}

function row(guest) {
  const name = guest.name || ui.nameless
  const about = [
    guest.package,
    guest.number && `No. ${guest.number}`,
    guest.order > 1 && ui.order(guest.order),
    stateOf(guest)
  ]
  const button = make('button', {type: 'button', 'aria-label': ui.scanGuest(name)}, ui.scanIt)
  button.addEventListener('click', () => enter(guest.id))
  const words = make('div', {}, name, make('small', {}, about.filter(Boolean).join(' · ')))
  return make('li', {}, words, button)
}

function say(shown, total, text) {
  if (!total) return ui.noResults(text)
  return total > shown ? ui.moreFound(shown, total) : ui.found(total)
}

async function find(text) {
  if (!text) return
  const list = el('found')
  try {
    const {data, total} = await door.api.search(text)
    list.replaceChildren(...data.map(row))
    setText(el('find-says'), say(data.length, total, text))
  } catch (error) {
    if (!(error instanceof Refused || error instanceof Unreachable)) throw error
    list.replaceChildren()
    setText(el('find-says'), error instanceof Refused ? error.message : ui.findOffline)
  }
}

export function startFind() {
  el('find-form').addEventListener('submit', event => {
    event.preventDefault()
    find(el('find').value.trim())
  })
  el('find').addEventListener('input', () => {
    if (el('find').value) return
    el('found').replaceChildren()
    setText(el('find-says'), '')
  })
  watch(() => {
    el('find-form').hidden = !state.scanner?.sees_names
  })
}
