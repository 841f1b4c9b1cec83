"""What the browser tests stand on: the browser of the system, the running desk, a strange site, and a network that ends at this machine."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.e2e.program import ROOT, Program
from tests.e2e.sites import Site

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = (
    "the browser tests need Chromium. Debian, Ubuntu: apt install chromium · Fedora: dnf install chromium · macOS: brew install chromium"
)

Contexts = Callable[..., BrowserContext]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        pytest.exit(MISSING, returncode=1)
    with sync_playwright() as playwright:
        # Names do not resolve: whatever would leave this machine fails at once, and is reported below.
        rules = "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", f"--host-resolver-rules={rules}"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory, site: Site) -> Iterator[Program]:
    """One desk for all journeys that leave it alive."""
    program = Program(tmp_path_factory.mktemp("desk"), RELEVO_HTTP__ALLOWED_ORIGINS=site.allowed)
    site.desk = program.url
    program.start()
    yield program
    assert program.stop() == 0, program.output()


@pytest.fixture
def contexts(chromium: Browser) -> Iterator[Contexts]:
    """Makes browser profiles. At the end: nothing left this machine, and no page had an error."""
    made: list[BrowserContext] = []
    left: list[str] = []
    errors: list[str] = []

    def context(**options: Any) -> BrowserContext:
        profile = chromium.new_context(
            **({"viewport": {"width": 1280, "height": 800}, "reduced_motion": "reduce", "locale": "en"} | options)
        )
        profile.set_default_timeout(20_000)
        profile.on("request", lambda request: left.append(request.url) if strange(request.url) else None)
        profile.on("weberror", lambda error: errors.append(str(error.error)))
        made.append(profile)
        return profile

    yield context
    for profile in made:
        profile.close()
    assert not left
    assert not errors


def strange(url: str) -> bool:
    return urlsplit(url).scheme not in ("data", "blob") and urlsplit(url).hostname not in ("127.0.0.1", "localhost")


@pytest.fixture(scope="session")
def screenshots() -> Path:
    folder = ROOT / "var" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
