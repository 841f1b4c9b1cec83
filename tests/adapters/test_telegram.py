"""Telegram keeps what every adapter promises; its recorded updates mean what they should, and no mutated one stops it."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import random
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from adapters.base import Adapter, Payload
from adapters.telegram.adapter import Telegram
from adapters.telegram.settings import Pace, TelegramSettings
from conversations import events
from conversations.model import Choice, Message
from tests.adapters.telegram_samples import JUNK, SAMPLES
from tests.adapters.telegram_server import TOKEN, TelegramServer
from tests.adapters.telegram_wire import Refusal
from tests.contracts.adapter import FLOOD_S, AdapterContract, containers, until

QUICK = Pace(poll=5, read=5.0, media=5.0, album=0.15, again=0.05, retry=0.05, retry_limit=0.1, conflict=0.05)


class NoFiles:
    async def keep(self, parts: AsyncIterator[bytes]) -> Any:
        raise AssertionError("nothing is kept here")

    async def find(self, id: str) -> Path | None:
        return None


async def nothing_said(key: str) -> Message | None:
    return None


def telegram(server: TelegramServer, folder: Path, pace: Pace = QUICK, **ports: Any) -> Telegram:
    settings = TelegramSettings(token=TOKEN, base_url=f"{server.url}/bot")
    given: dict[str, Any] = {"blobs": NoFiles(), "said": nothing_said, "now": lambda: 1_795_354_200_000, **ports}
    found = Telegram(settings, folder=folder / "telegram", pace=pace, **given)
    # Before it has asked the server it does not know its own name.
    found._me = type(found._me)(found._me.id, "relevo_bot")
    return found


@pytest.fixture
def server() -> Iterator[TelegramServer]:
    with TelegramServer() as server:
        yield server


class TestTelegram(AdapterContract):
    samples = SAMPLES
    junk = JUNK
    secrets = (TOKEN, TOKEN.partition(":")[2])

    @pytest.fixture
    def adapter(self, server: TelegramServer, tmp_path: Path) -> Adapter:
        self.server = server
        server.know(int(self.address.chat))
        return telegram(server, tmp_path)

    def shown(self, payload: Payload) -> str:
        """As a reader sees it: a link's target is a tap away, and counts as shown."""
        return str(payload.body["text"])

    def markup(self, payload: Payload) -> Sequence[str]:
        return [entity["type"] for entity in payload.body["entities"]]

    def buttons(self, payload: Payload) -> Sequence[Choice]:
        rows = payload.body.get("keyboard", ())
        return [Choice(button["callback_data"].partition(" ")[0], button["text"]) for row in rows for button in row]

    async def offer(self, adapter: Adapter, raw: Any) -> None:
        self.server.push(raw)

    def acknowledged(self, adapter: Adapter) -> int:
        return len(self.server.confirmed)

    async def screen(self, adapter: Adapter) -> str:
        return "\n".join(self.server.texts(int(self.address.chat)))

    def breakages(self, adapter: Adapter) -> Iterable[AbstractAsyncContextManager[None]]:
        return [self.broken(error) for error in BREAKAGES]

    @contextlib.asynccontextmanager
    async def broken(self, fault: Any) -> AsyncIterator[None]:
        self.server.fault = lambda method, form: fault
        yield
        self.server.fault = lambda method, form: None

    def flooded(self, adapter: Adapter) -> AbstractAsyncContextManager[None]:
        return self.broken(Refusal(429, f"Too Many Requests: retry after {FLOOD_S}", retry_after=FLOOD_S))

    def gone(self, adapter: Adapter) -> AbstractAsyncContextManager[None]:
        return self.broken(Refusal(403, "Forbidden: bot was blocked by the user"))

    def lock_out(self, adapter: Adapter) -> str:
        self.server.refuses_token = True
        return "RELEVO_TELEGRAM__TOKEN"


BREAKAGES = (
    Refusal(429, "Too Many Requests: retry after 3", retry_after=3),
    Refusal(429, "Too Many Requests: retry after 3"),
    Refusal(500, "Internal Server Error"),
    Refusal(403, "Forbidden: bot was blocked by the user"),
    Refusal(400, "Bad Request: message is too long"),
    Refusal(400, "Bad Request: group chat was upgraded", migrate_to_chat_id=-100123),
    Refusal(401, "Unauthorized"),
    Refusal(404, "Not Found"),
    Refusal(409, "Conflict: terminated"),
    Refusal(418, "I'm a teapot"),
    "drop",
    "reset",
    "html",
)


def mutated(chance: random.Random) -> Any:
    """A recorded update with some of it missing, doubled, or replaced by what does not belong there."""
    raw = copy.deepcopy(chance.choice([sample.raw for sample in SAMPLES]))
    for _ in range(chance.randint(1, 4)):
        spots = list(containers(raw))
        if not spots:
            break
        spot: Any = chance.choice(spots)
        key: Any = chance.choice(sorted(spot)) if isinstance(spot, dict) else chance.randrange(len(spot))
        match chance.randrange(3):
            case 0:
                del spot[key]
            case 1:
                spot[key] = copy.deepcopy(chance.choice(STRANGE))
            case _:
                other = chance.choice(spots)
                spot[key] = copy.deepcopy(chance.choice(list(other.values()) if isinstance(other, dict) else other))
    return raw


STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 1.5, -0.0, 2**31, -(2**63), 2**53, 10**40, float("inf"), float("nan")),
    *("", " ", "\x00", "\ud800", "/", "/start", "@relevo_bot", "\u202e", "a" * 20_000, "private", "supergroup", "es", "%"),
    *([], [[]], {}, [None], {"id": 1}, {"text": {}}, b"\xff", object()),
)


def fuzz(count: int, seed: int = 20) -> int:
    """How many of `count` mutated updates still meant something. Raises on the first that decode cannot take."""
    from adapters.telegram import decode

    chance, me, meant = random.Random(seed), decode.Me(7000000001, "relevo_bot"), 0
    for _ in range(count):
        raw = mutated(chance)
        inbound = decode.read(raw, me)
        decode.unread(raw, me)
        decode.chat_of(raw)
        decode.part_of(raw)
        if inbound is not None:
            meant += 1
            assert 0 < len(inbound.key) <= 200
            assert inbound.key.isprintable()
            assert type(inbound.address).parse(str(inbound.address)) == inbound.address
            assert events.decoder.decode(events.encoder.encode(inbound.event)) == inbound.event
    return meant


def test_no_mutated_update_stops_decode() -> None:
    assert fuzz(5_000) > 500


async def test_what_nobody_can_read_is_passed_over_and_not_asked_for_again_and_again(server: TelegramServer, tmp_path: Path) -> None:
    adapter, chance = telegram(server, tmp_path), random.Random(7)
    taken: list[str] = []

    async def accept(inbound: Any) -> Any:
        taken.append(inbound.key)

    poisons = [raw for raw in (mutated(chance) for _ in range(300)) if isinstance(raw, dict) and is_json(raw)]
    for n, raw in enumerate(poisons):
        server.push({**{name: body for name, body in raw.items() if name != "album"}, "update_id": 1000 + n})
    server.push({**copy.deepcopy(SAMPLES[0].raw), "update_id": 5000})
    run = asyncio.create_task(adapter.run(accept))
    await until(lambda: server.confirmed[-1:] == [5000])
    assert taken.count("m10") >= 1
    polls = sum(method == "getUpdates" for method, _ in server.calls)
    assert polls < 200
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)


def is_json(raw: Any) -> bool:
    import json

    try:
        json.dumps(raw, allow_nan=False).encode()
    except (TypeError, ValueError):
        return False
    return True
