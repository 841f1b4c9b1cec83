"""A group takes less than a private chat: two simulated minutes at Telegram's own rates, against a limiter that counts every call."""

from __future__ import annotations

from msgspec.structs import replace

from adapters.base import Payload, Receipt
from adapters.telegram.encode import CAPABILITIES
from bot.pacing import Pacing
from storage.engines import Database
from tests.bot.rig import BEGIN_MS, HandClock
from tests.bot.test_paced_delivery import Desk, Limit, Strict, queue

MINUTES_2 = 120_000
A_GROUP = Limit(20, 60_000)
ROOM = "-1001"


class Grouped(Strict):
    """Counts what goes into each group."""

    def __init__(self, clock: HandClock) -> None:
        super().__init__(clock, None, Limit(30, 1_000), False, lambda call: None)
        rates = {name: getattr(CAPABILITIES, name) for name in ("chat_rate", "account_rate", "room_rate", "rooms")}
        self.capabilities = replace(self.capabilities, **rates)
        self.in_rooms: dict[str, list[int]] = {}

    async def deliver(self, payload: Payload, key: str) -> Receipt:
        if (chat := payload.address.chat).startswith("-"):
            times = self.in_rooms.setdefault(chat, [])
            times.append(self._clock.now())
            if A_GROUP.broken(times):
                self.faults.append(f"{times[-1]}: {chat} is the call too many of {A_GROUP}")
        return await super().deliver(payload, key)


async def test_a_group_gets_what_it_takes_with_all_its_topics_and_holds_up_nobody_else(database: Database) -> None:
    clock = HandClock()
    platform = Grouped(clock)
    await queue(database, clock.at, [(ROOM, f"t{n % 3}", f"g{n}") for n in range(60)])
    desk = Desk(database, clock, platform)
    asked: dict[str, int] = {}
    for at in range(BEGIN_MS + 10_000, BEGIN_MS + MINUTES_2, 10_000):
        await desk.until(at)
        asked[f"p{at}"] = clock.at
        await queue(database, clock.at, [(f"p{at}", "", "hola")])
        desk.lane.hint.ring()
    await desk.until(BEGIN_MS + MINUTES_2)
    await desk.stop()
    assert platform.faults == []
    # The allowance is made use of; what is left goes on afterwards.
    assert 30 <= len(platform.in_rooms[ROOM]) <= 40
    shown_at = {call.chat: call.at for call in platform.shown if call.chat in asked}
    assert {chat: shown_at[chat] - at for chat, at in asked.items()} == dict.fromkeys(asked, 0)


def test_each_kind_of_chat_has_its_own_rate() -> None:
    pacing = Pacing(CAPABILITIES.rate_in, None, BEGIN_MS)
    later = BEGIN_MS + MINUTES_2
    sent = {chat: sum(not pacing.take(chat, True, at) for at in range(later, later + 60_000, 100)) for chat in (ROOM, "77")}
    assert sent == {ROOM: 20, "77": 62}
