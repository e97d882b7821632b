// What this device remembers in localStorage: the token of each event, mode, mute, place.

const PREFIX = 'events.door'
const memory = new Map()

function read(key) {
  try {
    return localStorage.getItem(key)
  } catch {
    // Storage may be forbidden; then it lasts as long as the page.
    return memory.get(key) ?? null
  }
}

function write(key, value) {
  memory.set(key, value)
  try {
    localStorage.setItem(key, value)
  } catch {
    // As above.
  }
}

export const recallToken = eventId => read(`${PREFIX}.token.${eventId}`) ?? ''
export const keepToken = (eventId, token) => write(`${PREFIX}.token.${eventId}`, token)

/** `mode` and `place` belong to an event, `mute` to the device. */
export const recallPref = (name, eventId = '') => read(`${PREFIX}.${name}.${eventId}`)
export const keepPref = (name, value, eventId = '') => write(`${PREFIX}.${name}.${eventId}`, value)
