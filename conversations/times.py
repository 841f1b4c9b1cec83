"""Reads when something began, or on which day it was, in plain Spanish or English. What could mean two things is asked, not guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from conversations import timewords as words
from conversations.moments import DAY, HOUR, MINUTE, Moment, Placed, UnknownZone, clock_shown, local, place, shown, zone_of
from conversations.timewords import FILLERS, HOURS, NIGHT, NUMBERS, PARTS, duration, fold
from conversations.values import Occasion, Wrong

LENGTH_LIMIT = 120
LONG_AGO = 30 * DAY
TOO_LONG_AGO = 5 * 365 * DAY
SLACK = 5 * MINUTE
"""Clocks differ: a time so little ahead of ours is now."""

LAST_NIGHT = "last night"

PHRASES: Mapping[str, frozenset[str]] = {
    "time.unclear": frozenset({"typed"}),
    "time.which_clock": frozenset({"typed"}),
    "time.which_zone": frozenset({"typed"}),
    "time.which_half": frozenset({"typed"}),
    "time.which_day": frozenset({"typed"}),
    "time.which_hours": frozenset({"typed"}),
    "time.ahead": frozenset({"typed"}),
    "time.future": frozenset({"shown", "now"}),
    "time.yesterday": frozenset({"typed"}),
    "time.twice": frozenset({"typed"}),
    "time.skipped": frozenset({"typed"}),
    "time.summer": frozenset({"typed"}),
    "time.long_ago": frozenset({"shown"}),
    "time.too_long_ago": frozenset({"typed"}),
    "day.unclear": frozenset({"typed"}),
    "day.which": frozenset({"typed"}),
    "day.future": frozenset({"typed"}),
}


def read_time(text: str, occasion: Occasion) -> Moment:
    """The instant meant. Raises Wrong: not understood, in the future, or with the readings it may have.

    What `str(Moment)` gives is always read back as it is, long ago or not: somebody has confirmed it.
    """
    if (written := Moment.parse(text)) is not None and written.at <= occasion.now + SLACK:
        return written._replace(at=min(written.at, occasion.now))
    return _Reader(text, occasion).time()


def read_day(text: str, occasion: Occasion) -> str:
    """The day meant, as an ISO date. Raises Wrong as `read_time` does."""
    return _Reader(text, occasion).day()


_NAMED_ZONE = re.compile(r"hora|time|cet|penins|europe/madrid")


class _Clock(NamedTuple):
    hour: int
    minute: int
    sure: bool
    """Whether morning or afternoon is settled."""


class _Reader:
    """One text being read: each part that is recognised is taken out of `rest`, and what is left in the end must mean nothing."""

    def __init__(self, text: str, occasion: Occasion) -> None:
        self.typed = text.strip()[:LENGTH_LIMIT]
        self.too_long = len(text) > LENGTH_LIMIT * 2
        self.rest = fold(text[:LENGTH_LIMIT])
        self.now, self.home, self.locale = occasion
        self.zone, self.abbreviation, self.part = occasion.zone, "", ""
        self.dated = False

    # --- the two questions ---

    def time(self) -> Moment:
        if not self.rest or self.too_long:
            raise self.wrong("time.unclear", near=False)
        if self.rest in words.NOW:
            return self.moment(self.now)
        if (span := self.span()) is not None:
            return self.past(self.moment(self.now - span))
        self.take_zone()
        days = self.days()
        if re.search(r"\b(?:tomorrow|manana)\b", self.rest):
            raise self.wrong("time.ahead")
        clock = self.clock(len(days) > 0)
        if not self.nothing_left():
            raise self.wrong("time.unclear", near=clock is not None or bool(days) or re.search(r"\d[:/]\d", self.rest) is not None)
        if clock is None:
            if days or self.part:
                raise self.wrong("time.which_clock")
            raise self.wrong("time.unclear", near=bool(re.search(r"\d", self.typed)) and len(self.typed) < 12)
        return self.choose(days, clock)

    def day(self) -> str:
        today = self.today()
        if not self.rest or self.too_long:
            raise self.wrong("day.unclear", near=False)
        if (span := self.span()) is not None:
            return local(self.now - span, self.home).date().isoformat()
        days = self.days()
        if not days or not self.nothing_left():
            raise self.wrong("day.unclear", near=bool(days))
        past = [day for day in days if day <= today]
        if not past:
            raise self.wrong("day.future")
        if len(past) > 1:
            raise self.wrong("day.which", tuple(day.isoformat() for day in past))
        return past[0].isoformat()

    # --- how it is said that it is wrong ---

    def wrong(self, phrase: str, readings: Iterable[str] = (), near: bool = True) -> Wrong:
        return Wrong(phrase, near=near, readings=tuple(readings), typed=self.typed)

    def moment(self, at: int) -> Moment:
        return Moment(at - at % MINUTE, self.zone)

    def today(self) -> date:
        return local(self.now, self.zone).date()

    def past(self, moment: Moment) -> Moment:
        if moment.at > self.now + SLACK:
            now = clock_shown(self.moment(self.now), self.locale)
            raise Wrong("time.future", near=True, shown=shown(moment, self.locale), now=now)
        if moment.at < self.now - TOO_LONG_AGO:
            raise self.wrong("time.too_long_ago")
        if moment.at < self.now - LONG_AGO:
            raise Wrong("time.long_ago", readings=(str(moment),), shown=shown(moment, self.locale))
        return moment._replace(at=min(moment.at, self.now))

    # --- parts ---

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        if found := pattern.search(self.rest):
            self.rest = f"{self.rest[: found.start()]} {self.rest[found.end() :]}".strip()
        return found

    def nothing_left(self) -> bool:
        return all(word in FILLERS for word in re.findall(r"[^\s,.;:()'-]+", self.rest))

    def span(self) -> int | None:
        """A length of time until now. `14h` may be a clock as well, and is asked about."""
        inner, before = self.rest, ""
        while inner != before:
            before, inner = inner, words.TAIL.sub("", words.MARKS.sub("", inner)).strip(" ,.")
        if not inner or (inner in words.UNITS and not re.search(r"\b(?:last|past|ultima)\b", self.rest)):
            return None
        if not words.SPANS.search(self.rest) and (found := words.BARE_H.fullmatch(inner)) and int(found[1]) < 24:
            span = int(found[1]) * HOUR + int(found[2] or 0) * MINUTE
            wall = datetime.combine(self.today(), time(int(found[1]), int(found[2] or 0)))
            at_clock = [m for back in (0, 1) for m in place(wall - timedelta(days=back), self.zone).instants if m.at <= self.now][:1]
            raise self.wrong("time.which_hours", (str(self.moment(self.now - span)), *map(str, at_clock)))
        return duration(inner)

    def take_zone(self) -> None:
        for pattern, zone in words.ZONES if _NAMED_ZONE.search(self.rest) else ():
            if self.take(pattern):
                self.zone = zone
                return
        if words.UNCLEAR_ZONES.search(self.rest):
            raise self.wrong("time.which_zone")
        if found := self.take(words.OFFSET):
            sign, hours, minutes = (found[1], found[2], found[3]) if found[1] else (found[4], found[5], found[6])
            self.zone = f"{sign}{int(hours):02}:{minutes or '00'}"
        elif found := self.take(words.IANA):
            self.zone = "/".join("_".join(part.capitalize() for part in piece.split("_")) for piece in found[0].split("/"))
        elif found := self.take(words.ABBREVIATION):
            self.abbreviation = found[0]
        try:
            zone_of(self.zone)
        except UnknownZone:
            self.zone = self.home
            raise self.wrong("time.which_zone") from None

    def days(self) -> list[date]:
        """The days that may be meant, the likelier first; none when no day is named."""
        today = self.today()
        if self.take(words.DAY_BEFORE):
            self.take_part()
            return [today - timedelta(days=2)]
        if self.take(words.LAST_NIGHT):
            self.part = LAST_NIGHT
            return [today - timedelta(days=1)]
        if found := re.search(r"\b(?:ayer|yesterday)\b", self.rest):
            self.take_part()
            self.take(re.compile(r"\b(?:ayer|yesterday)\b"))
            return [today - timedelta(days=1)]
        if found := self.take(words.THIS_PART):
            self.part = PARTS[found[1]] if found[1] else NIGHT
            return [today]
        if self.take(re.compile(r"\b(?:hoy|today)\b")):
            self.take_part()
            return [today]
        for pattern in words.DATES:
            if found := pattern.search(self.rest):
                named = found.groupdict()
                both = pattern is not words.DATES[0] and self.locale.startswith("en")
                days = self.dates(named["d"], named.get("m"), named.get("y"), today, both)
                if not days:
                    continue
                self.take(pattern)
                self.take(words.WEEKDAY)
                self.take_part()
                self.dated = bool(named.get("y"))
                return days
        if found := self.take(words.WEEKDAY):
            self.take_part()
            back = (today.weekday() - words.WEEKDAYS[found["d"]]) % 7
            if back == 0 and (found["last"] or found["past"] or found["week"]):
                back = 7
            return [today - timedelta(days=back)] if back else [today, today - timedelta(days=7)]
        self.take_part()
        return []

    def take_part(self) -> None:
        if found := self.take(words.PART):
            self.part = PARTS[next(filter(None, found.groups()))]

    def dates(self, d: str, m: str | None, y: str | None, today: date, both: bool) -> list[date]:
        """What may be meant by a day and a month. `both`: 3/4 may be 4 March as well as 3 April."""
        day = int(d)
        if m is None:
            months = [(today.year, today.month), (today.year - (today.month == 1), (today.month - 2) % 12 + 1)]
            return [found for year, month in months if (found := _date(year, month, day)) and found <= today][:1]
        month = int(m) if m.isdigit() else words.MONTHS[m]
        pairs = [(day, month)]
        if m.isdigit() and month > 12:
            pairs = [(month, day)]
        elif m.isdigit() and both and day != month:
            pairs.append((month, day))
        meant: list[date] = []
        for day, month in pairs:
            if y:
                one = _date(int(y) + (2000 if len(y) == 2 else 0), month, day)
            else:
                one = _date(today.year, month, day)
                # Without a year it is the last such day, unless it lies just ahead: that is a slip, not last year.
                if one and one > today + timedelta(days=60):
                    one = _date(today.year - 1, month, day)
                one = one or _date(today.year - 1, month, day)
            if one:
                meant.append(one)
        return [each for each in meant if each <= today] or meant

    def clock(self, dated: bool) -> _Clock | None:
        if self.take(words.NOON):
            return _Clock(12, 0, True)
        if self.take(words.MIDNIGHT):
            return _Clock(0, 0, True)
        if found := self.take(words.CLOCK):
            # 9:30 with an afternoon to come later is only settled where people count to 24.
            hour, sure = int(found["h"]), found["h"].startswith("0") or not self.locale.startswith("en") or int(found["h"]) > 12
            return self.half(hour, int(found["m"]), found["half"] if found["half"] in ("am", "pm") else "", sure)
        if found := self.take(words.HALF_DAY):
            return self.half(int(found["h"]), 0, found["half"], True)
        if found := self.take(words.PAST_TO):
            minute = {"half": 30, "quarter": 15, "five": 5, "ten": 10, "twenty": 20}.get(found["m"]) or int(found["m"])
            return self.shifted(_hour(found["h"]), minute, found["sign"] in ("to", "before"))
        if found := self.take(words.WORDED):
            minute = {"cuarto": 15, "media": 30, "veinticinco": 25}.get(found["m"] or "", 0) or NUMBERS.get(found["m"] or "", 0)
            minute = minute or int(found["m"] or 0)
            return self.shifted(_hour(found["h"]), minute, found["sign"] == "menos", half=self.take_half())
        if found := self.take(words.AT):
            return self.shifted(_hour(found["h"] or found["o"]), 0, False, half=self.take_half())
        if found := self.take(words.HOUR_ONLY):
            return self.shifted(int(found["h"]), 0, False)
        if (dated or self.part) and (found := self.take(words.LEFT)):
            return self.shifted(int(found[0]), 0, False)
        return None

    def take_half(self) -> str:
        found = self.take(re.compile(r"\b(?:am|pm)\b"))
        return found[0] if found else ""

    def shifted(self, hour: int, minute: int, before: bool, half: str = "") -> _Clock:
        if before:
            hour, minute = (hour - 1) % 24 if hour != 1 else 12, 60 - minute
        return self.half(hour, minute % 60, half, sure=hour > 12 or hour == 0)

    def half(self, hour: int, minute: int, half: str, sure: bool) -> _Clock:
        """Morning or afternoon, as far as it is said."""
        if hour > 23 or minute > 59 or (half and not 1 <= hour <= 12):
            if hour == 24 and minute == 0:
                return _Clock(0, 0, True)
            raise self.wrong("time.unclear")
        if half:
            return _Clock(hour % 12 + (12 if half == "pm" else 0), minute, True)
        if self.part and hour <= 12:
            match self.part:
                case words.MORNING:
                    return _Clock(hour, minute, True)
                case words.SMALL_HOURS:
                    return _Clock(hour % 12, minute, True)
                case words.AFTERNOON | words.EVENING:
                    return _Clock(hour % 12 + 12, minute, True)
                case words.MIDDAY:
                    return _Clock(hour if hour >= 11 else hour + 12, minute, True)
                case _:
                    # At night: 11 is before midnight, 1 after it.
                    late = 6 <= hour <= 11
                    return _Clock(hour + 12 if late else hour % 12, minute, True)
        return _Clock(hour, minute, sure or bool(self.part))

    # --- from parts to an instant ---

    def choose(self, days: list[date], clock: _Clock) -> Moment:
        today = self.today()
        after_midnight = clock.hour < 6 and self.part == LAST_NIGHT
        walls = [
            datetime.combine(day + timedelta(days=1 if after_midnight else 0), time(clock.hour, clock.minute)) for day in days or [today]
        ]
        found = [self.placed(wall) for wall in walls]
        if not days:
            return self.undated(walls[0], clock)
        if len(days) > 1 and self.dated is False and days[0] == today and days[1] == today - timedelta(days=7):
            # The weekday it is today: today if that is past, else a week ago.
            return self.settle(found[0] if found[0].instants[0].at <= self.now + SLACK else found[1])
        if len(days) > 1:
            raise self.wrong("time.which_day", (str(p.instants[0]) for p in found if p.instants[0].at <= self.now))
        if not clock.sure and 1 <= clock.hour <= 12:
            return self.halves(walls[0], clock)
        return self.settle(found[0])

    def undated(self, wall: datetime, clock: _Clock) -> Moment:
        """A clock without a day is the last time it showed that."""
        if not clock.sure and 1 <= clock.hour <= 12:
            return self.halves(wall, clock)
        placed = self.placed(wall)
        if placed.instants[0].at <= self.now + SLACK:
            return self.settle(placed)
        before = self.placed(wall - timedelta(days=1))
        if self.now - before.instants[-1].at <= 12 * HOUR:
            return self.settle(before)
        # Ahead of us today: a slip, or yesterday?
        raise self.wrong("time.yesterday", map(str, before.instants))

    def halves(self, wall: datetime, clock: _Clock) -> Moment:
        """`a las 9`: in the morning or in the evening? Asked only when both are past. Twelve is noon, or else the midnight just gone."""
        morning = wall.replace(hour=clock.hour % 12)
        both = [self.placed(day) for day in (morning, morning + timedelta(hours=12))]
        past = [placed for placed in both if placed.instants[0].at <= self.now + SLACK]
        if clock.hour == 12:
            past = past[-1:]
        if not past and wall.date() == self.today():
            return self.settle(self.placed(morning - timedelta(hours=12)))
        if len(past) > 1:
            raise self.wrong("time.which_half", (str(placed.instants[-1]) for placed in past))
        return self.settle((past or both)[0])

    def placed(self, wall: datetime) -> Placed:
        """With an abbreviation: the home zone when it goes by that name then; otherwise the offset it stands for."""
        if not self.abbreviation:
            return place(wall, self.zone)
        home = place(wall, self.home)
        fixed = place(wall, words.OFFSETS[self.abbreviation]).instants
        names = {m: (local(m.at, self.home).tzname() or "").casefold() for m in home.instants}
        if not home.skipped and (named := tuple(m for m, name in names.items() if name == self.abbreviation)):
            return Placed(named)
        winter, summer = (datetime(wall.year, month, 1, tzinfo=zone_of(self.home)).tzname() for month in (1, 7))
        if self.abbreviation in {(winter or "").casefold(), (summer or "").casefold()} and not home.skipped:
            # "CET" in July: many say so and mean the clock on the wall.
            instants = [m for m in (*home.instants, fixed[0]._replace(zone=self.home)) if m.at <= self.now]
            if len(instants) > 1:
                raise self.wrong("time.summer", map(str, instants))
            return Placed(tuple(instants) or home.instants)
        return Placed(fixed)

    def settle(self, placed: Placed) -> Moment:
        past = [moment for moment in placed.instants if moment.at <= self.now + SLACK]
        if placed.skipped:
            raise self.wrong("time.skipped", map(str, past))
        if len(past) > 1:
            raise self.wrong("time.twice", map(str, past))
        return self.past((past or list(placed.instants))[0])


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _hour(text: str) -> int:
    return int(text) if text.isdigit() else HOURS[text]
