"""The rules of the house, checked on the whole tree; each check is also shown a planted fault, so that it cannot pass by being blind."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import HealthCheck, settings

from conversations import events

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("bot", "adapters", "conversations", "storage")
CODE = (*ROOMS, "tests", "benchmarks")
NOT_OURS = {".git", ".venv", "var", "node_modules", "build", "vendor", "relevo.egg-info", "__pycache__"}

LONGER: dict[str, str] = {
    "adapters/webchat/static/widget.js": "what a site embeds is one file, and there is no build step that could join several",
    "storage/schema.py": "every table in one place, as a database lists them",
    "storage/statements.py": "every SQL statement in one place, in the order of the tables, so that both dialects are read side by side",
    "tests/contracts/adapter.py": "the whole promise of an adapter in reading order, for whoever writes the next one",
}
"""Files that may have more than 400 lines, each with the reason why it is still one thing."""

NAMED_BY_OTHERS: dict[str, str] = {
    "tests/adapters/test_email.py:handle_starttag": "the name by which html.parser calls it",
    "tests/adapters/test_email.py:handle_endtag": "the name by which html.parser calls it",
    "tests/adapters/test_email.py:handle_data": "the name by which html.parser calls it",
    "tests/bot/test_preview.py:handle_starttag": "the name by which html.parser calls it",
    "tests/bot/test_preview.py:handle_endtag": "the name by which html.parser calls it",
    "tests/bot/test_preview.py:handle_data": "the name by which html.parser calls it",
}
"""Functions and classes with a forbidden name that somebody else chose (an overridden method, say): `file:name` and who."""

POLLS: dict[str, str] = {
    "tests/adapters/discord_server.py": "a server that stalls is one of the faults: it sleeps inside a request, and no test waits for it",
    "tests/bot/rig.py": "its `until` looks again with a condition and a limit, and must leave the interpreter to the database threads",
    "tests/crash/form_run.py": "its customers think before they answer, or every kill would come between two forms",
    "tests/contracts/adapter.py": "its `until` looks again at a platform that cannot ring, with a condition and a limit",
}
"""Files that may sleep in order to look again: what they wait for is outside the process or cannot be awaited. Each with the reason."""

WITHOUT_PAGE = {"memory": "a platform that is a Python list, for tests and benchmarks: no customer ever sees it"}


def files(root: Path, *suffixes: str, under: tuple[str, ...] = ("",)) -> Iterator[tuple[str, str]]:
    """Path (relative, with /) and text of our own files that end in one of `suffixes`."""
    for folder in under:
        for path in sorted((root / folder).rglob("*")):
            inside = path.relative_to(root)
            known = not any(part in NOT_OURS or part.endswith("_cache") for part in inside.parts)
            if known and path.is_file() and path.name.endswith(suffixes):
                yield inside.as_posix(), path.read_text(encoding="utf-8")


def trees(root: Path, *under: str) -> Iterator[tuple[str, ast.Module]]:
    for path, text in files(root, ".py", under=under):
        yield path, ast.parse(text, path)


def called(node: ast.expr) -> str:
    """The last name of an expression: `sleep` of `asyncio.sleep`, `AdapterContract[X]` without its brackets."""
    if isinstance(node, ast.Subscript):
        return called(node.value)
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


# --- the checks: each takes the root of a tree and says what is wrong in it ---


def without_docstring(root: Path) -> list[str]:
    return [path for path, tree in trees(root, *ROOMS) if not (ast.get_docstring(tree) or "").strip()]


def too_long(root: Path) -> list[str]:
    long = {path for path, text in files(root, ".py", ".js", under=CODE) if text.count("\n") > 400}
    return sorted(long - LONGER.keys()) + [f"{path}: no longer long, take it off the list" for path in sorted(LONGER.keys() - long)]


def sleeps(root: Path) -> list[str]:
    """Waiting by the clock makes a test slow or flaky. `sleep(0)` is no waiting: it lets other tasks run."""
    found = []
    for path, tree in trees(root, "tests"):
        for node in ast.walk(tree):
            if path not in POLLS and isinstance(node, ast.Call) and called(node.func) == "sleep":
                nothing = len(node.args) == 1 and isinstance(node.args[0], ast.Constant) and node.args[0].value == 0
                if not nothing:
                    found.append(f"{path}:{node.lineno}")
    return found


def offered_and_missing(root: Path) -> list[str]:
    """Names that a package says it offers and has not: `from it import *` fails, and whoever reads the list is misled."""
    found = []
    for path, tree in trees(root, *ROOMS):
        has = {alias.asname or alias.name for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names}
        has |= {node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)}
        given = [(target, node.value) for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
        has |= {called(target) for target, _ in given}
        for target, value in given:
            if called(target) == "__all__" and isinstance(value, ast.List | ast.Tuple):
                offered = [str(name.value) for name in value.elts if isinstance(name, ast.Constant)]
                found += [f"{path}: {name}" for name in offered if name not in has]
    return found


FORBIDDEN_CLASS = re.compile(r"(Manager|Handler|Helper|Utils?|Processor|Dispatcher|Impl)$")
FORBIDDEN_FUNCTION = re.compile(r"^_*(handle|process|manage|dispatch|perform|helper)(_|$)")
FORBIDDEN_FILE = re.compile(r"(^|_)(utils?|helpers?|common|misc|manager|handlers?)\.py$")


def badly_named(root: Path) -> list[str]:
    """Words that hide what a thing does."""
    found = []
    for path, tree in trees(root, *CODE):
        if FORBIDDEN_FILE.search(path.rsplit("/", 1)[-1]):
            found.append(path)
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                bad = FORBIDDEN_CLASS.search(node.name)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                bad = FORBIDDEN_FUNCTION.search(node.name)
            else:
                continue
            if bad and f"{path}:{node.name}" not in NAMED_BY_OTHERS:
                found.append(f"{path}:{node.lineno}: {node.name}")
    return found


def adapters(root: Path) -> set[str]:
    """Names of the modules and packages under adapters/ that define an adapter: a class with the port's four methods."""
    found = set()
    for path, tree in trees(root, "adapters"):
        name = path.removeprefix("adapters/").split("/")[0].removesuffix(".py")
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and "Protocol" not in {called(base) for base in node.bases}:
                methods = {part.name for part in node.body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)}
                if {"decode", "encode", "deliver", "run"} <= methods:
                    found.add(name)
    return found


