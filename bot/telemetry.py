"""What the desk tells its keepers: structured logs and metrics. Neither ever holds what a customer wrote, or a secret."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from math import inf
from pathlib import Path
from typing import Any, Literal, TextIO

import structlog
from prometheus_client.metrics import Counter, Gauge
from prometheus_client.metrics_core import HistogramMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry
from structlog.typing import EventDict, WrappedLogger

Logger = structlog.stdlib.BoundLogger

HERE = Path(__file__).resolve().parent.parent


def fault(error: BaseException) -> dict[str, str]:
    """An exception as it may be logged: its type and where it arose. Its message is left out, for it may quote a customer or a key."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    where = " > ".join(f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames)
    cause = error.__cause__ or (error.exceptions[0] if isinstance(error, BaseExceptionGroup) else None)
    return {"error": type(error).__name__, "where": where} | ({"cause": type(cause).__name__} if cause else {})


def _short(filename: str) -> str:
    path = Path(filename)
    return str(path.relative_to(HERE)) if path.is_relative_to(HERE) and ".venv" not in path.parts else "/".join(path.parts[-2:])


def _blame(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Replaces a traceback by `fault` of its exception."""
    exc_info = event.pop("exc_info", None)
    if exc_info is True:
        exc_info = sys.exc_info()
    error = exc_info[1] if isinstance(exc_info, tuple) else exc_info
    if isinstance(error, BaseException):
        event.update(fault(error))
    return event


def configure(level: str, format: Literal["json", "console"], stream: TextIO | None = None) -> Logger:
    """Sets up the logs of this process, libraries' included, and returns the logger to bind to. They go to standard error."""
    stream = stream or sys.stderr
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _blame,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(sort_keys=False)
        if format == "json"
        else structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback)
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    # Libraries may quote a whole request at lower levels; only their complaints are wanted.
    root.setLevel(logging.WARNING)
    for ours in ("relevo", "bot", "adapters", "storage", "conversations"):
        logging.getLogger(ours).setLevel(level.upper())
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return structlog.stdlib.get_logger("relevo")


def resident_bytes() -> int:
    """Memory of this process that is in RAM; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


class Durations(Collector):
    """A histogram that is told of many at once: the library's own takes longer to note one than the database to write it."""

    BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
    """Seconds."""

    def __init__(self, name: str, meaning: str) -> None:
        self._name = name
        self._meaning = meaning
        self._counts = [0] * (len(self.BOUNDS) + 1)
        self._ms = 0

    def note(self, durations: Iterable[int]) -> None:
        """In milliseconds."""
        for ms in durations:
            self._counts[bisect_left(self.BOUNDS, ms / 1000)] += 1
            self._ms += ms

    def collect(self) -> Iterator[HistogramMetricFamily]:
        counts = accumulate(self._counts)
        buckets = [(f"{bound}".replace("inf", "+Inf"), count) for bound, count in zip((*self.BOUNDS, inf), counts, strict=True)]
        yield HistogramMetricFamily(self._name, self._meaning, buckets=buckets, sum_value=self._ms / 1000)


class Metrics:
    """All that `/metrics` shows, on a registry of its own. Counters move as things are committed, gauges when they are asked for."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.accepted = self._counter("events_accepted", "Events stored, and whether each was new", "platform", "fresh")
        self.not_stored = self._counter("events_not_stored", "Events that could not be stored and were not acknowledged")
        self.turns = self._counter("turns", "Events decided and committed")
        self.fenced = self._counter("turns_fenced", "Conversations whose turns were dropped because another node had gone on with them")
        self.undecided = self._counter("turns_failed", "Turns that failed, by the kind of error", "error")
        self.undecodable = self._counter("events_undecodable", "Stored events that this release could not read")
        self.outcomes = self._counter("answers", "What became of questions", "outcome", "topic")
        self.deliveries = self._counter("deliveries", "Attempts to deliver a message", "platform", "outcome")
        self.timers_fired = self._counter("timers_fired", "Timers that came due")
        self.restarts = self._counter("loop_restarts", "Background loops that crashed and were started again", "loop")
        self.recovered = self._counter("deliveries_recovered", "Messages whose sending was cut short and which were queued again")
        self.files_refused = self._counter("files_refused", "Files that the virus scanner did not call clean", "reason")
        self.collected = self._counter("files_collected", "Kept files that nothing referred to any more and that were removed")
        self.collected_bytes = self._counter("files_collected_bytes", "Their size")
        self.turn_seconds = Durations("relevo_turn_seconds", "From an event's receipt to the commit of its turn")
        self.registry.register(self.turn_seconds)
        self.pending = self._gauge("inbox_pending", "Events that wait for their turn")
        self.lag_seconds = self._gauge("inbox_lag_seconds", "How long the oldest of them has waited")
        self.parked = self._gauge("conversations_parked", "Conversations set aside after repeated failures")
        self.due = self._gauge("outbox_due", "Messages that wait to be sent")
        self.due_seconds = self._gauge("outbox_oldest_due_seconds", "How long the oldest of them is overdue")
        self.failed = self._gauge("outbox_failed", "Messages that could not be delivered")
        self.open_requests = self._gauge("requests_open", "Recorded requests for a person that nobody has closed")
        self.tickets = Gauge("relevo_tickets_open", "Tickets that are not closed, by state", ["state"], registry=self.registry)
        self.resident = self._gauge("resident_memory_bytes", "Memory of this process that is in RAM")

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"relevo_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"relevo_{name}", text, registry=self.registry)

    def count(self, counter: Counter, amounts: Mapping[tuple[str, ...], int]) -> None:
        """Add a batch's amounts by label values."""
        for labels, amount in amounts.items():
            counter.labels(*labels).inc(amount)


def loop_fault(log: Logger) -> Any:
    """An exception handler for the event loop that reports what nobody awaited, without quoting it."""

    def report(_: object, context: dict[str, Any]) -> None:
        error = context.get("exception")
        log.error("something failed unobserved", **(fault(error) if isinstance(error, BaseException) else {"error": "unknown"}))

    return report
