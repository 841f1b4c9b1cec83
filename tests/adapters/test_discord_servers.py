"""Discord's servers: what people change and delete of what they asked the bot there, and what is no business of ours."""

from __future__ import annotations

import asyncio

import pytest

from adapters.base import Accepted, NotStored
from adapters.discord import link
from conversations.events import Inbound, MessageDeleted, MessageEdited, MessageReceived
from conversations.model import Address
from tests.adapters.discord_server import BOT
from tests.adapters.test_discord_wire import ANA, BEN, Here, running
from tests.contracts.adapter import settle, until

GUILD = "120000000000000001"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "IDENTIFY_APART_S", 0.0)


def amended(here: Here) -> list[tuple[Address, str, str]]:
    """What was changed (its new text) and deleted (""), where, and of which message."""
    found = []
    for inbound in here.intake.calls:
        if isinstance(inbound.event, MessageEdited):
            found.append((inbound.address, inbound.event.of, inbound.event.text))
        elif isinstance(inbound.event, MessageDeleted):
            found.append((inbound.address, inbound.event.of, ""))
    return found


async def asked(here: Here, channel: str, user: str, text: str) -> str:
    """Somebody names the bot; the id of the message, which is stored."""
    before = len(here.intake.calls)
    id = str(here.server.post(channel, user, f"<@{BOT}> {text}")["id"])
    await until(lambda: len(here.intake.calls) > before)
    here.memories.heard.keep(*here.intake.calls)
    return id


async def test_a_mention_is_changed_and_deleted_where_it_went() -> None:
    async with running() as here:
        channel = here.server.channel(GUILD)
        place = Address("discord", BOT, channel, ANA)
        first, second = await asked(here, channel, ANA, "mi ip es 1.2.3.4"), await asked(here, channel, BEN, "hola")
        here.server.preview(channel, first)
        here.server.edit(channel, first, f"<@{BOT}> mi ip es 1.2.3.5")
        here.server.preview(channel, first)
        here.server.delete(channel, first)
        here.server.delete(channel, second)
        await until(lambda: len({deleted for deleted in amended(here) if not deleted[2]}) == 2)
    key = f"m{first.zfill(20)}"
    ben = (Address("discord", BOT, channel, BEN), f"m{second.zfill(20)}", "")
    # The second preview tells the same change once more, under the same key.
    assert [each for each in amended(here) if each != ben] == [(place, key, "mi ip es 1.2.3.5")] * 2 + [(place, key, "")]
    assert len({inbound.key for inbound in here.intake.calls}) == 5


async def test_a_reply_to_the_bot_is_changed_too() -> None:
    async with running() as here:
        channel = here.server.channel(GUILD)
        answered = {"id": "1", "author": here.server.user(BOT)}
        id = here.server.post(channel, ANA, "gracias", type=19, referenced_message=answered)["id"]
        await until(lambda: here.texts == ["gracias"])
        here.memories.heard.keep(*here.intake.calls)
        here.server.edit(channel, id, "muchas gracias")
        await until(lambda: amended(here))
        assert amended(here)[0][2] == "muchas gracias"


async def test_what_others_say_change_and_delete_is_kept_nowhere() -> None:
    async with running() as here:
        channel, quiet = here.server.channel(GUILD), here.server.channel(GUILD)
        own = await asked(here, channel, ANA, "hola")
        other = here.server.post(channel, BEN, "entre nosotros")["id"]
        here.server.edit(channel, other, "entre nosotros dos")
        # Named afterwards, and named by whoever was never heard.
        here.server.edit(channel, other, f"<@{BOT}> entre nosotros")
        here.server.edit(channel, other, f"<@{BOT}> ¿me oís?")
        here.server.delete(channel, other)
        here.server.delete(quiet, here.server.post(quiet, BEN, "nadie")["id"])
        # The name is taken out: Discord holds the text back, and that is no empty one.
        here.server.edit(channel, own, "olvidadlo")
        here.server.post(here.room, ANA, "y ahora")
        await until(lambda: here.texts[-1] == "y ahora")
        await settle()
        assert amended(here) == []
        assert {inbound.address for inbound in here.intake.calls} == {
            Address("discord", BOT, channel, ANA),
            Address("discord", BOT, here.room),
        }


async def test_what_a_moderator_deletes_at_one_stroke_is_deleted_one_by_one() -> None:
    async with running() as here:
        channel = here.server.channel(GUILD)
        ids = [await asked(here, channel, user, "hola") for user in (ANA, BEN)]
        other = here.server.post(channel, BEN, "entre nosotros")["id"]
        here.server.delete(channel, *ids, other)
        await until(lambda: len(amended(here)) == 2)
        await settle()
        assert {of for _, of, _ in amended(here)} == {f"m{id.zfill(20)}" for id in ids}
        assert {address.thread for address, _, _ in amended(here)} == {ANA, BEN}


async def test_a_deletion_waits_for_the_message_that_is_still_being_stored() -> None:
    async with running() as here:
        channel, storing = here.server.channel(GUILD), asyncio.Event()

        async def accept(inbound: Inbound) -> Accepted:
            if isinstance(inbound.event, MessageReceived):
                await storing.wait()
            here.memories.heard.keep(inbound)
            return await here.intake.accept(inbound)

        here.adapter._accept = accept
        id = here.server.post(channel, ANA, f"<@{BOT}> mi clave es secreta")["id"]
        here.server.delete(channel, id)
        await settle()
        storing.set()
        await until(lambda: amended(here))
        assert [type(inbound.event) for inbound in here.intake.calls] == [MessageReceived, MessageDeleted]


async def test_whose_it_was_is_known_after_a_restart_and_asked_until_the_database_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as here:
        channel = here.server.channel(GUILD)
        id = await asked(here, channel, ANA, "hola")
        here.memories.heard.late[Address("discord", BOT, channel, ANA)] = f"m{id.zfill(20)}"
        here.adapter._last.pop(Address("discord", BOT, channel, ANA))
        here.server.gateway.resumable = False
        await here.server.gateway.drop(4000)
        await until(lambda: here.server.gateway.identified == 2)
        place, tries = here.memories.heard.place, 0

        async def back_soon(among: list[Address], key: str) -> Address | None:
            nonlocal tries
            tries += 1
            if tries == 1:
                raise NotStored(0.01)
            return await place(among, key)

        monkeypatch.setattr(here.memories.heard, "place", back_soon)
        await until(lambda: here.server.gateway.open)
        here.server.delete(channel, id)
        await until(lambda: amended(here))
        assert (tries, amended(here)) == (2, [(Address("discord", BOT, channel, ANA), f"m{id.zfill(20)}", "")])
