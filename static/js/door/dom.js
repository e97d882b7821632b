// Small helpers over the page. Everything is set as text, never as HTML.

export const el = id => document.getElementById(id)

/** Sets a text only when it changed, so that nothing is read out twice. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text
}

export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
  svg.setAttribute('class', 'icon')
  svg.setAttribute('aria-hidden', 'true')
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use')
  use.setAttribute('href', `#i-${name}`)
  svg.append(use)
  return svg
}

/** An element with attributes and children; strings become text. */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
  element.append(...children.filter(child => child !== null && child !== ''))
  return element
}
