"""A desk's content: its files at one moment, what they come to when they are good, and what is said of them when they are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from conversations.answers import Phrase
from conversations.knowledge import Desk, Topic
from conversations.texts import Catalogue

DESK = "desk.toml"
ANSWERS = "answers/"
PHRASES = "phrases/"
FILE_LIMIT = 1 << 20

Files = Mapping[str, bytes]
"""A desk's files as they were at one moment: path below the content folder, with /, to bytes."""


class Content(Struct, frozen=True):
    """Everything in a desk's files, parsed. Plain data, so that it can be kept beside the model and read back in a moment.

    `urgent` are the topics that are answered on lower evidence: to miss one costs more than to answer it needlessly.
    """

    desk: Desk
    topics: dict[str, Topic]
    catalogues: dict[str, Catalogue]
    phrasings: tuple[Phrase, ...]
    urgent: tuple[str, ...]


class ContentFault(Struct, frozen=True, order=True):
    """Something wrong in a file: `path` as the reader can open it, `line` from 1, `message` for a person."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


class ContentInvalid(Exception):
    """A desk's content cannot be used. `faults` are all that were found, in the order of the files."""

    def __init__(self, faults: Sequence[ContentFault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = tuple(faults)


def snapshot(content_dir: Path) -> tuple[Files, list[ContentFault]]:
    """The desk's files, each read once: what is checked, hashed and used is then the same, whoever edits meanwhile."""
    files: dict[str, bytes] = {}
    faults: list[ContentFault] = []
    if not content_dir.is_dir():
        return files, [ContentFault(str(content_dir), 1, "there is no such folder")]
    for path in sorted((content_dir / DESK, *content_dir.glob(ANSWERS + "*"), *content_dir.glob(PHRASES + "*"))):
        if path.name.startswith(".") or path.name.endswith("~"):
            continue  # what editors leave lying about
        try:
            with path.open("rb") as file:
                data = file.read(FILE_LIMIT + 1)
        except FileNotFoundError:
            faults.append(ContentFault(str(path), 1, "the file is missing"))
        except OSError as error:
            faults.append(ContentFault(str(path), 1, f"cannot be read: {error.strerror}"))
        else:
            if len(data) > FILE_LIMIT:
                faults.append(ContentFault(str(path), 1, f"larger than {FILE_LIMIT >> 20} MB"))
            else:
                files[path.relative_to(content_dir).as_posix()] = data
    return files, faults
