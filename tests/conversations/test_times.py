"""When something began, as people say it: read exactly, asked about when it may mean two instants, refused in words of its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversations.moments import MINUTE, Moment, clock_shown, day_shown, place, shown, stamp_shown
from conversations.times import LONG_AGO, PHRASES, SLACK, read_day, read_time
from conversations.values import Occasion, Wrong

MADRID = ZoneInfo("Europe/Madrid")
NOW = datetime(2026, 11, 22, 14, 30, tzinfo=MADRID)  # a Sunday


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def occasion(locale: str = "es", now: datetime = NOW) -> Occasion:
    return Occasion(round(now.timestamp() * 1000), "Europe/Madrid", locale)


def tried(text: str, when: Occasion) -> Moment | Wrong:
    try:
        return read_time(text, when)
    except Wrong as wrong:
        return wrong


def offered(wrong: Wrong) -> list[int]:
    return [found.at for reading in wrong.readings if (found := Moment.parse(reading))]


def readings(text: str, locale: str = "es", now: datetime = NOW) -> tuple[str, list[str]]:
    """The phrase it is asked about with, and the readings offered, in local time with offset."""
    with pytest.raises(Wrong) as caught:
        read_time(text, occasion(locale, now))
    assert caught.value.values.keys() == PHRASES[caught.value.phrase]
    return caught.value.phrase, [reading[:16] + reading[19:25] for reading in caught.value.readings]


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("desde hace 10 minutos", "2026-11-22T14:20"),
        ("hace media hora", "2026-11-22T14:00"),
        ("hace hora y media", "2026-11-22T13:00"),
        ("hace 2 horas y 15 minutos", "2026-11-22T12:15"),
        ("hace un par de horas", "2026-11-22T12:30"),
        ("hace tres cuartos de hora", "2026-11-22T13:45"),
        ("hace 1,5 horas", "2026-11-22T13:00"),
        ("10 min", "2026-11-22T14:20"),
        ("lleva 20 minutos caído", "2026-11-22T14:10"),
        ("las últimas 2 horas", "2026-11-22T12:30"),
        ("hace 3 días", "2026-11-19T14:30"),
        ("ahora mismo", "2026-11-22T14:30"),
        ("14:05", "2026-11-22T14:05"),
        ("14:05h", "2026-11-22T14:05"),
        ("14.05", "2026-11-22T14:05"),
        ("desde las 14:05 aprox.", "2026-11-22T14:05"),
        ("desde las 14h", "2026-11-22T14:00"),
        ("a eso de las 13", "2026-11-22T13:00"),
        ("desde las 5", "2026-11-22T05:00"),
        ("desde las dos de la tarde", "2026-11-22T14:00"),
        ("a las 9 de la mañana", "2026-11-22T09:00"),
        ("a las 9 y media", "2026-11-22T09:30"),
        ("a las 10 menos cuarto", "2026-11-22T09:45"),
        ("sobre las 12", "2026-11-22T12:00"),
        ("esta mañana a las 9", "2026-11-22T09:00"),
        ("al mediodía", "2026-11-22T12:00"),
        ("a medianoche", "2026-11-22T00:00"),
        ("ayer 23:40", "2026-11-21T23:40"),
        ("ayer por la tarde a las 5", "2026-11-21T17:00"),
        ("anoche a las 11", "2026-11-21T23:00"),
        ("anoche a la 1", "2026-11-22T01:00"),
        ("anteayer a las 18:00", "2026-11-20T18:00"),
        ("el domingo a las 18:00", "2026-11-15T18:00"),
        ("el viernes a las 16:20", "2026-11-20T16:20"),
        ("21/11 14:05", "2026-11-21T14:05"),
        ("21-11-2026 14:05", "2026-11-21T14:05"),
        ("21 de noviembre a las 14:05", "2026-11-21T14:05"),
        ("el 21 a las 8:00", "2026-11-21T08:00"),
        ("3/11 10:00", "2026-11-03T10:00"),
        ("2026-11-21 14:05", "2026-11-21T14:05"),
        ("2026-11-21T14:05", "2026-11-21T14:05"),
        ("13:20 hora peninsular", "2026-11-22T13:20"),
        ("13:20 CET", "2026-11-22T13:20"),
        ("13:20 CET/CEST", "2026-11-22T13:20"),
        ("13:20 hora canaria", "2026-11-22T14:20"),
        ("10:05 UTC", "2026-11-22T11:05"),
        ("14:05 UTC+2", "2026-11-22T13:05"),
        ("14:05 +02:00", "2026-11-22T13:05"),
        ("9:05 Europe/London", "2026-11-22T10:05"),
        ("yesterday 23:40 UTC", "2026-11-22T00:40"),
        ("2026-11-21T14:05Z", "2026-11-21T15:05"),
        ("just now", "2026-11-22T14:30"),
        ("10 minutes ago", "2026-11-22T14:20"),
        ("half an hour ago", "2026-11-22T14:00"),
        ("an hour and a half ago", "2026-11-22T13:00"),
        ("for the last 3 hours", "2026-11-22T11:30"),
        ("a couple of hours ago", "2026-11-22T12:30"),
        ("five minutes ago", "2026-11-22T14:25"),
        ("since 2 pm", "2026-11-22T14:00"),
        ("2:15 p.m.", "2026-11-22T14:15"),
        ("since noon", "2026-11-22T12:00"),
        ("half past 9", "2026-11-22T09:30"),
        ("quarter to ten this morning", "2026-11-22T09:45"),
        ("this morning at 9", "2026-11-22T09:00"),
        ("last night at 11", "2026-11-21T23:00"),
        ("yesterday morning at 8", "2026-11-21T08:00"),
        ("November 21st at 2pm", "2026-11-21T14:00"),
        ("Nov 21, 14:05", "2026-11-21T14:05"),
        ("on monday at 10am", "2026-11-16T10:00"),
        ("it started around 13:45", "2026-11-22T13:45"),
    ],
)
def test_a_time_in_words_is_read(text: str, local: str) -> None:
    wanted = datetime.fromisoformat(local).replace(tzinfo=MADRID)
    assert datetime.fromtimestamp(read_time(text, occasion("es")).at / 1000, MADRID) == wanted
    # In English 8:00 may be the evening and 3/11 a day in March: then it is among what is offered.
    match tried(text, occasion("en")):
        case Wrong() as wrong:
            assert wanted.timestamp() * 1000 in offered(wrong)
        case moment:
            assert datetime.fromtimestamp(moment.at / 1000, MADRID) == wanted


@pytest.mark.parametrize(
    ("text", "locale", "phrase", "offered"),
    [
        ("a las 9", "es", "time.which_half", ["2026-11-22T09:00+01:00", "2026-11-22T21:00+01:00"]),
        ("yesterday at 5", "en", "time.which_half", ["2026-11-21T05:00+01:00", "2026-11-21T17:00+01:00"]),
        ("2h", "es", "time.which_hours", ["2026-11-22T20:30+01:00", "2026-11-22T02:00+01:00"]),
        ("22:50", "es", "time.yesterday", ["2026-11-21T22:50+01:00"]),
        ("hace 40 días", "es", "time.long_ago", ["2026-10-13T23:30+02:00"]),
        ("el 3 de octubre a las 10:00", "es", "time.long_ago", ["2026-10-03T10:00+02:00"]),
        ("11/10 10:30", "en", "time.which_day", ["2026-10-11T10:30+02:00", "2026-11-10T10:30+01:00"]),
    ],
)
def test_what_may_mean_two_instants_is_asked(text: str, locale: str, phrase: str, offered: list[str]) -> None:
    assert readings(text, locale, NOW.replace(hour=22)) == (phrase, offered)


@pytest.mark.parametrize(
    ("text", "phrase", "near"),
    [
        ("hoy a las 18:00", "time.future", True),
        ("mañana a las 9", "time.ahead", True),
        ("tomorrow at 5", "time.ahead", True),
        ("ayer", "time.which_clock", True),
        ("esta mañana", "time.which_clock", True),
        ("14:05 hora local", "time.which_zone", True),
        ("14:05 CST", "time.which_zone", True),
        ("14:05 Europe/Atlantis", "time.which_zone", True),
        ("25:70", "time.unclear", True),
        ("hace 12 años", "time.unclear", False),
        ("hace un rato", "time.unclear", False),
        ("hola", "time.unclear", False),
        ("¿qué prioridad pongo?", "time.unclear", False),
        ("", "time.unclear", False),
        ("2019-01-01 10:00", "time.too_long_ago", True),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(text: str, phrase: str, near: bool) -> None:
    with pytest.raises(Wrong) as caught:
        read_time(text, occasion())
    assert (caught.value.phrase, caught.value.near, caught.value.readings) == (phrase, near, ())
    assert caught.value.values.keys() == PHRASES[phrase]


# --- where clocks jump ---

SET_BACK = datetime(2026, 10, 25, 10, tzinfo=MADRID)
SET_FORWARD = datetime(2027, 3, 28, 10, tzinfo=MADRID)


def test_an_hour_that_came_twice_is_asked_unless_its_name_settles_it() -> None:
    assert readings("02:30", now=SET_BACK) == ("time.twice", ["2026-10-25T02:30+02:00", "2026-10-25T02:30+01:00"])
    assert read_time("02:30 CEST", occasion(now=SET_BACK)).at == at("2026-10-25T02:30+02:00")
    assert read_time("02:30 CET", occasion(now=SET_BACK)).at == at("2026-10-25T02:30+01:00")
    # Before the second one has come there is only the first.
    assert read_time("02:30", occasion(now=datetime(2026, 10, 25, 0, 45, tzinfo=UTC))).at == at("2026-10-25T02:30+02:00")


def test_an_hour_that_never_came_is_asked_with_both_neighbours() -> None:
    assert readings("02:30", now=SET_FORWARD) == ("time.skipped", ["2027-03-28T01:30+01:00", "2027-03-28T03:30+02:00"])
    assert read_time("02:30 CET", occasion(now=SET_FORWARD)).at == at("2027-03-28T02:30+01:00")
    assert read_time("hace 8 horas", occasion(now=SET_FORWARD)).at == at("2027-03-28T01:00+01:00")


def test_cet_said_in_summer_is_asked() -> None:
    july = datetime(2026, 7, 10, 16, tzinfo=MADRID)
    assert readings("14:05 CET", now=july) == ("time.summer", ["2026-07-10T14:05+02:00", "2026-07-10T15:05+02:00"])
    assert read_time("14:05 CEST", occasion(now=july)).at == at("2026-07-10T14:05+02:00")


WORDS = (
    "hace",
    "desde",
    "las",
    "a",
    "10",
    "9:30",
    "25",
    "media",
    "hora",
    "y",
    "ayer",
    "lunes",
    "21/11",
    "pm",
    "UTC",
    "cet",
    "mañana",
    "h",
    "ago",
)

zones = st.sampled_from(["Europe/Madrid", "America/Santiago", "Australia/Lord_Howe", "Asia/Kolkata", "UTC", "+05:30", "-03:00"])
instants = st.integers(at("2020-01-01T00:00Z"), at("2030-01-01T00:00Z")).map(lambda ms: ms - ms % MINUTE)


@settings(max_examples=300)
@given(instants, zones)
def test_a_moment_comes_back_from_its_written_form_and_from_the_wall(ms: int, zone: str) -> None:
    moment = Moment(ms, zone)
    assert Moment.parse(str(moment)) == moment
    wall = datetime.fromtimestamp(ms / 1000, datetime.fromisoformat(str(moment).split("[")[0]).tzinfo).replace(tzinfo=None)
    placed = place(wall, zone)
    assert moment in placed.instants
    assert not placed.skipped


@settings(max_examples=300)
@given(now=instants, minutes=st.integers(0, 29 * 24 * 60), locale=st.sampled_from(["es", "en"]))
def test_any_past_minute_is_understood_as_date_and_clock_or_offered(now: int, minutes: int, locale: str) -> None:
    wanted = now - minutes * MINUTE
    wall = datetime.fromtimestamp(wanted / 1000, MADRID)
    said = f"{wall:%Y-%m-%d} {wall:%H:%M}"
    match tried(said, Occasion(now, "Europe/Madrid", locale)):
        case Wrong() as wrong:
            assert wanted in offered(wrong)
        case moment:
            assert moment.at == wanted


@settings(max_examples=500)
@given(
    text=st.one_of(
        st.text(max_size=40),
        st.lists(
            st.sampled_from(WORDS),
            max_size=7,
        ).map(" ".join),
    ),
    now=instants,
    locale=st.sampled_from(["es", "en"]),
)
def test_whatever_is_typed_is_a_past_time_or_a_reason_and_readings_settle_it(text: str, now: int, locale: str) -> None:
    here = Occasion(now, "Europe/Madrid", locale)
    match tried(text, here):
        case Wrong() as wrong:
            assert wrong.values.keys() == PHRASES[wrong.phrase]
            assert all(read_time(reading, here).at <= now for reading in wrong.readings)
        case moment:
            assert now - LONG_AGO - SLACK <= moment.at <= now
            assert read_time(str(moment), here) == moment


# --- days, and reading back ---


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("ayer", "2026-11-21"),
        ("hoy", "2026-11-22"),
        ("20/11/2026", "2026-11-20"),
        ("el 15 de octubre", "2026-10-15"),
        ("October 15", "2026-10-15"),
        ("hace 3 días", "2026-11-19"),
        ("el viernes", "2026-11-20"),
        ("2026-11-01", "2026-11-01"),
        ("15/12/25", "2025-12-15"),
    ],
)
def test_a_day_is_read(text: str, day: str) -> None:
    assert read_day(text, occasion()) == day
    assert read_day(day, occasion()) == day


@pytest.mark.parametrize(
    ("text", "phrase"), [("mañana", "day.unclear"), ("25/11/2026", "day.future"), ("hola", "day.unclear"), ("", "day.unclear")]
)
def test_a_day_that_cannot_be_is_refused(text: str, phrase: str) -> None:
    with pytest.raises(Wrong) as caught:
        read_day(text, occasion())
    assert caught.value.phrase == phrase


def test_in_english_a_day_and_month_may_be_turned_round_and_is_asked() -> None:
    with pytest.raises(Wrong) as caught:
        read_day("03/04/2026", occasion("en"))
    assert caught.value.readings == ("2026-04-03", "2026-03-04")
    assert read_day("03/04/2026", occasion("es")) == "2026-04-03"


def test_it_is_read_back_in_full_with_its_zone() -> None:
    winter, summer = Moment(at("2026-11-21T14:05+01:00"), "Europe/Madrid"), Moment(at("2026-07-21T14:05+02:00"), "Europe/Madrid")
    assert shown(winter, "es") == "sábado, 21 de noviembre de 2026, 14:05 CET"
    assert shown(summer, "es").endswith("14:05 CEST")
    assert shown(winter, "en").replace("\u202f", " ") == "Saturday, November 21, 2026, 2:05 PM CET"
    assert shown(winter._replace(zone="+00:00"), "es").endswith("13:05 UTC")
    assert shown(winter._replace(zone="+05:30"), "es").endswith("18:35 UTC+05:30")
    assert clock_shown(winter, "es") == "14:05 CET"
    assert day_shown("2026-11-21", "es") == "sábado, 21 de noviembre de 2026"
    assert timedelta(milliseconds=LONG_AGO).days == 30


@pytest.mark.parametrize(
    ("locale", "zone", "words"),
    [
        ("es", "Europe/Madrid", "5 ene 2026, 18:05 CET"),
        ("en", "Europe/Madrid", "Jan 5, 2026, 6:05\u202fPM CET"),
        ("en", "America/New_York", "Jan 5, 2026, 12:05\u202fPM EST"),
        ("es", "America/Bogota", "5 ene 2026, 12:05 UTC-05:00"),
    ],
)
def test_an_instant_in_short_calls_its_zone_as_the_chat_does(locale: str, zone: str, words: str) -> None:
    assert stamp_shown(1_767_632_700_000, zone, locale) == words
