"""Messages → what Slack draws: blocks with their buttons, forms as modals, and the app's home. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from adapters.base import Capabilities, Outbound, Payload, Rate
from adapters.slack.decode import CHOICE, COMMAND, FORM, PICK, SHEET, Filled
from adapters.slack.drawing import TEXT_LIMIT, Leaf, Part, block, fallback, parts, plain
from adapters.slack.ports import Own
from adapters.slack.words import say
from adapters.text import fit_choices, plain_text, without_controls
from conversations.model import Address, Attachment, Choice, Input, Message, Option, Sheet

CAPABILITIES: Final = Capabilities(
    text_limit=TEXT_LIMIT,
    choices=100,
    label_limit=75,
    # chat.postMessage: about one a second in a channel, short bursts are taken; the workspace's own ceiling is not published.
    chat_rate=Rate(3, 1_000),
    account_rate=Rate(20, 200),
    edits=True,
    deletions=True,
)
IN_A_ROW: Final = 5
"""Buttons of one actions block: it takes 25, but more than this wrap."""

BUTTONS: Final = 25
"""Answers that are drawn as buttons; more become a menu."""

RADIO: Final = 6
OPTIONS: Final = 100
TITLE_LIMIT, LABEL_LIMIT, VALUE_LIMIT, HINT_LIMIT, INPUT_LIMIT, METADATA_LIMIT = 24, 75, 150, 2_000, 3_000, 3_000
LISTED: Final = 20
FILE_TYPES: Final = ("png", "jpg", "jpeg", "webp", "pdf", "txt", "text", "log", "csv", "md", "conf", "cfg", "json", "yaml", "yml")


class Post(Struct, frozen=True):
    """One chat.postMessage. `said` is the delivery key of the whole message, `sheet` the message itself when it asks by a form.

    `last`: nothing of the same message comes after it. `simple`: all of it as a text, for when Slack will not have the blocks.
    """

    text: str
    blocks: list[dict[str, Any]]
    said: str
    sheet: Message | None = None
    last: bool = True
    simple: str = ""


class Upload(Struct, frozen=True):
    """One file sent along."""

    file: Attachment
    locale: str


# --- messages ---


def encode(out: Outbound) -> list[Payload]:
    message = fit_choices(out.message, CAPABILITIES)
    drawn = parts(message.doc)
    sheet = message.sheet if message.sheet is not None and message.sheet.inputs else None
    count = len(drawn) + len(message.files)
    bodies: list[Post | Upload] = []
    for n, part in enumerate(drawn, 1):
        blocks = block(part)
        final = n == len(drawn)
        if final:
            blocks += buttons(message, out.key if sheet else "")
        text = fallback(part.text or (message.choices[0].label if message.choices else ""))
        listed = plain_text(replace(message, doc=())) if final else ""
        simple = fallback("\n\n".join(filter(None, (part.text, listed))))
        bodies.append(Post(text, blocks, out.key, message if final and sheet else None, n == count, simple))
    bodies += [Upload(file, message.locale) for file in message.files]
    return [Payload(out.address, body, part) for part, body in enumerate(bodies)]


def buttons(message: Message, said: str) -> list[dict[str, Any]]:
    """The choices: answers, then the button of the form (with `said`, its message's key), then ways round the question."""
    answers = [choice for choice in message.choices if not choice.aside]
    asides = [_button(choice) for choice in message.choices if choice.aside]
    blocks: list[dict[str, Any]] = []
    if len(answers) > BUTTONS:
        options = [{"text": plain(choice.label, LABEL_LIMIT), "value": choice.key} for choice in answers]
        menu = {"type": "static_select", "action_id": PICK, "placeholder": plain(say("choose", message.locale), 150), "options": options}
        blocks.append({"type": "actions", "elements": [menu]})
    else:
        blocks += _rows([_button(choice) for choice in answers])
    if said:
        label = plain(say("fill", message.locale), LABEL_LIMIT)
        asides.insert(0, {"type": "button", "action_id": SHEET, "text": label, "value": said, "style": "primary"})
    return blocks + _rows(asides)


def _button(choice: Choice) -> dict[str, Any]:
    return {"type": "button", "action_id": f"{CHOICE}:{choice.key}", "text": plain(choice.label, LABEL_LIMIT), "value": choice.key}


def _rows(elements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"type": "actions", "elements": elements[at : at + IN_A_ROW]} for at in range(0, len(elements), IN_A_ROW)]


# --- forms ---


