"""The desk that is killed in the memory runs: its platform lives in the process outside. `python -m tests.crash.desk FOLDER PORT`."""

from __future__ import annotations

import sys
from pathlib import Path

from adapters.memory import Memory, SocketFeed, append_to
from tests.crash.life import Parts, live


def build(parts: Parts) -> Memory:
    feed = SocketFeed("127.0.0.1", int(sys.argv[2]))
    return Memory(feed=feed, sink=append_to(parts.folder / "sent.jsonl"), idempotent_send=False)


if __name__ == "__main__":
    live(Path(sys.argv[1]), build)
