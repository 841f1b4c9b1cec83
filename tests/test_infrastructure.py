"""What surrounds the code and breaks unseen: pins with hashes, the package's contents, the container files, the Make targets."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import zipfile
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from bot.settings import Settings, variables

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("bot", "adapters", "conversations", "storage")
REQUIREMENTS = ROOT / "requirements"


# --- requirements ---


def pins(text: str) -> dict[str, tuple[str, int]]:
    """Version and number of hashes of each requirement; raises ValueError on a line that pins nothing."""
    found = {}
    for block in re.split(r"\n(?=\S)", re.sub(r"\\\n", "", text).strip()):
        match = re.match(r"([a-z0-9][a-z0-9._-]*)(?:\[[a-z,]+\])?==(\S+)", block)
        if not match:
            raise ValueError(f"not pinned: {block[:60]!r}")
        found[f"{match[1]} {block.partition(';')[2].split('--hash')[0].strip()}".strip()] = (match[2], block.count("--hash=sha256:"))
    return found


@pytest.mark.parametrize("name", ["build", "run", "test", "e2e"])
def test_every_requirement_is_pinned_and_hashed(name: str) -> None:
    found = pins((REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8"))
    assert found
    assert not [requirement for requirement, (_, hashes) in found.items() if not hashes]


def test_a_requirement_without_a_version_is_seen() -> None:
    with pytest.raises(ValueError, match="not pinned: 'left>=1'"):
        pins("right==1 \\\n    --hash=sha256:00\nleft>=1")


@pytest.mark.parametrize(("smaller", "larger"), [("run", "test"), ("test", "e2e")])
def test_what_is_tested_is_what_runs(smaller: str, larger: str) -> None:
    """`make test` stands in for `make run`: the larger file must hold the smaller one, pin for pin."""
    inner, outer = (pins((REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8")) for name in (smaller, larger))
    assert inner.items() <= outer.items()


@pytest.mark.parametrize("name", ["build", "run", "test", "e2e"])
def test_every_wish_is_in_its_lock(name: str) -> None:
    wishes = [line for line in (REQUIREMENTS / f"{name}.in").read_text(encoding="utf-8").splitlines() if line and line[0] not in "#-"]
    locked = {requirement.split()[0] for requirement in pins((REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8"))}
    assert not [wish for wish in wishes if re.split(r"[\[=<>~; ]", wish.lower())[0].replace(".", "-") not in locked]


# --- the package ---


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names of the files in a wheel built from a copy of the tree."""
    tree = tmp_path_factory.mktemp("package")
    for room in ROOMS:
        shutil.copytree(ROOT / room, tree / room, ignore=shutil.ignore_patterns("__pycache__"))
    (tree / "requirements").mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "requirements/run.in"):
        shutil.copyfile(ROOT / name, tree / name)
    program = "import setuptools.build_meta as backend; backend.build_wheel('dist')"
    subprocess.run([sys.executable, "-c", program], cwd=tree, check=True, capture_output=True)
    return set(zipfile.ZipFile(next((tree / "dist").glob("*.whl"))).namelist())


def test_the_package_holds_every_file_of_the_rooms(wheel: set[str]) -> None:
    ours = {
        path.relative_to(ROOT).as_posix()
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".md"
    }
    assert sorted(ours - wheel) == []


def test_the_package_holds_nothing_else(wheel: set[str]) -> None:
    assert {name.split("/")[0] for name in wheel} == {*ROOMS, f"relevo-{version()}.dist-info"}


def version() -> str:
    found = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert found
    return found[1]


def test_the_changelog_knows_this_version() -> None:
    assert re.search(rf"^## \[?({re.escape(version())}|Unreleased)\b", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)


# --- the image ---


class Step(NamedTuple):
    stage: int
    word: str
    rest: str


