"""A visitor of the live chat, over HTTP to the real server: who writes and presses, and who fills in the pages of a form."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any
from urllib.parse import quote

import httpx

from tests.adapters.webchat_desk import text_of
from tests.journeys.ticket_script import SCREENSHOT

PATIENCE_S = 30


class Visitor:
    uploads = True

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.told: list[dict[str, Any]] = []
        self.cursor = 0
        self._from = 0
        self._keys = itertools.count(1)

    async def open_chat(self) -> None:
        opened = await self.http.post("/chat/sessions", json={"locale": "en"})
        self.http.headers["authorization"] = f"Bearer {opened.json()['token']}"

    async def _send(self, **body: Any) -> None:
        await self._look()
        self._from = len(self.told)
        answer = await self.http.post("/chat/messages", json={"client_id": f"message-{next(self._keys)}", "locale": "en", **body})
        assert answer.status_code == 202, answer.text

    async def _look(self, wait: int = 0) -> None:
        answer = await self.http.get("/chat/events", params={"after": self.cursor, "wait": wait}, timeout=60)
        assert answer.status_code == 200, answer.text
        self.told += [entry["message"] for entry in answer.json()["entries"] if entry["by"] == "desk"]
        self.cursor = answer.json()["cursor"]

    async def say(self, text: str) -> None:
        await self._send(text=text)

    async def command(self, name: str) -> None:
        await self._send(command=name)

    async def press(self, label: str) -> None:
        await self._look()
        choices = (choice for message in reversed(self.told) for choice in message.get("choices", ()))
        await self._send(choice=next(choice["key"] for choice in choices if choice["label"] == label), label=label)

    async def upload(self, name: str, content: bytes) -> None:
        await self._send(files=[await self._uploaded(name, content)])

    async def _uploaded(self, name: str, content: bytes) -> dict[str, Any]:
        answer = await self.http.post("/chat/files", content=content, headers={"x-file-name": quote(name)})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def see(self, text: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not any(text in each for each in self.news()):
                await self._look(wait=1)

    def news(self) -> list[str]:
        return [text_of(message["doc"]) for message in self.told[self._from :]]


class FormVisitor(Visitor):
    """The form is drawn under its question."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        super().__init__(http)
        self.sheet: dict[str, Any] | None = None

    async def open(self) -> None:
        """What came of the last act is a page, or is the end of the form."""
        while not (fresh := [message for message in self.told[self._from :] if message["locale"]]):
            await self._look(wait=1)
        self.sheet = fresh[-1].get("sheet")

    def fields(self) -> list[str]:
        return [] if self.sheet is None else [each["name"] for each in self.sheet["inputs"]]

    async def submit(self, values: dict[str, Any]) -> list[str]:
        assert self.sheet is not None
        answers = {name: values[name] for name in self.fields()}
        if "files" in answers:
            answers["files"] = [await self._uploaded(name, SCREENSHOT) for name in answers["files"]]
        sheet = self.sheet
        await self._send(form={"key": sheet["key"], "form": sheet["form"], "version": sheet["version"], "answers": answers})
        await self.open()
        return [] if self.sheet is None else [each["name"] for each in self.sheet["inputs"] if each.get("error")]

    async def back(self) -> None:
        await self.press("← Back")
        await self.open()
