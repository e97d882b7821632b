// Sending what waits, in the order it happened. A record leaves the queue only with the server's
// answer; what the server objects to is put where staff see it.

import {Refused} from './api.js'
import {door, now, state, update} from './state.js'

const BATCH = 100
// A request that timed out may still arrive; until then its undo finds nothing to undo.
const LATE_MS = 15_000

const problem = (record, result, kind) => ({
  scan_id: record.scan_id,
  kind,
  at: result.scanned_at ?? record.body?.scanned_at ?? new Date(record.queued_at).toISOString(),
  outcome: result.outcome ?? null,
  detail: result.refused ?? null,
  ticket: result.ticket ?? null,
  first_check_in_at: result.first_check_in_at ?? null,
  by: result.by ?? null
})

const acked = (record, local) =>
  local?.scan_id === record.scan_id ? {...local, acked_at: Date.now()} : null

// The server heard the first, timed-out try and refused it, while this device let the guest in.
// That try has its answer for good, so the entry is told once more, as what it is.
function toldAgain(record, local) {
  const scan_id = `${record.scan_id}-f`
  return {
    queue: {...record, scan_id, body: {...record.body, scan_id}},
    local: local?.scan_id === record.scan_id ? {...local, scan_id} : null
  }
}

function afterScan(record, result) {
  return (current, local) => {
    const noted = {local: acked(record, local)}
    // Undone while it waited: now the undo waits.
    if (current.annul) return {...noted, queue: {...current, body: null}}
    // The server heard the first, timed-out try and admitted whom this device turned away.
    const isWrong = record.body.refused && result.outcome === 'admitted'
    if (isWrong) return {...noted, queue: {...current, body: null, annul: true}}
    if (!record.body.force) return noted
    if (result.refused) return {...noted, conflict: problem(record, result, 'refused')}
    if (result.conflict) return {...noted, conflict: problem(record, result, 'conflict')}
    return result.outcome === 'admitted' ? noted : toldAgain(record, local)
  }
}

async function uploadEach(records) {
  const results = []
  for (const {body} of records) {
    try {
      results.push(await door.api.scan(body))
    } catch (error) {
      if (error.status !== 400) throw error
      results.push({refused: error.message})
    }
  }
  return results
}

/** Answers in order. One bad scan refuses a whole batch, so then each goes alone. */
async function upload(records) {
  for (const {body} of records) {
    // The clock may have been corrected since; the server takes nothing from the future.
    body.scanned_at = new Date(Math.min(Date.parse(body.scanned_at), now())).toISOString()
  }
  try {
    return await door.api.upload(records.map(record => record.body))
  } catch (error) {
    if (error.status !== 400) throw error
    return uploadEach(records)
  }
}

async function sendScans(records) {
  // An undo goes out before anything that happened after it.
  const undone = records.findIndex(record => record.annul)
  const batch = undone < 0 ? records : records.slice(0, undone + 1)
  const results = await upload(batch)
  for (const [at, record] of batch.entries()) {
    await door.store.settle(record, afterScan(record, results[at]))
  }
}

/** False when it is too early to know that there is nothing to undo. */
async function sendUndo(record) {
  let conflict = null
  try {
    await door.api.annul(record.scan_id)
  } catch (error) {
    if (!(error instanceof Refused) || error.isBarred) throw error
    const isEarly = Date.now() - record.queued_at < LATE_MS
    if (error.status === 404 && isEarly) return false
    // 404 and 400: the server admitted nobody by this scan, so nothing is left to take back.
    if (error.status === 403) conflict = problem(record, {refused: error.message}, 'undo')
  }
  await door.store.settle(record, (current, local) => ({local: acked(record, local), conflict}))
  return true
}

/** One step; false when nothing is left that can be sent now. */
async function step(postponed) {
  const records = (await door.store.pending()).filter(record => !postponed.has(record.scan_id))
  update({pending: records.length + postponed.size, isSending: records.length > 0})
  if (!records.length) return false
  if (!records[0].body) {
    if (!(await sendUndo(records[0]))) postponed.add(records[0].scan_id)
    return true
  }
  const end = records.findIndex(record => !record.body)
  await sendScans(records.slice(0, Math.min(end < 0 ? BATCH : end, BATCH)))
  return true
}

/** Sends everything that waits. Raises Unreachable, and Refused when this device is barred. */
export async function flush() {
  if (!door.store) return
  const postponed = new Set()
  try {
    while (await step(postponed));
    if (state.uploadProblem) update({uploadProblem: null})
  } catch (error) {
    if (!(error instanceof Refused) || error.isBarred) throw error
    // This link may do less than the one the scans were made with. They stay.
    update({uploadProblem: error.message})
  } finally {
    update({isSending: false, conflicts: await door.store.conflicts()})
  }
}
