"""Pasted network diagnostics: recognised in every form customers have, and read as an expert would read them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversations.diagnostics import PHRASES, recognise

MTR_HEAD = """Start: 2026-11-21T14:05:00+0100
HOST: laptop                      Loss%   Snt   Last   Avg  Best  Wrst StDev
"""
MTR_CLEAN = (
    MTR_HEAD
    + """  1.|-- _gateway                   0.0%   100    0.4   0.5   0.3   1.9   0.2
  2.|-- 80.58.61.250               0.0%   100    3.1   3.4   2.9   9.8   0.8
  3.|-- ???                       100.0   100    0.0   0.0   0.0   0.0   0.0
  4.|-- server.example.com         0.0%   100   11.2  11.4  10.9  14.0   0.4
"""
)
MTR_PATH = (
    MTR_HEAD
    + """  1.|-- _gateway                   0.0%   100    0.4   0.5   0.3   1.9   0.2
  2.|-- 80.58.61.250               0.0%   100    3.1   3.4   2.9   9.8   0.8
  3.|-- ae1.core.example.net      12.0%   100    8.2   8.9   7.7  30.1   3.1
  4.|-- ???                       100.0   100    0.0   0.0   0.0   0.0   0.0
  5.|-- 198.51.100.1              15.0%   100   10.2  11.0   9.9  31.0   3.0
  6.|-- 203.0.113.7               14.0%   100   11.2  11.4  10.9  34.0   3.4
"""
)
MTR_LAST = (
    MTR_HEAD
    + """  1.|-- 192.168.1.1                0.0%    20    0.4   0.5   0.3   1.9   0.2
  2.|-- 80.58.61.250               0.0%    20    3.1   3.4   2.9   9.8   0.8
  3.|-- 203.0.113.7               40.0%    20   11.2  11.4  10.9  34.0   3.4
"""
)
MTR_MIDDLE = (
    MTR_HEAD
    + """  1. 192.168.1.1                   0.0%   100    0.4   0.5   0.3   1.9   0.2
  2. edge.example.net (80.58.61.250)  55.0%   100    3.1   3.4   2.9   9.8   0.8
  3. 203.0.113.7                   0.0%   100   11.2  11.4  10.9  34.0   3.4
"""
)
MTR_STOPS = (
    MTR_HEAD
    + """  1.|-- 192.168.1.1                0.0%   100    0.4   0.5   0.3   1.9   0.2
  2.|-- 80.58.61.250               0.0%   100    3.1   3.4   2.9   9.8   0.8
  3.|-- ???                       100.0   100    0.0   0.0   0.0   0.0   0.0
"""
)
MTR_TUI = """                             My traceroute  [v0.95]
laptop (192.168.1.20) -> 203.0.113.7                     2026-11-21T14:05:00+0100
Keys:  Help   Display mode   Restart statistics   Order of fields   quit
                                         Packets               Pings
 Host                                 Loss%   Snt   Last   Avg  Best  Wrst StDev
 1. _gateway                           0.0%   120    0.4   0.5   0.3   1.9   0.2
 2. (waiting for reply)
 3. 203.0.113.7                        0.8%   120   11.2  11.4  10.9  34.0   3.4
"""
WINMTR = """|------------------------------------------------------------------------------------------|
|                                      WinMTR statistics                                   |
|                       Host              -   %  | Sent | Recv | Best | Avrg | Wrst | Last |
|------------------------------------------------|------|------|------|------|------|------|
|                             192.168.1.1 -    0 |  120 |  120 |    0 |    0 |    1 |    0 |
|                   No response from host -  100 |   24 |    0 |    0 |    0 |    0 |    0 |
|                    ae1.core.example.net -    9 |   90 |   82 |    8 |   10 |   44 |    9 |
|                             203.0.113.7 -   10 |   90 |   81 |   10 |   12 |   40 |   11 |
|________________________________________________|______|______|______|______|______|______|
   WinMTR v0.92 GPL V2 by Appnor MSP - Fully Managed Hosting & Cloud Provider