def view(message: Message, sheet: Sheet, said: str, address: Address) -> dict[str, Any]:
    """The modal that draws `sheet`; `said` is the delivery key of the message it came with.

    Slack shows what was in a block of the same id, so a page that is drawn anew has ids of its own: the field's name and `said`.
    """
    locale = message.locale
    keep = tuple(each.name for each in sheet.inputs if _too_long(each) and not each.error)
    attached = {each.name: each.files for each in sheet.inputs if each.files}
    filled = Filled(str(address), said, sheet.key, sheet.form, sheet.version, keep, attached)
    inputs = list(sheet.inputs)
    dropped: list[Input] = []
    if len(filled.written()) > METADATA_LIMIT:
        # So many files with such long names: they stay as they are, and more of them can be sent in the chat.
        filled = filled._replace(files={})
        dropped = [each for each in inputs if each.files]
        inputs = [each for each in inputs if not each.files]
    # Of a very long remark the beginning: all of it stands in the message, and a view has its limit too.
    blocks = block(parts(sheet.lead)[0])
    for each in inputs:
        if each.error:
            blocks.append({"type": "context", "elements": [plain(f"⚠️ {each.error}", HINT_LIMIT)]})
        blocks.append(_input(each, said, locale))
    for each in dropped:
        names = say("attached", locale, names=", ".join(file.name or "?" for file in each.files))
        blocks.append({"type": "section", "text": plain(names, HINT_LIMIT)})
    page = f"{say('form', locale)} {sheet.page}/{sheet.pages}" if sheet.pages > 1 else say("form", locale)
    return {
        "type": "modal",
        "callback_id": FORM,
        "title": plain(page, TITLE_LIMIT),
        "submit": plain(say("submit", locale), TITLE_LIMIT),
        "close": plain(say("close", locale), TITLE_LIMIT),
        "private_metadata": filled.written(),
        "blocks": blocks,
    }


def _too_long(each: Input) -> bool:
    return each.kind in ("line", "lines") and len(each.value) > INPUT_LIMIT


def _input(each: Input, said: str, locale: str) -> dict[str, Any]:
    hint = each.hint
    kept = _too_long(each) and not each.error
    if kept:
        hint = say("kept", locale)
    elif each.files:
        names = say("attached", locale, names=", ".join(file.name or "?" for file in each.files))
        hint = f"{names}. {hint}" if hint else names
    return {
        "type": "input",
        "block_id": f"{each.name}@{said}"[:255],
        "label": plain(each.label, HINT_LIMIT),
        "optional": not each.required or kept or bool(each.files),
        "element": _element(each, locale),
        **({"hint": plain(hint, HINT_LIMIT)} if hint else {}),
    }


def _element(each: Input, locale: str) -> dict[str, Any]:
    if each.kind == "files":
        return {"type": "file_input", "action_id": "v", "filetypes": list(FILE_TYPES), "max_files": 10}
    drawable = 0 < len(each.options) <= OPTIONS and all(0 < len(option.value) <= VALUE_LIMIT for option in each.options)
    if each.kind == "one" and drawable:
        options = [_option(option) for option in each.options]
        chosen = [drawn for drawn in options if drawn["value"] == each.value]
        picked: dict[str, Any] = {"initial_option": chosen[0]} if chosen else {}
        # A radio button cannot be let go of again, so it is only for what must be answered.
        if each.required and len(options) <= RADIO:
            return {"type": "radio_buttons", "action_id": "v", "options": options, **picked}
        return {"type": "static_select", "action_id": "v", "placeholder": plain(say("choose", locale), 150), "options": options, **picked}
    value = without_controls(each.value)
    initial = {} if not value or (_too_long(each) and not each.error) else {"initial_value": value[:INPUT_LIMIT]}
    # What is too long and was refused must fit, so that it can be shortened.
    most = min(INPUT_LIMIT, max(each.limit or INPUT_LIMIT, len(value)))
    return {"type": "plain_text_input", "action_id": "v", "multiline": each.kind == "lines", "max_length": most, **initial}


def _option(option: Option) -> dict[str, Any]:
    drawn: dict[str, Any] = {"text": plain(option.label, LABEL_LIMIT), "value": option.value}
    if option.hint.strip():
        drawn["description"] = plain(option.hint, LABEL_LIMIT)
    return drawn


def errors(sheet: Sheet, shown: dict[str, str]) -> dict[str, str] | None:
    """The errors of `sheet` by the block ids of the page that is open, when that page can show them all; else None.

    `shown`: its block ids by the names of its fields.
    """
    wrong = {each.name: each.error for each in sheet.inputs if each.error}
    if not wrong or not wrong.keys() <= shown.keys() or {each.name for each in sheet.inputs} != shown.keys():
        return None
    return {shown[name]: without_controls(error)[:HINT_LIMIT] for name, error in wrong.items()}


# --- the app's home ---


def home(own: Sequence[Own], locale: str, team: str, app: str) -> dict[str, Any]:
    """Ways into the desk, and the customer's tickets. `team` and `app` lead to the chat; without them the button only asks there."""
    ask: dict[str, Any] = {
        "type": "button",
        "action_id": f"{COMMAND}:menu",
        "text": plain(say("ask", locale), LABEL_LIMIT),
        "value": "menu",
    }
    if team and app:
        ask["url"] = f"slack://app?team={team}&id={app}&tab=messages"
    names: tuple[Literal["ticket", "tickets"], ...] = ("ticket", "tickets")
    ways = [
        {"type": "button", "action_id": f"{COMMAND}:{name}", "text": plain(say(name, locale), LABEL_LIMIT), "value": name} for name in names
    ]
    part = Part()
    for n, ticket in enumerate(own[:LISTED]):
        part.add("bullet", n, [Leaf(ticket.number or "?", ("bold",)), Leaf(without_controls(f" · {ticket.title} · {ticket.state}")[:300])])
    listed = block(part) or [{"type": "section", "text": plain(say("none", locale), 3_000)}]
    return {
        "type": "home",
        "blocks": [
            {"type": "header", "text": plain(say("home", locale), 150)},
            {"type": "actions", "elements": [ask, *ways]},
            {"type": "header", "text": plain(say("mine", locale), 150)},
            *listed,
        ],
    }
