"""What a browser's form sends: fields, and files read as they arrive (multipart/form-data, RFC 7578), each within limits."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

FIELDS_LIMIT: Final = 65_536
_FIELDS: Final = 60
_HEAD_LIMIT: Final = 4_096
_BOUNDARY: Final = re.compile(r"multipart/form-data\s*;.*?\bboundary=(?:\"([^\"]{1,70})\"|([^\s;\"]{1,70}))", re.IGNORECASE)
_DISPOSITION: Final = re.compile(r"^content-disposition\s*:\s*form-data\s*((?:;[^\r\n]*)?)$", re.IGNORECASE | re.MULTILINE)
_PARAMETER: Final = re.compile(r";\s*(name|filename)=\"([^\"\r\n]*)\"", re.IGNORECASE)
# Browsers write these three so inside the quotes (HTML, multipart/form-data encoding algorithm).
_WRITTEN: Final = (("%22", '"'), ("%0D", "\r"), ("%0A", "\n"))


class TooLarge(Exception):
    """More arrives than is taken."""


class Malformed(Exception):
    """Not a form as a browser sends it, or cut off in the middle."""


async def fields(request: Request) -> dict[str, str]:
    """A urlencoded form. Raises TooLarge or Malformed."""
    body = bytearray()
    async for chunk in _arriving(request, FIELDS_LIMIT):
        body += chunk
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_FIELDS))
    except ValueError:
        raise Malformed from None


def is_multipart(request: Request) -> bool:
    return _boundary(request) is not None


class Part:
    """One field. `filename` is None where it is no file. `content` is read once, before the next part is asked for."""

    def __init__(self, name: str, filename: str | None, content: AsyncIterator[bytes]) -> None:
        self.name = name
        self.filename = filename
        self.content = content

    async def text(self, limit: int = FIELDS_LIMIT) -> str:
        """A field's value. Raises TooLarge or Malformed."""
        value = bytearray()
        async for chunk in self.content:
            value += chunk
            if len(value) > limit:
                raise TooLarge
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise Malformed from None


async def parts(request: Request, limit: int) -> AsyncIterator[Part]:
    """The fields of a form with files, in their order; at most `limit` bytes in all. What is not read of one is passed over.

    Raises TooLarge or Malformed, here or while the content of a part is read.
    """
    boundary = _boundary(request)
    if boundary is None:
        raise Malformed
    reader = _Reader(_arriving(request, limit), b"\r\n--" + boundary)
    async for _ in reader.until_delimiter():
        pass  # a preamble
    count = 0
    while (after := await reader.exactly(2)) != b"--":
        count += 1
        if after != b"\r\n" or count > _FIELDS:
            raise Malformed
        given = _parameters(await reader.head())
        if "name" not in given:
            raise Malformed
        part = Part(given["name"], given.get("filename"), reader.until_delimiter())
        yield part
        async for _ in part.content:
            pass


def _boundary(request: Request) -> bytes | None:
    found = _BOUNDARY.match(request.headers.get("content-type", ""))
    return (found[1] or found[2]).encode("latin-1") if found else None


def _parameters(head: bytes) -> Mapping[str, str]:
    found = _DISPOSITION.search(head.decode(errors="replace").replace("\r\n", "\n"))
    given = {name.lower(): value for name, value in _PARAMETER.findall(found[1])} if found else {}
    for name, value in given.items():
        for written, meant in _WRITTEN:
            value = value.replace(written, meant)
        given[name] = value
    return given


async def _arriving(request: Request, limit: int) -> AsyncIterator[bytes]:
    length = request.headers.get("content-length", "0")
    if length.isascii() and length.isdigit() and int(length[:18]) > limit:
        raise TooLarge
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                raise TooLarge
            yield chunk
    except ClientDisconnect:
        raise Malformed from None


class _Reader:
    """A stream that is cut at its delimiter. It holds no more than a chunk and a delimiter's length of it."""

    def __init__(self, stream: AsyncIterator[bytes], delimiter: bytes) -> None:
        self._stream = stream
        self._delimiter = delimiter
        # The first delimiter stands at the very beginning, where no line end comes before it.
        self._held = bytearray(b"\r\n")

    async def exactly(self, count: int) -> bytes:
        while len(self._held) < count:
            await self._more()
        return self._take(count)

    async def head(self) -> bytes:
        """The header lines of a part."""
        while (end := self._held.find(b"\r\n\r\n")) < 0:
            if len(self._held) > _HEAD_LIMIT:
                raise Malformed
            await self._more()
        head = self._take(end)
        self._take(4)
        return head

    async def until_delimiter(self) -> AsyncIterator[bytes]:
        """What comes before the delimiter, which is then behind us."""
        while (end := self._held.find(self._delimiter)) < 0:
            # The last bytes may be how a delimiter begins.
            sure = len(self._held) - len(self._delimiter) + 1
            if sure > 0:
                yield self._take(sure)
            await self._more()
        content = self._take(end)
        self._take(len(self._delimiter))
        if content:
            yield content

    async def _more(self) -> None:
        try:
            self._held += await anext(self._stream)
        except StopAsyncIteration:
            raise Malformed from None

    def _take(self, count: int) -> bytes:
        taken = bytes(self._held[:count])
        del self._held[:count]
        return taken
