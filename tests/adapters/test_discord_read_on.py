"""After a lost session: what Discord told nobody is read from the history of the channels that were spoken in."""

from __future__ import annotations

from conversations.model import Address
from tests.adapters.discord_server import BOT
from tests.adapters.test_discord_wire import ANA, BEN, running
from tests.adapters.test_discord_wire import _soon as _soon
from tests.contracts.adapter import until


async def test_after_a_lost_session_private_channels_are_read_before_what_is_new() -> None:
    async with running() as here:
        first = here.server.post(here.room, ANA, "one")
        await until(lambda: here.texts == ["one"])
        here.memories.heard.late[Address("discord", BOT, here.room)] = f"m{first['id'].zfill(20)}"
        here.server.gateway.resumable = False
        missed = [here.server.post(here.room, ANA, f"missed {n}", deliver=False) for n in range(230)]
        await here.server.gateway.drop(4000)
        await until(lambda: here.server.gateway.identified == 2)
        here.server.post(here.room, ANA, "new")
        await until(lambda: "new" in here.texts)
        assert [text for text in here.texts if text.startswith("missed")] == [line["content"] for line in missed]
        assert here.texts[-1] == "new"


async def test_after_a_lost_session_a_servers_channel_is_read_for_what_names_the_bot() -> None:
    async with running() as here:
        channel = here.server.channel("77")
        first = here.server.post(channel, ANA, f"<@{BOT}> one")
        await until(lambda: here.texts == ["one"])
        here.memories.heard.keep(*here.intake.calls)
        here.server.gateway.resumable = False
        here.server.post(channel, BEN, f"<@{BOT}> missed by Ben", deliver=False)
        here.server.post(channel, BEN, "what people say among themselves", deliver=False)
        here.server.post(channel, ANA, f"missed by Ana <@{BOT}>", deliver=False)
        await here.server.gateway.drop(4000)
        await until(lambda: here.server.gateway.identified == 2)
        here.server.post(channel, ANA, f"<@{BOT}> new")
        await until(lambda: "new" in here.texts)
        # What comes while the history is read may be in it as well: the desk takes it once, by its key.
        assert list(dict.fromkeys(here.texts)) == ["one", "missed by Ben", "missed by Ana", "new"], "and nothing that was not for the desk"
        assert here.texts[:3] == ["one", "missed by Ben", "missed by Ana"]
        assert {inbound.address.thread for inbound in here.intake.calls} == {ANA, BEN}
        assert [path for _, path, _ in here.server.calls if path.endswith(f"/{first['channel_id']}/messages")] != []