def adapters_without_contract(root: Path) -> list[str]:
    held = set()
    for _, tree in trees(root, "tests/adapters"):
        nodes = list(ast.walk(tree))
        if any(isinstance(node, ast.ClassDef) and "AdapterContract" in {called(base) for base in node.bases} for node in nodes):
            modules = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
            modules |= {f"{node.module}.{alias.name}" for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names}
            modules |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
            held |= {module.split(".")[1] for module in modules if module.startswith("adapters.")}
    return sorted(adapters(root) - held)


def adapters_without_page(root: Path) -> list[str]:
    return sorted(name for name in adapters(root) - WITHOUT_PAGE.keys() if not (root / "docs/platforms" / f"{name}.md").is_file())


def untested_events(root: Path) -> list[str]:
    """Events that no test of the engine makes: by a call, or by a property test's `builds(Event, ...)`."""
    made = set()
    for _, tree in trees(root, "tests/conversations"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                made.add(called(node.args[0]) if called(node.func) == "builds" and node.args else called(node.func))
    return sorted(kind.__name__ for kind in get_args(events.Event) if kind.__name__ not in made)


MARKUP = re.compile(
    r"\b(innerHTML|outerHTML|insertAdjacentHTML|setHTMLUnsafe|document\.write|createContextualFragment)\b|\beval\(|new Function\("
)


def markup_in_browser_code(root: Path) -> list[str]:
    """What a customer typed must never be parsed as HTML, so nothing is."""
    found = []
    for path, text in files(root, ".js", ".html", under=ROOMS):
        found += [f"{path}:{number}" for number, line in enumerate(text.splitlines(), 1) if MARKUP.search(line)]
    return found


REGISTRY = re.compile(r"(?<!no-emit-)\bindex[-_]url|find[-_]links|trusted-host|pypi[.]org|pythonhosted[.]org|npmjs[.](org|com)|file:///")
TEXTS = (
    ".py",
    ".txt",
    ".in",
    ".toml",
    ".cfg",
    ".ini",
    ".md",
    ".yaml",
    ".yml",
    ".js",
    ".json",
    ".html",
    "Makefile",
    "Dockerfile",
    "run",
    ".example",
)


def registry_addresses(root: Path) -> list[str]:
    """Where packages come from is the installer's own business: a mirror's address in a file breaks everybody else."""
    found = []
    for path, text in files(root, *TEXTS):
        if path != "tests/test_shape.py":
            found += [f"{path}:{number}" for number, line in enumerate(text.splitlines(), 1) if REGISTRY.search(line)]
    return found


LATER = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
STUB = re.compile(r"\braise NotImplementedError\b")


def unfinished(root: Path) -> list[str]:
    """Notes to ourselves anywhere, and stubs in the rooms: a contract class in tests/ may leave members for its subclasses to fill."""
    found = []
    for path, text in files(root, ".py", ".js", ".toml", "Makefile", "Dockerfile"):
        for number, line in enumerate(text.splitlines(), 1):
            if path != "tests/test_shape.py" and (LATER.search(line) or (path.startswith(ROOMS) and STUB.search(line))):
                found.append(f"{path}:{number}")
    return found


ADAPTER = '''
class Pigeon:
    """An adapter."""

    def decode(self, raw): ...
    def encode(self, out): ...
    async def deliver(self, payload, key): ...
    async def run(self, accept): ...
'''

CHECKS: list[tuple[Callable[[Path], list[str]], str, str, str]] = [
    (without_docstring, "bot/silent.py", "X = 1\n", "bot/silent.py"),
    (too_long, "storage/endless.py", '"""Long."""\n' + "\n" * 400, "storage/endless.py"),
    (sleeps, "tests/test_slow.py", "import asyncio\n\nasyncio.sleep(0.1)\n", "tests/test_slow.py:3"),
    (offered_and_missing, "adapters/pigeon/__init__.py", '__all__ = ["Pigeon"]\n', "adapters/pigeon/__init__.py: Pigeon"),
    (badly_named, "bot/work.py", "class TicketManager:\n    def handle_it(self): ...\n", "bot/work.py:1: TicketManager"),
    (badly_named, "bot/work.py", "class TicketManager:\n    def handle_it(self): ...\n", "bot/work.py:2: handle_it"),
    (badly_named, "bot/utils.py", "X = 1\n", "bot/utils.py"),
    (adapters_without_contract, "adapters/pigeon.py", ADAPTER, "pigeon"),
    (adapters_without_contract, "adapters/pigeon/adapter.py", ADAPTER, "pigeon"),
    (adapters_without_page, "adapters/pigeon.py", ADAPTER, "pigeon"),
    (untested_events, "tests/conversations/test_less.py", "MessageReceived(text='x')\n", "TimerFired"),
    (markup_in_browser_code, "adapters/webchat/static/x.js", "node.innerHTML = text;\n", "adapters/webchat/static/x.js:1"),
    (registry_addresses, "requirements/x.txt", "--index-url https://example.org/simple\n", "requirements/x.txt:1"),
    (unfinished, "tests/test_some.py", "# TODO: the other half\n", "tests/test_some.py:1"),
    (unfinished, "bot/later.py", "def later():\n    raise NotImplementedError\n", "bot/later.py:2"),
]


@pytest.mark.parametrize("check", dict.fromkeys(check for check, *_ in CHECKS), ids=lambda check: check.__name__)
def test_the_house_keeps_its_rules(check: Callable[[Path], list[str]]) -> None:
    assert check(ROOT) == []


@pytest.mark.parametrize(("check", "path", "text", "fault"), CHECKS, ids=lambda value: getattr(value, "__name__", None))
def test_each_check_sees_a_fault(tmp_path: Path, check: Callable[[Path], list[str]], path: str, text: str, fault: str) -> None:
    target = tmp_path / path
    target.parent.mkdir(parents=True)
    target.write_text(text, encoding="utf-8")
    assert fault in check(tmp_path)


def test_a_contract_test_counts_only_for_the_adapter_it_imports(tmp_path: Path) -> None:
    for path, text in {
        "adapters/pigeon.py": ADAPTER,
        "adapters/smoke.py": ADAPTER,
        "tests/adapters/test_pigeon.py": "from adapters.pigeon import Pigeon\n\nclass TestPigeon(AdapterContract): ...\n",
        "tests/adapters/test_smoke.py": "from adapters.smoke import Smoke\n\nclass TestSmoke: ...\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    assert adapters_without_contract(tmp_path) == ["smoke"]


def test_letting_other_tasks_run_is_no_sleep(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_fast.py").write_text("await_me = asyncio.sleep(0)\n", encoding="utf-8")
    assert sleeps(tmp_path) == []


def test_no_property_is_timed() -> None:
    assert settings.default is not None
    assert settings.default.deadline is None
    assert HealthCheck.too_slow in settings.default.suppress_health_check


@pytest.mark.parametrize("reason", [*LONGER.values(), *POLLS.values(), *NAMED_BY_OTHERS.values(), *WITHOUT_PAGE.values()])
def test_an_exception_says_why(reason: str) -> None:
    assert len(reason.split()) >= 5
