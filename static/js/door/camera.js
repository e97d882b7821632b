// The camera behind a <video>: start, stop, switch, torch, and a loop over its frames.

const SIZE = {width: {ideal: 1280}, height: {ideal: 720}}
const CHOICE = 'events.door.camera'
const PROBLEMS = {
  NotAllowedError: 'denied',
  SecurityError: 'denied',
  NotFoundError: 'missing',
  NotReadableError: 'busy',
  AbortError: 'busy'
}

/**
 * A camera that shows itself in `video`. Nothing here throws; `onState` is told what happens:
 *
 * `starting`, `live`, `stopped`, or why there is no picture: `insecure` (no HTTPS), `denied`,
 * `missing` (no camera), `busy` (another program has it), `lost` (it was taken away), `failed`.
 * A lost camera is tried again when a device is plugged in or the page is looked at again.
 *
 * `devices` is `[{id, label}]`, known once the camera was live; `hasTorch` belongs to the one in
 * use. `torch(on)` resolves with whether the light now is as wished.
 */
export function openCamera(video, {onState = () => {}} = {}) {
  let stream = null
  let devices = []
  let isWanted = false
  // Each start and stop takes a number: an answer that comes after a later one counts no more.
  let turn = 0
  let starting = 0

  const track = () => stream?.getVideoTracks()[0]

  function release() {
    turn += 1
    stop(stream)
    stream = null
    video.srcObject = null
    return turn
  }

  async function start() {
    isWanted = true
    const mine = (starting = release())
    if (!navigator.mediaDevices?.getUserMedia) {
      onState(isSecureContext ? 'missing' : 'insecure')
      return
    }
    onState('starting')
    try {
      const opened = await anyCamera()
      if (mine !== turn) return stop(opened)
      await show(opened)
    } catch (error) {
      if (mine !== turn) return
      release()
      onState(PROBLEMS[error.name] ?? 'failed')
    } finally {
      if (starting === mine) starting = 0
    }
  }

  async function show(opened) {
    const mine = turn
    stream = opened
    track().addEventListener('ended', () => {
      if (stream !== opened) return
      release()
      onState('lost')
    })
    // iPhones play a video in the page only with both.
    video.muted = video.playsInline = true
    video.srcObject = opened
    await video.play()
    devices = await cameras()
    if (mine === turn) onState('live')
  }

  function retry() {
    if (!isWanted || starting || document.visibilityState !== 'visible') return
    // Phones pause what they do not show.
    if (stream) video.play().catch(() => {})
    else start()
  }
  document.addEventListener('visibilitychange', retry)
  navigator.mediaDevices?.addEventListener?.('devicechange', retry)

  return {
    start,
    stop() {
      isWanted = false
      release()
      onState('stopped')
    },
    switchTo(id) {
      remember(id)
      return start()
    },
    get devices() {
      return devices
    },
    get hasTorch() {
      return Boolean(track()?.getCapabilities?.().torch)
    },
    async torch(on) {
      try {
        await track().applyConstraints({advanced: [{torch: on}]})
        return true
      } catch {
        return false
      }
    }
  }
}

/**
 * Calls `work(video)` with one frame after another, never with two at a time, until the returned
 * function is called. It rests as long as it works, so that a slow phone stays usable.
 */
export function eachFrame(video, work) {
  let isOn = true
  const frame = () =>
    new Promise(resolve => {
      if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(resolve)
      else requestAnimationFrame(resolve)
    })

  async function run() {
    while (isOn) {
      await frame()
      const began = performance.now()
      try {
        if (isOn && video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) await work(video)
      } catch (error) {
        console.error(error)
      }
      const tookMs = performance.now() - began
      await new Promise(resolve => setTimeout(resolve, tookMs))
    }
  }
  run()
  return () => {
    isOn = false
  }
}

/** The camera that was chosen last, else the one on the back of a phone, else any. */
async function anyCamera() {
  const id = remembered()
  if (id) {
    try {
      return await opened({deviceId: {exact: id}})
    } catch (error) {
      if (!['OverconstrainedError', 'NotFoundError'].includes(error.name)) throw error
    }
  }
  return opened({facingMode: {ideal: 'environment'}})
}

function opened(which) {
  return navigator.mediaDevices.getUserMedia({video: {...SIZE, ...which}, audio: false})
}

async function cameras() {
  const found = (await navigator.mediaDevices.enumerateDevices?.()) ?? []
  return found
    .filter(device => device.kind === 'videoinput')
    .map((device, index) => ({id: device.deviceId, label: device.label || `Camera ${index + 1}`}))
}

function stop(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop()
}

function remembered() {
  try {
    return localStorage.getItem(CHOICE)
  } catch {
    return null
  }
}

function remember(id) {
  try {
    localStorage.setItem(CHOICE, id)
  } catch {
    // Storage may be forbidden; then the choice lasts as long as the page.
  }
}
