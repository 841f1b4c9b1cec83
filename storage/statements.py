"""Every SQL statement, named, and built once for the dialect in use.

Sets of rows are given in two ways, both with one text for any number of rows, so that the compiled statement and the driver's prepared
statement are always found again: as one JSON array (`rows`) where rows are looked up or something is returned, and by executemany where
they are only written (on SQLite that costs half of what taking a message out of JSON again does).

Constants that a partial index is about are written into the text: a planner cannot match a parameter against an index condition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    Connection,
    Delete,
    FromClause,
    Insert,
    Select,
    String,
    Subquery,
    Table,
    Text,
    Update,
    and_,
    bindparam,
    cast,
    delete,
    exists,
    func,
    insert,
    literal_column,
    null,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from storage.rows import Due
from storage.schema import address, conversation, inbox, outbox, request, ticket, ticket_change, ticket_entry, timer, web_session, work

EVENTS_PER_CLAIM = 50
PARK_AFTER = 10

DUE, SENDING, SENT, FAILED, CANCELLED = range(5)

GIVEN_MS = 60_000
"""A message that its commit gave to the one process there is, and that is not marked after so long, is in nobody's hands any more."""

_encode = msgspec.json.Encoder().encode


def rows(values: Iterable[tuple[Any, ...]]) -> dict[str, str]:
    """The parameter of a statement over a set of rows."""
    return {"rows": _encode(list(values)).decode()}


def _is(column: ColumnElement[Any], value: int) -> ColumnElement[bool]:
    return column == literal_column(str(value))


def _at(table: Table, *names: str) -> list[ColumnElement[bool]]:
    """Conditions on key columns for executemany; the parameters are called `at_<name>`, because `<name>` is what is written."""
    return [table.c[name] == bindparam(f"at_{name}", type_=table.c[name].type) for name in names]


class Many:
    """A statement that is executed for each of many rows: tuples in the order of `names`.

    It is handed to the driver ready compiled, since matching every row's parameters by name took longer than SQLite takes to write them.
    """

    def __init__(self, statement: Insert | Update | Delete, dialect: Dialect, *names: str) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=list(names))
        if tuple(compiled.positiontup or ()) != names:
            raise AssertionError(f"{compiled} takes {compiled.positiontup}")
        self._sql = str(compiled)

    def __call__(self, conn: Connection, values: Sequence[tuple[Any, ...]]) -> int:
        """Writes the rows, in their order; nothing for none. Returns how many it touched, or -1 where the driver does not tell."""
        return conn.exec_driver_sql(self._sql, list(values)).rowcount if values else 0


