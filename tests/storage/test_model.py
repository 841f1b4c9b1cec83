"""Whatever two nodes do to each other, in whatever order: searched by Hypothesis against a model that fits on a page."""

from __future__ import annotations

import itertools
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import Engine, StaticPool, create_engine, insert, text

from storage import outbox, schema, turns
from storage.outbox import CANCELLED, DUE, FAILED, SENDING, SENT
from storage.rows import Claim, NewEvent, NewMessage, Turn
from tests.contracts.store_rows import LEASE, NOW, turn

QUICK = settings(max_examples=30, stateful_step_count=30)


def in_memory() -> Engine:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    schema.metadata.create_all(engine)
    return engine


class TwoNodes(RuleBasedStateMachine):
    """Events of two customers, decided by two nodes that die, lag behind, repeat themselves and lose queue rows."""

    @initialize()
    def begin(self) -> None:
        self.engine = in_memory()
        self.now = NOW
        self.ids = itertools.count(10**15)
        self.accepted: dict[str, dict[str, int]] = {"memory:desk:a": {}, "memory:desk:b": {}}
        self.held: list[tuple[str, Claim]] = []
        self.committed: list[tuple[str, Turn]] = []

    def teardown(self) -> None:
        if not hasattr(self, "engine"):
            return
        # Whatever happened: a node that lives on decides all that is left.
        self.now += 10**9
        with self.engine.begin() as conn:
            turns.sweep(conn, self.now)
            turns.unpark(conn, self.now)
            while claims := turns.claim(conn, "last", self.now, LEASE, 10):
                assert turns.commit(conn, "last", [self.decide(claim) for claim in claims], self.now)
        for address, keys in self.accepted.items():
            assert sorted(self.answered(address)) == sorted(keys.values())
        self.engine.dispose()

    @rule(address=st.sampled_from("ab"), keys=st.lists(st.sampled_from("123456"), min_size=1, max_size=4))
    def accept(self, address: str, keys: list[str]) -> None:
        address = f"memory:desk:{address}"
        events = [NewEvent(next(self.ids), address, key, "{}", self.now) for key in keys]
        with self.engine.begin() as conn:
            stored = turns.accept(conn, events, self.now)
        for event, found in zip(events, stored, strict=True):
            assert found.fresh == (event.key not in self.accepted[address])
            self.accepted[address].setdefault(event.key, event.id)

    @rule(node=st.sampled_from("xy"), limit=st.integers(1, 2))
    def claim(self, node: str, limit: int) -> None:
        with self.engine.begin() as conn:
            claims = turns.claim(conn, node, self.now, LEASE, limit)
        for claim in claims:
            ids = [pending.id for pending in claim.events]
            assert ids == sorted(ids)
            assert claim.version == len(self.answered(claim.address))
        self.held += [(node, claim) for claim in claims]

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def commit(self, data: st.DataObject) -> None:
        node, claim = data.draw(st.sampled_from(self.held))
        decided = self.decide(claim, data.draw(st.integers(1, len(claim.events))))
        before = self.answered(claim.address)
        with self.engine.begin() as conn:
            done = turns.commit(conn, node, [decided], self.now)
        if done and any(twin.version == decided.version and twin.claim[:6] == claim[:6] for _, twin in self.committed):
            # A lost and found queue row gave the same lease twice in one millisecond: the second commit repeats the first.
            assert self.answered(claim.address) == before
        elif done:
            assert self.answered(claim.address) == before + [id for id, _ in decided.events]
            assert claim.version == len(before)
            self.committed.append((node, decided))
            self.held.remove((node, claim))
        else:
            assert self.answered(claim.address) == before

    @precondition(lambda self: self.committed)
    @rule(data=st.data())
    def commit_again(self, data: st.DataObject) -> None:
        node, decided = data.draw(st.sampled_from(self.committed))
        before = self.answered(decided.claim.address)
        with self.engine.begin() as conn:
            done = turns.commit(conn, node, [decided], self.now)
        assert bool(done) == (decided.version == len(before))
        assert self.answered(decided.claim.address) == before

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        node, claim = data.draw(st.sampled_from(self.held))
        with self.engine.begin() as conn:
            turns.fail(conn, node, [claim], "trouble", self.now)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        node, claim = data.draw(st.sampled_from(self.held))
        with self.engine.begin() as conn:
            turns.renew(conn, node, [claim], self.now, LEASE)

    @rule(ms=st.sampled_from([-LEASE, 1, 1_500, LEASE, 70_000]))
    def clock(self, ms: int) -> None:
        """It may even be set back: then a queue row that is made anew can get the fence of a lost lease again."""
        self.now += ms

    @rule()
    def lose_the_queue(self) -> None:
        with self.engine.begin() as conn:
            conn.execute(text("DELETE FROM work"))
            turns.sweep(conn, self.now)

    @invariant()
    def each_event_is_answered_once(self) -> None:
        if hasattr(self, "engine"):
            for address, keys in self.accepted.items():
                answered = self.answered(address)
                assert len(answered) == len(set(answered))
                assert set(answered) <= set(keys.values())

    def decide(self, claim: Claim, count: int | None = None) -> Turn:
        decided = turn(claim, decided=count)
        messages = tuple(NewMessage(version, 0, str(id), 0) for id, version in decided.events)
        return decided._replace(messages=messages)

    def answered(self, address: str) -> list[int]:
        with self.engine.begin() as conn:
            found = conn.execute(text("SELECT payload FROM outbox WHERE address = :address ORDER BY version, ord"), {"address": address})
            return [int(payload) for (payload,) in found]


