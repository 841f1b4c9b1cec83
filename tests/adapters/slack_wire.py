"""What travels between Slack and an app: events and envelopes as Slack writes them, and what a reader sees of a message."""

from __future__ import annotations

import asyncio
import json
import re
import time
from pathlib import Path
from typing import Any

from aiohttp import web

BOT_TOKEN, APP_TOKEN, SECRET = "xoxb-test-token", "xapp-test-token", "0123456789abcdef0123456789abcdef"
TEAM, APP, BOT_USER, BOT_ID = "T0TEAM", "A0APP", "U0BOT", "B0BOT"

Fault = tuple[Any, ...]
"""("429", seconds or None), ("5xx", status), ("refuse", code), ("reset before",), ("reset after",), ("slow", event), ("garbage",)"""


class Envelope:
    """Something that happened, until an app has acknowledged it."""

    def __init__(self, id: str, kind: str, payload: dict[str, Any], key: str) -> None:
        self.id = id
        self.kind = kind
        self.payload = payload
        self.key = key
        self.attempts = 0
        self.at = time.monotonic()
        self.answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    def written(self) -> str:
        retry = {"retry_attempt": self.attempts, "retry_reason": "timeout" if self.attempts else ""} if self.kind == "events_api" else {}
        return json.dumps(
            {
                "type": self.kind,
                "envelope_id": self.id,
                "payload": self.payload,
                "accepts_response_payload": self.kind != "events_api",
                **retry,
            }
        )


def event(inner: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "event_callback",
        "team_id": TEAM,
        "api_app_id": APP,
        "event_id": f"Ev{time.time_ns()}",
        "authorizations": [{"team_id": TEAM, "user_id": BOT_USER, "is_bot": True}],
        "event": inner,
    }


def filled(block: dict[str, Any], given: Any, files: dict[str, tuple[dict[str, Any], bytes]]) -> dict[str, Any]:
    """One field of a modal as Slack reports it: what was given, else what stood there. Slack itself asks for what is required."""
    element = block["element"]
    kind = element["type"]
    if kind == "file_input":
        return {"type": kind, "files": [files[id][0] for id in given or ()]}
    if kind == "plain_text_input":
        text = element.get("initial_value") if given is None else given
        if not text and not block.get("optional"):
            raise AssertionError(f"Slack would not send {block['block_id']} empty")
        if len(text or "") > element.get("max_length", 3_000):
            raise AssertionError(f"Slack would not take so much in {block['block_id']}")
        return {"type": kind, "value": text or None}
    options = {each["value"]: each for each in element["options"]} | {each["text"]["text"]: each for each in element["options"]}
    chosen = element.get("initial_option") if given is None else options[given]
    if not chosen and not block.get("optional"):
        raise AssertionError(f"Slack would not send {block['block_id']} empty")
    return {"type": kind, "selected_option": chosen}


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def leaves(node: Any) -> list[dict[str, Any]]:
    """The leaves of rich text, with a line end after each part."""
    if isinstance(node, list):
        return [leaf for each in node for leaf in leaves(each)]
    if node["type"].startswith("rich_text"):
        return [*leaves(node["elements"]), {"type": "text", "text": "\n"}]
    return [node]


def shown(post: dict[str, Any]) -> str:
    """What a reader sees of a message's blocks, without its buttons."""
    lines = []
    for block in post.get("blocks") or ():
        match block["type"]:
            case "rich_text":
                lines.append("".join(str(leaf.get("text") or leaf.get("url")) for leaf in leaves(block["elements"])))
            case "section" | "header":
                lines.append(block["text"]["text"])
    return "\n".join(lines) if lines else str(post.get("text", ""))


def labels(post: dict[str, Any]) -> list[str]:
    elements = [each for block in post.get("blocks") or () if block["type"] == "actions" for each in block["elements"]]
    return [
        text["text"] for each in elements for text in ([each["text"]] if "text" in each else [option["text"] for option in each["options"]])
    ]


def kept(arguments: dict[str, Any]) -> dict[str, Any]:
    names = ("text", "blocks", "metadata", "thread_ts")
    return {name: unpacked(arguments[name]) if name != "text" else arguments[name] for name in names if arguments.get(name)}


def page(found: list[dict[str, Any]], arguments: dict[str, Any]) -> dict[str, Any]:
    oldest, limit = float(arguments.get("oldest") or 0), min(int(arguments.get("limit") or 100), 999)
    start = int(arguments.get("cursor") or 0)
    wanted = [post for post in found if float(post["ts"]) > oldest]
    if str(arguments.get("include_all_metadata")).lower() not in ("1", "true"):
        wanted = [{name: value for name, value in post.items() if name != "metadata"} for post in wanted]
    more = start + limit < len(wanted)
    cursor = {"response_metadata": {"next_cursor": str(start + limit)}} if more else {}
    return {"messages": wanted[start : start + limit], "has_more": more, **cursor}


def unpacked(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in "[{":
        return json.loads(value)
    return value


def hint(fault: Fault | None) -> dict[str, str]:
    return {"Retry-After": str(fault[1])} if fault and fault[1] is not None else {}


def subscribed() -> frozenset[str]:
    """The events that Slack tells an app made from our manifest."""
    manifest = (Path(__file__).parents[2] / "docs/platforms/slack-manifest.yaml").read_text(encoding="utf-8")
    return frozenset(re.findall(r"^      - ([a-z_.]+)", manifest.split("bot_events:")[1].split("interactivity:")[0], re.MULTILINE))


def granted(missing: str) -> dict[str, str]:
    """The header that says which scopes a token has: those of our manifest, without the `missing` one."""
    manifest = (Path(__file__).parents[2] / "docs/platforms/slack-manifest.yaml").read_text(encoding="utf-8")
    scopes = re.findall(r"^      - ([a-z_]+:?[a-z]*)", manifest.split("scopes:")[1].split("settings:")[0], re.MULTILINE)
    return {"X-OAuth-Scopes": ",".join(scope for scope in scopes if scope != missing)}


def cut(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def arguments(request: web.Request) -> dict[str, Any]:
    found: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        found |= await request.json()
    elif request.can_read_body:
        found |= {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    return found
