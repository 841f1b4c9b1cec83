"""What the checks of a store are built of: events, turns, and the shortest ways to put them there."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, text

from storage import outbox, turns
from storage.engines import Database
from storage.rows import Claim, Due, NewEvent, NewMessage, Outcome, StoredEvent, Turn

NOW = 1_800_000_000_000
LEASE = 10_000
ADDRESS = "memory:desk:ana"

_ids = itertools.count(7_000_000_000_000_000_000)


def new_id() -> int:
    """Grows, like the application's."""
    return next(_ids)


def event(key: str, address: str = ADDRESS, payload: str = "{}", at: int = NOW) -> NewEvent:
    return NewEvent(new_id(), address, key, payload, at)


def turn(
    claim: Claim,
    *said: str,
    decided: int | None = None,
    state: str = "",
    priority: int = 0,
    elsewhere: str = "",
    timers: Sequence[tuple[str, int | None]] = (),
    **more: Any,
) -> Turn:
    """What a worker makes of a claim: a version for each event (the first `decided`), and what is `said` at the last of them.

    `elsewhere`: it is said to this address, not to the conversation's own.
    """
    events = tuple((pending.id, claim.version + nth) for nth, pending in enumerate(claim.events[:decided], 1))
    version = events[-1][1] if events else claim.version
    messages = tuple(NewMessage(version, ord, payload, priority, elsewhere) for ord, payload in enumerate(said))
    return Turn(claim, version, state or f"v{version}", "es", events, messages, tuple(timers), **{"requests": (), "amendments": (), **more})


class StoreSteps:
    """The steps that the checks are told in. A subclass provides `database`."""

    @pytest.fixture
    def database(self) -> Database:
        """Empty and up to date."""
        raise NotImplementedError

    async def accept(self, database: Database, *events: NewEvent, now: int = NOW) -> list[StoredEvent]:
        return await database.write(lambda conn: turns.accept(conn, events, now))

    async def claim(self, database: Database, node: str = "a", now: int = NOW, limit: int = 100) -> list[Claim]:
        return await database.write(lambda conn: turns.claim(conn, node, now, LEASE, limit))

    async def commit(self, database: Database, *decided: Turn, node: str = "a", now: int = NOW) -> set[int]:
        return await database.write(lambda conn: turns.commit(conn, node, decided, now))

    async def say(
        self, database: Database, *said: str, address: str = ADDRESS, now: int = NOW, priority: int = 0, elsewhere: str = ""
    ) -> int:
        """An event that is answered by what is `said`; returns the conversation."""
        (stored,) = await self.accept(database, event(f"said-{new_id()}", address), now=now)
        claims = [claim for claim in await self.claim(database, "say", now) if claim.conversation == stored.conversation]
        turns = (turn(claim, *said, priority=priority, elsewhere=elsewhere) for claim in claims)
        assert await self.commit(database, *turns, node="say", now=now)
        return stored.conversation

    async def due(self, database: Database, node: str = "a", now: int = NOW, limit: int = 100, **more: Any) -> list[Due]:
        return await database.write(lambda conn: outbox.claim_due(conn, node, now, LEASE, limit, **more))

    async def mark(self, database: Database, *outcomes: Outcome, node: str = "a", now: int = NOW) -> None:
        await database.write(lambda conn: outbox.mark(conn, node, outcomes, now))

    async def ask(self, database: Database, sql: str) -> list[tuple[Any, ...]]:
        """Look straight into the tables."""
        return await database.read(lambda conn: [tuple(row) for row in conn.execute(text(sql))])

    async def run(self, database: Database, sql: str) -> None:
        await database.write(lambda conn: conn.execute(text(sql)).close())


def outcome(due: Due, status: int = outbox.SENT, **more: Any) -> Outcome:
    return Outcome(*due[:4], status, **more)


def texts(due: Sequence[Due]) -> list[str]:
    return [row.payload for row in due]


def together(*units: Callable[[Connection], Any]) -> Callable[[Connection], list[Any]]:
    """One unit of work that does several things."""
    return lambda conn: [unit(conn) for unit in units]
