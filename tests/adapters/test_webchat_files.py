"""Forms and files over the live chat's protocol: what is taken, what is refused, and who may have which file."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import msgspec
import pytest

from adapters.uploads import name_of
from adapters.webchat import Rate
from conversations.events import FormAnswered, MessageReceived
from conversations.model import Attachment, Input, Message, Sheet, paragraph
from storage.blobs import Blobs
from tests.adapters.webchat_desk import Browser, Desk, browsing, limits, settings
from tests.pictures import GPS, jpeg, png

ANSWERED: dict[str, Any] = {
    "key": "7.0",
    "form": "ticket",
    "version": 3,
    "answers": {"department": "technical", "details": " It\r\nis down "},
}


@pytest.fixture
async def visitor(browser: Browser) -> Browser:
    await browser.open()
    return browser


async def uploaded(browser: Browser, content: bytes = png(), name: str = "captura.png") -> dict[str, Any]:
    answer = await browser.upload(content, name)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def form(**changes: Any) -> dict[str, Any]:
    return ANSWERED | changes


# --- forms ---


async def test_a_page_of_a_form(visitor: Browser) -> None:
    file = await uploaded(visitor)
    given = form(answers=ANSWERED["answers"] | {"files": [file], "email": ""}, send=True)
    assert (await visitor.send(form=given, locale="es")).status_code == 202
    (inbound,) = visitor.desk.events
    assert inbound.event == FormAnswered(
        form="ticket",
        version=3,
        key="7.0",
        send=True,
        locale="es",
        answers={"department": "technical", "details": "It\nis down", "files": [file], "email": ""},
    )
    shown = (await visitor.events())["entries"][0]
    assert shown["form"] == {"key": "7.0", "form": "ticket", "answers": inbound.event.answers}
    assert (shown["by"], "text" in shown) == ("you", False)


async def test_a_sheet_reaches_the_browser_as_it_is(visitor: Browser) -> None:
    sheet = Sheet("7.0", "ticket", 3, 1, 2, (Input("details", "lines", "Details", True, limit=100),), "details")
    visitor.desk.say(visitor.address, Message(paragraph("What is it?"), "en", sheet=sheet))
    assert (await visitor.events())["entries"][0]["message"]["sheet"] == msgspec.json.decode(msgspec.json.encode(sheet))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"version": 0}, "bad_field"),
        ({"version": "3"}, "bad_field"),
        ({"version": 10**12}, "bad_field"),
        ({"form": "../ticket"}, "bad_field"),
        ({"key": "k" * 61}, "bad_field"),
        ({"key": "a b"}, "bad_field"),
        ({"answers": {"a name": "x"}}, "bad_field"),
        ({"answers": {"n" * 41: "x"}}, "bad_field"),
        ({"answers": {f"field{n}": "x" for n in range(41)}}, "bad_field"),
        ({"answers": {"details": 7}}, "bad_field"),
        ({"answers": {"details": {"deep": "x"}}}, "bad_field"),
        ({"answers": {"files": ["a name"]}}, "bad_field"),
        ({"answers": "x"}, "bad_field"),
        ({"answers": {"details": "x" * 10_001}}, "too_long"),
    ],
)
async def test_a_form_that_is_none_is_refused(visitor: Browser, changes: dict[str, Any], code: str) -> None:
    answer = await visitor.send(form=form(**changes))
    assert (answer.status_code, answer.json()["error"]) == (422, code)
    assert visitor.desk.events == []


async def test_a_form_whose_key_nobody_knows_is_the_desks_to_judge(visitor: Browser) -> None:
    assert (await visitor.send(form=form(key=""))).status_code == 202
    assert (await visitor.send(form=form(key="999.9"))).status_code == 202
    assert [getattr(inbound.event, "key", None) for inbound in visitor.desk.events] == ["", "999.9"]


async def test_one_thing_is_said_at_a_time(visitor: Browser) -> None:
    file = await uploaded(visitor)
    bodies: list[dict[str, Any]] = [
        {"form": form(), "text": "and this"},
        {"choice": "1.0", "label": "Yes", "files": [file]},
        {"form": form(), "files": [file]},
        {"files": []},
        {"files": [file] * 11},
    ]
    for body in bodies:
        answer = await visitor.send(**body)
        assert (answer.status_code, answer.json()["error"]) == (422, "bad_field")


async def test_the_same_page_sent_twice_is_one_event(visitor: Browser) -> None:
    body = {"client_id": "one-and-the-same", "form": form()}
    first = await visitor.http.post("/chat/messages", json=body, headers=visitor.bearer)
    second = await visitor.http.post("/chat/messages", json=body, headers=visitor.bearer)
    assert (first.status_code, second.status_code, len(visitor.desk.events)) == (202, 200, 1)


# --- files ---


async def test_a_file_is_sent_with_a_message_or_alone(visitor: Browser) -> None:
    file = await uploaded(visitor, b"Loss 20%\n", "mtr.log")
    assert file | {"id": ""} == {"id": "", "name": "mtr.log", "mime": "text/plain", "size": 9}
    assert (await visitor.send(text="look", files=[file])).status_code == 202
    assert (await visitor.send(files=[file])).status_code == 202
    attached = Attachment(**file)
    assert [inbound.event for inbound in visitor.desk.events] == [
        MessageReceived(text="look", files=(attached,)),
        MessageReceived(text="", files=(attached,)),
    ]
    assert [entry["files"] for entry in (await visitor.events())["entries"] if entry["by"] == "you"] == [[file], [file]]


async def test_a_photograph_arrives_without_the_place_it_was_taken_at(visitor: Browser) -> None:
    file = await uploaded(visitor, jpeg(), "IMG_1.JPG")
    assert (file["name"], file["mime"]) == ("IMG_1.JPG", "image/jpeg")
    stored = [path for path in visitor.desk.blobs.rglob("*") if path.is_file()]
    assert [path.stat().st_size for path in stored] == [file["size"]]
    assert GPS not in stored[0].read_bytes()
    assert GPS in jpeg()


@pytest.mark.parametrize(
    ("content", "name", "status", "code"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "captura.png", 415, "file_type"),
        (b"<!doctype html><script>1</script>", "notes.txt", 415, "file_type"),
        (b"MZ\x90\x00\x03", "setup.pdf", 415, "file_type"),
        (b"", "empty.txt", 415, "file_type"),
        (png()[:50], "half.png", 422, "file_broken"),
    ],
)
async def test_a_file_is_judged_by_its_content(visitor: Browser, content: bytes, name: str, status: int, code: str) -> None:
    english = await visitor.upload(content, name)
    spanish = await visitor.upload(content, name, **{"accept-language": "es"})
    assert (english.status_code, english.json()["error"]) == (status, code)
    assert spanish.json()["message"] != english.json()["message"]
    if code == "file_type":
        assert all("PNG, JPEG, WebP" in answer.json()["message"] for answer in (english, spanish))
    assert [path for path in visitor.desk.blobs.rglob("*") if path.is_file()] == []


async def test_a_file_too_large_is_refused_whether_it_says_so_or_not() -> None:
    desk = Desk(settings(limits=limits(file=200_000)))

    async def unannounced() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b"line\n" * 2_000

    async with browsing(desk) as browser:
        await browser.open()
        for content in (b"x" * 200_001, unannounced()):
            answer = await browser.upload(content, "large.log", **{"accept-language": "es"})
            assert (answer.status_code, answer.json()["error"]) == (413, "file_too_large")
            assert "0.191 MB" in answer.json()["message"]
        assert (await browser.upload(b"x" * 200_000)).status_code == 201
    assert len([path for path in desk.blobs.rglob("*") if path.is_file()]) == 1


async def test_a_conversation_sends_only_so_many_files() -> None:
    desk = Desk(settings(limits=limits(files=Rate(burst=2, per_second=0.001))))
    async with browsing(desk) as browser:
        await browser.open()
        assert (await browser.upload(b"MZ\0")).status_code == 415  # what is not kept does not count
        assert [(await browser.upload(b"log %d\n" % n)).status_code for n in range(3)] == [201, 201, 429]
        refused = await browser.upload(b"one more\n")
        assert refused.json()["error"] == "too_many_files"
        assert int(refused.headers["retry-after"]) > 900
        await browser.open()
        assert (await browser.upload(b"of another conversation\n")).status_code == 201


async def test_one_network_begins_only_so_many_uploads() -> None:
    desk = Desk(settings(limits=limits(uploads=Rate(burst=2, per_second=0.1))))
    async with browsing(desk) as browser:
        await browser.open()
        assert [(await browser.upload(b"MZ\0")).status_code for _ in range(3)] == [415, 415, 429]


async def test_nothing_is_taken_from_strangers(browser: Browser) -> None:
    browser.token = "x" * 43
    assert (await browser.upload(b"a log\n")).status_code == 401
    assert (await browser.upload(b"a log\n", origin="https://evil.example")).status_code == 403
    assert list(browser.desk.blobs.rglob("*")) == []


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other.png"},
        {"mime": "text/html"},
        {"size": 1},
        {"id": "0" * 64},
        {"id": "0" * 64 + "." + "A" * 22},
        {"id": ""},
        {"id": "ñ.ñ"},
    ],
)
async def test_only_what_was_uploaded_here_can_be_attached(visitor: Browser, change: dict[str, Any]) -> None:
    file = await uploaded(visitor) | change
    for body in ({"text": "look", "files": [file]}, {"form": form(answers={"files": [file]})}):
        answer = await visitor.send(**body)
        assert (answer.status_code, answer.json()["error"]) == (422, "file_unknown")
    assert (await visitor.http.post("/chat/files/link", json=file, headers=visitor.bearer)).status_code == 422
    assert visitor.desk.events == []


async def test_nobody_can_attach_or_fetch_what_somebody_else_sent(visitor: Browser) -> None:
    file = await uploaded(visitor)
    await visitor.open()  # another conversation
    assert (await visitor.send(files=[file])).status_code == 422
    assert (await visitor.http.post("/chat/files/link", json=file, headers=visitor.bearer)).status_code == 422
    # The same content is the same file, and still each has their own proof.
    assert (await uploaded(visitor))["id"] != file["id"]
    assert len([path for path in visitor.desk.blobs.rglob("*") if path.is_file()]) == 1


# --- links ---


async def link(browser: Browser, file: dict[str, Any]) -> str:
    answer = await browser.http.post("/chat/files/link", json=file, headers=browser.bearer)
    assert answer.status_code == 200, answer.text
    assert browser.token not in answer.text
    return str(answer.json()["url"])


async def test_a_link_gives_the_file_as_a_download(visitor: Browser) -> None:
    file = await uploaded(visitor, b"Loss 20%\n", 'Pérdida "de" red.log')
    got = await visitor.http.get(await link(visitor, file))
    assert (got.status_code, got.content) == (200, b"Loss 20%\n")
    assert got.headers["content-disposition"] == (
        "attachment; filename=\"P_rdida de red.log\"; filename*=UTF-8''P%C3%A9rdida%20de%20red.log"
    )
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert got.headers["content-type"].startswith("text/plain")
    assert "no-store" in got.headers["cache-control"]
    assert got.headers["referrer-policy"] == "no-referrer"


async def test_a_link_that_is_changed_does_not_work(visitor: Browser) -> None:
    one, two = await uploaded(visitor, b"one\n", "one.log"), await uploaded(visitor, b"two\n", "two.log")
    parts = urlsplit(await link(visitor, one))
    query = {key: values[0] for key, values in parse_qs(parts.query).items()}
    for change in ({"name": "other.log"}, {"type": "text/html"}, {"until": str(10**15)}, {"until": "x"}, {"sign": "A" * 43}, {"sign": ""}):
        got = await visitor.http.get(f"{parts.path}?{urlencode(query | change)}")
        assert (got.status_code, got.json()["error"]) == (403, "link_over")
    other = two["id"].partition(".")[0]
    assert (await visitor.http.get(f"/chat/files/{other}?{parts.query}")).status_code == 403
    assert (await visitor.http.get(parts.path)).status_code == 403
    assert (await visitor.http.get(f"{parts.path}?{parts.query}")).status_code == 200


async def test_a_link_expires_after_ten_minutes(visitor: Browser) -> None:
    url = await link(visitor, await uploaded(visitor))
    visitor.desk.clock = 9 * 60_000
    assert (await visitor.http.get(url)).status_code == 200
    visitor.desk.clock = 11 * 60_000
    assert (await visitor.http.get(url)).status_code == 403


async def test_a_file_that_is_gone_is_said_to_be(visitor: Browser) -> None:
    url = await link(visitor, await uploaded(visitor))
    for path in visitor.desk.blobs.rglob("*"):
        if path.is_file():
            path.unlink()
    assert (await visitor.http.get(url)).json()["error"] == "file_gone"


async def test_a_disk_that_takes_nothing_is_a_reason_to_try_again(visitor: Browser) -> None:
    (visitor.desk.blobs / "incoming").write_text("a file where a folder should be")
    answer = await visitor.upload(b"a log\n")
    assert (answer.status_code, answer.json()["error"]) == (503, "not_stored")
    assert answer.headers["retry-after"]


@pytest.mark.parametrize(
    ("given", "mime", "name"),
    [
        ("captura.png", "image/png", "captura.png"),
        ("FOTO.JPEG", "image/jpeg", "FOTO.JPEG"),
        ("setup.exe", "image/png", "setup.exe.png"),
        ("page.html", "text/plain", "page.html.txt"),
        ("../../etc/passwd", "text/plain", "passwd.txt"),
        ("C:\\fakepath\\mtr.log", "text/plain", "mtr.log"),
        ("invoice\u202efdp.exe", "application/pdf", "invoicefdp.exe.pdf"),
        ('a"b\r\nSet-Cookie: x.pdf', "application/pdf", "abSet-Cookie x.pdf"),
        ("..", "image/webp", "file.webp"),
        ("", "text/plain", "file.txt"),
        ("x" * 300 + ".png", "image/png", "x" * 96 + ".png"),
        ("أرشيف.log", "text/plain", "أرشيف.log"),
    ],
)
def test_a_name_is_only_a_name(given: str, mime: str, name: str) -> None:
    assert name_of(given, mime) == name


# --- files that the desk sends ---


async def test_a_file_of_the_desks_can_be_fetched_in_its_own_conversation_alone(visitor: Browser) -> None:
    incoming = Blobs(visitor.desk.blobs).begin()
    incoming.write(b"hop 1\n")
    blob = incoming.keep()
    incoming.discard()
    file = Attachment(blob.digest, "mtr.txt", blob.mime, blob.size)
    visitor.desk.say(visitor.address, Message(paragraph('Look: "files":[{"id":1}]'), "en", files=(file,)))
    visitor.desk.say(visitor.address, Message(paragraph('"files":[7]'), "en"))
    first, second = (await visitor.events())["entries"]
    [shown] = first["files"]
    assert shown | {"id": ""} == {"id": "", "name": "mtr.txt", "mime": "text/plain", "size": 6}
    assert "files" not in second

    async def link(browser: Browser, **changes: str) -> httpx.Response:
        return await browser.http.post("/chat/files/link", json=shown | changes, headers=browser.bearer)

    given = await link(visitor)
    assert given.status_code == 200
    got = await visitor.http.get(given.json()["url"])
    assert (got.content, got.headers["content-disposition"][:10]) == (b"hop 1\n", "attachment")
    # The bare digest, which stands in the message, opens nothing; nor does the sealed one in another conversation.
    assert (await link(visitor, id=blob.digest)).status_code == 422
    async with browsing(visitor.desk) as other:
        await other.open()
        assert (await link(other)).status_code == 422


async def test_a_file_that_was_sent_days_after_its_upload_is_kept_or_asked_for_again(visitor: Browser) -> None:
    blobs = Blobs(visitor.desk.blobs)
    early, gone = await uploaded(visitor, b"early\n"), await uploaded(visitor, b"gone\n")
    digests = [file["id"].partition(".")[0] for file in (early, gone)]
    for digest in digests:
        path = blobs.find(digest)
        assert path is not None
        os.utime(path, (0, 0))
    before = visitor.desk.now() - 60_000
    assert (await visitor.send(text="look", files=[early])).status_code == 202
    assert blobs.collect(digests, before) == (1, 5)
    filled = form(answers={"files": [gone]})
    for body in ({"text": "look", "files": [early, gone]}, {"form": filled}):
        answer = await visitor.send(**body)
        assert (answer.status_code, answer.json()["error"]) == (422, "file_unknown")
    assert len(visitor.desk.events) == 1
