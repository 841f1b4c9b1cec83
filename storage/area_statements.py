"""The SQL of the client area, named, and built once for the dialect in use: links, sessions, addresses, tickets somebody may see."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Select,
    Text,
    bindparam,
    case,
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.engine import Dialect

from conversations.identity import REGISTERED
from conversations.tickets import FINISHED
from storage.schema import account, account_address, address, area_link, area_session, conversation, identity, inbox, outbox, ticket

_EMAIL = bindparam("of_email", type_=Text)
_HASH = bindparam("which", type_=Text)
_NOW = bindparam("now", type_=BigInteger)


class AreaStatements:
    """The statements in one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        if dialect.name == "sqlite":
            from sqlalchemy.dialects import sqlite as dialects
        else:
            from sqlalchemy.dialects import postgresql as dialects  # type: ignore[no-redef]
        self._insert: Any = dialects.insert
        self._links()
        self._sessions()
        self._people()
        self._tickets()

    def _links(self) -> None:
        which = area_link.c.token_hash == _HASH
        self.add_link = self._insert(area_link).on_conflict_do_nothing(index_elements=["token_hash"])
        self.find_link = select(area_link).where(which)
        self.recent_links = (
            select(area_link.c.created_at)
            .where(area_link.c.email == _EMAIL, area_link.c.created_at > bindparam("since", type_=BigInteger))
            .order_by(area_link.c.created_at)
        )
        self.use_link = (
            update(area_link)
            .where(
                which,
                area_link.c.purpose == bindparam("of_purpose", type_=Text),
                area_link.c.used_at.is_(None),
                area_link.c.expires_at > _NOW,
            )
            .values(used_at=_NOW)
            .returning(*area_link.c)
        )
        self.void_links = (
            update(area_link)
            .where(
                area_link.c.email == _EMAIL,
                area_link.c.account == bindparam("of_account", type_=BigInteger),
                area_link.c.category == bindparam("of_category", type_=Text),
                area_link.c.used_at.is_(None),
            )
            .values(used_at=_NOW)
        )
        self.expire_links = delete(area_link).where(area_link.c.expires_at < bindparam("before", type_=BigInteger))
        # A letter is a conversation of one message, which no turn ever writes to: version 0 is before the first.
        self.add_line = self._insert(conversation).on_conflict_do_nothing(index_elements=["shard", "id"])
        self.add_letter = self._insert(outbox).on_conflict_do_nothing(index_elements=["shard", "conversation", "version", "ord"])

    def _sessions(self) -> None:
        which = area_session.c.token_hash == _HASH
        self.add_session = self._insert(area_session).on_conflict_do_nothing(index_elements=["token_hash"])
        self.find_session = select(area_session).where(which)
        # Never backwards: pages of several tabs arrive in any order.
        self.touch_session = update(area_session).where(which, area_session.c.seen_at < _NOW).values(seen_at=_NOW)
        self.set_session_locale = update(area_session).where(which).values(locale=bindparam("to_locale", type_=Text))
        self.end_session = delete(area_session).where(which)
        self.end_sessions = delete(area_session).where(area_session.c.email == _EMAIL)
        self.expire_sessions = delete(area_session).where(
            or_(
                area_session.c.seen_at < bindparam("seen_before", type_=BigInteger),
                area_session.c.created_at < bindparam("made_before", type_=BigInteger),
            )
        )

    def _people(self) -> None:
        of_account = account_address.c.account == bindparam("of_account", type_=BigInteger)
        of_category = account_address.c.category == bindparam("of_category", type_=Text)
        registered = account_address.c.category == REGISTERED
        self.is_known = select(
            or_(
                exists().where(account_address.c.email == _EMAIL, registered),
                exists().where(ticket.c.email == _EMAIL, ticket.c.email != literal_column("''")),
            )
        )
        self.set_preferences = (
            update(account)
            .where(account.c.id == bindparam("of_account", type_=BigInteger))
            .values(locale=bindparam("to_locale", type_=Text), zone=bindparam("to_zone", type_=Text), updated_at=_NOW)
        )
        self.add_address = self._insert(account_address).on_conflict_do_nothing(index_elements=["account", "category", "email"])
        self.verify_address = (
            update(account_address)
            .where(of_account, of_category, account_address.c.email == _EMAIL)
            .values(verified_at=func.coalesce(account_address.c.verified_at, _NOW))
            .returning(account_address.c.email)
        )
        self.remove_address = (
            delete(account_address)
            .where(of_account, of_category, ~registered, account_address.c.email == _EMAIL)
            .returning(account_address.c.email)
        )

    def _tickets(self) -> None:
        key = (ticket.c.shard, ticket.c.conversation, ticket.c.key)
        # Two ways to a ticket, each by its index; joined by OR they would be a walk through all tickets.
        written_to = select(*key).where(ticket.c.email == _EMAIL, ticket.c.email != literal_column("''"))
        own = (
            select(*key)
            .join(address, (address.c.shard == ticket.c.shard) & (address.c.conversation == ticket.c.conversation))
            .join(identity, identity.c.address == address.c.address)
            .join(account_address, account_address.c.account == identity.c.account)
            .where(
                account_address.c.email == _EMAIL,
                account_address.c.category == REGISTERED,
                # What was proven for an address that the account has no longer is void; and after the proof ran out, whoever sits
                # at that chat may be somebody else.
                identity.c.email == _EMAIL,
                ticket.c.created_at < identity.c.until,
            )
        )
        visible = select(ticket).where(tuple_(*key).in_(written_to.union(own)))
        finished = ticket.c.state.in_(sorted(FINISHED))
        pattern = bindparam("pattern", type_=Text)
        texts = (ticket.c.number, ticket.c.title, ticket.c.text)
        found = or_(*(func.lower(column).like(func.lower(pattern), escape="\\") for column in texts))

        def listed(*conditions: Any) -> Select[Any]:
            newest = visible.where(found, *conditions).order_by(case((finished, 1), else_=0), ticket.c.updated_at.desc(), ticket.c.key)
            return newest.limit(bindparam("limit", type_=BigInteger)).offset(bindparam("offset", type_=BigInteger))

        self.tickets = {
            "": listed(),
            "open": listed(~finished),
            "waiting": listed(ticket.c.state == "waiting_customer"),
            "finished": listed(finished),
        }
        self.find_ticket = visible.where(ticket.c.number == bindparam("number", type_=Text)).order_by(ticket.c.created_at)
        self.pending = (
            select(inbox.c.id, inbox.c.key, inbox.c.received_at, inbox.c.payload)
            .where(
                inbox.c.shard == bindparam("at_shard", type_=inbox.c.shard.type),
                inbox.c.conversation == bindparam("at_conversation", type_=BigInteger),
                inbox.c.turn == literal_column("0"),
                inbox.c.author == literal_column("'customer'"),
            )
            .order_by(inbox.c.id)
        )


_built: dict[str, AreaStatements] = {}


def of(conn: Connection) -> AreaStatements:
    """The statements in the dialect of this connection."""
    found = _built.get(conn.dialect.name)
    if found is None:
        found = _built[conn.dialect.name] = AreaStatements(conn.dialect)
    return found
