"""What goes along between linked chats: a form is in one of them and sent once, whatever is pressed; tickets stay where they are."""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.knowledge import load_knowledge
from conversations.effects import (
    AddToTicket,
    Effect,
    OpenTicket,
    Pass,
    Say,
)
from conversations.engine import decide
from conversations.events import (
    ChoicePressed,
    CommandGiven,
    DraftGiven,
    DraftMissed,
    Event,
    LinksChanged,
    MessageReceived,
    NotPassed,
    TicketReplied,
)
from conversations.flows.stack import drafts
from conversations.knowledge import Knowledge
from conversations.model import Filling, Linked, State
from tests.conversations.test_engine import CONTENT

NOW = 1_800_000_000_000
PLATFORMS = {1: "telegram", 2: "web", 3: "slack"}


@pytest.fixture(scope="session")
def knowledge() -> Knowledge:
    return load_knowledge(CONTENT, None)


class Town:
    """Conversations of one person, with an inbox each; what one passes is put into the other's, as the store does."""

    def __init__(self, knowledge: Knowledge, *ids: int) -> None:
        self.knowledge = knowledge
        self.states = {id: State(locale="en", locale_chosen=True) for id in ids}
        self.inboxes: dict[int, deque[Event]] = {id: deque() for id in ids}
        self.linked: set[int] = set()
        self.at, self.seq = NOW, 0
        self.did: list[tuple[int, Effect]] = []

    def link(self, *ids: int) -> None:
        self.linked |= set(ids)
        for id in ids:
            others = tuple(Linked(other, PLATFORMS[other], self.at) for other in sorted(self.linked - {id}))
            what: Any = "given" if id == ids[0] else "redeemed"
            peer = ids[1] if id == ids[0] else ids[0]
            self.inboxes[id].append(LinksChanged(what=what, peer=peer, platform=PLATFORMS[peer], links=others))

    def unlink(self, *ids: int) -> None:
        self.linked.clear()
        for id in ids:
            self.inboxes[id].append(LinksChanged(what="lost", peer=0, platform="web"))

    def turn(self, id: int, event: Event) -> str:
        """One event decided and committed; what is said."""
        self.seq += 1
        self.at += 1000
        decision = decide(self.states[id], replace(event, seq=self.seq, at=self.at), self.knowledge)
        self.states[id] = msgspec.json.decode(msgspec.json.encode(decision.state), type=State)
        said = ""
        for effect in decision.effects:
            self.did.append((id, effect))
            match effect:
                case Say(message):
                    said += msgspec.json.encode(message).decode()
                case Pass(to, passed):
                    passed = replace(passed, peer=id) if hasattr(passed, "peer") else passed
                    passed = replace(passed, place=PLATFORMS[id]) if hasattr(passed, "place") else passed
                    if {id, to} <= self.linked:
                        self.inboxes[to].append(passed)
                    else:
                        draft = passed.draft if isinstance(passed, DraftGiven) else None
                        self.inboxes[id].append(NotPassed(what=str(passed.__struct_config__.tag), draft=draft))
        return said

    def deliver(self, id: int) -> str:
        return self.turn(id, self.inboxes[id].popleft()) if self.inboxes[id] else ""

    def settle(self) -> dict[int, str]:
        """Until every inbox is empty; what each said meanwhile."""
        said = dict.fromkeys(self.states, "")
        while any(self.inboxes.values()):
            for id in self.states:
                said[id] += self.deliver(id)
        return said

    def says(self, id: int, text: str) -> str:
        return self.turn(id, MessageReceived(text=text))

    def press(self, id: int, label: str) -> str:
        key = next(
            f"{prompt.id}.{n}"
            for prompt in reversed(self.states[id].prompts)
            for n, offer in enumerate(prompt.offers, 1)
            if offer.label == label
        )
        return self.turn(id, ChoicePressed(key=key, label=label))

    def forms(self) -> list[str]:
        """Every form there is: in a state, or on its way."""
        held = [filling.key for state in self.states.values() for filling in drafts(state)]
        under_way = [event.draft for inbox in self.inboxes.values() for event in inbox if isinstance(event, DraftGiven | NotPassed)]
        return [*held, *(draft.key for draft in under_way if draft is not None)]

    def effects(self, kind: type[Any]) -> list[Any]:
        return [effect for _, effect in self.did if isinstance(effect, kind)]


FILL = ("technical", "regular", "skip", "skip", "My mail queue is stuck since this morning.", "skip", "skip")


def begun(town: Town, id: int, *said: str) -> None:
    town.turn(id, CommandGiven(name="ticket"))
    for text in said:
        town.says(id, text)


# --- a form, carried ---


