"""The files a browser needs, kept in memory with their compressed form and their fingerprint."""

from __future__ import annotations

import gzip
import hashlib
import re
from importlib.resources import files
from typing import Final

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

_TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
# A site embeds the bare name, so a browser asks again after an hour (and gets 304); with ?v=<fingerprint> it never needs to.
_SHORT: Final = "public, max-age=3600, stale-while-revalidate=86400"
_LONG: Final = "public, max-age=31536000, immutable"


def _for_the_wire(script: bytes) -> bytes:
    """Comment lines and indentation are for us. That is all the building there is: what is served reads like what is written."""
    return re.sub(rb"(?m)^[ ]+", b"", re.sub(rb"(?m)^[ ]*(//|/\*\*).*\n", b"", script))


class Asset(Struct, frozen=True):
    plain: bytes
    packed: bytes
    fingerprint: str
    type: str


class Assets:
    """Every file of `static/`, read once."""

    def __init__(self) -> None:
        self._assets: dict[str, Asset] = {}
        for file in files("adapters.webchat").joinpath("static").iterdir():
            suffix = "." + file.name.rpartition(".")[2]
            if suffix in _TYPES:
                plain = file.read_bytes()
                if suffix == ".js":
                    plain = _for_the_wire(plain)
                fingerprint = hashlib.sha256(plain).hexdigest()[:20]
                self._assets[file.name] = Asset(plain, gzip.compress(plain, 9, mtime=0), fingerprint, _TYPES[suffix])

    def url(self, name: str) -> str:
        """A path that may be kept for ever."""
        return f"/chat/{name}?v={self._assets[name].fingerprint}"

    def respond(self, name: str, request: Request) -> Response:
        asset = self._assets.get(name)
        if asset is None:
            return Response("Not found\n", 404, media_type="text/plain")
        packed = "gzip" in request.headers.get("accept-encoding", "")
        # A strong ETag names exact bytes, so the two forms need two.
        etag = f'"{asset.fingerprint}{"-gz" if packed else ""}"'
        headers = {
            "etag": etag,
            "cache-control": _LONG if request.query_params.get("v") == asset.fingerprint else _SHORT,
            "vary": "Accept-Encoding",
        }
        if any(tag.strip().removeprefix("W/") == etag for tag in request.headers.get("if-none-match", "").split(",")):
            return Response(status_code=304, headers=headers)
        if packed:
            headers["content-encoding"] = "gzip"
        return Response(asset.packed if packed else asset.plain, 200, headers, asset.type)
