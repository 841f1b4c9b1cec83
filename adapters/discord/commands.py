"""The slash commands as Discord is told them: in English with Spanish beside it, and only when they have changed."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec

from adapters.discord.link import Link
from adapters.discord.words import CODE, COMMANDS, LINK_CODE, QUESTION

_SPANISH: Final = ("es-ES", "es-419")
_COMPARED: Final = ("name", "description", "name_localizations", "description_localizations")


def declared(notices: bool = False) -> list[dict[str, Any]]:
    """All of them, for servers and for private messages with the bot, installed to servers. `notices`: the desk sends some."""
    commands = []
    for name, words in COMMANDS.items():
        if name == "notices" and not notices:
            continue
        command = _worded(words) | {"type": 1, "contexts": [0, 1], "integration_types": [0]}
        if name == "ask":
            command["options"] = [_worded(QUESTION) | {"type": 3, "required": True, "max_length": 2000}]
        elif name == "start":
            command["options"] = [_worded(CODE) | {"type": 3, "required": False, "max_length": 64}]
        elif name == "link":
            command["options"] = [_worded(LINK_CODE) | {"type": 3, "required": False, "max_length": 60}]
        commands.append(command)
    return commands


async def sync(link: Link, notices: bool = False) -> bool:
    """Bring Discord's list up to date; whether it had to be. The limit is 200 creations a day, so an equal list is left alone.

    Raises adapters.base.Later, Unreachable or Refused.
    """
    application = await link.application()
    known = await link.call("GET", "/applications/{application}/commands", query={"with_localizations": "true"}, application=application)
    if isinstance(known, list) and _mark(known) == _mark(declared(notices)):
        return False
    await link.call("PUT", "/applications/{application}/commands", declared(notices), application=application)
    return True


def _worded(words: tuple[str, str, str, str]) -> dict[str, Any]:
    name, description, spanish, what_for = words
    return {
        "name": name,
        "description": description,
        "name_localizations": dict.fromkeys(_SPANISH, spanish),
        "description_localizations": dict.fromkeys(_SPANISH, what_for),
    }


def _mark(commands: list[Any]) -> str:
    """A hash of what we care about: Discord adds ids, versions and defaults to what it was told."""
    seen = sorted((_compared(command) for command in commands if isinstance(command, dict)), key=lambda one: str(one["name"]))
    return hashlib.sha256(msgspec.json.encode(seen, order="deterministic")).hexdigest()


def _compared(command: dict[str, Any]) -> dict[str, Any]:
    facts = {name: command.get(name) for name in _COMPARED}
    facts["contexts"] = sorted(command.get("contexts") or [])
    facts["options"] = [
        {name: option.get(name) for name in (*_COMPARED, "type", "max_length")} | {"required": bool(option.get("required"))}
        for option in command.get("options") or []
    ]
    return facts
