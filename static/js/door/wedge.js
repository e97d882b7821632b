// Hand scanners that act as a keyboard: a burst of characters, then Enter, into nothing in
// particular. Within a field they type like anybody else.

const GAP_MS = 120
const SHORTEST = 4

const isField = target =>
  target instanceof HTMLTextAreaElement ||
  target instanceof HTMLSelectElement ||
  (target instanceof HTMLInputElement && target.type !== 'radio')

/** Calls `onCode(text)` for each burst, wherever the focus is except in a text field. */
export function listenToWedge(onCode) {
  let text = ''
  let at = 0
  const listen = event => {
    if (isField(event.target) || event.ctrlKey || event.metaKey || event.altKey) return
    if (event.timeStamp - at > GAP_MS) text = ''
    at = event.timeStamp
    if (event.key === 'Enter' || event.key === 'Tab') {
      const code = text
      text = ''
      if (code.length < SHORTEST) return
      // Otherwise it would press the button that has the focus.
      event.preventDefault()
      event.stopPropagation()
      onCode(code)
    } else if (event.key.length === 1) {
      text += event.key
      // A space or a letter that is not the first of a burst is not meant for a button.
      if (text.length > 1) event.preventDefault()
    }
  }
  window.addEventListener('keydown', listen, {capture: true})
}
