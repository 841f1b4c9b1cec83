"""Kept files that nobody refers to: collected when they are old, never when they were just renewed, whoever else is at it or dies."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from storage.blobs import Blob, Blobs
from tests.storage.test_blobs import keep

CONTENT = b"the same log, once more\n"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
DAY = 86_400
NOW = round(time.time() * 1000)
BEFORE = NOW - 2 * DAY * 1000
ROUNDS = 60


def place(folder: Path, digest: str = DIGEST) -> Path:
    return folder / digest[:2] / digest[2:]


def old(folder: Path, digest: str = DIGEST, days: float = 3) -> None:
    at = NOW / 1000 - days * DAY
    os.utime(place(folder, digest), (at, at))


def test_only_what_is_old_is_collected(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    digests = [keep(tmp_path, f"log {number}\n".encode()).digest for number in range(4)]
    for digest, days in zip(digests, (9, 3, 1), strict=False):
        old(tmp_path, digest, days)
    assert sorted(blobs.aged(BEFORE, 0, 10)) == sorted(digests[:2])
    assert blobs.collect([*digests, "0" * 64], BEFORE) == (2, 12)
    assert [blobs.find(digest) is not None for digest in digests] == [False, False, True, True]
    assert blobs.collect(digests, BEFORE) == (0, 0)


def test_to_renew_or_to_keep_again_begins_its_age_anew(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    renewals: list[Callable[[], object]] = [lambda: blobs.renew(f"{DIGEST}.proof"), lambda: keep(tmp_path, CONTENT)]
    for renew in renewals:
        keep(tmp_path, CONTENT)
        old(tmp_path)
        assert renew()
        assert blobs.aged(BEFORE, 0, 10) == []
        assert blobs.collect([DIGEST], BEFORE) == (0, 0)
    old(tmp_path)
    assert blobs.collect([DIGEST], BEFORE) == (1, len(CONTENT))
    assert not blobs.renew(DIGEST)
    assert keep(tmp_path, CONTENT).digest == DIGEST


def test_every_file_gets_its_turn(tmp_path: Path) -> None:
    digests = sorted(keep(tmp_path, f"log {number}\n".encode()).digest for number in range(40))
    for digest in digests:
        old(tmp_path, digest)
    (tmp_path / "00").mkdir(exist_ok=True)
    (tmp_path / "00" / "a note of the administrator").write_text("", encoding="utf-8")
    seen = [set(Blobs(tmp_path).aged(BEFORE, start * 97, 5)) for start in range(256)]
    assert {len(some) for some in seen} == {5}
    assert set().union(*seen) == set(digests)


def meanwhile(*works: Callable[[], object]) -> list[object]:
    """All of them at the same moment, as far as there is one."""
    barrier = threading.Barrier(len(works))

    def begin(work: Callable[[], object]) -> object:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(begin, works))


def test_what_was_just_vouched_for_is_never_taken(tmp_path: Path) -> None:
    """Without the lock, or if the age were looked at before it, this fails in the first rounds."""
    blobs = Blobs(tmp_path)
    for _ in range(ROUNDS):
        if blobs.find(DIGEST) is None:
            keep(tmp_path, CONTENT)
        old(tmp_path)
        collected: list[tuple[int, int]] = []
        renewed: list[bool] = []
        meanwhile(
            lambda: keep(tmp_path, CONTENT),
            lambda: collected.append(blobs.collect([DIGEST], BEFORE)),  # noqa: B023 - run within the round
            lambda: renewed.append(blobs.renew(DIGEST)),  # noqa: B023
            lambda: collected.append(blobs.collect([DIGEST], BEFORE)),  # noqa: B023
            lambda: keep(tmp_path, CONTENT),
        )
        assert place(tmp_path).read_bytes() == CONTENT
        assert sum(count for count, _ in collected) <= 1


def test_a_renewal_alone_is_enough(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    for _ in range(ROUNDS):
        keep(tmp_path, CONTENT)
        old(tmp_path)
        renewed, collected = meanwhile(lambda: blobs.renew(DIGEST), lambda: blobs.collect([DIGEST], BEFORE))
        assert renewed is (blobs.find(DIGEST) is not None)
        assert collected == ((0, 0) if renewed else (1, len(CONTENT)))


# --- the process dies ---

# Every call to the system that the audit hooks of Python tell of (opening, locking, linking, removing, changing times and names) is a
# place to die at. `argv`: folder, what to do, before which call the process ends (0 for none), content, digest, age.
VICTIM = """
import os, sys, threading
from pathlib import Path
from storage.blobs import Blobs
folder, work, fatal = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
CALLS = {"open", "os.mkdir", "os.rename", "os.remove", "os.link", "os.utime", "fcntl.flock"}
count = 0
def die(event, args):
    global count
    if event in CALLS and armed:
        count += 1
        if count == fatal:
            os._exit(9)
armed = False
sys.addaudithook(die)
blobs = Blobs(folder)
armed = True
if work == "keep":
    incoming = blobs.begin()
    incoming.write(sys.argv[4].encode())
    incoming.keep()
elif work == "renew":
    assert blobs.renew(sys.argv[5])
else:
    blobs.collect([sys.argv[5]], int(sys.argv[6]))
armed = False
os.write(1, b"done" if not fatal else b"survived")
print(count)
"""


def run(folder: Path, work: str, fatal: int = 0) -> str:
    told = [str(folder), work, str(fatal), CONTENT.decode(), DIGEST, str(BEFORE)]
    done = subprocess.run([sys.executable, "-c", VICTIM, *told], capture_output=True, text=True, check=False)
    assert done.returncode == (9 if fatal and not done.stdout else 0), done.stderr
    return done.stdout


def calls(folder: Path, work: str) -> Iterable[int]:
    said = run(folder, work)
    return range(1, int(said.removeprefix("done")) + 1)


@pytest.mark.parametrize(("work", "there"), [("keep", False), ("keep", True), ("renew", True), ("collect", True)])
def test_a_process_that_dies_at_any_call_leaves_the_file_or_nothing(tmp_path: Path, work: str, there: bool) -> None:
    def prepared(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        if there:
            keep(folder, CONTENT)
            old(folder)
        return folder

    deaths = calls(prepared("whole"), work)
    assert len(list(deaths)) >= (3 if work != "keep" else 6)
    gone = 0
    for fatal in deaths:
        folder = prepared(f"{fatal}")
        assert run(folder, work, fatal) == ""
        found = Blobs(folder).find(DIGEST)
        assert found is None or found.read_bytes() == CONTENT
        gone += found is None
        if there:
            assert found is not None or work == "collect"
        # Whoever comes next is neither held up by a lock nor misled by what was left.
        assert keep(folder, CONTENT) == Blob(DIGEST, "text/plain", len(CONTENT))
        assert Blobs(folder).collect([DIGEST], BEFORE) == (0, 0)
        Blobs(folder).tidy(round(time.time() * 1000) + 2 * DAY * 1000)
        assert [path for path in folder.rglob("*") if path.is_file()] == [place(folder)]
    assert (gone > 0) is (work == "keep" and not there)
