"""Files that nobody refers to are removed, and nothing that is referred to ever is: over any history, and while more of it happens."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import copy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import bot.orphans
from bot.orphans import AGE_MS, EVERY_MS, FIRST_MS, Orphans
from bot.telemetry import Metrics, configure
from conversations.events import MessageReceived, encoder
from conversations.model import Attachment
from storage import turns
from storage.blobs import Blobs
from storage.engines import Connection, Database, Unavailable, open_database
from storage.rows import NewEvent
from tests.bot.rig import BEGIN_MS, HandClock

HOUR = 3_600_000


class Store:
    """A database, files, and a clock moved by hand; the files' ages are set by that clock."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.clock = HandClock()
        self.blobs = Blobs(folder)
        self.metrics = Metrics()
        self.orphans = Orphans(database, self.blobs, self.clock, self.metrics, configure("error", "json"))
        self.events = 0

    def keep(self, content: str) -> str:
        incoming = self.blobs.begin()
        try:
            incoming.write(content.encode())
            digest = incoming.keep().digest
        finally:
            incoming.discard()
        self.date(digest)
        return digest

    def date(self, digest: str) -> None:
        path = self.blobs.find(digest)
        assert path is not None
        os.utime(path, (self.clock.at / 1000, self.clock.at / 1000))

    async def send(self, *digests: str) -> None:
        self.events += 1
        files = tuple(Attachment(f"{digest}.proof", "a.txt") for digest in digests)
        payload = encoder.encode(MessageReceived(text="look", files=files)).decode()
        event = NewEvent(self.events, f"memory:desk:{self.events % 3}", f"k{self.events}", payload, self.clock.at)
        await self.database.write(lambda conn: turns.accept(conn, [event], self.clock.at))

    def has(self, digest: str) -> bool:
        return self.blobs.find(digest) is not None

    def figure(self, name: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"relevo_{name}_total")


@asynccontextmanager
async def store(blank: Path) -> AsyncIterator[Store]:
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(f"sqlite:///{copy(blank, Path(folder) / 'relevo.db')}")
        try:
            yield Store(database, Path(folder) / "blobs")
        finally:
            await database.close()


async def test_a_file_that_was_never_sent_goes_after_two_days(blank: Path) -> None:
    async with store(blank) as here:
        sent, never = here.keep("sent"), here.keep("never")
        await here.send(sent)
        here.clock.advance(AGE_MS)
        assert await here.orphans.collect() == 0
        late = here.keep("late")
        here.clock.advance(1)
        assert await here.orphans.collect() == 1
        assert [here.has(digest) for digest in (sent, never, late)] == [True, False, True]
        assert (here.figure("files_collected"), here.figure("files_collected_bytes")) == (1, 5)


async def test_nothing_goes_when_the_database_knows_none_of_the_files(blank: Path) -> None:
    """As after a start with the wrong database, or with one that is about to be put back."""
    async with store(blank) as here:
        digest = here.keep("somebody else's")
        await here.send(hashlib.sha256(b"a file of another folder").hexdigest())
        here.clock.advance(2 * AGE_MS)
        assert await here.orphans.collect() == 0
        assert here.has(digest)


async def test_it_is_done_once_a_day_and_a_database_that_is_away_is_asked_again(blank: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with store(blank) as here:
        await here.send(here.keep("sent"))
        asked: list[int] = []
        done = asyncio.Event()

        async def collect() -> int:
            asked.append(here.clock.at - BEGIN_MS)
            done.set()
            if len(asked) == 2:
                raise Unavailable("away")
            return 0

        monkeypatch.setattr(here.orphans, "collect", collect)
        task = asyncio.create_task(here.orphans.run())
        for wait in (FIRST_MS, EVERY_MS, HOUR):
            await asyncio.sleep(0)
            done.clear()
            here.clock.advance(wait)
            await done.wait()
        task.cancel()
        assert asked == [FIRST_MS, FIRST_MS + EVERY_MS, FIRST_MS + EVERY_MS + HOUR]


# --- any history ---

CONTENTS = st.integers(0, 5).map("file {}".format)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("keep"), CONTENTS),
        st.tuples(st.just("send"), CONTENTS),
        st.tuples(st.just("wait"), st.integers(1, 60)),
        st.tuples(st.just("collect"), st.just(0)),
    ),
    min_size=4,
    max_size=25,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_over_any_history_what_is_referred_to_stays_and_the_rest_goes(blank: Path, steps: list[tuple[str, str | int]]) -> None:
    async with store(blank) as here:
        kept: dict[str, int] = {}
        referred: set[str] = set()
        for step, what in steps:
            digest = hashlib.sha256(str(what).encode()).hexdigest()
            match step:
                case "keep":
                    assert here.keep(str(what)) == digest
                    kept[digest] = here.clock.at
                case "send":
                    # As the live chat does: renewed first, and not sent when it is gone.
                    assert here.blobs.renew(digest) is (digest in kept)
                    if digest in kept:
                        here.date(digest)
                        kept[digest] = here.clock.at
                        await here.send(digest)
                        referred.add(digest)
                case "wait":
                    here.clock.advance(int(what) * HOUR)
                case _:
                    old = {each for each, at in kept.items() if at < here.clock.at - AGE_MS}
                    gone = old - referred if old & referred else set()
                    assert await here.orphans.collect() == len(gone)
                    kept = {each: at for each, at in kept.items() if each not in gone}
            assert {each for each in (hashlib.sha256(f"file {n}".encode()).hexdigest() for n in range(6)) if here.has(each)} == set(kept)
            assert referred <= set(kept)


