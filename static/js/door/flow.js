// From a code that was seen, typed or picked to a verdict on the screen, one at a time.

import {Refused, Unreachable} from './api.js'
import {describe} from './describe.js'
import {close, screenState, show} from './screen.js'
import {makeSieve} from './sieve.js'
import {scan} from './scan.js'
import {state, update} from './state.js'
import {sync} from './sync.js'
import {ui} from './texts.js'
import {undo} from './undo.js'

const QUIET_MS = 3000
const UNDO_MS = 10_000
const RECENT = 20

const sieve = makeSieve(QUIET_MS)
let chain = Promise.resolve()
let isBusy = false

function keep(result, told) {
  const last = {result, told, undoUntil: result.undoable.length ? Date.now() + UNDO_MS : 0}
  const recent = [{told, at: result.at}, ...state.recent].slice(0, RECENT)
  update({last, recent})
}

async function handle(code, options) {
  isBusy = true
  sieve.add(code, performance.now())
  try {
    const result = await scan(code, options)
    if (!result) return close()
    const told = describe(result)
    keep(result, told)
    const done = () => {
      // Still before the camera: the same code is not asked about again, unless nothing was said.
      if (told.tone === 'calm' && told.kind !== 'not_a_ticket') sieve.forget(code)
      else sieve.add(code, performance.now())
    }
    show(told, done, () => enter(code, options))
    if (state.link === 'offline') sync()
  } finally {
    isBusy = false
  }
}

const mayScan = () => !['join', 'blocked'].includes(state.link)

/** A code that somebody entered on purpose; it takes the place of a verdict that is still up. */
export function enter(code, options) {
  if (!mayScan() || !code.trim()) return
  chain = chain.then(() => handle(code.trim(), options)).catch(error => console.error(error))
  return chain
}

/** From a hand scanner, whose trigger is easily pulled twice. */
export function trigger(code) {
  if (sieve.isNew(code, performance.now())) enter(code)
}

/** What the camera sees; nothing while a verdict is up or being made. */
export function sight(codes) {
  const fresh = codes.filter(code => sieve.isNew(code, performance.now()))
  if (fresh.length && !isBusy && !screenState()) enter(fresh[0])
}

/** Takes the last admission back. */
export async function undoLast() {
  const {last} = state
  if (!last || Date.now() > last.undoUntil) return
  update({last: {...last, undoUntil: 0}})
  try {
    await undo(last.result.undoable)
    // The ticket may still be before the camera, and is not to come in again by that.
    sieve.add(last.result.code, performance.now())
    update({last: {...last, undoUntil: 0, note: ui.undone}})
  } catch (error) {
    if (!(error instanceof Refused || error instanceof Unreachable)) throw error
    const why = error instanceof Refused ? error.message : ui.noServer
    update({last: {...last, undoUntil: 0, note: ui.notUndone(why)}})
  }
}

/** Lets in everybody else of the last scan's order. */
export const admitOrder = () =>
  enter(state.last.result.code, {type: 'check_in', isWholeOrder: true})
