"""The virus scanner: what it calls clean is kept, what is infected is set aside, and without a clear answer nothing is kept."""

from __future__ import annotations

import stat
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.ports import FileRefused
from bot.files import Files
from bot.scanner import PART, Scanner
from bot.telemetry import Metrics, configure
from storage.blobs import Blob, Blobs
from tests.clamd import EICAR, Clamd, serving


async def parts(content: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(content), 50_000):
        yield content[at : at + 50_000]


class Kept:
    def __init__(self, folder: Path, address: str, seconds: float = 20) -> None:
        self.folder = folder
        self.metrics = Metrics()
        self.scanner = Scanner(address, seconds, seconds)
        self.files = Files(Blobs(folder), self.scanner, self.metrics, configure("error", "json"))

    async def keep(self, content: bytes) -> Blob:
        return await self.files.keep(parts(content))

    async def refused(self, content: bytes) -> str:
        with pytest.raises(FileRefused) as refusal:
            await self.keep(content)
        assert self.metrics.registry.get_sample_value("relevo_files_refused_total", {"reason": refusal.value.reason}) == 1
        return refusal.value.reason

    def there(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("by", ["tcp", "unix"])
async def test_what_is_clean_is_kept_and_was_shown_whole(tmp_path: Path, by: str) -> None:
    clamd = Clamd()
    content = b"a line of a log\n" * 30_000
    # The path of a socket may have 107 bytes.
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        async with serving(clamd, f"{short}/clamd" if by == "unix" else "") as address:
            kept = Kept(tmp_path, address)
            blob = await kept.keep(content)
            assert await kept.scanner.check() == ""
    assert await kept.files.find(blob.digest) is not None
    assert clamd.seen == [content]
    assert len(clamd.parts) > 1
    assert max(clamd.parts) <= PART
    assert len(kept.there()) == 1


async def test_what_is_infected_is_set_aside_and_never_given_out(tmp_path: Path) -> None:
    async with serving(Clamd()) as address:
        kept = Kept(tmp_path, address)
        assert await kept.refused(EICAR) == "infected"
    (aside,) = kept.there()
    assert aside.parent == tmp_path / "quarantine"
    assert aside.read_bytes() == EICAR
    assert (stat.S_IMODE(aside.stat().st_mode), stat.S_IMODE(aside.parent.stat().st_mode)) == (0o600, 0o700)
    for id in (aside.name, f"{aside.name}.proof", f"quarantine/{aside.name}"):
        assert await kept.files.find(id) is None
    assert not await kept.files.renew(aside.name)


async def test_the_quarantine_does_not_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.blobs._QUARANTINE", 3)
    async with serving(Clamd()) as address:
        for number in range(5):
            assert await Kept(tmp_path, address).refused(EICAR + str(number).encode()) == "infected"
    assert len(list((tmp_path / "quarantine").iterdir())) == 3


@pytest.mark.parametrize("fault", ["error", "garbage", "early", "dies", "endless"])
async def test_without_a_clear_answer_nothing_is_kept(tmp_path: Path, fault: str) -> None:
    clamd = Clamd()
    clamd.fault = fault
    async with serving(clamd) as address:
        kept = Kept(tmp_path, address)
        assert await kept.refused(b"a line\n" * 2_000_000) == "unchecked"
        assert kept.there() == []
        assert await kept.scanner.check() == "it gives no clear answer; no file is taken"
        clamd.fault = ""
        assert (await kept.keep(b"a line\n")).size == 7


async def test_a_scanner_that_is_too_slow_or_away_is_no_permission(tmp_path: Path) -> None:
    clamd = Clamd()
    clamd.fault = "silent"
    async with serving(clamd) as address:
        kept = Kept(tmp_path, address, seconds=0.05)
        assert await kept.refused(b"a line\n") == "unchecked"
        assert await kept.scanner.check() == "it does not answer; no file is taken"
    for nowhere in (address, f"unix:{tmp_path}/no"):
        away = Kept(tmp_path, nowhere)
        assert await away.refused(b"a line\n") == "unchecked"
        assert await away.scanner.check() == "it does not answer; no file is taken"
    assert kept.there() == []


async def test_what_is_larger_than_the_scanner_takes_is_refused(tmp_path: Path) -> None:
    clamd = Clamd(limit=200_000)
    async with serving(clamd) as address:
        kept = Kept(tmp_path, address)
        assert await kept.refused(b"a line of a log\n" * 500_000) == "unchecked"
        assert kept.there() == []
        assert (await kept.keep(b"a line of a log\n" * 10_000)).size == 160_000
