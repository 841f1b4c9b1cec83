"""How much one visitor of the chat may ask for; what is beyond it is refused."""

from __future__ import annotations

from adapters.limits import Levels
from adapters.webchat.refusals import Refusal
from adapters.webchat.settings import Rate


class Buckets(Levels):
    """One token bucket per key; an empty one refuses."""

    def __init__(self, rate: Rate, remembered: int, refusal: str = "too_many") -> None:
        super().__init__(rate.burst, rate.per_second, remembered)
        self._refusal = refusal

    def take(self, key: str, now_ms: int) -> float:
        """Take one token; raises Refusal (`refusal`) with the time until there is one."""
        if (wait := super().take(key, now_ms)) > 0:
            raise Refusal(self._refusal, after=wait)
        return wait

    def check(self, key: str, now_ms: int) -> None:
        """Raise Refusal (`refusal`) when there is no token left, without taking one."""
        if (wait := self.wait(key, now_ms)) > 0:
            raise Refusal(self._refusal, after=wait)


class Counted:
    """How many sockets each key holds open."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: dict[str, int] = {}

    def enter(self, key: str) -> bool:
        """Count one more; False (and not counted) when there are as many as may be."""
        count = self._open.get(key, 0)
        if count >= self._most:
            return False
        self._open[key] = count + 1
        return True

    def leave(self, key: str) -> None:
        count = self._open.get(key, 0) - 1
        if count > 0:
            self._open[key] = count
        else:
            self._open.pop(key, None)
