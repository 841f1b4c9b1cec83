"""What the client area needs from the rest of the desk, over storage and knowledge: links, sessions, tickets in words, addresses."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property, partial
from importlib.resources import files
from typing import TypeVar

import msgspec

from adapters.base import NotStored
from adapters.portal.ports import About, Account, Group, Guest, Link, Listed, Own, Sending, Shown, Step, Who
from bot.clock import Clock, Ids
from bot.telemetry import Logger
from conversations import tickets
from conversations.engine import GUIDES
from conversations.events import TicketAnswered, decoder
from conversations.knowledge import Knowledge
from conversations.model import Address, Attachment, Doc, Message, OwnTicket
from conversations.moments import DAY, HOUR, MINUTE
from conversations.texts import Catalogue, Catalogues
from conversations.wording import Wording
from storage import area, people
from storage import tickets as all_tickets
from storage.engines import Connection, Database, Unavailable
from storage.rows import Ticket

T = TypeVar("T")

PAGE = 20
SETTLING_MS = 1_500
LOOK_MS = 30
"""How long a page waits for what its reader has just done to be applied, and how often it looks."""

SIGN_INS = 5
SIGN_IN_SPAN_MS = 15 * MINUTE
"""So many links go to one address in so long a time, whoever asks for them."""

PROOFS = 3
PROOF_SPAN_MS = HOUR
"""The same for links that prove a notification address."""

KEPT_MS = DAY
"""How long a link is remembered after it has expired."""

IDLE_MS = 12 * HOUR
ABSOLUTE_MS = 7 * DAY

_encoder = msgspec.json.Encoder()
_files = msgspec.json.Decoder(tuple[Attachment, ...])


async def _stored(work: Awaitable[T]) -> T:
    try:
        return await work
    except Unavailable:
        raise NotStored from None


class ClientArea:
    """`mail_account` is whose mail is sent, "" where the desk sends none. `trial`: this desk is only tried out on its own machine, so that

    without mail a link may be told in the log. `ring` wakes whoever sends mail.
    """

    def __init__(
        self,
        database: Database,
        knowledge: Callable[[], Knowledge],
        clock: Clock,
        ids: Ids,
        log: Logger,
        *,
        mail_account: str,
        trial: bool,
        ring: Callable[[], object],
    ) -> None:
        self._database = database
        self._knowledge = knowledge
        self._clock = clock
        self._ids = ids
        self._log = log
        self._mail_account = mail_account
        self._trial = trial
        self._ring = ring

    # --- the desk, and its texts ---

    @property
    def sending(self) -> Sending:
        return "mail" if self._mail_account else "log" if self._trial else "nowhere"

    def about(self) -> About:
        desk = self._knowledge().desk
        spoken = (desk.default_locale, *(locale for locale in desk.locales if locale != desk.default_locale))
        return About(desk.name, tuple(locale for locale in spoken if locale in self._catalogues) or ("en",), desk.time_zone)

    def label(self, id: str, locale: str, /, **values: str | int) -> str:
        return self._texts.label(id, locale, **values)

    def doc(self, id: str, locale: str, /, **values: str | int) -> Doc:
        return self._texts.doc(id, locale, **values)

    @cached_property
    def _catalogues(self) -> Mapping[str, Catalogue]:
        return catalogues()

    @cached_property
    def _texts(self) -> Catalogues:
        return Catalogues(self._catalogues, {})

    # --- who ---

    async def guest(self, token_hash: str) -> Guest | None:
        def unit(connection: Connection) -> Guest | None:
            session = area.find_session(connection, token_hash)
            if session is None:
                return None
            accounts = tuple(
                Account(account.id, account.number, account.name, account.locale, account.zone)
                for account in people.accounts(connection, session.email)
            )
            return Guest(session.email, session.locale, session.created_at, session.seen_at, accounts)

        return await self._read(unit)

    async def touch(self, token_hash: str, at: int) -> None:
        await self._write(lambda connection: area.touch_session(connection, token_hash, at))

    async def choose_language(self, token_hash: str, locale: str) -> None:
        await self._write(lambda connection: area.set_session_locale(connection, token_hash, locale))

    async def sign_out(self, token_hash: str) -> None:
        await self._write(lambda connection: area.end_session(connection, token_hash))

    async def sign_out_everywhere(self, email: str) -> None:
        await self._write(lambda connection: area.end_sessions(connection, email))

    # --- links ---

    async def send_link(self, email: str, token_hash: str, url: str, letter: Message, minutes: int) -> float:
        now = self._clock.now()
        line = self._letter(email, letter)

        def unit(connection: Connection) -> tuple[float, bool]:
            if wait := _wait(area.recent(connection, email, now - SIGN_IN_SPAN_MS), SIGN_INS, SIGN_IN_SPAN_MS, now):
                return wait, False
            known = area.is_known(connection, email)
            # One for somebody unknown is used up from the beginning.
            link = area.Link(token_hash, area.SIGN_IN, email, None, "", now, now + minutes * MINUTE, None if known else now)
            area.offer(connection, link, line, now)
            return 0, known

        wait, known = await self._write(unit)
        self._ring()
        if known and line is None:
            self._log.warning("a sign-in link, told here because this desk sends no mail", link=url)
        return wait

    async def link(self, token_hash: str) -> Link | None:
        found = await self._read(lambda connection: area.find_link(connection, token_hash))
        if found is None or found.used_at is not None or found.expires_at <= self._clock.now():
            return None
        return Link("address" if found.purpose == area.ADDRESS else "sign_in", found.email, found.category)

    async def sign_in(self, link_hash: str, token_hash: str, locale: str, at: int) -> str:
        session = area.AreaSession(token_hash, "", locale, at, at)
        return await self._write(lambda connection: area.sign_in(connection, link_hash, session))

    def _letter(self, email: str, letter: Message) -> area.Letter | None:
        if not self._mail_account:
            return None
        return area.Letter(self._ids.new(), str(Address("email", self._mail_account, email)), _encoder.encode(letter).decode())

    # --- tickets ---

    async def tickets(self, email: str, group: Group, text: str, page: int, locale: str) -> tuple[tuple[Listed, ...], bool]:
        skipped = (page - 1) * PAGE
        found = await self._read(lambda connection: area.tickets(connection, email, group, text, PAGE + 1, skipped))
        return tuple(self._listed(ticket, locale) for ticket in found[:PAGE]), len(found) > PAGE

    async def ticket(self, email: str, number: str, locale: str) -> Shown | None:
        def unit(connection: Connection) -> tuple[Ticket, list[area.PendingAct], all_tickets.History, str] | None:
            ticket = area.find_ticket(connection, email, number)
            if ticket is None:
                return None
            # What is pending is read first: what is applied in between is then seen twice, and told by its number, and never missed.
            pending = area.pending(connection, ticket)
            return ticket, pending, all_tickets.history(connection, ticket), all_tickets.address(connection, ticket)

        found = await self._read(unit)
        if found is None:
            return None
        ticket, pending, history, address = found
        seen = OwnTicket(ticket.key, ticket.number, ticket.title, ticket.state, ticket.created_at, rating=ticket.rating or 0)
        return Shown(
            listed=self._listed(ticket, locale),
            fields=self._fields(ticket, locale),
            text=ticket.text,
            files=_files.decode(ticket.files),
            steps=self._steps(ticket, pending, history, locale),
            rating=ticket.rating or 0,
            ways=ways(ticket.state),
            seen=seen,
            address=address,
            edited_at=ticket.edited_at or 0,
            deleted_at=ticket.deleted_at or 0,
        )

    async def settled(self, email: str, number: str, key: str) -> bool:
        def unit(connection: Connection) -> bool:
            ticket = area.find_ticket(connection, email, number)
            return ticket is None or all(act.key != key for act in area.pending(connection, ticket))

        until = self._clock.now() + SETTLING_MS
        while not (done := await self._read(unit)) and self._clock.now() < until:
            await self._clock.sleep(LOOK_MS)
        return done

    def _listed(self, ticket: Ticket, locale: str) -> Listed:
        state = self._state(ticket.state, locale)
        return Listed(ticket.number, ticket.title, ticket.state, state, ticket.created_at, ticket.updated_at)

    def _state(self, state: str, locale: str) -> str:
        knowledge = self._knowledge()
        return knowledge.texts.label("ticket.state." + state, self._spoken(locale))

    def _spoken(self, locale: str) -> str:
        desk = self._knowledge().desk
        return locale if locale in desk.locales else desk.default_locale

    def _fields(self, ticket: Ticket, locale: str) -> tuple[tuple[str, str], ...]:
        """The answers of its form, labelled; but for the description and the files, which stand by themselves."""
        form = GUIDES[ticket.form].form if ticket.form in GUIDES else None
        wording = Wording(self._knowledge(), self._spoken(locale))
        shown = []
        for name, value in json.loads(ticket.answers).items():
            field = form.by_name.get(form.renamed(name, ticket.version)) if form else None
            if field is None or field.name in ("details", "files"):
                continue
            whole = isinstance(value, str) and field.kind in ("line", "lines") and not (field.ask.shown or field.ask.secret)
            shown.append((wording.label(field), value if whole else wording.shown(field, value)))
        return tuple(shown)

    def _steps(self, ticket: Ticket, pending: list[area.PendingAct], history: all_tickets.History, locale: str) -> tuple[Step, ...]:
        """In their order: what was written since it was opened, and the states it came to. Notes, and who it was, are for the team."""
        happened: list[tuple[int, int, Step]] = []
        for entry in history.entries:
            who = _who(entry.author)
            name, files = entry.name if who == "team" else "", _files.decode(entry.files)
            step = Step(entry.at, who, name, entry.text, files, edited_at=entry.edited_at or 0, deleted_at=entry.deleted_at or 0)
            happened.append((entry.at, entry.id, step))
        for change in history.changes:
            if change.before not in ("", change.state):
                happened.append((change.at, change.id, Step(change.at, _who(change.who), state=self._state(change.state, locale))))
        known = {id for _, id, _ in happened}
        for act in pending:
            try:
                event = decoder.decode(act.payload)
            except msgspec.DecodeError:
                continue  # the turn will say what is wrong with it
            if isinstance(event, TicketAnswered) and event.ticket.key == ticket.key and act.id not in known:
                happened.append((act.received_at, act.id, Step(act.received_at, "customer", "", event.text, event.files, pending=True)))
        return tuple(step for *_, step in sorted(happened, key=lambda one: one[:2]))

    # --- the account ---

    async def addresses(self, account: int) -> tuple[Own, ...]:
        found = await self._read(lambda connection: people.addresses(connection, account))
        return tuple(Own(each.category, each.email, each.verified_at is not None) for each in found)

    async def add_address(self, account: int, category: str, email: str, token_hash: str, url: str, letter: Message, hours: int) -> float:
        now = self._clock.now()
        line = self._letter(email, letter)
        link = area.Link(token_hash, area.ADDRESS, email, account, category, now, now + hours * HOUR)

        def unit(connection: Connection) -> float:
            wait = _wait(area.recent(connection, email, now - PROOF_SPAN_MS), PROOFS, PROOF_SPAN_MS, now)
            if not wait:
                area.add_address(connection, link, line, now)
            return wait

        wait = await self._write(unit)
        self._ring()
        if not wait and line is None and self._trial:
            self._log.warning("a link that proves an address, told here because this desk sends no mail", link=url)
        return wait

    async def confirm_address(self, link_hash: str) -> Link | None:
        link = await self._write(lambda connection: area.confirm_address(connection, link_hash, self._clock.now()))
        return None if link is None else Link("address", link.email, link.category)

    async def remove_address(self, account: int, category: str, email: str) -> bool:
        return await self._write(lambda connection: area.remove_address(connection, account, category, email, self._clock.now()))

    async def set_preferences(self, account: int, locale: str, zone: str) -> None:
        await self._write(lambda connection: area.set_preferences(connection, account, locale, zone, self._clock.now()))

    async def _read(self, unit: Callable[[Connection], T]) -> T:
        return await _stored(self._database.read(unit))

    async def _write(self, unit: Callable[[Connection], T]) -> T:
        return await _stored(self._database.write(unit))


def tidy(connection: Connection, now: int) -> None:
    """Forget links and sessions that are over."""
    area.expire(connection, now - KEPT_MS, now - IDLE_MS, now - ABSOLUTE_MS)


def ways(state: str) -> frozenset[str]:
    """What a customer may do with a ticket as it stands."""
    if state == "merged":
        return frozenset()
    found = {"reply"}
    if tickets.allowed(state, "closed"):
        found.add("close")
    if tickets.allowed(state, "reopened"):
        found |= {"reopen", "rate"}
    return frozenset(found)


def _who(name: str) -> Who:
    return "customer" if name == "customer" else "desk" if name == "desk" else "team"


def catalogues() -> Mapping[str, Catalogue]:
    """The area's texts: gettext catalogues beside its pages, read like the desk's own. Raises ValueError when there is a fault in them."""
    from bot.content_files import read_phrases

    found: dict[str, Catalogue] = {}
    faults: list[str] = []
    for source in files("adapters.portal").joinpath("texts").iterdir():
        if source.name.endswith(".po"):
            report = partial(_fault, faults, source.name)
            read = read_phrases(f"phrases/{source.name}", source.read_text(encoding="utf-8"), report, None)
            if read is not None:
                found[read.locale] = Catalogue(read.plural, {id: phrase.docs for id, phrase in read.phrases.items()})
    if faults:
        raise ValueError("; ".join(faults))
    return found


def _fault(faults: list[str], name: str, line: int, what: str) -> None:
    faults.append(f"{name}:{line}: {what}")


def _wait(asked: list[int], most: int, span_ms: int, now: int) -> float:
    """Seconds until one more may be asked for, 0 when it may."""
    return 0 if len(asked) < most else max(1, (asked[-most] + span_ms - now) / 1000)
