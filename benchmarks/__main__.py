"""`python -m benchmarks`: every benchmark, as a table and as figures in var/bench.json."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks import answers, platforms, process, turns, uploads

FIGURES = Path("var") / "bench.json"

WORDS = {
    "turn_cpu_ms": "CPU ms of a durable turn, 200 customers at once",
    "turn_quiet_cpu_ms": "… in the quietest sixth of that run",
    "turn_alike_cpu_ms": "… when all ask in the same few sentences",
    "turn_rate": "turns a second, 200 customers at once",
    "turn_p50_ms": "message to delivery, p50 ms, 200 customers at once",
    "turn_p99_ms": "… p99 ms",
    "turn_floor_rate": "turns a second of bare sqlite3: the same rows, 64 turns per commit",
    "turn_floor_ratio": "our rate ÷ that",
    "turn_floor_cpu_ms": "CPU ms of such a turn",
    "turn_floor_cpu_ratio": "turn_cpu_ms ÷ that",
    "turn_alone_cpu_ms": "CPU ms of a durable turn, one customer",
    "turn_alone_rate": "turns a second, one customer",
    "turn_alone_p50_ms": "message to delivery, p50 ms, one customer",
    "turn_alone_p99_ms": "… p99 ms",
    "form_turn_cpu_ms": "CPU ms of a durable turn of the ticket form, 100 customers at once",
    "form_answer_cpu_ms": "… of an answer turn beside it",
    "form_turn_ratio": "the form's turn ÷ the answer turn, in the same run",
    "answer_p50_ms": "an answer at the desk's size, p50 ms",
    "answer_p99_ms": "… p99 ms",
    "answer_3000_p50_ms": "an answer at 3,000 phrases, p50 ms",
    "answer_3000_p99_ms": "… p99 ms",
    "start_s": "start to ready, seconds",
    "start_first_s": "… the very first time: tables made, content learnt",
    "rss_idle_mb": "memory when idle, MB",
    "rss_load_mb": "memory with 10,000 open conversations and 200 busy sockets, MB",
    "start_platforms_s": "start to ready with Telegram, Slack and Discord all connected, seconds",
    "rss_platforms_mb": "memory when idle with the three, MB",
    "web_conversation_rate": "live chats opened, asked in and answered a second",
    "upload_loop_lag_ms": "what is due in the event loop comes late by, at most, while five files of 20 MB are sent at once, ms",
    "upload_loop_held_ms": "… without the time in which the machine gave it no processor, ms",
    "upload_reply_max_ms": "longest delay of a reply meanwhile, ms",
    "upload_reply_p99_ms": "… p99 ms",
    "upload_quiet_loop_lag_ms": "the event loop's before that, when nothing is sent, ms",
    "upload_quiet_max_ms": "… and a reply's longest delay, ms",
    "upload_s": "seconds until the five files are kept",
    "widget_gz_bytes": "the widget, bytes (gzip)",
}


def main() -> None:
    out = sys.stdout
    figures: dict[str, float] = {}
    for run in (turns.run, answers.run, process.run, platforms.run, uploads.run):
        found = run()
        for name, value in found.items():
            shown = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3f}"
            out.write(f"{name:<26}{shown:>12}  {WORDS.get(name, '')}\n")
        out.flush()
        figures |= found
    FIGURES.parent.mkdir(exist_ok=True)
    FIGURES.write_text(json.dumps({name: round(value, 4) for name, value in figures.items()}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
