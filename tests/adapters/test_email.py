"""E-mail keeps the contract of every adapter against a real mail server, and what a server may answer is put into the right words."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from pydantic import SecretStr

from adapters.base import Adapter, Payload
from adapters.email.adapter import FILES_LIMIT, Email
from adapters.email.letter import compose
from adapters.email.settings import EmailSettings
from bot.files import Files
from conversations.model import Address, Attachment, Bold, Code, Doc, Link, Message, Paragraph, Text, paragraph
from storage.blobs import Blob, Blobs
from tests.adapters.email_desk import ANA, NOW, email, letter, send
from tests.contracts.adapter import NASTY, AdapterContract
from tests.postbox import Postbox, opened, text_of

PARTS_OF_A_PAGE = {"html", "head", "meta", "title", "body", "div", "p", "br", "ul", "ol", "li"}


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

    @contextlib.asynccontextmanager
    async def saying(self, command: str, answer: str) -> AsyncIterator[None]:
        self.postbox.says[command] = answer
        yield
        assert not self.postbox.says

    def gone(self, adapter: Adapter) -> AbstractAsyncContextManager[None]:
        return self.saying("RCPT", "550 5.1.1 no")

    def breakages(self, adapter: Adapter) -> Iterable[AbstractAsyncContextManager[None]]:
        @contextlib.asynccontextmanager
        async def silent() -> AsyncIterator[None]:
            self.postbox.silent = True
            yield

        for command in ("MAIL", "RCPT", "DATA"):
            for answer in ("421 4.3.2 down", "450 4.2.1 later", "550 5.1.1 no", "552 5.2.2 full", "354 what"):
                yield self.saying(command, answer)
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