class Builder:
    """What statements are built with: the ways in which the two databases differ."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.one_writer = self._sqlite = dialect.name == "sqlite"
        # Here, because importing PostgreSQL's dialect takes longer than building all statements.
        if self._sqlite:
            from sqlalchemy.dialects import sqlite as dialects
        else:
            from sqlalchemy.dialects import postgresql as dialects  # type: ignore[no-redef]
        self._insert: Callable[[Table], Any] = dialects.insert

    def _given(self, **columns: TypeEngine[Any]) -> Subquery:
        """The rows of the JSON parameter as a table."""
        source: FromClause
        values: list[ColumnElement[Any]]
        parameter = bindparam("rows", type_=String)
        if self._sqlite:
            source = func.json_each(parameter).table_valued("value")
            values = [func.json_extract(source.c.value, literal_column(f"'$[{i}]'"), type_=t) for i, t in enumerate(columns.values())]
        else:
            source = func.json_array_elements(cast(parameter, JSON)).table_valued("value")
            values = [cast(source.c.value.op("->>")(literal_column(str(i))), t) for i, t in enumerate(columns.values())]
        return select(*(value.label(name) for value, name in zip(values, columns, strict=True))).subquery("given")

    def _listed(self, *key: ColumnElement[Any]) -> ColumnElement[bool]:
        """Whether the key is among the rows of the JSON parameter."""
        given = self._given(**{f"k{i}": column.type for i, column in enumerate(key)})
        return (tuple_(*key) if len(key) > 1 else key[0]).in_(select(given))

    def _many(self, statement: Insert | Update | Delete, *names: str) -> Many:
        return Many(statement, self._dialect, *names)


class Statements(Builder):
    """The statements in one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__(dialect)
        self._turns()
        self._outbox()
        self._timers()
        self._transcript()
        self._requests()
        self._tickets()
        self._sessions()

    # --- turns ---

    def _turns(self) -> None:
        key = (work.c.shard, work.c.conversation)
        self.find_addresses = select(address.c.address, address.c.shard, address.c.conversation).where(self._listed(address.c.address))
        # With what tells whether the conversation may be carried on by whoever holds it in memory.
        self.find_standing = (
            select(address.c.address, address.c.shard, address.c.conversation, conversation.c.address, conversation.c.version, key[0])
            .join(conversation, (conversation.c.shard == address.c.shard) & (conversation.c.id == address.c.conversation))
            .outerjoin(work, (key[0] == address.c.shard) & (key[1] == address.c.conversation))
            .where(self._listed(address.c.address))
        )
        self.add_addresses = self._many(
            self._insert(address).on_conflict_do_nothing(index_elements=["address"]), "address", "shard", "conversation"
        )
        self.add_conversations = self._many(insert(conversation), *conversation.c.keys())

        # The conflict is named: an id that is already taken must be an error, not an event quietly dropped.
        self.add_events = self._many(
            self._insert(inbox).on_conflict_do_nothing(index_elements=["shard", "conversation", "author", "key"]),
            *("shard", "conversation", "id", "author", "key", "payload", "received_at"),
        )
        self.find_events = select(inbox.c.id).where(self._listed(inbox.c.shard, inbox.c.conversation, inbox.c.id))
        # Only `gen` moves when the row is there: a new message neither shortens a back-off nor wakes a parked conversation.
        self.wake = self._many(
            self._insert(work).on_conflict_do_update(
                index_elements=["shard", "conversation"], set_={"gen": work.c.gen + literal_column("1")}
            ),
            *("shard", "conversation", "ready_at", "gen", "fence"),
        )

        picked = (
            select(*key)
            .where(
                work.c.attempts < literal_column(str(PARK_AFTER)),
                work.c.ready_at <= bindparam("now", type_=BigInteger),
                work.c.lease_until <= bindparam("now", type_=BigInteger),
            )
            .order_by(work.c.ready_at)
            .limit(bindparam("limit", type_=BigInteger))
            .with_for_update(skip_locked=True)
            .cte("picked")
        )
        self.claim = (
            update(work)
            .where(tuple_(*key).in_(select(picked)))
            .values(owner=bindparam("node"), lease_until=bindparam("until", type_=BigInteger), fence=work.c.fence + 1)
            .returning(*key, work.c.fence, work.c.gen, work.c.attempts)
        )
        self.load_conversations = select(conversation.c.id, conversation.c.address, conversation.c.version, conversation.c.state).where(
            self._listed(conversation.c.shard, conversation.c.id)
        )
        pending = (
            select(
                inbox.c.shard,
                inbox.c.conversation,
                inbox.c.id,
                inbox.c.received_at,
                inbox.c.payload,
                func.row_number().over(partition_by=[inbox.c.shard, inbox.c.conversation], order_by=inbox.c.id).label("nth"),
            )
            .where(_is(inbox.c.turn, 0), self._listed(inbox.c.shard, inbox.c.conversation))
            .subquery("pending")
        )
        self.load_events = (
            select(pending.c.conversation, pending.c.id, pending.c.received_at, pending.c.payload)
            .where(pending.c.nth <= literal_column(str(EVENTS_PER_CLAIM + 1)))
            .order_by(pending.c.shard, pending.c.conversation, pending.c.id)
        )

        self.lock_work = select(*key, work.c.owner, work.c.fence, work.c.gen).where(self._listed(*key)).order_by(*key).with_for_update()
        self.lock_versions = (
            select(conversation.c.shard, conversation.c.id, conversation.c.version, conversation.c.fence)
            .where(self._listed(conversation.c.shard, conversation.c.id))
            .order_by(conversation.c.shard, conversation.c.id)
            .with_for_update()
        )
        # Where there is but one writer nothing needs to be locked, and all is found in one go, even whether a message waits to be claimed.
        due = exists().where(
            outbox.c.shard == conversation.c.shard,
            outbox.c.conversation == conversation.c.id,
            outbox.c.status < literal_column(str(SENT)),
            _is(outbox.c.status, DUE),
        )
        self.look_up_all = (
            select(conversation.c.id, work.c.owner, work.c.fence, work.c.gen, conversation.c.version, conversation.c.fence, due)
            .select_from(conversation)
            .outerjoin(work, and_(work.c.shard == conversation.c.shard, work.c.conversation == conversation.c.id))
            .where(self._listed(conversation.c.shard, conversation.c.id))
        )
        self.advance = self._many(
            update(conversation)
            .where(*_at(conversation, "shard", "id"))
            .values(
                version=bindparam("to_version"),
                fence=bindparam("by_fence"),
                state=bindparam("to_state"),
                locale=bindparam("to_locale"),
                updated_at=bindparam("now"),
            ),
            *("to_version", "by_fence", "to_state", "to_locale", "now", "at_shard", "at_id"),
        )
        self.finish_events = self._many(
            update(inbox).where(*_at(inbox, "shard", "conversation", "id"), _is(inbox.c.turn, 0)).values(turn=bindparam("made")),
            *("made", "at_shard", "at_conversation", "at_id"),
        )
        self.redact_events = self._many(
            update(inbox).where(*_at(inbox, "shard", "conversation", "id")).values(payload=bindparam("to_payload")),
            *("to_payload", "at_shard", "at_conversation", "at_id"),
        )
        self.drop_work = delete(work).where(self._listed(*key))
        self.release_work = (
            update(work)
            .where(self._listed(*key))
            .values(owner=null(), lease_until=0, attempts=0, last_error=null(), ready_at=bindparam("now", type_=BigInteger))
        )
        self.postpone_work = self._many(
            update(work)
            .where(*_at(work, "shard", "conversation"))
            .values(
                owner=null(),
                lease_until=literal_column("0"),
                attempts=bindparam("failed"),
                last_error=bindparam("why"),
                ready_at=bindparam("again_at"),
            ),
            *("again_at", "failed", "why", "at_shard", "at_conversation"),
        )
        held = self._given(shard=BigInteger(), conversation=BigInteger(), fence=BigInteger())
        mine = (
            select(*key)
            .join(held, (key[0] == held.c.shard) & (key[1] == held.c.conversation) & (work.c.fence == held.c.fence))
            .where(work.c.owner == bindparam("node"))
            .order_by(*key)
            .with_for_update(of=work, skip_locked=True)
            .cte("mine")
        )
        self.renew = (
            update(work)
            .where(tuple_(*key).in_(select(mine)))
            .values(lease_until=bindparam("until", type_=BigInteger))
            .returning(work.c.conversation)
        )
        forgotten = (
            select(
                inbox.c.shard,
                inbox.c.conversation,
                bindparam("now", type_=BigInteger).label("ready_at"),
                literal_column("1").label("gen"),
                bindparam("now", type_=BigInteger).label("fence"),
            )
            .distinct()
            .where(
                _is(inbox.c.turn, 0),
                inbox.c.received_at <= bindparam("until", type_=BigInteger),
                ~exists().where(key[0] == inbox.c.shard, key[1] == inbox.c.conversation),
            )
        )
        # What the only process was given by hand is in no queue.
        self.count_unqueued = select(func.count(inbox.c.conversation.distinct()), func.min(inbox.c.received_at)).where(
            _is(inbox.c.turn, 0), ~exists().where(key[0] == inbox.c.shard, key[1] == inbox.c.conversation)
        )
        self.sweep = (
            self._insert(work)
            .from_select(["shard", "conversation", "ready_at", "gen", "fence"], forgotten, include_defaults=False)
            .on_conflict_do_nothing(index_elements=["shard", "conversation"])
            .returning(work.c.conversation)
        )
        self.take_over_work = update(work).where(work.c.owner.is_not(None)).values(owner=null(), lease_until=0)
        self.unpark = (
            update(work)
            .where(work.c.attempts >= literal_column(str(PARK_AFTER)))
            .values(attempts=0, ready_at=bindparam("now", type_=BigInteger))
            .returning(work.c.conversation)
        )
        parked = work.c.attempts >= PARK_AFTER
        self.count_work = select(
            func.count().filter(~parked), func.count().filter(parked), func.min(work.c.ready_at).filter(~parked)
        ).select_from(work)

    # --- outbox ---

    def _outbox(self) -> None:
        self.add_messages = self._many(
            insert(outbox),
            *("shard", "conversation", "version", "ord", "platform", "address", "payload"),
            *("status", "priority", "next_at", "created_at", "updated_at"),
        )
        self.add_given = self._many(
            insert(outbox),
            *("shard", "conversation", "version", "ord", "platform", "address", "payload"),
            *("status", "priority", "next_at", "owner", "lease_until", "created_at", "updated_at"),
        )
        key = (outbox.c.shard, outbox.c.conversation, outbox.c.version)
        self.find_given = (
            select(*(outbox.c[name] for name in Due._fields[:-1]))
            .where(
                self._listed(*key),
                _is(outbox.c.status, SENDING),
                outbox.c.owner == bindparam("node"),
                outbox.c.lease_until == outbox.c.updated_at + literal_column(str(GIVEN_MS)),
            )
            .order_by(*key, outbox.c.ord)
        )
        self.claim_due = self._claim_due(of_platform=False)
        self.claim_due_of = self._claim_due(of_platform=True)
        self.start_sending = (
            update(outbox)
            .where(_is(outbox.c.status, DUE), self._listed(outbox.c.shard, outbox.c.conversation, outbox.c.version, outbox.c.ord))
            .values(
                status=SENDING,
                owner=bindparam("node"),
                lease_until=bindparam("until", type_=BigInteger),
                updated_at=bindparam("now", type_=BigInteger),
            )
        )
        self.mark = self._many(
            update(outbox)
            .where(
                *_at(outbox, "shard", "conversation", "version", "ord"),
                _is(outbox.c.status, SENDING),
                outbox.c.owner == bindparam("node"),
            )
            .values(
                status=bindparam("to_status"),
                next_at=bindparam("again_at"),
                attempt=outbox.c.attempt + bindparam("tried"),
                owner=null(),
                lease_until=literal_column("0"),
                platform_id=bindparam("receipt"),
                error=bindparam("why"),
                updated_at=bindparam("now"),
            ),
            *("to_status", "again_at", "tried", "now", "receipt", "why"),
            *("at_shard", "at_conversation", "at_version", "at_ord", "node"),
        )
        # What a dead node was sending may have been sent or not. It counts as an attempt: else a message that kills its sender never ends.
        self.recover = (
            update(outbox)
            .where(_is(outbox.c.status, SENDING), outbox.c.lease_until <= bindparam("now", type_=BigInteger))
            .values(status=DUE, owner=null(), lease_until=0, attempt=outbox.c.attempt + 1)
            .returning(outbox.c.conversation)
        )
        self.take_over_outbox = (
            update(outbox)
            .where(_is(outbox.c.status, SENDING))
            .values(status=DUE, owner=null(), lease_until=0, attempt=outbox.c.attempt + 1)
        )
        self.next_due = self._next_due(of_platform=False)
        self.next_due_of = self._next_due(of_platform=True)
        due = select(func.count(), func.min(outbox.c.created_at)).where(_is(outbox.c.status, DUE)).subquery("due")
        failed = select(func.count()).where(_is(outbox.c.status, FAILED)).scalar_subquery()
        self.count_outbox = select(*due.c, failed)
        self.move_conversation = (
            update(conversation)
            .where(*_at(conversation, "shard", "id"), conversation.c.address == bindparam("old"))
            .values(address=bindparam("new"))
        )
        # Only an address that leads to the conversation has an heir: mail that was copied elsewhere leads nowhere.
        heir = select(bindparam("new", type_=Text).label("address"), address.c.shard, address.c.conversation).where(
            address.c.address == bindparam("old"), *_at(address, "shard", "conversation")
        )
        self.inherit_address = (
            self._insert(address)
            .from_select(["address", "shard", "conversation"], heir, include_defaults=False)
            .on_conflict_do_nothing(index_elements=["address"])
        )
        self.move_messages = (
            update(outbox)
            .where(*_at(outbox, "shard", "conversation"), outbox.c.status < literal_column(str(SENT)), outbox.c.address == bindparam("old"))
            .values(address=bindparam("new"), platform=bindparam("to_platform"))
        )

    def _earlier(self, row: FromClause, *, only: Literal["unsent", "blocked"]) -> ColumnElement[bool]:
        """Whether the conversation has an earlier unsent row to the same address; with `blocked`, one that cannot be sent right now.

        What goes elsewhere (a copy by mail) keeps an order of its own: a mail server that is away must not hold up the chat.
        """
        other = outbox.alias()
        conditions = [
            other.c.shard == row.c.shard,
            other.c.conversation == row.c.conversation,
            other.c.address == row.c.address,
            other.c.status < literal_column(str(SENT)),
            tuple_(other.c.version, other.c.ord) < tuple_(row.c.version, row.c.ord),
        ]
        if only == "blocked":
            conditions.append(or_(_is(other.c.status, SENDING), other.c.next_at > bindparam("now", type_=BigInteger)))
        return exists().where(*conditions)

    def _claim_due(self, *, of_platform: bool) -> Select[Any]:
        """All unsent rows, in order, of the lines (conversation and address) with the `limit` most urgent rows that nothing precedes."""
        now = bindparam("now", type_=BigInteger)
        one = outbox.alias("one")
        wanted = (
            select(one.c.shard, one.c.conversation, one.c.address)
            .where(
                _is(one.c.status, DUE),
                one.c.priority <= bindparam("least", type_=BigInteger),
                one.c.next_at <= now,
                ~self._earlier(one, only="blocked"),
            )
            .order_by(one.c.priority, one.c.next_at)
            .limit(bindparam("limit", type_=BigInteger))
        )
        if of_platform:
            wanted = wanted.where(one.c.platform == bindparam("platform"))
        chosen = wanted.cte("wanted")
        if not self._sqlite:
            # Whoever holds a line's first unsent row holds the line: its later rows cannot be claimed past it.
            head = outbox.alias("head")
            chosen = (
                select(head.c.shard, head.c.conversation, head.c.address)
                .where(
                    _is(head.c.status, DUE),
                    head.c.next_at <= now,
                    tuple_(head.c.shard, head.c.conversation, head.c.address).in_(select(chosen)),
                    ~self._earlier(head, only="unsent"),
                )
                .with_for_update(skip_locked=True)
                .cte("heads")
            )
        line = (outbox.c.shard, outbox.c.conversation, outbox.c.address)
        receipt = func.coalesce(outbox.c.platform_id, literal_column("''"))
        return (
            select(outbox.c.status, outbox.c.next_at, *(outbox.c[name] for name in Due._fields[:-1]), receipt)
            .where(outbox.c.status < literal_column(str(SENT)), tuple_(*line).in_(select(chosen)))
            .order_by(*line, outbox.c.version, outbox.c.ord)
        )

    def _next_due(self, *, of_platform: bool) -> Select[Any]:
        """Only first rows count: one that waits behind another would be due all the time and never claimable."""
        one = outbox.alias("one")
        found = select(func.min(one.c.next_at)).where(_is(one.c.status, DUE), ~self._earlier(one, only="unsent"))
        return found.where(one.c.platform == bindparam("platform")) if of_platform else found

    # --- timers ---

    def _timers(self) -> None:
        put = self._insert(timer)
        self.set_timer = self._many(
            put.on_conflict_do_update(index_elements=["shard", "conversation", "name"], set_={"due_at": put.excluded.due_at}),
            *timer.c.keys(),
        )
        self.cancel_timer = self._many(
            delete(timer).where(*_at(timer, "shard", "conversation", "name")), "at_shard", "at_conversation", "at_name"
        )
        self.due_timers = (
            select(timer.c.shard, timer.c.conversation, timer.c.name, timer.c.due_at)
            .where(timer.c.due_at <= bindparam("now", type_=BigInteger))
            .order_by(timer.c.due_at)
            .limit(bindparam("limit", type_=BigInteger))
        )
        key = (timer.c.shard, timer.c.conversation, timer.c.name)
        self.take_timers = (
            delete(timer).where(self._listed(*key), timer.c.due_at <= bindparam("now", type_=BigInteger)).returning(*key, timer.c.due_at)
        )
        self.next_timer = select(func.min(timer.c.due_at))

    # --- transcript ---

    def _transcript(self) -> None:
        ask = self._given(ask=BigInteger(), address=Text(), version=BigInteger(), rest=BigInteger())
        asked = (
            select(ask.c.ask, ask.c.version, ask.c.rest, address.c.shard, address.c.conversation)
            .join(address, address.c.address == ask.c.address)
            .cte("asked")
        )
        said = (
            select(
                asked.c.ask,
                (inbox.c.turn * 1000).label("cursor"),
                inbox.c.received_at.label("at"),
                inbox.c.key,
                inbox.c.payload,
                inbox.c.conversation,
                inbox.c.turn.label("version"),
                literal_column("-1").label("ord"),
            )
            .join(asked, (inbox.c.shard == asked.c.shard) & (inbox.c.conversation == asked.c.conversation))
            .where(inbox.c.turn > literal_column("0"), inbox.c.turn > asked.c.version, inbox.c.author == literal_column("'customer'"))
        )
        own = address.alias("own")
        answered = (
            select(
                asked.c.ask,
                outbox.c.version * 1000 + 1 + outbox.c.ord,
                outbox.c.created_at,
                literal_column("''"),
                outbox.c.payload,
                outbox.c.conversation,
                outbox.c.version,
                outbox.c.ord,
            )
            .join(asked, (outbox.c.shard == asked.c.shard) & (outbox.c.conversation == asked.c.conversation))
            # What went elsewhere is not of this chat: a copy by mail, or a code that proves who reads that mail. Addresses a conversation
            # moved from are still its own.
            .join(own, (own.c.address == outbox.c.address) & (own.c.conversation == outbox.c.conversation))
            .where(
                outbox.c.version >= asked.c.version,
                or_(outbox.c.version > asked.c.version, outbox.c.ord >= asked.c.rest),
                outbox.c.status != CANCELLED,
            )
        )
        line = said.union_all(answered).subquery("line")
        nth = func.row_number().over(partition_by=line.c.ask, order_by=line.c.cursor).label("nth")
        page = select(*line.c, nth).subquery("page")
        self.transcript = select(page).where(page.c.nth <= bindparam("limit", type_=BigInteger)).order_by(page.c.ask, page.c.cursor)
        key = (outbox.c.shard, outbox.c.conversation, outbox.c.version, outbox.c.ord)
        spoken = (inbox.c.shard == address.c.shard) & (inbox.c.conversation == address.c.conversation)
        newest = func.max(inbox.c.key)
        prefix = bindparam("prefix", type_=Text)
        self.heard = (
            select(address.c.address, newest)
            .join(conversation, (conversation.c.shard == address.c.shard) & (conversation.c.id == address.c.conversation))
            .join(inbox, spoken)
            .where(
                func.substr(address.c.address, 1, func.length(prefix)) == prefix,
                conversation.c.updated_at >= bindparam("since", type_=BigInteger),
                inbox.c.author == literal_column("'customer'"),
                func.substr(inbox.c.key, 1, 1) == literal_column("'m'"),
            )
            .group_by(address.c.address)
            .order_by(newest.desc())
            .limit(bindparam("limit", type_=BigInteger))
        )
        self.find_said = select(outbox.c.payload).where(*(column == bindparam(column.name, type_=column.type) for column in key))

    # --- requests ---

    def _requests(self) -> None:
        self.add_requests = self._many(
            self._insert(request).on_conflict_do_nothing(index_elements=["shard", "conversation", "key"]),
            *("shard", "conversation", "key", "number", "locale", "text", "topic", "name", "email", "created_at"),
        )
        self.lock_requests = (
            select(request.c.shard, request.c.conversation, request.c.key, request.c.text, request.c.email)
            .where(self._listed(request.c.shard, request.c.conversation, request.c.key))
            .with_for_update()
        )
        self.amend_requests = self._many(
            update(request)
            .where(*_at(request, "shard", "conversation", "key"))
            .values(text=bindparam("to_text"), email=bindparam("to_email")),
            *("to_text", "to_email", "at_shard", "at_conversation", "at_key"),
        )
        listed = select(request)
        self.requests = listed.order_by(request.c.created_at.desc(), request.c.key).limit(bindparam("limit", type_=BigInteger))
        self.open_requests = (
            listed.where(request.c.closed_at.is_(None))
            .order_by(request.c.created_at, request.c.key)
            .limit(bindparam("limit", type_=BigInteger))
        )
        self.find_request = listed.where(request.c.number == bindparam("number")).order_by(request.c.created_at)
        self.close_request = (
            update(request)
            .where(request.c.number == bindparam("of_number"), request.c.closed_at.is_(None))
            .values(closed_at=bindparam("now"))
            .returning(request.c.key)
        )

    # --- tickets ---

    def _tickets(self) -> None:
        key = (ticket.c.shard, ticket.c.conversation, ticket.c.key)
        self.add_tickets = self._many(
            self._insert(ticket).on_conflict_do_nothing(index_elements=["shard", "conversation", "key"]),
            *("shard", "conversation", "key", "number", "form", "version", "department", "priority", "title", "text"),
            *("answers", "files", "locale", "topic", "name", "email", "state", "created_at", "updated_at", "due_at"),
            *("proof", "proved_at", "account"),
        )
        self.lock_tickets = (
            select(*key, ticket.c.state, ticket.c.first_reply_at, ticket.c.resolved_at, ticket.c.closed_at, ticket.c.rating)
            .where(self._listed(*key))
            .order_by(*key)
            .with_for_update()
        )
        self.move_tickets = self._many(
            update(ticket)
            .where(*_at(ticket, "shard", "conversation", "key"))
            .values(
                state=bindparam("to_state"),
                updated_at=bindparam("now"),
                first_reply_at=bindparam("replied"),
                resolved_at=bindparam("resolved"),
                closed_at=bindparam("closed"),
                rating=bindparam("rated"),
            ),
            *("to_state", "now", "replied", "resolved", "closed", "rated", "at_shard", "at_conversation", "at_key"),
        )
        once = ["shard", "conversation", "ticket", "id"]
        self.add_changes = self._many(self._insert(ticket_change).on_conflict_do_nothing(index_elements=once), *ticket_change.c.keys())
        self.add_entries = self._many(self._insert(ticket_entry).on_conflict_do_nothing(index_elements=once), *ticket_entry.c.keys())
        newest = select(ticket).order_by(ticket.c.created_at.desc(), ticket.c.key)
        limit = bindparam("limit", type_=BigInteger)
        self.tickets = newest.limit(limit)
        self.tickets_in = newest.where(ticket.c.state == bindparam("in_state")).limit(limit)
        unfinished = text("state NOT IN ('resolved', 'closed', 'merged')")
        self.open_tickets = select(ticket).where(unfinished).order_by(ticket.c.created_at, ticket.c.key).limit(limit)
        self.find_tickets = select(ticket).where(ticket.c.number == bindparam("number")).order_by(ticket.c.created_at)
        self.ticket_state = select(ticket.c.state).where(*(column == bindparam(f"at_{column.name}", type_=column.type) for column in key))
        self.count_tickets = select(ticket.c.state, func.count().label("amount")).group_by(ticket.c.state)

        def of_ticket(table: Table) -> Select[Any]:
            at = (table.c[name] == bindparam(f"at_{name}", type_=table.c[name].type) for name in ("shard", "conversation", "ticket"))
            return select(*list(table.c)[2:]).where(*at).order_by(table.c.at, table.c.id)

        self.changes_of = of_ticket(ticket_change)
        self.entries_of = of_ticket(ticket_entry)
        self.address_of = select(conversation.c.address).where(
            conversation.c.shard == bindparam("at_shard", type_=conversation.c.shard.type),
            conversation.c.id == bindparam("at_id", type_=conversation.c.id.type),
        )

    # --- web sessions ---

    def _sessions(self) -> None:
        which = web_session.c.token_hash == bindparam("which")
        self.add_session = (
            self._insert(web_session).on_conflict_do_nothing(index_elements=["token_hash"]).returning(web_session.c.token_hash)
        )
        self.find_session = select(web_session).where(which)
        # Never backwards: touches of several tabs arrive in any order.
        self.touch_session = update(web_session).where(which, web_session.c.seen_at < bindparam("now")).values(seen_at=bindparam("now"))
        self.set_session_subject = update(web_session).where(which).values(subject=bindparam("to_subject"))
        self.move_session = update(web_session).where(which).values(address=bindparam("to_address"))
        self.delete_session = delete(web_session).where(which)
        self.expire_sessions = (
            delete(web_session).where(web_session.c.seen_at < bindparam("before", type_=BigInteger)).returning(web_session.c.token_hash)
        )


_built: dict[str, Statements] = {}


def of(conn: Connection) -> Statements:
    """The statements in the dialect of this connection."""
    found = _built.get(conn.dialect.name)
    if found is None:
        found = _built[conn.dialect.name] = Statements(conn.dialect)
    return found
