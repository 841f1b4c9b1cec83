"""Tickets in the client area: the list, one ticket, and what its customer does with it. Every act is an event of its conversation."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import TYPE_CHECKING, Final, Literal, cast, get_args
from urllib.parse import urlencode

import msgspec
from starlette.responses import Response

from adapters.base import NotStored
from adapters.portal.bodies import Malformed, Part, TooLarge, fields, is_multipart, parts
from adapters.portal.ports import Group, Shown
from adapters.portal.visit import signature
from adapters.ports import FileRefused
from adapters.text import sendable
from adapters.uploads import name_of
from conversations.events import Inbound, TicketAnswered, TicketDecided
from conversations.flows.my_tickets import RATINGS
from conversations.model import Address, Attachment

if TYPE_CHECKING:
    from adapters.portal.visit import Visit

PLACE: Final = "area"
GROUPS: Final[tuple[str, ...]] = get_args(Group)
NOTICES: Final = ("replied", "adding", "closed", "reopened", "rated", "again")
_QUERY_LIMIT: Final = 80
_PAGES: Final = 10_000
_MEGABYTE: Final = 1_048_576
_FIELD_LIMIT: Final = 65_536
_READ_ON: Final = 4
_ONCE: Final = re.compile(r"[A-Za-z0-9_-]{22}")
# Everything of category Cc except tab and new line: it has no business in a message, and NUL cannot even be stored by PostgreSQL.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


async def listed(visit: Visit) -> Response:
    query = visit.request.query_params
    group = query.get("show", "") if query.get("show") in GROUPS else ""
    text = _plain(query.get("q", ""))[:_QUERY_LIMIT]
    page = int(query["page"]) if re.fullmatch(r"[1-9][0-9]{0,3}", query.get("page", "")) else 1
    found, more = await visit.site.area.tickets(visit.email, cast(Group, group), text, min(page, _PAGES), visit.locale)
    asked = {name: value for name, value in (("show", group), ("q", text)) if value}

    def place(number: int) -> str:
        return "/area/tickets?" + urlencode({**asked, "page": number})

    return visit.page(
        "tickets.html",
        tickets=found,
        group=group,
        groups=GROUPS,
        q=text,
        number=page,
        newer=place(page - 1) if page > 1 else "",
        older=place(page + 1) if more else "",
    )


async def shown(visit: Visit) -> Response:
    ticket = await _find(visit)
    if ticket is None:
        return visit.not_found()
    notice = visit.request.query_params.get("done", "")
    return _page(visit, ticket, notice=notice if notice in NOTICES else "")


async def _find(visit: Visit) -> Shown | None:
    return await visit.site.area.ticket(visit.email, visit.request.path_params["number"].upper(), visit.locale)


def _page(
    visit: Visit,
    ticket: Shown,
    status: int = 200,
    *,
    notice: str = "",
    errors: Iterable[str] = (),
    typed: str = "",
    kept: Iterable[Attachment] = (),
) -> Response:
    limits = visit.site.settings
    return visit.page(
        "ticket.html",
        status,
        ticket=ticket,
        notice=notice,
        errors=tuple(errors),
        typed=typed,
        kept=[(file, _proved(visit, ticket, file)) for file in kept],
        once=secrets.token_urlsafe(16),
        most=limits.files,
        megabytes=f"{limits.file / _MEGABYTE:.3g}",
        characters=limits.text,
        ratings=RATINGS,
    )


async def _store(visit: Visit, ticket: Shown, event: TicketAnswered | TicketDecided, once: str, done: str) -> Response:
    """Hand the event to the desk. The same form sent twice is the same event; one that was changed in between is another."""
    facts = (once, type(event).__name__, ticket.seen.key, *(str(getattr(event, name, "")) for name in ("text", "files", "what", "rating")))
    key = "area:" + hashlib.sha256(msgspec.json.encode(facts)).hexdigest()[:40]
    accepted = await visit.site.accept(Inbound(Address.parse(ticket.address), key, event))
    settled = await visit.site.area.settled(visit.email, ticket.listed.number, key)
    notice = ("again" if not accepted.fresh else done) if settled else "adding"
    return visit.go(f"/area/tickets/{ticket.listed.number}?done={notice}#end")


async def decide(visit: Visit, given: Mapping[str, str]) -> Response:
    """Close, reopen or rate."""
    what = cast(Literal["close", "reopen", "rate"], visit.request.path_params["what"])
    ticket = await _find(visit)
    if ticket is None:
        return visit.not_found()
    rating = given.get("rating", "")
    if what not in ticket.ways:
        return _page(visit, ticket, 409, errors=[visit.label("ticket.moved_on")])
    if what == "rate" and rating not in map(str, RATINGS):
        return _page(visit, ticket, 422, errors=[visit.label("ticket.which_rating")])
    if not _ONCE.fullmatch(given.get("once", "")):
        raise Malformed
    event = TicketDecided(ticket=ticket.seen, what=what, place=PLACE, rating=int(rating) if what == "rate" else 0)
    done = {"close": "closed", "reopen": "reopened", "rate": "rated"}[what]
    return await _store(visit, ticket, event, given["once"], done)


# --- a reply, which may bring files ---


class _Reply:
    """A reply as it was read from its form: nothing of it is stored in the ticket yet."""

    def __init__(self) -> None:
        self.csrf = self.once = self.text = ""
        self.files: list[Attachment] = []
        self.errors: list[str] = []


async def reply(visit: Visit) -> Response:
    ticket = await _find(visit) if visit.guest else None
    read = _Reply()
    try:
        async with asyncio.timeout(visit.site.settings.file_seconds):
            await _read(visit, ticket, read)
    except TimeoutError:
        read.errors.append(visit.label("reply.slow"))
    except TooLarge:
        if not read.csrf:
            raise
        read.errors.append(visit.label("reply.too_much"))
    text = _plain(read.text)
    if visit.guest is None:
        # Signed out meanwhile: what was typed is given back, to be copied.
        return visit.page("lost.html", 401, typed=text)
    if ticket is None:
        return visit.not_found()
    if not visit.is_own_form(read.csrf):
        return _page(visit, ticket, 403, errors=[visit.label("error.csrf.text")], typed=text, kept=read.files)
    if not _ONCE.fullmatch(read.once):
        raise Malformed
    if "reply" not in ticket.ways:
        return _page(visit, ticket, 409, errors=[visit.label("ticket.moved_on")], typed=text, kept=read.files)
    limit = visit.site.settings.text
    if not read.errors and not text and not read.files:
        read.errors.append(visit.label("reply.empty"))
    if len(text) > limit:
        read.errors.append(visit.label("reply.too_long", n=len(text), limit=limit))
    if read.errors:
        return _page(visit, ticket, 422, errors=read.errors, typed=text, kept=read.files)
    event = TicketAnswered(ticket=ticket.seen, text=text, place=PLACE, files=tuple(read.files))
    try:
        return await _store(visit, ticket, event, read.once, "replied")
    except NotStored:
        return _page(visit, ticket, 503, errors=[visit.label("reply.busy")], typed=text, kept=read.files)


async def _read(visit: Visit, ticket: Shown | None, read: _Reply) -> None:
    """Fields and files into `read`. The fields stand before the files in our form, so that whose it is is known before a file is kept."""
    if not is_multipart(visit.request):
        given = await fields(visit.request)
        read.csrf, read.once, read.text = (given.get(name, "") for name in ("csrf", "once", "text"))
        return
    limits = visit.site.settings
    # More than may be kept is read, so that there is somebody to tell; it goes nowhere.
    async for part in parts(visit.request, _READ_ON * limits.files * limits.file):
        match part.name:
            case "csrf":
                read.csrf = await part.text(200)
            case "once":
                read.once = await part.text(200)
            case "text":
                read.text = await part.text(_FIELD_LIMIT)
            case "kept" if ticket is not None and len(read.files) < limits.files:
                if (file := _vouched(visit, ticket, await part.text(4_096))) is not None:
                    await _carry_on(visit, file, read)
            case "files" if part.filename and ticket is not None and visit.is_own_form(read.csrf):
                await _keep(visit, part, read)
            case _:
                pass


async def _carry_on(visit: Visit, file: Attachment, read: _Reply) -> None:
    """A file that an earlier try has kept, perhaps days ago."""
    try:
        there = await visit.site.blobs.renew(file.id)
    except NotStored:
        there = False
    if there:
        read.files.append(file)
    else:
        read.errors.append(visit.label("reply.file_busy", name=file.name))


async def _keep(visit: Visit, part: Part, read: _Reply) -> None:
    """One file. What is wrong with it is said; the others go on."""
    site = visit.site
    given = part.filename or ""
    called = " ".join(_plain(given.replace("\\", "/").rpartition("/")[2]).split())[:100]
    if len(read.files) >= site.settings.files:
        read.errors.append(visit.label("reply.too_many_files", name=called, limit=site.settings.files))
        return
    if (wait := site.uploaded.take(visit.email, site.now())) > 0:
        read.errors.append(visit.label("reply.file_later", name=called, n=max(1, round(wait / 60 + 0.5))))
        return
    try:
        kept = await site.blobs.keep(_within(part.content, site.settings.file))
    except TooLarge:
        read.errors.append(visit.label("reply.file_too_large", name=called, megabytes=f"{site.settings.file / _MEGABYTE:.3g}"))
        return
    except FileRefused as refused:
        read.errors.append(visit.label(f"reply.file_{refused.reason}", name=called))
        return
    except NotStored:
        read.errors.append(visit.label("reply.file_busy", name=called))
        return
    read.files.append(Attachment(kept.digest, name_of(given, kept.mime), kept.mime, kept.size))


async def _within(content: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    """Raises TooLarge at its end, so that what comes after this file in the form can still be read."""
    size = 0
    async for chunk in content:
        size += len(chunk)
        if size <= limit:
            yield chunk
    if size > limit:
        raise TooLarge


def _proved(visit: Visit, ticket: Shown, file: Attachment) -> str:
    """A file that is kept already, as a form carries it on: it is good for this reader and this ticket alone."""
    told = base64.urlsafe_b64encode(msgspec.json.encode(file)).decode()
    return f"{told}.{signature(visit.site.file_key, visit.email, ticket.seen.key, told)}"


def _vouched(visit: Visit, ticket: Shown, given: str) -> Attachment | None:
    told, _, sign = given.partition(".")
    if not hmac.compare_digest(signature(visit.site.file_key, visit.email, ticket.seen.key, told).encode(), sign.encode()):
        return None
    return msgspec.json.decode(base64.urlsafe_b64decode(told), type=Attachment)


def _plain(text: str) -> str:
    """`text` with line ends made one, control characters taken out, and no white space around it."""
    return sendable(_CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))).strip()
