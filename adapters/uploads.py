"""What a file that came from outside may be called."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath
from typing import Final

_NAME_LIMIT: Final = 100
# Endings that may stand at the end of a name, the usual one first. Of a text, only what no system opens as a program.
_ENDINGS: Final = {
    "image/png": (".png",),
    "image/jpeg": (".jpg", ".jpeg"),
    "image/webp": (".webp",),
    "application/pdf": (".pdf",),
    "text/plain": (".txt", ".log", ".csv", ".md", ".conf", ".cfg", ".json", ".yaml", ".yml"),
}
_UNFIT: Final = frozenset('<>:"/\\|?*%')


def name_of(given: str, mime: str) -> str:
    """A name that is only a name: no path, nothing invisible, nothing a file system or a header trips over, and the ending of its type."""
    bare = given.replace("\\", "/").rpartition("/")[2]
    fit = "".join(letter for letter in bare if unicodedata.category(letter)[0] != "C" and letter not in _UNFIT)
    path = PurePosixPath(" ".join(fit.split()).strip(" .") or "file")
    endings = _ENDINGS[mime]
    stem, ending = (path.stem, path.suffix) if path.suffix.lower() in endings else (path.name, endings[0])
    return stem[: _NAME_LIMIT - len(ending)].rstrip(" .") + ending
