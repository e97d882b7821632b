// Tone and vibration of a verdict. Browsers allow sound only after somebody touched the page.

import {el} from './dom.js'
import {keepPref, recallPref} from './prefs.js'
import {update} from './state.js'
import {ui} from './texts.js'

const HIGH_HZ = 880
const LOW_HZ = 220
// [frequency, seconds] one after another; 0 Hz is a pause.
const TONES = {
  good: [[HIGH_HZ, 0.18]],
  warn: [[LOW_HZ, 0.14], [0, 0.08], [LOW_HZ, 0.14]],
  bad: [[LOW_HZ, 0.55]],
  calm: [[LOW_HZ, 0.12]]
}
const VIBRATIONS = {good: [90], warn: [120, 80, 120], bad: [450], calm: [40, 40, 40]}

let context = null
let isMuted = false

function unlock() {
  const Context = window.AudioContext ?? window.webkitAudioContext
  if (!Context) return
  if (!context) {
    context = new Context()
    context.addEventListener('statechange', showLock)
    showLock()
  }
  if (context.state !== 'running') context.resume().catch(() => {})
}

function showLock() {
  update({isSoundLocked: !isMuted && context?.state !== 'running'})
}

function beep(hertz, from, seconds) {
  const voice = context.createOscillator()
  const volume = context.createGain()
  // A square wave carries over music; the ramps keep it from clicking.
  voice.type = 'square'
  voice.frequency.value = hertz
  volume.gain.setValueAtTime(0, from)
  volume.gain.linearRampToValueAtTime(0.5, from + 0.01)
  volume.gain.setValueAtTime(0.5, from + seconds - 0.02)
  volume.gain.linearRampToValueAtTime(0, from + seconds)
  voice.connect(volume).connect(context.destination)
  voice.start(from)
  voice.stop(from + seconds)
}

/** `tone` is good, warn, bad or calm. */
export function play(tone) {
  // Vibration stays when the sound is off: it disturbs nobody else.
  if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.(VIBRATIONS[tone])
  if (isMuted || context?.state !== 'running') return
  let at = context.currentTime
  for (const [hertz, seconds] of TONES[tone]) {
    if (hertz) beep(hertz, at, seconds)
    at += seconds
  }
}

function show() {
  el('sound').setAttribute('aria-pressed', String(!isMuted))
  el('sound').title = isMuted ? ui.soundOff : ui.soundOn
  showLock()
}

export function startSound() {
  isMuted = recallPref('mute') === 'yes'
  show()
  // iPhones suspend sound whenever the page was in the background, so every touch unlocks again.
  for (const kind of ['pointerup', 'keydown']) window.addEventListener(kind, unlock)
  el('sound').addEventListener('click', () => {
    isMuted = !isMuted
    keepPref('mute', isMuted ? 'yes' : 'no')
    show()
    if (!isMuted) play('good')
  })
}
