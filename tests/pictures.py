"""Small real pictures with everything in them that a camera or an editor writes: place, device, comments, and more after the end."""

from __future__ import annotations

import struct
import zlib

GPS = b"N\x00\x00\x00\x28\x00\x00\x00\x01\x00\x00\x00\x19"
"""Part of a position, as it stands in an Exif block."""


def exif(orientation: int) -> bytes:
    """A TIFF block, little-endian: Make, Orientation, and a GPS directory."""
    make = b"Camera Maker\0"
    entries = (
        struct.pack("<HHII", 0x010F, 2, len(make), 8 + 2 + 3 * 12 + 4)
        + struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
        + struct.pack("<HHII", 0x8825, 4, 1, 100)
    )
    return b"II*\0" + struct.pack("<IH", 8, 3) + entries + struct.pack("<I", 0) + make + b"\0" * 32 + GPS


def jpeg(orientation: int = 6) -> bytes:
    """Segments as in a progressive JPEG of a telephone, with two scans, restart markers, a colour profile, and a film behind it."""

    def segment(marker: int, content: bytes) -> bytes:
        return bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content

    return b"".join(
        (
            b"\xff\xd8",
            segment(0xE0, b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0"),
            segment(0xE1, b"Exif\0\0" + exif(orientation)),
            segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>"),
            segment(0xE2, b"ICC_PROFILE\0\x01\x01colours"),
            segment(0xE2, b"MPF\0more pictures"),
            segment(0xED, b"Photoshop 3.0\0"),
            segment(0xEE, b"Adobe\0\x64\0\0\0\0\x01"),
            segment(0xFE, b"a comment"),
            segment(0xDB, b"\0" + bytes(range(1, 65))),
            segment(0xC2, b"\x08\0\x08\0\x08\x01\x01\x11\0"),
            segment(0xDD, b"\0\x01"),
            segment(0xC4, b"\0" + b"\x01" + b"\0" * 15 + b"\x05"),
            segment(0xDA, b"\x01\x01\0\0\0\0"),
            b"\x12\xff\x00\x34\xff\xd0\x56",
            segment(0xC4, b"\x10" + b"\x01" + b"\0" * 15 + b"\x01"),
            segment(0xDA, b"\x01\x01\0\x01\x3f\0"),
            b"\x78\x9a\xff\x00",
            b"\xff\xd9",
            b"film with a place in it",
        )
    )


def png() -> bytes:
    """8 by 8 pixels of one colour."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    pixels = zlib.compress((b"\0" + b"\x20\x60\xa0" * 8) * 8)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)),
            chunk(b"gAMA", struct.pack(">I", 45455)),
            chunk(b"tEXt", b"Author\0Ana"),
            chunk(b"eXIf", exif(1)),
            chunk(b"tIME", b"\x07\xea\x0b\x16\x0e\x05\x00"),
            chunk(b"IDAT", pixels[:10]),
            chunk(b"IDAT", pixels[10:]),
            chunk(b"IEND", b""),
            b"after the end",
        )
    )


def webp() -> bytes:
    """A lossless picture in the extended format, with a colour profile, Exif and XMP."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)

    body = b"".join(
        (
            chunk(b"VP8X", bytes((0x20 | 0x08 | 0x04, 0, 0, 0)) + b"\x07\0\0\x07\0\0"),
            chunk(b"ICCP", b"profile"),
            chunk(b"VP8L", b"\x2f\x07\xc0\x01\x00\x07\x10\xfd\x8f\xfe\x07\x22"),
            chunk(b"EXIF", exif(1)),
            chunk(b"XMP ", b"<x:xmpmeta/>"),
        )
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
