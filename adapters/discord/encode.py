"""From a message to the calls that show it: text, buttons, and a form as a button that opens a modal. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

from adapters.base import Capabilities, Outbound, Payload, Rate
from adapters.discord.decode import FORM, KEEP, PICK
from adapters.discord.markup import escaped, parts_of
from adapters.discord.settings import (
    BUTTONS_IN_ROW,
    CONTENT,
    FILE_OUT,
    FILES,
    INPUT,
    LABEL,
    OPTION_TEXT,
    OPTIONS,
    RADIOS,
    ROWS,
    TITLE,
)
from adapters.discord.wire import FILL
from adapters.discord.words import word
from adapters.text import fit_choices, without_controls
from conversations.model import Attachment, Choice, Input, Message, Sheet

CAPABILITIES: Final = Capabilities(
    text_limit=CONTENT,
    choices=(ROWS - 1) * OPTIONS,
    label_limit=LABEL,
    idempotent_send=True,
    # Nobody publishes the first: five in five seconds is what the headers of a channel say. The second is documented as 50 a second.
    chat_rate=Rate(2, 1_250),
    account_rate=Rate(5, 22),
    edits=True,
    deletions=True,
)

_ROW, _BUTTON, _SELECT, _TEXT_INPUT, _LABELLED, _UPLOAD, _RADIO = 1, 2, 3, 4, 18, 19, 21
_PRIMARY, _SECONDARY, _SUCCESS = 1, 2, 3
_NO_PREVIEWS: Final = 4
NO_MENTIONS: Final[dict[str, Any]] = {"parse": [], "replied_user": False}
_MODAL_INPUTS: Final = 5


class Call(Struct, frozen=True):
    """One message to be created: `json` in Discord's words, the files to go with it, and the sheet that its button opens."""

    json: dict[str, Any]
    locale: str
    files: tuple[Attachment, ...] = ()
    sheet: Sheet | None = None


def calls(out: Outbound) -> list[Payload]:
    """The message, split where it is too long; buttons, form and files go with the last part.

    With a sheet the question itself is shown as well, and its answers as buttons: who cannot or will not open a modal answers here.
    """
    message = fit_choices(out.message, CAPABILITIES)
    files = [file for file in message.files if 0 < file.size <= FILE_OUT][:FILES]
    unsent = [file for file in message.files if file not in files]
    parts = parts_of(message.doc)
    if unsent:
        said = escaped(word("unsent", message.locale, names=", ".join(file.name or "?" for file in unsent)))[:CONTENT]
        parts = [*parts[:-1], f"{parts[-1]}\n\n{said}"] if len(parts[-1]) + len(said) + 2 <= CONTENT else [*parts, said]
    rows = rows_of(message, out)
    made = []
    for n, text in enumerate(parts):
        last = n == len(parts) - 1
        # Discord takes no message without anything in it.
        json: dict[str, Any] = {"content": text if text.strip() else "\u200b", "flags": _NO_PREVIEWS, "allowed_mentions": NO_MENTIONS}
        if last and rows:
            json["components"] = rows
        with_last = (tuple(files), message.sheet) if last else ((), None)
        made.append(Payload(out.address, Call(json, message.locale, *with_last), n))
    return made


# --- buttons ---


def rows_of(message: Message, out: Outbound) -> list[dict[str, Any]]:
    """The form's button first, then the answers, then the ways round; as lists to select from where buttons do not fit."""
    # In a server anybody can press: a button says whose question it stands under.
    owner = f"@{out.address.thread}" if out.address.thread else ""
    form = []
    if message.sheet is not None:
        wrong = any(field.error for field in message.sheet.inputs)
        form = [_row([_button(FILL + out.key + owner, word("correct" if wrong else "fill", message.locale), _SUCCESS)])]
    answers = [choice for choice in message.choices if not choice.aside]
    asides = [choice for choice in message.choices if choice.aside]
    buttons = [
        *(_row([_button(each.key + owner, each.label, _PRIMARY) for each in some]) for some in _by(BUTTONS_IN_ROW, answers)),
        *(_row([_button(each.key + owner, each.label, _SECONDARY) for each in some]) for some in _by(BUTTONS_IN_ROW, asides)),
    ]
    if len(form) + len(buttons) <= ROWS:
        return form + buttons
    lists = [_row([_select(n, some, owner, message.locale)]) for n, some in enumerate(_by(OPTIONS, answers))]
    beside = [_row([_button(each.key + owner, each.label, _SECONDARY) for each in some]) for some in _by(BUTTONS_IN_ROW, asides)]
    if len(form) + len(lists) + len(beside) <= ROWS:
        return form + lists + beside
    return form + [_row([_select(n, some, owner, message.locale)]) for n, some in enumerate(_by(OPTIONS, [*answers, *asides]))]


