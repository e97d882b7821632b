// Keeps the page on the device: after one visit it boots without network (sw.js).

/** Which release this page is; it changes with every file the page is made of. */
export const version = document.querySelector('meta[name="door-version"]').content

/**
 * Settles once the page and all its files are on the device: true. False where that cannot be:
 * without HTTPS, or in some private windows.
 */
export const stored = keep()

async function keep() {
  try {
    await navigator.serviceWorker.register('/events/sw.js', {scope: '/events/door/'})
    await navigator.serviceWorker.ready
  } catch {
    return false
  }
  // Otherwise a browser short of space may throw away entries that wait to be sent.
  navigator.storage?.persist?.().catch(() => {})
  return true
}
