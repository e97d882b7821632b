// The visitor's own choice of dark or light, as the host's pages store it. Runs before the first
// paint; without a stored choice the system's wish decides (public.css).
;(() => {
  try {
    const stored = localStorage.getItem('lnbits.darkMode')
    if (stored === '__q_bool|1') document.documentElement.dataset.mode = 'dark'
    if (stored === '__q_bool|0') document.documentElement.dataset.mode = 'light'
  } catch {
    // Storage may be forbidden; then there is no stored choice.
  }
})()
