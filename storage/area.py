"""The client area's own: links by mail, sessions, whose account it is, its notification addresses, and the tickets somebody may see.

Only the SHA-256 of a token is stored, so a stolen database opens nobody's area. An address is as conversations.identity.mailbox gives it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from sqlalchemy import Connection

from conversations.identity import REGISTERED
from storage import area_statements
from storage.rows import Ticket
from storage.schema import shard_of
from storage.statements import CANCELLED, DUE
from storage.turns import platform_of

SIGN_IN, ADDRESS = "sign_in", "address"
Group = Literal["", "open", "waiting", "finished"]


class Link(NamedTuple):
    """`purpose`: SIGN_IN; or ADDRESS, to prove that `email` may become one of `account` for `category`. Times are epoch ms."""

    token_hash: str
    purpose: str
    email: str
    account: int | None
    category: str
    created_at: int
    expires_at: int
    used_at: int | None = None


class Letter(NamedTuple):
    """A mail that belongs to no conversation: it is a line of its own, so it waits for nothing and nothing waits for it.

    `id` is made by the application; `address` is where it goes; `payload` is the JSON of a Message.
    """

    id: int
    address: str
    payload: str


class AreaSession(NamedTuple):
    token_hash: str
    email: str
    locale: str
    created_at: int
    seen_at: int


class PendingAct(NamedTuple):
    """An event that no turn has seen yet."""

    id: int
    key: str
    received_at: int
    payload: str


# --- links ---


def is_known(conn: Connection, email: str) -> bool:
    """Whether somebody is registered there, or any ticket is addressed there."""
    return bool(conn.scalar(area_statements.of(conn).is_known, {"of_email": email}))


def recent(conn: Connection, email: str, since: int) -> list[int]:
    """When links were asked for to this address after `since`, oldest first."""
    return list(conn.execute(area_statements.of(conn).recent_links, {"of_email": email, "since": since}).scalars())


def offer(conn: Connection, link: Link, letter: Letter | None, now: int) -> None:
    """Keep a link together with the letter that brings it; without a letter it is told some other way.

    A link that is used already opens nothing, and its letter is kept back: the same work is done, so that nobody can tell from it
    whether an address is known. Safe to repeat.
    """
    st = area_statements.of(conn)
    conn.execute(st.add_link, link._asdict())
    if letter is None:
        return
    withheld = link.used_at is not None
    line = {"shard": shard_of(letter.id), "id": letter.id, "version": 0, "fence": 0, "address": letter.address}
    conn.execute(st.add_line, {**line, "state": "", "locale": "", "created_at": now, "updated_at": now})
    message = {
        "shard": shard_of(letter.id),
        "conversation": letter.id,
        "version": 0,
        "ord": 0,
        "platform": platform_of(letter.address),
        "address": letter.address,
        "payload": "{}" if withheld else letter.payload,
        "status": CANCELLED if withheld else DUE,
        "priority": 0,
        "next_at": now,
        "created_at": now,
        "updated_at": now,
    }
    conn.execute(st.add_letter, message)


def find_link(conn: Connection, token_hash: str) -> Link | None:
    row = conn.execute(area_statements.of(conn).find_link, {"which": token_hash}).one_or_none()
    return None if row is None else Link(*row)


def use_link(conn: Connection, token_hash: str, purpose: str, now: int) -> Link | None:
    """Use it up; None when it was used, has expired, is for something else, or never was."""
    row = conn.execute(area_statements.of(conn).use_link, {"which": token_hash, "of_purpose": purpose, "now": now}).one_or_none()
    return None if row is None else Link(*row)


# --- sessions ---


def sign_in(conn: Connection, token_hash: str, session: AreaSession) -> str:
    """Turn a link into a session; whose it is, or "" when the link is no good. `session` comes without its email. Safe to repeat."""
    if (own := find_session(conn, session.token_hash)) is not None:
        return own.email
    link = use_link(conn, token_hash, SIGN_IN, session.created_at)
    if link is None:
        return ""
    conn.execute(area_statements.of(conn).add_session, session._replace(email=link.email)._asdict())
    return link.email


def find_session(conn: Connection, token_hash: str) -> AreaSession | None:
    row = conn.execute(area_statements.of(conn).find_session, {"which": token_hash}).one_or_none()
    return None if row is None else AreaSession(*row)


def touch_session(conn: Connection, token_hash: str, now: int) -> None:
    conn.execute(area_statements.of(conn).touch_session, {"which": token_hash, "now": now})


def set_session_locale(conn: Connection, token_hash: str, locale: str) -> None:
    conn.execute(area_statements.of(conn).set_session_locale, {"which": token_hash, "to_locale": locale})


def end_session(conn: Connection, token_hash: str) -> None:
    conn.execute(area_statements.of(conn).end_session, {"which": token_hash})


def end_sessions(conn: Connection, email: str) -> None:
    """Everywhere this address is signed in."""
    conn.execute(area_statements.of(conn).end_sessions, {"of_email": email})


def expire(conn: Connection, links_before: int, seen_before: int, made_before: int) -> None:
    """Forget links that expired before `links_before`, and sessions last used before `seen_before` or begun before `made_before`."""
    st = area_statements.of(conn)
    conn.execute(st.expire_links, {"before": links_before})
    conn.execute(st.expire_sessions, {"seen_before": seen_before, "made_before": made_before})


# --- accounts ---


def set_preferences(conn: Connection, account: int, locale: str, zone: str, now: int) -> None:
    values = {"of_account": account, "to_locale": locale, "to_zone": zone, "now": now}
    conn.execute(area_statements.of(conn).set_preferences, values)


def add_address(conn: Connection, link: Link, letter: Letter | None, now: int) -> None:
    """Note an address that waits for its link (which names account, category and address) to be followed."""
    row = {"account": link.account, "category": link.category, "email": link.email, "verified_at": None, "created_at": now}
    conn.execute(area_statements.of(conn).add_address, row)
    offer(conn, link, letter, now)


def confirm_address(conn: Connection, token_hash: str, now: int) -> Link | None:
    """The link was followed: its address may be used from now on. None when the link is no good or the address was removed meanwhile."""
    link = use_link(conn, token_hash, ADDRESS, now)
    if link is None:
        return None
    where = {"of_account": link.account, "of_category": link.category, "of_email": link.email, "now": now}
    return link if conn.execute(area_statements.of(conn).verify_address, where).all() else None


def remove_address(conn: Connection, account: int, category: str, email: str, now: int) -> bool:
    """False when there is none. The registered address is not removed here. A link that is on its way to it is void."""
    if category == REGISTERED:
        return False
    st = area_statements.of(conn)
    where = {"of_account": account, "of_category": category, "of_email": email}
    conn.execute(st.void_links, {**where, "now": now})
    return bool(conn.execute(st.remove_address, where).all())


# --- tickets ---


def tickets(conn: Connection, email: str, group: Group, text: str, limit: int, offset: int) -> list[Ticket]:
    """Those that `email` may see: addressed to it, or opened in a chat that was proven to be its account's. Unfinished ones first, then
    by their last change. `text` stands in number, title or description; "" for any.
    """
    pattern = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    asked = {"of_email": email, "pattern": f"%{pattern}%", "limit": limit, "offset": offset}
    return [Ticket(**row._mapping) for row in conn.execute(area_statements.of(conn).tickets[group], asked)]


def find_ticket(conn: Connection, email: str, number: str) -> Ticket | None:
    """Among those that `email` may see."""
    row = conn.execute(area_statements.of(conn).find_ticket, {"of_email": email, "number": number}).first()
    return None if row is None else Ticket(**row._mapping)


def pending(conn: Connection, ticket: Ticket) -> list[PendingAct]:
    """What customers did in the ticket's conversation that no turn has seen yet."""
    at = {"at_shard": ticket.shard, "at_conversation": ticket.conversation}
    return [PendingAct(*row) for row in conn.execute(area_statements.of(conn).pending, at)]
