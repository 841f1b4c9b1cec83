"""A ticket on both databases, from the question to the stars: filled in step by step, answered from the command line, closed and rated."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from pathlib import Path

import pytest

from bot.settings import BESIDE_THE_CODE
from storage import tickets
from storage.rows import Ticket
from tests.bot.rig import HandClock, until
from tests.journeys.conftest import Opening, Street


async def relevo(url: str, folder: Path, *words: str) -> tuple[int, str]:
    """The command as the team types it while the desk runs: what it prints, and its exit code."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RELEVO_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bot", "tickets", *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=folder,
        env={**clean, "PYTHONPATH": str(BESIDE_THE_CODE), "RELEVO_DATA_DIR": str(folder / "var"), "RELEVO_DATABASE_URL": url},
    )
    printed, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, printed.decode()


async def opened(here: Street, chat: str = "ana") -> Ticket:
    """A technical ticket of regular priority, a question at a time."""
    for said in ("/ticket", "technical", "regular", "skip", "skip", "My mail queue is stuck since this morning.", "skip", "skip", "send"):
        count = len(here.heard(chat))
        if said == "/ticket":
            here.command(chat, "ticket")
        else:
            here.say(chat, said, locale="en")
        await here.until(chat, count + 1)
    [ticket] = await here.database.read(tickets.list_open)
    return ticket


async def test_from_the_question_to_the_rating(street: Opening, url: str, tmp_path: Path) -> None:
    async with street() as here:
        ticket = await opened(here)
        assert ticket.number in here.heard("ana")[-1].text
        assert (ticket.department, ticket.priority, ticket.state) == ("technical", "regular", "new")
        assert ticket.text == "My mail queue is stuck since this morning."
        assert ticket.due_at is not None

        count = len(here.heard("ana"))
        code, printed = await relevo(url, tmp_path, "reply", ticket.number, "Is it the <new> server?", "--as", "Eva")
        assert (code, f"{ticket.number} is waiting_customer" in printed) == (0, True)
        reply = (await here.until("ana", count + 1))[-1].text
        assert "Eva" in reply
        assert "Is it the <new> server?" in reply

        here.say("ana", "yes, the new one")
        await here.until("ana", count + 2)
        assert [one.state for one in await here.database.read(tickets.list_open)] == ["open"]

        code, printed = await relevo(url, tmp_path, "state", ticket.number, "closed", "--note", "for us only")
        assert (code, f"{ticket.number} is closed, which was open" in printed) == (0, True)
        await here.until("ana", count + 3)
        here.say("ana", "5")
        await here.until("ana", count + 4)
        assert not any("for us only" in sent.text for sent in here.heard("ana"))

        code, shown = await relevo(url, tmp_path, "show", ticket.number.lower())
        assert code == 0
        for part in ("rating       5/5", "yes, the new one", "Eva (team) wrote", "new → waiting_customer", "open → closed (for us only)"):
            assert part in shown
        found = await here.database.read(lambda conn: tickets.find(conn, ticket.number))
        assert found is not None
        assert found.first_reply_at is not None
        assert await relevo(url, tmp_path, "list") == (0, "No open tickets.\n")
        assert ticket.number in (await relevo(url, tmp_path, "list", "--state", "closed"))[1]


async def test_what_the_team_may_not_do_is_said(street: Opening, url: str, tmp_path: Path) -> None:
    async with street() as here:
        ticket = await opened(here)
        assert (await relevo(url, tmp_path, "state", ticket.number, "reopened"))[0] == 1
        assert (await relevo(url, tmp_path, "state", ticket.number, "new"))[0] == 1
        assert (await relevo(url, tmp_path, "state", ticket.number, "lost"))[0] == 2
        assert (await relevo(url, tmp_path, "reply", ticket.number, " "))[0] == 2
        assert (await relevo(url, tmp_path, "reply", "0000-0000", "hello"))[0] == 1
        assert [one.state for one in await here.database.read(tickets.list_open)] == ["new"]


async def test_two_presses_of_send_open_one_ticket(street: Opening) -> None:
    async with street() as here:
        ticket = await opened(here)
        count = len(here.heard("ana"))
        for _ in range(2):
            here.press("ana", "✅ Send")
        heard = await here.until("ana", count + 2)
        assert all(ticket.number in sent.text for sent in heard[count:])
        assert len(await here.database.read(tickets.list_all)) == 1


async def test_what_is_resolved_closes_by_itself(street: Opening) -> None:
    clock = HandClock()
    async with street(clock) as here:
        ticket = await opened(here)

        async def act(payload: str) -> bool:
            return await here.database.write(lambda conn: tickets.tell(conn, ticket, clock.now(), payload, clock.now()))

        seen = f'{{"key":"{ticket.key}","number":"{ticket.number}","title":"T","state":"new"}}'
        assert await act(f'{{"type":"ticket_changed","ticket":{seen},"state":"resolved"}}')

        async def closed() -> bool:
            clock.advance(60_000)
            return bool(await here.database.read(lambda conn: tickets.list_in(conn, "closed")))

        async def resolved() -> bool:
            clock.advance(100)
            return bool(await here.database.read(lambda conn: tickets.list_in(conn, "resolved")))

        await until(resolved)
        clock.advance(71 * 60 * 60_000)
        assert await here.database.read(lambda conn: tickets.list_in(conn, "closed")) == []
        clock.advance(60 * 60_000)
        await until(closed)


SECRETS = ("hunter2-Zebra!", "4111 1111 1111 1111", "ghp_" + "a1B2" * 9)


async def test_a_secret_is_nowhere_in_what_is_kept(street: Opening, url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async with street() as here:
        for n, said in enumerate((f"password: {SECRETS[0]}", f"my card is {SECRETS[1]}", f"use {SECRETS[2]} for it"), 1):
            here.say("ana", said, locale="en")
            await until(lambda n=n: sum("🔒" in sent.text for sent in here.heard("ana")) == n)  # type: ignore[misc]
        assert await here.pipeline.drain(here.supervisor, 10)
        assert not any(secret in sent.text for sent in here.heard("ana") for secret in SECRETS)
    kept = await asyncio.to_thread(dumped, url, tmp_path)
    assert "my card is" in kept
    logged = "".join(capfd.readouterr())
    assert not [secret for secret in SECRETS if secret in kept or secret in logged]


def dumped(url: str, folder: Path) -> str:
    """Everything in the database; of SQLite the bytes of its files too."""
    if url.startswith("sqlite"):
        with sqlite3.connect(folder / "relevo.db") as connection:
            rows = "\n".join(connection.iterdump())
        return rows + "".join(path.read_bytes().decode(errors="replace") for path in folder.glob("relevo.db*"))

    async def ask() -> str:
        import asyncpg

        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        tables = [row["tablename"] for row in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        found = [str(dict(row)) for table in tables for row in await connection.fetch(f'SELECT * FROM "{table}"')]
        await connection.close()
        return "\n".join(found)

    return asyncio.run(ask())
