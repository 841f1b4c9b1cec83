"""The documents say what the code does: every setting with its default, every command, every target, and no link to nowhere."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from pydantic import BaseModel, SecretStr

from adapters.base import Adapter, Capabilities
from bot.cli import main
from bot.settings import PREFIX, Settings, variables
from tests.contracts.adapter import AdapterContract

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
SETTINGS = (ROOT / "docs/settings.md").read_text(encoding="utf-8")


def words(*paths: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


# --- settings ---


def defaults(value: BaseModel | type[BaseModel], prefix: str = PREFIX) -> Iterator[tuple[str, str]]:
    """Every variable and its default as somebody would write it."""
    fields = (value if isinstance(value, type) else type(value)).model_fields
    for name, field in fields.items():
        default: Any = field.default if isinstance(value, type) else getattr(value, name)
        if isinstance(default, BaseModel):
            yield from defaults(default, f"{prefix}{name.upper()}__")
        else:
            yield f"{prefix}{name.upper()}", shown(default)


def shown(default: Any) -> str:
    match default:
        case SecretStr():
            return default.get_secret_value()
        case tuple():
            return ",".join(map(str, default))
        case float():
            return f"{default:g}"
        case Path() if default.is_absolute():
            return f"{default.relative_to(ROOT)} beside the code"
        case _:
            return str(default)


def documented() -> dict[str, str]:
    """Setting and default of each row of the tables."""
    rows = re.findall(rf"^\| `({PREFIX}\w+)` \|(.*?)\|", SETTINGS, re.MULTILINE)
    return {name: default.replace("`", "").strip() for name, default in rows}


def test_every_setting_is_documented_with_its_default_and_no_other() -> None:
    assert documented() == dict(defaults(Settings))
    assert documented().keys() == dict(variables()).keys()


def test_the_secrets_that_may_come_from_files_are_named() -> None:
    paragraph = SETTINGS.split("A secret can also be kept in a file")[1].split("\n\n")[0].split("These may:")[1]
    assert set(re.findall(rf"{PREFIX}\w+", paragraph)) == {name for name, secret in variables() if secret}


@pytest.mark.parametrize("path", [*PAGES, *(ROOT / name for name in (".env.example", "compose.yaml", "Dockerfile"))], ids=lambda p: p.name)
def test_no_page_names_a_setting_that_is_not_there(path: Path) -> None:
    known = {name for name, _ in variables()} | {f"{name}_FILE" for name, secret in variables() if secret}
    assert set(re.findall(rf"\b{PREFIX}[A-Z][A-Z_]*[A-Z]\b", words(path))) <= known


# --- platforms ---


@pytest.mark.parametrize("page", sorted((ROOT / "docs/platforms").glob("*.md")), ids=lambda page: page.stem)
def test_the_page_of_a_platform_answers_what_the_guide_asks(page: Path) -> None:
    text = words(page)
    assert "relevo doctor" in text
    assert ".env" in text or f"{PREFIX}" in text
    for heading in ("What it promises", "Known gaps"):
        assert f"\n## {heading}\n" in text


def test_the_guide_to_a_new_platform_names_what_is_there() -> None:
    """Everything that an adapter must have, may declare, and is asked by its contract; and no file that has gone."""
    guide = words(ROOT / "docs/adding-a-platform.md")
    named = set(re.findall(r"`([\w.]+)`", guide))
    wanted = {name for name in vars(Adapter) if not name.startswith("_")} & {"decode", "encode", "deliver", "run"}
    wanted |= set(Capabilities.__struct_fields__)
    to_fill = inspect.getsource(AdapterContract).split("# --- what follows from it ---")[0]
    wanted |= set(re.findall(r"    (?:async )?def (\w+)\(", to_fill)) | set(re.findall(r"^    (\w+)(?:: .*)? = ", to_fill, re.MULTILINE))
    assert wanted <= named
    for path in re.findall(r"`((?:adapters|bot|tests|requirements)/[\w./]+)`", guide):
        assert (ROOT / path).exists(), path


# --- the command line ---


def commands(command: click.Command, name: str = "relevo") -> Iterator[str]:
    if isinstance(command, click.Group):
        for part, inner in command.commands.items():
            yield from commands(inner, f"{name} {part}")
    elif not command.hidden:
        yield name


@pytest.mark.parametrize("name", sorted(commands(main)))
def test_every_command_is_documented(name: str) -> None:
    assert re.search(rf"`{name}\b", words(*PAGES)), f"`{name}` is in no document"


def test_no_document_names_a_command_that_is_not_there() -> None:
    known = set(commands(main))
    groups = {name.rsplit(" ", 1)[0] for name in known} | {"relevo"}
    named = {match.strip() for match in re.findall(r"`(relevo(?: [a-z]+){1,2})", words(*PAGES))}
    wrong = [name for name in named if name not in known | groups and name.rsplit(" ", 1)[0] not in known]
    assert not wrong


def silent(command: click.Command) -> list[str]:
    """Commands and groups that do not say what they are for."""
    inner = [name for part in command.commands.values() for name in silent(part)] if isinstance(command, click.Group) else []
    return inner if (command.help or "").strip() else [command.name or "", *inner]


def test_every_command_says_what_it_is_for() -> None:
    assert silent(main) == []


# --- make ---


def test_every_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9]+):", words(ROOT / "Makefile"), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z0-9]+)", words(*PAGES))) | set(re.findall(r"^make ([a-z0-9]+)", words(*PAGES), re.MULTILINE))
    assert {"run", "test"} <= named <= targets


# --- links ---


def broken_links(path: Path) -> list[str]:
    """Links and pictures of a page that lead to no file of ours; other sites are not asked."""
    text = re.sub(r"```.*?```", "", words(path), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    local = [target for target in targets if not re.match(r"[a-z]+:", target) and not target.startswith("#")]
    return [target for target in local if not (path.parent / target.split("#")[0]).exists()]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_link_leads_nowhere(path: Path) -> None:
    assert broken_links(path) == []


def test_a_link_to_nowhere_is_seen(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("[here](page.md) ![gone](gone.png) [far](https://example.org/)", encoding="utf-8")
    assert broken_links(tmp_path / "page.md") == ["gone.png"]


def test_every_decision_is_listed() -> None:
    index = words(ROOT / "docs/adr/README.md")
    assert not [path.name for path in (ROOT / "docs/adr").glob("0*.md") if f"({path.name})" not in index]


def test_every_file_of_the_rooms_is_on_the_map() -> None:
    """In the section of its room in the architecture: a file by its name, a folder by its name and a slash."""
    rooms = words(ROOT / "docs/architecture.md").split("\n## Rooms\n")[1].split("\n**`")[1:]
    missing = []
    for section in rooms:
        room = section.split("/`", 1)[0]
        shown = set(re.findall(r"`([a-z_]+/?)`", section))
        for path in (ROOT / room).iterdir():
            name = f"{path.name}/" if path.is_dir() else path.stem
            missing += [f"{room}/{name}"] if not name.startswith("__") and name not in shown else []
    assert len(rooms) == 4
    assert missing == []


def test_every_page_is_reached_from_the_front_page() -> None:
    """By following links from README.md."""
    seen: set[Path] = set()
    pending = [ROOT / "README.md"]
    while pending:
        page = pending.pop()
        if page in seen or page.suffix != ".md" or not page.exists():
            continue
        seen.add(page)
        pending += [(page.parent / target.split("#")[0]).resolve() for target in re.findall(r"\]\(([^)\s:]+)\)", words(page))]
    assert not [page.relative_to(ROOT).as_posix() for page in PAGES if page not in seen]
