// Keeping up with the server: who we are, what waits here, the list, the figures. One round at a
// time. Offline becomes online only after what waited has been answered.

import {Refused, Unreachable} from './api.js'
import {canHash} from './offline.js'
import {block, bump, door, lossCount, loseLink, now, state, update} from './state.js'
import {BARRED} from './texts.js'
import {flush} from './upload.js'

const ONLINE_MS = 5000
const OFFLINE_MS = 2500
const HELLO_MS = 60_000

let timer = null
let isRunning = false
let isWanted = false
let isListing = false
let saidAt = 0
let saidPending = null

async function hello() {
  const sentAt = Date.now()
  const answer = await door.api.hello(door.version, state.pending)
  // The server tells whole seconds, so on average it is half a second more.
  const clockOffset = Date.parse(answer.server_time) + 500 - (sentAt + Date.now()) / 2
  saidAt = Date.now()
  saidPending = state.pending
  const {event, scanner, packages} = answer
  update({event, scanner, packages, clockOffset, barred: null})
  if (!scanner.may_work_offline && state.isListReady) {
    await door.store.forgetList()
    update({isListReady: false})
  }
  await door.store?.setMeta({event, scanner, packages, clockOffset, token: door.token})
}

// Each load of the page takes the whole list, because a ticket that was deleted is in no change.
// `known` has what came, until all of it has. The list of the last visit serves meanwhile.
const wholeList = () => ({cursor: null, known: new Set()})
let list = wholeList()

/** A page of the whole list, or of what changed since; whether there is more. */
async function takePage() {
  const askedAt = Date.now()
  const page = await door.api.snapshot(list.cursor)
  const isMore = page.more && page.cursor !== list.cursor
  const end = isMore ? {} : {isListReady: true, syncedAt: askedAt + state.clockOffset}
  await door.store.takePage(page, end, askedAt)
  for (const {h} of page.tickets) list.known?.add(h)
  list.cursor = page.cursor
  if (isMore) return true
  if (list.known) await door.store.keepOnly(list.known)
  list.known = null
  update(end)
  return false
}

/** Beside the rounds, which it may outlast: a long list must not keep waiting scans waiting. */
async function takeList() {
  if (isListing || !door.store || !canHash() || !state.scanner.may_work_offline) return
  isListing = true
  try {
    while (await takePage());
  } catch (error) {
    // A list that cannot be had leaves an old one, which tells its age: not "no connection".
    if (error instanceof Unreachable) return
    list = wholeList()
    if (!(error instanceof Refused) || error.isBarred) fail(error)
  } finally {
    isListing = false
  }
}

async function takeFigures() {
  const syncedAt = now()
  const stats = await door.api.stats()
  update(state.scanner.may_work_offline ? {stats} : {stats, syncedAt})
  await door.store?.setMeta({stats})
}

async function round() {
  const losses = lossCount()
  const isHelloDue = Date.now() - saidAt > HELLO_MS || saidPending !== state.pending
  if (state.link !== 'online' || isHelloDue) await hello()
  await flush()
  // Lost again meanwhile: the next round decides.
  if (losses !== lossCount()) return
  update({link: 'online'})
  takeList()
  await takeFigures()
}

function fail(error) {
  if (error instanceof Unreachable) loseLink()
  else if (error instanceof Refused && error.code in BARRED) block(error.code)
  else console.error(error)
}

/** A round now, or right after the one that is under way. */
export async function sync() {
  if (isRunning) {
    isWanted = true
    return
  }
  clearTimeout(timer)
  if (state.link === 'join') return
  isRunning = true
  await round().catch(fail)
  isRunning = false
  const wait = isWanted ? 0 : state.link === 'online' ? ONLINE_MS : OFFLINE_MS
  isWanted = false
  if (state.link !== 'blocked') timer = setTimeout(sync, wait)
}

/** Remembers from the last visit what is needed before, or without, an answer of the server. */
export async function recall() {
  const {store} = door
  if (!store) return
  if ((await store.meta('token')) !== door.token) await store.forgetList()
  const names = ['event', 'scanner', 'packages', 'clockOffset', 'stats', 'isListReady', 'syncedAt']
  const values = await Promise.all(names.map(name => store.meta(name)))
  const known = names.map((name, at) => [name, values[at]]).filter(([, value]) => value !== null)
  const [queue, conflicts] = await Promise.all([store.pending(), store.conflicts()])
  update({...Object.fromEntries(known), pending: queue.length, conflicts})
  // The figures are those of the server, which does not know of these.
  for (const {body, annul} of queue) if (body?.force && !annul) bump(null, 1, 1)
}

export function startSync() {
  window.addEventListener('online', sync)
  window.addEventListener('offline', loseLink)
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) sync()
  })
  return sync()
}
