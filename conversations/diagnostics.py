"""Recognises what customers paste (MTR, ping, traceroute; Linux, macOS, Windows, WinMTR) and says how much is lost and where it begins."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from conversations.values import Remark

TEXT_LIMIT = 20_000
FEW_CYCLES = 50
LOSS_FROM = 1.0
"""Percent from which loss at the last hop counts: below it a single lost packet in a hundred would raise alarm."""

PHRASES: Mapping[str, frozenset[str]] = {
    "diagnostics.clean": frozenset({"tool", "hops", "cycles"}),
    "diagnostics.path": frozenset({"tool", "loss", "hop", "host", "hops"}),
    "diagnostics.last": frozenset({"tool", "loss", "host"}),
    "diagnostics.middle": frozenset({"tool", "loss", "hop", "host"}),
    "diagnostics.stops": frozenset({"tool", "hop", "host"}),
    "diagnostics.reaches": frozenset({"tool", "hops"}),
    "diagnostics.no_reply": frozenset({"tool", "cycles"}),
    "diagnostics.ping": frozenset({"loss", "cycles", "average"}),
    "diagnostics.ping_only": frozenset({"loss", "cycles"}),
    "diagnostics.ping_clean": frozenset({"cycles", "average"}),
    "diagnostics.few": frozenset({"cycles"}),
}

Where = Literal["none", "path", "last", "middle", "stops", "all"]


class Hop(NamedTuple):
    """`host` is "" when it never answered. `loss` in percent; `sent` packets, 0 when the tool does not say."""

    number: int
    host: str
    loss: float
    sent: int = 0


class Report(NamedTuple):
    """What was recognised. `where` loss begins: at no hop; on the path from `hop` on; at the last hop only; in the middle only (routers

    that answer sparingly, and no loss for those behind them); the trace stops; nothing answered at all. `average` in ms, 0 when unknown.
    """

    tool: Literal["MTR", "WinMTR", "ping", "traceroute"]
    hops: tuple[Hop, ...]
    sent: int
    loss: float
    where: Where
    hop: Hop | None = None
    average: float = 0.0

    def remarks(self) -> list[Remark]:
        """The report in the desk's words."""
        loss, at = _percent(self.loss), self.hop
        match self.tool, self.where:
            case "ping", "none" | "path" if not self.average:
                told = Remark("diagnostics.ping_only", {"loss": loss, "cycles": self.sent})
            case "ping", "none":
                told = Remark("diagnostics.ping_clean", {"cycles": self.sent, "average": f"{self.average:g}"})
            case "ping", "all":
                told = Remark("diagnostics.no_reply", {"tool": self.tool, "cycles": self.sent})
            case "ping", _:
                told = Remark("diagnostics.ping", {"loss": loss, "cycles": self.sent, "average": f"{self.average:g}"})
            case "traceroute", "none":
                told = Remark("diagnostics.reaches", {"tool": self.tool, "hops": len(self.hops)})
            case _, "none":
                told = Remark("diagnostics.clean", {"tool": self.tool, "hops": len(self.hops), "cycles": self.sent})
            case _, "all":
                told = Remark("diagnostics.no_reply", {"tool": self.tool, "cycles": self.sent})
            case _ if at is None:
                return []
            case _, "path":
                told = Remark(
                    "diagnostics.path", {"tool": self.tool, "loss": loss, "hop": at.number, "host": at.host or "?", "hops": len(self.hops)}
                )
            case _, "last":
                told = Remark("diagnostics.last", {"tool": self.tool, "loss": loss, "host": at.host or "?"})
            case _, "middle":
                told = Remark(
                    "diagnostics.middle", {"tool": self.tool, "loss": _percent(at.loss), "hop": at.number, "host": at.host or "?"}
                )
            case _:
                told = Remark("diagnostics.stops", {"tool": self.tool, "hop": at.number, "host": at.host or "?"})
        few = "MTR" in self.tool and 0 < self.sent < FEW_CYCLES
        return [told, Remark("diagnostics.few", {"cycles": self.sent})] if few else [told]


def _percent(value: float) -> str:
    return f"{round(value, 1):g}"


