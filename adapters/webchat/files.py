"""Files in the live chat: taken in as a stream, vouched for by their id, and given out only by signed links that soon expire."""

from __future__ import annotations

import asyncio
import base64
import hmac
from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import quote, unquote, urlencode

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response

from adapters.ports import FileRefused, Now, Uploads
from adapters.uploads import name_of
from adapters.webchat.refusals import Refusal
from adapters.webchat.settings import WebChatSettings
from adapters.webchat.visitors import Visitors, bearer
from conversations.model import Attachment

LINK_MS: Final = 600_000
_MEGABYTE: Final = 1_048_576


class Files:
    """An attachment's id is `<digest>.<proof>`: the proof binds content, name and type to the conversation they were uploaded in.

    So nobody can attach, or get a link to, what somebody else sent, and no table of uploads has to be kept in step.
    """

    def __init__(self, settings: WebChatSettings, visitors: Visitors, blobs: Uploads, key: bytes, now: Now) -> None:
        self._settings = settings
        self._visitors = visitors
        self._blobs = blobs
        # A key of our own from the desk's: what is signed here means nothing anywhere else.
        self._key = hmac.digest(key, b"files of the live chat", "sha256")
        self._now = now

    # --- in ---

    async def receive(self, request: Request) -> Response:
        """POST: the bare content; the name, percent-encoded, in `x-file-name`. Answers the attachment to be sent with a message."""
        network = self._visitors.network(request)
        session = await self._visitors.session(bearer(request), network)
        limit = self._settings.limits.file
        too_large = Refusal("file_too_large", megabytes=f"{limit / _MEGABYTE:.3g}")
        length = request.headers.get("content-length", "0")
        if length.isascii() and length.isdigit() and int(length[:18]) > limit:
            raise too_large
        self._visitors.count_file(session.address, network)
        if not self._visitors.uploading.enter(network):
            raise Refusal("too_many", after=5)
        try:
            async with asyncio.timeout(self._settings.limits.file_seconds):
                kept = await self._blobs.keep(_within(request, limit, too_large))
        except FileRefused as refused:
            raise Refusal(f"file_{refused.reason}") from None
        except TimeoutError:
            raise Refusal("slow") from None
        except ClientDisconnect:
            raise Refusal("file_broken") from None
        finally:
            self._visitors.uploading.leave(network)
        self._visitors.count_kept(session.address)
        name = name_of(unquote(request.headers.get("x-file-name", "")), kept.mime)
        file = self._proved(session.address, Attachment(kept.digest, name, kept.mime, kept.size))
        return Response(msgspec.json.encode(file), 201, media_type="application/json")

    def vouch(self, address: str, file: Attachment) -> Attachment:
        """`file` when it was uploaded at `address`; raises Refusal (file_unknown)."""
        digest, _, _ = file.id.partition(".")
        known = self._proved(address, Attachment(digest, file.name, file.mime, file.size))
        if not hmac.compare_digest(known.id.encode(), file.id.encode()):
            raise Refusal("file_unknown")
        return known

    async def renew(self, file: Attachment) -> None:
        """Before a message with it is taken: it may have been uploaded days ago. Raises Refusal (file_unknown), NotStored."""
        if not await self._blobs.renew(file.id):
            raise Refusal("file_unknown")

    def seal(self, address: str, file: Attachment) -> Attachment:
        """A file that the desk sends to `address`, so that whoever may speak there can ask for a link to it."""
        return self._proved(address, Attachment(file.id.partition(".")[0], file.name, file.mime, file.size))

    def _proved(self, address: str, file: Attachment) -> Attachment:
        proof = self._sign("file", address, file.id, file.name, file.mime, str(file.size))[:22]
        return Attachment(f"{file.id}.{proof}", file.name, file.mime, file.size)

    # --- out ---

    def link(self, file: Attachment) -> str:
        """The path of a download that works for LINK_MS. It holds no token of anybody's."""
        digest = file.id.partition(".")[0]
        until = str(self._now() + LINK_MS)
        query = {"name": file.name, "type": file.mime, "until": until, "sign": self._sign("link", digest, file.name, file.mime, until)}
        return f"/chat/files/{quote(digest, safe='')}?{urlencode(query)}"

    async def show(self, request: Request) -> Response:
        """GET: only by a link of ours, and never as anything that a browser would run or draw in its own window."""
        digest = request.path_params["digest"]
        name, mime, until, sign = (request.query_params.get(key, "") for key in ("name", "type", "until", "sign"))
        ours = hmac.compare_digest(self._sign("link", digest, name, mime, until).encode(), sign.encode())
        if not ours or int(until) < self._now():
            raise Refusal("link_over")
        path = await self._blobs.find(digest)
        if path is None:
            raise Refusal("file_gone")
        plain = "".join(letter if letter.isascii() and letter.isprintable() and letter not in '"\\' else "_" for letter in name)
        headers = {
            # RFC 6266: the plain name for old programs, the true one as in RFC 5987.
            "content-disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}",
            "content-security-policy": "sandbox; default-src 'none'",
            "cache-control": "private, no-store",
        }
        return FileResponse(path, headers=headers, media_type=mime)

    def _sign(self, *facts: str) -> str:
        """Which facts these are is part of them, and none can hold the mark between them: JSON keeps them apart."""
        return base64.urlsafe_b64encode(hmac.digest(self._key, msgspec.json.encode(facts), "sha256")).decode().rstrip("=")


async def _within(request: Request, limit: int, refusal: Refusal) -> AsyncIterator[bytes]:
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise refusal
        yield part
