"""Draw an uploaded picture anew, so that nothing but its pixels goes on. Pure; takes a while."""

import re
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageOps

from ..errors import InvalidImage

MAX_PIXELS = 40_000_000
MAX_SIDE = 1600
_TOO_BIG = f"The picture may have at most {MAX_PIXELS // 10**6} megapixels."
_FORMATS = ("JPEG", "PNG", "WEBP")
# A JPEG with further pictures in it (phones make such); the first is the picture.
_JPEGS = frozenset({"JPEG", "MPO"})
_QUALITIES = (85, 70, 50, 30)
# What browsers, printers and servers would run if they took the file for something else.
_FOREIGN = re.compile(rb"<script|<html|<\?php|<!doctype|%PDF-", re.IGNORECASE)
_PNG_END = b"\0\0\0\0IEND\xae\x42\x60\x82"


@dataclass(frozen=True)
class Picture:
    """A file of ours: JPEG or PNG, without any data beside the pixels."""

    data: bytes
    mime_type: str

    @property
    def name(self) -> str:
        return "ticket.png" if self.mime_type == "image/png" else "ticket.jpg"


def redraw(raw: bytes, max_bytes: int) -> Picture:
    """A JPEG, PNG or WebP drawn anew: upright, at most 1600 pixels wide and high, and at most
    `max_bytes` long. Raises InvalidImage for all that is not one whole still picture."""
    try:
        return _redrawn(raw, max_bytes)
    except InvalidImage:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as exc:
        raise InvalidImage(_TOO_BIG) from exc
    except Exception as exc:  # Pillow raises whatever a broken file leads it to
        raise InvalidImage("The picture is damaged, or not a JPEG, PNG or WebP.") from exc


def _redrawn(raw: bytes, max_bytes: int) -> Picture:
    with Image.open(BytesIO(raw), formats=_FORMATS) as checked:
        # Only the header has been read so far: nothing big is in memory yet.
        _check_size(checked)
        _check_still(checked)
        _check_alone(raw, str(checked.format))
        checked.verify()
    with Image.open(BytesIO(raw), formats=_FORMATS) as opened:
        # A JPEG can be read at a fraction of its size, which spares most of the memory.
        opened.draft("RGB", (MAX_SIDE, MAX_SIDE))
        opened.load()
        drawn = _plain(opened)
        was_png = opened.format == "PNG"
    drawn.thumbnail((MAX_SIDE, MAX_SIDE))
    turned = ImageOps.exif_transpose(drawn)
    # Comments and colour profiles would be written again with it.
    turned.info = {}
    return _encoded(turned, was_png, max_bytes)


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise InvalidImage(_TOO_BIG)


def _check_still(image: Image.Image) -> None:
    if image.format not in _JPEGS and getattr(image, "n_frames", 1) > 1:
        raise InvalidImage("The picture may not move: please save a single frame.")


def _plain(image: Image.Image) -> Image.Image:
    """Whatever its colours are stored as."""
    if image.mode.startswith("I"):
        # 16 bits of grey: as they are, all but the darkest would be white.
        return image.convert("I").point(lambda grey: grey / 256).convert("L").convert("RGB")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _encoded(image: Image.Image, was_png: bool, max_bytes: int) -> Picture:
    if was_png or image.mode == "RGBA":
        data = _saved(image, format="PNG", optimize=True)
        if len(data) <= max_bytes:
            return Picture(data, "image/png")
    flat = _on_white(image) if image.mode == "RGBA" else image
    for quality in _QUALITIES:
        data = _saved(flat, format="JPEG", quality=quality)
        if len(data) <= max_bytes:
            return Picture(data, "image/jpeg")
    raise InvalidImage("The picture is too big for this host.")


def _on_white(image: Image.Image) -> Image.Image:
    paper = Image.new("RGB", image.size, "white")
    paper.paste(image, mask=image.getchannel("A"))
    return paper


def _saved(image: Image.Image, **how: object) -> bytes:
    out = BytesIO()
    image.save(out, **how)  # type: ignore[arg-type]
    return out.getvalue()


def _check_alone(raw: bytes, kind: str) -> None:
    """Raises InvalidImage when the file is something else as well, or holds more than it shows."""
    if _FOREIGN.search(raw) or raw[_END_OF[kind](raw) :].strip(b"\0\r\n "):
        raise InvalidImage("The file holds more than a picture. Please save it as a plain one.")


def _png_end(raw: bytes) -> int:
    # Chunks are not walked: verify() does, and reads to the first end.
    found = raw.find(_PNG_END)
    return len(raw) if found < 0 else found + len(_PNG_END)


def _webp_end(raw: bytes) -> int:
    return int.from_bytes(raw[4:8], "little") + 8


def _jpeg_end(raw: bytes) -> int:
    return _one_jpeg(raw, 0)


def _mpo_end(raw: bytes) -> int:
    """Several pictures follow each other, with padding in between."""
    end = 0
    while raw.startswith(b"\xff\xd8", end) and (further := _one_jpeg(raw, end)):
        end = further
        while raw.startswith(b"\0", end):
            end += 1
    return end


def _one_jpeg(raw: bytes, start: int) -> int:
    """Where the JPEG picture that begins there ends (ITU T.81, B.1); 0 when it does not."""
    position = start + 2
    while position < len(raw) - 1:
        mark = raw[position + 1]
        if raw[position] != 0xFF:
            # Inside pixels: to the next mark that is not a stuffed byte or a restart.
            found = _MARK.search(raw, position)
            position = found.start() if found else len(raw)
        elif mark == 0xD9:
            return position + 2
        elif mark == 0xFF:
            position += 1
        elif mark in _BARE:
            position += 2
        else:
            position += 2 + int.from_bytes(raw[position + 2 : position + 4], "big")
    return 0


_MARK = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)
_BARE = frozenset({0x00, 0x01, *range(0xD0, 0xD8)})
_END_OF = {"JPEG": _jpeg_end, "MPO": _mpo_end, "PNG": _png_end, "WEBP": _webp_end}