def steps(text: str) -> list[Step]:
    """The instructions of a Dockerfile, continued lines joined, comments left out; `stage` counts from 1."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    stage, found = 0, []
    for line in re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            stage += word == "FROM"
            found.append(Step(stage, word, rest.strip()))
    return found


DOCKERFILE = steps((ROOT / "Dockerfile").read_text(encoding="utf-8"))
LAST = [step for step in DOCKERFILE if step.stage == DOCKERFILE[-1].stage]
KNOWN = {"FROM", "ENV", "WORKDIR", "COPY", "RUN", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"}


def sent(path: str, ignore: str) -> bool:
    """Whether .dockerignore lets `path` through: the last pattern that matches it, or a folder above it, decides."""
    through = True
    parts = path.split("/")
    for line in ignore.splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        wanted = pattern.startswith("!")
        pattern = pattern.removeprefix("!")
        above = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
        if any(fnmatch(part, pattern.removeprefix("**/")) for part in (parts if pattern.startswith("**/") else above)):
            through = wanted
    return through


def test_the_dockerfile_says_only_what_docker_knows() -> None:
    assert {step.word for step in DOCKERFILE} <= KNOWN
    assert DOCKERFILE[0].word == "FROM"
    assert DOCKERFILE[-1].stage == 2


def test_every_copied_path_exists_and_is_sent_to_the_builder() -> None:
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8")
    sources = [
        source for step in DOCKERFILE if step.word == "COPY" and not step.rest.startswith("--from=") for source in step.rest.split()[:-1]
    ]
    assert len(sources) > len(ROOMS)
    assert not [source for source in sources if not (ROOT / source).exists() or not sent(source, ignore)]


@pytest.mark.parametrize(
    "path", ["var/relevo.db", ".env", ".git/config", "tests/test_shape.py", "bot/__pycache__/cli.pyc", ".venv/bin/relevo"]
)
def test_secrets_data_and_history_never_reach_the_builder(path: str) -> None:
    assert not sent(path, (ROOT / ".dockerignore").read_text(encoding="utf-8"))


def test_the_image_has_learnt_the_content_it_brings() -> None:
    learnt = [step.stage for step in DOCKERFILE if step.word == "RUN" and step.rest.endswith("relevo content learn content/introserv")]
    assert learnt == [1]
    # What was learnt is kept below the installation, which the last stage takes over whole.
    assert "--from=build /opt/relevo /opt/relevo" in [step.rest for step in LAST if step.word == "COPY"]


def test_the_image_runs_as_an_ordinary_user_without_build_tools() -> None:
    user = [step.rest for step in LAST if step.word == "USER"]
    assert user == ["10001:10001"]
    built = " ".join(step.rest for step in LAST if step.word == "RUN")
    assert not re.search(r"\b(apt-get|apk|gcc|build-essential|pip|make)\b", built)


def test_the_image_listens_writes_and_stops_as_the_settings_say() -> None:
    environment = dict(pair.split("=", 1) for step in LAST if step.word == "ENV" for pair in step.rest.split())
    ours = {name: value for name, value in environment.items() if name.startswith("RELEVO_")}
    assert ours.keys() <= {name for name, _ in variables()}
    assert [step.rest for step in LAST if step.word == "VOLUME"] == [ours["RELEVO_DATA_DIR"]]
    assert [step.rest for step in LAST if step.word == "EXPOSE"] == [str(Settings.model_fields["http"].default.port)]
    copied = [step.rest.split()[-1] for step in LAST if step.word == "COPY"]
    assert any(ours["RELEVO_CONTENT_DIR"].startswith(target) for target in copied)
    assert "STOPSIGNAL" in {step.word for step in LAST}


def test_the_health_check_is_a_program_that_asks_for_health() -> None:
    [check] = [step.rest for step in LAST if step.word == "HEALTHCHECK"]
    command = ast.literal_eval(check[check.index("[") :])
    assert command[:2] == ["python", "-c"]
    assert "/health" in command[2]
    compile(command[2], "HEALTHCHECK", "exec")


def test_compose_keeps_the_container_shut() -> None:
    [service] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"].values()
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    volume, target = service["volumes"][0].split(":")
    assert volume in yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["volumes"]
    assert target == next(step.rest for step in LAST if step.word == "VOLUME")


# --- make and CI ---


def make(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *arguments], cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("target", ["run", "test", "check", "e2e", "crash", "bench", "lock", "format", "clean"])
def test_make_knows_its_targets(target: str) -> None:
    done = make("--dry-run", target)
    assert done.returncode == 0, done.stderr
    assert re.search(rf"^  make {target}\b", make().stdout, re.MULTILINE), "`make` alone does not list it"


def test_without_a_python_make_says_what_to_do(tmp_path: Path) -> None:
    """On a machine where every Python is too old (here: each candidate is a program that fails)."""
    shutil.copyfile(ROOT / "Makefile", tmp_path / "Makefile")
    (tmp_path / "bin").mkdir()
    for name in ("python3", "python3.14", "python3.13", "python3.12", "python3.11"):
        (tmp_path / "bin" / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / "bin" / name).chmod(0o755)
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(["make", "test"], cwd=tmp_path, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "Relevo needs Python 3.11 or newer and found none" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_without_ensurepip_make_says_what_to_install(tmp_path: Path) -> None:
    """As on Debian without python3-venv: the interpreter is fine, but its ensurepip module is not there."""
    shutil.copyfile(ROOT / "Makefile", tmp_path / "Makefile")
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python3"
    python.write_text(f'#!/bin/sh\ncase "$*" in *ensurepip*) exit 1;; *) exec {sys.executable} "$@";; esac\n')
    python.chmod(0o755)
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(["make", "run"], cwd=tmp_path, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "apt install python3-venv" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_ci_runs_what_a_person_runs() -> None:
    script = ROOT / ".ci/run"
    assert os.access(script, os.X_OK)
    assert re.search(r"^exec make test$", script.read_text(encoding="utf-8"), re.MULTILINE)
