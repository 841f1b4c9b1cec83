"""The arrows between the rooms: kept by the code as it stands, and each contract fails when one forbidden import is planted."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("bot", "adapters", "conversations", "storage")
CONTRACTS: list[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]


class Plant(NamedTuple):
    """A forbidden import: `code`, added to the end of `file` (new or not), breaks `contract`, whose report shows the links `seen`."""

    contract: str
    file: str
    code: str
    seen: tuple[str, ...]


IMPURE: list[str] = next(contract["forbidden_modules"] for contract in CONTRACTS if contract["id"] == "pure")

PLANTS = [
    Plant("rooms", "storage/planted.py", "import bot", ("storage.planted -> bot",)),
    Plant("rooms", "storage/planted.py", "import adapters.base", ("storage.planted -> adapters.base",)),
    Plant("rooms", "adapters/planted.py", "import bot", ("adapters.planted -> bot",)),
    Plant("rooms", "adapters/planted.py", "import storage.rows", ("adapters.planted -> storage.rows",)),
    Plant("rooms", "conversations/planted.py", "import bot", ("conversations.planted -> bot",)),
    Plant("rooms", "conversations/planted.py", "import storage.rows", ("conversations.planted -> storage.rows",)),
    Plant("rooms", "conversations/planted.py", "import adapters.base", ("conversations.planted -> adapters.base",)),
    Plant("adapters", "adapters/planted.py", "import adapters.other", ("adapters.planted -> adapters.other",)),
    Plant("adapters", "adapters/base.py", "import adapters.other", ("adapters.base -> adapters.other",)),
    Plant(
        "pure", "conversations/planted.py", "\n".join(f"import {module}" for module in IMPURE), tuple(f"-> {module} " for module in IMPURE)
    ),
    Plant("sdks", "adapters/planted.py", "import telegram", ("adapters.planted -> telegram",)),
    Plant("sdks", "adapters/telegram.py", "import telegram, slack_sdk", ("adapters.telegram -> slack_sdk",)),
    Plant("sdks", "bot/planted.py", "import discord", ("bot.planted -> discord",)),
    Plant("database", "bot/planted.py", "import sqlalchemy.exc, alembic", ("bot.planted -> sqlalchemy", "bot.planted -> alembic")),
    Plant("database", "adapters/planted.py", "import sqlite3", ("adapters.planted -> sqlite3",)),
    Plant("web", "storage/planted.py", "import fastapi", ("storage.planted -> fastapi",)),
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rooms' Python files and the contracts, where they may be spoilt."""
    root = tmp_path_factory.mktemp("tree")
    for room in ROOMS:
        for source in (ROOT / room).rglob("*.py"):
            target = root / source.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    shutil.copyfile(ROOT / "pyproject.toml", root / "pyproject.toml")
    return root


def lint(tree: Path, *contracts: str) -> tuple[int, str]:
    """Exit code and report (white space collapsed: it is wrapped to the terminal) of lint-imports on `tree`."""
    program = "import sys; from importlinter.cli import lint_imports_command; sys.path.insert(0, ''); lint_imports_command()"
    command = [sys.executable, "-c", program, "--no-logo", "--cache-dir", "cache", *(f"--contract={contract}" for contract in contracts)]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def test_the_code_keeps_every_contract(tree: Path) -> None:
    code, report = lint(tree)
    assert code == 0, report
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in report


def test_every_contract_is_broken_once() -> None:
    assert {plant.contract for plant in PLANTS} == {contract["id"] for contract in CONTRACTS}


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: f"{plant.contract}: {plant.seen[0]}")
def test_a_planted_import_breaks_its_contract(tree: Path, plant: Plant) -> None:
    planted = {tree / "adapters/other.py": "", tree / plant.file: plant.code}
    before = {path: path.read_text(encoding="utf-8") for path in planted if path.exists()}
    try:
        for path, code in planted.items():
            path.write_text(f"{before.get(path, '')}\n{code}\n", encoding="utf-8")
        status, report = lint(tree, plant.contract)
    finally:
        for path in planted:
            path.unlink()
        for path, text in before.items():
            path.write_text(text, encoding="utf-8")
    name = next(contract["name"] for contract in CONTRACTS if contract["id"] == plant.contract)
    assert status == 1, report
    assert f"{name} BROKEN" in report
    assert not [link for link in plant.seen if link not in report]
