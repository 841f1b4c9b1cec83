"""The real program with nothing set but Discord: it serves Discord and the web chat together, and stops gently."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from pathlib import Path
from typing import Any

from tests.adapters.discord_server import TOKEN, DiscordServer
from tests.bot.rig import until
from tests.e2e.program import Program

ANA = "80351110224678912"


def ask(program: Program, method: str, path: str, body: Any = None, token: str = "") -> Any:
    request = urllib.request.Request(program.url + path, json.dumps(body).encode() if body else None, method=method)
    request.add_header("content-type", "application/json")
    if token:
        request.add_header("authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=40) as answer:
        return json.load(answer)


async def test_discord_and_the_web_are_served_together(tmp_path: Path) -> None:
    server = DiscordServer()
    await server.start()
    program = Program(
        tmp_path,
        RELEVO_DISCORD__TOKEN=TOKEN,
        RELEVO_DISCORD__API_BASE_URL=server.api_url,
        RELEVO_DISCORD__GATEWAY_URL=server.gateway_url,
    )
    try:
        await asyncio.to_thread(program.start)
        room = server.room(ANA)
        await until(lambda: server.gateway.open)
        server.post(room, ANA, "how long does it take to get a reply to a ticket?")
        await until(lambda: bool(server.said(room)))
        assert "10 minutes" in server.said(room)[0]["content"]

        token = (await asyncio.to_thread(ask, program, "POST", "/chat/sessions", {"locale": "en"}))["token"]
        said = {"client_id": "question-1", "text": "how long does it take to get a reply to a ticket?"}
        await asyncio.to_thread(ask, program, "POST", "/chat/messages", said, token)
        entries: list[Any] = []
        while not any(entry["by"] == "desk" for entry in entries):
            after = entries[-1]["n"] if entries else 0
            entries += (await asyncio.to_thread(ask, program, "GET", f"/chat/events?after={after}", None, token))["entries"]
        assert await asyncio.to_thread(program.stop) == 0
        assert TOKEN not in program.output()
        assert server.refusals == []
    finally:
        await asyncio.to_thread(program.kill)
        await server.stop()
