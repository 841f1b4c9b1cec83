"""The run queue: events in, conversations claimed, turns committed; always many at a time.

Safety is the compare-and-set on the conversation's version. Owner, lease and fence only keep two nodes from doing the same work.
Rows are locked in key order everywhere (work, then conversation), so that two nodes cannot wait for each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from storage import links, mirror, proofs, statements, subscriptions, ticket_turns
from storage.rows import HELD, Claim, Committed, Due, NewEvent, PendingEvent, StoredEvent, Turn
from storage.schema import shard_of
from storage.statements import DUE, EVENTS_PER_CLAIM, GIVEN_MS, PARK_AFTER, SENDING, rows

Key = tuple[int, int]
"""A conversation: (shard, id)."""

_FIRST_RETRY_MS = 1_000
_LAST_RETRY_MS = 60_000
_ERROR_LIMIT = 500


class WorkCounts(NamedTuple):
    """Conversations with something to do, those parked, and since when (epoch ms) the longest waiting one is ready."""

    waiting: int
    parked: int
    oldest_at: int | None


Holds = Callable[[int, str, int], bool]
"""Whether a conversation is held in memory as it stands: asked with its id, the address it is answered at, and its version."""


def accept(conn: Connection, events: Sequence[NewEvent], now: int, holds: Holds | None = None) -> list[StoredEvent]:
    """Store events and queue their conversations. Answers in the order of `events`; one that is already stored is not `fresh`.

    An address not seen before begins a conversation, which takes the id of that first event. What `holds` says yes to is not queued:
    its caller has to see to it, or `sweep` will. It is asked about conversations that stand in no queue and have a fresh event.
    """
    if not events:
        return []
    st = statements.of(conn)
    places: dict[str, Key] = {}
    standing: dict[int, tuple[str, int]] = {}
    addresses = {event.address for event in events}
    if holds is None:
        places = _places(conn, st, addresses)
    else:
        for address, shard, id, at, version, queued in conn.execute(st.find_standing, rows((address,) for address in addresses)).all():
            places[address] = shard, id
            if queued is None:
                standing[id] = at, version
    if len(places) < len(addresses):
        _begin(conn, st, {event.address: event.id for event in reversed(events) if event.address not in places}, now)
        places = _places(conn, st, addresses)
    first = {(event.address, event.key): event for event in reversed(events)}
    new = sorted((*places[event.address], event.id, "customer", event.key, event.payload, event.received_at) for event in first.values())
    if st.add_events(conn, new) == len(new):
        fresh = {event.id for event in first.values()}
    else:
        # Under our own id it is ours, whoever stored it: the same unit run a second time still calls it fresh.
        fresh = {id for (id,) in conn.execute(st.find_events, rows(row[:3] for row in new)).all()}
    woken = {(shard, conversation) for shard, conversation, id, *_ in new if id in fresh}
    if holds is not None:
        woken = {(shard, id) for shard, id in woken if id not in standing or not holds(id, *standing[id])}
    wake(conn, woken, now)
    stored = []
    for event in events:
        stored.append(StoredEvent(*places[event.address], event.id in fresh))
        fresh.discard(event.id)
    return stored


def _places(conn: Connection, st: statements.Statements, addresses: Iterable[str]) -> dict[str, Key]:
    """Where each address leads that leads anywhere."""
    found = conn.execute(st.find_addresses, rows((address,) for address in addresses)).all()
    return {address: (shard, id) for address, shard, id in found}


def _begin(conn: Connection, st: statements.Statements, starts: Mapping[str, int], now: int) -> None:
    """A conversation for each address, with the id beside it."""
    st.add_addresses(conn, [(address, shard_of(id), id) for address, id in sorted(starts.items())])
    # Another node may have begun the same conversation a moment ago: whoever's row is there now is right.
    places = _places(conn, st, starts)
    begun = [(address, id) for address, id in starts.items() if places[address][1] == id]
    st.add_conversations(conn, [(shard_of(id), id, 0, 0, address, "", "", now, now) for address, id in begun])


def wake(conn: Connection, conversations: Iterable[Key], now: int) -> None:
    """Put conversations into the run queue, or tell the claim they are in that more has arrived."""
    statements.of(conn).wake(conn, [(shard, id, now, 1, now) for shard, id in sorted(conversations)])


def claim(conn: Connection, node: str, now: int, lease_ms: int, limit: int) -> list[Claim]:
    """Take up to `limit` conversations that are ready and nobody's, longest waiting first, until `now + lease_ms`.

    At most 50 events of each are loaded; `gen` is then 0, which no queue row has, so that the commit keeps the conversation queued.
    """
    st = statements.of(conn)
    taken = conn.execute(st.claim, {"node": node, "now": now, "until": now + lease_ms, "limit": limit}).all()
    if not taken:
        return []
    keys = rows((shard, id) for shard, id, *_ in taken)
    known = {id: (address, version, state) for id, address, version, state in conn.execute(st.load_conversations, keys).all()}
    pending: dict[int, list[PendingEvent]] = {}
    for id, *event in conn.execute(st.load_events, keys).all():
        pending.setdefault(id, []).append(PendingEvent(*event))
    claims = []
    idle = []
    for shard, id, fence, gen, attempts in taken:
        events = pending.get(id)
        if events and id in known:
            if len(events) > EVENTS_PER_CLAIM:
                gen, events = 0, events[:EVENTS_PER_CLAIM]
            claims.append(Claim(shard, id, *known[id], fence, gen, attempts, tuple(events)))
        else:
            idle.append((shard, id))
    if idle:
        # Woken for nothing (by a timer that another node fired, say). We hold the lock, so nothing can have arrived meanwhile.
        conn.execute(st.drop_work, rows(idle))
    return claims


def commit(conn: Connection, node: str, turns: Sequence[Turn], now: int) -> set[int]:
    """Apply each turn whole, or not at all when its claim was lost or its conversation has moved on. Returns the ids of those applied.

    Repeating a commit whose outcome is unknown is safe: a turn that is already in is reported as applied, and changes nothing.
    """
    return commit_and_give(conn, node, turns, now, {}).conversations


def commit_and_give(conn: Connection, node: str, turns: Sequence[Turn], now: int, room: Mapping[str, int]) -> Committed:
    """`commit`, which gives the caller what it may send at once, `room` messages of each platform: they are stored as being sent already.

    A message is given only where nothing that was said before it still waits to be claimed. For the one process of a database, and for
    platforms that drop a second send: what it has not marked after a minute is due again.
    """
    if not turns:
        return Committed(set(), [])
    st = statements.of(conn)
    keys = rows(map(_by_key, turns))
    held = links.concerned(conn, turns)
    if held:
        # Before any other lock, and all at once: to wake a conversation is to hold its place in the queue.
        wake(conn, held, now)
    queued: dict[int, tuple[str | None, int, int]] = {}
    stands: dict[int, tuple[int, int]] = {}
    clear: set[int] = set()
    if st.one_writer:
        for id, owner, fence, gen, version, held_by, due in conn.execute(st.look_up_all, keys).all():
            stands[id] = version, held_by
            if gen is not None:
                queued[id] = owner, fence, gen
            if not due:
                clear.add(id)
    else:
        queued = {id: (owner, fence, gen) for _, id, owner, fence, gen in conn.execute(st.lock_work, keys).all()}
        stands = {id: (version, fence) for _, id, version, fence in conn.execute(st.lock_versions, keys).all()}
    done: set[int] = set()
    applied: list[Turn] = []
    repeated: list[tuple[int, int, int]] = []
    for turn in sorted(turns, key=_by_key):
        claim = turn.claim
        version, fence = stands.get(claim.conversation, (-1, -1))
        if version == turn.version > claim.version and fence == claim.fence:
            done.add(claim.conversation)
            repeated += [(claim.shard, claim.conversation, message.version) for message in turn.messages]
        elif version == claim.version and (claim.gen == HELD or queued.get(claim.conversation, ())[:2] == (node, claim.fence)):
            done.add(claim.conversation)
            applied.append(turn)
    given: list[Due] = []
    if applied:
        given = _apply(conn, st, node, applied, now, dict(room), clear)
        if held and (late := links.follow(conn, applied, now).difference(held)):
            wake(conn, late, now)
        _let_go(conn, st, applied, {id: gen for id, (_, _, gen) in queued.items()}, now)
    if repeated and room:
        # The caller was never told that these are its own to send.
        given += [Due._make((*row, "")) for row in conn.execute(st.find_given, {**rows(set(repeated)), "node": node}).all()]
    return Committed(done, given)


def _by_key(turn: Turn) -> Key:
    return turn.claim[:2]


def _apply(
    conn: Connection,
    st: statements.Statements,
    node: str,
    turns: Sequence[Turn],
    now: int,
    room: dict[str, int],
    clear: set[int],
) -> list[Due]:
    """`clear`: conversations of which no message waits to be claimed. Returns what is given to the caller to send."""
    states, events, messages, set_timers, cancelled, requests = [], [], [], [], [], []
    given: list[Due] = []
    given_rows = []
    for turn in turns:
        shard, id, address, *_ = turn.claim
        states.append((turn.version, turn.claim.fence, turn.state, turn.locale, now, shard, id))
        for event, version in turn.events:
            events.append((version, shard, id, event))
        platform = platform_of(address)
        # A link or a proof adds messages of its own between these; they keep their order in the table.
        at_once = id in clear and len(turn.messages) <= room.get(platform, 0) and not (turn.links or turn.proofs)
        for version, ord, payload, priority, elsewhere in turn.messages:
            if at_once and not elsewhere:
                room[platform] -= 1
                given.append(Due(shard, id, version, ord, address, payload, priority, 0, now, ""))
                given_rows.append(
                    (shard, id, version, ord, platform, address, payload, SENDING, priority, now, node, now + GIVEN_MS, now, now)
                )
            else:
                to = elsewhere or address
                messages.append((shard, id, version, ord, platform_of(to), to, payload, DUE, priority, now, now, now))
        for name, due_at in dict(turn.timers).items():
            if due_at is None:
                cancelled.append((shard, id, name))
            else:
                set_timers.append((shard, id, name, due_at))
        for request in turn.requests:
            requests.append((shard, id, *request, now))
    st.advance(conn, states)
    st.finish_events(conn, events)
    st.redact_events(conn, [(payload, *_by_key(turn), event) for turn in turns for event, payload in turn.redactions])
    st.add_messages(conn, messages)
    st.add_given(conn, given_rows)
    st.set_timer(conn, set_timers)
    st.cancel_timer(conn, cancelled)
    st.add_requests(conn, requests)
    if any(turn.amendments for turn in turns):
        _amend(conn, st, turns)
    if any(turn.tickets or turn.changes or turn.entries or turn.ratings for turn in turns):
        ticket_turns.follow(conn, turns, now)
    if any(turn.mirrored for turn in turns):
        mirror.follow(conn, turns)
    if any(turn.proofs for turn in turns):
        proofs.follow(conn, turns, now)
    if any(turn.subscriptions for turn in turns):
        subscriptions.follow(conn, turns, now)
    return given


def _amend(conn: Connection, st: statements.Statements, turns: Sequence[Turn]) -> None:
    keys = {(*_by_key(turn), amendment.key) for turn in turns for amendment in turn.amendments}
    found = {(shard, id, key): (text, email) for shard, id, key, text, email in conn.execute(st.lock_requests, rows(sorted(keys))).all()}
    for turn in turns:
        for key, new_email, more_text in turn.amendments:
            at = (*_by_key(turn), key)
            if at in found:
                text, email = found[at]
                found[at] = ("\n".join(filter(None, (text, more_text))), new_email or email)
    st.amend_requests(conn, [(text, email, *at) for at, (text, email) in found.items()])


def _let_go(conn: Connection, st: statements.Statements, turns: Sequence[Turn], gens: dict[int, int], now: int) -> None:
    through: list[Key] = []
    more: list[Key] = []
    woken: list[Key] = []
    for turn in turns:
        asked = bool(turn.proofs or turn.links)  # what came of those is an event already
        if turn.claim.gen == HELD:
            if asked:
                woken.append(_by_key(turn))
            continue
        seen_all = gens[turn.claim.conversation] == turn.claim.gen and len(turn.events) == len(turn.claim.events)
        (through if seen_all and not asked else more).append(_by_key(turn))
    if through:
        conn.execute(st.drop_work, rows(through))
    if more:
        conn.execute(st.release_work, {**rows(more), "now": now})
    wake(conn, woken, now)


def fail(conn: Connection, node: str, claims: Sequence[Claim], error: str, now: int) -> None:
    """Give claims back after a failed attempt, to be tried again later each time; after ten the conversation is parked.

    `error` is kept for the operators, so it must not hold what a customer wrote.
    """
    if not claims:
        return
    st = statements.of(conn)
    queued = {id: (owner, fence) for _, id, owner, fence, _ in conn.execute(st.lock_work, rows(claim[:2] for claim in claims)).all()}
    postponed = [
        (
            now + min(_FIRST_RETRY_MS << min(claim.attempts, PARK_AFTER), _LAST_RETRY_MS),
            claim.attempts + 1,
            error[:_ERROR_LIMIT],
            *claim[:2],
        )
        for claim in claims
        if queued.get(claim.conversation) == (node, claim.fence)
    ]
    st.postpone_work(conn, postponed)


def renew(conn: Connection, node: str, claims: Sequence[Claim], now: int, lease_ms: int) -> set[int]:
    """Extend leases. Returns the conversations that are certainly still this node's; the others are lost or being written right now."""
    if not claims:
        return set()
    held = rows((claim.shard, claim.conversation, claim.fence) for claim in claims)
    found = conn.execute(statements.of(conn).renew, {**held, "node": node, "until": now + lease_ms})
    return set(found.scalars())


