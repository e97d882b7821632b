// A verdict in words: what the screen shows, what is read out, what the strip keeps.

import {state} from './state.js'
import {DETAILS, RESULTS, detail} from './texts.js'
import {clockTime} from './times.js'

const othersIn = ({results = []}) =>
  results.slice(1).filter(each => each.outcome === 'admitted').length

/** The outcome as shown. */
function kindOf(result) {
  // The server calls unknown what is no ticket at all, too.
  if (result.outcome === 'unknown' && result.isTicket === false) return 'not_a_ticket'
  // Of an order the first may be inside already; then it is about the others.
  return othersIn(result) ? 'admitted' : result.outcome
}

function nameOf(by) {
  if (by === 'organiser') return detail.organiser
  return by && by === state.scanner?.name ? detail.thisDevice(by) : by
}

function usedLine(result) {
  if (result.first_check_in_at) {
    return detail.usedAt(clockTime(result.first_check_in_at), nameOf(result.by))
  }
  return result.isOffline ? detail.usedBefore(clockTime(state.syncedAt)) : ''
}

function outcomeLine(kind, result) {
  const {ticket} = result
  if (kind === 'already_used') return usedLine(result)
  if (kind === 'not_yet_valid') return detail.validFrom(clockTime(ticket.valid_from))
  if (kind === 'expired') return detail.validUntil(clockTime(ticket.valid_until))
  if (kind === 'unknown' && result.isOffline) return detail.notListed(clockTime(state.syncedAt))
  return result.detail ?? DETAILS[kind] ?? ''
}

function orderLines(kind, result) {
  const {group} = result
  return [
    result.results && detail.othersIn(othersIn(result)),
    // It counts who came in, which is no news of somebody who goes out.
    group && kind !== 'left' && detail.group(group.admitted, group.tickets)
  ]
}

/** `{kind, tone, icon, word, name, ticket, lines, isOffline}`, all texts but the last. */
export function describe(result) {
  const kind = kindOf(result)
  const {ticket} = result
  const about = [ticket?.package, ticket?.number && detail.number(ticket.number)]
  return {
    kind,
    ...(RESULTS[kind] ?? RESULTS.unknown),
    name: ticket?.name ?? '',
    ticket: about.filter(Boolean).join(' · '),
    lines: [outcomeLine(kind, result), ...orderLines(kind, result)].filter(Boolean),
    isOffline: Boolean(result.isOffline)
  }
}
