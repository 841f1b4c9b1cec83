"""E-mail keeps the contract of every adapter against a real mail server, and what a server may answer is put into the right words."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from pydantic import SecretStr

from adapters.base import Adapter, Later, Outbound, Payload, Refused, Unreachable
from adapters.email.adapter import FILES_LIMIT, Email
from adapters.email.letter import compose
from adapters.email.sending import GIVE_UP_S
from adapters.email.settings import EmailSettings
from bot.files import Files
from conversations.model import Address, Attachment, Bold, Code, Doc, Link, Message, Paragraph, Text, paragraph
from storage.blobs import Blob, Blobs
from tests.contracts.adapter import NASTY, AdapterContract
from tests.postbox import CERTIFICATE, Postbox, certified, opened, text_of

ANA = Address("email", "support@desk.example", "ana@customer.example")
NOW = 1_800_000_000_000
PARTS_OF_A_PAGE = {"html", "head", "meta", "title", "body", "div", "p", "br", "ul", "ol", "li"}


def email(url: str, folder: Path, now: Callable[[], int] = lambda: NOW) -> Email:
    settings = EmailSettings(address="support@desk.example", smtp_url=SecretStr(url))
    return Email(settings, desk=lambda: "The Desk", blobs=Files(Blobs(folder)), now=now, key=b"k" * 32)


def letter(said: Message | str, key: str = "5.2.1", to: Address = ANA, at: int = NOW) -> Outbound:
    return Outbound(to, Message(paragraph(said), "es") if isinstance(said, str) else said, key, at)


def kept(folder: Path, content: bytes) -> Blob:
    incoming = Blobs(folder).begin()
    incoming.write(content)
    blob = incoming.keep()
    incoming.discard()
    return blob


@pytest.fixture
async def box() -> AsyncIterator[Postbox]:
    async with opened() as box:
        yield box


async def send(adapter: Email, out: Outbound) -> str:
    [payload] = adapter.encode(out)
    return (await adapter.deliver(payload, f"{out.key}.0")).platform_id


class _Page(HTMLParser):
    """The text of a page, and its tags and links."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self.tags: list[str] = []
        self.targets: list[str] = []
        self._titled = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._titled = tag == "title"
        self.targets += [value or "" for name, value in attrs if name in ("href", "src", "background", "action")]

    def handle_endtag(self, tag: str) -> None:
        self._titled = False

    def handle_data(self, data: str) -> None:
        if not self._titled:
            self.text += data


def page_of(payload: Payload) -> _Page:
    return _Page(text_of(parsed(payload), "html"))


def parsed(payload: Payload) -> EmailMessage:
    return BytesParser(EmailMessage, policy=default).parsebytes(compose(payload.body, {}))


class TestEmail(AdapterContract):
    receives = False

    @pytest.fixture
    async def box(self) -> AsyncIterator[Postbox]:
        async with opened() as box:
            self.postbox = box
            yield box

    @pytest.fixture
    def adapter(self, box: Postbox, tmp_path: Path) -> Adapter:
        return email(box.url, tmp_path)

    @property
    def address(self) -> Address:
        return ANA

    def shown(self, payload: Payload) -> str:
        """Both forms say the same, so each must show everything: what the plain one has too much are the targets of links."""
        return page_of(payload).text

    def measured(self, payload: Payload) -> str:
        return text_of(parsed(payload))

    def markup(self, payload: Payload) -> Sequence[str]:
        page = page_of(payload)
        return [*(tag for tag in page.tags if tag not in PARTS_OF_A_PAGE), *page.targets]

    async def screen(self, adapter: Adapter) -> str:
        return "\n".join(_Page(text_of(mail, "html")).text for mail in self.postbox.mails)

    def breakages(self, adapter: Adapter) -> Iterable[AbstractAsyncContextManager[None]]:
        @contextlib.asynccontextmanager
        async def saying(command: str, answer: str) -> AsyncIterator[None]:
            self.postbox.says[command] = answer
            yield
            assert not self.postbox.says

        @contextlib.asynccontextmanager
        async def silent() -> AsyncIterator[None]:
            self.postbox.silent = True
            yield

        for command in ("MAIL", "RCPT", "DATA"):
            for answer in ("421 4.3.2 down", "450 4.2.1 later", "550 5.1.1 no", "552 5.2.2 full", "354 what"):
                yield saying(command, answer)
        yield silent()


# --- what a mail is ---


async def test_a_mail_is_whole(box: Postbox, tmp_path: Path) -> None:
    said = Message(
        (Paragraph((Text("Hola, "), Bold((Text("Ana"),)))), Paragraph((Link("https://desk.example/a?b=1&c=2", (Text("Área"),)),))),
        "es",
        subject="[4F7K-2M9Q] ¿Por qué está caído mi servidor? Ñandú, pingüino y otras muchas palabras que no caben en una línea",
        about="4F7K-2M9Q",
    )
    adapter = email(box.url, tmp_path)
    id = await send(adapter, letter(said))
    [mail] = box.mails
    assert mail["from"] == "The Desk <support@desk.example>"
    assert mail["to"] == "ana@customer.example"
    assert mail["reply-to"] == mail["from"]
    assert box.senders == ["support@desk.example"]
    assert mail["subject"] == said.subject
    assert mail["message-id"] == id
    assert re.fullmatch(r"<[a-z2-7]{32}@desk\.example>", id)
    assert mail["date"].datetime.timestamp() * 1000 == NOW
    assert mail["auto-submitted"] == "auto-generated"
    assert mail["content-language"] == "es"
    assert mail["in-reply-to"] == mail["references"] != id
    assert mail.get_content_type() == "multipart/alternative"
    assert text_of(mail) == "Hola, Ana\n\nÁrea (https://desk.example/a?b=1&c=2)\n"
    assert "<strong>Ana</strong>" in text_of(mail, "html")
    assert _Page(text_of(mail, "html")).targets == ["https://desk.example/a?b=1&c=2"]
    await adapter._sender.close()


