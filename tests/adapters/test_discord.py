"""Discord through its own library, against a server on loopback: the contract, and payloads as Discord sends them."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from adapters.base import Adapter, Payload
from adapters.discord.decode import event_of
from adapters.discord.encode import Call
from conversations.events import ChoicePressed, CommandGiven, FormAnswered, Inbound, MessageDeleted, MessageEdited, MessageReceived
from conversations.model import Address, Attachment, Choice
from tests.adapters.discord_desk import discord_on
from tests.adapters.discord_markdown import read
from tests.adapters.discord_parts import Fault
from tests.adapters.discord_server import BOT, TOKEN, DiscordServer
from tests.contracts.adapter import FLOOD_S, AdapterContract, Sample, until

ANA, BEN, ROOM, GUILD, CHANNEL = "80351110224678912", "90351110224678913", "110000000000000001", "120000000000000001", "130000000000000001"
PRIVATE = Address("discord", BOT, ROOM)
PUBLIC = Address("discord", BOT, CHANNEL, ANA)
FILE = Attachment("ab" * 32, "trace.txt", "text/plain", 12)


def user(id: str) -> dict[str, Any]:
    return {"id": id, "username": "ana", "discriminator": "0", "global_name": "Ana", "avatar": "a_1f", "public_flags": 0}


def message(id: str, text: str, **more: Any) -> dict[str, Any]:
    d = {
        **{"id": id, "channel_id": ROOM, "author": user(ANA), "content": text, "type": 0, "timestamp": "2026-11-22T10:00:00.123000+00:00"},
        **{"edited_timestamp": None, "tts": False, "mention_everyone": False, "mentions": [], "mention_roles": [], "attachments": []},
        **{"embeds": [], "components": [], "pinned": False, "flags": 0, "nonce": "1370000000000000000", "channel_type": 1},
    }
    return {"op": 0, "s": 7, "t": "MESSAGE_CREATE", "d": d | more}


def changed(id: str, text: str, **more: Any) -> dict[str, Any]:
    return message(id, text, **{"edited_timestamp": "2026-11-22T13:30:09.500000+00:00", **more}) | {"t": "MESSAGE_UPDATE"}


def interaction(id: str, type: int, data: dict[str, Any], guild: bool = False, **more: Any) -> dict[str, Any]:
    d = {
        **{
            "id": id,
            "application_id": BOT,
            "type": type,
            "token": "aW50ZXJhY3Rpb246x",
            "version": 1,
            "channel_id": CHANNEL if guild else ROOM,
        },
        **{
            "locale": "es-ES",
            "data": data,
            "entitlements": [],
            "authorizing_integration_owners": {"0": "0"},
            "attachment_size_limit": 10485760,
        },
        **(
            {"guild_id": GUILD, "member": {"user": user(ANA), "roles": [], "permissions": "2248473465835073"}}
            if guild
            else {"user": user(ANA)}
        ),
    }
    return {"op": 0, "s": 8, "t": "INTERACTION_CREATE", "d": d | more}


def under(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"id": "1", "channel_id": ROOM, "content": "¿Cuál?", "components": [{"type": 1, "id": 1, "components": list(parts)}]}


def key(kind: str, id: str) -> str:
    return kind + id.zfill(20)


UPLOADED = {
    "id": "555",
    "filename": "trace.txt",
    "size": 12,
    "url": "https://cdn.discordapp.com/ephemeral-attachments/1/555/trace.txt?ex=1",
}
PRESS = interaction(
    "1442100000000000011",
    3,
    {"custom_id": "3.1", "component_type": 2, "id": 2},
    message=under({"type": 2, "id": 2, "style": 1, "custom_id": "3.1", "label": "Sí, gracias"}),
)
FILLED = interaction(
    "1442100000000000013",
    5,
    {
        "custom_id": "form:ticket:2:7000000000000000001.4",
        "components": [
            {"type": 18, "id": 1, "component": {"type": 4, "id": 2, "custom_id": "details", "value": "No *arranca*\n@here"}},
            {"type": 18, "id": 3, "component": {"type": 21, "id": 4, "custom_id": "priority", "value": "high"}},
            {"type": 18, "id": 5, "component": {"type": 3, "id": 6, "custom_id": "department", "values": ["technical"]}},
            {"type": 18, "id": 7, "component": {"type": 19, "id": 8, "custom_id": "files", "values": ["555", "556"]}},
            {"type": 18, "id": 9, "component": {"type": 4, "id": 10, "custom_id": "steps~", "value": ""}},
        ],
        "resolved": {"attachments": {"555": UPLOADED, "556": UPLOADED | {"id": "556"}}},
    },
)


class TestDiscord(AdapterContract):
    samples = (
        Sample(PRESS, Inbound(PRIVATE, key("i", "1442100000000000011"), ChoicePressed(key="3.1", label="Sí, gracias"))),
        Sample(
            message("1442100000000000001", "¿Qué tal? 🎉 <@1> *hola*"),
            Inbound(PRIVATE, key("m", "1442100000000000001"), MessageReceived(text="¿Qué tal? 🎉 <@1> *hola*")),
        ),
        Sample(
            message("1442100000000000002", "", attachments=[UPLOADED]) | {"kept": {"555": FILE}},
            Inbound(PRIVATE, key("m", "1442100000000000002"), MessageReceived(text="", files=(FILE,))),
        ),
        Sample(
            message("1442100000000000003", f"<@{BOT}>  mi servidor no va", channel_id=CHANNEL, guild_id=GUILD, mentions=[user(BOT)]),
            Inbound(PUBLIC, key("m", "1442100000000000003"), MessageReceived(text="mi servidor no va")),
        ),
        Sample(
            message(
                "1442100000000000004",
                "gracias",
                type=19,
                channel_id=CHANNEL,
                guild_id=GUILD,
                referenced_message={"id": "1", "author": user(BOT) | {"bot": True}},
            ),
            Inbound(PUBLIC, key("m", "1442100000000000004"), MessageReceived(text="gracias")),
        ),
        Sample(
            message("1442100000000000005", f"<@!{BOT}>", channel_id=CHANNEL, guild_id=GUILD, mentions=[user(BOT)]),
            Inbound(PUBLIC, key("m", "1442100000000000005"), CommandGiven(name="start")),
        ),
        Sample(
            interaction("1442100000000000010", 2, {"id": "9", "name": "ticket", "type": 1}),
            Inbound(PRIVATE, key("i", "1442100000000000010"), CommandGiven(name="ticket", locale="es-ES")),
        ),
        Sample(
            interaction(
                "1442100000000000016",
                2,
                {"id": "9", "name": "start", "type": 1, "options": [{"name": "code", "type": 3, "value": "topic_verification"}]},
            ),
            Inbound(
                PRIVATE,
                key("i", "1442100000000000016"),
                CommandGiven(name="start", argument="topic_verification", locale="es-ES"),
            ),
        ),
        Sample(
            interaction("1442100000000000017", 2, {"id": "9", "name": "start", "options": [{"name": "code", "type": 3, "value": "a <b>"}]}),
            Inbound(PRIVATE, key("i", "1442100000000000017"), CommandGiven(name="start", locale="es-ES")),
        ),
        Sample(
            interaction(
                "1442100000000000012", 2, {"id": "9", "name": "ask", "options": [{"name": "question", "type": 3, "value": "¿y?"}]}, True
            )
            | {"dm": ROOM},
            Inbound(PRIVATE, key("i", "1442100000000000012"), MessageReceived(text="¿y?", locale="es-ES")),
        ),
        Sample(
            FILLED | {"kept": {"555": FILE}},
            Inbound(
                PRIVATE,
                key("i", "1442100000000000013"),
                FormAnswered(
                    form="ticket",
                    version=2,
                    key="7000000000000000001.4",
                    answers={
                        "details": "No *arranca*\n@here",
                        "priority": "high",
                        "department": "technical",
                        "files": [{"id": FILE.id, "name": "trace.txt", "mime": "text/plain", "size": 12}],
                    },
                    locale="es-ES",
                ),
            ),
        ),
        Sample(
            interaction(
                "1442100000000000014",
                3,
                {"custom_id": "pick:0", "component_type": 3, "values": ["3.7"]},
                message=under({"type": 3, "custom_id": "pick:0", "options": [{"value": "3.7", "label": "Ventas"}]}),
            ),
            Inbound(PRIVATE, key("i", "1442100000000000014"), ChoicePressed(key="3.7", label="Ventas")),
        ),
        Sample(
            changed("1442100000000000001", "¿Qué tal estás?"),
            Inbound(
                PRIVATE,
                f"{key('e', '1442100000000000001')}.1795354209500",
                MessageEdited(of=key("m", "1442100000000000001"), text="¿Qué tal estás?", made=1_795_354_209_500),
            ),
        ),
        Sample(
            {"op": 0, "t": "MESSAGE_DELETE", "d": {"id": "1442100000000000001", "channel_id": ROOM}},
            Inbound(PRIVATE, key("d", "1442100000000000001"), MessageDeleted(of=key("m", "1442100000000000001"))),
        ),
        Sample(
            changed(
                "1442100000000000003",
                f"<@{BOT}>  mi servidor va lento",
                channel_id=CHANNEL,
                guild_id=GUILD,
                mentions=[user(BOT)],
                channel_type=0,
            ),
            Inbound(
                PUBLIC,
                f"{key('e', '1442100000000000003')}.1795354209500",
                MessageEdited(of=key("m", "1442100000000000003"), text="mi servidor va lento", made=1_795_354_209_500),
            ),
        ),
        Sample(  # a reply, which names the bot by answering it
            changed(
                "1442100000000000004",
                "muchas gracias",
                type=19,
                channel_id=CHANNEL,
                guild_id=GUILD,
                mentions=[user(BOT) | {"bot": True}],
                referenced_message={"id": "1", "author": user(BOT) | {"bot": True}},
            ),
            Inbound(
                PUBLIC,
                f"{key('e', '1442100000000000004')}.1795354209500",
                MessageEdited(of=key("m", "1442100000000000004"), text="muchas gracias", made=1_795_354_209_500),
            ),
        ),
        Sample(
            {"op": 0, "t": "MESSAGE_DELETE", "d": {"id": "1442100000000000003", "channel_id": CHANNEL, "guild_id": GUILD}} | {"whose": ANA},
            Inbound(PUBLIC, key("d", "1442100000000000003"), MessageDeleted(of=key("m", "1442100000000000003"))),
        ),
        Sample(
            interaction("1442100000000000015", 3, {"custom_id": f"3.1@{ANA}", "component_type": 2}, True),
            Inbound(PUBLIC, key("i", "1442100000000000015"), ChoicePressed(key="3.1")),
        ),
    )
    server: DiscordServer
    secrets = (TOKEN,)
    junk = (
        {"op": 0, "t": "TYPING_START", "d": {"user_id": ANA}},
        changed("1442100000000000001", "https://a.example", edited_timestamp=None),  # a preview was drawn
        changed("1442100000000000001", "nuestro", author=user(BOT)),
        # In a server: others talk, a mention is edited out, or stands in a text that is held back.
        changed("1442100000000000003", "", channel_id=CHANNEL, guild_id=GUILD),
        changed("1442100000000000003", "en público", channel_id=CHANNEL, guild_id=GUILD),
        changed("1442100000000000003", "", channel_id=CHANNEL, guild_id=GUILD, mentions=[user(BOT)]),
        changed("1442100000000000003", f"<@{BOT}> x", channel_id=CHANNEL, guild_id=GUILD, mentions=[user(BOT)], edited_timestamp=None),
        changed("1442100000000000003", f"<@{BOT}> x", channel_id=CHANNEL, guild_id=GUILD, mentions=[user(BOT)], webhook_id="5"),
        {"op": 0, "t": "MESSAGE_UPDATE", "d": {"id": "1442100000000000001", "channel_id": ROOM, "embeds": []}},
        {
            "op": 0,
            "t": "MESSAGE_DELETE",
            "d": {"id": "1442100000000000003", "channel_id": CHANNEL, "guild_id": GUILD},
        },  # whose it was is not known
        {"op": 0, "t": "MESSAGE_DELETE_BULK", "d": {"ids": ["1442100000000000001"], "channel_id": ROOM}},
        {"op": 11},
        message("1442100000000000020", "nobody named the bot", channel_id=CHANNEL, guild_id=GUILD),
        message("1442100000000000021", "from another bot", author=user(BEN) | {"bot": True}),
        message("1442100000000000022", "from ourselves", author=user(BOT)),
        message("1442100000000000023", "from a webhook", webhook_id="5"),
        message("1442100000000000024", "pinned", type=6),
        message("1442100000000000025", "   "),
        message("not a number", "x"),
        message("1442100000000000026", "", attachments=[UPLOADED]),  # a file that was not taken
        interaction("1442100000000000030", 3, {"custom_id": "fill:1.2.0", "component_type": 2}),
        interaction("1442100000000000031", 3, {"custom_id": f"3.1@{BEN}", "component_type": 2}, True),
        interaction("1442100000000000032", 2, {"id": "9", "name": "ticket"}, True),  # its private channel is not known
        interaction("1442100000000000033", 2, {"id": "9", "name": "unheard_of"}),
        interaction("1442100000000000034", 5, {"custom_id": "somebody else's", "components": []}),
        interaction("1442100000000000035", 1, {}),
    )

    @pytest.fixture(name="server")
    def _server(self) -> DiscordServer:
        return DiscordServer()

    @pytest.fixture
    async def adapter(self, server: DiscordServer) -> AsyncIterator[Adapter]:
        async with discord_on(server) as adapter:
            server.history[ROOM], server.history[CHANNEL], server.guild_of[CHANNEL] = [], [], GUILD
            yield adapter

    @pytest.fixture(autouse=True)
    def _keep(self, server: DiscordServer) -> None:
        self.server = server

    def shown(self, payload: Payload) -> str:
        return read(self.measured(payload)).text

    def measured(self, payload: Payload) -> str:
        assert isinstance(payload.body, Call)
        return str(payload.body.json["content"])

    def markup(self, payload: Payload) -> tuple[str, ...]:
        return read(self.measured(payload)).marks

    def buttons(self, payload: Payload) -> list[Choice]:
        parts = [part for row in payload.body.json.get("components", []) for part in row["components"]]
        options = [option | {"custom_id": option["value"]} for part in parts for option in part.get("options", [part]) if "value" in option]
        return [Choice(part["custom_id"], part["label"]) for part in ([p for p in parts if p["type"] == 2] + options)]

    async def offer(self, adapter: Adapter, raw: Any) -> None:
        await until(lambda: self.server.gateway.open)
        self.server.known(raw["d"])
        self.server.gateway.publish(raw["t"], raw["d"])

    def acknowledged(self, adapter: Adapter) -> int:
        return sum(bool(each.answers) for each in self.server.interactions.values())

    async def screen(self, adapter: Adapter) -> str:
        return "\n".join(read(line["content"]).text for line in self.server.history[ROOM])

    def breakages(self, adapter: Adapter) -> Iterable[AbstractAsyncContextManager[None]]:
        kinds: list[Any] = [429, 1015, 500, 503, "lost", 50007, 50013, 10003, 40003, 50035, 200000, 40060, 130000, 99999]

        @contextlib.asynccontextmanager
        async def gone() -> AsyncIterator[None]:
            await self.server.stop()
            yield
            await self.server.start()

        yield from (self.broken(Fault(kind)) for kind in kinds)
        yield gone()

    @contextlib.asynccontextmanager
    async def broken(self, fault: Fault) -> AsyncIterator[None]:
        self.server.faults.append(fault)
        yield
        self.server.faults.clear()

    def flooded(self, adapter: Adapter) -> AbstractAsyncContextManager[None]:
        return self.broken(Fault(429, FLOOD_S))

    def gone(self, adapter: Adapter) -> AbstractAsyncContextManager[None]:
        return self.broken(Fault(50007))

    def lock_out(self, adapter: Adapter) -> str:
        self.server.gateway.turned_away = 4004
        return "RELEVO_DISCORD__TOKEN"


def test_a_message_and_its_repeat_have_one_key() -> None:
    """Also when it is read from the channel's history, where it has no server and no nonce."""
    raw = message("1442100000000000001", "hola")
    again = copy.deepcopy(raw)
    del again["d"]["nonce"], again["d"]["channel_type"]
    assert event_of(raw, BOT) == event_of(again, BOT)
