"""Leads through any form: a question at a time or a native page at once, back and forth, out of it and in again, until it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import to_builtins
from msgspec.structs import replace

from conversations.events import FormAnswered
from conversations.flows import linking, menu
from conversations.flows.asking import Asking
from conversations.flows.contact import number_of
from conversations.flows.stack import find, holder, put_aside
from conversations.forms import Field, Merged
from conversations.model import IDLE, Attachment, Contact, Doc, Filling, Offer
from conversations.moments import HOUR
from conversations.texts import fold, folded_label, join
from conversations.turn import Turn
from conversations.values import Occasion, Wrong
from conversations.wording import wording_of

SILENCE_MS = HOUR
"""After so long a pause it is said that nothing was lost."""

QUESTION_LIMIT = 160
WISH_LIMIT = 60
"""Characters up to which a text may be a question to the desk, or the wish for a person, although any text would do as the answer."""

HELD_LIMIT = 500
FILES_KEPT = 10


class Lead(Asking):
    """One turn of filling in: takes what came, and goes where it leads."""

    def merge(self, partial: Mapping[str, Any]) -> Merged:
        return self.form.merge(self.filling.answers, partial, self.occasion, self.wording)

    def take(self, partial: Mapping[str, Any], send: bool = False, merged: Merged | None = None) -> None:
        """Merge what came, by whatever way, and go on; what could not be taken is asked for again, and stays as it was."""
        merged = merged or self.merge(partial)
        before, typed = self.filling.answers, dict(self.filling.typed)
        for name in partial:
            if merged.answers.get(name) != before.get(name):
                typed.pop(name, None)
            if self.turn.words_of and name not in merged.wrong:
                typed[name] = self.turn.words_of
        # It is put where it belongs by whatever comes next: the next question, the review or the sending.
        self.filling = replace(self.filling, at=self.turn.event.at, answers=merged.answers, held="", typed=typed)
        lead = self.noted(merged, partial)
        if merged.wrong:
            applying = [field.name for field, _ in self.form.outline(merged.answers)]
            first = next((name for name in applying if name in merged.wrong), None)
            if first is not None:
                self.ask(first, lead, wrong=merged.wrong, typed={name: partial[name] for name in merged.wrong})
                return
        if send and not self.form.missing(merged.answers):
            self.send()
            return
        self.advance(lead)

    def hear(self, text: str) -> str:
        """Something was typed: an answer to what is asked, a word such as *back*, or else a question to the desk: then its topic, or ""."""
        field = self.field if self.filling.asking == "field" else None
        picked = field is not None and field.kind == "one" and self.wording.pick(field, text) is not None
        command = "" if picked else self.commanded(text)
        asking = self.filling.asking
        if command == "skip" and field is not None and not self.required(field):
            self.take({field.name: None})
        elif command in ("back", "cancel"):
            self.do(command)
        elif asking == "review" and command == "send":
            self.send()
        elif asking == "cancel" and command == "send":  # "yes"
            self.do("discard")
        elif asking == "cancel" and command == "skip":  # "no"
            self.do("go_on")
        elif asking in ("review", "change") and (named := self.named(text)):
            self.ask(named)
        elif asking == "change" and command == "send":
            self.review()
        elif field is None:
            if topic := self.known(text):
                return topic
            self.again(self.turn.phrase("form.review_help") if asking == "review" else ())
        elif field.free and is_question(text, field):
            # A question about the question is no answer; but if it was meant as one, it is a press away.
            self.put(held=text[:HELD_LIMIT])
            if topic := self.known(text):
                return topic
            self.again(self.turn.phrase("form.unknown"))
        elif field.free and (topic := self.wish(text)):
            self.put(held=text[:HELD_LIMIT])
            return topic
        else:
            return self.try_answer(field, text)
        return ""

    def try_answer(self, field: Field, text: str) -> str:
        merged = self.merge({field.name: text})
        wrong = merged.wrong.get(field.name)
        if wrong is None or wrong.near:
            self.take({field.name: text}, merged=merged)
        elif topic := self.known(text):
            return topic
        else:
            self.ask(field.name, wrong={field.name: wrong}, typed={field.name: text})
        return ""

    def known(self, text: str) -> str:
        """The topic of a question that the desk can answer, or ""."""
        verdict = self.turn.knowledge.matcher.match(text)
        return verdict.topics[0] if verdict.zone == "answer" else ""

    def wish(self, text: str) -> str:
        """The topic when what would do as an answer is the wish for a person."""
        topic = self.known(text) if len(text) <= WISH_LIMIT else ""
        return topic if topic and self.turn.knowledge.topics[topic].flow == "person" else ""

    def commanded(self, text: str) -> str:
        typed = fold(text)
        if len(typed) > 30:
            return ""
        turn = self.turn
        ways = {
            "cancel": turn.words("form.cancel_words"),
            "back": turn.words("form.back_words"),
            "skip": turn.words("form.skip_words"),
            "send": turn.words("form.send_words"),
        }
        return next((command for command, words in ways.items() if typed in words), "")

    def named(self, text: str) -> str:
        """The field whose label was typed, perhaps after a word such as *change*."""
        typed = fold(text)
        labels = {field.name: folded_label(self.wording.label(field)) for field, _ in self.form.outline(self.filling.answers)}
        exact = [name for name, label in labels.items() if label == typed]
        ending = [name for name, label in labels.items() if typed.endswith(f" {label}") and len(typed.split()) - len(label.split()) <= 3]
        found = exact or ending
        return found[0] if len(found) == 1 else ""

    # --- ways ---

    def do(self, argument: str) -> None:
        """What a choice of the form's own means."""
        action, _, name = argument.partition("=")
        match action:
            case "back" if self.filling.asking in ("field", "review"):
                if before := self.form.before(self.filling.focus, self.filling.answers):
                    self.ask(before)
                else:
                    self.again(self.turn.phrase("form.first"))
            # The button of a question that has long been answered must not empty another.
            case "skip" if (field := self.field) is not None and field.name == name:
                self.skip(field)
            case "keep":
                self.advance()
            case "use" if self.filling.held and self.field is not None:
                self.take({self.filling.focus: self.filling.held})
            case "edit" if name in self.form.by_name:
                self.ask(name)
            case "change" if not self.form.missing(self.filling.answers):
                self.choose_field()
            case "review" | "go_on" | "back":
                self.put(asking="field" if self.field else "review")
                if action == "review":
                    self.advance()
                else:
                    self.again()
            case "cancel":
                self.ask_cancel()
            case "discard":
                self.discard()
            case "send" if self.filling.asking == "review":
                self.send()
            case _:
                self.again()

    def required(self, field: Field) -> bool:
        return any(must and each is field for each, must in self.form.outline(self.filling.answers))

    def skip(self, field: Field) -> None:
        if self.required(field):
            self.ask(field.name, wrong={field.name: Wrong("form.required", label=self.wording.label(field))})
        else:
            self.take({field.name: None})

    def discard(self) -> None:
        self.turn.pop()
        self.turn.say(self.turn.phrase("form.discarded"), menu.menu_offers(self.turn))

    def send(self) -> None:
        """Send it when nothing is missing; whatever is goes on being asked."""
        if self.form.missing(self.filling.answers):
            self.advance()
            return
        answers = self.form.submitted(self.filling.answers)
        self.turn.pop()
        self.guide.send(self.turn, self.filling, answers)

    def keep_files(self, files: tuple[Attachment, ...]) -> Doc:
        """Files may come at any question. Returns what is to be said about them."""
        field = next((field for field in self.form.fields if field.kind == "files"), None)
        if field is None:
            return self.turn.phrase("form.no_files")
        value = [*(self.filling.answers.get(field.name) or []), *(to_builtins(file) for file in files)]
        try:
            kept = self.form.check(field.name, value, self.occasion, self.wording)
        except Wrong as wrong:
            return self.told(wrong)
        typed = self.filling.typed | ({field.name: self.turn.words_of} if self.turn.words_of else {})
        self.put(answers={**self.filling.answers, field.name: kept}, typed=typed)
        return self.turn.phrase("form.files_kept", n=len(kept))


