"""A whole ticket on Discord through the real library and pipeline: by modals, and a question at a time, to the same ticket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from conversations.knowledge import Knowledge
from storage import tickets
from storage.rows import Ticket
from tests.adapters.discord_server import DiscordServer
from tests.bot.rig import until
from tests.journeys.discord_street import ANA, Customer, DiscordStreet, discord_street
from tests.journeys.test_tickets import relevo

BEN = "80351110224678913"
QUESTION = "how long does it take to get a reply to a ticket?"
TRACE = b"12:00:01 charged 49.90\n12:00:02 charged 49.90\n"
HIS_OWN = ("shard", "conversation", "key", "number", "created_at", "updated_at", "due_at", "first_reply_at", "resolved_at", "closed_at")


@pytest.fixture
async def server() -> AsyncIterator[DiscordServer]:
    server = DiscordServer()
    await server.start()
    yield server
    await server.stop()


async def by_modals(ana: Customer) -> None:
    await ana.say(QUESTION)
    assert "10 minutes" in ana.last
    await ana.press("Open a ticket")
    await ana.fill({"Department": "Financial issues", "Priority": "Regular"})
    await ana.fill({"Amount": "a lot", "Description": "I was charged twice."})
    assert "I did not understand the amount “a lot”" in ana.last
    again = await ana.open("Correct it")
    amount = next(label for label in again.modal["components"] if label["label"] == "Amount")  # type: ignore[index]
    assert (amount["component"]["value"], "I did not understand" in amount["description"]) == ("a lot", True)
    await ana.fill({"Amount": "49,90 EUR"}, label="Correct it")
    await ana.press("← Back")
    assert "I was charged twice." in ana.last
    await ana.say("how long does it take to get a reply?", 2)
    await ana.press("Leave it as it is")
    await ana.fill({"E-mail": "ana@example.com"}, trace_txt=TRACE)


async def step_by_step(ben: Customer) -> None:
    await ben.say(QUESTION)
    await ben.command("ticket")
    await ben.press("Financial issues")
    await ben.say("regular")
    await ben.press("Skip")
    await ben.say("a lot")
    assert "I did not understand the amount “a lot”" in ben.last
    await ben.say("49,90 EUR")
    await ben.press("← Back")
    await ben.say("how long does it take to get a reply?", 2)
    await ben.press("Leave it as it is")
    await ben.say("skip")
    await ben.press("Skip")
    await ben.say("I was charged twice.")
    await ben.say("", trace_txt=TRACE)
    assert "I have kept your file" in ben.last
    await ben.press("Leave it as it is")
    await ben.say("ana@example.com")


async def closed_and_rated(here: DiscordStreet, who: Customer, url: str, folder: Path) -> Ticket:
    assert "49.90" in who.last
    assert "trace.txt" in who.last
    count = len(who.seen)
    await who.press("✅ Send")
    [number] = [one.number for one in await here.database.read(tickets.list_open)]
    assert number in who.last
    code, printed = await relevo(url, folder, "reply", number, "We pay *one* back, <@1>.", "--as", "Eva")
    assert (code, f"{number} is waiting_customer" in printed) == (0, True)
    await who.until(count + 2)
    assert "We pay *one* back, <@1>." in who.last
    await who.say("thank you, that is right")
    assert (await relevo(url, folder, "state", number, "closed"))[0] == 0
    await who.until(count + 4)
    await who.press("⭐⭐⭐⭐⭐" if "⭐⭐⭐⭐⭐" in who.offered else who.offered[4])
    found = await here.database.read(lambda conn: tickets.find(conn, number))
    assert found is not None
    return found


async def test_both_ways_lead_to_the_same_ticket(url: str, knowledge: Knowledge, tmp_path: Path, server: DiscordServer) -> None:
    async with discord_street(url, knowledge, tmp_path, server) as here:
        ana, ben = here.customer(ANA), here.customer(BEN)
        await by_modals(ana)
        one = await closed_and_rated(here, ana, url, tmp_path)
        await step_by_step(ben)
        other = await closed_and_rated(here, ben, url, tmp_path)

        def same(ticket: Ticket) -> dict[str, object]:
            return {name: value for name, value in ticket._asdict().items() if name not in HIS_OWN}

        assert same(one) == same(other)
        assert (one.department, one.priority, one.state, one.rating) == ("financial", "regular", "closed", 5)
        assert (one.text, one.email) == ("I was charged twice.", "ana@example.com")
        assert server.refusals == []
        assert all(each.answers for each in server.interactions.values())
        assert not any(each.original for each in server.interactions.values() if each.raw["type"] == 2)


async def test_a_form_goes_on_after_a_restart(url: str, knowledge: Knowledge, tmp_path: Path, server: DiscordServer) -> None:
    """The button of a form that this process has never shown opens it all the same."""
    async with discord_street(url, knowledge, tmp_path, server) as here:
        ana = here.customer()
        await ana.command("ticket")
        await ana.fill({"Department": "Technical issues", "Priority": "Regular"})
        assert await here.pipeline.drain(here.supervisor, 10)
    async with discord_street(url, knowledge, tmp_path, server) as here:
        ana = here.customer()
        opened = await ana.open()
        assert [label["label"] for label in opened.modal["components"]][-1] == "E-mail"  # type: ignore[index]
        assert server.refusals == []


async def test_what_was_written_while_the_desk_was_down_is_answered(
    url: str, knowledge: Knowledge, tmp_path: Path, server: DiscordServer
) -> None:
    async with discord_street(url, knowledge, tmp_path, server) as here:
        ana = here.customer()
        await ana.say("talk to a person")
        assert await here.pipeline.drain(here.supervisor, 10)
    server.post(ana.room, ANA, "ana@example.com")
    server.post(ana.room, ANA, QUESTION)
    async with discord_street(url, knowledge, tmp_path, server):
        await ana.until(3)
        assert "ana@example.com" in ana.seen[1]["content"].replace("\\", "")
        assert "10 minutes" in ana.last
        await ana.say("thanks")
    assert len(ana.seen) == 4


async def test_a_code_leads_where_it_says(url: str, knowledge: Knowledge, tmp_path: Path, server: DiscordServer) -> None:
    async with discord_street(url, knowledge, tmp_path, server) as here:
        ana = here.customer()
        await ana.command("start", code="topic_verification")
        assert "Ownership is checked" in ana.last
        await ana.command("start", code="ticket")
        assert "Which department is it for?" in ana.last
        await ana.command("start", code="topic_of-long-ago")
        assert "automatic assistant" in ana.last


async def test_in_a_server_it_answers_in_the_channel_and_commands_in_private(
    url: str, knowledge: Knowledge, tmp_path: Path, server: DiscordServer
) -> None:
    async with discord_street(url, knowledge, tmp_path, server):
        channel = server.channel("120000000000000001")
        ana = Customer(server, ANA)
        asked = server.post(channel, ANA, f"<@700000000000000001> {QUESTION}")
        server.post(channel, BEN, "not for the bot")
        await until(lambda: len(server.said(channel)) == 1)
        [answer] = server.said(channel)
        assert "10 minutes" in answer["content"]
        assert answer["message_reference"]["message_id"] == asked["id"]

        other = server.press(answer, "Open a ticket", BEN)
        await until(lambda: bool(other.answers))
        assert "another person's question" in other.note

        given = server.command(channel, ANA, "ticket")
        await ana.until(1)
        await until(lambda: bool(given.answers))
        assert given.answers[0]["data"]["flags"] == 64
        assert ana.room in given.note
        assert "Which department" in ana.last
        assert len(server.said(channel)) == 1
        assert server.refusals == []
