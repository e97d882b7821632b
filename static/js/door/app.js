// The door page: wires its parts. What each does stands in its own file.

import {makeApi} from './api.js'
import {el} from './dom.js'
import {startFind} from './find.js'
import {admitOrder, enter, trigger, undoLast} from './flow.js'
import {eventIdHere, startGate, takeToken} from './gate.js'
import {stored, version} from './install.js'
import {startLens} from './lens.js'
import {keepPref, recallPref} from './prefs.js'
import {startScreen} from './screen.js'
import {startSound} from './sound.js'
import {door, state, update} from './state.js'
import {openStore} from './store.js'
import {recall, startSync} from './sync.js'
import {MODES} from './texts.js'
import {startView} from './view.js'
import {stayAwake} from './wake.js'
import {listenToWedge} from './wedge.js'

function startDesk(eventId) {
  el('code-form').addEventListener('submit', event => {
    event.preventDefault()
    const {value} = el('code')
    el('code').value = ''
    enter(value)
  })
  el('modes').addEventListener('change', event => {
    update({mode: event.target.value})
    keepPref('mode', state.mode, eventId)
  })
  el('place').addEventListener('change', () => {
    update({place: el('place').value.trim()})
    keepPref('place', state.place, eventId)
  })
  el('undo').addEventListener('click', undoLast)
  el('admit-order').addEventListener('click', admitOrder)
  listenToWedge(trigger)
}

function recallPrefs(eventId) {
  const mode = recallPref('mode', eventId)
  update({mode: mode in MODES ? mode : 'check_in', place: recallPref('place', eventId) ?? ''})
  el(`mode-${state.mode}`).checked = true
  el('place').value = state.place
}

async function start() {
  const eventId = eventIdHere()
  const token = takeToken(eventId)
  Object.assign(door, {eventId, token, version, store: await openStore(eventId)})
  if (token) door.api = makeApi(eventId, token)
  await recall()
  if (!token) update({link: 'join'})
  recallPrefs(eventId)
  startView()
  startGate(eventId)
  startScreen()
  startSound()
  startDesk(eventId)
  startFind()
  stayAwake()
  stored.then(isPageKept => update({isPageKept}))
  if (!token) return
  startSync()
  await startLens()
}

start()