# --- what the engine and other flows call ---


def lead_of(turn: Turn) -> Lead:
    """Of the form on top of the stack; TypeError when there is none there."""
    if not isinstance(turn.frame, Filling):
        raise TypeError("no form is under way")
    return Lead(turn, turn.frame)


def begin(turn: Turn, id: str, lead: Doc = (), *, anew: bool = False) -> None:
    """Begin a form, or go on with the one that was begun. One that is under way in a linked chat is offered first, unless `anew`."""
    if find(turn, form=id):
        lead_of(turn).again((*lead, *turn.phrase("form.resumed")))
        return
    if not anew and (peer := holder(turn.state)) is not None:
        there = linking.named(turn, peer)
        ways = (turn.offer("carried.here", "continue", peer.draft), turn.offer("form.anew", "ticket_anew"))
        turn.say((*lead, *turn.phrase("carried.there", place=there)), ways)
        return
    known = start(turn, id)
    filled = lead_of(turn)
    if labels := [filled.wording.label(field) for field in filled.form.fields if field.name in filled.filling.answers]:
        lead = (*lead, *turn.phrase("form.prefilled", labels=join(labels, turn.locale)), *known)
    filled.advance(lead)


def start(turn: Turn, id: str) -> Doc:
    """A new draft on top of the stack, with what was already said; what is to be read back of that."""
    put_aside(turn)
    guide = turn.guides[id]
    key, number = f"{turn.event.seq}.{turn.state.turns}", number_of(turn.event.seq)
    turn.push(Filling(id, guide.form.version, key, number, at=turn.event.at))
    lead = lead_of(turn)
    said = turn.state.question
    occasion = lead.occasion._replace(now=turn.state.asked_at or turn.event.at)
    found = {f.name: raw for f in lead.form.fields if f.ask.found and said and (raw := f.ask.found(said, occasion)) is not None}
    known = {**found, **guide.begin(turn)}
    merged = lead.form.merge({}, known, occasion, lead.wording)
    lead.put(answers={name: value for name, value in merged.answers.items() if value is not None})
    return lead.noted(merged, known)


