"""Loads a desk's content into one immutable Knowledge, from files or from what was kept of them, and swaps it whole on a reload."""

from __future__ import annotations

import asyncio
import contextlib
import os
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

import msgspec
import numpy as np
from msgspec import Struct

from bot.content import Content, ContentInvalid, snapshot
from bot.learning import INSTALLED, KEPT_CONTENT, KEPT_MODEL, code_files
from conversations.answers import Answers
from conversations.knowledge import Codes, Knowledge
from conversations.texts import Catalogues


def load_knowledge(content_dir: Path, cache_dir: Path | None = None, codes: Codes = "mail") -> Knowledge:
    """What the desk knows, and how its `codes` go out.

    With `cache_dir`, parsed content and learnt model are kept there and used while nothing changed; what is not there may have been
    learnt when the desk was installed.

    Raises ContentInvalid with every fault of the files. A cache that is damaged, stale or cannot be written costs only time.
    """
    code = _code()
    content = _content(content_dir, cache_dir, code)
    texts = Catalogues(content.catalogues, content.desk.facts)
    return Knowledge(content.desk, content.topics, texts, _matcher(content, cache_dir, code), codes)


class Library:
    """Holds what the desk knows now. Whoever reads `current` once sees one state of the content, whatever happens meanwhile."""

    def __init__(self, content_dir: Path, cache_dir: Path | None = None, codes: Codes = "mail") -> None:
        """Raises ContentInvalid: a desk does not start from faulty content."""
        self._content_dir, self._cache_dir = content_dir, cache_dir
        self._reloading = asyncio.Lock()
        self._codes = codes
        self.current = load_knowledge(content_dir, cache_dir, codes)

    async def reload(self) -> None:
        """Read the files again and swap. Raises ContentInvalid, and then everything stays as it was."""
        async with self._reloading:
            self.current = await asyncio.to_thread(load_knowledge, self._content_dir, self._cache_dir, self._codes)


class _Kept(Struct, frozen=True):
    key: str
    content: Content


def _content(content_dir: Path, cache_dir: Path | None, code: bytes) -> Content:
    files, faults = snapshot(content_dir)
    key = _digest(code, *(part for path, data in files.items() for part in (path.encode(), data)))
    for folder in _folders(cache_dir) if not faults else ():
        if (kept := _kept_content(folder, key)) is not None:
            return kept
    # Imported only when files have to be read: parsers of Markdown, YAML and .po cost more of a start than everything else here.
    from bot.content_check import read

    content, faults = read(content_dir, files, faults)
    if content is None:
        raise ContentInvalid(faults)
    payload = msgspec.json.encode(_Kept(key, content))
    _keep(cache_dir, KEPT_CONTENT, lambda file: file.write(_digest(payload).encode() + b"\n" + payload))
    return content


def _folders(cache_dir: Path | None) -> tuple[Path, ...]:
    return (cache_dir, INSTALLED) if cache_dir is not None else ()


def _kept_content(folder: Path, key: str) -> Content | None:
    try:
        digest, _, payload = (folder / KEPT_CONTENT).read_bytes().partition(b"\n")
        # JSON with a flipped bit may still be JSON, and would then be said to customers.
        kept = msgspec.json.decode(payload, type=_Kept) if digest == _digest(payload).encode() else None
        return kept.content if kept is not None and kept.key == key else None
    except (OSError, msgspec.DecodeError):
        return None


def _matcher(content: Content, cache_dir: Path | None, code: bytes) -> Answers:
    key = np.frombuffer(_digest(code, *content.urgent, msgspec.json.encode(content.phrasings)).encode(), dtype=np.uint8)
    for folder in _folders(cache_dir):
        if (kept := _kept_model(folder, key)) is not None:
            return kept
    # Most starts find what was learnt, and need none of what it takes.
    from conversations.learning import learn

    answers = learn(content.phrasings, eager=content.urgent)
    arrays = answers.dump()
    _keep(cache_dir, KEPT_MODEL, lambda file: np.savez(file, allow_pickle=False, **{**arrays, "key": key}))
    return answers


def _kept_model(folder: Path, key: np.ndarray) -> Answers | None:
    try:
        with np.load(folder / KEPT_MODEL, allow_pickle=False) as kept:
            if not np.array_equal(kept["key"], key):
                return None
            return Answers.load({name: kept[name] for name in kept.files if name != "key"})
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None


def _keep(cache_dir: Path | None, name: str, write: Callable[[BinaryIO], object]) -> None:
    """Write a file so that whoever opens it finds the old one or all of the new, also after a crash."""
    if cache_dir is None:
        return
    draft = cache_dir / f".{name}.{os.getpid()}"
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(cache_dir / name)
    except OSError:
        # A full disk or a read-only folder: the next start is slower, nothing else.
        with contextlib.suppress(OSError):
            draft.unlink()


@cache
def _code() -> bytes:
    """Stands for the code that made what is kept."""
    return _digest(*(path.read_bytes() for path in code_files())).encode()


def _digest(*parts: bytes | str) -> str:
    digest = blake2b(digest_size=20)
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()