def test_the_same_message_is_the_same_bytes_and_another_has_another_id(tmp_path: Path) -> None:
    adapter = email("smtp://127.0.0.1:1/", tmp_path)
    (one,), (again,), (other,) = (adapter.encode(letter("hola", key)) for key in ("5.2.1", "5.2.1", "5.2.2"))
    assert compose(one.body, {}) == compose(again.body, {})
    assert one.body.id != other.body.id
    elsewhere = Email(adapter.settings, desk=str, blobs=Files(Blobs(tmp_path)), now=lambda: NOW, key=b"x" * 32)
    assert elsewhere.encode(letter("hola"))[0].body.id != one.body.id, "who does not have the key cannot make one"


def test_what_is_about_one_ticket_is_one_thread(tmp_path: Path) -> None:
    adapter = email("smtp://127.0.0.1:1/", tmp_path)
    threads = [
        adapter.encode(letter(Message((), "es", about=about), key))[0].body.thread
        for about, key in (("A", "1.1.0"), ("A", "1.2.0"), ("B", "1.3.0"), ("", "1.4.0"))
    ]
    assert threads[0] == threads[1] != threads[2]
    assert threads[3] == ""


@pytest.mark.parametrize(
    "text", [*NASTY, "one\r\nBcc: everybody@victim.example\r\n\r\nbody", "x" * 3000, "ñ" * 500, "a\x00b\x1fc", "=?utf-8?q?hi?="]
)
def test_nothing_in_a_subject_a_name_or_a_number_becomes_a_header(text: str, tmp_path: Path) -> None:
    adapter = email("smtp://127.0.0.1:1/", tmp_path)
    adapter._desk = lambda: text[:80]
    file = Attachment("f" * 64, text, "text/plain", 3)
    [payload] = adapter.encode(letter(Message(paragraph(text), "es", subject=text, about=text, files=(file,))))
    raw = compose(payload.body, {file.id: b"abc"})
    head = raw.partition(b"\r\n\r\n")[0]
    names = [line.partition(b":")[0].lower() for line in head.split(b"\r\n") if line[:1] not in b" \t"]
    expected = b"from to reply-to subject date message-id in-reply-to references auto-submitted x-auto-response-suppress content-language"
    assert sorted(names) == sorted([*expected.split(), b"mime-version", b"content-type"])
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert raw.isascii()
    assert b"\n" not in raw.replace(b"\r\n", b"")


def test_ids_are_not_folded_into_words_however_long_the_domain(tmp_path: Path) -> None:
    settings = EmailSettings(address="a@" + "x" * 60 + "." + "y" * 60 + ".example", smtp_url=SecretStr("smtp://localhost/"))
    adapter = Email(settings, desk=str, blobs=Files(Blobs(tmp_path)), now=lambda: NOW, key=b"k" * 32)
    raw = compose(adapter.encode(letter(Message(paragraph("x"), "es", about="A")))[0].body, {})
    for name in (b"Message-ID:", b"In-Reply-To:", b"References:"):
        [value] = re.findall(name + rb"\s+(\S+)\r\n", raw)
        assert value.startswith(b"<")
        assert value.endswith(b".example>")


def test_without_a_subject_the_desk_is_named(tmp_path: Path) -> None:
    assert parsed(email("smtp://127.0.0.1:1/", tmp_path).encode(letter("hola"))[0])["subject"] == "The Desk"


def test_nothing_is_fetched_from_anywhere(tmp_path: Path) -> None:
    doc: Doc = (Paragraph((Link("javascript:alert(1)", (Text("x"),)), Code("<img src=https://evil.example/>"))),)
    page = page_of(email("smtp://127.0.0.1:1/", tmp_path).encode(letter(Message(doc, "es")))[0])
    assert page.targets == []
    assert not {"img", "link", "script", "style", "iframe"} & set(page.tags)
    assert "<img src=https://evil.example/>" in unescape(page.text)


# --- files ---


async def test_files_come_along_and_what_is_too_much_is_named(box: Postbox, tmp_path: Path) -> None:
    blob = kept(tmp_path, "línea uno\n".encode())
    files = (
        Attachment(blob.digest, "informe año.txt", blob.mime, blob.size),
        Attachment("e" * 64, "enorme.pdf", "application/pdf", FILES_LIMIT),
        Attachment("d" * 64, "perdido.png", "image/png", 2048),
    )
    adapter = email(box.url, tmp_path)
    await send(adapter, letter(Message(paragraph("Mira:"), "es", files=files)))
    [mail] = box.mails
    [attached] = mail.iter_attachments()
    assert attached.get_filename() == "informe año.txt"
    assert attached.get_payload(decode=True) == "línea uno\n".encode()
    for form in ("plain", "html"):
        said = text_of(mail, form)
        assert "enorme.pdf (10.0 MB)" in said
        assert "perdido.png (2 KB)" in said
        assert "informe" not in said
    await adapter._sender.close()


async def test_a_server_that_takes_less_is_given_less(tmp_path: Path) -> None:
    blob = kept(tmp_path, b"0123456789\n" * 3000)
    async with opened(size=20_000) as box:
        adapter = email(box.url, tmp_path)
        file = Attachment(blob.digest, "mtr.txt", blob.mime, blob.size)
        await send(adapter, letter(Message(paragraph("Mira:"), "en", files=(file,))))
        [mail] = box.mails
        assert list(mail.iter_attachments()) == []
        assert "mtr.txt (32 KB)" in text_of(mail)
        await adapter._sender.close()


# --- the server ---


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