def recognise(text: str) -> list[Report]:
    """Every MTR, ping and traceroute in `text`, in order; empty when there is none. Never raises."""
    lines = text[:TEXT_LIMIT].splitlines()
    found: list[tuple[int, Report]] = []
    found.extend(_mtrs(lines))
    found.extend(_winmtrs(lines))
    found.extend(_traces(lines))
    found.extend(_pings(lines))
    return [report for _, report in sorted(found, key=lambda each: each[0])]


# --- MTR ---

_MTR_HEAD = re.compile(r"\bLoss% {1,8}(?:Snt|Sent|Drop)\b|\bPackets {1,20}Pings\b", re.IGNORECASE)
_MTR_HOP = re.compile(
    r"^ {0,6}(?P<n>\d{1,3})\.(?: ?\|--)? +"
    r"(?P<host>\S+(?: \([0-9a-fA-F.:]+\)| \S+ \([0-9a-fA-F.:]+\))?) +(?P<loss>\d{1,3}(?:\.\d+)?)%? +(?P<sent>\d+) "
)
_MTR_SILENT = re.compile(r"^ {0,6}(?P<n>\d{1,3})\.(?: ?\|--)? +(?P<host>\?\?\?|\(waiting for reply\))\s*$")


def _mtrs(lines: Sequence[str]) -> Iterator[tuple[int, Report]]:
    for start, line in enumerate(lines):
        if not re.search(r"\bLoss% ", line):
            continue
        hops: list[Hop] = []
        for row in lines[start + 1 :]:
            if (hop := _mtr_hop(row)) is not None and (not hops or hop.number > hops[-1].number):
                hops.append(hop)
            elif hops and (not row.strip() or _MTR_HEAD.search(row) or row.startswith(("HOST", "Start"))):
                break
        if hops:
            yield start, _path("MTR", hops)


def _mtr_hop(row: str) -> Hop | None:
    if silent := _MTR_SILENT.match(row):
        return Hop(int(silent["n"]), "", 100.0)
    if (found := _MTR_HOP.match(row + " ")) is None:
        return None
    host = "" if found["host"] == "???" else found["host"]
    return Hop(int(found["n"]), host, min(float(found["loss"]), 100.0), min(int(found["sent"]), 1_000_000))


# --- WinMTR ---

_WIN_HEAD = re.compile(r"WinMTR|\bHost\b.*%.*\bSent\b.*\bRecv\b", re.IGNORECASE)
_WIN_HOP = re.compile(r"^\s*\|\s*(?P<host>\S.*?)\s+-\s+(?P<loss>\d{1,3})\s*\|\s*(?P<sent>\d{1,7})\s*\|\s*\d{1,7}\s*\|")
_WIN_SILENT = re.compile(r"no response from host|sin respuesta|request timed out|tiempo de espera", re.IGNORECASE)


def _winmtrs(lines: Sequence[str]) -> Iterator[tuple[int, Report]]:
    hops: list[Hop] = []
    start = -1
    for n, row in enumerate(lines):
        if found := _WIN_HOP.match(row):
            start = n if start < 0 else start
            host = "" if _WIN_SILENT.search(found["host"]) else found["host"]
            hops.append(Hop(len(hops) + 1, host, min(float(found["loss"]), 100.0), int(found["sent"])))
        elif hops and _WIN_HEAD.search(row):
            yield start, _path("WinMTR", hops)
            hops, start = [], -1
    if hops:
        yield start, _path("WinMTR", hops)


def _path(tool: Literal["MTR", "WinMTR"], hops: Sequence[Hop]) -> Report:
    sent = max(hop.sent for hop in hops)
    last = hops[-1]
    known = [hop for hop in hops if hop.host]
    if not known:
        return Report(tool, tuple(hops), sent, 100.0, "all")
    if last.loss < LOSS_FROM:
        worst = max((hop for hop in known[:-1]), key=lambda hop: hop.loss, default=None)
        if worst is not None and worst.loss >= 5:
            return Report(tool, tuple(hops), sent, last.loss, "middle", worst)
        return Report(tool, tuple(hops), sent, last.loss, "none")
    if not last.host:
        # From here on nobody answers: the last one that did is where the trace ends.
        return Report(tool, tuple(hops), sent, 100.0, "stops", known[-1])
    # Back from the end as long as each loses too; those that never answer tell nothing. A hop that loses far less than
    # all behind it only shares a chance packet with them.
    first = last
    for hop in reversed(known[:-1]):
        if hop.loss < max(LOSS_FROM, last.loss / 4):
            break
        first = hop
    return Report(tool, tuple(hops), sent, last.loss, "last" if first is last else "path", first)


