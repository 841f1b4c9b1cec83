"""The client area as whoever serves HTTP mounts it. Its pages and their libraries are only loaded when somebody asks for the first one."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from adapters.base import Accept
from adapters.portal.ports import Area, FileLinks
from adapters.ports import Now, Uploads

if TYPE_CHECKING:
    from adapters.portal.site import Site


class PortalSettings(Struct, frozen=True):
    """`public_url` is the origin that browsers use, "" where it is not known. `text`: code points of a reply; `file`: bytes of one file;
    `files`: how many come with one reply; `file_seconds`: how long they may take to arrive.
    """

    public_url: str = ""
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    text: int = 4_000
    file: int = 20_971_520
    files: int = 10
    file_seconds: float = 300


class Portal:
    """`key`: 32 secret bytes or more that stay the same, and are the same on every node. `accept` stores what customers do."""

    def __init__(
        self, settings: PortalSettings, *, area: Area, accept: Accept, blobs: Uploads, file_link: FileLinks, now: Now, key: bytes
    ) -> None:
        self.settings = settings
        self.area = area
        self.accept = accept
        self.blobs = blobs
        self.file_link = file_link
        self.now = now
        self.key = key
        self.origin = ""
        self._site: Site | None = None

    def routes(self, origin: str) -> Sequence[BaseRoute]:
        """Everything under /area. `origin` is where a browser finds us: links that are sent out begin with it, whatever a request says."""
        self.origin = origin
        every = ["GET", "POST"]
        return [Route("/area", self._respond, methods=every), Route("/area/{path:path}", self._respond, methods=every)]

    async def _respond(self, request: Request) -> Response:
        if self._site is None:
            from adapters.portal.site import Site

            self._site = Site(self)
        return await self._site.respond(request)
