"""The real program and a real mail server: a ticket from the live chat, answered from the command line, read in the chat and as mail."""

from __future__ import annotations

import asyncio
import re
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contracts.adapter import until
from tests.e2e.program import Program
from tests.postbox import Postbox, opened, text_of


class Visitor:
    """A browser at the program's live chat. `heard` is what the desk said, in order."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self._count = 0
        self._cursor = 0
        self.heard: list[dict[str, Any]] = []

    async def open(self) -> None:
        token = (await self._http.post("/chat/sessions", json={"locale": "en"})).json()["token"]
        self._http.headers["authorization"] = f"Bearer {token}"

    async def send(self, **body: Any) -> None:
        """Say something, and hear the answer to it."""
        before = len(self.heard)
        self._count += 1
        answer = await self._http.post("/chat/messages", json={"client_id": f"message-{self._count}", "locale": "en", **body})
        assert answer.status_code == 202, answer.text
        await self.until(lambda: len(self.heard) > before)

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not true():
                got = (await self._http.get("/chat/events", params={"after": self._cursor, "wait": 5}, timeout=30)).json()
                self._cursor = got["cursor"]
                self.heard += [entry for entry in got["entries"] if entry["by"] == "desk"]

    def said(self, text: str) -> list[dict[str, Any]]:
        return [entry for entry in self.heard if text in str(entry["message"]["doc"])]

    async def fetched(self, file: dict[str, Any]) -> bytes:
        url = (await self._http.post("/chat/files/link", json=file)).json()["url"]
        return (await self._http.get(url)).content


@pytest.fixture
def desk(tmp_path: Path) -> Callable[[str], Program]:
    return lambda url: Program(
        tmp_path / "var",
        RELEVO_EMAIL__ADDRESS="support@desk.example",
        RELEVO_EMAIL__SMTP_URL=url,
        RELEVO_WEBCHAT__LIMITS__MESSAGES__BURST="1000",
    )


@asynccontextmanager
async def visiting(program: Program) -> AsyncIterator[Visitor]:
    async with httpx.AsyncClient(base_url=program.url) as http:
        visitor = Visitor(http)
        await visitor.open()
        yield visitor


async def ticket(visitor: Visitor) -> str:
    """Open one with an e-mail address; its number."""
    await visitor.send(command="ticket")
    details = "My mail queue is stuck since this morning."
    for text in ("technical", "regular", "skip", "skip", details, "skip", "ana@customer.example", "send"):
        await visitor.send(text=text)
    found = re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}", str(visitor.heard[-1]["message"]["doc"]))
    assert found
    return found[0]


async def relevo(program: Program, *words: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        "tickets",
        *words,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=program.environment,
    )
    printed, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, printed.decode()
    return printed.decode()


def about(box: Postbox, number: str) -> list[EmailMessage]:
    return [mail for mail in box.mails if f"[{number}]" in str(mail["subject"])]


async def test_a_reply_arrives_in_the_chat_and_as_mail_once(desk: Callable[[str], Program], tmp_path: Path) -> None:
    report = tmp_path / "mtr.txt"
    report.write_text("hop 1\nhop 2\n")
    (tmp_path / "var").mkdir()
    async with opened() as box:
        program = desk(box.url)
        await asyncio.to_thread(program.start)
        try:
            async with visiting(program) as visitor:
                number = await ticket(visitor)
                await until(lambda: len(box.mails) == 1)
                assert "first reply comes within" in text_of(box.mails[0])
                printed = await relevo(program, "reply", number, "Is it the <new> server?", "--as", "Eva", "--file", str(report))
                assert "The customer is told" in printed
                await visitor.until(lambda: bool(visitor.said("Is it the <new> server?")))
                await until(lambda: len(box.mails) == 2)
                [said] = visitor.said("Is it the <new> server?")
                [file] = said["files"]
                assert await visitor.fetched(file) == report.read_bytes()
                assert "mtr.txt" in await relevo(program, "show", number)
                await relevo(program, "state", number, "resolved")
                await until(lambda: len(box.mails) == 3)
                await visitor.until(lambda: bool(visitor.said("resolved")))
            assert await asyncio.to_thread(program.stop) == 0
        finally:
            program.kill()
    opening, reply, end = about(box, number)
    assert "Is it the <new> server?" in text_of(reply)
    assert "&lt;new&gt;" in text_of(reply, "html")
    [attached] = reply.iter_attachments()
    assert (attached.get_filename(), attached.get_payload(decode=True)) == ("mtr.txt", report.read_bytes())
    assert {str(mail["to"]) for mail in (opening, reply, end)} == {"ana@customer.example"}
    assert opening["references"] == reply["references"] == end["references"]
    assert len({str(mail["message-id"]) for mail in (opening, reply, end)}) == 3
    # The copies are not of the chat.
    assert not visitor.said("Answers to this e-mail")


async def test_killed_between_the_send_and_its_mark_it_sends_at_most_one_more_with_the_same_id(
    desk: Callable[[str], Program], tmp_path: Path
) -> None:
    (tmp_path / "var").mkdir()
    async with opened() as box:
        program = desk(box.url)

        def kill(mail: EmailMessage) -> None:
            # The server has the mail, and the desk is not told any more.
            box.taken = lambda mail: None
            program.kill()

        await asyncio.to_thread(program.start)
        try:
            async with visiting(program) as visitor:
                number = await ticket(visitor)
                await until(lambda: len(box.mails) == 1)
                box.taken = kill
                # The desk dies under the command's eyes; the reply is kept all the same.
                await relevo(program, "reply", number, "We are on it.")
                await until(lambda: len(box.mails) == 2)
                await asyncio.to_thread(program.start)
                await until(lambda: len(box.mails) == 3)
                await relevo(program, "reply", number, "It is mended.")
                await until(lambda: len(box.mails) == 4)
                await visitor.until(lambda: bool(visitor.said("It is mended.")))
                assert (len(visitor.said("We are on it.")), len(visitor.said("It is mended."))) == (1, 1)
        finally:
            program.kill()
    first, again = [mail for mail in about(box, number) if "We are on it." in text_of(mail)]
    assert first["message-id"] == again["message-id"]
    assert [box.raw[n] for n in (1, 2)] == [box.raw[1]] * 2
    assert len({str(mail["message-id"]) for mail in box.mails}) == 3


async def test_a_dead_mail_server_holds_up_no_chat_and_the_mail_comes_once_it_is_back(
    desk: Callable[[str], Program], tmp_path: Path
) -> None:
    (tmp_path / "var").mkdir()
    # It takes connections and never says a word: the worst kind.
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        port = mute.getsockname()[1]
        program = desk(f"smtp://127.0.0.1:{port}/")
        await asyncio.to_thread(program.start)
        try:
            async with visiting(program) as visitor:
                number = await ticket(visitor)
                await relevo(program, "reply", number, "Is it the new one?")
                await visitor.until(lambda: bool(visitor.said("Is it the new one?")))
                for n in range(3):
                    await visitor.send(text=f"message {n}")
                mute.close()
                program.kill()
                async with opened(port=port) as box:
                    await asyncio.to_thread(program.start)
                    await until(lambda: len(box.mails) == 2)
        finally:
            program.kill()
    opening, reply = about(box, number)
    assert "Is it the new one?" not in text_of(opening)
    assert "Is it the new one?" in text_of(reply)
