"""Publishing dies and is done again: whichever transaction is the last of a process, everybody gets a notice once; and replies go first."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from sqlalchemy import text

from adapters.base import Outbound, Payload, Unreachable
from adapters.text import PLAIN
from bot import notices as bringing
from bot.clock import Ids
from bot.hints import Hint
from bot.knowledge import load_knowledge
from bot.notices import LOOK_MS, LOST, PAUSE_LIMIT_MS, POLL_MS, Notices
from bot.telemetry import configure
from conversations.engine import decide
from conversations.events import CommandGiven, Event, Inbound
from conversations.knowledge import Knowledge
from conversations.model import Address
from storage import migrate, notices
from storage.engines import Database, open_database
from storage.notice_rows import NewNotice, Reach
from tests.bot.rig import HandClock, Platform, Rig, rig, until
from tests.bot.test_linking import Died, Mortal, When
from tests.conversations.test_engine import CONTENT

TEXTS = json.dumps({"en": "The network is slow.", "es": "La red va lenta."})
PEOPLE = [f"c{n}" for n in range(7)]


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return load_knowledge(CONTENT, None)


class Plain(Platform):
    """Shows all paragraphs, and a chat in `blocked` cannot be reached."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.blocked: set[str] = set()

    def encode(self, out: Outbound) -> list[Payload]:
        return [Payload(out.address, PLAIN.doc(out.message.doc))]

    async def deliver(self, payload: Payload, key: str) -> Any:
        if payload.address.chat in self.blocked:
            raise Unreachable("blocked")
        return await super().deliver(payload, key)


async def happens(rig: Rig, chat: str, event: Event, key: str = "") -> None:
    await rig.pipeline.intake.accept(Inbound(Address(rig.platform.name, "desk", chat), key or f"{chat}-{event}", event))


async def subscribe(rig: Rig, *chats: str) -> None:
    for chat in chats:
        await happens(rig, chat, CommandGiven(name="start", argument="sub_outage", locale="en"))
    await rig.decide_all()


async def publish(database: Database, key: str = "k", topic: str = "outage", texts: str = TEXTS) -> None:
    id = 9_000_000_000_000_000_000 + len(key)
    await database.write(lambda conn: notices.publish(conn, NewNotice(id, key, topic, texts, 1)))


async def reach(database: Database) -> dict[str, Reach]:
    return {notice.key: found for notice, found in await database.read(lambda conn: notices.newest(conn, 10))}


async def ask(database: Database, sql: str) -> list[Any]:
    return await database.read(lambda conn: [tuple(row) for row in conn.execute(text(sql))])


def of_notice(posts: list[tuple[str, str]]) -> list[str]:
    return sorted(chat for chat, said in posts if "The network is slow." in said)


# --- nobody missed, nobody twice ---


@pytest.fixture
async def town(tmp_path: Path, knowledge: Knowledge) -> Path:
    """A database in which everybody subscribes, and a notice is published."""
    path = tmp_path / "town.db"
    migrate.upgrade(f"sqlite:///{path}")
    database = open_database(f"sqlite:///{path}")
    async with rig(database, Plain(), decide=decide, start=False, knowledge=knowledge) as here:
        await subscribe(here, *PEOPLE)
    await database.write(lambda conn: conn.execute(text("UPDATE outbox SET status = 2")).close())
    await publish(database)
    await database.close()
    return path


def bringer(database: Any, knowledge: Knowledge, clock: HandClock) -> Notices:
    hint = Hint(clock)
    return Notices(cast(Database, database), lambda: knowledge, clock, Ids(clock, 1), configure("critical", "json"), {"test": hint}, hint)