def test_a_form_goes_on_in_the_other_chat_where_it_stood_and_becomes_the_same_ticket(knowledge: Knowledge) -> None:
    alone = Town(knowledge, 1)
    begun(alone, 1, *FILL, "send")
    town = Town(knowledge, 1, 2)
    begun(town, 1, *FILL[:3])
    before = drafts(town.states[1])[0]
    town.link(1, 2)
    said = town.settle()
    assert "where you left it here" in said[1]
    assert "nothing was lost" in said[2]
    assert msgspec.structs.replace(drafts(town.states[2])[0], at=0) == msgspec.structs.replace(before, at=0)
    assert drafts(town.states[1]) == ()
    for text in (*FILL[3:], "send"):
        town.says(2, text)
    [ticket], [same] = town.effects(OpenTicket), alone.effects(OpenTicket)
    assert replace(ticket, key="", number="", due_at=0) == replace(same, key="", number="", due_at=0)
    town.settle()
    assert [own.key for peer in town.states[1].links for own in peer.tickets] == [ticket.key]


def test_it_can_be_taken_back_and_its_old_buttons_say_where_it_is(knowledge: Knowledge) -> None:
    town = Town(knowledge, 1, 2)
    begun(town, 1, "technical")
    old = town.states[1].prompts[-1]
    town.link(1, 2)
    town.settle()
    assert "You have begun a form on " in town.turn(1, ChoicePressed(key=f"{old.id}.1"))
    town.press(1, "↩ Go on with it here")
    town.settle()
    assert len(drafts(town.states[1])) == 1
    assert drafts(town.states[2]) == ()
    assert "↩ Go on with my form from Telegram" in town.turn(2, CommandGiven(name="menu"))


def test_a_form_that_is_begun_later_is_offered_in_the_other_chat(knowledge: Knowledge) -> None:
    town = Town(knowledge, 1, 2)
    town.link(1, 2)
    town.settle()
    begun(town, 1, "technical", "regular")
    town.settle()
    assert "You have begun a form on " in town.turn(2, CommandGiven(name="ticket"))
    town.press(2, "↩ Go on with it here")
    assert "nothing was lost" in town.settle()[2]
    assert isinstance(town.states[2].frames[-1], Filling)


def test_a_form_of_ones_own_is_kept_and_the_other_is_offered(knowledge: Knowledge) -> None:
    town = Town(knowledge, 1, 2)
    begun(town, 1, "technical")
    begun(town, 2, "financial")
    town.link(1, 2)
    town.settle()
    assert [len(drafts(state)) for state in town.states.values()] == [1, 1]
    own = drafts(town.states[2])[0].key
    town.turn(2, CommandGiven(name="menu"))
    town.press(2, "↩ Go on with my form from Telegram")
    assert "is kept" in town.settle()[2]
    assert [each.key for each in drafts(town.states[2])][1] == own
    for text in (*FILL[1:], "send"):
        town.says(2, text)
    assert len(town.effects(OpenTicket)) == 1
    assert "Go on with my ticket" in town.turn(2, CommandGiven(name="menu"))
    town.turn(2, CommandGiven(name="ticket"))
    assert [each.key for each in drafts(town.states[2])] == [own]


def test_a_form_that_cannot_be_passed_on_is_where_it_was(knowledge: Knowledge) -> None:
    town = Town(knowledge, 1, 2)
    town.link(1, 2)
    town.settle()
    begun(town, 1, "technical")
    key = drafts(town.states[1])[0].key
    town.settle()
    town.turn(2, CommandGiven(name="ticket"))
    town.press(2, "↩ Go on with it here")
    town.unlink(1, 2)
    town.settle()
    assert [each.key for each in drafts(town.states[1])] == [key]
    assert town.forms() == [key]


def test_a_form_that_was_sent_meanwhile_is_not_there_and_its_number_is_told(knowledge: Knowledge) -> None:
    town = Town(knowledge, 1, 2)
    town.link(1, 2)
    town.settle()
    begun(town, 1, *FILL)
    town.settle()
    town.turn(2, CommandGiven(name="menu"))
    town.says(1, "send")
    number = town.states[1].ticket_number
    town.press(2, "↩ Go on with my form from Telegram")  # before this chat has heard of it
    assert number in town.settle()[2]
    assert town.turn(2, DraftMissed(key="k", peer=1)).count("is not there any more") == 1
    assert town.turn(2, DraftMissed(key="", peer=1)) == ""
    assert len(town.effects(OpenTicket)) == 1


