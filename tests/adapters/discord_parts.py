"""Parts of the Discord on loopback: what goes wrong, what a person did, and how requests and answers are read and written."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from aiohttp import BodyPartReader, web


class Fault(NamedTuple):
    """What happens to the next creation of a message (or to any call, with `anywhere`).

    429: `after` seconds, `whole` account; 1015: a 429 of a gate before Discord, without its words. 5xx. `lost`: made, and the answer is
    lost with the connection. `slow`: made, and answered after `after` seconds. Any other number is a refusal with that code.
    """

    kind: str | int
    after: float = 0.05
    whole: bool = False


class Interaction:
    """What a person did, and how it was answered. `original` is whether a message stands in its place."""

    def __init__(self, id: str, raw: dict[str, Any], until: float) -> None:
        self.id = id
        self.raw = raw
        self.token = str(raw["token"])
        self.until = until
        self.answers: list[dict[str, Any]] = []
        self.original = False

    @property
    def modal(self) -> dict[str, Any] | None:
        return next((dict(answer["data"]) for answer in self.answers if answer["type"] == 9), None)

    @property
    def note(self) -> str:
        """What was said to this person alone."""
        return next((str(answer["data"]["content"]) for answer in self.answers if answer["type"] == 4), "")


def buttons(message: dict[str, Any]) -> list[str]:
    """The labels under a message, of options too."""
    parts = [part for row in message.get("components", []) for part in row["components"]]
    return [label for part in parts for label in ([part["label"]] if part["type"] == 2 else [each["label"] for each in part["options"]])]


def reply(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    # The library reads a body only when the content type is exactly this.
    return web.Response(body=json.dumps(body).encode(), status=status, headers={"Content-Type": "application/json", **(headers or {})})


def actor_of(raw: dict[str, Any]) -> str:
    return str((raw.get("user") or raw["member"]["user"])["id"])


async def body_of(request: web.Request) -> tuple[Any, list[tuple[str, bytes]]]:
    if not request.content_type.startswith("multipart/"):
        if request.headers.get("Content-Type") != "application/json":
            raise web.HTTPUnsupportedMediaType
        return json.loads(await request.read()), []
    body: Any = None
    files: list[tuple[str, bytes]] = []
    async for part in await request.multipart():
        assert isinstance(part, BodyPartReader)
        if part.name == "payload_json":
            body = json.loads(await part.text())
        elif part.name == f"files[{len(files)}]":
            files.append((part.filename or "", bytes(await part.read())))
    return body, files
