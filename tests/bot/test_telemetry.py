"""Logs say what happened and where, and never what a customer wrote; neither do those of libraries."""

from __future__ import annotations

import io
import json
import logging
import re
import subprocess
import sys
from importlib.util import find_spec

import pytest
from prometheus_client.exposition import generate_latest

from bot.telemetry import Metrics, configure, fault, loop_fault

SECRET = "my password is hunter2"


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def fail() -> None:
    raise ValueError(SECRET)


def test_a_fault_is_named_and_placed_but_not_quoted(stream: io.StringIO) -> None:
    log = configure("info", "json", stream)
    try:
        fail()
    except ValueError as error:
        log.error("it failed", **fault(error))
        log.exception("it failed")
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
    assert "hunter2" not in stream.getvalue()
    ours, traced, foreign = lines(stream)
    for line in (ours, traced, foreign):
        assert line["error"] == "ValueError"
        assert str(line["where"]).endswith("fail")
        assert line["level"] == "error"
    assert foreign["event"] == "Exception in ASGI application"


def test_the_console_does_not_quote_it_either(stream: io.StringIO) -> None:
    log = configure("info", "console", stream)
    try:
        fail()
    except ValueError:
        log.exception("it failed")
        logging.getLogger("asyncio").exception("it failed")
    assert "ValueError" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


def test_levels(stream: io.StringIO) -> None:
    log = configure("warning", "json", stream)
    log.info("quiet")
    log.warning("loud")
    logging.getLogger("uvicorn.access").info("GET /chat/events?token=x")
    assert [line["event"] for line in lines(stream)] == ["loud"]


def test_what_nobody_awaited_is_reported(stream: io.StringIO) -> None:
    report = loop_fault(configure("info", "json", stream))
    report(None, {"message": f"never retrieved {SECRET}", "exception": ValueError(SECRET)})
    report(None, {"message": SECRET})
    assert "hunter2" not in stream.getvalue()
    assert [line["error"] for line in lines(stream)] == ["ValueError", "unknown"]


def test_what_only_draws_tracebacks_is_not_loaded_even_where_it_is_installed() -> None:
    assert find_spec("rich") is not None
    code = "import sys, bot.cli; print('rich' in sys.modules); import rich; print('rich' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True"]


def test_durations_are_counted_by_their_bounds_and_summed() -> None:
    metrics = Metrics()
    metrics.turn_seconds.note([1, 5, 6, 250, 60_000])
    metrics.turn_seconds.note([])
    text = generate_latest(metrics.registry).decode()
    found = dict(re.findall(r'relevo_turn_seconds_bucket\{le="(.+?)"\} (\S+)', text))
    assert {bound: float(count) for bound, count in found.items()} == {
        **dict.fromkeys(("0.01", "0.025", "0.05", "0.1"), 3.0),
        **dict.fromkeys(("0.25", "0.5", "1.0", "2.5", "10.0"), 4.0),
        "0.005": 2.0,
        "+Inf": 5.0,
    }
    assert "relevo_turn_seconds_sum 60.262" in text
    assert "relevo_turn_seconds_count 5.0" in text
