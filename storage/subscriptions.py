"""Which notices a conversation wants: part of a turn's commit, and changed by nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from storage import notice_statements
from storage.rows import Turn


def follow(conn: Connection, turns: Sequence[Turn], now: int) -> None:
    """Keep what these turns want from now on, and forget what they want no longer."""
    st = notice_statements.of(conn)
    wanted = [(*turn.claim[:2], topic, on) for turn in turns for topic, on in turn.subscriptions]
    st.put_subscriptions(conn, [(shard, id, topic, now) for shard, id, topic, on in wanted if on])
    st.drop_subscriptions(conn, [(shard, id, topic) for shard, id, topic, on in wanted if not on])