def _by(size: int, choices: Sequence[Choice]) -> list[Sequence[Choice]]:
    return [choices[at : at + size] for at in range(0, len(choices), size)]


def _row(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": _ROW, "components": parts}


def _button(id: str, label: str, style: int) -> dict[str, Any]:
    return {"type": _BUTTON, "style": style, "custom_id": id, "label": _plain(label, LABEL)}


def _select(n: int, choices: Sequence[Choice], owner: str, locale: str) -> dict[str, Any]:
    options = [{"value": choice.key, "label": _plain(choice.label, OPTION_TEXT)} for choice in choices]
    placeholder = word("more" if n else "choose", locale or "en")
    return {"type": _SELECT, "custom_id": f"{PICK}{n}{owner}", "placeholder": placeholder, "options": options}


def _plain(text: str, limit: int) -> str:
    """Labels and options are shown as they are, and may be neither blank nor too long."""
    text = " ".join(without_controls(text).split())
    return (text if len(text) <= limit else text[: limit - 1].rstrip() + "…") or "·"


# --- a form as a modal ---


def modal_of(sheet: Sheet, locale: str) -> dict[str, Any]:
    """The page of a form as a modal. Its ids say all that its answer must be understood by: it may be sent to another process."""
    spoken = locale or "en"
    title = word("page", spoken, page=sheet.page, pages=sheet.pages) if sheet.pages > 1 else word("form", spoken)
    return {
        "custom_id": f"{FORM}{sheet.form}:{sheet.version}:{sheet.key}",
        "title": _plain(title, TITLE),
        "components": [_field(each, spoken) for each in sheet.inputs[:_MODAL_INPUTS]],
    }


def _field(field: Input, locale: str) -> dict[str, Any]:
    keep = False
    beside = field.error or field.hint
    match field.kind:
        case "files":
            keep = bool(field.files)
            beside = beside if field.error or not keep else word("attached", locale, n=len(field.files))
            part: dict[str, Any] = {"type": _UPLOAD, "min_values": 0, "max_values": FILES, "required": field.required and not keep}
        case "one" if 1 <= len(field.options) <= OPTIONS:
            options = [
                {"value": option.value, "label": _plain(option.label, OPTION_TEXT)}
                | ({"description": _plain(option.hint, OPTION_TEXT)} if option.hint else {})
                | ({"default": True} if option.value == field.value else {})
                for option in field.options
            ]
            if 2 <= len(options) <= RADIOS:
                part = {"type": _RADIO, "options": options, "required": field.required}
            else:
                least = 1 if field.required else 0
                part = {"type": _SELECT, "options": options, "required": field.required, "min_values": least, "max_values": 1}
        case _:
            limit = min(field.limit or INPUT, INPUT)
            # What does not fit cannot be shown; and a secret is not shown again.
            keep = len(field.value) > limit or (field.secret and bool(field.value))
            if keep and not field.error:
                beside = word("kept", locale)
            part = {
                "type": _TEXT_INPUT,
                "style": 2 if field.kind == "lines" else 1,
                "max_length": limit,
                "required": field.required and not keep,
            }
            value = without_controls(field.value)
            if value and not keep:
                part["value"] = value if field.kind == "lines" else " ".join(value.split("\n"))
    part["custom_id"] = field.name + (KEEP if keep else "")
    labelled = {"type": _LABELLED, "label": _plain(field.label, TITLE), "component": part}
    return labelled | ({"description": _plain(beside, OPTION_TEXT)} if beside else {})
