"""Looks at the bot's account as `relevo doctor` does: its token, where its updates go, what it hears in groups, its menu of commands."""

from __future__ import annotations

from telegram import BotCommand
from telegram.error import InvalidToken, RetryAfter, TelegramError

from adapters.base import Finding
from adapters.telegram import words
from adapters.telegram.adapter import REFUSED
from adapters.telegram.api import Api, connect
from adapters.telegram.settings import Pace, TelegramSettings
from adapters.telegram.webhook import PATH

CALL_S = 6.0


async def check(settings: TelegramSettings, hook: str) -> list[Finding]:
    """Changes nothing and fetches no updates, so that a running desk is not disturbed. `hook`: the desk's public address."""
    api, lines = connect(settings, Pace(connect=CALL_S, read=CALL_S))
    for line in lines:
        await line.initialize()
    found: list[Finding] = []
    try:
        found += await _account(api, settings)
        found += await _updates(api, settings, hook)
        found.append(await _menu(api))
    except InvalidToken:
        found.append(Finding("FAIL", REFUSED))
    except RetryAfter:
        found.append(Finding("warn", "Telegram wants to be left alone for a while; ask again later"))
    except TelegramError as error:
        found.append(
            Finding(
                "FAIL",
                f"{settings.base_url} cannot be reached ({type(error).__name__}): is the way out open, RELEVO_TELEGRAM__BASE_URL right?",
            )
        )
    finally:
        for line in lines:
            await line.shutdown()
    return found


async def _account(api: Api, settings: TelegramSettings) -> list[Finding]:
    me = await api.get_me()
    found = [Finding("ok", f"the token is that of @{me.username}")]
    if me.can_read_all_group_messages:
        found.append(Finding("warn", "in groups the bot is sent everything that is said; turn privacy mode on with BotFather: /setprivacy"))
    else:
        found.append(Finding("ok", "privacy mode is on: in groups the bot is sent only what is meant for it"))
    return found


async def _updates(api: Api, settings: TelegramSettings, hook: str) -> list[Finding]:
    info = await api.get_webhook_info()
    waiting = f"; {info.pending_update_count} updates wait" if info.pending_update_count else ""
    if settings.mode == "polling":
        if info.url:
            text = "a webhook is set, so nothing can be fetched: the desk removes it when it starts; stop whatever else uses this bot"
            return [Finding("warn", text + waiting)]
        return [Finding("ok", f"updates are fetched; no webhook is in the way{waiting}")]
    if info.url != hook + PATH:
        return [Finding("warn", f"the webhook is not set to {hook}{PATH}: the desk sets it when it starts{waiting}")]
    if info.last_error_message and info.pending_update_count:
        why = " ".join(info.last_error_message.split())[:120]
        return [Finding("FAIL", f"Telegram cannot deliver to {hook}{PATH} ({why}): it must be reachable by https{waiting}")]
    return [Finding("ok", f"the webhook is {hook}{PATH}{waiting}")]


async def _menu(api: Api) -> Finding:
    shown = {language: await api.get_my_commands(language_code=language or None) for language in words.LANGUAGES}
    wanted = [
        {language: tuple(BotCommand(*each) for each in words.commands(language, notices)) for language in words.LANGUAGES}
        for notices in (True, False)
    ]
    if shown in wanted:
        return Finding("ok", "the menu of commands is this release's")
    if not any(shown.values()):
        return Finding("ok", "the menu of commands is empty; the desk fills it in when it starts")
    return Finding("warn", "the menu of commands is not this release's: start the desk, which brings it up to date")
