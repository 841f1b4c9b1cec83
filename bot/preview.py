"""`relevo content preview`: everything a desk says, on every platform, as one page that needs nothing but itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bot.content import Content, ContentInvalid, snapshot
from bot.content_check import read
from bot.preview_platforms import PLATFORMS, Draw, Drawn, Platform, draw, windows
from bot.preview_play import Sure
from bot.preview_scenes import CHAPTERS, Chapter, Scene, chapters
from conversations.flows.menu import LANGUAGE_NAMES
from conversations.knowledge import Knowledge, Verdict
from conversations.texts import Catalogues

TEMPLATE = "preview.html"
RIGHT_TO_LEFT = ("ar", "fa", "he", "ur")

Told = Callable[[int, int], None]
"""Is told how many of how many parts are drawn."""


def preview(content_dir: Path, out: Path, told: Told = lambda done, of: None) -> None:
    """Write the page. Whoever opens `out` meanwhile finds the page of before, or all of the new one.

    Raises ContentInvalid with every fault of the files, and OSError when `out` cannot be written; then nothing is.
    """
    if out.exists() and not out.is_file():
        raise OSError(0, "it is there already, and not an ordinary file")
    files, faults = snapshot(content_dir)
    content, faults = read(content_dir, files, faults)
    if content is None:
        raise ContentInvalid(faults)
    _write(out, page(content, told))


def page(content: Content, told: Told = lambda done, of: None) -> str:
    """The page as HTML. All that is text goes through the template, which escapes it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    texts = Catalogues(content.catalogues, content.desk.facts)
    knowledge = Knowledge(content.desk, content.topics, texts, Sure(Verdict("unknown", (), 0.0)))
    environment = Environment(
        loader=PackageLoader("bot", ""), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.get_template(TEMPLATE)
    drawings = [(platform, platform.open(content.desk)) for platform in PLATFORMS]
    languages = []
    done, of = 0, CHAPTERS * len(content.desk.locales)
    for locale in content.desk.locales:
        drawn = []
        for chapter in chapters(knowledge, locale):
            drawn.append(_drawn(chapter, drawings))
            done += 1
            told(done, of)
        name = LANGUAGE_NAMES.get(locale, locale)
        languages.append({"locale": locale, "name": name, "dir": _direction(locale), "chapters": drawn})
    return template.render(desk=content.desk, languages=languages, platforms=PLATFORMS).lstrip()


def _direction(locale: str) -> str:
    return "rtl" if locale.partition("-")[0] in RIGHT_TO_LEFT else "ltr"


def _drawn(chapter: Chapter, drawings: list[tuple[Platform, Draw]]) -> dict[str, Any]:
    sections = [
        {**section._asdict(), "scenes": [{"title": scene.title, "on": list(_on(scene, drawings))} for scene in section.scenes]}
        for section in chapter.sections
    ]
    return {**chapter._asdict(), "sections": sections}


def _on(scene: Scene, drawings: list[tuple[Platform, Draw]]) -> Iterator[tuple[Platform, list[Drawn]]]:
    """The platforms that this is seen on, with what is seen there."""
    for platform, drawing in drawings:
        messages = scene.mail if platform.mail else (platform.native and scene.native) or scene.chat
        drawn = [draw(platform, drawing, message) for message in messages]
        # One window for all questions of a page: it stands under the first that has its button.
        opens = next((n for n, message in enumerate(messages) if message.sheet is not None), len(drawn))
        drawn.insert(opens + 1, windows(platform, scene.native))
        if parts := [part for each in drawn for part in each]:
            yield platform, parts


def _write(out: Path, text: str) -> None:
    draft = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        draft.replace(out)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
