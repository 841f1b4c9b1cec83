"""Builds what speaks to the outside, as far as it is set up: the live chat, the platforms, mail, and the client area.

Each platform's library is loaded only where it is spoken to: what is not used takes no memory.
"""

from __future__ import annotations

from typing import NamedTuple

from adapters.base import Adapter
from adapters.portal import Portal, PortalSettings
from adapters.webchat import WebChat
from bot import area
from bot.chat import Transcript, WebSessions, welcomes
from bot.clock import Clock, Ids
from bot.files import Files
from bot.heard import HeardLately
from bot.knowledge import Library
from bot.pipeline import Pipeline
from bot.said import SaidBefore
from bot.settings import Settings, WrongSetting
from bot.telemetry import Logger
from conversations.flows.menu import NOTICES
from storage.engines import Database


class Parts(NamedTuple):
    """The parts of this desk that they are all built from. `key` is the desk's own secret."""

    settings: Settings
    database: Database
    library: Library
    files: Files
    clock: Clock
    key: bytes


def live_chat(desk: Parts) -> WebChat:
    return WebChat(
        desk.settings.chat,
        log=Transcript(desk.database),
        sessions=WebSessions(desk.database),
        welcome=welcomes(lambda: desk.library.current),
        now=desk.clock.now,
        blobs=desk.files,
        key=desk.key,
        home=_home(desk.settings),
    )


def _home(settings: Settings) -> str:
    """The address of the desk's page; a desk that is only tried out is at home on its own machine."""
    http = settings.http
    own = f"http://{http.host}:{http.port}" if settings.tried_out and http.port and ":" not in http.host else ""
    return settings.chat.public_url or own


def platforms(desk: Parts, web: bool) -> list[Adapter]:
    """Those that are set up. `web`: this process serves HTTP. Raises WrongSetting."""
    settings = desk.settings
    if settings.slack.on and settings.slack.mode == "http" and not web:
        raise WrongSetting("RELEVO_SLACK__MODE: http needs the role web in the same process, for /hooks/slack")
    if settings.telegram.mode == "webhook" and settings.telegram.account and not settings.http.public_url.startswith("https://"):
        raise WrongSetting("RELEVO_HTTP__PUBLIC_URL: a Telegram webhook needs the https address that the world reaches this desk at")
    wanted = (
        (bool(settings.telegram.account), _telegram),
        (bool(settings.email.address), _email),
        (settings.slack.on, _slack),
        (bool(settings.discord.token.get_secret_value()), _discord),
    )
    return [build(desk) for on, build in wanted if on]


def _notices(desk: Parts) -> bool:
    """Whether the menus of commands are to lead to notices. They are brought up to date by a start."""
    return NOTICES in desk.library.current.desk.lists


def _email(desk: Parts) -> Adapter:
    from adapters.email.adapter import Email

    return Email(desk.settings.email, desk=lambda: desk.library.current.desk.name, blobs=desk.files, now=desk.clock.now, key=desk.key)


def _telegram(desk: Parts) -> Adapter:
    from adapters.telegram.adapter import Telegram

    return Telegram(
        desk.settings.telegram,
        blobs=desk.files,
        said=SaidBefore(desk.database),
        now=desk.clock.now,
        folder=desk.settings.data_dir / "telegram",
        hook=desk.settings.http.public_url,
        notices=_notices(desk),
    )


def _slack(desk: Parts) -> Adapter:
    from adapters.slack.adapter import Slack
    from bot.home import OwnTickets

    return Slack(
        desk.settings.slack,
        blobs=desk.files,
        said=SaidBefore(desk.database),
        heard=HeardLately(desk.database, desk.clock),
        tickets=OwnTickets(desk.database, lambda: desk.library.current),
        now=desk.clock.now,
    )


def _discord(desk: Parts) -> Adapter:
    from adapters.discord.adapter import Discord

    heard = HeardLately(desk.database, desk.clock)
    return Discord(desk.settings.discord, blobs=desk.files, said=SaidBefore(desk.database), heard=heard, notices=_notices(desk))


def client_area(desk: Parts, pipeline: Pipeline, webchat: WebChat, ids: Ids, log: Logger) -> Portal:
    """It gives out files by the live chat's links."""
    settings = desk.settings
    limits = settings.chat.limits
    lane = pipeline.lanes.get("email")
    return Portal(
        PortalSettings(
            public_url=settings.http.public_url,
            trusted_proxies=settings.http.trusted_proxies,
            text=limits.text,
            file=limits.file,
            file_seconds=limits.file_seconds,
        ),
        area=area.ClientArea(
            desk.database,
            lambda: desk.library.current,
            desk.clock,
            ids,
            log,
            mail_account=settings.email.address,
            trial=settings.tried_out,
            ring=lane.hint.ring if lane is not None else lambda: None,
        ),
        accept=pipeline.intake.accept,
        blobs=desk.files,
        file_link=webchat.link,
        now=desk.clock.now,
        key=desk.key,
    )
