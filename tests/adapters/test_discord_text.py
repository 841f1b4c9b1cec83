"""What Discord is shown: limits and markup for any text at all, and payloads that nobody should send."""

from __future__ import annotations

import copy
import os
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.base import Outbound
from adapters.discord.decode import event_of
from adapters.discord.encode import CAPABILITIES, calls, modal_of
from adapters.discord.markup import MARKDOWN, escaped, parts_of, whole
from adapters.text import without_controls
from conversations import events
from conversations.model import (
    Address,
    Attachment,
    Bold,
    Break,
    Bullets,
    Choice,
    Code,
    Inline,
    Input,
    Italic,
    Link,
    Message,
    Option,
    Paragraph,
    Sheet,
    Steps,
    Text,
)
from tests.adapters import discord_rules as rules
from tests.adapters.discord_markdown import read
from tests.adapters.discord_server import BOT
from tests.adapters.test_discord import TestDiscord as Contract
from tests.contracts.adapter import NASTY, containers, strings, visible

HERE = Address("discord", BOT, "110000000000000001")
THERE = Address("discord", BOT, "130000000000000001", "80351110224678912")
SPICE = [
    *NASTY,
    "```",
    "**",
    "_",
    "\\",
    "`",
    "[x](https://evil.example)",
    "<@1>",
    "@everyone",
    "- ",
    "1. ",
    "# ",
    "> ",
    "-# ",
    "||",
    "~~",
    "\n",
    " ",
]

rough = st.lists(
    st.sampled_from(SPICE) | st.text(max_size=12) | st.sampled_from(["palabra", "服务器", "مرحبا", "👩🏽‍🚒"]), max_size=12
).map("".join)
leaves = st.one_of(
    rough.map(Text),
    rough.map(Code),
    st.just(Break()),
    st.builds(Link, st.just("https://relevo.example/a_b?x=(1)&y=*2*"), st.tuples(rough.map(Text))),
)
inlines: st.SearchStrategy[Inline] = st.recursive(
    leaves, lambda inner: st.one_of(*(st.builds(kind, st.lists(inner, max_size=3).map(tuple)) for kind in (Bold, Italic))), max_leaves=6
)
lines = st.lists(inlines, max_size=5).map(tuple)
blocks = st.one_of(st.builds(Paragraph, lines), *(st.builds(kind, st.lists(lines, max_size=4).map(tuple)) for kind in (Bullets, Steps)))
docs = st.lists(blocks, max_size=5).map(tuple)


@given(rough)
@settings(max_examples=400)
def test_escaped_text_is_only_text(text: str) -> None:
    shown = read(escaped(text))
    assert shown.marks == ()
    assert shown.text == without_controls(text).replace("\u200b", "")


@given(docs, st.sampled_from([60, 200, 2000]))
@settings(max_examples=400)
def test_every_part_fits_and_is_whole_and_nothing_is_lost(doc: Any, limit: int) -> None:
    parts = parts_of(doc, limit)
    assert all(len(part) <= limit and whole(part) for part in parts)
    assert all("link" not in mark or "relevo.example" in mark for part in parts for mark in read(part).marks)
    assert not [
        mark for part in parts for mark in read(part).marks if mark.split()[0] in ("mention", "time", "command", "emoji", "heading")
    ]
    seen = visible("".join(read(part).text for part in parts)).replace("\u200b", "")
    for leaf in strings(doc):
        if limit == 2000:
            assert visible(leaf).replace("\u200b", "") in seen


@pytest.mark.parametrize("text", NASTY)
def test_styles_are_drawn_and_what_stands_in_them_is_not(text: str) -> None:
    text = " ".join(text.split())
    for kind, mark in ((Bold, "bold"), (Italic, "italic")):
        shown = read(MARKDOWN.line((Text("x"), kind((Text(text),)), Text("y"))))
        assert shown.marks == (mark,)
        assert visible(shown.text) == visible(f"x{text}y").replace("\u200b", "")


@pytest.mark.parametrize(
    ("inlines", "marks"),
    [
        ((Bold((Text("a"),)), Bold((Text("b"),))), ("bold", "bold")),
        ((Italic((Text("a"),)), Bold((Text("b"),))), ("italic", "bold")),
        ((Bold((Italic((Text("a"),)),)),), ("bold", "italic")),
        ((Bold((Bold((Text("a"),)),)),), ("bold",)),
        ((Text("snake"), Italic((Text("a_b"),)), Text("case")), ("italic",)),
        ((Code("a`b"), Code("c")), ("code", "code")),
        ((Code("`"),), ("code",)),
        ((Code("```block```"),), ()),
        ((Code("\\"), Text("x")), ("code",)),
        ((Bold((Code("a**b"),)),), ("bold",)),
        ((Bold((Text(" padded "),)),), ("bold",)),
        ((Link("https://relevo.example/a", (Text("the area"),)),), ("link https://relevo.example/a",)),
        ((Link("https://relevo.example/a", (Text("https://relevo.example/a"),)),), ("link https://relevo.example/a",)),
        ((Link("https://relevo.example/a", (Text("see https://evil.example"),)),), ("link https://relevo.example/a",)),
        ((Link("https://relevo.example/a", (Text("a [b] c"),)),), ("link https://relevo.example/a",)),
        ((Link("mailto:a@b.example", (Text("a@b.example"),)),), ()),
    ],
)
def test_what_is_drawn_is_drawn(inlines: tuple[Inline, ...], marks: tuple[str, ...]) -> None:
    assert read(MARKDOWN.line(inlines)).marks == marks or read(parts_of((Paragraph(inlines),))[0]).marks == marks


