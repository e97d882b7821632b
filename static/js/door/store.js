// What this device keeps between loads, in IndexedDB, one database per event. No name stands in it
// in the clear, except in a conflict that staff have not dismissed yet.
//   tickets    rows of the server's list, by hash of the ticket id
//   local      what this device did with a ticket, until the list has caught up
//   queue      scans and undos that the server has not answered yet, by scan_id
//   conflicts  what the server objected to afterwards, until staff dismiss it
//   meta       event, rights, clock offset, cursor

const STORES = {tickets: 'h', local: 'h', queue: 'scan_id', conflicts: 'scan_id', meta: 'key'}

const asked = request =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })

function openDatabase(name) {
  const request = indexedDB.open(name, 1)
  request.onupgradeneeded = () => {
    for (const [store, keyPath] of Object.entries(STORES)) {
      request.result.createObjectStore(store, {keyPath})
    }
  }
  return asked(request)
}

const inOrder = records => records.sort((one, other) => one.seq - other.seq)

class Store {
  constructor(name, db) {
    this.name = name
    this.db = db
    this.lastSeq = 0
    // Hashes of tickets that wait in the queue, so that a scan need not look there first.
    this.waiting = new Set()
  }

  // `work` may await nothing but requests of its own transaction. Strict: what is shown as done
  // must survive the battery that dies in the next second.
  async run(stores, mode, work) {
    const tx = await this.begin(stores, mode)
    const done = new Promise((resolve, reject) => {
      tx.oncomplete = resolve
      tx.onabort = () => reject(tx.error ?? new Error('The browser refused to store this.'))
    })
    const worked = work(...stores.map(name => tx.objectStore(name))).catch(error => {
      tx.abort()
      throw error
    })
    return (await Promise.all([worked, done]))[0]
  }

  async begin(stores, mode) {
    const options = {durability: 'strict'}
    try {
      return this.db.transaction(stores, mode, options)
    } catch {
      // Phones close the database of a page that was long in the background.
      this.db = await openDatabase(this.name)
      return this.db.transaction(stores, mode, options)
    }
  }

  async meta(key) {
    const found = await this.run(['meta'], 'readonly', async meta => asked(meta.get(key)))
    return found?.value ?? null
  }

  setMeta(values) {
    return this.run(['meta'], 'readwrite', async meta => {
      for (const [key, value] of Object.entries(values)) meta.put({key, value})
    })
  }

  /** `work(row, local)` looks at a ticket and says what to `queue` and what to note as `local`. */
  async decide(h, work) {
    return this.run(['tickets', 'local', 'queue'], 'readwrite', async (tickets, locals, queue) => {
      const [row, local] = h ? await Promise.all([asked(tickets.get(h)), asked(locals.get(h))]) : []
      const found = work(row ?? null, local ?? null)
      if (found.local) locals.put({...found.local, h})
      if (found.queue) queue.put(this.numbered({...found.queue, h}))
      return found
    })
  }

  numbered(record) {
    if (record.h) this.waiting.add(record.h)
    this.lastSeq = Math.max(this.lastSeq + 1, Date.now())
    return {seq: this.lastSeq, ...record}
  }

  /** Everything that waits for the server, oldest first. */
  async pending() {
    const found = await this.run(['queue'], 'readonly', async queue => asked(queue.getAll()))
    const records = inOrder(found)
    this.waiting = new Set(records.map(record => record.h).filter(Boolean))
    return records
  }

  countPending() {
    return this.run(['queue'], 'readonly', async queue => asked(queue.count()))
  }

  /**
   * The server answered a record: it leaves the queue in the same transaction that notes what
   * follows. `next(current, local)` sees the record as it is now, since staff may have undone it
   * meanwhile, and gives what stays queued, the `local` note and a `conflict`, each or none.
   */
  settle(record, next) {
    const stores = ['queue', 'local', 'conflicts']
    return this.run(stores, 'readwrite', async (queue, locals, conflicts) => {
      const current = (await asked(queue.get(record.scan_id))) ?? record
      const local = record.h ? await asked(locals.get(record.h)) : undefined
      const found = next(current, local ?? null)
      queue.delete(record.scan_id)
      if (found.queue) queue.put(found.queue)
      if (found.local) locals.put(found.local)
      if (found.conflict) conflicts.put(found.conflict)
    })
  }

  /** Marks a waiting scan as undone. False when it does not wait any more. */
  markUndone(scanId) {
    return this.run(['queue', 'local'], 'readwrite', async (queue, locals) => {
      const record = await asked(queue.get(scanId))
      if (!record) return false
      queue.put({...record, annul: true})
      const local = record.h && (await asked(locals.get(record.h)))
      if (local) locals.put({...local, state: local.before, in_at: null})
      return true
    })
  }

  /**
   * Takes over a page of the list. What this device did and the server had answered before the
   * page was asked for (`askedAt`, unix ms) is in it, so the list's word counts from now on.
   */
  takePage(page, meta, askedAt) {
    // A row leaves out what it has in common with its package at that moment.
    const shared = new Map(page.packages.map(({id, name, ...rest}) => [id, rest]))
    return this.run(['tickets', 'local', 'meta'], 'readwrite', async (tickets, locals, metas) => {
      const own = new Map((await asked(locals.getAll())).map(local => [local.h, local]))
      for (const row of page.tickets) {
        tickets.put({...shared.get(row.package_id), ...row})
        const local = own.get(row.h)
        if (local?.acked_at && local.acked_at < askedAt) locals.put({...local, settled: true})
      }
      for (const [key, value] of Object.entries(meta)) metas.put({key, value})
    })
  }

  /** After a whole list was taken: what is not in it (a Set of hashes) was deleted. */
  keepOnly(known) {
    return this.run(['tickets'], 'readwrite', async tickets => {
      for (const h of await asked(tickets.getAllKeys())) if (!known.has(h)) tickets.delete(h)
    })
  }

  /** Oldest first. */
  async conflicts() {
    const found = await this.run(['conflicts'], 'readonly', async conflicts =>
      asked(conflicts.getAll())
    )
    return found.sort((one, other) => one.at.localeCompare(other.at))
  }

  dismiss(scanId) {
    return this.run(['conflicts'], 'readwrite', async conflicts => conflicts.delete(scanId))
  }

  /** The list goes, because another link or none may see it. What was done here stays. */
  forgetList() {
    return this.run(['tickets', 'meta'], 'readwrite', async (tickets, meta) => {
      tickets.clear()
      meta.clear()
    })
  }
}

/** The store of an event, or null where the browser keeps nothing: then there is no offline. */
export async function openStore(eventId) {
  try {
    const name = `events-door-${eventId}`
    const store = new Store(name, await openDatabase(name))
    await store.pending()
    return store
  } catch {
    return null
  }
}
