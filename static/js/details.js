// The second step: while all tickets have the same answers, only the first one asks. Without this
// the other questions stay there and may be left empty.

const same = document.getElementById('same')
const others = document.querySelectorAll('[data-own]')

function showOthers() {
  for (const questions of others) {
    questions.hidden = same.checked
    // What is hidden is not sent, so that nobody's forgotten answer counts.
    for (const field of questions.querySelectorAll('input, select')) field.disabled = same.checked
  }
}

if (same) {
  same.addEventListener('change', showOthers)
  showOthers()
}