# --- traceroute ---

_TRACE_HEAD = re.compile(r"^\s*(?:traceroute(?:6)? to |tracing route to |traza a(?: la direcci.n)? |traza de )", re.IGNORECASE)
_TRACE_HOP = re.compile(r"^ {0,3}(?P<n>\d{1,2})(?:: | {1,8})(?P<rest>\S.*)$")
_TRACE_TIME = re.compile(r"<?\d+(?:[.,]\d+)? ?ms\b", re.IGNORECASE)
_TRACE_HOST = re.compile(r"\b(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}|[A-Za-z0-9][\w-]*(?:\.[\w-]+)+)")


def _traces(lines: Sequence[str]) -> Iterator[tuple[int, Report]]:
    for start, line in enumerate(lines):
        if not _TRACE_HEAD.search(line):
            continue
        hops: list[Hop] = []
        for row in lines[start + 1 : start + 80]:
            found = _TRACE_HOP.match(row)
            if found is None or (hops and int(found["n"]) <= hops[-1].number):
                if hops and row.strip():
                    break
                continue
            answered = len(_TRACE_TIME.findall(found["rest"]))
            silent = found["rest"].count("*")
            if not answered and not silent:
                break
            host = _TRACE_HOST.search(_TRACE_TIME.sub(" ", found["rest"])) if answered else None
            hops.append(Hop(int(found["n"]), host[0] if host else "", 100 * silent / (answered + silent), answered + silent))
        if hops:
            yield start, _trace(hops)


def _trace(hops: Sequence[Hop]) -> Report:
    known = [hop for hop in hops if hop.host]
    if not known:
        return Report("traceroute", tuple(hops), hops[0].sent, 100.0, "all")
    if hops[-1].host:
        return Report("traceroute", tuple(hops), hops[-1].sent, 0.0, "none")
    return Report("traceroute", tuple(hops), hops[-1].sent, 100.0, "stops", known[-1])


# --- ping ---

_PING = re.compile(
    r"(?P<sent>\d{1,7}) (?:packets? transmitted|paquetes transmitidos), (?P<got>\d{1,7}) (?:packets? )?(?:received|recibidos)"
    r"(?:, \+\d+ \w+)?(?:, \+?\d+ duplicates)?, (?P<loss>\d{1,3}(?:[.,]\d+)?) ?% (?:packet loss|(?:de )?p.rdida)",
    re.IGNORECASE,
)
_PING_WINDOWS = re.compile(
    r"(?:Packets|Paquetes): (?:Sent|enviados) = (?P<sent>\d{1,7}), (?:Received|recibidos) = (?P<got>\d{1,7}), (?:Lost|perdidos) = \d{1,7}",
    re.IGNORECASE,
)
_AVERAGE = re.compile(
    r"(?:rtt|round-trip) min/avg/max/\w+ = [\d.,]+/(?P<avg>\d+(?:[.,]\d+)?)/|(?:Average|Media) = (?P<win>\d+) ?ms", re.IGNORECASE
)


def _pings(lines: Sequence[str]) -> Iterator[tuple[int, Report]]:
    for n, line in enumerate(lines):
        if (found := _PING.search(line) or _PING_WINDOWS.search(line)) is None:
            continue
        sent, got = int(found["sent"]), int(found["got"])
        if not sent:
            continue
        around = _AVERAGE.search("\n".join(lines[n : n + 4]))
        average = float((around["avg"] or around["win"]).replace(",", ".")) if around else 0.0
        loss = 100 * max(sent - got, 0) / sent
        where: Where = "none" if loss == 0 else "all" if got == 0 else "path"
        yield n, Report("ping", (), sent, loss, where, None, average)
