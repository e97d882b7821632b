// The camera part of the page: picture, codes in it, light, choice of camera.

import {eachFrame, openCamera} from './camera.js'
import {makeDecoder} from './decoder.js'
import {el, setText} from './dom.js'
import {sight} from './flow.js'
import {state, update, watch} from './state.js'
import {CAMERA, ui} from './texts.js'

let camera = null
let decoder = null
let stopReading = null
let isLit = false

const isWithoutDecoder = () => (decoder?.kind ?? 'none') === 'none'

function showTools(isLive) {
  el('camera-start').hidden = isLive
  el('camera-stop').hidden = !isLive
  el('torch').hidden = !isLive || !camera.hasTorch
  el('switch').hidden = !isLive || camera.devices.length < 2
}

function showLight(isOn) {
  isLit = isOn
  el('torch').setAttribute('aria-pressed', String(isOn))
  el('torch').title = isOn ? ui.torchOn : ui.torchOff
}

async function read(video) {
  // While this device may not scan, what it sees is nobody's business.
  if (state.link === 'join' || state.link === 'blocked') return
  const codes = await decoder.read(video)
  if (codes.length) sight(codes)
}

function onState(what) {
  const isLive = what === 'live'
  update({isCameraOn: isLive})
  el('lens').dataset.camera = what
  const isBlind = isLive && isWithoutDecoder()
  setText(el('camera-says'), isBlind ? CAMERA.blind : (CAMERA[what] ?? CAMERA.failed))
  showTools(isLive)
  showLight(false)
  stopReading?.()
  stopReading = isLive && !isBlind ? eachFrame(el('video'), read) : null
}

async function start() {
  // Asked for again when there was none: it may have been the network that was missing.
  if (isWithoutDecoder()) decoder = await makeDecoder()
  await camera.start()
}

function nextCamera() {
  const ids = camera.devices.map(device => device.id)
  const current = el('video').srcObject?.getVideoTracks()[0]?.getSettings().deviceId
  return camera.switchTo(ids[(ids.indexOf(current) + 1) % ids.length])
}

async function isAllowedAlready() {
  try {
    return (await navigator.permissions.query({name: 'camera'})).state === 'granted'
  } catch {
    // Not every browser tells; then somebody presses the button.
    return false
  }
}

export async function startLens() {
  camera = openCamera(el('video'), {onState})
  el('camera-start').addEventListener('click', start)
  el('camera-stop').addEventListener('click', () => camera.stop())
  el('switch').addEventListener('click', nextCamera)
  el('torch').addEventListener('click', async () => {
    if (await camera.torch(!isLit)) showLight(!isLit)
  })
  watch(() => {
    if (state.link === 'blocked' && state.isCameraOn) camera.stop()
  })
  window.addEventListener('online', () => {
    if (state.isCameraOn && isWithoutDecoder()) start()
  })
  if (!isSecureContext) onState('insecure')
  else if (await isAllowedAlready()) await start()
}
