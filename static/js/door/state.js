// What the page knows right now, and who wants to hear of changes. Nothing here is stored.

export const state = {
  link: 'starting', // starting, join, online, offline, blocked
  barred: null, // why this device's link is refused: a code of the server
  uploadProblem: null, // why waiting scans cannot be sent, a sentence
  event: null,
  scanner: null,
  packages: [],
  stats: null,
  pending: 0,
  isSending: false,
  isCameraOn: false,
  isSoundLocked: false, // nobody has touched the page yet
  isListReady: false,
  isPageKept: null, // whether the page itself boots without network; null while it is not known
  syncedAt: null, // unix ms, when the list (or, without one, the figures) was last true
  clockOffset: 0, // server's clock minus this device's, ms
  conflicts: [],
  mode: 'check_in',
  place: '',
  last: null, // the last scan, as the strip shows it
  recent: []
}

/** The handles everything works with; set once at the start. `store` is null without storage. */
export const door = {eventId: '', token: '', version: '', api: null, store: null}

const watchers = new Set()

export function update(changes) {
  Object.assign(state, changes)
  for (const watcher of watchers) watcher(state)
}

export function watch(watcher) {
  watchers.add(watcher)
  watcher(state)
}

/** The server's time as well as this device knows it, unix ms. */
export const now = () => Date.now() + state.clockOffset

/** Whether a verdict of this device's own is allowed and possible. */
export const canJudge = () =>
  Boolean(state.scanner?.may_work_offline && door.store && state.isListReady)

export const isExpired = () =>
  Boolean(state.scanner?.expires_at) && now() >= Date.parse(state.scanner.expires_at)

// How often the link was lost: a round of the sync that began before must not call it good.
let losses = 0
export const lossCount = () => losses

export function loseLink() {
  losses += 1
  if (['starting', 'online'].includes(state.link)) update({link: 'offline'})
}

/** The server refused this device, or its time is over. What it kept of the list goes. */
export async function block(barred) {
  update({link: 'blocked', barred, isListReady: false})
  await door.store?.forgetList()
}

/** Counts a change of one admission ticket without waiting for the server's figures. */
export function bump(kind, admitted, inside) {
  if (!state.stats || kind === 'addon') return
  const {stats} = state
  update({
    stats: {...stats, admitted: stats.admitted + admitted, inside: stats.inside + inside}
  })
}
