"""What every adapter promises. A platform's tests subclass AdapterContract, fill in how the platform is looked at, and inherit the rest.

To fill: the fixture `adapter`, `samples`, and `shown`, `offer`, `acknowledged`, `screen`. The other members have defaults that are right
for a platform without markup, buttons and faults of its own; a platform that has them overrides them. Nothing is skipped: where a platform
cannot do something, what it does instead is tested.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.base import Accepted, Adapter, Later, NotStored, Outbound, Payload, Receipt, Refused, Unreachable, Unwelcome
from adapters.splitting import length
from adapters.text import without_controls
from conversations import events
from conversations.events import Inbound, MessageDeleted, MessageEdited, MessageReceived
from conversations.model import (
    Address,
    Attachment,
    Bold,
    Break,
    Bullets,
    Choice,
    Code,
    Doc,
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

PATIENCE_S = 20.0
"""Only a hanging adapter waits this long; nothing is measured by it."""

FLOOD_S = 3

NASTY = (
    "*bold* _italic_ ~gone~ `code` __under__ ||spoiler|| **both**",
    "[a link](https://evil.example/?a=1&b=2) <https://evil.example|text> https://evil.example/path",
    "<b>bold</b> <script>alert(1)</script> <img src=x onerror=alert(1)> &lt;b&gt; &amp; &#x3C;",
    "@everyone @here <!here> <!channel> <@U0123> <@&5> <#C0123> <t:0:R> </cmd:1>",
    "# heading\n> quote\n- item\n1. first\n```\nfenced\n```\n---\n| a | b |",
    "{name} {{name}} {0} %s %(name)s $name ${name} \\* \\_ \\\\ \\n",
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x9b2J \x08\x08\x00 bell\x07",
    "cortado\u202eotreiba\u202c y \u2066aislado\u2069",
    "¿Qué ñandú pingüino? ¡Sí! «comillas» — ç à",
    "عندي مشكلة في *الخادم* رقم 123 (عاجل)؟ \u200fنعم\u200f",
    "服务器*宕机*了。「请问」怎么办？",
    "👩🏽‍🚒 🇪🇸 ❤️ 🏴󠁧󠁢󠁥󠁮󠁧󠁿 e\u0301 한 \u1112\u1161\u11ab",
    "javascript:alert(1) data:text/html,x mailto:a@b.example tel:+34",
    "  leading, trailing and\t\ttabs  \n\n\n\nfar below  ",
    "'single' \"double\" ` ´ ’ ; -- ' OR 1=1 --",
)
"""Texts that some platform, terminal or template would take for more than characters."""

NUMBERED = ("Sí, gracias", "No <b>del todo</b>", "*Otra* cosa", "Hablar con una persona", "الخادم", "服务器")

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


class Sample(NamedTuple):
    """A payload as the platform really sends it, and what it means."""

    raw: Any
    inbound: Inbound


class Intake:
    """Stands where the desk is: takes events while its gate is open, and can refuse first."""

    def __init__(self, *, refusals: int = 0, open: bool = True) -> None:
        self.calls: list[Inbound] = []
        self.refusals = refusals
        self.gate = asyncio.Event()
        if open:
            self.gate.set()

    async def accept(self, inbound: Inbound) -> Accepted:
        fresh = inbound not in self.calls
        self.calls.append(inbound)
        if self.refusals:
            self.refusals -= 1
            raise NotStored(after=0.001)
        await self.gate.wait()
        return Accepted(fresh)


async def until(true: Callable[[], object]) -> None:
    """Let the adapter run until something is so."""
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110 - what is awaited is outside: a list, a file, a server
            await asyncio.sleep(0.001)


class AdapterContract:
    # --- to fill ---

    receives = True
    """False for a platform that only sends: it has no samples and gives `address` itself, and must take in nothing at all."""

    secrets: Sequence[str] = ()
    """What the adapter was given to get in with: it may stand in no error and no line of the log."""

    samples: Sequence[Sample] = ()
    """Payloads with something in them for the desk. The first can be offered to the running adapter; all are of different events."""

    junk: Sequence[Any] = ()
    """Payloads, well-formed for the platform or not, that hold nothing for the desk: decode gives None."""

    @pytest.fixture
    def adapter(self) -> Adapter:
        raise NotImplementedError

    def shown(self, payload: Payload) -> str:
        """What a reader sees of a payload's text, with the platform's markup taken away and its escapes resolved; not the buttons."""
        raise NotImplementedError

    def measured(self, payload: Payload) -> str:
        """The string that the platform's limit is about."""
        return self.shown(payload)

    def markup(self, payload: Payload) -> Sequence[str]:
        """What the platform would draw as more than characters: names of styles, targets of links, mentions, control sequences."""
        return ()

    def buttons(self, payload: Payload) -> Sequence[Choice]:
        return ()

    async def offer(self, adapter: Adapter, raw: Any) -> None:
        """The platform delivers `raw` to the running adapter. May wait for the acknowledgement."""
        raise NotImplementedError

    async def redeliver(self, adapter: Adapter, raw: Any) -> None:
        """What the platform does about an event that was not acknowledged, if the adapter's `run` does not try again by itself."""

    def acknowledged(self, adapter: Adapter) -> int:
        """How many events the platform holds for acknowledged."""
        raise NotImplementedError

    async def screen(self, adapter: Adapter) -> str:
        """All that a user of the platform can see now."""
        raise NotImplementedError

    def breakages(self, adapter: Adapter) -> Iterable[AbstractAsyncContextManager[None]]:
        """Ways in which the platform can fail a delivery, each for as long as its context is entered."""
        return ()

    async def offer_junk(self, adapter: Adapter, raw: Any) -> None:
        """The platform delivers something without meaning for the desk."""
        await self.offer(adapter, raw)

    def flooded(self, adapter: Adapter) -> AbstractAsyncContextManager[None] | None:
        """While it is entered, the platform asks for FLOOD_S seconds of quiet. None where nobody ever does."""
        return None

    def gone(self, adapter: Adapter) -> AbstractAsyncContextManager[None] | None:
        """While it is entered, the recipient has left for good. None where nobody can tell: there a send is a send."""
        return None

    def lock_out(self, adapter: Adapter) -> str:
        """The platform lets the account in no more: the setting that `run` must name. "" where there is nothing to be let into."""
        return ""

    # --- what follows from it ---

    async def only_sends(self, adapter: Adapter) -> None:
        """What holds instead where nothing is received: `run` asks for nothing, and there is nothing to decode."""
        intake = Intake()
        async with self.running(adapter, intake.accept):
            await settle()
        assert intake.calls == []
        assert adapter.decode({"text": "hola"}) is None

    @property
    def address(self) -> Address:
        return self.samples[0].inbound.address

    def out(self, doc: Doc, choices: Sequence[str] = ()) -> Outbound:
        keyed = tuple(Choice(f"7.{n}", label) for n, label in enumerate(choices, 1))
        return Outbound(self.address, Message(doc, "es", keyed), "5.2.1")

    @contextlib.asynccontextmanager
    async def running(self, adapter: Adapter, accept: Callable[[Inbound], Awaitable[Accepted]]) -> AsyncIterator[None]:
        """The adapter runs; at the end it is cancelled, and must stop."""
        task = asyncio.create_task(adapter.run(accept))
        try:
            yield
        finally:
            if task.done() and not task.cancelled():
                task.result()
            task.cancel()
            async with asyncio.timeout(PATIENCE_S):
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    # decode

    def test_decode_reads_the_samples(self, adapter: Adapter) -> None:
        for sample in self.samples:
            assert adapter.decode(copy.deepcopy(sample.raw)) == sample.inbound

    def test_the_same_payload_is_the_same_event(self, adapter: Adapter) -> None:
        for sample in self.samples:
            assert adapter.decode(copy.deepcopy(sample.raw)) == adapter.decode(copy.deepcopy(sample.raw))

    def test_different_events_have_different_keys(self) -> None:
        assert len({(sample.inbound.address, sample.inbound.key) for sample in self.samples}) == len(self.samples)

    def test_decode_finds_nothing_in_junk(self, adapter: Adapter) -> None:
        for raw in (*self.junk, None, {}, [], "", 0, b"\xff", object()):
            assert adapter.decode(raw) is None

    @given(data=st.data())
    @settings(
        max_examples=150,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
    def test_decode_never_raises_and_gives_only_what_can_be_stored(self, adapter: Adapter, data: st.DataObject) -> None:
        raw = data.draw(JSON | mutations(self.samples) if self.samples else JSON)
        inbound = adapter.decode(raw)
        if inbound is not None:
            assert 0 < len(inbound.key) <= 200
            assert inbound.key.isprintable()
            assert Address.parse(str(inbound.address)) == inbound.address
            assert events.decoder.decode(events.encoder.encode(inbound.event)) == inbound.event
            assert (inbound.event.seq, inbound.event.at) == (0, 0)

    def test_what_customers_change_is_told_as_declared_and_names_a_message_by_its_key(self, adapter: Adapter) -> None:
        told = [sample.inbound for sample in self.samples if isinstance(sample.inbound.event, MessageEdited | MessageDeleted)]
        can = adapter.capabilities
        assert {type(each.event) for each in told} == {
            kind for kind, does in ((MessageEdited, can.edits), (MessageDeleted, can.deletions)) if does
        }
        said = {
            (sample.inbound.address, sample.inbound.key) for sample in self.samples if isinstance(sample.inbound.event, MessageReceived)
        }
        for each in told:
            assert isinstance(each.event, MessageEdited | MessageDeleted)
            assert (each.address, each.event.of) in said
            assert each.event.original is None

    def test_addresses_survive_their_text_form(self, adapter: Adapter) -> None:
        for sample in self.samples:
            assert sample.inbound.address.platform == adapter.name
            assert Address.parse(str(sample.inbound.address)) == sample.inbound.address

    # encode

    def test_encode_is_pure_and_counts_its_parts(self, adapter: Adapter) -> None:
        out = self.out(LONG, NUMBERED)
        payloads = adapter.encode(out)
        assert payloads == adapter.encode(out)
        assert [payload.part for payload in payloads] == list(range(len(payloads)))
        assert {payload.address for payload in payloads} == {out.address}

    def test_no_payload_is_longer_than_the_platform_takes_and_nothing_is_lost(self, adapter: Adapter) -> None:
        capabilities = adapter.capabilities
        rounds = 1 + 3 * min(capabilities.text_limit, 20_000) // sum(map(length, WORDS))
        docs: tuple[Doc, ...] = (
            LONG,
            paragraph(" ".join(WORDS * rounds)),
            paragraph("🎉ñ" * min(capabilities.text_limit, 20_000)),
            tuple(Paragraph((Bold((Text(word),)), Break(), Text(word))) for word in WORDS * rounds),
            (Bullets(tuple((Text(word),) for word in WORDS * rounds)), Steps(tuple((Code(word),) for word in WORDS))),
        )
        for doc in docs:
            for choices in ((), NUMBERED):
                payloads = adapter.encode(self.out(doc, choices))
                for payload in payloads:
                    assert length(self.measured(payload), capabilities.text_unit) <= capabilities.text_limit
                seen = visible("".join(map(self.shown, payloads)))
                for leaf in strings(doc):
                    assert visible(leaf) in seen

    @pytest.mark.parametrize("count", [0, 1, 2, 3, 6, 11, 30, 101])
    def test_choices_are_all_buttons_or_all_numbered(self, adapter: Adapter, count: int) -> None:
        labels = [f"{NUMBERED[n % len(NUMBERED)]} {n}" for n in range(count)]
        out = self.out(paragraph("¿Cuál?"), labels)
        payloads = adapter.encode(out)
        buttons = [button for payload in payloads for button in self.buttons(payload)]
        if 0 < count <= adapter.capabilities.choices:
            assert tuple(buttons) == out.message.choices
        else:
            assert not buttons
            seen = visible("".join(map(self.shown, payloads)))
            assert all(visible(f"{n}) {label}") in seen for n, label in enumerate(labels, 1))

    def test_a_label_too_long_for_a_button_is_still_said(self, adapter: Adapter) -> None:
        label = "palabra " * 40
        payloads = adapter.encode(self.out(paragraph("¿Cuál?"), ["Sí", label]))
        seen = "".join(map(self.shown, payloads)) + "".join(b.label for payload in payloads for b in self.buttons(payload))
        assert visible(label) in visible(seen)

    @pytest.mark.parametrize("text", NASTY)
    def test_user_text_is_shown_as_it_is_and_never_becomes_markup(self, adapter: Adapter, text: str) -> None:
        plain = [*adapter.encode(self.out(paragraph(text)))]
        assert visible("".join(map(self.shown, plain))) == visible(text)
        assert [mark for payload in plain for mark in self.markup(payload)] == []
        for doc in (
            (Paragraph((Bold((Text(text),)), Text(" "), Italic((Text(text),)), Break(), Code(text))),),
            (Bullets(((Text(text),), (Link("https://relevo.example/", (Text(text),)),))), Steps(((Text(text),),))),
        ):
            seen = visible("".join(map(self.shown, adapter.encode(self.out(doc)))))
            assert seen.count(visible(text)) == sum(1 for leaf in strings(doc) if leaf == text)

    @pytest.mark.parametrize("text", NASTY)
    def test_a_label_is_shown_as_it_is(self, adapter: Adapter, text: str) -> None:
        label = " ".join(without_controls(text).split())[:70].strip()
        payloads = adapter.encode(self.out(paragraph("¿Cuál?"), [label, "No"]))
        seen = "".join(map(self.shown, payloads)) + "".join(b.label for payload in payloads for b in self.buttons(payload))
        assert visible(label) in visible(seen)
        assert [mark for payload in payloads for mark in self.markup(payload)] == []

    # deliver

    async def test_what_is_delivered_is_seen(self, adapter: Adapter) -> None:
        for out in (self.out(paragraph("Una respuesta"), ["Sí", "No"]), self.out(LONG)):
            for payload in adapter.encode(out):
                assert isinstance(await adapter.deliver(payload, f"{out.key}.{id(out)}.{payload.part}"), Receipt)
        seen = visible(await self.screen(adapter))
        assert all(visible(text) in seen for text in ("Una respuesta", *strings(LONG)))

    async def test_a_key_that_is_sent_again(self, adapter: Adapter) -> None:
        """Where sends are idempotent it is seen once. Where not, a second send must really send: the first may not have arrived."""
        (payload,) = adapter.encode(self.out(paragraph("Solo una vez")))
        await adapter.deliver(payload, "9.9.9")
        await adapter.deliver(payload, "9.9.9")
        times = visible(await self.screen(adapter)).count(visible("Solo una vez"))
        assert times == (1 if adapter.capabilities.idempotent_send else 2)

    async def test_only_the_three_errors_leave_deliver_and_tell_no_secret(self, adapter: Adapter, caplog: pytest.LogCaptureFixture) -> None:
        (payload,) = adapter.encode(self.out(paragraph("¿Llega?")))
        for n, broken in enumerate(self.breakages(adapter)):
            async with broken:
                with pytest.raises((Later, Unreachable, Refused)) as told:
                    await adapter.deliver(payload, f"8.8.{n}")
                if isinstance(told.value, Later):
                    assert 0 <= told.value.after < 86_400
                assert not [secret for secret in self.secrets if secret in str(told.value) + caplog.text]

    async def test_a_receipt_names_what_was_sent(self, adapter: Adapter) -> None:
        receipts = []
        for n, text in enumerate(("Una", "Otra")):
            (payload,) = adapter.encode(replace(self.out(paragraph(text)), key=f"4.4.{n}"))
            receipts.append(await adapter.deliver(payload, f"4.4.{n}.0"))
        assert all(receipt.platform_id for receipt in receipts)
        assert receipts[0] != receipts[1]

    @pytest.mark.parametrize(
        "doc", [(), paragraph(""), paragraph(" \n "), paragraph("\u200e\x00")], ids=["none", "empty", "blank", "unseen"]
    )
    async def test_a_message_without_words_is_sent_or_left_out(self, adapter: Adapter, doc: Doc) -> None:
        """A platform that takes no empty message must not be asked to: it would refuse, and hold up nobody, but tell the operators."""
        for payload in adapter.encode(self.out(doc, ["Sí"])):
            assert isinstance(await adapter.deliver(payload, f"6.6.{payload.part}"), Receipt)

    async def test_a_flood_is_waited_out_for_as_long_as_the_platform_says(self, adapter: Adapter) -> None:
        (payload,) = adapter.encode(self.out(paragraph("Otra vez")))
        flooded = self.flooded(adapter)
        if flooded is None:
            for n in range(10):
                assert isinstance(await adapter.deliver(payload, f"7.7.{n}"), Receipt)
            return
        async with flooded:
            with pytest.raises(Later) as later:
                await adapter.deliver(payload, "7.7.0")
        assert FLOOD_S <= later.value.after < FLOOD_S + 2

    async def test_who_is_gone_is_not_written_to_any_more(self, adapter: Adapter) -> None:
        (payload,) = adapter.encode(self.out(paragraph("¿Estás?")))
        gone = self.gone(adapter)
        if gone is None:
            assert isinstance(await adapter.deliver(payload, "3.3.0"), Receipt)
            return
        async with gone:
            with pytest.raises(Unreachable) as left:
                await adapter.deliver(payload, "3.3.0")
        assert left.value.moved is None

    # what only some platforms draw

    def test_a_button_carries_the_longest_key_there_is(self, adapter: Adapter) -> None:
        choices = tuple(Choice(f"{'9' * 36}.{n:03d}", f"Opción {n}") for n in range(3))
        payloads = adapter.encode(Outbound(self.address, Message(paragraph("¿Cuál?"), "es", choices), "5.2.1"))
        buttons = [button for payload in payloads for button in self.buttons(payload)]
        if adapter.capabilities.choices >= len(choices):
            assert tuple(buttons) == choices
        else:
            seen = visible("".join(map(self.shown, payloads)))
            assert not buttons
            assert all(visible(f"{n}) {choice.label}") in seen for n, choice in enumerate(choices, 1))

    def test_a_form_can_always_be_answered_a_question_at_a_time(self, adapter: Adapter) -> None:
        """Drawn as a page or not: the question and its answers stand in the chat as well."""
        options = (Option("a", "Técnico"), Option("b", "Facturación"))
        inputs = (Input("department", "one", "Departamento", True, options=options), Input("details", "lines", "Detalles", limit=4000))
        choices = (Choice("7.1", "Técnico"), Choice("7.2", "Facturación"), Choice("7.3", "← Atrás", aside=True))
        sheet = Sheet("70.1", "ticket", 1, 1, 2, inputs, "department")
        payloads = adapter.encode(Outbound(self.address, Message(paragraph("¿Para quién es?"), "es", choices, sheet), "5.2.1"))
        seen = visible("".join(map(self.shown, payloads)))
        assert visible("¿Para quién es?") in seen
        keys = {button.key for payload in payloads for button in self.buttons(payload)}
        if adapter.capabilities.choices:
            assert keys >= {choice.key for choice in choices}
        else:
            assert all(visible(choice.label) in seen for choice in choices)

    def test_a_file_is_sent_or_named(self, adapter: Adapter) -> None:
        file = Attachment("ab" * 32, "informe-7.pdf", "application/pdf", 1234)
        payloads = adapter.encode(Outbound(self.address, Message(paragraph("Aquí está"), "es", files=(file,)), "5.2.1"))
        assert all(any(part in repr(payload.body) for payload in payloads) for part in ("Aquí está", "informe-7.pdf"))

    # run

    async def test_an_event_is_acknowledged_only_once_it_is_stored(self, adapter: Adapter) -> None:
        if not self.receives:
            return await self.only_sends(adapter)
        intake = Intake(open=False)
        async with self.running(adapter, intake.accept):
            offered = asyncio.create_task(self.offer(adapter, copy.deepcopy(self.samples[0].raw)))
            await until(lambda: intake.calls)
            await settle()
            assert self.acknowledged(adapter) == 0
            intake.gate.set()
            await until(lambda: self.acknowledged(adapter) == 1)
            await offered
        assert intake.calls == [self.samples[0].inbound]

    async def test_an_event_that_was_not_stored_is_not_acknowledged(self, adapter: Adapter) -> None:
        if not self.receives:
            return await self.only_sends(adapter)
        intake = Intake(refusals=1, open=False)
        async with self.running(adapter, intake.accept):
            offered = [asyncio.create_task(self.offer(adapter, copy.deepcopy(self.samples[0].raw)))]
            await until(lambda: intake.calls)
            await settle()
            assert self.acknowledged(adapter) == 0
            offered.append(asyncio.create_task(self.redeliver(adapter, copy.deepcopy(self.samples[0].raw))))
            await until(lambda: len(intake.calls) == 2)
            await settle()
            assert self.acknowledged(adapter) == 0
            intake.gate.set()
            await until(lambda: self.acknowledged(adapter) == 1)
            await asyncio.gather(*offered)
        assert set(intake.calls) == {self.samples[0].inbound}

    async def test_cancelling_stops_it_and_acknowledges_nothing_more(self, adapter: Adapter) -> None:
        if not self.receives:
            return await self.only_sends(adapter)
        intake = Intake(open=False)
        offered: asyncio.Task[None] | None = None
        async with self.running(adapter, intake.accept):
            offered = asyncio.create_task(self.offer(adapter, copy.deepcopy(self.samples[0].raw)))
            await until(lambda: intake.calls)
        offered.cancel()
        await asyncio.gather(offered, return_exceptions=True)
        assert self.acknowledged(adapter) == 0

    async def test_what_means_nothing_does_not_hold_up_what_comes_after_it(self, adapter: Adapter) -> None:
        if not self.receives:
            return await self.only_sends(adapter)
        intake = Intake()
        async with self.running(adapter, intake.accept):
            await self.offer_junk(adapter, copy.deepcopy(self.junk[0]))
            offered = asyncio.create_task(self.offer(adapter, copy.deepcopy(self.samples[0].raw)))
            await until(lambda: intake.calls)
            await offered
        assert [inbound.event for inbound in intake.calls] == [self.samples[0].inbound.event]

    async def test_who_is_not_let_in_says_which_setting_is_wrong(self, adapter: Adapter, caplog: pytest.LogCaptureFixture) -> None:
        setting = self.lock_out(adapter)
        if not setting:
            # Nobody can turn it away: it runs until it is stopped.
            async with self.running(adapter, Intake().accept):
                await settle()
            return
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(Unwelcome) as told:
                await adapter.run(Intake().accept)
        assert str(told.value).startswith(f"{setting}: ")
        assert "\n" not in str(told.value)
        assert not [secret for secret in self.secrets if secret in str(told.value) + caplog.text]

    async def test_an_idle_adapter_can_be_cancelled(self, adapter: Adapter) -> None:
        async with self.running(adapter, Intake().accept):
            await settle()


async def settle() -> None:
    """Give every task that can go on the chance to do so."""
    for _ in range(20):
        await asyncio.sleep(0)


def visible(text: str) -> str:
    """What is left of a text when blanks, line ends, and characters that must not be shown are set aside."""
    return "".join(without_controls(text).split())


def strings(doc: Doc) -> list[str]:
    """The leaves of a tree that a reader must see."""
    found: list[str] = []

    def look(node: Any) -> None:
        match node:
            case tuple():
                for child in node:
                    look(child)
            case Text(text) | Code(text):
                found.append(text)
            case Paragraph(children) | Bold(children) | Italic(children) | Link(_, children):
                look(children)
            case Bullets(items) | Steps(items):
                look(items)

    look(doc)
    return found


@st.composite
def mutations(draw: st.DrawFn, samples: Sequence[Sample]) -> Any:
    """A real payload with some of it missing or replaced by anything."""
    raw = copy.deepcopy(draw(st.sampled_from([sample.raw for sample in samples])))
    for _ in range(draw(st.integers(1, 3))):
        spots = list(containers(raw))
        if not spots:
            return draw(JSON)
        spot = draw(st.sampled_from(spots))
        key = draw(st.sampled_from(sorted(spot) if isinstance(spot, dict) else range(len(spot))))
        if draw(st.booleans()):
            spot[key] = draw(JSON)
        else:
            del spot[key]
    return raw


def containers(node: Any) -> Iterable[dict[str, Any] | list[Any]]:
    if isinstance(node, (dict, list)):
        if node and (isinstance(node, list) or all(isinstance(key, str) for key in node)):
            yield node
        for child in node.values() if isinstance(node, dict) else node:
            yield from containers(child)


WORDS = [*(f"palabra{n}" for n in range(40)), "fin.", "¿Sí?", "نعم", "问题。", "👩🏽‍🚒"]

LONG: Doc = (
    Paragraph((Text("Para empezar, "), Bold((Text("lee esto"),)), Text(" y "), Italic((Text("esto otro"),)), Break(), Code("a_b*c"))),
    Bullets(((Text("primer punto"),), (Link("https://relevo.example/area?x=1&y=2", (Text("el área"),)), Text(" de cliente")))),
    Steps(((Text("abre"), Break(), Text("con calma")), (Bold((Text("cierra"),)),))),
    Paragraph((Text("Escribe a "), Link("mailto:soporte@relevo.example", (Text("soporte@relevo.example"),)))),
)
