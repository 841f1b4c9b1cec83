"""What an uploaded file is, told by its content and never by its name, and a copy of it without what cameras and editors wrote into it.

Pictures lose their metadata segment by segment; what is seen is copied bit for bit (ITU T.81 annex B for JPEG, ISO/IEC 15948 for PNG,
RFC 9649 for WebP).
"""

from __future__ import annotations

import codecs
import re
from mmap import mmap
from typing import BinaryIO, Final

STEP: Final = 262_144
"""Bytes looked at in one go: short enough that the threads of other work get their turn in between."""


class Unwanted(Exception):
    """A file of a type that is not taken."""


class Broken(Exception):
    """A file that begins as a type that is taken, and is not whole."""


def copy_clean(source: mmap, into: BinaryIO) -> str:
    """Write `source` without metadata; the media type. Raises Unwanted or Broken, having perhaps written a part."""
    try:
        if source[:3] == b"\xff\xd8\xff":
            _copy_jpeg(source, into)
            return "image/jpeg"
        if source[:8] == _PNG:
            _copy_png(source, into)
            return "image/png"
        if source[:4] == b"RIFF" and source[8:12] == b"WEBP":
            _copy_webp(source, into)
            return "image/webp"
    except IndexError:
        raise Broken from None
    if source[:5] == b"%PDF-":
        _copy(source, 0, len(source), into)
        return "application/pdf"
    _read_text(source)
    _copy(source, 0, len(source), into)
    return "text/plain"


def _copy(source: mmap, start: int, end: int, into: BinaryIO) -> None:
    for at in range(start, end, STEP):
        into.write(source[at : min(at + STEP, end)])


# --- text ---

