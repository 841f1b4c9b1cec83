"""An instant with the zone it was told in: its one written form, its place in local time where clocks jump, and how it is read back."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_WRITTEN = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)(Z|[+-]\d\d:\d\d)(?:\[([A-Za-z0-9_+/-]{1,64})\])?", re.ASCII)


class Moment(NamedTuple):
    """`at`: epoch ms, UTC. `zone`: an IANA name, or an offset such as `+05:30`."""

    at: int
    zone: str

    def __str__(self) -> str:
        """As RFC 9557 writes it, e.g. `2026-11-21T14:05:00+01:00[Europe/Madrid]`; `parse` reads it back."""
        named = "" if self.zone[0] in "+-" else f"[{self.zone}]"
        return datetime.fromtimestamp(self.at / 1000, zone_of(self.zone)).isoformat(timespec="seconds") + named

    @classmethod
    def parse(cls, text: str) -> Moment | None:
        """The instant in a text written with its offset (RFC 3339, RFC 9557); None when it is anything else."""
        if (found := _WRITTEN.fullmatch(text.strip())) is None:
            return None
        stamp, offset, zone = found.groups()
        offset = "+00:00" if offset == "Z" else offset
        try:
            at = datetime.fromisoformat(stamp + offset)
            zone_of(zone or offset)
        except (ValueError, OverflowError, UnknownZone):
            return None
        return cls(round(at.timestamp() * 1000), zone or offset)


class UnknownZone(ValueError):
    """Not the name of a time zone."""


@lru_cache(maxsize=256)
def zone_of(name: str) -> tzinfo:
    """Raises UnknownZone."""
    if name[:1] in ("+", "-"):
        hours, minutes = int(name[1:3]), int(name[4:6])
        if hours > 14 or minutes > 59:
            raise UnknownZone(name)
        ahead = timedelta(hours=hours, minutes=minutes)
        return timezone(ahead if name[0] == "+" else -ahead)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UnknownZone(name) from None


class Placed(NamedTuple):
    """The instants a clock on the wall may have meant: one; two where it was set back. `skipped`: it never showed that."""

    instants: tuple[Moment, ...]
    skipped: bool = False


def place(wall: datetime, zone: str) -> Placed:
    """`wall` is naive. Where the clock was set forward, both neighbours are given: as if it had not been, and as if it already had."""
    where = zone_of(zone)
    early, late = (wall.replace(tzinfo=where, fold=fold) for fold in (0, 1))
    first, second = (Moment(round(at.timestamp() * 1000), zone) for at in (early, late))
    if first == second:
        return Placed((first,))
    skipped = early.astimezone(UTC).astimezone(where).replace(tzinfo=None) != wall
    return Placed(tuple(sorted((first, second))), skipped)


def local(at: int, zone: str) -> datetime:
    return datetime.fromtimestamp(at / 1000, zone_of(zone))


# --- reading back (CLDR by Babel; imported when first needed, so that a start stays quick) ---


@lru_cache(maxsize=1024)
def shown(moment: Moment, locale: str) -> str:
    """Weekday, date, time and zone in full, e.g. `sábado, 21 de noviembre de 2026, 14:05 CET`."""
    from babel.dates import format_date, format_time

    when = local(moment.at, moment.zone)
    return f"{format_date(when, 'full', locale)}, {format_time(when, 'short', locale=locale)} {_zone_shown(when)}"


@lru_cache(maxsize=1024)
def clock_shown(moment: Moment, locale: str) -> str:
    """Time and zone only, e.g. `14:05 CET`."""
    from babel.dates import format_time

    when = local(moment.at, moment.zone)
    return f"{format_time(when, 'short', locale=locale)} {_zone_shown(when)}"


def stamp_shown(at: int, zone: str, locale: str) -> str:
    """An instant (epoch ms, UTC) in short, e.g. `22 nov 2026, 14:05 CET`: the zone is called as everywhere else, whatever the locale."""
    from babel.dates import format_date, format_time, get_datetime_format

    when = local(at, zone)
    day, clock = format_date(when, "medium", locale), format_time(when, "short", locale=locale)
    both = str(get_datetime_format("medium", locale=locale)).replace("'", "")
    return f"{both.replace('{0}', clock).replace('{1}', day)} {_zone_shown(when)}"


@lru_cache(maxsize=256)
def day_shown(day: str, locale: str) -> str:
    """`day` is an ISO date."""
    from babel.dates import format_date

    return str(format_date(date.fromisoformat(day), "full", locale))


def typed(moment: Moment) -> str:
    """As it would be typed, exactly enough to be read again as the same instant, e.g. `2026-11-21 14:05 CET`."""
    when = local(moment.at, moment.zone)
    return f"{when:%Y-%m-%d %H:%M} {_zone_shown(when)}"


def _zone_shown(when: datetime) -> str:
    name = when.tzname() or ""
    # Many zones have no abbreviation of their own (`-03`); a bare offset is called after UTC.
    offset = f"{when:%z}"
    return name if name.isalpha() else f"UTC{offset[:3]}:{offset[3:5]}"
