// Taking an admission back, also while the server cannot be reached.

import {Unreachable} from './api.js'
import {canHash, hashOf} from './offline.js'
import {bump, door, loseLink, state, update} from './state.js'

const takenBack = (local, acked_at) =>
  local && {...local, state: local.before, in_at: null, acked_at, settled: false}

/** Queues the undo of a scan that the server already has. False without storage. */
async function queueUndo(scanId, h) {
  if (!door.store) return false
  await door.store.decide(h, (row, local) => ({
    local: takenBack(local, null),
    queue: {scan_id: scanId, body: null, annul: true, queued_at: Date.now()}
  }))
  return true
}

async function noteUndone(h) {
  await door.store?.decide(h, (row, local) => ({
    local: takenBack(local, Date.now())
  }))
}

async function undoOne({scanId, ticketId, kind}) {
  const h = ticketId && canHash() ? await hashOf(ticketId) : null
  if (!(await door.store?.markUndone(scanId))) {
    try {
      if (state.link === 'offline' && door.store) throw new Unreachable('known')
      await door.api.annul(scanId)
      await noteUndone(h)
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error
      loseLink()
      if (!(await queueUndo(scanId, h))) throw error
    }
  }
  bump(kind, -1, -1)
}

/** Takes back what one scan let in. Raises Refused and Unreachable. */
export async function undo(undoable) {
  for (const one of undoable) await undoOne(one)
  if (door.store) update({pending: await door.store.countPending()})
}
