"""What Telegram refuses in a message, and with what words: limits, entities and keyboards (https://core.telegram.org/bots/api)."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

STYLES = {"bold", "italic", "underline", "strikethrough", "spoiler", "code", "pre", "text_link", "text_mention", "blockquote", "date_time"}
ALONE = {"code", "pre"}


class Refusal(Exception):
    """An answer that is an error."""

    def __init__(self, code: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters

    @property
    def body(self) -> Json:
        more = {"parameters": self.parameters} if self.parameters else {}
        return {"ok": False, "error_code": self.code, "description": self.description, **more}


def bad(description: str) -> Refusal:
    return Refusal(400, f"Bad Request: {description}")


def nested(form: Mapping[str, Any], name: str) -> Any:
    """Objects come as JSON inside form fields."""
    try:
        return json.loads(form[name]) if name in form else None
    except ValueError:
        raise bad(f"can't parse {name} JSON object") from None


def check_text(form: Mapping[str, Any]) -> tuple[str, list[Json]]:
    text = str(form.get("text", ""))
    units = len(text.encode("utf-16-le")) // 2
    if not text.strip():
        raise bad("message text is empty")
    if units > 4096 or len(text.encode()) > 32_768:
        raise bad("message is too long")
    if "parse_mode" in form:
        raise bad("can't parse entities: this desk sends no markup")
    return text, check_entities(text, nested(form, "entities") or [])


def check_entities(text: str, entities: list[Json]) -> list[Json]:
    raw = text.encode("utf-16-le")
    if len(entities) > 100:
        raise bad("can't parse entities: more than 100 would be shown without their looks")
    for entity in entities:
        if entity.get("type") not in STYLES:
            raise bad(f"can't parse entities: unsupported type {entity.get('type')}")
        start, length = entity.get("offset"), entity.get("length")
        if type(start) is not int or type(length) is not int or start < 0 or length <= 0 or (start + length) * 2 > len(raw):
            raise bad("can't parse entities: an entity is out of range")
        try:
            inside = raw[2 * start : 2 * (start + length)].decode("utf-16-le")
        except UnicodeDecodeError:
            raise bad("can't parse entities: an entity begins or ends in the middle of a character") from None
        if inside != inside.strip():
            raise bad("can't parse entities: blank edges")
        if (entity["type"] == "text_link") != str(entity.get("url", "")).startswith(("http://", "https://")):
            raise bad("can't parse entities: a link needs a URL")
    for one, other in itertools.combinations(entities, 2):
        a, b = (one["offset"], one["offset"] + one["length"]), (other["offset"], other["offset"] + other["length"])
        meet = a[0] < b[1] and b[0] < a[1]
        within = (a[0] <= b[0] and b[1] <= a[1]) or (b[0] <= a[0] and a[1] <= b[1])
        if meet and not within:
            raise bad("can't parse entities: entities cross")
        if meet and (one["type"] in ALONE or other["type"] in ALONE):
            raise bad("can't parse entities: code is part of another entity")
    return entities


def check_markup(form: Mapping[str, Any]) -> Json | None:
    markup = nested(form, "reply_markup")
    if markup is None:
        return None
    if set(markup) != {"inline_keyboard"}:
        raise bad("object expected as reply markup: only inline keyboards are left nowhere behind")
    rows = markup["inline_keyboard"]
    buttons = [button for row in rows for button in row]
    if len(buttons) > 100 or any(not 1 <= len(row) <= 8 for row in rows):
        raise bad("reply markup is too long")
    for button in buttons:
        if not button.get("text", "").strip():
            raise bad("inline keyboard button text must be non-empty")
        if not 1 <= len(button.get("callback_data", "").encode()) <= 64:
            raise bad("BUTTON_DATA_INVALID")
    return markup if rows else None
