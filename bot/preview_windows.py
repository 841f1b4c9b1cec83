"""From the windows that Slack and Discord are given for a form to what a reader sees: the very payload, field by field, for the preview."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bot import preview_marks

Window = dict[str, Any]
"""A `title`, the words of its buttons as `submit` and `cancel`, and its `parts`, each of a `kind`: `text` has `pieces`, `note` a `text`;
`field` a `label` with a `mark` behind it, a `hint` and its `place` (`above` or `below`), and a `control`: `line` and `lines` with a
`value`; `radio` and `select` with `options` (label, hint, whether it is chosen) and, while none is, what is there as `empty`; `files`.
"""

_OURS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        **{"optional": "(optional)", "select": "Make a selection", "submit": "Submit", "cancel": "Cancel"},
        "files": "Drop files here or browse",
    },
    "es": {
        **{"optional": "(opcional)", "select": "Elige una opción", "submit": "Enviar", "cancel": "Cancelar"},
        "files": "Suelta archivos aquí o búscalos",
    },
}
"""What the platforms' own programs write, much like this; it is in no payload."""


def _words(locale: str) -> Mapping[str, str]:
    return _OURS.get(locale.partition("-")[0], _OURS["en"])


# --- Slack ---


def of_slack(view: Mapping[str, Any], locale: str) -> Window:
    """https://docs.slack.dev/reference/views/modal-views"""
    parts = [part for block in view["blocks"] for part in _block(block, _words(locale))]
    return {"title": view["title"]["text"], "submit": view["submit"]["text"], "cancel": view["close"]["text"], "parts": parts}


def _block(block: Mapping[str, Any], words: Mapping[str, str]) -> list[dict[str, Any]]:
    match block["type"]:
        case "rich_text":
            return [{"kind": "text", "pieces": preview_marks.of_slack([dict(block)])}]
        case "context":
            return [{"kind": "note", "text": each["text"]} for each in block["elements"]]
        case "section":
            return [{"kind": "note", "text": block["text"]["text"]}]
    element, hint = block["element"], block.get("hint", {}).get("text", "")
    mark = words["optional"] if block.get("optional") else ""
    field = {"kind": "field", "label": block["label"]["text"], "mark": mark, "hint": hint, "place": "below"}
    chosen = element.get("initial_option", {}).get("value")
    options = [
        {"label": each["text"]["text"], "hint": each.get("description", {}).get("text", ""), "on": each["value"] == chosen}
        for each in element.get("options", ())
    ]
    match element["type"]:
        case "radio_buttons":
            return [{**field, "control": "radio", "options": options}]
        case "static_select":
            return [
                {**field, "control": "select", "options": options, "empty": element.get("placeholder", {}).get("text", words["select"])}
            ]
        case "file_input":
            return [{**field, "control": "files", "empty": words["files"]}]
    return [{**field, "control": "lines" if element.get("multiline") else "line", "value": element.get("initial_value", "")}]


# --- Discord ---

_LINES: Final = 2
"""The style of a text input of several lines."""


def of_discord(modal: Mapping[str, Any], locale: str) -> Window:
    """https://docs.discord.com/developers/components/reference"""
    words = _words(locale)
    parts = [_labelled(each, words) for each in modal["components"]]
    return {"title": modal["title"], "submit": words["submit"], "cancel": words["cancel"], "parts": parts}


def _labelled(label: Mapping[str, Any], words: Mapping[str, str]) -> dict[str, Any]:
    part = label["component"]
    mark = "*" if part.get("required", True) else ""
    field = {"kind": "field", "label": label["label"], "mark": mark, "hint": label.get("description", ""), "place": "above"}
    options = [
        {"label": each["label"], "hint": each.get("description", ""), "on": each.get("default", False)} for each in part.get("options", ())
    ]
    match part["type"]:
        case 21:  # a group of radio buttons
            return {**field, "control": "radio", "options": options}
        case 3:  # a select
            return {**field, "control": "select", "options": options, "empty": part.get("placeholder", words["select"])}
        case 19:  # a file upload
            return {**field, "control": "files", "empty": words["files"]}
    return {**field, "control": "lines" if part.get("style") == _LINES else "line", "value": part.get("value", "")}
