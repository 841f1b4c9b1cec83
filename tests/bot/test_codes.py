"""One-time codes: by chance, kept as a keyed hash, and told to the log only where a desk is just being tried out."""

from __future__ import annotations

import structlog
from msgspec.structs import replace

from bot.codes import Codes
from bot.knowledge import load_knowledge
from bot.settings import BESIDE_THE_CODE
from conversations.engine import decide
from storage import directory
from storage.directory import Wanted
from storage.engines import Database
from tests.bot.rig import BEGIN_MS, Platform, rig


def test_a_code_has_six_digits_and_is_not_the_one_before() -> None:
    codes = [Codes().new() for _ in range(200)]
    assert all(len(code) == 6 and code.isascii() and code.isdecimal() for code in codes)
    assert len(set(codes)) > 150


def test_what_is_kept_depends_on_the_key_the_conversation_and_the_address() -> None:
    one = Codes(b"k" * 32)
    kept = one.digest(1, "ana@example.com", "123456")
    assert kept == Codes(b"k" * 32).digest(1, "ana@example.com", "123456")
    others = (
        one.digest(2, "ana@example.com", "123456"),
        one.digest(1, "ben@example.com", "123456"),
        one.digest(1, "ana@example.com", "123457"),
        Codes(b"x" * 32).digest(1, "ana@example.com", "123456"),
        Codes().digest(1, "ana@example.com", "123456"),
    )
    assert kept not in others
    assert len(set(others)) == 5


async def test_a_desk_that_is_tried_out_tells_its_log_of_codes_that_would_prove_something(database: Database) -> None:
    ana = Wanted("C-1", "Ana", "", "", frozenset({("registered", "ana@example.com")}), ())
    plan = await database.read(lambda conn: directory.compare(conn, {"C-1": ana}, False))
    await database.write(lambda conn: directory.apply(conn, plan, lambda: 7, BEGIN_MS))
    knowledge = replace(load_knowledge(BESIDE_THE_CODE / "content" / "introserv"), codes="log")
    async with rig(database, Platform("test"), decide=decide, start=False) as here:
        here.pipeline.worker._knowledge = lambda: knowledge
        with structlog.testing.capture_logs() as logs:
            for chat, email in (("ana", "ana@example.com"), ("eve", "eve@example.com")):
                await here.say(chat, "my services")
                await here.decide_all()
                await here.say(chat, email)
                await here.decide_all()
        told = [entry for entry in logs if "code" in entry]
        assert [entry["email"] for entry in told] == ["ana@example.com"]
        assert len(told[0]["code"]) == 6