labels = st.sampled_from(
    ["↩ Go on with it here", "Begin a new one", "↩ Go on with my ticket", "↩ Go on with my form from Telegram",
     "↩ Go on with my form from the web",
     "✕ Cancel",
     "Yes, discard it", "✅ Send", "Open a ticket", "← Back"]
)  # fmt: skip
acts = st.one_of(
    st.tuples(st.just("say"), st.sampled_from([*FILL, "send", "cancel", "yes", "hola", "menu", "ticket"])),
    st.tuples(st.just("press"), labels),
    st.tuples(st.just("command"), st.sampled_from(["ticket", "menu", "tickets", "links"])),
    st.tuples(st.just("old"), st.builds("{}.{}".format, st.integers(1, 30), st.integers(1, 8))),
    st.tuples(st.just("deliver"), st.just("")),
    st.tuples(st.just("deliver"), st.just("")),
    st.tuples(st.just("link"), st.sampled_from(["on", "on", "off"])),
)


@settings(max_examples=200)
@given(sequence=st.lists(st.tuples(st.sampled_from([1, 2]), acts), max_size=40))
def test_whatever_is_pressed_on_both_sides_a_form_is_in_one_place_and_sent_once(
    sequence: list[tuple[int, tuple[str, str]]], knowledge: Knowledge
) -> None:
    town = Town(knowledge, 1, 2)
    begun(town, 1, *FILL)
    town.link(1, 2)
    ended: set[str] = set()
    for id, (act, what) in sequence:
        before = set(town.forms())
        match act:
            case "say":
                town.says(id, what)
            case "command":
                town.turn(id, CommandGiven(name=what))
            case "old":
                town.turn(id, ChoicePressed(key=what))
            case "press":
                if any(offer.label == what for prompt in town.states[id].prompts for offer in prompt.offers):
                    town.press(id, what)
            case "deliver":
                town.deliver(id)
            case "link" if what == "off":
                town.unlink(1, 2)
            case _:
                town.link(1, 2)
        forms = town.forms()
        assert len(forms) == len(set(forms)), "a form is in two places"
        opened = [ticket.key for ticket in town.effects(OpenTicket)]
        assert len(opened) == len(set(opened))
        assert not set(forms) & set(opened), "a form that was sent is still there"
        gone = before - set(forms)
        # A form ends by being sent, or given up by its customer; never by being carried.
        assert act in ("say", "press", "old") or not gone
        ended |= gone
        assert not ended & set(forms)


# --- tickets, carried ---


def with_ticket(knowledge: Knowledge) -> tuple[Town, str]:
    town = Town(knowledge, 1, 2)
    begun(town, 1, *FILL, "send")
    town.link(1, 2)
    town.settle()
    return town, town.effects(OpenTicket)[0].key


def test_a_ticket_is_read_answered_closed_and_rated_from_the_other_chat_and_stays_in_its_own(knowledge: Knowledge) -> None:
    town, key = with_ticket(knowledge)
    ticket = town.states[1].tickets[0]
    listed = town.turn(2, CommandGiven(name="tickets"))
    assert ticket.number in listed
    assert "Telegram" in listed
    town.press(2, f"{ticket.number} · {ticket.title}"[:75])
    town.press(2, "Reply")
    town.says(2, "It happens again every hour.")
    assert town.effects(AddToTicket) == []
    assert "You wrote to your ticket" in town.settle()[1]
    assert town.effects(AddToTicket) == [AddToTicket(key, "customer", "It happens again every hour.")]
    assert [id for id, effect in town.did if isinstance(effect, AddToTicket)] == [1]
    town.turn(1, TicketReplied(ticket=ticket, text="It is mended.", place="cli"))
    town.settle()
    town.turn(2, CommandGiven(name="tickets"))
    assert "It is mended." in town.press(2, f"{ticket.number} · {ticket.title}"[:75])
    town.press(2, "It is solved, close it")
    town.press(2, "😀 Very satisfied")
    town.settle()
    assert (town.states[1].tickets[0].state, town.states[1].tickets[0].rating) == ("closed", 5)
    assert town.states[2].links[0].tickets[0].state == "closed"
    town.turn(2, CommandGiven(name="tickets"))
    town.press(2, f"{ticket.number} · {ticket.title}"[:75])
    town.press(2, "Reopen it")
    town.settle()
    assert town.states[1].tickets[0].state == "reopened"
    assert town.states[2].tickets == ()


def test_after_unlinking_the_other_chats_tickets_are_nobodys_here(knowledge: Knowledge) -> None:
    town, key = with_ticket(knowledge)
    ticket = town.states[1].tickets[0]
    town.turn(2, CommandGiven(name="tickets"))
    town.press(2, f"{ticket.number} · {ticket.title}"[:75])
    town.press(2, "Reply")
    town.unlink(1, 2)
    town.says(2, "A secret reply.")  # before this chat has heard of it: it comes back
    said = town.settle()
    assert "are not linked any more" in said[2]
    assert town.effects(AddToTicket) == []
    assert ticket.number not in town.turn(2, CommandGiven(name="tickets"))
    assert key not in msgspec.json.encode(town.states[2]).decode().replace(f'"about":"{key}"', "").split('"prompts"')[0]
