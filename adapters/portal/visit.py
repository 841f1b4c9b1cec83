"""One request to the client area: who asks, in which language and zone, whether a form is really theirs, and the page they get."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from adapters.limits import bucket_key, client_address
from adapters.portal.ports import Guest

if TYPE_CHECKING:
    from adapters.portal.site import Site

MINUTE: Final = 60_000
IDLE_MS: Final = 12 * 60 * MINUTE
ABSOLUTE_MS: Final = 7 * 24 * 60 * MINUTE
TOUCH_MS: Final = 5 * MINUTE

TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_OWN_PATH: Final = re.compile(r"/area(/[A-Za-z0-9-]+){1,3}")

POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
YEAR_SECONDS: Final = 31_536_000


def digest(token: str) -> str:
    """What is kept of a token. 256 random bits need no salt and no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def signature(key: bytes, *facts: str) -> str:
    """Which facts these are is part of them, and none can hold the mark between them: JSON keeps them apart."""
    return base64.urlsafe_b64encode(hmac.digest(key, msgspec.json.encode(facts), "sha256")).decode().rstrip("=")


def own_path(path: str) -> str:
    """`path` when it is a page of the area, otherwise its first page: nobody is sent anywhere else."""
    return path if _OWN_PATH.fullmatch(path) else "/area/tickets"


class Visit:
    """`guest` is who is signed in, None for anybody else. A token is there for everybody: forms are bound to it."""

    def __init__(self, site: Site, request: Request) -> None:
        self.site = site
        self.request = request
        self.path = request.url.path
        self.secure = site.public_url.startswith("https://") or request.url.scheme == "https"
        given = request.cookies.get(self.cookie, "")
        self.token = given if TOKEN.fullmatch(given) else ""
        self.guest: Guest | None = None
        self._fresh = self._lasting = False
        if not self.token:
            self.renew()

    @property
    def cookie(self) -> str:
        # The prefix makes browsers refuse it from a neighbouring host or without TLS; on plain http they would refuse it altogether.
        return "__Host-area" if self.secure else "area"

    @property
    def network(self) -> str:
        """Whom limits are charged to."""
        peer = self.request.client.host if self.request.client else "local"
        forwarded = self.request.headers.getlist("x-forwarded-for")
        return bucket_key(client_address(peer, forwarded, self.site.settings.trusted_proxies))

    @property
    def email(self) -> str:
        """The address that is signed in; "" for nobody, to whom nothing belongs."""
        return self.guest.email if self.guest else ""

    # --- who ---

    async def recognise(self) -> None:
        """Find out who is signed in, and note that they were here."""
        now, which = self.site.now(), digest(self.token)
        guest = None if self._fresh else await self.site.area.guest(which)
        if guest is None:
            return
        if guest.seen_at < now - IDLE_MS or guest.created_at < now - ABSOLUTE_MS:
            await self.site.area.sign_out(which)
            return
        if guest.seen_at < now - TOUCH_MS:
            await self.site.area.touch(which, now)
        self.guest = guest

    def renew(self, *, lasting: bool = False) -> None:
        """Another token from now on: what was bound to the old one is worth nothing. `lasting`: it outlives the browser's window."""
        self.token = secrets.token_urlsafe(32)
        self._fresh = True
        self._lasting = lasting

    # --- whether a form is theirs ---

    @property
    def csrf(self) -> str:
        return signature(self.site.form_key, "csrf", self.token)

    def is_own_form(self, given: str) -> bool:
        """Whether the token of a form was made for this browser, by us."""
        return not self._fresh and hmac.compare_digest(self.csrf.encode(), given.encode())

    def is_foreign(self) -> bool:
        """Whether another site sent this. Our pages send no referrer, for which browsers call the origin of their forms `null`."""
        origin = self.request.headers.get("origin", "null")
        if origin != "null":
            host = self.request.headers.get("host", "")
            return not (origin == self.site.public_url or (urlsplit(origin).netloc == host != ""))
        return self.request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")

    # --- how it is shown ---

    @property
    def locale(self) -> str:
        """The session's choice, the account's, what the browser asks for, the desk's."""
        known = self.site.area.about().locales
        accounts = self.guest.accounts if self.guest else ()
        chosen = self.guest.locale if self.guest else self.request.cookies.get("area-lang", "")
        asked = [part.split(";")[0].strip()[:2].lower() for part in self.request.headers.get("accept-language", "").split(",")]
        wanted = (chosen, *(account.locale for account in accounts), *asked)
        return next((locale for locale in wanted if locale in known), known[0])

    @property
    def zone(self) -> str:
        """The account's time zone, or the desk's."""
        accounts = self.guest.accounts if self.guest else ()
        return next((account.zone for account in accounts if account.zone), self.site.area.about().zone)

    def label(self, id: str, /, **values: str | int) -> str:
        return self.site.area.label(id, self.locale, **values)

    def page(self, name: str, status: int = 200, headers: Mapping[str, str] | None = None, /, **values: Any) -> Response:
        html = self.site.pages.render(self, name, values)
        return self._finish(Response(html, status, headers, "text/html; charset=utf-8"))

    def go(self, path: str) -> Response:
        """To another page of ours, by GET. `path` is made by us, never taken from a request as it is."""
        return self._finish(RedirectResponse(path, 303))

    def message(self, id: str, status: int, headers: Mapping[str, str] | None = None, /, **values: str | int) -> Response:
        """A page that says one thing: the texts `<id>.title` and `<id>.text`."""
        return self.page("message.html", status, headers, title=self.label(id + ".title"), text=self.label(id + ".text", **values))

    def not_found(self) -> Response:
        return self.message("error.not_found", 404)

    def _finish(self, response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers[name] = value
        response.headers["content-language"] = self.locale
        if self.secure:
            response.headers["strict-transport-security"] = f"max-age={YEAR_SECONDS}"
        if self._fresh:
            self._keep(response, self.cookie, self.token, ABSOLUTE_MS // 1000 if self._lasting else None)
        return response

    def keep_language(self, response: Response, locale: str) -> None:
        """For before and after a session."""
        self._keep(response, "area-lang", locale, YEAR_SECONDS)

    def _keep(self, response: Response, name: str, value: str, seconds: int | None) -> None:
        path = "/" if name.startswith("__Host-") else "/area"
        response.set_cookie(name, value, seconds, path=path, secure=self.secure, httponly=True, samesite="lax")
