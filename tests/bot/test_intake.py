"""Storing before acknowledging: in batches, never lost, and said plainly when it could not be done."""

from __future__ import annotations

import asyncio
import contextlib
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from adapters.base import NotStored
from conversations.events import OURS, CommandGiven, Event, FormAnswered, Inbound, MessageReceived, decoder
from conversations.model import Address, Attachment, Filling, OwnTicket
from storage.engines import Database
from tests.bot.rig import rig


async def stored(database: Database) -> int:
    return await database.read(lambda connection: connection.execute(text("SELECT count(*) FROM inbox")).scalar_one())


@contextlib.contextmanager
def full_disk(file: Path) -> Iterator[None]:
    """No file may grow any more: what SQLite is told when its disk is full, from the system itself."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = max(path.stat().st_size for path in file.parent.glob(f"{file.name}*"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


async def test_a_full_disk_is_said_and_nothing_is_lost_when_there_is_room_again(file: Path, database: Database) -> None:
    async with rig(database) as here:
        await here.say("ana", "before")
        await here.board.until(1)
        long, refused = "x" * 3_000, 0
        with full_disk(file):
            for n in range(30):
                try:
                    await here.say(f"c{n}", long, f"full{n}")
                except NotStored:
                    refused += 1
        assert refused > 0
        assert here.figure("relevo_events_not_stored_total") == refused
        # The platforms deliver again what was not acknowledged; what was, is known.
        await asyncio.gather(*(here.say(f"c{n}", long, f"full{n}") for n in range(30)))
        await here.board.until(31)
        assert sorted(chat for chat, _ in here.board.posts) == sorted(["ana", *(f"c{n}" for n in range(30))])


async def test_what_arrives_together_is_stored_together(database: Database) -> None:
    units = 0
    write = database.write

    async with rig(database, start=False) as here:

        async def counted(unit):  # type: ignore[no-untyped-def]
            nonlocal units
            units += 1
            return await write(unit)

        database.write = counted  # type: ignore[method-assign]
        await asyncio.gather(*(here.say(f"c{n}", "hello") for n in range(300)))
        assert await stored(database) == 300
        assert units <= 3


async def test_half_a_character_is_stored_as_a_replacement(database: Database) -> None:
    async with rig(database) as here:
        await here.say("ana", "a\ud800b\x00c")
        assert await here.board.until(1) == [("ana", "1: a?b\x00c")]


async def test_a_key_that_is_too_long_is_the_adapters_mistake(database: Database) -> None:
    async with rig(database, start=False) as here:
        with pytest.raises(ValueError, match="200"):
            await here.say("ana", "hello", "k" * 201)


async def test_an_impatient_caller_costs_its_neighbours_nothing(database: Database) -> None:
    async with rig(database, start=False) as here:
        gone = asyncio.create_task(here.say("gone", "hello", "g1"))
        stays = asyncio.create_task(here.say("stays", "hello"))
        await asyncio.sleep(0)
        gone.cancel()
        assert (await stays).fresh
        # It was on its way already: its redelivery finds it.
        assert not (await here.say("gone", "hello", "g1")).fresh


async def test_beyond_the_limit_callers_wait_for_room(database: Database) -> None:
    async with rig(database, start=False) as here:
        here.pipeline.intake._room = asyncio.Semaphore(10)
        accepted = await asyncio.gather(*(here.say("ana", "hello") for _ in range(100)))
        assert all(one.fresh for one in accepted)


async def test_what_is_kept_of_a_form_or_a_caption_holds_no_secret(database: Database) -> None:
    async with rig(database, start=False) as here:
        address = Address("test", "desk", "ana")
        sent: list[Event] = [
            FormAnswered(
                form="ticket", version=1, answers={"details": "password: hunter2-Zebra", "service": "web-1", "assets": ["#123456"]}
            ),
            MessageReceived(text="", files=(Attachment("f1", "shot.png", note="clave: hunter2-Zebra"),)),
            CommandGiven(name="ticket", argument="password: hunter2-Zebra"),
            MessageReceived(text="order #123456, 8.8.8.8"),
        ]
        for n, event in enumerate(sent):
            await here.pipeline.intake.accept(Inbound(address, f"k{n}", event))
        kept = await database.read(lambda conn: list(conn.execute(text("SELECT payload FROM inbox ORDER BY id")).scalars()))
        assert not any("hunter2" in payload for payload in kept)
        form, files, command, plain = (decoder.decode(payload) for payload in kept)
        assert isinstance(form, FormAnswered)
        assert form.masked == ("password",)
        assert (form.answers["service"], form.answers["assets"]) == ("web-1", ["#123456"])
        assert isinstance(files, MessageReceived)
        assert (files.masked, files.files[0].id) == (("password",), "f1")
        assert isinstance(command, CommandGiven)
        assert plain == sent[3]


@pytest.mark.parametrize("kind", sorted(OURS, key=str))
async def test_what_only_the_desk_may_say_is_taken_from_no_platform(kind: type[Event], database: Database) -> None:
    given: dict[str, Any] = {
        "ticket": OwnTicket("k", "N", "T"), "text": "x", "state": "closed", "name": "x", "due_at": 1, "email": "ana@example.com",
        "account": 1, "number": "C-1", "how": "code", "until": 2**62, "reason": "wrong",
        "peer": 1, "platform": "web", "turns": 1, "draft": Filling("ticket", 1, "k", "N"), "key": "k", "what": "given",
        "topics": ("outage",),
    }  # fmt: skip
    event = kind(**{name: given[name] for name in kind.__struct_fields__ if name in given})
    async with rig(database, start=False) as here:
        with pytest.raises(ValueError, match="does not come from a platform"):
            await here.pipeline.intake.accept(Inbound(Address("test", "desk", "eve"), "k", event))
    assert await stored(database) == 0
