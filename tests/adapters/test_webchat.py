"""The live chat: the promises of every adapter, a conversation over its routes, and what it serves to browsers."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr, ValidationError
from starlette.applications import Starlette

from adapters.base import Adapter, Outbound, Payload
from adapters.webchat import Rate, WebChatLimits, WebChatSettings
from adapters.webchat.ports import PAGE
from adapters.webchat.settings import origin_of
from conversations.events import ChoicePressed, CommandGiven, Inbound, MessageReceived
from conversations.model import Address, Choice, Doc, Message, paragraph
from storage.rows import Entry, Session
from tests.adapters.webchat_desk import SITE, Browser, Desk, browsing, limits, settings, text_of
from tests.contracts.adapter import AdapterContract, Sample, until

STATIC = Path(__file__).resolve().parents[2] / "adapters/webchat/static"
ANA = Address("web", "desk", "ana")


class TestWebChat(AdapterContract):
    """The promises of every adapter."""

    samples = (
        Sample(
            {"address": "web:desk:ana", "body": {"client_id": "m-000001", "text": "¿Qué tal? 🎉", "locale": "es"}},
            Inbound(ANA, "m-000001", MessageReceived(text="¿Qué tal? 🎉", locale="es")),
        ),
        Sample(
            {"address": "web:desk:%40customer-7", "body": {"client_id": "m-000002", "choice": "3.1", "label": "Sí"}},
            Inbound(Address("web", "desk", "@customer-7"), "m-000002", ChoicePressed(key="3.1", label="Sí")),
        ),
        Sample(
            {"address": "web:desk:ana", "body": {"client_id": "m-000003", "command": "language", "argument": "es"}},
            Inbound(ANA, "m-000003", CommandGiven(name="language", argument="es")),
        ),
    )
    junk = (
        {"address": "web:desk:ana", "body": {"client_id": "m-000001", "text": " \x00\u200e\x1b "[:2]}},
        {"address": "web:desk:ana", "body": {"client_id": "m-000001", "text": "a", "choice": "3.1"}},
        {"address": "web:desk:ana", "body": {"client_id": "short", "text": "a"}},
        {"address": "telegram:desk:ana", "body": {"client_id": "m-000001", "text": "a"}},
        {"address": "web:elsewhere:ana", "body": {"client_id": "m-000001", "text": "a"}},
    )

    @pytest.fixture
    async def adapter(self) -> AsyncIterator[Adapter]:
        self.desk = Desk(settings())
        self.token = "t" * 43
        now = self.desk.now()
        self.desk.kept[hashlib.sha256(self.token.encode()).hexdigest()] = Session("", str(ANA), now, now, "")
        self.taken = 0
        app = httpx.ASGITransport(Starlette(routes=list(self.desk.chat.routes())))
        async with httpx.AsyncClient(transport=app, base_url="http://desk.example") as http:
            self.http = http
            yield self.desk.chat

    def out(self, doc: Doc, choices: Any = ()) -> Outbound:
        """What is delivered was committed first."""
        out = super().out(doc, choices)
        if hasattr(self, "desk"):
            self.desk.say(str(ANA), out.message)
        return out

    def shown(self, payload: Payload) -> str:
        return text_of(payload.body["doc"])

    def buttons(self, payload: Payload) -> list[Choice]:
        return [Choice(**choice) for choice in payload.body.get("choices", ())]

    async def offer(self, adapter: Adapter, raw: Any) -> None:
        answer = await self.http.post("/chat/messages", json=raw["body"], headers={"authorization": f"Bearer {self.token}"})
        assert answer.is_success or answer.status_code == 503
        self.taken += answer.is_success

    async def offer_junk(self, adapter: Adapter, raw: Any) -> None:
        answer = await self.http.post("/chat/messages", json=raw["body"], headers={"authorization": f"Bearer {self.token}"})
        assert answer.status_code == 422

    async def redeliver(self, adapter: Adapter, raw: Any) -> None:
        await self.offer(adapter, raw)

    def acknowledged(self, adapter: Adapter) -> int:
        return self.taken

    async def screen(self, adapter: Adapter) -> str:
        async with self.running(adapter, self.desk.accept):
            answer = await self.http.get("/chat/events?after=0", headers={"authorization": f"Bearer {self.token}"})
        return "\n".join(text_of(entry["message"]["doc"]) for entry in answer.json()["entries"])


# --- a conversation ---


async def test_a_question_and_its_answer(browser: Browser) -> None:
    opened = await browser.open(locale="es")
    assert opened.status_code == 201
    assert opened.json()["limits"] == {"text": 4000}
    assert (await browser.send(text="¿Qué es\r\nun ticket?", locale="es")).status_code == 202
    seen = await browser.events()
    question, answer = seen["entries"]
    assert (question["by"], question["id"], question["text"]) == ("you", "message-1", "¿Qué es\nun ticket?")
    assert answer["by"] == "desk"
    assert text_of(answer["message"]["doc"]) == "You said: ¿Qué es\nun ticket?"
    assert seen["cursor"] == answer["n"] > question["n"]
    assert browser.desk.events[0].event == MessageReceived(text="¿Qué es\nun ticket?", locale="es")


async def test_a_choice_and_a_command(browser: Browser) -> None:
    await browser.open()
    await browser.send(choice="1.0", label="Yes")
    await browser.send(command="language", argument="es")
    assert [inbound.event for inbound in browser.desk.events] == [
        ChoicePressed(key="1.0", label="Yes"),
        CommandGiven(name="language", argument="es"),
    ]
    mine = [entry for entry in (await browser.events())["entries"] if entry["by"] == "you"]
    assert [(entry.get("choice"), entry.get("command"), entry["label"]) for entry in mine] == [
        ("1.0", None, "Yes"),
        (None, "language", "es"),
    ]


async def test_of_a_link_into_the_chat_nobody_is_shown_what_it_carries(browser: Browser) -> None:
    await browser.open()
    await browser.send(command="start", argument="sub_outage")
    assert [inbound.event for inbound in browser.desk.events] == [CommandGiven(name="start", argument="sub_outage")]
    [mine] = [entry for entry in (await browser.events())["entries"] if entry["by"] == "you"]
    assert (mine["command"], mine["label"], "sub_outage" in str(mine)) == ("start", "🔗", False)


async def test_a_repeated_send_is_one_message(browser: Browser) -> None:
    await browser.open()
    first = await browser.send(text="once")
    again = await browser.http.post("/chat/messages", json={"client_id": "message-1", "text": "once"}, headers=browser.bearer)
    assert (first.status_code, first.json()["fresh"]) == (202, True)
    assert (again.status_code, again.json()["fresh"]) == (200, False)
    assert len([entry for entry in (await browser.events())["entries"] if entry["by"] == "you"]) == 1


async def test_only_what_was_missed_comes_after_a_cursor(browser: Browser) -> None:
    await browser.open()
    await browser.send(text="one")
    cursor = (await browser.events())["cursor"]
    await browser.send(text="two")
    seen = await browser.events(cursor)
    assert [entry.get("text") for entry in seen["entries"]] == ["two", None]
    assert "reset" not in seen


async def test_a_cursor_of_another_history_brings_the_whole_story(browser: Browser) -> None:
    """A browser that has read further than a restored backup goes would otherwise wait for ever."""
    await browser.open()
    await browser.send(text="one")
    seen = await browser.events(987_000)
    assert seen["reset"] is True
    assert len(seen["entries"]) == 2


async def test_a_long_poll_is_answered_when_something_comes(browser: Browser) -> None:
    await browser.open()
    await browser.send(text="one")
    cursor = (await browser.events())["cursor"]
    poll = asyncio.create_task(browser.events(cursor))
    await until(lambda: browser.desk.chat._hub.watching(browser.address))
    await browser.send(text="two")
    assert len((await poll)["entries"]) == 2


async def test_a_poll_that_does_not_wait_says_that_there_is_nothing(browser: Browser) -> None:
    await browser.open()
    assert await browser.events(wait="0") == {"entries": [], "cursor": 0}


async def test_a_poll_ends_when_its_time_is_up() -> None:
    async with browsing(Desk(settings(limits=limits(poll_seconds=0.01)))) as browser:
        await browser.open()
        assert await browser.events() == {"entries": [], "cursor": 0}


async def test_a_long_story_comes_in_pages(browser: Browser) -> None:
    await browser.open()
    for n in range(PAGE + 5):
        browser.desk.say(browser.address, Message(paragraph(f"line {n}"), "en"))
    first = await browser.events()
    rest = await browser.events(first["cursor"])
    assert len(first["entries"]) == PAGE
    assert [text_of(entry["message"]["doc"]) for entry in first["entries"] + rest["entries"]] == [f"line {n}" for n in range(PAGE + 5)]


async def test_an_entry_nobody_can_read_does_not_hide_the_others(browser: Browser) -> None:
    await browser.open()
    log = browser.desk.entries[browser.address]
    log.append(Entry(1000, "customer", 1, "x", '{"type":"of tomorrow"}'))
    log.append(Entry(2000, "note", 1, "y", '{"doc":[],"locale":"en"}'))
    browser.desk.say(browser.address, Message(paragraph("still here"), "en"))
    seen = await browser.events()
    assert [text_of(entry["message"]["doc"]) for entry in seen["entries"]] == ["still here"]


async def test_the_welcome(browser: Browser) -> None:
    english, spanish = [(await browser.http.get("/chat/config", params={"locale": locale})).json() for locale in ("en-GB", "es-MX")]
    assert english["suggestions"] == ["What is a ticket?"]
    assert spanish["locale"] == "es"
    assert text_of(spanish["greeting"]) == "Hola, ¿en qué puedo ayudarle?"
    assert spanish["limits"] == {"text": 4000, "file": 20_971_520, "files": 10}


# --- files and the page ---


async def test_the_widget_is_one_small_file(browser: Browser) -> None:
    answer = await browser.http.get("/chat/widget.js", headers={"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) <= 12 * 1024
    source = (STATIC / "widget.js").read_bytes()
    assert len(gzip.compress(source, 9)) <= 12 * 1024
    assert b'customElements.define("support-chat"' in answer.content


async def test_files_are_asked_for_once(browser: Browser) -> None:
    for encoding in ("gzip", "identity"):
        headers = {"accept-encoding": encoding}
        first = await browser.http.get("/chat/widget.js", headers=headers)
        assert not first.headers["etag"].startswith("W/")
        again = await browser.http.get("/chat/widget.js", headers={**headers, "if-none-match": f'"x", {first.headers["etag"]}'})
        assert (again.status_code, again.content) == (304, b"")
        assert "immutable" not in first.headers["cache-control"]
    plain = await browser.http.get("/chat/widget.js", headers={"accept-encoding": "identity"})
    packed = await browser.http.get("/chat/widget.js")
    assert plain.headers["etag"] != packed.headers["etag"]
    page = (await browser.http.get("/")).text
    versioned = re.search(r'src="(/chat/widget\.js\?v=\w+)"', page)
    assert versioned is not None
    assert "immutable" in (await browser.http.get(versioned[1])).headers["cache-control"]


async def test_files_we_do_not_have(browser: Browser) -> None:
    for path in ("/chat/nothing.js", "/chat/..%2fsettings.py", "/chat/settings.py"):
        assert (await browser.http.get(path)).status_code == 404


def test_languages_are_complete() -> None:
    english: dict[str, str] = {}
    for name, prefix in (("widget.js", ""), ("form.js", "form.")):
        words = re.search(r"const ENGLISH = \{(.*?)\n *\};", (STATIC / name).read_text(), re.S)
        assert words is not None
        english |= {prefix + key: text for key, text in re.findall(r'(\w+): "([^"]*)"', words[1])}
    assert len(english) > 50
    for name in ("es", "ar"):
        texts = json.loads((STATIC / f"{name}.json").read_text())
        assert texts.keys() == english.keys()
        assert {key: text.count("{}") for key, text in texts.items()} == {key: text.count("{}") for key, text in english.items()}


async def test_forms_are_a_second_small_file(browser: Browser) -> None:
    answer = await browser.http.get("/chat/form.js", headers={"accept-encoding": "gzip", "origin": SITE})
    assert answer.headers["access-control-allow-origin"] == SITE
    assert answer.headers["content-type"].startswith("text/javascript")
    assert int(answer.headers["content-length"]) <= 8 * 1024
    assert b"form.js" in (STATIC / "widget.js").read_bytes()
    assert not re.search(rb"\bimport[\s({]", answer.content)


def test_nothing_in_the_browser_is_parsed_as_markup_or_code() -> None:
    for path in STATIC.glob("*.js"):
        found = re.search(
            r"(inner|outer)HTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser|srcdoc|javascript:", path.read_text()
        )
        assert found is None, f"{path.name}: {found and found[0]}"


async def test_the_page_in_both_languages(browser: Browser) -> None:
    spanish = await browser.http.get("/", headers={"accept-language": "fr, es-ES;q=0.9, en;q=0.8"})
    english = await browser.http.get("/", headers={"accept-language": "de"})
    switched = await browser.http.get("/?lang=en", headers={"accept-language": "es"})
    assert '<html lang="es">' in spanish.text
    assert "¿Qué es un ticket?" in spanish.text
    assert '<html lang="en">' in english.text
    assert '<html lang="en">' in switched.text
    assert "The &lt;Desk&gt;" in spanish.text
    assert "The <Desk>" not in spanish.text
    assert '<html lang="en">' in (await browser.http.get('/?lang="><script>')).text


async def test_the_page_is_strict(browser: Browser) -> None:
    answer = await browser.http.get("/", headers={"host": 'desk.example"><script>'})
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "trusted-types 'none'" in policy
    assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=|style=", answer.text)


async def test_every_answer_has_safe_headers(browser: Browser) -> None:
    for path in ("/", "/chat/config", "/chat/widget.js", "/chat/events", "/chat/nothing"):
        answer = await browser.http.get(path)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert (await browser.http.get("/chat/events")).headers["cache-control"] == "no-store"


# --- settings ---


@pytest.mark.parametrize(
    "text", ["example.com", "ftp://example.com", "https://example.com/path", "https://a:b@example.com", "*", "https://"]
)
def test_what_is_not_an_origin_is_said_at_the_start(text: str) -> None:
    with pytest.raises(ValidationError):
        WebChatSettings(allowed_origins=(text,))


def test_origins_are_written_as_browsers_write_them() -> None:
    assert origin_of("HTTPS://Example.COM:443/") == "https://example.com"
    assert origin_of("http://[::1]:8080") == "http://[::1]:8080"


def test_a_short_secret_is_refused_and_not_printed() -> None:
    with pytest.raises(ValidationError) as refused:
        WebChatSettings(identity_secrets=(SecretStr("hunter2"),))
    assert "hunter2" not in str(refused.value)


def test_half_of_a_rate_may_be_set_alone() -> None:
    given = WebChatLimits.model_validate({"messages": {"burst": "50"}})
    assert given.messages == Rate(burst=50, per_second=1)
    assert given.sessions == WebChatLimits().sessions
