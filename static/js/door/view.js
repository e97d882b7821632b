// Everything around the verdict: who, link, banner, figures, last scan, conflicts.

import {el, icon, make, setText} from './dom.js'
import {canHash} from './offline.js'
import {door, state, update, watch} from './state.js'
import {MODE_LOUD, RESULTS, conflict, detail, ui} from './texts.js'
import {clockTime} from './times.js'

const LINK_WORDS = {starting: ui.starting, online: ui.online, offline: ui.offline}

const synced = () => (state.syncedAt ? ui.lastSync(clockTime(state.syncedAt)) : ui.neverSynced)
const waiting = () => (state.pending ? ui.waiting(state.pending) : '')

function bannerOf() {
  if (state.uploadProblem) return ['bad', ui.waiting(state.pending), state.uploadProblem]
  if (state.link !== 'offline') return null
  if (state.isSending) return ['calm', ui.sendingTitle, ui.sendingText(state.pending)]
  if (state.scanner && !state.scanner.may_work_offline) {
    return ['bad', ui.noConnectionTitle, ui.mayNot, synced()]
  }
  if (!state.isListReady) return ['bad', ui.noConnectionTitle, ui.noList]
  return ['loud', ui.offlineTitle, ui.offlineText, waiting(), synced()]
}

function offlineHint() {
  if (!state.scanner?.may_work_offline) return ''
  if (!canHash()) return ui.noHash
  if (!door.store) return ui.noStore
  if (state.isPageKept === false) return ui.notKept
  return state.isListReady && state.isPageKept ? '' : ui.notReady
}

function hintOf() {
  if (state.link === 'join' || state.link === 'blocked') return ''
  // The button that starts the camera is a touch as well.
  return offlineHint() || (state.isCameraOn && state.isSoundLocked ? ui.soundLocked : '')
}

function showHead() {
  const {link, event, scanner, pending, mode} = state
  const list = state.isListReady ? 'ready' : 'none'
  Object.assign(document.body.dataset, {link, pending, mode, list})
  setText(el('event'), event?.name ?? 'Door')
  setText(el('device'), scanner?.name ?? '')
  const isLost = link === 'offline' && !scanner?.may_work_offline
  el('link').hidden = link === 'join' || link === 'blocked'
  setText(el('link-word'), isLost ? ui.noConnection : (LINK_WORDS[link] ?? ''))
  setText(el('facts'), ui.version(door.version))
  document.title = event ? `Door · ${event.name}` : 'Door'
}

function showBanner() {
  const [tone, title, ...texts] = bannerOf() ?? []
  el('banner').hidden = !tone
  el('banner').dataset.tone = tone ?? ''
  setText(el('banner-title'), title ?? '')
  setText(el('banner-text'), texts.filter(Boolean).join(' '))
  setText(el('hint'), hintOf())
  el('hint').hidden = !hintOf()
  const loud = MODE_LOUD[state.mode]
  el('mode-loud').hidden = !loud
  setText(el('mode-loud'), loud ?? '')
}

function showFigures() {
  const {stats} = state
  const word = figure => (stats ? figure.toLocaleString('en') : '–')
  setText(el('count-in'), word(stats?.admitted))
  setText(el('count-sold'), ` / ${word(stats?.sold)} ${ui.in}`)
  setText(el('count-inside'), word(stats?.inside))
  setText(el('count-minute'), word(stats?.last_minute))
  const rows = (stats?.per_package ?? []).map(each =>
    make('tr', {}, make('th', {scope: 'row'}, each.name), ...cells(each))
  )
  el('packages').tBodies[0].replaceChildren(...rows)
}

const cells = each => [each.admitted, each.sold].map(figure => make('td', {}, String(figure)))

function othersOf({result}) {
  const {group, results, outcome} = result
  if (!group || results || state.link === 'offline') return 0
  const isShown = result.type === 'check_in' && ['admitted', 'already_used'].includes(outcome)
  return isShown ? group.tickets - group.admitted : 0
}

export function showStrip() {
  const {last} = state
  el('strip').hidden = !last
  if (!last) return
  const {told} = last
  el('strip').dataset.tone = told.tone
  if (el('strip-icon').dataset.icon !== told.icon) {
    el('strip-icon').dataset.icon = told.icon
    el('strip-icon').replaceChildren(icon(told.icon))
  }
  const words = last.note ?? [told.word, told.name, told.ticket].filter(Boolean).join(' · ')
  setText(el('strip-text'), words)
  const left = Math.ceil((last.undoUntil - Date.now()) / 1000)
  el('undo').hidden = left <= 0
  setText(el('undo'), ui.undo(left))
  const others = last.note ? 0 : othersOf(last)
  el('admit-order').hidden = others <= 0
  setText(el('admit-order'), ui.admitOrder(others))
}

function problemWords(each) {
  const time = clockTime(each.at)
  if (each.kind !== 'conflict') return conflict[each.kind](time, each.detail)
  if (each.outcome !== 'admitted') {
    return conflict.barred(time, RESULTS[each.outcome]?.word ?? each.outcome)
  }
  if (!each.first_check_in_at) return conflict.untimely(time)
  // This scan was the earlier one, and told later.
  const isOwn = each.first_check_in_at === each.at && each.by === state.scanner?.name
  if (isOwn) return conflict.elsewhere(time)
  return conflict.twice(time, clockTime(each.first_check_in_at), each.by)
}

function conflictRow(each) {
  const {ticket} = each
  const who = [ticket?.name, ticket?.package, ticket?.number && detail.number(ticket.number)]
  const title = who.filter(Boolean).join(' · ') || conflict.unknownTicket
  const label = {type: 'button', 'aria-label': `${ui.dismiss}: ${title}`}
  const button = make('button', label, ui.dismiss)
  button.addEventListener('click', async () => {
    await door.store.dismiss(each.scan_id)
    update({conflicts: await door.store.conflicts()})
  })
  const words = make('div', {}, make('strong', {}, title), make('div', {}, problemWords(each)))
  return make('li', {}, words, button)
}

let shownConflicts = null
function showConflicts() {
  // Rebuilt only when they change: a rebuilt button would lose the finger that is on it.
  const key = JSON.stringify(state.conflicts.map(each => each.scan_id))
  if (key === shownConflicts) return
  shownConflicts = key
  el('conflicts').hidden = !state.conflicts.length
  setText(el('conflicts-title'), ui.conflictsTitle(state.conflicts.length))
  el('conflicts').querySelector('ul').replaceChildren(...state.conflicts.map(conflictRow))
}

let shownRecent = null
function showRecent() {
  if (state.recent === shownRecent) return
  shownRecent = state.recent
  const rows = state.recent.map(({told, at}) => {
    const about = [clockTime(at), told.name, told.ticket, told.isOffline && ui.checkedOffline]
    return make('li', {}, told.word, make('small', {}, about.filter(Boolean).join(' · ')))
  })
  el('recent').replaceChildren(...rows)
}

export function startView() {
  for (const show of [showHead, showBanner, showFigures, showStrip, showConflicts, showRecent]) {
    watch(show)
  }
  // Counts the seconds of the undo.
  setInterval(showStrip, 500)
}