async def story(mortal: Mortal, database: Database, knowledge: Knowledge, platform: Plain) -> int:
    """Lives, one after the other, until everything is known; how many ended too soon."""
    clock, deaths = HandClock(), 0

    async def deliver_and_decide() -> None:
        clock.advance(PAUSE_LIMIT_MS)
        async with rig(database, platform, clock=clock, decide=decide, start=False, knowledge=knowledge) as here:
            lane = here.pipeline.lanes["test"]
            lane.drain()
            await lane.run()
            await here.decide_all()

    while True:
        life = bringer(mortal, knowledge, clock)
        try:
            while await life.carry_on() == LOOK_MS:
                await deliver_and_decide()
            await deliver_and_decide()
            return deaths
        except Died:
            deaths += 1
            clock.advance(POLL_MS)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_whichever_transaction_is_the_last_nobody_is_missed_and_nobody_is_written_to_twice(
    when: When, town: Path, tmp_path: Path, knowledge: Knowledge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bringing, "CHUNK", 2)
    monkeypatch.setattr(bringing, "PAGE", 3)

    async def run(name: str, nth: int) -> int:
        shutil.copy(town, tmp_path / name)
        database, platform = open_database(f"sqlite:///{tmp_path / name}"), Plain()
        platform.blocked = {"c3"}
        try:
            mortal = Mortal(database, nth, when)
            assert await story(mortal, database, knowledge, platform) == bool(nth)
            assert of_notice(platform.board.posts) == [chat for chat in PEOPLE if chat != "c3"], nth
            assert await reach(database) == {"k": Reach(sent=6, unreachable=1)}
            assert await ask(database, "SELECT count(*) FROM subscription") == [(6,)]
            assert await ask(database, "SELECT count(*) FROM inbox WHERE payload LIKE '%subscriptions_ended%'") == [(1,)]
            return mortal.count
        finally:
            await database.close()

    count = await run("whole.db", 0)
    assert count > 8, "four chunks, the one that finds nobody, the one that finds no notice, and looks"
    for nth in range(1, count + 1):
        await run(f"{nth}.db", nth)


# --- the running desk ---


@pytest.fixture
async def desk(database: Database, knowledge: Knowledge) -> AsyncIterator[Rig]:
    async with rig(database, Plain(idempotent=False), decide=decide, start=False, knowledge=knowledge) as here:
        yield here


async def test_a_running_desk_finds_what_another_process_has_published(database: Database, knowledge: Knowledge) -> None:
    clock = HandClock()
    async with rig(database, Plain(), clock=clock, decide=decide, knowledge=knowledge) as here:
        for chat in ("ana", "ben"):
            await happens(here, chat, CommandGiven(name="start", argument="sub_outage", locale="en"))
        await here.board.until(2)
        await publish(database)

        def told() -> bool:
            clock.advance(500)
            return of_notice(here.board.posts) == ["ana", "ben"]

        await until(told)

        async def known() -> bool:
            clock.advance(500)
            return await reach(database) == {"k": Reach(sent=2)}

        await until(known)


async def test_a_reply_overtakes_a_broadcast_that_is_under_way(desk: Rig) -> None:
    people = [f"p{n:02}" for n in range(20)]
    await subscribe(desk, *people)
    await desk.database.write(lambda conn: conn.execute(text("UPDATE outbox SET status = 2")).close())
    await publish(desk.database)
    desk.platform.open.clear()
    desk.pipeline.start(desk.supervisor)
    await until(desk.platform.arrived.is_set)
    # One is being sent, nineteen wait; now somebody asks something.
    assert await ask(desk.database, "SELECT count(*) FROM outbox WHERE status = 0") == [(19,)]
    await happens(desk, "zoe", CommandGiven(name="help", locale="en"))

    async def answered() -> bool:
        return await ask(desk.database, "SELECT count(*) FROM outbox WHERE priority = 0 AND status = 0") == [(1,)]

    await until(answered)
    desk.platform.open.set()
    posts = await desk.board.until(21)
    assert [chat for chat, _ in posts].index("zoe") == 1
    assert of_notice(posts) == people


