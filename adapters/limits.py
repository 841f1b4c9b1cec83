"""How much one visitor may ask for: token buckets in bounded memory, and whose bucket a request is charged to."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address


class Levels:
    """One token bucket per key: `burst` at once, then `per_second`. At most `remembered` are kept: the longest unused is forgotten first,

    which can only be generous.
    """

    def __init__(self, burst: float, per_second: float, remembered: int) -> None:
        self._burst = burst
        self._per_second = per_second
        self._remembered = remembered
        self._levels: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._levels)

    def take(self, key: str, now_ms: int) -> float:
        """Take one token: 0; or take none, and the seconds until there is one."""
        wait = self._level(key, now_ms)
        if wait == 0:
            level, at = self._levels[key]
            self._levels[key] = (level - 1, at)
        return wait

    def wait(self, key: str, now_ms: int) -> float:
        """The seconds until there is a token, without taking one."""
        return self._level(key, now_ms) if key in self._levels else 0.0

    def _level(self, key: str, now_ms: int) -> float:
        """Bring the bucket up to now; the seconds until it holds a whole token."""
        level, at = self._levels.get(key, (self._burst, now_ms))
        # A clock that was set back must not lock anybody out: time only ever adds.
        level = min(self._burst, level + max(0, now_ms - at) / 1000 * self._per_second)
        self._levels[key] = (level, now_ms)
        self._levels.move_to_end(key)
        if len(self._levels) > self._remembered:
            self._levels.popitem(last=False)
        return 0.0 if level >= 1 else (1 - level) / self._per_second


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
