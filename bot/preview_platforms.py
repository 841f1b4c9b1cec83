"""The platforms of the preview: each draws a message by its adapter's own encode, so the page shows what customers are shown.

Another platform is one entry in PLATFORMS: a function that makes its `encode` and puts each payload into what one of the looks draws.
"""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from email import message_from_bytes, policy
from importlib.resources import files
from typing import Any, Literal, NamedTuple

import msgspec

from adapters.base import Outbound, Payload
from adapters.ports import FileRefused, Kept
from bot import preview_marks, preview_windows
from bot.preview_samples import EMAIL, NOW
from conversations.knowledge import Desk
from conversations.model import Address, Attachment, Message, Sheet

COLUMNS = 40
"""Of the terminal: what a telephone shows of the page as well."""

Drawn = dict[str, Any]
"""One message (or a part of one) for a look of the template: `chat` the live chat's own JSON, in which `words` are the widget's;
`text` a `text` as it is; `talk` its `pieces`, each with its looks, and under it `buttons` as rows of labels where there are any, or the
`window` that such a button opens (bot.preview_windows); `mail` a `subject` and a `text`.
"""

Draw = Callable[[Outbound], list[Drawn]]


class Platform(NamedTuple):
    """`look`: which part of the template draws it. `native`: it is given forms a page at a time. `mail`: it carries what is mailed,
    not what is said in a chat. `window` draws what the button of a form opens there, beside the message.
    """

    id: str
    title: str
    look: Literal["chat", "text", "talk", "mail"]
    open: Callable[[Desk], Draw]
    native: bool = False
    mail: bool = False
    window: Callable[[Message, Sheet], Drawn] | None = None


def draw(platform: Platform, drawing: Draw, message: Message) -> list[Drawn]:
    return drawing(Outbound(Address(platform.id, "preview", EMAIL), message, "preview", NOW))


def windows(platform: Platform, messages: Sequence[Message]) -> list[Drawn]:
    """What the button of a form opens that is among these."""
    return [platform.window(message, message.sheet) for message in messages if message.sheet is not None] if platform.window else []


class _Entry(NamedTuple):
    """A line of the live chat's transcript."""

    cursor: int
    author: str
    at: int
    key: str
    payload: str


def _webchat(desk: Desk) -> Draw:
    """What the widget is sent for a message in the transcript; the widget draws the tree, the choices and the sheet itself."""
    from adapters.webchat import wire

    def as_it_is(file: Attachment) -> Attachment:
        return file

    def drawing(out: Outbound) -> list[Drawn]:
        entry = _Entry(1, "bot", out.at, out.key, msgspec.json.encode(out.message).decode())
        line = wire.line(entry, as_it_is)
        return [{**json.loads(line), "words": _words(out.message.locale)}] if line is not None else []

    return drawing


WIDGET = {
    "page": "Page {}",
    "pages": "Page {} of {}",
    "marked": "Fields marked * are needed.",
    "some": "Fields marked * are needed; the others may be left empty.",
    "free": "Nothing here is required: fill in what you have.",
    "choose": "Choose…",
    "next": "Continue",
    "last": "Review before sending",
    "now": "Send now",
    "add": "Add files",
    "drop": "or paste them, or drop them here",
}
"""The widget's own words round a form, as they stand in its form.js; other languages bring theirs in a file."""


def _words(locale: str) -> Mapping[str, str]:
    file = files("adapters.webchat").joinpath("static", f"{locale}.json")
    own = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return {name: own.get(f"form.{name}", english) for name, english in WIDGET.items()}


def _terminal(desk: Desk) -> Draw:
    from adapters.terminal import Look, Terminal

    async def settled(address: Address) -> None:
        return None

    look = Look(columns=COLUMNS)
    terminal = Terminal(chat="preview", session="preview", settled=settled, input=0, output=io.StringIO(), interactive=False, look=look)
    return _each(terminal.encode, lambda body: {"text": body["text"]})


def _telegram(desk: Desk) -> Draw:
    from adapters.telegram.encode import encode

    def shown(body: Any) -> Drawn:
        if body["method"] != "sendMessage":
            return {"pieces": [(f"📎 {body['name']}", "")]}
        rows = [[button["text"] for button in row] for row in body.get("keyboard", ())]
        return {"pieces": preview_marks.of_telegram(body["text"], body["entities"]), "buttons": rows}

    return _each(encode, shown)


def _slack(desk: Desk) -> Draw:
    from adapters.slack.encode import Post, encode

    def shown(body: Any) -> Drawn:
        if not isinstance(body, Post):
            return {"pieces": [(f"📎 {body.file.name}", "")]}
        rows = [block["elements"] for block in body.blocks if block["type"] == "actions"]
        labels = [[part["text"]["text"] for each in row for part in each.get("options", [each])] for row in rows]
        return {"pieces": preview_marks.of_slack(body.blocks), "buttons": labels}

    return _each(encode, shown)


def _slack_window(message: Message, sheet: Sheet) -> Drawn:
    from adapters.slack.encode import view

    return {"window": preview_windows.of_slack(view(message, sheet, "preview", Address("slack", "desk", "D0")), message.locale)}


def _discord_window(message: Message, sheet: Sheet) -> Drawn:
    from adapters.discord.encode import modal_of

    return {"window": preview_windows.of_discord(modal_of(sheet, message.locale), message.locale)}


def _discord(desk: Desk) -> Draw:
    from adapters.discord.encode import calls

    def shown(body: Any) -> Drawn:
        rows = [row["components"] for row in body.json.get("components", ())]
        labels = [[part["label"] for each in row for part in each.get("options", [each])] for row in rows]
        files = [(f"\n📎 {file.name}", "") for file in body.files]
        return {"pieces": [*preview_marks.of_discord(body.json["content"]), *files], "buttons": labels}

    return _each(calls, shown)


def _email(desk: Desk) -> Draw:
    from pydantic import SecretStr

    from adapters.email.adapter import Email
    from adapters.email.letter import compose
    from adapters.email.settings import EmailSettings

    def shown(letter: Any) -> Drawn:
        mail = message_from_bytes(compose(letter, {}), policy=policy.default)
        text = mail.get_body(("plain",))
        return {"subject": mail["Subject"], "text": text.get_content().rstrip("\n") if text is not None else ""}

    # Nothing is sent: the addresses are there because a mail has some.
    settings = EmailSettings(address="support@example.com", smtp_url=SecretStr("smtp://localhost/"))
    email = Email(settings, desk=lambda: desk.name, blobs=_NoFiles(), now=lambda: NOW, key=bytes(32))
    return _each(email.encode, shown)


def _each(encode: Callable[[Outbound], list[Payload]], shown: Callable[[Any], Drawn]) -> Draw:
    """Draws each payload by itself."""
    return lambda out: [shown(payload.body) for payload in encode(out)]


class _NoFiles:
    """The files of a desk that has none."""

    async def keep(self, parts: AsyncIterator[bytes]) -> Kept:
        raise FileRefused("type")

    async def find(self, id: str) -> None:
        return None


PLATFORMS = (
    Platform("web", "Live chat", "chat", _webchat, native=True),
    Platform("terminal", "Terminal", "text", _terminal),
    Platform("telegram", "Telegram", "talk", _telegram),
    Platform("slack", "Slack", "talk", _slack, window=_slack_window),
    Platform("discord", "Discord", "talk", _discord, window=_discord_window),
    Platform("email", "E-mail", "mail", _email, mail=True),
)