# --- while more of it happens ---


class Interrupted:
    """A database in which something happens before each part that is read."""

    def __init__(self, database: Database, between: Callable[[int], object]) -> None:
        self._database = database
        self._between = between
        self.reads = 0

    async def read(self, unit: Callable[[Connection], object]) -> object:
        self.reads += 1
        happening = self._between(self.reads)
        if asyncio.iscoroutine(happening):
            await happening
        return await self._database.read(unit)


@pytest.mark.parametrize("moment", range(1, 6))
async def test_what_is_sent_while_the_database_is_read_stays(blank: Path, moment: int) -> None:
    """Old, referred to by nobody, and then sent at the worst moment: right before a part is read, behind what was read already."""
    async with store(blank) as here:
        await here.send(here.keep("another"))
        digest, orphan = here.keep("sent late"), here.keep("never")
        here.clock.advance(AGE_MS + HOUR)

        async def send(read: int) -> None:
            if read == moment:
                assert here.blobs.renew(digest)
                here.date(digest)
                await here.send(digest)

        database = Interrupted(here.database, send)
        orphans = Orphans(database, here.blobs, here.clock, here.metrics, configure("error", "json"))  # type: ignore[arg-type]
        assert await orphans.collect() == 1
        assert database.reads == 5
        assert (here.has(digest), here.has(orphan)) == (True, False)


async def test_more_rows_than_one_part_are_read_to_the_end(blank: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bot.orphans, "ROWS", 3)
    monkeypatch.setattr(bot.orphans, "PAUSE_MS", 0)
    monkeypatch.setattr(bot.orphans, "STEP", 2)
    async with store(blank) as here:
        monkeypatch.setattr(here.clock, "call_after", lambda ms, callback: asyncio.get_running_loop().call_soon(callback))
        sent = [here.keep(f"sent {number}") for number in range(10)]
        never = [here.keep(f"never {number}") for number in range(5)]
        for digest in sent:
            await here.send(digest)
        here.clock.advance(AGE_MS + 1)
        assert await here.orphans.collect() == 5
        assert all(map(here.has, sent))
        assert not any(map(here.has, never))


def test_every_text_of_the_database_is_read_or_holds_no_file() -> None:
    """A new column that may hold attachments belongs into storage/reference_statements.py, or every file in it is removed."""
    from sqlalchemy import Text

    from storage.reference_statements import COLUMNS
    from storage.schema import metadata

    without = {
        *[
            "account",
            "number",
            "name",
            "locale",
            "zone",
            "email",
            "category",
            "address",
            "token_hash",
            "purpose",
            "code_hash",
            "proof",
            "author",
            "key",
            "platform",
            "owner",
            "texts",
        ],
        *[
            "platform_id",
            "error",
            "kind",
            "topic",
            "text",
            "addresses",
            "form",
            "department",
            "priority",
            "title",
            "state",
            "who",
            "place",
            "before",
            "note",
            "subject",
            "last_error",
        ],
        *("ticket",),
    }
    for table in metadata.sorted_tables:
        texts = {column.name for column in table.columns if isinstance(column.type, Text)}
        read = set(COLUMNS.get(table.name, ()))
        assert texts - read - without == set(), table.name
