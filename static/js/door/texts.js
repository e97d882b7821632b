// Every text the door page says. Times come in as ready words.

export const RESULTS = {
  admitted: {tone: 'good', icon: 'check', word: 'Valid'},
  access_granted: {tone: 'good', icon: 'check', word: 'Access'},
  left: {tone: 'good', icon: 'out', word: 'Checked out'},
  already_used: {tone: 'warn', icon: 'again', word: 'Already used'},
  not_yet_valid: {tone: 'warn', icon: 'clock', word: 'Not yet valid'},
  not_checked_in: {tone: 'warn', icon: 'out', word: 'Not checked in'},
  wrong_event: {tone: 'bad', icon: 'cross', word: 'Wrong event'},
  cancelled: {tone: 'bad', icon: 'cross', word: 'Cancelled'},
  refunded: {tone: 'bad', icon: 'cross', word: 'Refunded'},
  unpaid: {tone: 'bad', icon: 'cross', word: 'Not paid'},
  expired: {tone: 'bad', icon: 'clock', word: 'Expired'},
  unknown: {tone: 'bad', icon: 'question', word: 'Unknown'},
  not_a_ticket: {tone: 'calm', icon: 'question', word: 'Not a ticket'},
  no_connection: {tone: 'calm', icon: 'unplugged', word: 'No connection'},
  not_kept: {tone: 'calm', icon: 'unplugged', word: 'Not stored'},
  refused: {tone: 'calm', icon: 'question', word: 'Not accepted'}
}

export const DETAILS = {
  wrong_event: 'This ticket is for another event.',
  cancelled: 'This ticket does not open the door any more.',
  refunded: 'The money went back, so this ticket does not open the door.',
  unpaid: 'This order was never paid.',
  unknown: 'No such ticket exists.',
  not_a_ticket: 'This code is something else.',
  not_checked_in: 'This guest is not inside.',
  left: 'The guest may go.',
  no_connection: 'The ticket was not checked. Try again, or use another device.',
  not_kept: 'This device has no room to store the scan, so it did not decide.'
}

export const detail = {
  usedAt: (time, by) => (by ? `Let in at ${time} by ${by}.` : `Let in at ${time}.`),
  usedBefore: time => `Let in before ${time}. When and where is not known offline.`,
  notListed: time => `Not on this device's list of ${time}. It may have been sold since.`,
  validFrom: time => `Valid from ${time}.`,
  validUntil: time => `It was valid until ${time}.`,
  othersIn: n => `${n} more of this order let in.`,
  group: (admitted, all) => `${admitted} of ${all} of this order are in.`,
  number: n => `No. ${n}`,
  organiser: 'the organiser',
  thisDevice: name => `${name} (this device)`
}

export const MODES = {check_in: 'Check in', check_out: 'Check out', access: 'Access'}
export const MODE_LOUD = {
  check_out: 'CHECK OUT: scanned guests leave.',
  access: 'ACCESS: tickets are looked at, nobody is checked in.'
}

export const ui = {
  checkedOffline: 'Checked offline',
  next: 'Next',
  tryAgain: 'Try again',
  undo: seconds => `Undo (${seconds})`,
  undone: 'Taken back.',
  notUndone: why => `Not taken back: ${why}`,
  noServer: 'the server cannot be reached.',
  admitOrder: n => `Admit the other ${n} of this order`,
  starting: 'Connecting',
  online: 'Online',
  offline: 'Offline',
  noConnection: 'No connection',
  notReady: 'Storing page and guest list on this device. Not ready to work offline yet.',
  notKept: 'This browser does not keep the page: do not reload or close it while offline.',
  noStore: 'This browser stores nothing here, so this device cannot work offline.',
  noHash: 'Without https this page cannot work offline.',
  offlineTitle: 'OFFLINE',
  offlineText: 'This device decides by its own list.',
  sendingTitle: 'BACK ONLINE',
  sendingText: n => `Sending ${n} ${n === 1 ? 'scan' : 'scans'}.`,
  noConnectionTitle: 'NO CONNECTION',
  mayNot: 'This device may not check tickets offline.',
  noList: 'This device has no guest list yet and cannot check tickets.',
  waiting: n => `${n} ${n === 1 ? 'scan waits' : 'scans wait'} to be sent.`,
  lastSync: time => `Last sync ${time}.`,
  neverSynced: 'Never synced.',
  in: 'in',
  inside: 'inside',
  lastMinute: 'last minute',
  conflictsTitle: n => (n === 1 ? '1 conflict' : `${n} conflicts`),
  dismiss: 'Dismiss',
  soundLocked: 'Touch the page once, so that it may make sounds.',
  version: version => `Page version ${version}`,
  soundOn: 'Sound is on',
  soundOff: 'Sound is off',
  torchOn: 'Light is on',
  torchOff: 'Light is off',
  noResults: text => `Nobody found for “${text}”.`,
  found: n => (n === 1 ? '1 guest found' : `${n} guests found`),
  moreFound: (shown, all) => `${shown} of ${all} found. Type more to narrow it down.`,
  findOffline: 'Searching needs a connection.',
  order: n => `order of ${n}`,
  scanIt: 'Scan',
  scanGuest: name => `Scan the ticket of ${name}`,
  nameless: 'No name'
}

export const CAMERA = {
  starting: 'Starting the camera.',
  live: '',
  stopped: 'The camera is off.',
  insecure: 'No camera without https. Type the code, or use a hand scanner.',
  denied: 'The camera is not allowed. Allow it in the browser’s settings for this page.',
  missing: 'No camera found. Type the code, or use a hand scanner.',
  busy: 'Another program is using the camera.',
  lost: 'The camera was taken away.',
  failed: 'The camera does not start.',
  blind: 'This browser cannot read codes. Type the code, or use a hand scanner.'
}

export const BARRED = {
  scanner_revoked: 'This scanner was revoked by the organiser.',
  scanner_expired: 'This scanner’s time is over.',
  forbidden: 'This link does not open the door of this event.',
  unauthorized: 'This link does not open the door of this event.'
}

export const join = {
  title: 'Join this door',
  text: 'Scan the organiser’s QR code with this device’s camera app, or paste the link here.',
  barredTitle: 'This device may not scan',
  barredText: 'Ask the organiser for a new link.',
  kept: n => `${ui.waiting(n)} That happens after joining again.`,
  bad: 'This is neither a door link nor a token.',
  otherEvent: 'This link is for another event.'
}

// What the server objected to after the fact; `word` names the outcome.
export const conflict = {
  twice: (time, firstTime, by) =>
    `Let in here at ${time}, but already let in at ${firstTime}${by ? ` by ${by}` : ''}.`,
  elsewhere: time => `Let in here at ${time}, and by another device as well.`,
  untimely: time => `Let in here at ${time}, but not valid then.`,
  barred: (time, word) => `Let in here at ${time}, but the ticket is: ${word}.`,
  refused: (time, why) => `The scan of ${time} was not accepted: ${why}`,
  undo: (time, why) => `The undo of ${time} was not accepted: ${why}`,
  unknownTicket: 'A ticket'
}
