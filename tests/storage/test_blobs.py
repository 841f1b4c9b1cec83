"""Kept files: told by their content, cleaned of what they tell about their maker, kept once, and never half."""

from __future__ import annotations

import os
import stat
import struct
import zlib
from pathlib import Path

import pytest

from storage.blobs import Blob, Blobs, Broken, Unwanted
from tests.pictures import GPS, jpeg, png, webp


def keep(folder: Path, content: bytes) -> Blob:
    incoming = Blobs(folder).begin()
    try:
        for at in range(0, len(content), 100_000):
            incoming.write(content[at : at + 100_000])
        return incoming.keep()
    finally:
        incoming.discard()


def kept(folder: Path, content: bytes) -> bytes:
    path = Blobs(folder).find(keep(folder, content).digest)
    assert path is not None
    return path.read_bytes()


def left_aside(folder: Path) -> list[Path]:
    return list((folder / "incoming").iterdir())


@pytest.mark.parametrize(
    ("content", "mime"),
    [
        (png(), "image/png"),
        (jpeg(), "image/jpeg"),
        (webp(), "image/webp"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "application/pdf"),
        ("HOST: vps  Loss%\n 1.|-- 10.0.0.1  0.0%\nañadido\n".encode(), "text/plain"),
        (b"<13>Nov 22 14:05:01 vps kernel: eth0 down\n", "text/plain"),
        (b"\x1b[31merror\x1b[0m in colour\n", "text/plain"),
        (b"x" * 262_143 + "ñ".encode() * 3, "text/plain"),
    ],
    ids=["png", "jpeg", "webp", "pdf", "mtr", "syslog", "colours", "a letter across a border"],
)
def test_the_type_is_told_by_the_content(tmp_path: Path, content: bytes, mime: str) -> None:
    assert keep(tmp_path, content).mime == mime
    assert left_aside(tmp_path) == []


@pytest.mark.parametrize(
    "content",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"\xef\xbb\xbf \n<?xml version='1.0'?><svg/>",
        b"<!DOCTYPE html><html></html>",
        b"\n\n<HTML><body>hello",
        b"<script>alert(1)</script>",
        b"MZ\x90\x00\x03\x00\x00\x00",
        b"\x7fELF\x02\x01\x01\x00",
        b"PK\x03\x04\x14\x00",
        b"GIF89a\x01\x00\x01\x00",
        b"caf\xe9 in another encoding",
        "log".encode("utf-16"),
        b"half a letter \xc3",
        b"x" * 300_000 + b"\x00",
        b"",
    ],
)
def test_any_other_type_is_refused_and_nothing_stays(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(Unwanted):
        keep(tmp_path, content)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    "content",
    [
        jpeg()[:40],
        b"\xff\xd8\xff\xd9",
        jpeg().replace(b"\xff\xdb", b"\x00\xdb"),
        png()[:60],
        png().replace(b"IDAT", b"XDAT"),
        b"\x89PNG\r\n\x1a\n",
        webp()[:25],
        b"RIFF\x04\x00\x00\x00WEBP",
    ],
)
def test_a_picture_that_is_not_whole_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(Broken):
        keep(tmp_path, content)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


# --- what cameras write into pictures ---


def segments(content: bytes) -> list[tuple[int, bytes]]:
    """Markers of a JPEG with their content, up to the first scan."""
    found, at = [], 2
    while content[at + 1] != 0xDA:
        length = int.from_bytes(content[at + 2 : at + 4], "big")
        found.append((content[at + 1], content[at + 4 : at + 2 + length]))
        at += 2 + length
    return found


