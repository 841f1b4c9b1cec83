"""The preview shows all that a desk can say, as text and nothing else, and leaves no half page behind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from adapters.text import Dialect
from bot.content import Content, ContentInvalid, snapshot
from bot.content_check import read
from bot.preview import page, preview
from bot.preview_platforms import PLATFORMS, WIDGET
from bot.preview_samples import VALUES as SAMPLES
from bot.preview_scenes import CHAPTERS, WORDS
from bot.preview_windows import of_discord, of_slack
from conversations.engine import GUIDES, PHRASES, VALUES
from tests.bot.desk import write_desk
from tests.bot.test_cli import relevo

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "content" / "introserv"
NASTY = "<script>alert(1)</script> &amp; <img src=x onerror=alert(2)> \"'"
VOID = {"br", "img", "input", "link", "meta"}
HEADINGS = {"h1", "h2", "h3", "h4", "h5"}


class Seen(HTMLParser):
    """What a browser makes of the page: elements with their attributes, and the text of each language."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, str] = {}
        self._open: list[tuple[str, str]] = [("", "")]
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append((tag, dict(attrs).get("lang") or self._open[-1][1]))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        language = self._open[-1][1]
        if self._open[-1][0] != "style":
            self.text[language] = self.text.get(language, "") + data

    def words(self, language: str) -> str:
        """Without the ways in which lines are broken."""
        return " ".join(self.text[language].split())


def content_of(folder: Path) -> Content:
    content, faults = read(folder, *snapshot(folder))
    assert content is not None, faults
    return content


@pytest.fixture(scope="module")
def shipped() -> Content:
    return content_of(SHIPPED)


@pytest.fixture(scope="module")
def html(shipped: Content) -> str:
    return page(shipped)


@pytest.fixture(scope="module")
def seen(html: str) -> Seen:
    return Seen(html)


class Gaps(Dialect):
    """A phrase as a pattern: what is filled in may be anything."""

    def text(self, text: str) -> str:
        parts = re.split(r"\{\w+\}", text.replace("{{", "\0").replace("}}", "\1"))
        return ".+?".join(re.escape(part.replace("\0", "{").replace("\1", "}")) for part in parts)


def patterns(content: Content, locale: str, id: str) -> Iterator[str]:
    for form in content.catalogues[locale].phrases[id]:
        yield re.sub(r"(?:\\?\s)+", r"\\s*", Gaps().doc(form)).replace("•", "")


@pytest.mark.parametrize("locale", ["es", "en"])
def test_every_topic_is_shown_with_its_whole_answer(shipped: Content, html: str, seen: Seen, locale: str) -> None:
    for topic in shipped.topics.values():
        answer = topic.answers[locale]
        assert f'id="{locale}-topic-{topic.id}"' in html
        leaves = re.findall(r"[^\W\d_]{3,}(?: [^\W\d_]{3,})*", Dialect().doc(answer.doc))
        missing = [leaf for leaf in (answer.title, *leaves) if leaf not in seen.words(locale)]
        assert missing == [], topic.id


@pytest.mark.parametrize("locale", ["es", "en"])
def test_every_phrase_is_shown(shipped: Content, seen: Seen, locale: str) -> None:
    words = seen.words(locale)
    said = [id for id in sorted(PHRASES) if not id.endswith(WORDS)]
    missing = [id for id in said if not all(re.search(pattern, words) for pattern in patterns(shipped, locale, id))]
    assert missing == []


@pytest.mark.parametrize("locale", ["es", "en"])
def test_every_field_is_shown_as_an_input_and_as_a_question(shipped: Content, html: str, seen: Seen, locale: str) -> None:
    labels = re.findall(r'<p class="label">(.*?)(?: \*)?</p>', html)
    for guide in GUIDES.values():
        for field in guide.form.fields:
            (label,) = shipped.catalogues[locale].phrases[field.ask.label]
            assert Dialect().doc(label) in labels, field.name
            assert all(
                re.search(r"\d+/\d+ · \s*" + each, seen.words(locale)) for each in patterns(shipped, locale, f"{field.ask.label}.ask")
            )


def test_every_way_through_a_form_ends_with_its_review_and_its_sending(html: str) -> None:
    ways = re.findall(r'<h4 id="en-ticket-\d".*?(?=<h4 id="en-ticket)', html, re.DOTALL)
    assert [way.split(">")[1].split("<")[0].split(" · ")[:2] for way in ways] == [
        ["Technical issues", "Regular"],
        ["Technical issues", "High"],
        ["Technical issues", "High"],
        ["Financial issues", "Regular"],
        ["Financial issues", "High"],
    ]
    for way in ways:
        assert "Look over your ticket" in way
        assert "Your ticket is" in way
        assert 'class="subject"' in way, "its mail"


