"""What a mail server may say or do, and what is made of it: sent again, given up, or told to whoever keeps the desk."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.base import Later, Refused, Unreachable
from adapters.email.sending import GIVE_UP_S
from conversations.model import Address
from tests.adapters.email_desk import NOW, email, letter, send
from tests.postbox import CERTIFICATE, Postbox, certified, opened


@pytest.fixture
async def box() -> AsyncIterator[Postbox]:
    async with opened() as box:
        yield box


async def test_one_connection_serves_many_mails(box: Postbox, tmp_path: Path) -> None:
    adapter = email(box.url, tmp_path)
    for n in range(5):
        await send(adapter, letter(f"nº {n}", f"5.2.{n}"))
    assert (len(box.mails), box.sessions) == (5, 1)
    assert len({mail["message-id"] for mail in box.mails}) == 5
    await adapter._sender.close()


async def test_a_connection_that_the_server_closed_meanwhile_is_made_again(tmp_path: Path) -> None:
    async with opened() as box:
        adapter = email(box.url, tmp_path)
        await send(adapter, letter("uno"))
        client = adapter._sender._client
        assert client is not None
        assert isinstance(client.transport, asyncio.Transport)
        client.transport.abort()
        await send(adapter, letter("dos", "5.3.1"))
        assert len(box.mails) == 2
        await adapter._sender.close()


@pytest.mark.parametrize(
    ("command", "answer", "kind", "whole"),
    [
        ("RCPT", "450 4.2.0 greylisted, come back", Later, False),
        ("RCPT", "452 4.2.2 mailbox full", Later, False),
        ("RCPT", "552 5.2.2 mailbox full", Later, False),
        ("RCPT", "550 5.1.1 no such user ana@customer.example", Unreachable, False),
        ("RCPT", "553 5.1.3 bad address", Unreachable, False),
        ("RCPT", "530 5.7.0 authentication required", Later, True),
        ("MAIL", "550 5.7.1 not your address", Later, True),
        ("MAIL", "552 5.3.4 too big", Refused, False),
        ("MAIL", "451 4.3.0 try later", Later, True),
        ("MAIL", "421 4.3.2 closing", Later, True),
        ("DATA", "550 5.7.1 looks like spam", Refused, False),
        ("DATA", "451 4.7.1 try later", Later, False),
    ],
)
async def test_what_the_server_says_is_what_is_done(
    box: Postbox, tmp_path: Path, command: str, answer: str, kind: type[Exception], whole: bool
) -> None:
    adapter = email(box.url, tmp_path)
    box.says[command] = answer
    with pytest.raises(kind) as caught:
        await send(adapter, letter("hola"))
    assert getattr(caught.value, "whole", False) is whole
    assert "ana@customer.example" not in str(caught.value)
    # And the next mail goes, in a new conversation with the server.
    await send(adapter, letter("hola"))
    assert len(box.mails) == 1
    await adapter._sender.close()


async def test_what_is_put_off_waits_longer_each_time_and_is_given_up_in_the_end(box: Postbox, tmp_path: Path) -> None:
    clock = [NOW]
    adapter = email(box.url, tmp_path, lambda: clock[0])
    waits = []
    for minutes in (0, 10, 30, 600):
        clock[0] = NOW + minutes * 60_000
        box.says["RCPT"] = "450 4.2.0 greylisted"
        with pytest.raises(Later) as later:
            await send(adapter, letter("hola"))
        waits.append(later.value.after)
    assert waits == [60, 300, 900, 1800]
    clock[0] = NOW + round(GIVE_UP_S * 1000) + 1000
    box.says["RCPT"] = "450 4.2.0 greylisted"
    with pytest.raises(Unreachable):
        await send(adapter, letter("hola"))


async def test_no_answer_after_the_mail_was_handed_over_is_tried_again_under_the_same_id(box: Postbox, tmp_path: Path) -> None:
    adapter = email(box.url, tmp_path)
    box.silent = True
    with pytest.raises(Later):
        await send(adapter, letter("hola"))
    box.silent = False
    await send(adapter, letter("hola"))
    first, second = box.mails
    assert first["message-id"] == second["message-id"]
    assert box.raw[0] == box.raw[1]
    await adapter._sender.close()


async def test_a_server_that_is_away_makes_all_of_the_account_wait_longer_each_time(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    adapter = email(f"smtp://127.0.0.1:{port}/", tmp_path)
    waits = []
    for _ in range(9):
        with pytest.raises(Later) as later:
            await send(adapter, letter("hola"))
        assert later.value.whole
        waits.append(later.value.after)
    assert waits == [5, 10, 20, 40, 80, 160, 300, 300, 300]


async def test_an_address_that_is_none_is_not_asked_of_the_server(box: Postbox, tmp_path: Path) -> None:
    with pytest.raises(Unreachable):
        await send(
            email(box.url, tmp_path), letter("hola", to=Address("email", "support@desk.example", "no address\r\nRCPT TO:<b@c.example>"))
        )
    assert box.sessions == 0


# --- locked doors ---


async def test_by_starttls_with_a_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    async with opened(tls=certified(), login=b"p:ss w/rd") as box:
        adapter = email(f"smtp://desk%40desk.example:p%3Ass%20w%2Frd@localhost:{box.port}/?starttls=always", tmp_path)
        await send(adapter, letter("hola"))
        assert (len(box.mails), box.secure, box.logins) == (1, [True], [(b"desk@desk.example", b"p:ss w/rd")])
        await adapter._sender.close()


async def test_by_tls_from_the_first_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    async with opened(tls=certified(), direct=True, login=b"secret") as box:
        adapter = email(f"smtps://desk:secret@localhost:{box.port}/", tmp_path)
        await send(adapter, letter("hola"))
        assert len(box.mails) == 1
        await adapter._sender.close()


@pytest.mark.parametrize("how", ["a certificate nobody signed", "no STARTTLS", "a wrong password", "no login offered"])
async def test_what_only_a_person_can_mend_is_logged_without_the_secret_and_nothing_is_said_in_the_clear(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    if how != "a certificate nobody signed":
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    tls = None if how == "no STARTTLS" else certified()
    async with opened(tls=tls, login=b"" if how == "no login offered" else b"right") as box:
        adapter = email(f"smtp://desk:hunter2@localhost:{box.port}/?starttls=always", tmp_path)
        with pytest.raises(Later) as later:
            await send(adapter, letter("hola"))
        assert later.value.whole
        assert later.value.after >= 60
        assert "RELEVO_EMAIL__SMTP_URL" in str(later.value)
        assert box.mails == []
        if how != "a wrong password":
            assert box.logins == []
    await asyncio.sleep(0)
    assert "hunter2" not in "".join(capfd.readouterr()) + str(later.value)
