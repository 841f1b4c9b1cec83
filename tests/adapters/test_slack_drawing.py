"""What Slack is given to draw, whatever was said: never over a limit, never markup; and nothing it sends breaks decode."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.base import Outbound
from adapters.slack import decode as decoding
from adapters.slack.encode import Post, encode, errors, home, view
from adapters.slack.ports import Own
from conversations import events
from conversations.model import (
    Address,
    Attachment,
    Bold,
    Break,
    Bullets,
    Choice,
    Code,
    Input,
    Italic,
    Link,
    Message,
    Option,
    Paragraph,
    Sheet,
    Steps,
    Text,
    paragraph,
)
from tests.adapters import slack_desk as desk
from tests.adapters import slack_rules as rules
from tests.adapters import slack_samples as samples
from tests.adapters.slack_wire import labels, leaves, shown
from tests.contracts.adapter import NASTY, containers, visible

NASTY_TEXT = st.one_of(st.sampled_from(NASTY), st.text(max_size=60), st.sampled_from(NASTY).map(lambda text: text * 200))
INLINE = st.recursive(
    st.one_of(NASTY_TEXT.map(Text), NASTY_TEXT.map(Code), st.just(Break())),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda each: Bold(tuple(each))),
        st.lists(inner, max_size=3).map(lambda each: Italic(tuple(each))),
        st.lists(inner, max_size=3).map(lambda each: Link("https://relevo.example/?a=1&b=<2>", tuple(each))),
    ),
    max_leaves=6,
)
LINE = st.lists(INLINE, max_size=6).map(tuple)
DOC = st.lists(
    st.one_of(
        LINE.map(Paragraph),
        st.lists(LINE, max_size=5).map(lambda x: Bullets(tuple(x))),
        st.lists(LINE, max_size=5).map(lambda x: Steps(tuple(x))),
    ),
    max_size=4,
).map(tuple)
LABEL = st.one_of(st.sampled_from(NASTY).map(lambda text: text[:75]), st.text(min_size=1, max_size=90))
FILE = st.builds(Attachment, st.text(min_size=1, max_size=80), NASTY_TEXT, st.just("image/png"), st.integers(0, 10**7))
INPUT = st.builds(
    Input,
    name=st.from_regex(r"[a-z][a-z0-9_]{0,39}", fullmatch=True),
    kind=st.sampled_from(["line", "lines", "one", "files"]),
    label=NASTY_TEXT,
    required=st.booleans(),
    hint=NASTY_TEXT,
    options=st.lists(st.builds(Option, st.text(max_size=160), NASTY_TEXT, NASTY_TEXT), max_size=12).map(tuple),
    limit=st.integers(0, 9_000),
    value=NASTY_TEXT,
    files=st.lists(FILE, max_size=10).map(tuple),
    error=st.one_of(st.just(""), NASTY_TEXT),
)
SHEET = st.builds(
    Sheet,
    key=st.just("17.1"),
    form=st.just("ticket"),
    version=st.just(1),
    page=st.integers(1, 99),
    pages=st.integers(1, 99),
    inputs=st.lists(INPUT, min_size=1, max_size=5, unique_by=lambda each: each.name).map(tuple),
    lead=DOC,
)


@given(doc=DOC, labelled=st.lists(LABEL, max_size=110), asides=st.integers(0, 4), sheet=st.one_of(st.none(), SHEET))
@settings(max_examples=120)
def test_slack_takes_every_message_and_none_of_its_text_is_more_than_text(
    doc: Any, labelled: list[str], asides: int, sheet: Sheet | None
) -> None:
    choices = tuple(Choice(f"7.{n}", label, n >= len(labelled) - asides) for n, label in enumerate(labelled))
    for payload in encode(Outbound(desk.ANA, Message(doc, "es", choices, sheet), "5.2.1")):
        assert isinstance(payload.body, Post)
        post = {"text": payload.body.text, "blocks": payload.body.blocks}
        rules.message(post)
        rules.message({"text": payload.body.simple})
        assert "mrkdwn" not in {node.get("type") for node in nodes(post)}
        for block in payload.body.blocks:
            for leaf in leaves(block["elements"]) if block["type"] == "rich_text" else ():
                assert leaf["type"] == "text" or (leaf["type"], leaf["url"]) == ("link", "https://relevo.example/?a=1&b=<2>")


@given(sheet=SHEET, locale=st.sampled_from(["es", "en", "ar"]))
@settings(max_examples=120)
def test_slack_takes_every_form_and_gives_its_fields_back(sheet: Sheet, locale: str) -> None:
    message = Message(paragraph("¿Cuál?"), locale, (), sheet)
    drawn = view(message, sheet, "5.2.1", desk.ANA)
    rules.view(drawn)
    assert "mrkdwn" not in {node.get("type") for node in nodes(drawn)}
    filled = decoding.Filled.read(drawn["private_metadata"])
    assert filled is not None
    assert (filled.address, filled.key, filled.form) == (str(desk.ANA), "17.1", "ticket")
    names = [block["block_id"].partition("@")[0] for block in drawn["blocks"] if block["type"] == "input"]
    left_out = {each.name for each in sheet.inputs} - set(names)
    assert left_out <= {each.name for each in sheet.inputs if each.files}


def test_what_is_too_long_to_be_shown_is_kept_when_nothing_is_written() -> None:
    long = Input("details", "lines", "Qué pasa", True, value="x" * 3_500, limit=4_000)
    short = Input("service", "line", "Servicio", value="vps")
    given_files = Input("files", "files", "Archivos", files=(Attachment("ab", "a.png", "image/png", 3),))
    sheet = Sheet("17.1", "ticket", 1, 1, 1, (long, short, given_files))
    drawn = view(Message((), "es", (), sheet), sheet, "5.2.1", desk.ANA)
    assert [block.get("optional") for block in drawn["blocks"]] == [True, True, True]
    values: dict[str, Any] = {
        "details@5.2.1": {"v": {"type": "plain_text_input", "value": None}},
        "service@5.2.1": {"v": {"type": "plain_text_input", "value": None}},
        "files@5.2.1": {"v": {"type": "file_input", "files": []}},
    }
    payload = {**samples.SENT, "view": {**drawn, "id": "V1", "state": {"values": values}}}
    inbound = decoding.decode(samples.envelope("interactive", payload))
    assert inbound is not None
    assert isinstance(inbound.event, events.FormAnswered)
    assert inbound.event.answers == {"service": ""}
    values["files@5.2.1"]["v"]["files"] = [samples.PICTURE]
    again = decoding.decode(samples.envelope("interactive", payload, files=samples.KEPT))
    assert again is not None
    assert isinstance(again.event, events.FormAnswered)
    assert [file["id"] for file in again.event.answers["files"]] == ["ab", "ab12"]


def test_errors_are_shown_only_where_the_open_page_has_their_fields() -> None:
    wrong = Input("since", "line", "Desde", error="No lo entiendo")
    page = Sheet("17.1", "ticket", 1, 2, 4, (wrong, Input("scope", "line", "Alcance")))
    assert errors(page, {"since": "since@1", "scope": "scope@1"}) == {"since@1": "No lo entiendo"}
    assert errors(page, {"since": "since@1"}) is None
    assert errors(page, {"title": "title@1"}) is None
    assert errors(Sheet("17.1", "ticket", 1, 2, 4, (Input("since", "line", "Desde"),)), {"since": "since@1"}) is None


def test_many_answers_are_a_menu_and_ways_round_the_question_stay_buttons() -> None:
    choices = (*(Choice(f"7.{n}", f"Tema {n}") for n in range(40)), Choice("7.40", "Cancelar", True))
    [payload] = encode(Outbound(desk.ANA, Message(paragraph("¿Cuál?"), "es", choices), "5.2.1"))
    post = {"blocks": payload.body.blocks}
    assert [each["type"] for block in payload.body.blocks for each in block["elements"] if block["type"] == "actions"] == [
        "static_select",
        "button",
    ]
    assert labels(post) == [choice.label for choice in choices]


@given(st.lists(st.builds(Own, st.text(max_size=12), NASTY_TEXT, st.text(max_size=30)), max_size=30).map(tuple))
@settings(max_examples=40)
def test_slack_takes_every_home(own: tuple[Own, ...]) -> None:
    for locale in ("es", "en"):
        drawn = home(own, locale, "T0TEAM", "A0APP")
        rules.view(drawn)
        assert all(visible(each.number) in visible(shown(drawn)) for each in own[:20])


# --- fuzz ---


def fuzz(count: int, seed: int) -> int:
    """Decode `count` payloads, each a real one with some of it missing, swapped or spoilt. Returns how many still were events."""
    chance = random.Random(seed)
    pool: list[Any] = [None, True, -1, 10**30, 1.5, "", "x" * 300, "\ud800", "\x00", [], {}, [[]], {"a": {}}, *NASTY]
    pool += [node for sample in samples.SAMPLES for node in containers(sample.raw)]
    understood = 0
    raws = [sample.raw for sample in samples.SAMPLES] + list(samples.JUNK)
    for _ in range(count):
        raw = copy.deepcopy(chance.choice(raws))
        for _ in range(chance.randint(1, 4)):
            spot: Any = chance.choice(list(containers(raw)))
            key: Any = chance.choice(list(spot) if isinstance(spot, dict) else range(len(spot)))
            match chance.randrange(4):
                case 0:
                    del spot[key]
                    if not list(containers(raw)):
                        break
                case 1 if isinstance(spot[key], str):
                    text = spot[key]
                    at = chance.randrange(len(text) + 1)
                    spot[key] = text[:at] + chance.choice(("\x00", "<@U0>", "\udfff", "💥", "", ".")) + text[at + chance.randrange(3) :]
                case _:
                    spot[key] = copy.deepcopy(chance.choice(pool))
        inbound = decoding.decode(raw)
        if inbound is not None:
            understood += 1
            assert 0 < len(inbound.key) <= 200
            assert inbound.key.isprintable()
            assert Address.parse(str(inbound.address)) == inbound.address
            assert events.decoder.decode(events.encoder.encode(inbound.event)) == inbound.event
    return understood


def test_no_payload_breaks_decode() -> None:
    assert fuzz(3_000, 1) > 300


def nodes(root: Any) -> list[dict[str, Any]]:
    found = [root] if isinstance(root, dict) else []
    for child in root.values() if isinstance(root, dict) else root if isinstance(root, list) else ():
        found += nodes(child)
    return found


def test_a_sample_survives_json() -> None:
    """They are what travels, so they must be able to."""
    for sample in samples.SAMPLES:
        assert json.loads(json.dumps(sample.raw)) == sample.raw
