"""Looks at the bot's account as `relevo doctor` does: its token, intents, where interactions go, how many sessions it may still begin."""

from __future__ import annotations

from typing import Any, Final

import discord

from adapters.base import Finding, Later, Refused, Unreachable, Unwelcome
from adapters.discord.link import INTENTS, Link
from adapters.discord.settings import DiscordSettings

PRIVILEGED: Final = {
    "presences": ("Presence Intent", 1 << 12 | 1 << 13),
    "members": ("Server Members Intent", 1 << 14 | 1 << 15),
    "message_content": ("Message Content Intent", 1 << 18 | 1 << 19),
}
"""Name in the portal, and the application's flags: either says that it is on (developer docs, "Application Flags")."""

FEW_SESSIONS: Final = 20


async def check(settings: DiscordSettings, intents: discord.Intents = INTENTS) -> list[Finding]:
    """Begins no session at the gateway, for Discord lets a bot begin only so many a day. `intents`: what the desk asks for there."""
    link = Link(settings, lambda raw: None)
    try:
        await link.sign_in()
        me = await link.call("GET", "/users/@me")
        found = [Finding("ok", f"the token is that of {_of(me, 'username') or '?'}")]
        found += _application(await link.call("GET", "/oauth2/applications/@me"), intents)
        found.append(_gateway(await link.call("GET", "/gateway/bot")))
        return found
    except Unwelcome as error:
        return [Finding("FAIL", str(error))]
    except Later as later:
        if later.after:
            return [Finding("warn", f"Discord wants to be left alone for {later.after:.0f} s; ask again later")]
        return [Finding("FAIL", f"Discord cannot be reached ({later}): is the way out open, RELEVO_DISCORD__API_BASE_URL right?")]
    except (Refused, Unreachable) as error:
        return [Finding("FAIL", f"Discord refuses to say more about this bot ({error}): is RELEVO_DISCORD__API_BASE_URL right?")]
    finally:
        await link.close()


def _application(about: Any, intents: discord.Intents) -> list[Finding]:
    flags = _of(about, "flags")
    flags = flags if isinstance(flags, int) else 0
    wanted = {name for name in PRIVILEGED if getattr(intents, name)}
    on = {name for name, (_, bits) in PRIVILEGED.items() if flags & bits}
    found = []
    if missing := _named(wanted - on):
        found.append(
            Finding("FAIL", f"the application lacks the {missing}: turn it on (Developer Portal, Bot, Privileged Gateway Intents)")
        )
    if needless := _named(on - wanted):
        found.append(
            Finding("warn", f"the application has the {needless}, which the desk does not need: turn it off (Developer Portal, Bot)")
        )
    if not found:
        found.append(Finding("ok", "the application has the intents that it needs, and no other privileged one"))
    if _of(about, "interactions_endpoint_url"):
        text = "buttons and commands go to another address: empty Interactions Endpoint URL (Developer Portal, General Information)"
        found.append(Finding("FAIL", text))
    else:
        found.append(Finding("ok", "buttons and commands come to the desk"))
    return found


def _gateway(about: Any) -> Finding:
    """https://discord.com/developers/docs/events/gateway#get-gateway-bot"""
    limit = _of(about, "session_start_limit")
    left, total = _of(limit, "remaining"), _of(limit, "total")
    if not isinstance(left, int):
        return Finding("warn", "Discord does not say how many sessions may still begin today")
    if left <= 0:
        return Finding(
            "FAIL", "no session may begin today: something has connected too often; stop it, and wait for tomorrow or reset the token"
        )
    if left < FEW_SESSIONS:
        return Finding("warn", f"only {left} of {total} sessions may still begin today: something connects too often")
    return Finding("ok", f"the gateway is there; {left} of {total} sessions may still begin today")


def _named(names: set[str]) -> str:
    return ", ".join(PRIVILEGED[name][0] for name in PRIVILEGED if name in names)


def _of(found: Any, name: str) -> Any:
    return found.get(name) if isinstance(found, dict) else None
