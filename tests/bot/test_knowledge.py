"""Content becomes knowledge, is kept between starts, and is swapped whole."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import numpy as np
import pytest

from bot import knowledge
from bot.content import ContentInvalid
from bot.knowledge import Library, load_knowledge
from bot.learning import KEPT_CONTENT, KEPT_MODEL
from conversations.knowledge import Knowledge
from conversations.model import Bold, Code, Italic, Link, Paragraph, Steps, Text, paragraph
from tests.bot.desk import write_desk


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    return write_desk(tmp_path / "desk")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "var" / "kept"


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    # Whole at once, as editors do: a reload that runs meanwhile must not find half a file.
    draft = path.with_name(f".{path.name}")
    draft.write_text(text.replace(old, new), encoding="utf-8")
    draft.replace(path)


def same(one: Knowledge, other: Knowledge) -> bool:
    asked = ("¿dónde está mi factura?", "opening hours please", "xyzzy")
    return (
        (one.desk, one.topics) == (other.desk, other.topics)
        and one.texts.label("count", "es", n=2) == other.texts.label("count", "es", n=2)
        and [one.matcher.match(text) for text in asked] == [other.matcher.match(text) for text in asked]
    )


def test_files_become_knowledge(desk: Path) -> None:
    known = load_knowledge(desk)
    assert (known.desk.name, known.desk.locales, known.desk.default_locale) == ("Acme", ("es", "en"), "es")
    assert known.desk.menu == ("billing", "hours")
    billing = known.topics["billing"]
    assert (billing.related, billing.actions, billing.flow, billing.smalltalk) == (("hours",), ("ticket", "person"), "", False)
    assert billing.answers["en"].title == "Invoices"
    assert billing.answers["es"].doc == (
        Paragraph(
            (
                Text("La verás en 10 minutos en "),
                Bold((Text("tu área"),)),
                Text(": "),
                Link("https://www.acme.example/area", (Text("entra aquí"),)),
                Text("."),
            )
        ),
        Steps(
            (
                (Text("Abre "), Italic((Text("Facturas"),)), Text(".")),
                (Text("Escribe a "), Code("pagos@acme.example"), Text(" o pulsa "), Bold((Text("Pagar"),)), Text(".")),
            )
        ),
    )
    assert known.topics["hours"].answers["es"].doc == paragraph("De nueve a {seis}.")
    assert known.topics["hours"].smalltalk
    assert known.texts.label("count", "es", n=1) == "1 es one"
    assert known.texts.doc("count", "en", n=5) == paragraph("5 en many in 10")
    assert known.matcher.match("no me llega el recibo").topics[0] == "billing"


def test_a_start_with_unchanged_content_reads_and_learns_nothing(desk: Path, cache: Path, built: list[str]) -> None:
    first = load_knowledge(desk, cache)
    assert built == ["read", "learn"]
    assert same(load_knowledge(desk, cache), first)
    assert built == ["read", "learn"]
    assert {path.name for path in cache.iterdir()} == {KEPT_CONTENT, KEPT_MODEL}


def test_a_start_from_what_was_kept_loads_no_parser(desk: Path, cache: Path) -> None:
    load_knowledge(desk, cache)
    code = (
        "import sys; from pathlib import Path; from bot.knowledge import load_knowledge;"
        f"load_knowledge(Path({str(desk)!r}), Path({str(cache)!r}));"
        "print(*{'yaml', 'babel', 'markdown_it', 'regex'} & sys.modules.keys())"
    )

    async def run() -> bytes:
        root = Path(knowledge.__file__).parent.parent
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, cwd=root, stdout=asyncio.subprocess.PIPE)
        return (await process.communicate())[0]

    assert asyncio.run(run()) == b"\n"


def test_only_what_changed_is_made_anew(desk: Path, cache: Path, built: list[str]) -> None:
    load_knowledge(desk, cache)
    built.clear()
    edit(desk / "answers/hours.en.md", "Nine to six", "Nine to seven")
    known = load_knowledge(desk, cache)
    assert known.topics["hours"].answers["en"].doc == paragraph("Nine to seven.")
    assert built == ["read"]
    built.clear()
    edit(desk / "answers/hours.en.md", "opening hours,", "opening times,")
    load_knowledge(desk, cache)
    assert built == ["read", "learn"]
    built.clear()
    edit(desk / "answers/billing.es.md", "actions:", "urgent: true\nactions:")
    load_knowledge(desk, cache)
    assert built == ["read", "learn"]


@pytest.mark.parametrize("kept", [KEPT_CONTENT, KEPT_MODEL])
@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "junk", "folder"])
def test_a_damaged_cache_is_made_anew(desk: Path, cache: Path, built: list[str], kept: str, damage: str) -> None:
    first = load_knowledge(desk, cache)
    built.clear()
    path = cache / kept
    data = path.read_bytes()
    if damage == "folder":
        path.unlink()
        path.mkdir()
    else:
        middle = len(data) // 2
        flipped = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
        path.write_bytes({"empty": b"", "cut": data[:middle], "flipped": flipped, "junk": b"\x93NUMPY" + data[:99]}[damage])
    assert same(load_knowledge(desk, cache), first)
    assert built == (["read"] if kept == KEPT_CONTENT else ["learn"])
    if damage != "folder":
        built.clear()
        load_knowledge(desk, cache)
        assert built == []


def test_a_pickle_in_the_cache_is_never_opened(desk: Path, cache: Path, built: list[str]) -> None:
    load_knowledge(desk, cache)
    with np.load(cache / KEPT_MODEL) as kept:
        arrays = dict(kept)
    opened: list[str] = []

    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return opened.append, ("opened",)

    np.savez(cache / KEPT_MODEL, **{**arrays, "names": np.array([Trap()], dtype=object)}, allow_pickle=True)
    built.clear()
    load_knowledge(desk, cache)
    assert built == ["learn"]
    assert opened == []


def test_a_cache_that_cannot_be_written_costs_only_time(desk: Path, tmp_path: Path, built: list[str]) -> None:
    (tmp_path / "file").write_text("not a folder")
    load_knowledge(desk, tmp_path / "file")
    load_knowledge(desk, tmp_path / "file")
    assert built == ["read", "learn"] * 2


def test_faulty_content_is_refused_with_all_its_faults_and_not_kept(desk: Path, cache: Path) -> None:
    edit(desk / "answers/hours.en.md", "title: Opening hours", "titel: Opening hours")
    edit(desk / "desk.toml", '"hours"]', '"hour"]')
    with pytest.raises(ContentInvalid) as refused:
        load_knowledge(desk, cache)
    assert [fault.path for fault in refused.value.faults] == [str(desk / "answers/hours.en.md")] * 2 + [str(desk / "desk.toml")]
    assert str(refused.value).count("\n") == 2
    assert not cache.exists()


def test_a_fault_is_found_though_the_sound_content_was_kept(desk: Path, cache: Path) -> None:
    load_knowledge(desk, cache)
    (desk / "phrases/en.po").unlink()
    with pytest.raises(ContentInvalid):
        load_knowledge(desk, cache)


async def test_a_reload_swaps_whole_and_leaves_what_is_in_use_alone(desk: Path, cache: Path) -> None:
    library = Library(desk, cache)
    before = library.current
    edit(desk / "answers/hours.en.md", "Nine to six", "Nine to seven")
    edit(desk / "desk.toml", "Acme", "Acme 2")
    await library.reload()
    assert library.current is not before
    assert (before.desk.name, library.current.desk.name) == ("Acme", "Acme 2")
    assert before.topics["hours"].answers["en"].doc == paragraph("Nine to six.")


async def test_a_faulty_reload_keeps_everything_and_says_why(desk: Path, cache: Path) -> None:
    library = Library(desk, cache)
    before = library.current
    edit(desk / "answers/hours.en.md", "Nine to six", "# Nine to seven")
    with pytest.raises(ContentInvalid, match=r"hours\.en\.md:5: headings"):
        await library.reload()
    assert library.current is before
    edit(desk / "answers/hours.en.md", "# Nine", "Nine")
    await library.reload()
    assert library.current is not before


async def test_reloads_at_the_same_time_end_with_the_newest_files(desk: Path) -> None:
    library = Library(desk)
    edit(desk / "desk.toml", "Acme", "Acme 2")
    reloads = [asyncio.create_task(library.reload()) for _ in range(3)]
    await asyncio.sleep(0)
    edit(desk / "desk.toml", "Acme 2", "Acme 3")
    await asyncio.gather(*reloads)
    assert library.current.desk.name == "Acme 3"


def test_a_desk_does_not_start_from_faulty_content(tmp_path: Path) -> None:
    with pytest.raises(ContentInvalid, match="no such folder"):
        Library(tmp_path / "nowhere")
