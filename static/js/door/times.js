// Times as staff read them: in the event's own time zone.

import {now, state} from './state.js'

function formatter(options) {
  try {
    return new Intl.DateTimeFormat('en-GB', {...options, timeZone: state.event?.timezone})
  } catch {
    // A zone this browser does not know.
    return new Intl.DateTimeFormat('en-GB', options)
  }
}

const deviceZone = Intl.DateTimeFormat().resolvedOptions().timeZone

/** "19:42", with the day when it is not today, and the zone when it is not this device's. */
export function clockTime(moment) {
  const at = new Date(moment)
  const day = {weekday: 'short', day: 'numeric', month: 'short'}
  const isToday = formatter(day).format(at) === formatter(day).format(now())
  const isForeign = state.event && state.event.timezone !== deviceZone
  const time = {hour: '2-digit', minute: '2-digit', ...(isForeign && {timeZoneName: 'short'})}
  return formatter({...(isToday ? {} : day), ...time}).format(at)
}
