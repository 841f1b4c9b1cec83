"""The real program with nothing set but Slack: it serves Slack and the web together, and stops when it is told to."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import httpx

from bot.settings import BESIDE_THE_CODE
from tests.adapters.slack_people import People
from tests.adapters.slack_server import slack
from tests.adapters.slack_wire import APP_TOKEN, BOT_TOKEN
from tests.e2e.program import Program


async def test_slack_and_the_web_are_served_together(tmp_path: Path) -> None:
    async with slack() as server:
        desk = Program(
            tmp_path,
            RELEVO_SLACK__BOT_TOKEN=BOT_TOKEN,
            RELEVO_SLACK__APP_TOKEN=APP_TOKEN,
            RELEVO_SLACK__BASE_URL=server.base_url,
        )
        people = People(server)
        try:
            await asyncio.to_thread(desk.start)
            await server.until(lambda: server.connections, 30)
            await (await people.dm("U0ANA", "¿Qué prioridad pongo si mi servidor está caído?")).answer
            await server.until(lambda: server.by_desk("D0ANA"))
            assert "Alta" in server.screen("D0ANA")
            await (await people.open_home("U0ANA")).answer
            await server.until(lambda: server.homes)
            async with httpx.AsyncClient(base_url=desk.url) as browser:
                opened = await browser.post("/chat/sessions", json={"locale": "es"})
                assert opened.status_code == 201
                assert (await browser.post("/hooks/slack")).status_code == 404
            assert await asyncio.to_thread(desk.stop) == 0
        finally:
            desk.kill()
        assert "xoxb" not in desk.output()
        assert "caído" not in desk.output()


async def test_a_conversation_goes_on_where_a_kill_left_it(tmp_path: Path) -> None:
    async with slack() as server:
        people = People(server)
        settings = {"RELEVO_SLACK__BOT_TOKEN": BOT_TOKEN, "RELEVO_SLACK__APP_TOKEN": APP_TOKEN, "RELEVO_SLACK__BASE_URL": server.base_url}
        desk = Program(tmp_path, **settings)
        try:
            await asyncio.to_thread(desk.start)
            await server.until(lambda: server.connections, 30)
            await (await people.slash("U0BEN", "ticket", "C0HELP")).answer
            await server.until(lambda: server.views)
            server.views.clear()
            await server.until(lambda: server.by_desk("D0BEN"))
            await (await people.press("U0BEN", "D0BEN", "Technical issues")).answer
            await server.until(lambda: "2/" in server.screen("D0BEN"))
            await asyncio.to_thread(desk.kill)
            await server.until(lambda: not server._sockets)
            # Said while it was down, and given up on by Slack.
            await people.dm("U0BEN", "regular")
            server.forget()
            await asyncio.to_thread(desk.start)
            await server.until(lambda: server.connections == 2, 30)
            await server.until(lambda: "3/" in server.screen("D0BEN"), 30)
            # The button of the message from before the kill: its sheet is not in memory any more.
            await (await people.press("U0BEN", "D0BEN", "📝 Fill in as a form")).answer
            assert len(server.views) == 1
        finally:
            desk.kill()


async def test_what_is_not_used_is_not_loaded() -> None:
    code = "import sys, bot.app, bot.cli; print([name for name in sys.modules if name.startswith(('slack', 'aiohttp'))])"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, cwd=BESIDE_THE_CODE)
    printed, _ = await process.communicate()
    assert printed.decode().strip() == "[]"
