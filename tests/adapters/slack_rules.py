"""What Slack refuses in a message or a view, as far as it is documented or was measured: the limits a fake must be as strict about.

Sources: https://docs.slack.dev/reference/block-kit, /reference/methods/chat.postMessage, /reference/interaction-payloads/view-interactions.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

TEXT_SUM = 9_600
"""Of all blocks together: 9,597 were taken and 11,341 refused."""

TO_BE_EXPECTED = {
    *("channel_not_found", "expired_trigger_id", "exchanged_trigger_id", "message_not_found", "not_in_channel", "thread_not_found"),
}
"""What Slack refuses although the app did nothing wrong."""


class Wrong(Exception):
    """`args[0]` is what is wrong; the API says invalid_blocks or a code of its own."""

    def __init__(self, what: str, code: str = "invalid_blocks") -> None:
        super().__init__(what)
        self.code = code


def need(true: object, what: str, code: str = "invalid_blocks") -> None:
    if not true:
        raise Wrong(what, code)


def text_object(node: Any, limit: int, *kinds: str) -> None:
    need(isinstance(node, dict) and node.get("type") in (kinds or ("plain_text",)), f"text object {node!r}")
    need(
        isinstance(node.get("text"), str) and 1 <= len(node["text"]) <= limit,
        f"text of {len(str(node.get('text')))} characters, limit {limit}",
    )
    need(not (node["type"] == "mrkdwn" and "emoji" in node), "emoji in mrkdwn")


def message(arguments: dict[str, Any], *, update: bool = False) -> None:
    """The arguments of chat.postMessage and chat.update. Raises Wrong."""
    text, blocks = arguments.get("text") or "", arguments.get("blocks") or []
    blocks = json.loads(blocks) if isinstance(blocks, str) else blocks
    need(text or blocks, "nothing to show", "no_text")
    need(text, "no fallback for notifications", "no_text")
    need(len(text) <= (4_000 if update else 40_000), "text too long", "msg_too_long")
    need(
        not any(sign in text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "") for sign in "&<>"),
        "text is not escaped",
        "markup",
    )
    need(isinstance(blocks, list) and len(blocks) <= 50, f"{len(blocks)} blocks")
    for block in blocks:
        one_block(block, {"rich_text", "section", "actions", "context", "header", "divider"})
    unique(blocks)
    need(weight(blocks) <= TEXT_SUM, f"{weight(blocks)} characters in blocks", "msg_blocks_too_long")
    metadata = arguments.get("metadata")
    metadata = json.loads(metadata) if isinstance(metadata, str) else metadata
    if metadata is not None:
        need(
            isinstance(metadata.get("event_type"), str) and isinstance(metadata.get("event_payload"), dict),
            "metadata",
            "invalid_metadata_format",
        )


def unique(blocks: list[dict[str, Any]]) -> None:
    ids = [block["block_id"] for block in blocks if "block_id" in block]
    need(len(ids) == len(set(ids)), "two blocks have one id")


def weight(node: Any) -> int:
    """The text in blocks, with a little for each element around it."""
    if isinstance(node, dict):
        return 8 + sum(len(value) if key in ("text", "url") and isinstance(value, str) else weight(value) for key, value in node.items())
    return sum(weight(each) for each in node) if isinstance(node, list) else 0


def one_block(block: Any, allowed: set[str]) -> None:
    need(isinstance(block, dict) and block.get("type") in allowed, f"block {block!r}")
    need(1 <= len(block.get("block_id", "x")) <= 255, "block_id")
    match block["type"]:
        case "rich_text":
            need(block.get("elements"), "empty rich text")
            for element in block["elements"]:
                rich(element)
        case "section":
            text_object(block.get("text"), 3_000, "plain_text", "mrkdwn")
        case "header":
            text_object(block.get("text"), 150)
        case "context":
            need(1 <= len(block.get("elements", ())) <= 10, "context elements")
            for element in block["elements"]:
                text_object(element, 3_000, "plain_text", "mrkdwn")
        case "actions":
            elements = block.get("elements")
            need(isinstance(elements, list) and 1 <= len(elements) <= 25, "elements of an actions block")
            ids = [element.get("action_id") for element in elements]
            need(len(ids) == len(set(ids)), "two elements have one action_id")
            for element in elements:
                action(element)
        case "input":
            text_object(block.get("label"), 2_000)
            if "hint" in block:
                text_object(block["hint"], 2_000)
            field(block.get("element"))


def rich(element: Any) -> None:
    kind = element.get("type") if isinstance(element, dict) else None
    need(kind in ("rich_text_section", "rich_text_list", "rich_text_quote", "rich_text_preformatted"), f"rich text {element!r}")
    need(element.get("elements"), "an empty part of rich text")
    if kind == "rich_text_list":
        need(element.get("style") in ("bullet", "ordered"), "style of a list")
        need(all(each.get("type") == "rich_text_section" for each in element["elements"]), "a list has sections")
        for each in element["elements"]:
            rich(each)
        return
    for leaf in element["elements"]:
        need(leaf.get("type") in ("text", "link", "user", "channel", "emoji", "broadcast", "date", "usergroup", "color"), f"leaf {leaf!r}")
        need(set(leaf.get("style", {})) <= {"bold", "italic", "strike", "code", "underline"}, "style of a leaf")
        if leaf["type"] == "text":
            need(isinstance(leaf.get("text"), str) and leaf["text"], "an empty leaf")
        if leaf["type"] == "link":
            need(1 <= len(leaf.get("url", "")) <= 3_000 and leaf["url"].startswith(("http://", "https://", "mailto:")), "address of a link")


def action(element: dict[str, Any]) -> None:
    need(1 <= len(element.get("action_id", "")) <= 255, "action_id")
    match element.get("type"):
        case "button":
            text_object(element.get("text"), 75)
            need(len(element.get("value", "")) <= 2_000, "value of a button")
            need(len(element.get("url", "")) <= 3_000, "address of a button")
            need(element.get("style") in (None, "primary", "danger"), "style of a button")
        case "static_select":
            field(element)
        case _:
            raise Wrong(f"element {element!r}")


def option(each: Any) -> None:
    text_object(each.get("text"), 75)
    need(1 <= len(each.get("value", "")) <= 150, "value of an option")
    if "description" in each:
        text_object(each["description"], 75)


def field(element: Any) -> None:
    need(isinstance(element, dict) and 1 <= len(element.get("action_id", "")) <= 255, f"element {element!r}")
    if "placeholder" in element:
        text_object(element["placeholder"], 150)
    match element.get("type"):
        case "plain_text_input":
            most = element.get("max_length", 3_000)
            need(1 <= most <= 3_000, "max_length")
            need(len(element.get("initial_value", "")) <= most, "initial_value")
        case "static_select" | "radio_buttons":
            options = element.get("options")
            need(isinstance(options, list) and 1 <= len(options) <= (10 if element["type"] == "radio_buttons" else 100), "options")
            for each in options:
                option(each)
            need("initial_option" not in element or element["initial_option"] in options, "initial_option is none of the options")
        case "file_input":
            need(1 <= element.get("max_files", 10) <= 10, "max_files")
        case _:
            raise Wrong(f"element {element!r}")


def view(node: Any) -> None:
    """A modal or a home tab. Raises Wrong."""
    need(isinstance(node, dict) and node.get("type") in ("modal", "home"), "type of a view", "invalid_arguments")
    blocks = node.get("blocks")
    need(isinstance(blocks, list) and 1 <= len(blocks) <= 100, "blocks of a view")
    modal = node["type"] == "modal"
    for block in blocks:
        one_block(block, {"rich_text", "section", "actions", "context", "header", "divider"} | ({"input"} if modal else set()))
    unique(blocks)
    need(len(node.get("private_metadata", "")) <= 3_000, "private_metadata")
    need(len(node.get("callback_id", "")) <= 255, "callback_id")
    need(len(json.dumps(node)) <= 250_000, "a view of more than 250 kB", "view_too_large")
    if modal:
        for name in ("title", "submit", "close"):
            if name in node or name == "title":
                text_object(node.get(name), 24)
        need("submit" in node or not any(block["type"] == "input" for block in blocks), "inputs and no submit")


def wrong(check: Callable[[], None]) -> Wrong | None:
    try:
        check()
    except Wrong as found:
        return found
    return None