def sweep(conn: Connection, now: int, until: int | None = None) -> int:
    """Queue conversations that have pending events, received by `until` (epoch ms; now), but stand in no queue. Returns how many."""
    return len(conn.execute(statements.of(conn).sweep, {"now": now, "until": now if until is None else until}).all())


def take_over(conn: Connection) -> None:
    """End every lease of work and outbox at once. Only for the start of a single process: the node that held them is surely dead."""
    st = statements.of(conn)
    conn.execute(st.take_over_work)
    conn.execute(st.take_over_outbox)


def unpark(conn: Connection, now: int) -> int:
    """Give parked conversations another ten attempts: when a new release or new content may have cured them. Returns how many."""
    return len(conn.execute(statements.of(conn).unpark, {"now": now}).all())


def counts(conn: Connection) -> WorkCounts:
    """For the metrics."""
    st = statements.of(conn)
    queued, parked, ready_at = conn.execute(st.count_work).one()
    unqueued, received_at = conn.execute(st.count_unqueued).one()
    return WorkCounts(queued + unqueued, parked, min((at for at in (ready_at, received_at) if at is not None), default=None))


def platform_of(address: str) -> str:
    """The platform's name: the first part of an address."""
    return address.partition(":")[0]


def state_at(conn: Connection, address: str) -> str:
    """The state of the conversation that is answered at `address`; "" when there is none, or none of its turns was decided."""
    st = statements.of(conn)
    place = conn.execute(st.find_addresses, rows([(address,)])).first()
    if place is None:
        return ""
    found = conn.execute(st.load_conversations, rows([(place.shard, place.conversation)])).first()
    return "" if found is None else str(found.state)
