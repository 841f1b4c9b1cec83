"""What Discord refuses, as far as we could offend it: each rule says the code it answers with, or nothing when all is well."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

INVALID = 50035
EMPTY = 50006
TOO_LARGE = 40005
MB = 1024 * 1024

_NAME = re.compile(r"[-_\w]{1,32}")


def message(json: Any, files: list[tuple[str, int]]) -> tuple[int, str] | None:
    """Of POST /channels/…/messages; `files` are names and sizes."""
    if not isinstance(json, dict):
        return INVALID, "body"
    content = json.get("content", "")
    if len(content) > 2000:
        return INVALID, "content: 2000 or fewer in length"
    if not content.strip() and not files:
        return EMPTY, "Cannot send an empty message"
    if len(files) > 10 or [each["filename"] for each in json.get("attachments", [])] != [name for name, _ in files]:
        return INVALID, "attachments"
    if any(size > 10 * MB for _, size in files) or sum(size for _, size in files) > 25 * MB:
        return TOO_LARGE, "Request entity too large"
    if "nonce" in json and not 1 <= len(str(json["nonce"])) <= 25:
        return INVALID, "nonce: 25 or fewer in length"
    if json.get("flags", 0) & ~(4 | 4096):
        return INVALID, "flags"
    if set(json) - {"content", "nonce", "enforce_nonce", "flags", "allowed_mentions", "components", "attachments", "message_reference"}:
        return INVALID, "unknown field"
    fault = next(rows(json.get("components", [])), None)
    return (INVALID, f"components: {fault}") if fault else None


def rows(given: Any) -> Iterator[str]:
    """What is wrong with the components under a message."""
    if not isinstance(given, list) or len(given) > 5:
        yield "at most five rows"
        return
    ids = []
    for row in given:
        parts = row.get("components", [])
        if row.get("type") != 1 or not parts:
            yield "a row that is none"
        selects = [part for part in parts if part.get("type") == 3]
        if len(parts) > 5 or (selects and len(parts) > 1):
            yield "five buttons or one select"
        for part in parts:
            ids.append(part.get("custom_id"))
            if not 1 <= len(part.get("custom_id") or "") <= 100:
                yield "custom_id"
            if part.get("type") == 2:
                if not 1 <= len(part.get("label", "").strip()) <= 80 or part.get("style") not in (1, 2, 3, 4):
                    yield "button"
            elif part.get("type") == 3:
                yield from _options(part, 25)
                if len(part.get("placeholder", "")) > 150:
                    yield "placeholder"
            else:
                yield "type"
    if len(set(ids)) != len(ids):
        yield "custom_id: must be unique"


def modal(given: Any) -> Iterator[str]:
    if not 1 <= len(given.get("title", "").strip()) <= 45:
        yield "title"
    if not 1 <= len(given.get("custom_id", "")) <= 100:
        yield "custom_id"
    if not 1 <= len(given.get("components", [])) <= 5:
        yield "one to five components"
    ids = []
    for label in given.get("components", []):
        part = label.get("component", {})
        ids.append(part.get("custom_id"))
        if label.get("type") != 18 or not 1 <= len(label.get("label", "").strip()) <= 45 or len(label.get("description", "")) > 100:
            yield "label"
        if not 1 <= len(part.get("custom_id") or "") <= 100:
            yield "custom_id of a field"
        if part.get("type") == 4:
            longest = part.get("max_length", 4000)
            if part.get("style") not in (1, 2) or not 1 <= longest <= 4000 or len(part.get("value", "")) > longest:
                yield "text input"
            if part.get("style") == 1 and "\n" in part.get("value", ""):
                yield "a line of two lines"
        elif part.get("type") in (3, 21):
            yield from _options(part, 25 if part["type"] == 3 else 10)
            if part["type"] == 21 and len(part.get("options", [])) < 2:
                yield "a radio group of one"
            if sum(bool(option.get("default")) for option in part.get("options", [])) > 1:
                yield "two defaults"
        elif part.get("type") == 19:
            if not 0 <= part.get("min_values", 1) <= part.get("max_values", 1) <= 10:
                yield "file upload"
        else:
            yield "type"
    if len(set(ids)) != len(ids):
        yield "custom_id: must be unique"


def _options(part: Any, most: int) -> Iterator[str]:
    options = part.get("options", [])
    if not 1 <= len(options) <= most or len({option.get("value") for option in options}) != len(options):
        yield "options"
    for option in options:
        texts = [option.get("label", ""), option.get("value", "")]
        if any(not 1 <= len(text.strip()) <= 100 for text in texts) or len(option.get("description", "")) > 100:
            yield "option"


def commands(given: Any) -> Iterator[str]:
    if not isinstance(given, list) or len(given) > 100 or len({command.get("name") for command in given}) != len(given):
        yield "at most 100, each with its own name"
        return
    for command in given:
        for each in (command, *command.get("options", [])):
            names = [each.get("name", ""), *each.get("name_localizations", {}).values()]
            if any(not _NAME.fullmatch(name) or name != name.lower() for name in names):
                yield f"name: {names}"
            texts = [each.get("description", ""), *each.get("description_localizations", {}).values()]
            if any(not 1 <= len(text) <= 100 for text in texts):
                yield f"description: {texts}"
