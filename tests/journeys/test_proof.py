"""From the billing panel's file to the customer's own services, on both databases: the code goes by mail, and only there."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from adapters.memory import Memory, Queue, Sent
from bot.clock import Clock, Ids
from bot.codes import Codes
from bot.pipeline import Pipeline
from bot.settings import BESIDE_THE_CODE
from bot.supervision import Supervisor
from bot.telemetry import Metrics, configure
from conversations.engine import decide
from conversations.knowledge import Knowledge
from storage import tickets
from storage.engines import Database, open_database
from tests.bot.rig import until
from tests.journeys.conftest import Street

FILE = """number;name;email;service_number;service_name;service_kind;service_addresses
C-1;Ana;ana@example.com;123456;web-1;dedicated;198.41.0.4
C-1;;;123457;mail-1;vps;
C-2;Ben;ben@example.com;223456;ben-1;vps;198.41.0.5
"""
KEY = b"a key that outlives a restart of the desk"


class Post(Memory):
    """The mail: what was sent, by address."""

    name = "email"


class House(Street):
    """A desk that sends mail to `post`."""

    post: Memory

    def letters(self, email: str) -> list[Sent]:
        return [sent for sent in self.post.sent if sent.chat == email]

    async def code(self, email: str, nth: int = 1) -> str:
        await until(lambda: len(self.letters(email)) >= nth)
        [code] = re.findall(r"\b\d{6}\b", self.letters(email)[nth - 1].text)
        return str(code)

    async def answer(self, chat: str, said: str) -> str:
        """What the desk says to it in the end."""
        count = len(self.heard(chat))
        if said.startswith("/"):
            self.command(chat, said[1:])
        else:
            self.say(chat, said, locale="en")
        return (await self.until(chat, count + 1))[-1].text


Opening = Callable[[], AbstractAsyncContextManager[House]]


@pytest.fixture
def house(url: str, knowledge: Knowledge) -> Opening:
    @asynccontextmanager
    async def opened() -> AsyncIterator[House]:
        clock, queue, metrics, log = Clock(), Queue(), Metrics(), configure("error", "json")
        database, memory, post = open_database(url), Memory(feed=queue), Post()
        supervisor = Supervisor(clock, metrics, log)
        pipeline = Pipeline(
            database,
            [memory, post],
            decide,
            lambda: knowledge,
            clock,
            Ids(clock),
            metrics,
            log,
            alone=url.startswith("sqlite"),
            mail_account="desk",
            codes=Codes(KEY),
        )
        pipeline.start(supervisor)
        pipeline.receive(supervisor)
        here = House(memory, queue, pipeline, database, supervisor)
        here.post = post
        try:
            yield here
        finally:
            await supervisor.stop()
            await database.close()

    return opened


async def relevo(url: str, folder: Path, *words: str) -> tuple[int, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RELEVO_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bot", *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=folder,
        env={**clean, "PYTHONPATH": str(BESIDE_THE_CODE), "RELEVO_DATA_DIR": str(folder / "var"), "RELEVO_DATABASE_URL": url},
    )
    printed, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, printed.decode()


async def imported(url: str, folder: Path, written: str = FILE) -> str:
    (folder / "customers.csv").write_text(written, encoding="utf-8-sig")
    code, printed = await relevo(url, folder, "customers", "import", "customers.csv")
    assert code == 0, printed
    return printed


async def everything(database: Database) -> str:
    """What people can read of the conversation, and what the engine remembers."""
    ask = "SELECT payload FROM inbox UNION ALL SELECT state FROM conversation UNION ALL SELECT code_hash FROM challenge"
    return "\n".join(await database.read(lambda conn: [row for (row,) in conn.execute(text(ask))]))


async def test_from_the_panels_file_to_the_own_services(house: Opening, url: str, tmp_path: Path) -> None:
    assert "2 accounts in the file: 2 new" in await imported(url, tmp_path)
    async with house() as here:
        assert "registered with" in await here.answer("ana", "/services")
        assert "six-digit code" in await here.answer("ana", "It is Ana@Example.com")
        code = await here.code("ana@example.com")
        assert code not in "".join(sent.text for sent in here.heard("ana"))
        wrong = f"{(int(code) + 1) % 1_000_000:06}"
        assert "2 tries left" in await here.answer("ana", wrong)
        count = len(here.heard("ana"))
        here.say("ana", f"{code[:3]} {code[3:]}", locale="en")
        thanks, listed = (await here.until("ana", count + 2))[-2:]
        assert "Ana" in thanks.text
        assert "web-1" in listed.text
        assert "mail-1" in listed.text
        assert "ben-1" not in listed.text
        # What was typed is gone from all that is kept, the codes and what proves them alike.
        kept = await everything(here.database)
        assert code not in kept
        assert wrong not in kept

        for said in ("/ticket", "technical", "regular", "#123456", "web-1", "My mail queue is stuck since this morning.", "skip", "send"):
            await here.answer("ana", said)
        [ticket] = await here.database.read(tickets.list_open)
        assert (ticket.proof, ticket.account, ticket.email, ticket.name) == ("code", "C-1", "ana@example.com", "Ana")
        _, shown = await relevo(url, tmp_path, "tickets", "show", ticket.number)
        assert re.search(r"^account +C-1$", shown, re.MULTILINE)
        assert re.search(r"^proof +code: a code mailed to the registered address, \d+ min before$", shown, re.MULTILINE)


async def test_who_is_not_registered_reads_the_same_and_gets_no_mail(house: Opening, url: str, tmp_path: Path) -> None:
    await imported(url, tmp_path)
    async with house() as here:
        told = []
        for chat, email in (("ana", "ana@example.com"), ("eve", "eve@example.com")):
            await here.answer(chat, "/services")
            told.append((await here.answer(chat, email)).replace(email, "…"))
        assert told[0] == told[1]
        await here.code("ana@example.com")
        assert here.letters("eve@example.com") == []
        assert "2 tries left" in await here.answer("eve", "123456")


async def test_a_restart_between_the_code_and_its_return(house: Opening, url: str, tmp_path: Path) -> None:
    await imported(url, tmp_path)
    async with house() as here:
        await here.answer("ana", "/services")
        await here.answer("ana", "ana@example.com")
        code = await here.code("ana@example.com")
        assert await here.pipeline.drain(here.supervisor, 10)
    async with house() as here:
        here._keys = iter(range(100, 200))  # type: ignore[assignment]
        here.say("ana", code, locale="en")
        assert "web-1" in (await here.until("ana", 2))[-1].text


async def test_when_the_panel_changes_the_address_the_proof_is_gone(house: Opening, url: str, tmp_path: Path) -> None:
    await imported(url, tmp_path)
    async with house() as here:
        await here.answer("ana", "/services")
        await here.answer("ana", "ana@example.com")
        count = len(here.heard("ana"))
        here.say("ana", await here.code("ana@example.com"), locale="en")
        await here.until("ana", count + 2)
        assert "web-1" in await here.answer("ana", "/services")
        printed = await imported(url, tmp_path, FILE.replace("ana@example.com", "ana@example.org"))
        assert "1 registered address given up; 1 proof of ownership ended." in printed
        assert "registered with" in await here.answer("ana", "/services")
        # Another's code and the old address open nothing.
        await here.answer("ana", "ana@example.com")
        assert len(here.letters("ana@example.com")) == 1
        await here.answer("ana", "ana@example.org")
        assert await here.code("ana@example.org")


async def test_a_file_with_a_fault_changes_nothing_and_tells_them_all(url: str, tmp_path: Path) -> None:
    (tmp_path / "customers.csv").write_text(
        "number,email,zone,service_number,service_addresses\r\n1,ana@example.com,Europe/Atlantis,,\r\n2,ben,,7,1.2.3\r\n", encoding="utf-8"
    )
    code, printed = await relevo(url, tmp_path, "customers", "import", "customers.csv")
    assert code == 1
    assert [line.partition(": ")[0] for line in printed.splitlines() if line.startswith("customers.csv:")] == [
        "customers.csv:2",
        "customers.csv:3",
        "customers.csv:3",
    ]
    database = open_database(url)
    assert await database.read(lambda conn: conn.execute(text("SELECT count(*) FROM account")).scalar_one()) == 0
    await database.close()


async def test_an_address_of_an_account_that_is_not_in_the_file(url: str, tmp_path: Path) -> None:
    await imported(url, tmp_path)
    (tmp_path / "more.csv").write_text("number,email\nC-3,ben@example.com\n", encoding="utf-8")
    code, printed = await relevo(url, tmp_path, "customers", "import", "more.csv")
    assert code == 1
    assert "more.csv:2: email: 'ben@example.com' is the registered address of account C-2" in printed
    code, printed = await relevo(url, tmp_path, "customers", "import", "more.csv", "--remove-missing", "--dry-run")
    assert (code, "2 accounts not in the file: removed" in printed, "dry run" in printed) == (0, True, True)
