"""Notices: publishing, planning in small steps that each move a cursor, and what became of each for everybody it went to.

Of everybody who subscribes there is one row per notice, made in the transaction that also makes the message and moves the cursor. So a
process may die anywhere: the next one goes on from the cursor, and nobody is missed or written to twice.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from conversations.events import SubscriptionsEnded, encoder
from storage import notice_statements, statements, turns
from storage.notice_rows import NewNotice, Notice, Place, Reach, Reader, Settled
from storage.notice_statements import DELIVERED, FAILED, PLANNED, UNREACHABLE
from storage.statements import DUE, SENT, rows

BROADCAST = 9
"""The priority of what nobody waits for: any reply goes first."""

LAST_ORD = 998
"""Of the messages of one version, as the table has it."""


def publish(conn: Connection, new: NewNotice) -> Notice:
    """Store it for everybody who subscribes. The one that is kept under its key: another one, if that was published before."""
    st = notice_statements.of(conn)
    st.add_notice(conn, [(*new, -1, 0)])
    return Notice(*conn.execute(st.notice_with, {"with_key": new.key}).one())


def readers(conn: Connection, topic: str) -> list[Reader]:
    """Whom a notice of this topic would go to now."""
    return [Reader(*row) for row in conn.execute(notice_statements.of(conn).readers, {"of_topic": topic})]


def newest(conn: Connection, limit: int) -> list[tuple[Notice, Reach]]:
    """What was published, the newest first, and how far each has come."""
    st = notice_statements.of(conn)
    found = [Notice(*row) for row in conn.execute(st.notices, {"limit": limit})]
    reach: dict[int, list[int]] = {notice.id: [0] * len(Reach._fields) for notice in found}
    for id, status, amount in conn.execute(st.count_recipients, rows((notice.id,) for notice in found)):
        reach[id][status] = amount
    return [(notice, Reach(*reach[notice.id])) for notice in found]


def plan(conn: Connection, draw: Callable[[Notice, str], str], now: int, limit: int) -> set[str] | None:
    """Take the oldest notice that is not planned and queue it for its next `limit` subscribers. `draw` gives the message in a language.

    Returns the platforms it goes to, none when there was nobody left for it; None when there is no notice to plan, or another node is at
    it.
    """
    st = notice_statements.of(conn)
    row = conn.execute(st.next_notice).first()
    if row is None:
        return None
    notice = Notice(*row)
    asked = {"of_topic": notice.topic, "at_shard": notice.at_shard, "at_conversation": notice.at_conversation, "limit": limit}
    found = conn.execute(st.next_subscribers, asked).all()
    if not found:
        st.end_planning(conn, [(now, notice.id)])
        return set()
    # Asked once the conversations are held: before that, somebody else's turn could be writing behind what is there.
    versions = rows((shard, id, version) for shard, id, _, version, _ in found)
    tails = {(shard, id): ord for shard, id, _, ord in conn.execute(st.last_said, versions)}
    recipients, messages, platforms = [], [], set()
    for shard, id, address, version, locale in found:
        ord = tails.get((shard, id), -1) + 1
        if ord > LAST_ORD:
            # So much was sent here without a word from the customer that there is no place left for more.
            recipients.append((shard, id, notice.id, version, ord, FAILED, now))
            continue
        platform = turns.platform_of(address)
        platforms.add(platform)
        recipients.append((shard, id, notice.id, version, ord, PLANNED, now))
        messages.append((shard, id, version, ord, platform, address, draw(notice, locale), DUE, BROADCAST, now, now, now))
    st.add_recipients(conn, recipients)
    statements.of(conn).add_messages(conn, messages)
    st.move_cursor(conn, [(*found[-1][:2], notice.id)])
    return platforms


def settle(conn: Connection, ids: Callable[[], int], lost: str, after: Place, now: int, limit: int) -> Settled:
    """Look at the next `limit` recipients after `after` whose outcome is not known, and keep what became of those messages.

    Where the outbox says `lost`, before any detail, the chat cannot be reached: whatever it subscribed to before that is ended there.
    """
    st = notice_statements.of(conn)
    behind = dict(zip(("at_shard", "at_conversation", "at_notice"), after, strict=True))
    found = conn.execute(st.unsettled, {**behind, "limit": limit}).all()
    outcomes = []
    unreachable: dict[turns.Key, int] = {}
    for shard, conversation, notice, status, error, at in found:
        if status is None:
            continue
        gone = status != SENT and (error or "").startswith(lost)
        outcomes.append((DELIVERED if status == SENT else UNREACHABLE if gone else FAILED, now, shard, conversation, notice))
        if gone:
            unreachable[shard, conversation] = max(at, unreachable.get((shard, conversation), 0))
    if unreachable:
        _end(conn, st, unreachable, ids, now)
    st.settle(conn, outcomes)
    last: Place | None = (found[-1][0], found[-1][1], found[-1][2]) if len(found) == limit else None
    return Settled(last, len(outcomes), len(unreachable))


def abandon(conn: Connection, ids: Callable[[], int], among: str, but: str, now: int) -> int:
    """End what chats of the web subscribe to when nobody has a session of them any more. Returns how many there are.

    `among` and `but` are how addresses begin: only those like the former, and none like the latter. A chat whose turn is not done yet is
    counted again, and not told again.
    """
    st = notice_statements.of(conn)
    found = conn.execute(st.abandoned, {"among": among, "but": but}).all()
    # By when they last asked: that stays the same until the turn is done, and so does the event's key.
    _end(conn, st, {(shard, conversation): since for shard, conversation, since in found}, ids, now)
    return len(found)


def _end(
    conn: Connection, st: notice_statements.NoticeStatements, unreachable: dict[turns.Key, int], ids: Callable[[], int], now: int
) -> None:
    """Tell the conversations, whose own turns alone change what they subscribe to. Who has subscribed since is there again."""
    gone: dict[turns.Key, list[str]] = {}
    for shard, conversation, topic, since in conn.execute(st.subscriptions_of, rows(sorted(unreachable))):
        if since <= unreachable[shard, conversation]:
            gone.setdefault((shard, conversation), []).append(topic)
    turns.wake(conn, gone, now)
    events = []
    for place, topics in sorted(gone.items()):
        id = ids()
        payload = encoder.encode(SubscriptionsEnded(topics=tuple(topics))).decode()
        events.append((*place, id, "system", f"unreachable:{unreachable[place]}", payload, now))
    statements.of(conn).add_events(conn, events)