TestTwoNodes = TwoNodes.TestCase
TestTwoNodes.settings = QUICK


class Row(NamedTuple):
    conversation: int
    status: int
    wait: int
    priority: int
    platform: str

    @property
    def line(self) -> tuple[int, str]:
        """What keeps an order: here each platform has one address."""
        return self.conversation, self.platform


ROWS = st.lists(
    st.builds(
        Row,
        st.integers(1, 4),
        st.sampled_from([DUE, DUE, DUE, SENDING, SENT, FAILED, CANCELLED]),
        st.sampled_from([-3, -2, -1, 0, 0, 5]),
        st.sampled_from([0, 0, 1, 9]),
        st.sampled_from(["p", "p", "q"]),
    ),
    max_size=14,
)


@given(rows=ROWS, limit=st.integers(1, 6), platforms=st.sampled_from([None, ["p"], ["q", "p"]]))
@settings(max_examples=60)
def test_what_is_claimed_to_be_sent(rows: list[Row], limit: int, platforms: list[str] | None) -> None:
    """All that may be sent is found, up to the limit; the most urgent is among it; order within a conversation and address is kept."""
    engine = in_memory()
    with engine.begin() as conn:
        for version, row in enumerate(rows, 1):
            values = (0, row.conversation, version, 0, row.platform, row.platform, str(version), row.status, row.priority, NOW + row.wait)
            names = ("shard", "conversation", "version", "ord", "platform", "address", "payload", "status", "priority", "next_at")
            row_of = dict(zip(names, values, strict=True), created_at=NOW, updated_at=NOW)
            conn.execute(insert(schema.outbox).values(row_of))
        claimed = outbox.claim_due(conn, "a", NOW, LEASE, limit, platforms)
        assert outbox.claim_due(conn, "a", NOW, LEASE, 99, platforms) == [] or len(claimed) == limit
    engine.dispose()

    sendable: dict[int, tuple[int, int]] = {}
    for line in {row.line for row in rows if platforms is None or row.platform in platforms}:
        for version, row in enumerate(rows, 1):
            if row.line == line and row.status in (DUE, SENDING):
                if row.status == SENDING or row.wait > 0:
                    break
                sendable[version] = (row.priority, row.wait)
    versions = [due.version for due in claimed]
    assert len(versions) == min(limit, len(sendable))
    assert set(versions) <= set(sendable)
    for line in {row.line for row in rows}:
        mine = [version for version in versions if rows[version - 1].line == line]
        assert mine == [version for version in sendable if rows[version - 1].line == line][: len(mine)]
    if sendable:
        # The most urgent is claimed, or one that it waits behind.
        first = min(sendable, key=lambda version: sendable[version])
        assert rows[versions[0] - 1].line in {rows[v - 1].line for v in sendable if sendable[v] == sendable[first]}
