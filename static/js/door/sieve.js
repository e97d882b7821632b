// A guest holds the ticket before the camera for a while: that is one scan.

/** `isNew(code, at)`: not seen within `quietMs` before. Seeing it again makes it stay known. */
export function makeSieve(quietMs) {
  const seen = new Map()
  return {
    isNew(code, at) {
      const last = seen.get(code)
      const isKnown = last !== undefined && at - last < quietMs
      if (isKnown) seen.set(code, at)
      return !isKnown
    },
    add(code, at) {
      for (const [other, last] of seen) if (at - last >= quietMs) seen.delete(other)
      seen.set(code, at)
    },
    forget(code) {
      seen.delete(code)
    }
  }
}
