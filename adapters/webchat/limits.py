"""How much one visitor may ask for: token buckets in bounded memory, and whose bucket a request is charged to."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from adapters.webchat.refusals import Refusal
from adapters.webchat.settings import Rate


class Buckets:
    """One token bucket per key. At most `remembered` are kept: the longest unused is forgotten first, which can only be generous."""

    def __init__(self, rate: Rate, remembered: int, refusal: str = "too_many") -> None:
        self._rate = rate
        self._refusal = refusal
        self._remembered = remembered
        self._levels: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._levels)

    def take(self, key: str, now_ms: int) -> None:
        """Take one token; raises Refusal (`refusal`) with the time until there is one."""
        wait = self._level(key, now_ms)
        if wait > 0:
            raise Refusal(self._refusal, after=wait)
        level, at = self._levels[key]
        self._levels[key] = (level - 1, at)

    def check(self, key: str, now_ms: int) -> None:
        """Raise Refusal (`refusal`) when there is no token left, without taking one."""
        if key in self._levels and (wait := self._level(key, now_ms)) > 0:
            raise Refusal(self._refusal, after=wait)

    def _level(self, key: str, now_ms: int) -> float:
        """Bring the bucket up to now; the seconds until it holds a whole token."""
        level, at = self._levels.get(key, (self._rate.burst, now_ms))
        # A clock that was set back must not lock anybody out: time only ever adds.
        level = min(self._rate.burst, level + max(0, now_ms - at) / 1000 * self._rate.per_second)
        self._levels[key] = (level, now_ms)
        self._levels.move_to_end(key)
        if len(self._levels) > self._remembered:
            self._levels.popitem(last=False)
        return 0.0 if level >= 1 else (1 - level) / self._rate.per_second


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


def client_address(peer: str, forwarded: Iterable[str], trusted: tuple[IPv4Network | IPv6Network, ...]) -> str:
    """Who is asking. X-Forwarded-For is read from the right, only as far as the hops are trusted proxies: anybody can write the rest."""
    hops = [hop.strip() for header in forwarded for hop in header.split(",")]
    at = peer
    while hops and _within(at, trusted):
        at = hops.pop()
    return at


def bucket_key(address: str) -> str:
    """The network a limit is charged to: one IPv4 address, or the /64 that a single IPv6 customer commonly holds."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped:
            return str(ip.ipv4_mapped)
        return str(IPv6Network((int(ip), 128)).supernet(new_prefix=64).network_address)
    return str(ip)


def _within(address: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped:
        return any(ip.ipv4_mapped in network for network in networks)
    return any(ip in network for network in networks)