# What no log or configuration holds: control characters other than tab, line ends, form feed, and the escapes that colour a terminal.
_BINARY: Final = bytes([*range(0x09), *range(0x0E, 0x1B), *range(0x1C, 0x20), 0x7F])
_NOT_BINARY: Final = bytes(sorted(set(range(256)) - set(_BINARY)))
# What a browser would take for a page (WHATWG MIME Sniffing, 7.1), and XML, which an SVG picture is.
_MARKUP: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*<(?:\?|!--|(?:!doctype|html|head|body|script|style|iframe|svg|title|table|div|font|img|link|meta|math|"
    rb"h1|br|p|a|b)(?![a-z0-9]))",
    re.IGNORECASE,
)


def _read_text(source: mmap) -> None:
    """Raises Unwanted unless it is plain UTF-8 text."""
    if _MARKUP.match(source[:1024]):
        raise Unwanted
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for at in range(0, len(source), STEP):
            part = source[at : at + STEP]
            # Eight times as quick as a regular expression, and nobody else has the interpreter meanwhile.
            if part.translate(None, _NOT_BINARY):
                raise Unwanted
            decoder.decode(part, at + STEP >= len(source))
    except UnicodeDecodeError:
        raise Unwanted from None


# --- JPEG ---

_SCAN: Final = 0xDA
_END: Final = 0xD9
# In compressed data FF is followed by 00, or by a restart marker; anything else ends it.
_AFTER_SCAN: Final = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_ALONE: Final = frozenset((0x00, 0x01, *range(0xD0, 0xD9)))


def _copy_jpeg(source: mmap, into: BinaryIO) -> None:
    """Everything up to the end of the image. What follows it (more pictures, a film, a map position) is left out."""
    into.write(b"\xff\xd8")
    at, seen = 2, False
    while True:
        if source[at] != 0xFF:
            raise Broken
        while source[at + 1] == 0xFF:  # fill bytes
            at += 1
        marker = source[at + 1]
        if marker == _END:
            break
        if marker in _ALONE:
            raise Broken
        length = source[at + 2] << 8 | source[at + 3]
        end = at + 2 + length
        if length < 2 or end > len(source):
            raise Broken
        segment = _segment(marker, source[at + 4 : end])
        if segment is not None:
            into.write(bytes((0xFF, marker)) + (len(segment) + 2).to_bytes(2, "big") + segment)
        at = end
        if marker == _SCAN:
            seen = True
            at = _scan_end(source, end)
            _copy(source, end, at, into)
            if at == len(source):
                break
    if not seen:
        raise Broken
    into.write(b"\xff\xd9")


def _scan_end(source: mmap, start: int) -> int:
    for at in range(start, len(source), STEP):
        # One byte over, so that a marker on the border is seen.
        if found := _AFTER_SCAN.search(source, at, min(at + STEP + 1, len(source))):
            return found.start()
    return len(source)


def _segment(marker: int, content: bytes) -> bytes | None:
    """What is kept of a segment. Application data goes, but for what the picture needs to look as it did."""
    if marker == 0xE0:
        # Without the small copy of the picture that may be in it.
        return content[:12] + b"\0\0" if content[:5] == b"JFIF\0" and len(content) >= 14 else None
    if marker == 0xE1:
        turned = _orientation(content[6:]) if content[:6] == b"Exif\0\0" else 1
        return _TURNED + bytes((turned,)) + b"\0\0\0\0\0\0" if turned != 1 else None
    if marker == 0xE2:
        return content if content[:12] == b"ICC_PROFILE\0" else None
    if marker == 0xEE:
        return content if content[:5] == b"Adobe" else None
    return None if 0xE3 <= marker <= 0xEF or marker == 0xFE else content


# An Exif block (TIFF 6.0, big-endian) of a single entry: 0112, which way up the picture is. Without it photographs would lie on their side.
_TURNED: Final = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"


def _orientation(tiff: bytes) -> int:
    order = {b"II*\0": "little", b"MM\0*": "big"}.get(tiff[:4])
    if order is None:
        return 1

    def number(at: int, size: int) -> int:
        part = tiff[at : at + size]
        return int.from_bytes(part, "little" if order == "little" else "big")

    first = number(4, 4)
    for at in range(first + 2, first + 2 + 12 * min(number(first, 2), 500), 12):
        if number(at, 2) == 0x0112:
            turned = number(at + 8, 2)
            return turned if 1 <= turned <= 8 else 1
    return 1


# --- PNG ---

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_CHUNKS: Final = frozenset(b"IHDR PLTE IDAT IEND tRNS cHRM gAMA iCCP sBIT sRGB bKGD hIST pHYs sPLT cICP mDCV cLLI acTL fcTL fdAT".split())


def _copy_png(source: mmap, into: BinaryIO) -> None:
    """The chunks that make the picture, up to its end; texts, times and Exif are left out."""
    into.write(_PNG)
    at, seen = 8, False
    while True:
        kind = source[at + 4 : at + 8]
        end = at + 12 + int.from_bytes(source[at : at + 4], "big")
        if len(kind) < 4 or end > len(source) or (at == 8) != (kind == b"IHDR"):
            raise Broken
        if kind in _CHUNKS:
            _copy(source, at, end, into)
        elif kind[:1].isupper():  # without this one it could not be drawn
            raise Broken
        seen = seen or kind == b"IDAT"
        at = end
        if kind == b"IEND":
            break
    if not seen:
        raise Broken


# --- WebP ---

_PARTS: Final = frozenset((b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"))
_TELLS: Final = 0x08 | 0x04
"""In VP8X: there is Exif, there is XMP."""


def _copy_webp(source: mmap, into: BinaryIO) -> None:
    size = int.from_bytes(source[4:8], "little")
    stop = min(8 + size, len(source))
    if size < 12 or 8 + size > len(source) + 1:
        raise Broken
    start = into.tell()
    into.write(b"RIFF\0\0\0\0WEBP")
    at, seen = 12, False
    while at + 8 <= stop:
        kind = source[at : at + 4]
        length = int.from_bytes(source[at + 4 : at + 8], "little")
        end = at + 8 + length
        if end > stop:
            raise Broken
        if kind == b"VP8X" and length >= 10:
            into.write(source[at : at + 8] + bytes((source[at + 8] & ~_TELLS,)) + source[at + 9 : end] + b"\0" * (length % 2))
        elif kind in _PARTS:
            _copy(source, at, end, into)
            into.write(b"\0" * (length % 2))
        seen = seen or kind in (b"VP8 ", b"VP8L", b"ANMF")
        at = end + length % 2
    if not seen:
        raise Broken
    whole = into.tell()
    into.seek(start + 4)
    into.write((whole - start - 8).to_bytes(4, "little"))
    into.seek(whole)
