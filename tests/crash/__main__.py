"""`python -m tests.crash`: the kill runs, a table, and one last line for programs. Exit code 1 when a promise was broken."""

from __future__ import annotations

import argparse
import asyncio
import random
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from tests.crash import discord_run, form_run, memory_run, slack_run, telegram_run, web_run
from tests.crash.report import Found

LIMIT_SECONDS = 600.0
PLATFORM_KILLS = 32
"""Of each platform's own library."""


async def every(kills: int, form_kills: int, seed: int, folder: Path) -> list[Found]:
    runs = []
    shares = (
        ("memory", memory_run, kills // 2),
        ("web", web_run, kills - kills // 2),
        ("form", form_run, form_kills),
        ("telegram", telegram_run, PLATFORM_KILLS),
        ("slack", slack_run, PLATFORM_KILLS),
        ("discord", discord_run, PLATFORM_KILLS),
    )
    for name, one, share in shares:
        (folder / name).mkdir()
        runs.append(one.run(share, random.Random(f"{seed} {name}"), folder / name))
    async with asyncio.timeout(LIMIT_SECONDS):
        return list(await asyncio.gather(*runs))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=54)
    parser.add_argument("--form-kills", type=int, default=52, help="kills under customers who fill in the ticket form")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="the same seed chooses the same moments")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="relevo-crash-")
    found = asyncio.run(every(options.kills, options.form_kills, options.seed, Path(folder)))
    out = sys.stdout.write
    out(f"seed {options.seed}\n\n")
    columns = ("run", "kills", "events", "redelivered", "lost", "doubled", "reordered", "duplicate sends", "seconds")
    out("  ".join(f"{name:>{max(8, len(name))}}" for name in columns) + "\n")
    for one in found:
        cells = (*one[:-2], f"{one.seconds:.0f}")
        out("  ".join(f"{cell!s:>{max(8, len(name))}}" for name, cell in zip(columns, cells, strict=True)) + "\n")
    out("".join(f"\n{one.note}\n" for one in found if one.note))
    kills, lost, doubled, reordered, repeated = (
        sum(getattr(one, name) for one in found) for name in ("kills", "lost", "doubled", "reordered", "duplicate_sends")
    )
    # On the live chat a message must never show twice; elsewhere once per kill at most.
    repeating = ("memory", "telegram", "slack")
    shown_twice = sum(max(0, one.duplicate_sends - (one.kills if one.name in repeating else 0)) for one in found)
    if shown_twice:
        out(f"\n{shown_twice} duplicate sends more than the kills explain\n")
    broken = bool(lost or doubled or reordered or shown_twice)
    if broken:
        out(f"\nwhat the desks stored and logged is kept in {folder}\n")
    else:
        shutil.rmtree(folder)
    out(f"\ncrash: kills={kills} lost={lost} doubled={doubled} reordered={reordered} duplicate_sends={repeated}\n")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
