// Talking to the server. Whatever is not plainly our own server's answer counts as "no connection":
// a proxy's error page, a captive portal, a host that is still starting.

export const SCAN_TIMEOUT_MS = 2000
export const POLL_TIMEOUT_MS = 4000
export const LONG_TIMEOUT_MS = 20000

/** No answer of the server in time. Whether it got the request is not known. */
export class Unreachable extends Error {}

/** The server's own refusal: `code` is a word for programs, `message` a sentence. */
export class Refused extends Error {
  constructor(status, code, detail) {
    super(detail)
    this.status = status
    this.code = code
  }

  /** Whether this device's credential is what was refused. */
  get isBarred() {
    return this.status === 401 || ['scanner_revoked', 'scanner_expired'].includes(this.code)
  }
}

function read(answer, data) {
  if (answer.status === 204) return null
  if (answer.ok && data && typeof data === 'object') return data
  if (answer.status < 500 && typeof data?.code === 'string') {
    throw new Refused(answer.status, data.code, String(data.detail))
  }
  throw new Unreachable(`The server answered ${answer.status}.`)
}

/** The door's routes of one event. Raises Unreachable and Refused. */
export function makeApi(eventId, token) {
  const base = `/events/api/v1/door/${encodeURIComponent(eventId)}/`
  async function call(method, path, body, timeout) {
    const stop = new AbortController()
    // The answer's body is waited for as well: a server may hang in the middle of it.
    const timer = setTimeout(() => stop.abort(), timeout)
    let answer
    let data
    try {
      answer = await fetch(base + path, {
        method,
        headers: {'X-Scanner-Token': token, 'Content-Type': 'application/json'},
        body: body === undefined ? undefined : JSON.stringify(body),
        cache: 'no-store',
        redirect: 'error',
        signal: stop.signal
      })
      data = answer.status === 204 ? null : await answer.json()
    } catch (error) {
      throw new Unreachable(String(error))
    } finally {
      clearTimeout(timer)
    }
    return read(answer, data)
  }
  const get = (path, params, timeout) => {
    const given = Object.entries(params).filter(([, value]) => value !== null)
    return call('GET', `${path}?${new URLSearchParams(given)}`, undefined, timeout)
  }
  const annulPath = scanId => `scans/${encodeURIComponent(scanId)}/annul`
  return {
    hello: (version, pending) =>
      call('POST', 'hello', {page_version: version, pending}, SCAN_TIMEOUT_MS),
    scan: body => call('POST', 'scans', body, SCAN_TIMEOUT_MS),
    upload: async bodies => {
      const {results} = await call('POST', 'scans', {scans: bodies}, LONG_TIMEOUT_MS)
      if (results?.length !== bodies.length) throw new Unreachable('Not every scan was answered.')
      return results
    },
    annul: scanId => call('POST', annulPath(scanId), {}, SCAN_TIMEOUT_MS),
    snapshot: cursor => get('snapshot', {cursor}, LONG_TIMEOUT_MS),
    search: text => get('search', {q: text}, POLL_TIMEOUT_MS),
    stats: () => get('stats', {}, POLL_TIMEOUT_MS)
  }
}