labels = st.sampled_from(["Sí", "No, gracias", "x" * 75, "👩🏽‍🚒", "  ", "@everyone", "a\nb"]) | st.text(max_size=75)
choices = st.lists(st.tuples(labels, st.booleans()), max_size=110).map(
    lambda found: tuple(Choice(f"7.{n}", label, aside) for n, (label, aside) in enumerate(sorted(found, key=lambda one: one[1]), 1))
)
inputs = st.builds(
    Input,
    name=st.just("field"),
    kind=st.sampled_from(["line", "lines", "one", "files"]),
    label=labels,
    required=st.booleans(),
    hint=rough,
    options=st.lists(labels, max_size=30).map(lambda found: tuple(Option(f"v{n}", label, label * 2) for n, label in enumerate(found))),
    limit=st.sampled_from([0, 1, 40, 4000, 9000]),
    value=rough | st.just("v1") | st.just("long " * 1000),
    files=st.sampled_from([(), (Attachment("a.b", "x.txt", "text/plain", 5),)]),
    error=st.just("") | rough,
    secret=st.booleans(),
)
sheets = st.lists(inputs, min_size=1, max_size=7).map(
    lambda found: Sheet(
        "7000000000000000001.400",
        "ticket",
        12,
        2,
        3,
        tuple(
            Input(**{name: getattr(each, name) for name in each.__struct_fields__} | {"name": f"field{n}"}) for n, each in enumerate(found)
        ),
    )
)


@given(docs, choices, st.none() | sheets, st.sampled_from([HERE, THERE]), st.sampled_from(["es", "en"]))
@settings(max_examples=250)
def test_discord_would_take_it(doc: Any, choices: tuple[Choice, ...], sheet: Sheet | None, address: Address, locale: str) -> None:
    files = (Attachment("d.p", "a.txt", "text/plain", 9), Attachment("e.p", "film.mp4", "video/mp4", 90_000_000))
    out = Outbound(address, Message(doc, locale, choices, sheet, files), "500592871644221440.99.1")
    payloads = calls(out)
    for payload in payloads:
        json = payload.body.json
        listed = [{"filename": file.name} for file in payload.body.files]
        sent = [(file.name, file.size) for file in payload.body.files]
        assert rules.message(json | ({"attachments": listed} if listed else {}), sent) is None
    found = [part for payload in payloads for row in payload.body.json.get("components", []) for part in row["components"]]
    keys = [option["value"] for part in found for option in part.get("options", [])] + [part["custom_id"].split("@")[0] for part in found]
    if len(choices) <= CAPABILITIES.choices:
        assert {choice.key for choice in choices} <= set(keys)
    assert ("fill:500592871644221440.99.1" in keys) == (sheet is not None)
    assert "film.mp4" in read(payloads[-1].body.json["content"]).text
    if sheet is not None:
        assert list(rules.modal(modal_of(sheet, locale))) == []


# --- fuzz ---

HOSTILE: list[Any] = [
    None,
    True,
    -1,
    1e309,
    2**70,
    "",
    "\x00",
    "\ud800",
    "9" * 25,
    "٣",
    [],
    {},
    [[]],
    {"id": {}},
    "<@1>",
    b"x",
    "a" * 10_000,
]


def fuzz(count: int, seed: int = 1) -> int:
    """Decode so many mutated payloads; how many of them held an event. Raises what decode raises, or that it cannot be kept."""
    chance = random.Random(seed)
    whole_ones = [sample.raw for sample in Contract.samples] + [raw for raw in Contract.junk if isinstance(raw, dict)]
    held = 0
    for _ in range(count):
        raw = copy.deepcopy(chance.choice(whole_ones))
        for _ in range(chance.randint(1, 4)):
            spots = list(containers(raw))
            spot = chance.choice(spots)
            key: Any = chance.choice(list(spot)) if isinstance(spot, dict) else chance.randrange(len(spot))
            match chance.randrange(4):
                case 0:
                    del spot[key]
                case 1:
                    spot[key] = chance.choice(HOSTILE)
                case 2 if isinstance(spot[key], str):
                    at = chance.randint(0, len(spot[key]))
                    spot[key] = spot[key][:at] + chance.choice(["\x00", "\ud800", "@", ":", "~", "9", " "]) + spot[key][at + 1 :]
                case _:
                    other = chance.choice(spots)
                    spot[key] = (
                        copy.deepcopy(other[chance.choice(list(other))] if isinstance(other, dict) else chance.choice(other))
                        if other
                        else None
                    )
            if not raw:
                break
        inbound = event_of(raw, BOT)
        if inbound is not None:
            held += 1
            assert 0 < len(inbound.key) <= 200
            assert inbound.key.isprintable()
            assert Address.parse(str(inbound.address)) == inbound.address
            assert events.decoder.decode(events.encoder.encode(inbound.event)) == inbound.event
    return held


def test_no_payload_is_too_much_for_it() -> None:
    count = int(os.environ.get("FUZZ", "4000"))
    assert count // 20 < fuzz(count) < count
