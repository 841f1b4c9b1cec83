"""The chat as a customer meets it: what can be seen, typed and pressed on a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.e2e.program import ROOT

AXE = (ROOT / "tests/e2e/vendor/axe.min.js").read_text(encoding="utf-8")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


class Chat:
    """The widget on one page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.host = page.locator("support-chat")
        self.launcher = self.host.locator(".l")
        self.panel = self.host.locator("dialog")
        self.field = self.host.locator("#f")
        self.status = self.host.get_by_role("status")
        self.mine = self.host.locator(".m.you .b")
        self.desks = self.host.locator(".m.desk")
        self.all = self.host.locator(".m.you .b, .m.desk .b")

    def open(self) -> Chat:
        self.launcher.click()
        expect(self.panel).to_be_visible()
        return self

    def say(self, text: str) -> None:
        self.field.fill(text)
        self.field.press("Enter")

    def choice(self, label: str) -> Locator:
        """The newest button with this label."""
        return self.host.get_by_role("button", name=label, exact=True).last

    def answered(self, count: int) -> None:
        """Wait until the desk has spoken so many times."""
        expect(self.desks.nth(count - 1)).to_be_visible()

    def settled(self) -> None:
        """Wait until everything typed is in the desk's log and has its place in it."""
        expect(self.host.locator(".m.new")).to_have_count(0, timeout=60_000)

    def leave_asking(self, text: str) -> None:
        """Send and close at once: the answer comes while nobody looks."""
        self.field.fill(text)
        self.page.evaluate("""() => {
          const chat = document.querySelector('support-chat');
          chat.shadowRoot.querySelector('form').requestSubmit();
          chat.close();
        }""")

    def shot(self, folder: Path, name: str) -> None:
        self.page.screenshot(path=folder / f"{name}.png")


def violations(page: Page) -> list[str]:
    """What axe finds wrong on the page as it stands, one line each."""
    if not page.evaluate("() => typeof axe === 'object'"):
        page.evaluate(AXE)
    found: list[dict[str, Any]] = page.evaluate(
        "async (tags) => (await axe.run(document, { runOnly: tags, resultTypes: ['violations'] })).violations", TAGS
    )
    return [f"{rule['id']}: {node['target']} {node.get('failureSummary', '')}" for rule in found for node in rule["nodes"]]
