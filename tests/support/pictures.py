"""Pictures as people upload them, and as attackers do."""

import struct
import zlib
from functools import cache
from io import BytesIO

from PIL import Image, PngImagePlugin

ORIENTATION = 0x0112
RED, BLUE = (255, 0, 0), (0, 0, 255)


def two_halves(width: int = 64, height: int = 32) -> Image.Image:
    """The left half red, the right half blue."""
    image = Image.new("RGB", (width, height), BLUE)
    image.paste(RED, (0, 0, width // 2, height))
    return image


def encoded(image: Image.Image, kind: str, **how: object) -> bytes:
    out = BytesIO()
    image.save(out, format=kind, **how)
    return out.getvalue()


def picture(kind: str = "PNG", width: int = 64, height: int = 32) -> bytes:
    return encoded(two_halves(width, height), kind)


def turned_jpeg() -> bytes:
    """Lies on its side; the camera's note (with where it was taken) says so."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif[0x010E] = "at home"
    return encoded(two_halves(), "JPEG", exif=exif, comment=b"nobody's business", quality=95)


def noted_png() -> bytes:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", "nobody's business")
    return encoded(two_halves(), "PNG", pnginfo=notes)


def phone_jpeg() -> bytes:
    """Two pictures in one file, as phones make them (MPO)."""
    second = two_halves(32, 16)
    return encoded(two_halves(), "MPO", save_all=True, append_images=[second])


def animated(kind: str, frames: int = 3) -> bytes:
    others = [Image.new("RGB", (64, 32), (number, 0, 0)) for number in range(1, frames)]
    return encoded(two_halves(), kind, save_all=True, append_images=others, duration=50)


def bomb_png(width: int = 20_000, height: int = 20_000) -> bytes:
    """Some kilobytes that unpack to a gigabyte: all pixels are black."""
    row = b"\0" * (1 + width * 3)
    packer = zlib.compressobj(9)
    # Some of the rows: the size is told in front, and enough to refuse it.
    pixels = b"".join(packer.compress(row) for _ in range(height // 100)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _END


def _chunk(name: bytes, data: bytes) -> bytes:
    body = name + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


_END = _chunk(b"IEND", b"")


def text_bomb_png() -> bytes:
    """A small picture with a note that unpacks to 80 MB."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(b"\0" * 2**20) for _ in range(80)) + packer.flush()
    plain = picture("PNG")
    return plain[:33] + _chunk(b"zTXt", b"Comment\0\0" + packed) + plain[33:]


def huge_webp() -> bytes:
    """Its header (VP8X) says 16384 x 16384; there is next to nothing behind it."""
    side = (16_383).to_bytes(3, "little")
    head = b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + side + side
    plain = picture("WEBP")[12:]
    body = b"WEBP" + head + plain
    return b"RIFF" + struct.pack("<I", len(body)) + body


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
ZIP = b"PK\x03\x04" + b"\0" * 60 + b"PK\x05\x06" + b"\0" * 18


@cache
def bad_pictures() -> dict[str, bytes]:
    """What must be refused, by name."""
    png, jpeg, webp = picture("PNG"), picture("JPEG"), picture("WEBP")
    script = encoded(two_halves(), "JPEG", comment=b"<script>alert(1)</script>")
    return {
        "nothing": b"",
        "text": b"hello",
        "svg": SVG,
        "svg with a declaration": b'<?xml version="1.0"?>' + SVG,
        "gif": encoded(two_halves(), "GIF"),
        "bmp": encoded(two_halves(), "BMP"),
        "tiff": encoded(two_halves(), "TIFF"),
        "pdf": encoded(two_halves(), "PDF"),
        "png that is a zip, too": png + ZIP,
        "jpeg that is a zip, too": jpeg + ZIP,
        "jpeg followed by half a jpeg": jpeg + b"\xff\xd8" + ZIP,
        "webp that is a page, too": webp + b"<html><body>hi</body></html>",
        "webp with more than it says": webp + b"more",
        "jpeg with a script": script,
        "pdf that is a jpeg, too": jpeg[:2] + b"\xff\xfe\0\x0a%PDF-1.7" + jpeg[2:],
        "cut png": png[:-30],
        "cut jpeg": picture("JPEG", 400, 400)[:-400],
        "cut webp": webp[: len(webp) // 2],
        "head of a png": png[:40],
        "damaged png": png[:60] + bytes([png[60] ^ 255]) + png[61:],
        "moving png": animated("PNG"),
        "moving webp": animated("WEBP"),
        "bomb": bomb_png(),
        "bomb under the host's own bound": bomb_png(7000, 7000),
        "bomb of text": text_bomb_png(),
        "huge webp": huge_webp(),
    }