def hear(turn: Turn, text: str) -> str:
    """The topic to be answered, when what was typed is a question to the desk and no answer to the form; else ""."""
    return lead_of(turn).hear(text)


def press(turn: Turn, offer: Offer, about: str) -> None:
    """A choice of a form was pressed: of the one under way, of one put aside, or of one that was sent or given up."""
    if not find(turn, key=about):
        gone(turn, about)
        return
    lead = lead_of(turn)
    if offer.action == "form":
        lead.do(offer.argument)
        return
    name, _, raw = offer.argument.partition("=")
    if name in lead.form.by_name:
        lead.take({name: raw})
    else:
        lead.again()


def gone(turn: Turn, key: str) -> None:
    if key and key == turn.state.ticket:
        turn.say(turn.phrase("ticket.already", number=turn.state.ticket_number))
    elif key and (peer := holder(turn.state, key)) is not None:
        there = turn.phrase("carried.there", place=linking.named(turn, peer))
        linking.say(turn, there, (turn.offer("carried.here", "continue", key, aside=True),))
    else:
        menu.moved_on(turn)


def receive(turn: Turn, event: FormAnswered) -> None:
    """A native form came back."""
    if event.form not in turn.guides or (event.key and not find(turn, key=event.key)):
        gone(turn, event.key)
        return
    if not event.key and not find(turn, form=event.form):
        start(turn, event.form)
    lead = lead_of(turn)
    if lead.filling.form != event.form:
        lead.again()
        return
    named = {lead.form.renamed(name, event.version): raw for name, raw in event.answers.items()}
    lead.take({name: raw for name, raw in named.items() if name}, event.send)


def resume(turn: Turn, key: str = "") -> None:
    """Go on with what was put aside: with the form `key` if there are several."""
    draft = turn.state.draft
    key = key or (draft.key if draft is not None else "")
    if not key or not find(turn, key=key):
        menu.moved_on(turn)
        return
    lead_of(turn).again(turn.phrase("form.resumed"))


def go_on(turn: Turn) -> None:
    """Something else was said meanwhile: put the open question again."""
    lead = lead_of(turn)
    silent = turn.event.at - lead.filling.at > SILENCE_MS
    lead.again(turn.phrase("form.resumed") if silent else turn.phrase("form.again"))


def keep_files(turn: Turn, files: tuple[Attachment, ...], alone: bool) -> None:
    """Files came with a message: into the form under way, else they are kept for what comes of it. `alone`: nothing was written."""
    if isinstance(turn.frame, Filling):
        lead = lead_of(turn)
        told = lead.keep_files(files)
        if alone:
            lead.again(told)
        else:
            turn.say(told)
        return
    turn.remember(files=(*turn.state.files, *files)[-FILES_KEPT:])
    ways = menu.ways_out(turn) if alone and not isinstance(turn.frame, Contact) else ()
    turn.say(turn.phrase("form.files_kept", n=len(turn.state.files)), ways)


def refresh(turn: Turn) -> None:
    """Before anything else: drafts of another version of their form become this one's, and what the desk dropped since is asked anew."""
    if turn.state.draft is not None:
        turn.remember(draft=_refreshed(turn, turn.state.draft))
    if turn.state.spare:
        spare = (_refreshed(turn, filling) for filling in turn.state.spare)
        turn.remember(spare=tuple(filling for filling in spare if filling is not None))
    for frame in turn.state.frames:
        if isinstance(frame, Filling) and _refreshed(turn, frame) is not frame:
            break
    else:
        return
    frames = (_refreshed(turn, frame) if isinstance(frame, Filling) else frame for frame in turn.state.frames)
    turn.remember(frames=tuple(frame for frame in frames if frame is not None) or IDLE)


def _refreshed(turn: Turn, filling: Filling) -> Filling | None:
    guide = turn.guides.get(filling.form)
    if guide is None:
        return None
    wording = wording_of(turn.knowledge, turn.locale)
    form = wording.fitted(guide.form)
    answers, focus = filling.answers, filling.focus
    if filling.version != form.version:
        occasion = Occasion(turn.event.at, turn.knowledge.desk.time_zone, turn.locale)
        answers, focus = form.adopt(answers, filling.version, occasion, wording), form.renamed(focus, filling.version)
    values = wording.values(form)
    gone = set()
    for name, value in answers.items():
        if name not in values or (value and (options := values[name]) is not None and value not in options):
            gone.add(name)
    if filling.version == form.version and not gone:
        return filling
    answers = {name: value for name, value in answers.items() if name not in gone}
    asking = filling.asking if focus or not form.missing(answers) else "field"
    return replace(filling, version=form.version, answers=answers, focus=focus, asking=asking)


def is_question(text: str, field: Field) -> bool:
    """Whether a text as a whole asks something. A description may well end in a question, a name does not."""
    text = text.strip()
    if not text.endswith("?") or len(text) > QUESTION_LIMIT:
        return False
    if field.kind == "line":
        return True
    return text.startswith("¿") and text.count("?") == 1 if "¿" in text else len(text) <= WISH_LIMIT
