"""What the live chat needs from the rest of the desk, over storage and knowledge: its transcript, its sessions and its welcome."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from adapters.base import NotStored
from adapters.webchat.ports import PAGE, Welcome, Welcomes
from conversations.knowledge import Knowledge
from storage import sessions, transcript
from storage.engines import Connection, Database, Unavailable
from storage.rows import Entry, Session

T = TypeVar("T")


async def _stored(work: Awaitable[T]) -> T:
    try:
        return await work
    except Unavailable:
        raise NotStored from None


class Transcript:
    """Many conversations in one read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def since(self, asks: Sequence[tuple[str, int]]) -> Sequence[Sequence[Entry]]:
        return await self._database.read(lambda connection: transcript.since(connection, asks, PAGE))


class WebSessions:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, token_hash: str, address: str, subject: str, at: int) -> None:
        await self._write(lambda connection: sessions.create(connection, Session(token_hash, address, at, at, subject)))

    async def find(self, token_hash: str) -> Session | None:
        return await _stored(self._database.read(lambda connection: sessions.find(connection, token_hash)))

    async def touch(self, token_hash: str, at: int) -> None:
        await self._write(lambda connection: sessions.touch(connection, token_hash, at))

    async def identify(self, token_hash: str, address: str, subject: str) -> None:
        def unit(connection: Connection) -> None:
            sessions.set_subject(connection, token_hash, subject)
            sessions.move(connection, token_hash, address)

        await self._write(unit)

    async def delete(self, token_hash: str) -> None:
        await self._write(lambda connection: sessions.delete(connection, token_hash))

    async def _write(self, unit: Callable[[Connection], None]) -> None:
        await _stored(self._database.write(unit))


def welcomes(knowledge: Callable[[], Knowledge]) -> Welcomes:
    """How the desk introduces itself: its greeting, and the topics of its menu as first questions."""

    def welcome(locale: str) -> Welcome:
        known = knowledge()
        desk = known.desk
        spoken = locale.replace("_", "-").split("-")[0].lower()
        spoken = spoken if spoken in desk.locales else desk.default_locale
        titles = tuple(known.topics[topic].answers[spoken].title for topic in desk.menu if spoken in known.topics[topic].answers)
        return Welcome(desk.name, spoken, desk.locales, known.texts.doc("menu.greeting", spoken, desk=desk.name), titles)

    return welcome
