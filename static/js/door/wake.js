// Keeps the screen on while the page is looked at.

async function request() {
  if (document.hidden) return
  try {
    await navigator.wakeLock.request('screen')
  } catch {
    // Not offered, or refused because the battery is low: the screen dims, nothing else.
  }
}

export function stayAwake() {
  // The browser lets go whenever the page is hidden.
  document.addEventListener('visibilitychange', request)
  return request()
}