"""
WINMTR_ES = WINMTR.replace("No response from host", "Sin respuesta del host  ")
PING_LINUX = """PING 203.0.113.7 (203.0.113.7) 56(84) bytes of data.
64 bytes from 203.0.113.7: icmp_seq=1 ttl=54 time=11.2 ms

--- 203.0.113.7 ping statistics ---
10 packets transmitted, 7 received, 30% packet loss, time 9012ms
rtt min/avg/max/mdev = 10.901/11.402/14.015/0.400 ms
"""
PING_LINUX_ES = """--- 203.0.113.7 estadísticas ping ---
10 paquetes transmitidos, 7 recibidos, 30% pérdida de paquetes, tiempo 9012ms
rtt min/avg/max/mdev = 10,901/11,402/14,015/0,400 ms
"""
PING_MAC = """--- 203.0.113.7 ping statistics ---
4 packets transmitted, 4 packets received, 0.0% packet loss
round-trip min/avg/max/stddev = 10.1/11.3/12.9/1.0 ms
"""
PING_DEAD = "5 packets transmitted, 0 received, +5 errors, 100% packet loss, time 4085ms\n"
PING_BARE = "10 packets transmitted, 7 received, 30% packet loss, time 9012ms\n"
PING_WINDOWS = """Ping statistics for 203.0.113.7:
    Packets: Sent = 4, Received = 3, Lost = 1 (25% loss),
Approximate round trip times in milli-seconds:
    Minimum = 10ms, Maximum = 12ms, Average = 11ms
"""
PING_WINDOWS_ES = """Estadísticas de ping para 203.0.113.7:
    Paquetes: enviados = 4, recibidos = 3, perdidos = 1
    (25% perdidos),
Tiempos aproximados de ida y vuelta en milisegundos:
    Mínimo = 10ms, Máximo = 12ms, Media = 11ms
"""
TRACE_LINUX = """traceroute to 203.0.113.7 (203.0.113.7), 30 hops max, 60 byte packets
 1  _gateway (192.168.1.1)  0.512 ms  0.498 ms  0.471 ms
 2  * * *
 3  203.0.113.7 (203.0.113.7)  11.223 ms  11.402 ms  11.390 ms
"""
TRACE_STOPS = """traceroute to 203.0.113.7 (203.0.113.7), 30 hops max, 60 byte packets
 1  _gateway (192.168.1.1)  0.512 ms  0.498 ms  0.471 ms
 2  80.58.61.250 (80.58.61.250)  4.123 ms  4.456 ms  4.789 ms
 3  * * *
 4  * * *
"""
TRACE_WINDOWS = """Tracing route to server.example.com [203.0.113.7]
over a maximum of 30 hops:

  1     1 ms    <1 ms    <1 ms  192.168.1.1
  2     *        *        *     Request timed out.
  3    11 ms    11 ms    12 ms  203.0.113.7

Trace complete.
"""
TRACE_WINDOWS_ES = """Traza a la dirección server.example.com [203.0.113.7]
sobre un máximo de 30 saltos:

  1     1 ms    <1 ms    <1 ms  192.168.1.1
  2     4 ms     4 ms     5 ms  80.58.61.250
  3     *        *        *     Tiempo de espera agotado para esta solicitud.

