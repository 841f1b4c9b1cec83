"""The client area itself: which page a path is, what every request must pass first, and what is said when something goes wrong."""

from __future__ import annotations

import hmac
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import Response

from adapters.base import NotStored
from adapters.limits import Levels
from adapters.portal import account, entrance, tickets
from adapters.portal.bodies import Malformed, TooLarge, fields
from adapters.portal.pages import Pages
from adapters.portal.visit import Visit

if TYPE_CHECKING:
    from adapters.portal.portal import Portal

Page = Callable[[Visit], Awaitable[Response]]
Form = Callable[[Visit, Mapping[str, str]], Awaitable[Response]]

_REMEMBERED: Final = 20_000
_N: Final = r"(?P<number>[A-Za-z0-9-]{1,40})"

# Pages that anybody may ask for, and those that only make sense to somebody who is signed in.
_OPEN: Final[Mapping[str, Page]] = {
    r"/area/?": entrance.home,
    r"/area/sign-in": entrance.ask,
    r"/area/link/(?P<token>[A-Za-z0-9_-]{43})": entrance.offer,
}
_PAGES: Final[Mapping[str, Page]] = {
    r"/area/tickets": tickets.listed,
    rf"/area/tickets/{_N}": tickets.shown,
    r"/area/notifications": account.notifications,
    r"/area/addresses": account.addresses,
    r"/area/settings": account.settings,
}
_OPEN_FORMS: Final[Mapping[str, Form]] = {
    r"/area/sign-in": entrance.send,
    r"/area/link": entrance.follow,
    r"/area/language": entrance.choose_language,
}
_FORMS: Final[Mapping[str, Form]] = {
    r"/area/sign-out": entrance.sign_out,
    rf"/area/tickets/{_N}/(?P<what>close|reopen|rate)": tickets.decide,
    r"/area/addresses/(?P<what>add|remove)": account.change_addresses,
    r"/area/settings": account.save,
}
# A form with files is read as it arrives, so its own page looks at its token.
_UPLOADS: Final[Mapping[str, Page]] = {rf"/area/tickets/{_N}/reply": tickets.reply}


class Site:
    """What pages share: the port behind them, keys, limits and templates."""

    def __init__(self, portal: Portal) -> None:
        self.settings = portal.settings
        self.area = portal.area
        self.accept = portal.accept
        self.blobs = portal.blobs
        self.now = portal.now
        self.origin = portal.origin
        self.public_url = portal.settings.public_url
        # Keys of our own from the desk's: what is signed here means nothing anywhere else.
        self.form_key = hmac.digest(portal.key, b"forms of the client area", "sha256")
        self.file_key = hmac.digest(portal.key, b"files of the client area", "sha256")
        self.pages = Pages(portal.file_link)
        self.asked = Levels(6, 1 / 60, _REMEMBERED)
        self.posted = Levels(30, 0.5, _REMEMBERED)
        self.uploaded = Levels(20, 1 / 60, _REMEMBERED)

    async def respond(self, request: Request) -> Response:
        if request.url.path == "/area/area.css":
            return self.pages.style(request)
        visit = Visit(self, request)
        try:
            return await self._respond(visit)
        except TooLarge:
            return visit.message("error.too_large", 413, {"connection": "close"})
        except Malformed:
            return visit.message("error.malformed", 400, {"connection": "close"})
        except NotStored as error:
            return visit.message("error.busy", 503, {"retry-after": str(max(1, round(error.after)))})

    async def _respond(self, visit: Visit) -> Response:
        await visit.recognise()
        posting = visit.request.method == "POST"
        for pages, only_guests in ((_OPEN, False), (_PAGES, True)):
            if not posting and (page := _find(visit, pages)) is not None:
                return await page(visit) if visit.guest or not only_guests else await entrance.ask(visit)
        if not posting:
            known = any(_find(visit, forms) is not None for forms in (_OPEN_FORMS, _FORMS, _UPLOADS))
            return visit.message("error.form", 405, {"allow": "POST"}) if known else visit.not_found()
        return await self._post(visit)

    async def _post(self, visit: Visit) -> Response:
        if visit.is_foreign():
            return visit.message("error.foreign", 403)
        if (wait := self.posted.take(visit.network, self.now())) > 0:
            return visit.message("error.too_many", 429, {"retry-after": str(round(wait + 1))}, n=round(wait + 1))
        if (page := _find(visit, _UPLOADS)) is not None:
            return await page(visit)
        for forms, only_guests in ((_OPEN_FORMS, False), (_FORMS, True)):
            if (form := _find(visit, forms)) is not None:
                given = await fields(visit.request)
                if not visit.is_own_form(given.get("csrf", "")):
                    return visit.message("error.csrf", 403)
                return await form(visit, given) if visit.guest or not only_guests else await entrance.ask(visit)
        known = any(_find(visit, pages) is not None for pages in (_OPEN, _PAGES))
        return visit.message("error.form", 405, {"allow": "GET, HEAD"}) if known else visit.not_found()


def _find(visit: Visit, table: Mapping[str, Callable[..., Awaitable[Response]]]) -> Callable[..., Awaitable[Response]] | None:
    """What stands for the request's path; the named parts of the path become its path parameters."""
    for pattern, page in table.items():
        if (found := re.fullmatch(pattern, visit.path, re.ASCII)) is not None:
            visit.request.path_params.update(found.groupdict())
            return page
    return None
