"""Answers to interactions, within their three seconds: received, a word for one person alone, a modal. Tokens live here alone."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from adapters.base import Later, Refused, Unreachable
from adapters.discord.link import Link
from adapters.discord.settings import ANSWER_S, TOKEN_S
from adapters.discord.wire import Interaction
from adapters.discord.words import word
from conversations.model import Address

_MESSAGE, _THINKING, _NOTHING, _OPEN = 4, 5, 6, 9
_FOR_ONE: Final = 64
_TOKENS: Final = 10_000


class Answers:
    """A command in private shows "thinking" until the first message is there. What fails here is only a courtesy that was lost."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._thinking: dict[Address, tuple[str, str, float]] = {}
        self._removing: set[asyncio.Task[None]] = set()

    async def received(self, given: Interaction, address: Address) -> None:
        """It is stored. In a server the answer comes in private, and is pointed to."""
        if not given.is_command:
            await self._answer(given, {"type": _NOTHING})
        elif given.guild_id is not None:
            link = f"https://discord.com/channels/@me/{address.chat}"
            await self.note(given, word("private", given.hint, link=link))
        elif await self._answer(given, {"type": _THINKING, "data": {"flags": _FOR_ONE}}):
            self._put(address, given)

    async def note(self, given: Interaction, text: str) -> None:
        """A word that only whoever pressed sees."""
        await self._answer(given, {"type": _MESSAGE, "data": {"content": text, "flags": _FOR_ONE, "allowed_mentions": {"parse": []}}})

    async def modal(self, given: Interaction, modal: dict[str, Any]) -> None:
        await self._answer(given, {"type": _OPEN, "data": modal})

    def done(self, address: Address) -> None:
        """A message has arrived at `address`: nobody is thinking there any more."""
        found = self._thinking.pop(address, None)
        if found is None:
            return
        application, token, until = found
        if until > asyncio.get_running_loop().time():
            task = asyncio.create_task(self._remove(application, token))
            self._removing.add(task)
            task.add_done_callback(self._removing.discard)

    def _put(self, address: Address, given: Interaction) -> None:
        now = asyncio.get_running_loop().time()
        if len(self._thinking) >= _TOKENS:
            self._thinking = {where: kept for where, kept in self._thinking.items() if kept[2] > now}
        self._thinking[address] = (given.application_id, given.token, now + TOKEN_S)

    async def _answer(self, given: Interaction, body: dict[str, Any]) -> bool:
        """Whether Discord took it. It is sent twice at most: a second answer to the same interaction is refused, so none shows twice."""
        for _ in range(2):
            try:
                async with asyncio.timeout(ANSWER_S):
                    await self._link.call(
                        "POST",
                        # Named like a webhook's, each token has a bucket of its own and none waits for another.
                        "/interactions/{interaction_id}/{webhook_token}/callback",
                        body,
                        interaction_id=given.id,
                        webhook_token=given.token,
                    )
                return True
            except Later as later:
                if later.after > ANSWER_S:
                    return False
                await asyncio.sleep(later.after or 0.1)
            except (Unreachable, Refused, TimeoutError):
                return False
        return False

    async def _remove(self, application: str, token: str) -> None:
        try:
            await self._link.call(
                "DELETE", "/webhooks/{webhook_id}/{webhook_token}/messages/@original", webhook_id=application, webhook_token=token
            )
        except (Later, Unreachable, Refused):
            return