Traza completa.
"""


@pytest.mark.parametrize(
    ("text", "tool", "where", "loss", "hop", "sent"),
    [
        (MTR_CLEAN, "MTR", "none", 0, None, 100),
        (MTR_PATH, "MTR", "path", 14, 3, 100),
        (MTR_LAST, "MTR", "last", 40, 3, 20),
        (MTR_MIDDLE, "MTR", "middle", 0, 2, 100),
        (MTR_STOPS, "MTR", "stops", 100, 2, 100),
        (MTR_TUI, "MTR", "none", 0.8, None, 120),
        (WINMTR, "WinMTR", "path", 10, 3, 120),
        (WINMTR_ES, "WinMTR", "path", 10, 3, 120),
        (PING_LINUX, "ping", "path", 30, None, 10),
        (PING_LINUX_ES, "ping", "path", 30, None, 10),
        (PING_MAC, "ping", "none", 0, None, 4),
        (PING_DEAD, "ping", "all", 100, None, 5),
        (PING_WINDOWS, "ping", "path", 25, None, 4),
        (PING_WINDOWS_ES, "ping", "path", 25, None, 4),
        (TRACE_LINUX, "traceroute", "none", 0, None, 3),
        (TRACE_STOPS, "traceroute", "stops", 100, 2, 3),
        (TRACE_WINDOWS, "traceroute", "none", 0, None, 3),
        (TRACE_WINDOWS_ES, "traceroute", "stops", 100, 2, 3),
    ],
)
@pytest.mark.parametrize("around", ["{}", "Hola, os pego esto:\n\n{}\nGracias", "{}\r\n"])
def test_each_is_recognised_and_read(around: str, text: str, tool: str, where: str, loss: float, hop: int | None, sent: int) -> None:
    pasted = around.format(text).replace("\n", "\r\n") if around.endswith("\r\n") else around.format(text)
    (report,) = recognise(pasted)
    assert (report.tool, report.where, report.loss, report.sent) == (tool, where, loss, sent)
    assert (report.hop.number if report.hop else None) == hop
    assert [hop.number for hop in report.hops] == list(range(1, len(report.hops) + 1))
    assert report.remarks()


def test_averages_hosts_and_few_cycles_are_told() -> None:
    assert recognise(PING_LINUX_ES)[0].remarks()[0].values == {"loss": "30", "cycles": 10, "average": "11.402"}
    assert recognise(MTR_PATH)[0].remarks()[0].values["host"] == "ae1.core.example.net"
    assert [remark.phrase for remark in recognise(MTR_LAST)[0].remarks()] == ["diagnostics.last", "diagnostics.few"]


def test_several_in_one_text_come_in_their_order() -> None:
    found = recognise(PING_LINUX + "\n" + MTR_PATH + "\n" + TRACE_STOPS + "\n" + MTR_CLEAN)
    assert [report.tool for report in found] == ["ping", "MTR", "traceroute", "MTR"]


def test_every_remark_is_declared_with_its_values() -> None:
    told = {
        remark.phrase: remark.values.keys()
        for text in (MTR_CLEAN, MTR_PATH, MTR_LAST, MTR_MIDDLE, MTR_STOPS, PING_LINUX, PING_MAC, PING_DEAD, PING_BARE, TRACE_LINUX)
        for remark in recognise(text)[0].remarks()
    }
    assert told == {id: set(values) for id, values in PHRASES.items()}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mi servidor pierde paquetes, 30% más o menos",
        "1. primero esto\n2. luego aquello",
        "the ping is 11 ms",
        "Loss% Snt",
        "[  12.345678] ata1.00: exception Emask 0x0",
        "eth0: 10 packets transmitted",
        "traceroute to nowhere",
    ],
)
def test_other_text_is_left_alone(text: str) -> None:
    assert recognise(text) == []


lines = [line for text in (MTR_PATH, WINMTR, PING_LINUX, TRACE_LINUX, TRACE_WINDOWS_ES, PING_WINDOWS_ES) for line in text.splitlines()]


@settings(max_examples=300)
@given(st.lists(st.one_of(st.sampled_from(lines), st.text(max_size=30)), max_size=40).map("\n".join))
def test_nothing_pasted_breaks_it_and_every_share_is_a_percentage(text: str) -> None:
    for report in recognise(text):
        assert 0 <= report.loss <= 100
        assert all(0 <= hop.loss <= 100 for hop in report.hops)
        for remark in report.remarks():
            assert remark.values.keys() == PHRASES[remark.phrase]
