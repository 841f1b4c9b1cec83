"""Plays a transcript that reads like a chat against the desk, and says where the desk spoke differently.

A transcript is a Markdown file. Lines before the first `>` are for people, but `locale: xx` sets the platform's language hint.

    > what the customer types
    > [Label]             presses that choice, the newest with this label
    > /command argument   gives a command
    > (opens the chat)    (says nothing)    (presses KEY)    (after 15 minutes)    (identified as SUBJECT NAME EMAIL)
    > (at 2026-11-22 14:30 +0100)    (sends photo.png)
    > (fills in NAME = VALUE; NAME = VALUE)    the native form, as it was drawn last; with `and sends` instead of `in`, to its end
    > (edits OLD into NEW)    (deletes OLD)    a message of their own, by its words
    > (Eva of the team writes TEXT)    (the team makes it STATE)    to the newest ticket
    > (a code is sent)    (the code is wrong, 2 left)    (the code has expired)    (too many codes)    (proven as NAME)    what came of it
    a line of the reply, in order; `…` stands for any text
    [Label] … [Label]     the choices under it
    {set_timer contact}   an effect and a word in it
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from adapters.text import PLAIN
from bot.kept import Kept
from conversations.effects import CancelTimer, Effect, Recognise, Say, SendCode, SetTimer
from conversations.engine import decide
from conversations.events import (
    ChoicePressed,
    CodeSent,
    CommandGiven,
    CustomerIdentified,
    Event,
    FormAnswered,
    MessageDeleted,
    MessageEdited,
    MessageReceived,
    ProofFailed,
    ProofGiven,
    Started,
    TicketChanged,
    TicketReplied,
    TimerFired,
)
from conversations.knowledge import Knowledge
from conversations.model import Attachment, OwnService, Sheet, State

BEGIN_MS = 1_800_000_000_000
"""Transcripts play at a fixed time, so that the same file gives the same words on any day."""


class Mismatch(NamedTuple):
    """An expected line that did not come; `got` is what came instead."""

    path: Path
    line: int
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: expected {self.expected!r}, got:\n{self.got or '  (nothing)'}"


class Player:
    """One conversation, played event by event."""

    def __init__(self, knowledge: Knowledge, locale: str) -> None:
        self.knowledge = knowledge
        self.locale = locale
        self.state = State()
        self.now = BEGIN_MS
        self.seq = 0
        self.keys: dict[str, str] = {}
        self.timers: dict[str, int] = {}
        self.sheet: Sheet | None = None
        self.email = ""
        self.kept = Kept()

    def play(self, said: str) -> list[str]:
        """What the desk does when `said` happens: lines of text, `[choices]` and `{effects}`."""
        lines: list[str] = []
        for event in self.events(said):
            self.seq += 1
            event = msgspec.structs.replace(event, seq=self.seq, at=self.now)
            decision = decide(self.state, event, self.knowledge)
            self.kept.apply(event, decision.effects)
            # What a restart would load is what the next turn gets.
            self.state = msgspec.json.decode(msgspec.json.encode(decision.state), type=State)
            for effect in decision.effects:
                lines.extend(self.show(effect))
        return lines

    def show(self, effect: Effect) -> Iterator[str]:
        match effect:
            case Say(message):
                self.sheet = message.sheet or self.sheet
                yield from (line for line in PLAIN.doc(message.doc).splitlines() if line.strip())
                if message.choices:
                    self.keys.update((choice.label, choice.key) for choice in message.choices)
                    yield " ".join(f"[{choice.label}]" for choice in message.choices)
                return
            case SetTimer(name, due_at):
                self.timers[name] = due_at
            case CancelTimer(name):
                self.timers.pop(name, None)
            case SendCode(email) | Recognise(email):
                self.email = email
            case _:
                pass
        fields = msgspec.to_builtins(effect)
        yield "{" + " ".join([fields.pop("type"), *(str(value) for value in fields.values())]) + "}"

    def events(self, said: str) -> list[Event]:
        if found := re.fullmatch(r"\[(.+)\]", said):
            return [ChoicePressed(key=self.keys.get(found[1], found[1]), label=found[1])]
        if found := re.fullmatch(r"/(\S+) ?(.*)", said):
            return [CommandGiven(name=found[1], argument=found[2], locale=self.locale)]
        if found := re.fullmatch(r"\(after (\d+) minutes?\)", said):
            self.now += int(found[1]) * 60_000
            due = sorted((at, name) for name, at in self.timers.items() if at <= self.now)
            for _, name in due:
                del self.timers[name]
            return [TimerFired(name=name, due_at=at) for at, name in due]
        if found := re.fullmatch(r"\(identified as (\S+) (\S+) (\S+)\)", said):
            return [CustomerIdentified(subject=found[1], name=found[2], email=found[3], locale=self.locale)]
        if said == "(a code is sent)":
            return [CodeSent(email=self.email, left=2)]
        if found := re.fullmatch(r"\(the code is wrong, (\d) left\)", said):
            return [ProofFailed(email=self.email, reason="wrong", left=int(found[1]))]
        if said == "(the code has expired)":
            return [ProofFailed(email=self.email, reason="expired")]
        if said == "(too many codes)":
            return [ProofFailed(email=self.email, reason="too_many")]
        if found := re.fullmatch(r"\(proven as (\S+)\)", said):
            return [self.proven(found[1])]
        if found := re.fullmatch(r"\(presses (\S+)\)", said):
            return [ChoicePressed(key=found[1])]
        if found := re.fullmatch(r"\(at (.+)\)", said):
            self.now = round(datetime.strptime(found[1], "%Y-%m-%d %H:%M %z").timestamp() * 1000)
            return []
        if found := re.fullmatch(r"\(sends (\S+)\)", said):
            return [MessageReceived(text="", locale=self.locale, files=(Attachment(id=f"file-{self.seq}", name=found[1]),))]
        if (found := re.fullmatch(r"\(fills (in|and sends) (.*)\)", said)) and self.sheet is not None:
            answers = dict(part.split(" = ", 1) for part in found[2].split("; "))
            sheet = self.sheet
            return [FormAnswered(form=sheet.form, version=sheet.version, key=sheet.key, answers=answers, send=found[1] == "and sends")]
        if self.state.tickets and (found := re.fullmatch(r"\((?:the|(\w+) of the) team writes (.+)\)", said)):
            return [TicketReplied(ticket=self.state.tickets[-1], text=found[2], name=found[1] or "", place="cli")]
        if self.state.tickets and (found := re.fullmatch(r"\(the team makes it (\w+)\)", said)):
            return [TicketChanged(ticket=self.state.tickets[-1], state=found[1], place="cli")]
        if found := re.fullmatch(r"\(edits (.+) into (.+)\)", said):
            seq = self.kept.saying(found[1])
            return [MessageEdited(of=str(seq), text=found[2], original=self.kept.original(seq, self.state))]
        if found := re.fullmatch(r"\(deletes (.+)\)", said):
            seq = self.kept.saying(found[1])
            return [MessageDeleted(of=str(seq), original=self.kept.original(seq, self.state))]
        if said == "(opens the chat)":
            return [Started(locale=self.locale)]
        return [MessageReceived(text="" if said == "(says nothing)" else said, locale=self.locale)]

    def proven(self, name: str) -> ProofGiven:
        """By what was last asked for: an account with two services."""
        services = (OwnService("123456", "web-1", "dedicated", ("198.41.0.4",)), OwnService("123457", "mail-1", "vps"))
        until = self.now + 24 * 3_600_000
        return ProofGiven(account=1, number="C-1", name=name, email=self.email, how="code", until=until, services=services)


def play(path: Path, knowledge: Knowledge) -> list[Mismatch]:
    """Every line of the transcript that the desk did not keep to; empty when it did."""
    rows = path.read_text(encoding="utf-8").splitlines()
    hint = next((row.removeprefix("locale:").strip() for row in rows if row.startswith("locale:")), "")
    player = Player(knowledge, hint)
    mismatches: list[Mismatch] = []
    came: list[str] = []
    position, talking = 0, False
    for number, row in enumerate(rows, 1):
        expected = row.strip()
        if row.startswith(">"):
            came, position, talking = player.play(row[1:].strip()), 0, True
        elif talking and expected:
            at = next((n for n in range(position, len(came)) if matches(expected, came[n])), None)
            if expected.startswith("{"):  # effects may come before or after what is said
                at = next((position for line in came if matches(expected, line)), None)
                if at is not None:
                    continue
            if at is None:
                mismatches.append(Mismatch(path, number, expected, "\n".join("  " + line for line in came)))
            else:
                position = at + 1
    return mismatches


def matches(expected: str, line: str) -> bool:
    """`…` stands for any text; an effect in braces needs its words in their order."""
    if expected.startswith("{"):
        words = expected.strip("{}").split()
        return line.startswith("{") and re.match(r"\{" + r".*?\b".join(re.escape(word) for word in words), line) is not None
    pattern = ".*".join(re.escape(part.strip()) for part in expected.split("…"))
    return re.fullmatch(pattern if "…" in expected else re.escape(expected), line.strip()) is not None