def test_every_platform_is_drawn_in_every_language(html: str) -> None:
    for language in re.split(r"<h2 id=\"(?:es|en)\"", html)[1:]:
        for platform in PLATFORMS:
            assert f'<div class="platform on-{platform.id}">' in language


def test_nothing_runs_and_nothing_is_fetched(seen: Seen) -> None:
    tags = {tag for tag, _ in seen.elements}
    assert tags.isdisjoint({"script", "img", "link", "iframe", "object", "embed", "form", "base", "video", "audio", "svg"})
    for tag, attributes in seen.elements:
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "srcset", "style", "background", "action")]
        assert tag == "a" or "href" not in attributes


def test_the_style_fetches_nothing(html: str) -> None:
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    assert "url(" not in style
    assert "@import" not in style
    assert "default-src 'none'" in html


def test_what_the_desk_writes_is_only_ever_text(tmp_path: Path) -> None:
    folder = write_desk(tmp_path / "desk")
    desk = folder / "desk.toml"
    escaped = NASTY.replace("\\", "\\\\").replace('"', '\\"')
    desk.write_text(
        desk.read_text().replace('name = "Acme"', f'name = "{escaped}"').replace('title_en = "Sales"', f'title_en = "{escaped}"')
    )
    for locale in ("es", "en"):
        po = folder / f"phrases/{locale}.po"
        text = po.read_text().replace(f'"{locale} menu.greeting"', '"&lt;b&gt;hello&lt;/b&gt; {desk}"')
        po.write_text(text.replace(f'"{locale} form.cancel"', f'"&lt;i&gt;{locale}&lt;/i&gt;"'))
    seen = Seen(page(content_of(folder)))
    assert {"script", "img", "b", "i"}.isdisjoint(tag for tag, _ in seen.elements)
    assert f"<b>hello</b> {NASTY}" in seen.words("en")
    assert "<i>en</i>" in seen.words("en")


def test_links_lead_to_places_of_the_page_or_are_the_desks_own(html: str, seen: Seen) -> None:
    ids = [attributes["id"] for _, attributes in seen.elements if attributes.get("id")]
    assert len(ids) == len(set(ids))
    targets = {attributes["href"] or "" for tag, attributes in seen.elements if tag == "a"}
    assert {target[1:] for target in targets if target.startswith("#")} <= set(ids)
    assert all(target.startswith(("#", "https://", "http://", "mailto:")) for target in targets)


def test_headings_leave_out_no_level(seen: Seen) -> None:
    levels = [int(tag[1]) for tag, _ in seen.elements if tag in HEADINGS]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert {"header", "nav", "main", "footer"} <= {tag for tag, _ in seen.elements}


def test_the_same_files_give_the_same_page(shipped: Content, html: str) -> None:
    assert page(shipped) == html


def test_a_small_desk_is_drawn_as_well(tmp_path: Path) -> None:
    html = page(content_of(write_desk(tmp_path / "desk")))
    assert "en ticket.details.ask" in html
    assert "en time.unclear" in html


def test_how_far_it_is_is_told_to_the_end(shipped: Content) -> None:
    steps: list[tuple[int, int]] = []
    page(shipped, lambda done, of: steps.append((done, of)))
    assert steps == [(n, CHAPTERS * 2) for n in range(1, CHAPTERS * 2 + 1)]


def test_every_value_of_a_phrase_has_something_to_stand_for_it() -> None:
    assert {name for names in VALUES.values() for name in names} - SAMPLES.keys() == {"n", "desk"}


@pytest.mark.parametrize("locale", ["es", "en"])
def test_every_page_of_a_form_is_drawn_as_the_window_that_slack_and_discord_are_given(shipped: Content, html: str, locale: str) -> None:
    asked = {field.ask.label for guide in GUIDES.values() for field in guide.form.fields}
    for platform in ("slack", "discord"):
        columns = html.split(f'<div class="platform on-{platform}">')[1:]
        shown = [
            column.partition('<div class="platform ')[0].partition("</article>")[0]
            for column in columns
            if f'lang="{locale}"' in column[:90]
        ]
        pages = [column for column in shown if 'class="window"' in column]
        assert len(pages) > 20
        # Under the message whose button opens it.
        assert all('class="said"' in page.partition('class="window"')[0] for page in pages)
        labels = {unescape(label) for page in pages for label in re.findall(r'<p class="label" dir="auto">([^<]*?) ?<', page)}
        assert {Dialect().doc(shipped.catalogues[locale].phrases[label][0]) for label in asked} <= labels


