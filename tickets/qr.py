"""QR codes: always black on white, level M, four modules of quiet zone, no logo.

Encoding is left to a library: `qrcode` where it is vendored or installed, else the host's
`pyqrcode`. Both are pure Python and take tens of milliseconds: call these from a thread.
"""

import functools
import io
from html import escape

import pyqrcode
from PIL import Image

from .vendored import find

qrcode = find("qrcode")

QUIET = 4
_PNG_SCALE = 10
# Both caches are bounded by count; entries are a few kilobytes each.
_CACHED = 512

Matrix = tuple[tuple[bool, ...], ...]


def ticket_uri(ticket_id: str) -> str:
    """What a ticket's code holds, as in 1.6.9."""
    return f"ticket://{ticket_id}"


@functools.lru_cache(_CACHED)
def ticket_qr_png(ticket_id: str) -> bytes:
    """PNG, one bit per pixel, ten pixels a module."""
    matrix = _with_quiet_zone(_modules(ticket_uri(ticket_id)))
    image = Image.new("1", (len(matrix), len(matrix)), 1)
    image.putdata([0 if dark else 255 for row in matrix for dark in row])
    side = len(matrix) * _PNG_SCALE
    out = io.BytesIO()
    image.resize((side, side), Image.Resampling.NEAREST).save(out, "PNG", optimize=True)
    return out.getvalue()


@functools.lru_cache(_CACHED)
def qr_svg(text: str, label: str) -> str:
    """As `fresh_qr_svg`, and kept: pages are asked for more than once."""
    return fresh_qr_svg(text, label)


def fresh_qr_svg(text: str, label: str) -> str:
    """Inline SVG with `label` as its accessible name; scales with its box. Nothing is kept."""
    matrix = _with_quiet_zone(_modules(text))
    side = len(matrix)
    return (
        f'<svg class="qr-image" role="img" aria-label="{escape(label)}"'
        f' viewBox="0 0 {side} {side}" shape-rendering="crispEdges"'
        ' xmlns="http://www.w3.org/2000/svg">'
        f'<path fill="#fff" d="M0 0h{side}v{side}H0z"/>'
        f'<path fill="#000" d="{_path(matrix)}"/></svg>'
    )


def _modules(text: str) -> Matrix:
    """The code without quiet zone; True is dark. `text` is ASCII here: ids and invoices."""
    if qrcode is None:
        code = pyqrcode.create(text, error="M").code
    else:
        # Level M explicitly: both libraries default to another one.
        drawing = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, border=0)
        drawing.add_data(text)
        drawing.make(fit=True)
        code = drawing.get_matrix()
    return tuple(tuple(bool(dark) for dark in row) for row in code)


def _with_quiet_zone(code: Matrix) -> Matrix:
    blank = (False,) * (len(code) + 2 * QUIET)
    side = (False,) * QUIET
    return (blank,) * QUIET + tuple(side + row + side for row in code) + (blank,) * QUIET


def _path(matrix: Matrix) -> str:
    """One rectangle per horizontal run of dark modules, as an SVG path."""
    runs = []
    for y, row in enumerate(matrix):
        x = 0
        while x < len(row):
            start = x
            while x < len(row) and row[x]:
                x += 1
            if x > start:
                runs.append(f"M{start} {y}h{x - start}v1h-{x - start}z")
            x += 1
    return "".join(runs)
