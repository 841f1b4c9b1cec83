"""`relevo doctor`: every check of an installation, run at the same time and told in a fixed order, each with what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, SecretStr

from adapters.base import Finding
from bot import installation
from bot.clock import Clock
from bot.settings import Settings
from bot.telemetry import fault

LONGEST_S = 12.0
"""For one check, however many questions it asks."""


class Line(NamedTuple):
    """What is told of one thing. `off`: it is not set up, and that is no fault."""

    check: str
    level: Literal["ok", "warn", "FAIL", "off"]
    text: str

    def __str__(self) -> str:
        return f"{self.level:<5} {self.check:<9} {self.text}"


Check = Callable[[Settings], Awaitable[list[Finding]]]


async def examine(settings: Settings, longest: float = LONGEST_S) -> list[Line]:
    """All that is found, in the order of the checks below. No line holds a secret."""
    found = await asyncio.gather(*(_within(check, settings, longest) for _, check in CHECKS))
    secrets = sorted(_secrets(settings), key=len, reverse=True)
    switches = _switches(settings)
    lines = [Line("settings", "ok", "the environment and .env can be used")]
    for (name, _), findings in zip(CHECKS, found, strict=True):
        on, setting = switches.get(name, (True, ""))
        if not on:
            lines.append(Line(name, "off", f"not set up; {setting} turns it on"))
        lines += [Line(name, finding.level, _clean(finding.text, secrets)) for finding in findings]
    return lines


def failed(lines: Iterable[Line]) -> bool:
    return any(line.level == "FAIL" for line in lines)


async def _within(check: Check, settings: Settings, longest: float) -> list[Finding]:
    try:
        async with asyncio.timeout(longest):
            return await check(settings)
    except TimeoutError:
        return [Finding("FAIL", f"no answer within {longest:g} s: is a firewall in the way?")]
    except Exception as error:
        # One check that breaks must not hide what the others found.
        told = fault(error)
        return [Finding("FAIL", f"the check itself broke ({told['error']} at {told['where']}); please report this line")]


def _secrets(model: BaseModel) -> Iterator[str]:
    """Every secret that is set, and the parts of those that are addresses or lists."""
    for name in type(model).model_fields:
        value: Any = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from _secrets(value)
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, SecretStr) and each.get_secret_value():
                secret = each.get_secret_value()
                yield secret
                _, at, _ = secret.rpartition("@")
                if at and len(password := secret.rpartition("@")[0].rpartition(":")[2]) > 3:
                    yield password


def _clean(text: str, secrets: Iterable[str]) -> str:
    """One line that is safe to show: what a server says may hold anything."""
    from adapters.text import without_controls

    for secret in secrets:
        text = text.replace(secret, "•••")
    return " ".join(without_controls(text).split())


# --- the platforms ---


def _switches(settings: Settings) -> dict[str, tuple[bool, str]]:
    """Whether each is set up, and by which setting it would be."""
    return {
        "e-mail": (bool(settings.email.address), "RELEVO_EMAIL__ADDRESS"),
        "telegram": (bool(settings.telegram.account), "RELEVO_TELEGRAM__TOKEN"),
        "slack": (settings.slack.on, "RELEVO_SLACK__BOT_TOKEN"),
        "discord": (bool(settings.discord.token.get_secret_value()), "RELEVO_DISCORD__TOKEN"),
    }


def _where_on(name: str, check: Check) -> tuple[str, Check]:
    async def only(settings: Settings) -> list[Finding]:
        return await check(settings) if _switches(settings)[name][0] else []

    return name, only


async def _email(settings: Settings) -> list[Finding]:
    from adapters.email.check import check

    return await check(settings.email)


async def _telegram(settings: Settings) -> list[Finding]:
    hook = settings.http.public_url
    if settings.telegram.mode == "webhook" and not hook.startswith("https://"):
        return [Finding("FAIL", "RELEVO_HTTP__PUBLIC_URL: a webhook needs the https address that the world reaches this desk at")]
    from adapters.telegram.check import check

    return await check(settings.telegram, hook)


async def _slack(settings: Settings) -> list[Finding]:
    from adapters.slack.check import check

    return await check(settings.slack, settings.http.public_url, Clock().now)


async def _discord(settings: Settings) -> list[Finding]:
    from adapters.discord.check import check

    return await check(settings.discord)


CHECKS: tuple[tuple[str, Check], ...] = (
    ("data", installation.data_folder),
    ("key", installation.key),
    ("database", installation.database),
    ("clock", installation.clock),
    ("content", installation.content),
    ("port", installation.port),
    ("address", installation.public_address),
    _where_on("e-mail", _email),
    _where_on("telegram", _telegram),
    _where_on("slack", _slack),
    _where_on("discord", _discord),
)