async def test_who_cannot_be_reached_is_subscribed_no_longer_and_can_come_back(desk: Rig) -> None:
    platform = cast(Plain, desk.platform)
    desk.pipeline.start(desk.supervisor)
    for chat in ("ana", "ben"):
        await happens(desk, chat, CommandGiven(name="start", argument="sub_outage", locale="en"))
    await desk.board.until(2)
    platform.blocked = {"ana"}
    await publish(desk.database)

    async def gone() -> bool:
        return await ask(desk.database, "SELECT count(*) FROM subscription") == [(1,)]

    await until(gone)

    async def known() -> bool:
        return await reach(desk.database) == {"k": Reach(sent=1, unreachable=1)}

    await until(known)
    platform.blocked = set()
    await happens(desk, "ana", CommandGiven(name="start", argument="sub_outage", locale="en"), key="back")
    await until(lambda: "Done: from now on" in "".join(desk.board.of("ana")[1:]))
    assert await ask(desk.database, "SELECT count(*) FROM subscription") == [(2,)]


async def test_what_the_outbox_says_of_a_lost_chat_is_what_is_looked_for(desk: Rig) -> None:
    cast(Plain, desk.platform).blocked = {"ana"}
    await subscribe(desk, "ana")
    desk.pipeline.start(desk.supervisor)

    async def failed() -> bool:
        found = await ask(desk.database, "SELECT error FROM outbox WHERE status = 3")
        return bool(found) and found[0][0].startswith(LOST)

    await until(failed)


async def test_nothing_is_looked_at_often_where_nothing_becomes_of_it(database: Database, knowledge: Knowledge, desk: Rig) -> None:
    """A platform that is away for a week must not be asked after every second."""
    await subscribe(desk, "ana")
    await publish(database)
    clock = HandClock()
    counted = Mortal(database)
    life = bringer(counted, knowledge, clock)
    await life.carry_on()
    looks = []
    for _ in range(300):
        clock.advance(LOOK_MS)
        before = counted.count
        assert await life.carry_on() == LOOK_MS
        looks.append(counted.count - before)
    assert sum(looks) < 20
    # What is published meanwhile does not wait for it.
    await publish(database, "another")
    clock.advance(LOOK_MS)
    await life.carry_on()
    assert (await reach(database))["another"] == Reach(planned=1)


async def test_more_than_a_look_holds_is_all_looked_at_though_the_front_stands_still(
    database: Database, knowledge: Knowledge, desk: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bringing, "PAGE", 2)
    monkeypatch.setattr(bringing, "PAGES", 1)
    await subscribe(desk, *PEOPLE)
    await publish(database)
    clock = HandClock()
    life = bringer(database, knowledge, clock)
    await life.carry_on()
    # The last in the order of keys are sent, the first are not.
    await database.write(
        lambda conn: conn.execute(
            text(
                "UPDATE outbox SET status = 2 WHERE priority = 9 AND (shard, conversation) IN "
                "(SELECT shard, conversation FROM notice_recipient ORDER BY shard DESC, conversation DESC LIMIT 2)"
            )
        ).close()
    )
    for _ in range(10):
        clock.advance(PAUSE_LIMIT_MS)
        await life.carry_on()
    assert await reach(database) == {"k": Reach(planned=5, sent=2)}


async def test_with_nothing_to_do_nothing_is_written(database: Database, knowledge: Knowledge) -> None:
    counted = Mortal(database)
    assert await bringer(counted, knowledge, HandClock()).carry_on() == POLL_MS
    assert counted.count == 0


async def test_each_reads_it_in_their_own_language_with_the_way_to_stop_it(desk: Rig) -> None:
    for chat, locale in (("ana", "es"), ("ben", "en")):
        await happens(desk, chat, CommandGiven(name="start", argument="sub_outage", locale=locale))
    await desk.decide_all()
    await publish(desk.database)
    await desk.pipeline.notices.carry_on()
    payloads = [payload for (payload,) in await ask(desk.database, "SELECT payload FROM outbox WHERE priority = 9 ORDER BY address")]
    ana, ben = (msgspec.json.decode(payload) for payload in payloads)
    assert (ana["locale"], ben["locale"]) == ("es", "en")
    assert "La red va lenta." in str(ana["doc"])
    assert "The network is slow." in str(ben["doc"])
    assert [choice["key"] for choice in (*ana["choices"], *ben["choices"])] == ["off.outage"] * 2
