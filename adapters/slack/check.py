"""Looks at the app's account as `relevo doctor` does: both tokens, the scopes that were granted, and Slack's clock beside ours."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Final

from adapters.base import Finding
from adapters.ports import Now
from adapters.slack.settings import SlackSettings
from adapters.slack.web import Failure, Web, header

SCOPES: Final = (
    "app_mentions:read",
    "channels:history",
    "chat:write",
    "commands",
    "files:read",
    "files:write",
    "groups:history",
    "im:history",
    "im:write",
    "users:read",
)
"""Those of docs/platforms/slack-manifest.yaml, which says what each is for."""

APART_S: Final = 60.0
SIGNED_S: Final = 300.0
"""Requests whose time is further from ours than this are refused (adapters.slack.adapter)."""


async def check(settings: SlackSettings, public_url: str, now: Now) -> list[Finding]:
    """Posts nothing and opens no socket. `public_url`: the desk's own address, for requests by HTTP."""
    web = Web(settings.bot_token.get_secret_value(), settings.base_url)
    try:
        return [*await _bot(web, now), await _incoming(web, settings, public_url)]
    finally:
        await web.close()


async def _bot(web: Web, now: Now) -> list[Finding]:
    try:
        answer = await web.call("auth_test")
    except Failure as failure:
        return [_failed("RELEVO_SLACK__BOT_TOKEN", failure, "install the app again (OAuth & Permissions) and copy the token anew")]
    found = [Finding("ok", f"the bot token is that of {answer.get('user') or '?'} in {answer.get('team') or answer.get('url') or '?'}")]
    granted = {scope.strip() for scope in header(web.headers, "x-oauth-scopes").split(",")} - {""}
    missing = [scope for scope in SCOPES if scope not in granted]
    if not granted:
        found.append(Finding("warn", "Slack does not say which scopes the bot has; compare them with docs/platforms/slack-manifest.yaml"))
    elif missing:
        add = "add them under OAuth & Permissions and install the app again"
        found.append(Finding("FAIL", f"the bot lacks the scopes {', '.join(missing)}: {add}"))
    else:
        found.append(Finding("ok", f"the bot has all {len(SCOPES)} scopes that it needs"))
    return found + _clock(header(web.headers, "date"), now)


def _clock(date: str, now: Now) -> list[Finding]:
    """Nothing when the answer bears no date that can be read."""
    try:
        apart = abs(now() / 1000 - parsedate_to_datetime(date).timestamp())
    except ValueError:
        return []
    if apart < APART_S:
        return [Finding("ok", "this machine's clock agrees with Slack's")]
    return [Finding("FAIL" if apart >= SIGNED_S else "warn", f"this machine's clock is {apart:.0f} s off Slack's: set it by NTP")]


async def _incoming(web: Web, settings: SlackSettings, public_url: str) -> Finding:
    if settings.mode == "http":
        if not public_url.startswith("https://"):
            return Finding("FAIL", "RELEVO_HTTP__PUBLIC_URL: Slack's requests need the https address that the world reaches this desk at")
        return Finding("ok", f"requests come by HTTP; the app's request URLs must be {public_url}/hooks/slack")
    try:
        await web.call("apps_connections_open", app_token=settings.app_token.get_secret_value())
    except Failure as failure:
        return _failed("RELEVO_SLACK__APP_TOKEN", failure, "make one with connections:write (Basic Information, App-Level Tokens)")
    return Finding("ok", "the app token opens a socket")


def _failed(setting: str, failure: Failure, remedy: str) -> Finding:
    if failure.after is not None:
        return Finding("warn", f"Slack wants to be left alone for {failure.after:.0f} s; ask again later")
    if failure.transient:
        return Finding("FAIL", f"Slack cannot be reached ({failure.error}): is the way out open, RELEVO_SLACK__BASE_URL right?")
    return Finding("FAIL", f"{setting}: Slack does not take it ({failure.error}); {remedy}")
