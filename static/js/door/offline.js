// What this device can tell without the server: which ticket a code names, what the list says of
// it, and who holds it. Pure functions; `docs/door.md` has the recipe of hash and seal.

const LONGEST = 2000
const ID = /^[A-Za-z0-9_.-]{1,128}$/
// A ticket id, `ticket://id`, or a ticket page's address on any host, as the server reads them.
const TICKET =
  /^(?:ticket:\/\/|https?:\/\/[^/?#\s]+(?:\/[^?#\s]*)?\/events\/(?:t|ticket)\/)?([^/?#\s]+)\/?(?:[?#].*)?$/is

const bytes = text => new TextEncoder().encode(text)

/** Hashing and opening need a page from https or localhost. */
export const canHash = () => Boolean(globalThis.crypto?.subtle)

/** The ticket id that a code names, or null when the code is no ticket at all. */
export function ticketIdIn(code) {
  if (code.length > LONGEST) return null
  const id = TICKET.exec(code.trim())?.[1] ?? ''
  return ID.test(id) ? id : null
}

/** SHA-256 of a text, in hex: how the list names a ticket. */
export async function hashOf(text) {
  const digest = await crypto.subtle.digest('SHA-256', bytes(text))
  return Array.from(new Uint8Array(digest), byte => byte.toString(16).padStart(2, '0')).join('')
}

function fromBase64Url(text) {
  const plain = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
  return Uint8Array.from(plain, char => char.charCodeAt(0))
}

/** `{name, package, number}` of a sealed row, or null when there is nothing that can be read. */
export async function openSealed(sealed, ticketId, eventId) {
  if (!sealed) return null
  try {
    const secret = await crypto.subtle.importKey('raw', bytes(ticketId), 'HKDF', false, [
      'deriveKey'
    ])
    const recipe = {
      name: 'HKDF',
      hash: 'SHA-256',
      salt: bytes(eventId),
      info: bytes('events/door/1')
    }
    const key = await crypto.subtle.deriveKey(
      recipe,
      secret,
      {name: 'AES-GCM', length: 256},
      false,
      ['decrypt']
    )
    const box = fromBase64Url(sealed)
    const opened = await crypto.subtle.decrypt(
      {name: 'AES-GCM', iv: box.subarray(0, 12)},
      key,
      box.subarray(12)
    )
    const [name, pack, number] = JSON.parse(new TextDecoder().decode(opened).trim())
    return {name, package: pack, number}
  } catch {
    // Sealed by another recipe, or damaged. The verdict does not depend on it.
    return null
  }
}

/**
 * Where the guest of a ticket is: `new` (never came in), `in` or `out`. What this device did
 * itself counts until the list has caught up with it.
 */
export function placeOf(row, local) {
  if (local && !local.settled) return local.state
  if (row?.status !== 'used') return 'new'
  return row.left ? 'out' : 'in'
}

const BARRED = {reserved: 'unpaid', cancelled: 'cancelled', refunded: 'refunded'}

function judgeEntry(place, entry) {
  if (place === 'new' || (place === 'out' && entry === 'reentry')) return 'admitted'
  return 'already_used'
}

/**
 * The outcome of a scan by the list alone, in the server's order of questions.
 *
 * `row` is the list's row or null, `local` what this device did with the ticket or null, `event`
 * has `entry` and `status`, `now` is in unix ms.
 */
export function judge(type, row, local, event, now) {
  // Without a row it is still known when this device itself admitted it a moment ago.
  if (!row && (!local || local.settled)) return 'unknown'
  const barred = BARRED[row?.status] ?? (event.status === 'cancelled' ? 'cancelled' : null)
  if (barred) return barred
  const place = placeOf(row, local)
  if (type === 'check_out') return place === 'in' ? 'left' : 'not_checked_in'
  if (row?.valid_from && now < Date.parse(row.valid_from)) return 'not_yet_valid'
  if (row?.valid_until && now >= Date.parse(row.valid_until)) return 'expired'
  return type === 'access' ? 'access_granted' : judgeEntry(place, event.entry)
}