def test_a_window_of_discords_is_drawn_from_its_payload() -> None:
    options = [{"value": "a", "label": "Uno", "description": "El primero"}, {"value": "b", "label": "Dos", "default": True}]
    lines = {"type": 4, "style": 2, "value": "No va", "required": False}
    modal = {
        "title": "Página 1 de 2",
        "components": [
            {"type": 18, "label": "Cuál", "component": {"type": 21, "options": options, "required": True}},
            {"type": 18, "label": "Otra", "component": {"type": 3, "options": options, "required": False}},
            {"type": 18, "label": "Qué", "description": "Con detalle", "component": lines},
            {"type": 18, "label": "Fotos", "component": {"type": 19, "required": False}},
        ],
    }
    drawn = of_discord(modal, "es")
    marked = [("radio", "Cuál", "*"), ("select", "Otra", ""), ("lines", "Qué", ""), ("files", "Fotos", "")]
    assert [(part["control"], part["label"], part["mark"]) for part in drawn["parts"]] == marked
    first, _, third, _ = drawn["parts"]
    assert [(option["label"], option["hint"], option["on"]) for option in first["options"]] == [
        ("Uno", "El primero", False),
        ("Dos", "", True),
    ]
    assert (drawn["title"], third["value"], third["hint"], third["place"]) == ("Página 1 de 2", "No va", "Con detalle", "above")


def test_a_window_of_slacks_is_drawn_from_its_payload() -> None:
    def plain(text: str) -> dict[str, str]:
        return {"type": "plain_text", "text": text}

    chosen = {"text": plain("Dos"), "value": "b"}
    select = {"type": "static_select", "placeholder": plain("Elige"), "options": [{"text": plain("Uno"), "value": "a"}, chosen]}
    view = {
        **{"title": plain("Formulario"), "submit": plain("Continuar"), "close": plain("Cerrar")},
        "blocks": [
            {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "Hola"}]}]},
            {"type": "context", "elements": [plain("⚠️ Falta algo")]},
            {"type": "input", "label": plain("Cuál"), "optional": True, "element": select},
            {"type": "input", "label": plain("Otra"), "optional": False, "element": {**select, "initial_option": chosen}},
            {
                "type": "input",
                "label": plain("Qué"),
                "hint": plain("Corto"),
                "element": {"type": "plain_text_input", "initial_value": "Sí"},
            },
            {"type": "input", "label": plain("Fotos"), "element": {"type": "file_input"}},
            {"type": "section", "text": plain("Ya hay dos")},
        ],
    }
    window = of_slack(view, "es")
    assert (window["title"], window["submit"], window["cancel"]) == ("Formulario", "Continuar", "Cerrar")
    assert [part["kind"] for part in window["parts"]] == ["text", "note", *["field"] * 4, "note"]
    one, two, line, files = window["parts"][2:6]
    assert (one["mark"], one["empty"], two["mark"], [option["on"] for option in two["options"]]) == (
        "(opcional)",
        "Elige",
        "",
        [False, True],
    )
    assert (line["control"], line["value"], line["hint"], files["control"]) == ("line", "Sí", "Corto", "files")


def test_the_widgets_words_are_those_of_the_widget() -> None:
    script = (ROOT / "adapters/webchat/static/form.js").read_text(encoding="utf-8")
    assert [word for name, word in WIDGET.items() if f'{name}: "{word}"' not in script] == []


# --- the file ---


def test_a_fault_writes_nothing(tmp_path: Path) -> None:
    folder = write_desk(tmp_path / "desk")
    (folder / "answers/hours.en.md").unlink()
    out = tmp_path / "out.html"
    out.write_text("before")
    with pytest.raises(ContentInvalid):
        preview(folder, out)
    assert out.read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["desk", "out.html"]


def test_a_page_that_cannot_be_put_in_its_place_leaves_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_desk(tmp_path / "desk")

    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        preview(folder, tmp_path / "out.html")
    assert [path.name for path in tmp_path.iterdir()] == ["desk"]


def test_the_command_writes_the_page(tmp_path: Path) -> None:
    done = relevo("content", "preview", "out.html", folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "out.html: open it in a browser\n", "")
    assert (tmp_path / "out.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_command_names_each_fault_as_the_check_does(tmp_path: Path) -> None:
    folder = write_desk(tmp_path / "desk")
    (folder / "answers/hours.en.md").unlink()
    checked = relevo("content", "check", folder=tmp_path, RELEVO_CONTENT_DIR=str(folder))
    drawn = relevo("content", "preview", "out.html", folder=tmp_path, RELEVO_CONTENT_DIR=str(folder))
    assert drawn.returncode == 1
    assert (drawn.stdout, drawn.stderr) == (checked.stdout, checked.stderr)
    assert "hours.es.md:1: the topic hours has no answers/hours.en.md" in drawn.stdout
    assert not (tmp_path / "out.html").exists()


def test_a_place_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    done = relevo("content", "preview", "nowhere/out.html", folder=tmp_path)
    assert (done.returncode, done.stderr) == (2, "relevo: nowhere/out.html cannot be written: No such file or directory\n")
    done = relevo("content", "preview", ".", folder=tmp_path)
    assert (done.returncode, done.stderr) == (2, "relevo: . cannot be written: it is there already, and not an ordinary file\n")
