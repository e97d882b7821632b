// One scan, from the code to the verdict. The server decides; where it cannot be reached in time,
// this device does, if it may, and queues what it did under the same scan_id.

import {Refused, Unreachable} from './api.js'
import {canHash, hashOf, judge, openSealed, placeOf, ticketIdIn} from './offline.js'
import {block, bump, canJudge, door, isExpired, loseLink, now, state, update} from './state.js'

const RETRY_MS = 600_000

// Scans that were sent and never answered, on a device that may not decide itself. The next try
// of the same code says the same scan_id: then a late admission is this guest's own.
const unanswered = new Map()

export function newScanId() {
  const random = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(random, byte => byte.toString(16).padStart(2, '0')).join('')
}

function scanIdFor(key) {
  const earlier = unanswered.get(key)
  return earlier && Date.now() - earlier.at < RETRY_MS ? earlier.scanId : newScanId()
}

async function makeDraft(code, type, isWholeOrder) {
  const text = code.trim()
  const id = ticketIdIn(text)
  const key = `${type} ${isWholeOrder} ${text}`
  const at = now()
  const body = {
    code: text,
    type,
    scan_id: scanIdFor(key),
    scanned_at: new Date(at).toISOString(),
    ...(state.place && {location: state.place}),
    ...(isWholeOrder && {whole_order: true})
  }
  return {id, key, at, body, h: id && canHash() ? await hashOf(id) : null, isSent: false}
}

const isAdmission = answer => answer.outcome === 'admitted'

/** Notes what the server said, so that this device knows it when the link is lost next second. */
async function note(answer) {
  const isIn = isAdmission(answer)
  if (!isIn && answer.outcome !== 'left') return
  const isFirst = answer.first_check_in_at === answer.scanned_at
  const before = isIn ? (isFirst ? 'new' : 'out') : 'in'
  const {id, kind} = answer.ticket
  bump(kind, isIn && isFirst ? 1 : 0, isIn ? 1 : -1)
  if (!door.store || !canHash()) return
  const change = {state: isIn ? 'in' : 'out', before, scan_id: answer.scan_id, settled: false}
  await door.store.decide(await hashOf(id), (row, local) => ({
    local: {...change, in_at: isIn ? now() : local?.in_at, acked_at: Date.now()}
  }))
}

async function askServer(draft) {
  const answer = await door.api.scan(draft.body)
  unanswered.delete(draft.key)
  const all = answer.results ?? [answer]
  for (const each of all) note(each).catch(() => {})
  return {
    ...answer,
    code: draft.body.code,
    at: draft.at,
    isTicket: Boolean(draft.id),
    undoable: all.filter(isAdmission).map(each => ({
      scanId: each.scan_id,
      ticketId: each.ticket?.id,
      kind: each.ticket?.kind
    }))
  }
}

// Told to the server later, just as it was scanned: what was done, and refusals for good. Any other
// refusal is told as that: the server would judge anew, and might admit whom we turned away.
const LASTING = new Set(['not_a_ticket', 'cancelled', 'refunded', 'access_granted', 'left'])

function recordFor(draft, outcome) {
  const base = {scan_id: draft.body.scan_id, body: draft.body, annul: false, queued_at: Date.now()}
  if (outcome === 'admitted') return {...base, body: {...draft.body, force: true}}
  return LASTING.has(outcome) ? base : {...base, body: {...draft.body, refused: outcome}}
}

function plan(draft, row, local) {
  const outcome = draft.id
    ? judge(draft.body.type, row, local, state.event, draft.at)
    : 'not_a_ticket'
  const before = placeOf(row, local)
  const found = {outcome, row, before, earlier: local, queue: recordFor(draft, outcome)}
  if (outcome !== 'admitted' && outcome !== 'left') return found
  const isIn = outcome === 'admitted'
  const change = {state: isIn ? 'in' : 'out', before, scan_id: draft.body.scan_id}
  const in_at = isIn ? draft.at : local?.in_at
  return {...found, local: {...change, in_at, acked_at: null, settled: false}}
}

async function ticketOf(draft, row) {
  if (!row) return null
  const opened = await openSealed(row.sealed, draft.id, door.eventId)
  const known = state.packages.find(one => one.id === row.package_id)
  return {
    id: draft.id,
    number: opened?.number ?? null,
    name: opened?.name ?? null,
    package: opened?.package ?? known?.name ?? null,
    kind: row.kind ?? known?.kind ?? null,
    valid_from: row.valid_from ?? null,
    valid_until: row.valid_until ?? null
  }
}

function shown(draft, found, ticket) {
  const {earlier} = found
  return {
    outcome: found.outcome,
    type: draft.body.type,
    code: draft.body.code,
    at: draft.at,
    isTicket: Boolean(draft.id),
    isOffline: true,
    ticket,
    group: null,
    first_check_in_at: earlier?.in_at ? new Date(earlier.in_at).toISOString() : null,
    by: earlier?.in_at ? state.scanner.name : null,
    undoable:
      found.outcome === 'admitted'
        ? [{scanId: draft.body.scan_id, ticketId: draft.id, kind: ticket?.kind}]
        : []
  }
}

function noVerdict(draft, outcome) {
  if (draft.isSent) unanswered.set(draft.key, {scanId: draft.body.scan_id, at: Date.now()})
  return {
    outcome,
    type: draft.body.type,
    code: draft.body.code,
    at: draft.at,
    ticket: null,
    undoable: []
  }
}

async function decideHere(draft) {
  // An order is known to the server only.
  if (!canJudge() || draft.body.whole_order) return noVerdict(draft, 'no_connection')
  if (isExpired()) {
    await block('scanner_expired')
    return null
  }
  let found
  try {
    found = await door.store.decide(draft.h, (row, local) => plan(draft, row, local))
  } catch {
    // What cannot be kept was not decided: nobody is let in without a trace.
    return noVerdict(draft, 'not_kept')
  }
  update({pending: await door.store.countPending()})
  const ticket = draft.id ? await ticketOf(draft, found.row) : null
  if (found.outcome === 'admitted') bump(ticket?.kind, found.before === 'new' ? 1 : 0, 1)
  if (found.outcome === 'left') bump(ticket?.kind, 0, -1)
  return shown(draft, found, ticket)
}

// A ticket with a scan still on its way is judged here: the server does not know of it yet.
const mayAsk = draft => {
  if (door.store?.waiting.has(draft.h)) return false
  return state.link !== 'offline' || !canJudge()
}

/**
 * The verdict on a code, ready to be shown: `outcome`, `ticket`, `first_check_in_at`, `by`,
 * `group`, `undoable` … or null when this device was refused altogether.
 */
export async function scan(code, {type = state.mode, isWholeOrder = false} = {}) {
  const draft = await makeDraft(code, type, isWholeOrder)
  if (!mayAsk(draft)) return decideHere(draft)
  try {
    const answer = await askServer(draft)
    // The guest was sent away and the late admission taken back: this is a new try.
    return answer.annulled ? scan(code, {type, isWholeOrder}) : answer
  } catch (error) {
    if (error instanceof Unreachable) {
      draft.isSent = true
      loseLink()
      return decideHere(draft)
    }
    if (!(error instanceof Refused)) throw error
    if (!error.isBarred) return {...noVerdict(draft, 'refused'), detail: error.message}
    await block(error.code)
    return null
  }
}
