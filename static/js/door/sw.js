// The worker of the door pages: what was visited once boots without network.
//
// The server puts RELEASE in front: {version, files}. The addresses carry the hashes of what is
// behind them, so one that is kept never has to be asked for again.

const CACHE = `events-door-${RELEASE.version}`
const PAGE = /^\/events\/door\/[^/]+$/

addEventListener('install', event => event.waitUntil(install()))
addEventListener('activate', event => event.waitUntil(activate()))
addEventListener('fetch', event => {
  const {origin, pathname, search} = new URL(event.request.url)
  if (origin !== location.origin || event.request.method !== 'GET') return
  if (event.request.mode === 'navigate' && PAGE.test(pathname)) {
    event.respondWith(page(event.request, pathname))
  } else if (pathname.startsWith('/events/static/')) {
    event.respondWith(file(event.request, pathname + search))
  }
})

async function install() {
  const cache = await caches.open(CACHE)
  const pages = await knownPages()
  await Promise.all([
    ...RELEASE.files.map(address => keep(cache, address)),
    ...pages.map(path => cache.add(new Request(path, {cache: 'reload'})))
  ])
  // A page that is open has loaded all it needs, so the next load may be of this release.
  await skipWaiting()
}

async function activate() {
  for (const name of await ownCaches()) {
    if (name !== CACHE) await caches.delete(name)
  }
  await clients.claim()
}

async function ownCaches() {
  return (await caches.keys()).filter(name => name.startsWith('events-door-'))
}

async function keep(cache, address) {
  const kept = await fromAny(address)
  if (kept) await cache.put(address, kept)
  else await cache.add(new Request(address, {cache: 'reload'}))
}

async function fromAny(address) {
  for (const cacheName of await ownCaches()) {
    const kept = await caches.match(address, {cacheName, ignoreVary: true})
    if (kept) return kept
  }
}

/** Paths of the door pages that are open, and of those that an earlier release kept. */
async function knownPages() {
  const open = await clients.matchAll({includeUncontrolled: true, type: 'window'})
  const kept = await Promise.all(
    (await ownCaches()).map(async name => (await caches.open(name)).keys())
  )
  const paths = [...open, ...kept.flat()].map(({url}) => new URL(url).pathname)
  return [...new Set(paths)].filter(path => PAGE.test(path))
}

/** The page as it was kept: its files are those of this release, also while the server has newer. */
async function page(request, path) {
  const cache = await caches.open(CACHE)
  const kept = await cache.match(path, {ignoreVary: true})
  if (kept) return kept
  const answer = await fetch(request)
  if (answer.ok) await cache.put(path, answer.clone())
  return answer
}

async function file(request, address) {
  // Browsers without import maps ask for modules without their hashes.
  const ignoreSearch = !address.includes('?')
  const kept = await caches.match(address, {cacheName: CACHE, ignoreSearch, ignoreVary: true})
  return kept ?? fetch(request)
}
