"""A customer's way through the desk, on both databases: asked, answered, passed on to people, and never forgotten."""

from __future__ import annotations

import asyncio

from storage import requests
from tests.bot.rig import HandClock, until
from tests.journeys.conftest import Opening


async def test_a_question_is_answered_in_its_language(street: Opening) -> None:
    async with street() as here:
        here.say("ana", "¿Qué prioridad pongo si mi servidor está caído?")
        here.say("bob", "how long does it take to get a reply to a ticket?")
        [spanish] = await here.until("ana", 1)
        [english] = await here.until("bob", 1)
        assert "prioridad" in spanish.text.lower()
        assert "10 minutes" in english.text
        assert spanish.choices
        assert english.choices


async def test_who_wants_a_person_is_recorded_with_an_address(street: Opening) -> None:
    async with street() as here:
        here.say("ana", "quiero hablar con una persona")
        await here.until("ana", 1)
        here.say("ana", "ana@example.com")
        await here.until("ana", 2)

        async def recorded() -> bool:
            return [request.email for request in await here.database.read(requests.list_open)] == ["ana@example.com"]

        await until(recorded)
        [request] = await here.database.read(requests.list_open)
        assert request.number in here.heard("ana")[-1].text + here.heard("ana")[0].text


async def test_a_silent_customer_is_not_left_waiting(street: Opening) -> None:
    clock = HandClock()
    async with street(clock) as here:
        here.say("ana", "talk to a person please")
        await here.until("ana", 1)

        def reminded() -> bool:
            clock.advance(5_000)
            return len(here.heard("ana")) >= 2

        await until(reminded)
        [request] = await here.database.read(requests.list_open)
        assert request.number in here.heard("ana")[1].text


async def test_it_goes_on_where_it_was_after_a_restart(street: Opening) -> None:
    async with street() as here:
        here.say("ana", "hola", "m-first")
        [greeting] = await here.until("ana", 1)
        here.say("ana", "quiero hablar con una persona")
        await here.until("ana", 2)
        assert await here.pipeline.drain(here.supervisor, 10)
    async with street() as here:
        # The platform, too, has forgotten what it had delivered.
        here.say("ana", "hola", "m-first")
        here.say("ana", "ana@example.com", "m-last")
        [thanks] = await here.until("ana", 1)
        assert thanks.text != greeting.text

        async def recorded() -> bool:
            return [request.email for request in await here.database.read(requests.list_open)] == ["ana@example.com"]

        await until(recorded)
        assert await here.pipeline.drain(here.supervisor, 10)
        assert len(here.heard("ana")) == 1


async def test_many_customers_at_once(street: Opening) -> None:
    chats = [f"c{n}" for n in range(25)]
    async with street() as here:
        for turn, said in enumerate(("hola", "¿cuánto tardáis en responder?", "gracias"), 1):
            for chat in chats:
                here.say(chat, said, f"{chat}-{turn}")
                here.say(chat, said, f"{chat}-{turn}")
            await asyncio.gather(*(here.until(chat, turn) for chat in chats))
        assert await here.pipeline.drain(here.supervisor, 10)
        first = [sent.text for sent in here.heard("c0")]
        assert len(first) == 3
        assert all([sent.text for sent in here.heard(chat)] == first for chat in chats)
