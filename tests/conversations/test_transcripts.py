"""The transcripts in transcripts/ are kept to by the engine with the desk's own content, word for word where they say so."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.knowledge import load_knowledge
from bot.transcripts import play
from conversations.knowledge import Knowledge

HERE = Path(__file__).parent
CONTENT = HERE.parents[1] / "content" / "introserv"


@pytest.fixture(scope="session")
def knowledge() -> Knowledge:
    return load_knowledge(CONTENT, None)


@pytest.mark.parametrize("path", sorted((HERE / "transcripts").glob("*.md")), ids=lambda path: path.stem)
def test_the_desk_keeps_to_its_transcript(path: Path, knowledge: Knowledge) -> None:
    mismatches = play(path, knowledge)
    assert not mismatches, "\n".join(map(str, mismatches))


def test_a_transcript_that_is_not_kept_to_is_told_with_its_line(tmp_path: Path, knowledge: Knowledge) -> None:
    path = tmp_path / "wrong.md"
    path.write_text("# wrong\n\nlocale: en\n\n> /help\nI am a teapot.\n[No such choice]\n{set_timer nothing}\n", encoding="utf-8")
    assert [mismatch.line for mismatch in play(path, knowledge)] == [6, 7, 8]