def test_a_photograph_keeps_its_picture_and_which_way_up_it_is(tmp_path: Path) -> None:
    original = jpeg(orientation=6)
    assert GPS in original
    assert b"Camera" in original
    clean = kept(tmp_path, original)
    assert GPS not in clean
    assert b"Camera" not in clean
    assert b"xmp" not in clean
    assert b"a comment" not in clean
    assert b"film" not in clean  # what followed the end of the picture
    same = {0xDB, 0xC2, 0xC4, 0xDD, 0xEE}
    assert [part for part in segments(clean) if part[0] in same] == [part for part in segments(original) if part[0] in same]
    assert (0xE2, b"ICC_PROFILE\0\x01\x01colours") in segments(clean)
    # both scans, bit for bit
    start, end = original.index(b"\xff\xda"), original.index(b"\xff\xd9")
    assert clean[clean.index(b"\xff\xda") :] == original[start : end + 2]
    (exif,) = (content for marker, content in segments(clean) if marker == 0xE1)
    assert exif[:10] == b"Exif\0\0MM\0*"
    count, tag, kind, number, value = struct.unpack(">HHHIH", exif[14:26])
    assert (count, tag, kind, number, value) == (1, 0x0112, 3, 1, 6)
    assert len(exif) == 32


def test_what_is_clean_stays_as_it_is(tmp_path: Path) -> None:
    for original in (jpeg(orientation=3), png(), webp()):
        once = kept(tmp_path, original)
        assert kept(tmp_path, once) == once


def test_an_upright_photograph_has_no_exif_at_all(tmp_path: Path) -> None:
    assert 0xE1 not in dict(segments(kept(tmp_path, jpeg(orientation=1))))


def test_a_screenshot_loses_its_texts_and_keeps_its_pixels(tmp_path: Path) -> None:
    original = png()
    clean = kept(tmp_path, original)
    for secret in (b"Author", GPS, b"tIME", b"after the end"):
        assert secret in original
        assert secret not in clean
    kinds, pixels, at = [], b"", 8
    while at < len(clean):
        length = int.from_bytes(clean[at : at + 4], "big")
        kind, content = clean[at + 4 : at + 8], clean[at + 8 : at + 8 + length]
        assert int.from_bytes(clean[at + 8 + length : at + 12 + length], "big") == zlib.crc32(kind + content)
        kinds.append(kind)
        pixels += content if kind == b"IDAT" else b""
        at += 12 + length
    assert kinds == [b"IHDR", b"gAMA", b"IDAT", b"IDAT", b"IEND"]
    assert zlib.decompress(pixels) == (b"\0" + b"\x20\x60\xa0" * 8) * 8


def test_a_webp_loses_its_exif_and_says_so(tmp_path: Path) -> None:
    original = webp()
    clean = kept(tmp_path, original)
    assert GPS in original
    assert GPS not in clean
    assert b"XMP " not in clean
    assert int.from_bytes(clean[4:8], "little") == len(clean) - 8
    assert clean[12:16] == b"VP8X"
    assert clean[20] == 0x20  # only the colour profile is left of what was announced
    assert b"VP8L" in clean
    assert b"ICCP" in clean


# --- keeping ---


def test_a_file_is_kept_once_for_its_owner_alone(tmp_path: Path) -> None:
    one, two = keep(tmp_path, b"the same log\n"), keep(tmp_path, b"the same log\n")
    assert one == two == Blob(one.digest, "text/plain", 13)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files == [tmp_path / one.digest[:2] / one.digest[2:]]
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600


def test_only_a_digest_finds_a_file(tmp_path: Path) -> None:
    digest = keep(tmp_path, b"a log\n").digest
    blobs = Blobs(tmp_path)
    assert blobs.find(digest) == blobs.find(f"{digest}.proof") != None  # noqa: E711
    for wrong in ("", "../" * 10, digest[:63], digest + "0", digest.upper(), "0" * 64, f"{digest[:2]}/{digest[2:]}"):
        assert blobs.find(wrong) is None


def test_what_a_crash_left_is_removed_after_a_day_and_nothing_else(tmp_path: Path) -> None:
    blob = keep(tmp_path, b"a log\n")
    incoming = Blobs(tmp_path).begin()
    incoming.write(b"half a")
    (half,) = left_aside(tmp_path)
    now = round(half.stat().st_mtime * 1000)
    assert Blobs(tmp_path).tidy(now + 3_600_000) == 0
    os.utime(tmp_path / blob.digest[:2] / blob.digest[2:], (0, 0))
    assert Blobs(tmp_path).tidy(now + 90_000_000) == 1
    assert left_aside(tmp_path) == []
    assert Blobs(tmp_path).find(blob.digest) is not None
    incoming.discard()
