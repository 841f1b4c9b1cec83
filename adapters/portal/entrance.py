"""Signing in by a link that is mailed, and out again; choosing a language. A link is opened by GET and used by POST only:

programs that look into mail follow every link, and must not use it up.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from starlette.responses import Response

from adapters.portal.visit import TOKEN, digest, own_path
from conversations.identity import mailbox
from conversations.model import Link, Message, Paragraph, Text

if TYPE_CHECKING:
    from adapters.portal.visit import Visit

LINK_MINUTES: Final = 15
ADDRESS_HOURS: Final = 24
_EMAIL_LIMIT: Final = 254


async def home(visit: Visit) -> Response:
    return visit.go("/area/tickets") if visit.guest else await ask(visit)


async def ask(visit: Visit) -> Response:
    """Who is it? Shown in place of any page that needs to know, which is where they go then."""
    sent = visit.request.query_params.get("sent", "")
    if visit.path == "/area/sign-in" and sent:
        return visit.page("sent.html", minutes=LINK_MINUTES, sending=visit.site.area.sending)
    if visit.guest:
        return visit.go("/area/tickets")
    to = visit.path if visit.request.method == "GET" else visit.request.query_params.get("to", "")
    return _form(visit, own_path(to))


def _form(visit: Visit, to: str, status: int = 200, error: str = "", typed: str = "", headers: Mapping[str, str] | None = None) -> Response:
    return visit.page("sign_in.html", status, headers, to=to, error=error, typed=typed, sending=visit.site.area.sending)


async def send(visit: Visit, given: Mapping[str, str]) -> Response:
    """The answer is the same whether the address is known or not, and so is the work."""
    site = visit.site
    typed, to = given.get("email", "").strip()[:_EMAIL_LIMIT], own_path(given.get("to", ""))
    if site.area.sending == "nowhere":
        return _form(visit, to)
    email = mailbox(typed)
    if not email:
        return _form(visit, to, 422, visit.label("sign_in.unclear" if typed else "sign_in.empty"), typed)
    wait = site.asked.take(visit.network, site.now())
    if not wait:
        token = secrets.token_urlsafe(32)
        url = f"{site.origin}/area/link/{token}" + (f"?to={quote(to, safe='')}" if to != own_path("") else "")
        letter = letter_of(visit, "mail.sign_in", url, minutes=LINK_MINUTES)
        wait = await site.area.send_link(email, digest(token), url, letter, LINK_MINUTES)
    if wait:
        minutes = max(1, round(wait / 60 + 0.5))
        return _form(visit, to, 429, visit.label("sign_in.too_many", n=minutes), typed, {"retry-after": str(round(wait + 1))})
    return visit.go("/area/sign-in?sent=1")


def letter_of(visit: Visit, id: str, url: str, **values: str | int) -> Message:
    """A mail with a link: the texts `<id>.subject`, `<id>.text` and `<id>.end`."""
    area, locale = visit.site.area, visit.locale
    values = {"desk": area.about().name, **values}
    doc = (
        *area.doc(f"{id}.text", locale, **values),
        Paragraph((Link(url, (Text(url),)),)),
        *area.doc(f"{id}.end", locale, **values),
    )
    return Message(doc, locale, subject=area.label(f"{id}.subject", locale, **values))


async def offer(visit: Visit) -> Response:
    """A link was opened: say what it does, and let a button do it."""
    token = visit.request.path_params["token"]
    link = await visit.site.area.link(digest(token))
    if link is None:
        return _over(visit)
    return visit.page("link.html", link=link, token=token, to=own_path(visit.request.query_params.get("to", "")))


async def follow(visit: Visit, given: Mapping[str, str]) -> Response:
    site, token = visit.site, given.get("token", "")
    if not TOKEN.fullmatch(token):
        return _over(visit)
    if given.get("purpose") == "address":
        link = await site.area.confirm_address(digest(token))
        return _over(visit) if link is None else visit.page("confirmed.html", link=link)
    before = visit.token
    chosen = visit.request.cookies.get("area-lang", "")
    # Whoever gave this browser its token before has nothing of it: the session is another one.
    visit.renew(lasting=True)
    email = await site.area.sign_in(digest(token), digest(visit.token), chosen if chosen in site.area.about().locales else "", site.now())
    if not email:
        visit.guest = None
        return _over(visit)
    await site.area.sign_out(digest(before))
    return visit.go(own_path(given.get("to", "")))


def _over(visit: Visit) -> Response:
    return visit.page("over.html", 410)


async def sign_out(visit: Visit, given: Mapping[str, str]) -> Response:
    if visit.guest and given.get("everywhere"):
        await visit.site.area.sign_out_everywhere(visit.guest.email)
    else:
        await visit.site.area.sign_out(digest(visit.token))
    visit.renew()
    return visit.go("/area/sign-in")


async def choose_language(visit: Visit, given: Mapping[str, str]) -> Response:
    locale = given.get("locale", "")
    response = visit.go(own_path(given.get("to", "")) if visit.guest else "/area/sign-in")
    if locale in visit.site.area.about().locales:
        if visit.guest:
            await visit.site.area.choose_language(digest(visit.token), locale)
        visit.keep_language(response, locale)
    return response
