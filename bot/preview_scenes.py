"""Everything that a desk can say in one language, in the order of a customer's way, as its own engine says it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from msgspec.structs import replace

from bot.preview_forms import Filled, filled, refusals, ways
from bot.preview_play import Heard, Play, Sure, Told
from bot.preview_samples import CODE, EMAIL, FILE, NAME, NOTICE, NOW, NUMBER, QUESTION, REPLY, TITLE, VALUES, said
from conversations.engine import GUIDES, PHRASES
from conversations.engine import VALUES as GIVEN
from conversations.events import (
    CodeSent,
    CommandGiven,
    CustomerIdentified,
    MessageReceived,
    ProofFailed,
    Started,
    TicketChanged,
    TicketReplied,
    TimerFired,
)
from conversations.flows import subscriptions
from conversations.flows.my_tickets import TIMER
from conversations.knowledge import Knowledge, Verdict
from conversations.model import Message, OwnTicket, paragraph
from conversations.secrets import PHRASES as SECRETS
from conversations.tickets import WAYS
from conversations.wording import wording_of

WORDS = "_words"
"""Phrases with this ending are understood, not said."""


class Scene(NamedTuple):
    """`chat` is said in the chat; `native`, where it differs, on platforms that draw forms; `mail` goes out by e-mail."""

    title: str
    chat: tuple[Message, ...] = ()
    native: tuple[Message, ...] = ()
    mail: tuple[Message, ...] = ()


class Section(NamedTuple):
    """`ours`: the title is English, as all of the page that is not the desk's; else it is in the language that is shown."""

    title: str
    scenes: tuple[Scene, ...]
    id: str = ""
    ours: bool = False


class Chapter(NamedTuple):
    id: str
    title: str
    intro: str
    sections: tuple[Section, ...]


def chapters(knowledge: Knowledge, locale: str) -> Iterator[Chapter]:
    """One after the other, so that whoever waits for all of them can be told how far it is."""
    heard = Heard(knowledge.texts)
    stage = _Stage(replace(knowledge, texts=heard, matcher=_unsure(())), locale)
    yield stage.welcome()
    yield stage.answers()
    yield stage.doubt()
    yield from stage.forms()
    yield stage.errors()
    yield stage.tickets()
    yield stage.person()
    yield stage.proof()
    yield stage.notices()
    yield stage.guard()
    yield stage.rest(heard)


CHAPTERS = 10 + len(GUIDES)
"""In one language."""


def _scene(title: str, told: Told) -> Scene:
    return Scene(title, told.chat, mail=told.mail)


def _unsure(topics: tuple[str, ...]) -> Sure:
    return Sure(Verdict("offer" if topics else "unknown", topics, 0.5))


class _Stage:
    """The scenes of one language."""

    def __init__(self, knowledge: Knowledge, locale: str) -> None:
        self._knowledge = knowledge
        self._locale = locale
        self._wording = wording_of(knowledge, locale)

    def _play(self) -> Play:
        return Play(self._knowledge, self._locale)

    def _ask(self, play: Play, topics: tuple[str, ...] = ()) -> Told:
        return play.happen(MessageReceived(text=said(QUESTION, self._locale)), matcher=_unsure(topics))

    def _label(self, id: str) -> str:
        return self._knowledge.texts.label(id, self._locale)

    # --- chapters ---

    def welcome(self) -> Chapter:
        play = self._play()
        scenes = [
            _scene("The chat is opened", play.happen(Started())),
            _scene("Start over", play.press("menu")),
            _scene("Help", play.happen(CommandGiven(name="help"))),
            _scene("Another language", play.press("language")),
            _scene("The language is chosen", play.happen(CommandGiven(name="language", argument=self._locale))),
            _scene("An empty message", play.happen(MessageReceived(text=" "))),
            _scene("A button that is too old", play.press("")),
        ]
        return Chapter("welcome", "Greeting and menu", "", (Section("", tuple(scenes)),))

    def answers(self) -> Chapter:
        desk = self._knowledge.desk
        order = dict.fromkeys((*desk.menu, *self._knowledge.topics))
        sections = []
        for id in order:
            answers = self._knowledge.topics[id].answers
            title = (answers.get(self._locale) or answers[desk.default_locale]).title
            play = self._play()
            told = [_scene("Answer", play.press("topic", id))]
            if not (topic := self._knowledge.topics[id]).smalltalk and not topic.flow:
                told.append(_scene("It did not help", play.press("unhelpful", id)))
            sections.append(Section(f"{title} ({id})", tuple(told), f"topic-{id}"))
        return Chapter("answers", "Answers", "The menu's topics first, then all others.", tuple(sections))

    def doubt(self) -> Chapter:
        play = self._play()
        scenes = [
            _scene("Not sure which topic is meant", self._ask(self._play(), self._knowledge.desk.menu[:3])),
            _scene("No answer known", self._ask(play)),
            _scene("None again", (self._ask(play), self._ask(play))[1]),
            _scene("The answer helped", self._play().press("helpful", self._knowledge.desk.menu[0])),
        ]
        return Chapter("doubt", "When the desk is not sure", "", (Section("", tuple(scenes)),))

    def forms(self) -> Iterator[Chapter]:
        for guide in GUIDES.values():
            form = self._wording.fitted(guide.form)
            found = ways(form, self._wording)
            sections = []
            for n, way in enumerate(found, 1):
                done = filled(self._knowledge, self._locale, form, way, self._wording)
                pages = (Scene(f"Page {at}", page.asked, (page.native,)) for at, page in enumerate(done.pages, 1))
                scenes = (*pages, _scene("Review", done.review), _scene("It is sent", done.play.press("form", "send")))
                sections.append(Section(way.title or "The form", scenes, f"{form.id}-{n}"))
            last = filled(self._knowledge, self._locale, form, found[-1], self._wording)
            free = next((field.name for field, _ in form.outline(found[-1].answers) if field.free), "")
            sections.append(Section("On the way", tuple(self._around(form.id, last, free)), f"{form.id}-around", ours=True))
            intro = "Each way that the answers can lead: a page at a time where forms are native, a question at a time elsewhere."
            yield Chapter(f"form-{form.id}", f"Form: {form.id}", intro, tuple(sections))

    def _around(self, form: str, done: Filled, free: str) -> Iterator[Scene]:
        """What can be done with a form besides answering it. `free`: one of its fields that takes any text."""
        play = done.play
        held = said(QUESTION, self._locale)
        yield _scene("Something else is typed at the review", self._ask(play))
        yield _scene("Change something", play.press("form", "change"))
        yield _scene("An answer is changed", play.press("form", f"edit={free}"))
        yield _scene("A question at a question", play.happen(MessageReceived(text=held)))
        yield _scene("It is cancelled", play.press("form", "cancel"))
        yield _scene("It is not cancelled after all", play.press("form", "go_on"))
        yield _scene("A file comes in between", play.happen(MessageReceived(text="", files=(FILE,))))
        yield _scene("The language is changed", play.happen(CommandGiven(name="language", argument=self._locale)))
        yield _scene("It is put aside", play.press("menu"))
        yield _scene("It is taken up again", play.press("resume"))
        yield _scene("It is discarded", (play.press("form", "cancel"), play.press("form", "discard"))[1])
        play.fill(form, {})
        yield _scene("Back at the first question", play.press("form", "back"))
        other = self._play()
        self._ask(other, self._knowledge.desk.menu[:1])
        yield _scene("It begins with what was already said", other.press(form))

    def errors(self) -> Chapter:
        sections = []
        for guide in GUIDES.values():
            form = self._wording.fitted(guide.form)
            by_field: dict[str, list[Scene]] = {}
            for refusal in refusals(self._knowledge, self._locale, form, self._wording):
                title = f"“{refusal.typed}”" if refusal.typed else "Left empty"
                by_field.setdefault(refusal.label, []).append(Scene(title, refusal.told.chat, (refusal.native,)))
            sections += [Section(label, tuple(scenes)) for label, scenes in by_field.items()]
        intro = "What is said to an answer that cannot be taken. Of a native page only the field with the fault is drawn."
        return Chapter("errors", "Errors beside a field", intro, tuple(sections))

    def tickets(self) -> Chapter:
        own = OwnTicket("1.1", NUMBER, said(TITLE, self._locale), opened_at=NOW, email=EMAIL)
        reply = said(REPLY, self._locale)
        play = self._play()
        none = _scene("There is none", play.press("tickets"))
        replied = _scene("The team replies", play.happen(TicketReplied(ticket=own, text=reply)))
        named = _scene("Somebody of the team replies", play.happen(TicketReplied(ticket=own, text=reply, name=NAME)))
        scenes = [
            none,
            replied,
            named,
            _scene("The customer replies", play.happen(MessageReceived(text=reply, files=(FILE,)))),
            _scene("My tickets", play.press("tickets")),
            _scene("One ticket", play.press("my_ticket", own.key)),
            _scene("Reply", play.press("ticket_reply", own.key)),
            _scene("No reply after all", play.happen(MessageReceived(text=self._label("form.cancel_words").split("|")[0]))),
        ]
        play.press("ticket_close", own.key)
        scenes.append(_scene("It is rated", play.press("rate", f"{own.key}=5")))
        scenes.append(_scene("It is opened again", play.press("ticket_reopen", own.key)))
        for state in (state for state in WAYS if state != "new"):
            before = "resolved" if state == "reopened" else "open" if state != "open" else "new"
            told = self._play().happen(TicketChanged(ticket=replace(own, state=before), state=state))
            scenes.append(_scene(f"The team sets its state: {state}", told))
        play = self._play()
        play.happen(TicketChanged(ticket=replace(own, state="open"), state="resolved"))
        scenes.append(_scene("Thanks, and nothing else", play.happen(MessageReceived(text="gracias"))))
        scenes.append(_scene("It closes by itself", play.happen(TimerFired(name=TIMER + own.key, due_at=NOW))))
        play = self._play()
        play.happen(TicketChanged(ticket=replace(own, state="open"), state="resolved"))
        scenes.append(_scene("What was resolved is not", play.happen(MessageReceived(text=reply))))
        return Chapter("tickets", "Tickets after they were sent", "", (Section("", tuple(scenes)),))

    def person(self) -> Chapter:
        play = self._play()
        self._ask(play)
        scenes = [
            _scene("A person is asked for", play.press("person")),
            _scene("Asked for again", play.press("person")),
            _scene("Something else is asked", play.press("topic", next(self._plain_topics(), ""))),
            _scene("Not an address", play.happen(MessageReceived(text="ana@"))),
            _scene("Something to add", play.happen(MessageReceived(text=said(REPLY, self._locale)))),
            _scene("The address", play.happen(MessageReceived(text=EMAIL))),
            _scene("Without a question", self._play().press("person")),
        ]
        play = self._play()
        play.press("person")
        scenes.append(_scene("Without an address", play.press("skip")))
        play = self._play()
        play.happen(CustomerIdentified(subject="1", name=NAME, email=EMAIL))
        scenes.append(_scene("The address is known", play.press("person")))
        return Chapter("person", "Talking to a person", "", (Section("", tuple(scenes)),))

    def _plain_topics(self) -> Iterator[str]:
        return (id for id, topic in self._knowledge.topics.items() if not topic.flow and not topic.smalltalk)

    def proof(self) -> Chapter:
        play = self._play()
        scenes = [_scene("The services are asked for", play.press("services"))]
        scenes.append(_scene("Not an address", play.happen(MessageReceived(text="ana@"))))
        play.happen(MessageReceived(text=EMAIL))
        sent = play.happen(CodeSent(email=EMAIL, left=2))
        scenes.append(Scene("A code is sent", sent.chat, mail=(play.code(),)))
        scenes += [
            _scene("Something else is typed", self._ask(play)),
            _scene("Not six digits", play.happen(MessageReceived(text=CODE[:4]))),
            _scene("A wrong code", play.happen(ProofFailed(email=EMAIL, reason="wrong", left=2))),
            _scene("The last try was wrong", play.happen(ProofFailed(email=EMAIL, reason="wrong"))),
            _scene("A code that is too old", play.happen(ProofFailed(email=EMAIL, reason="expired"))),
            _scene("The right code, and then what was asked for", play.prove()),
            _scene("The menu of who has proven it", play.press("menu")),
        ]
        scenes.append(_scene("Too many codes", self._asked().happen(ProofFailed(email=EMAIL, reason="too_many"))))
        scenes.append(_scene("No codes can be sent", self._asked().happen(ProofFailed(email=EMAIL, reason="unavailable"))))
        scenes.append(_scene("A desk that is only tried out", self._asked().happen(CodeSent(email=EMAIL, left=2, way="log"))))
        scenes.append(_scene("Another address", self._asked().press("proof_other")))
        scenes.append(_scene("It is cancelled", self._asked().press("proof_cancel")))
        return Chapter("proof", "Whose account it is", "", (Section("", tuple(scenes)),))

    def _asked(self) -> Play:
        play = self._play()
        play.press("services")
        play.happen(MessageReceived(text=EMAIL))
        return play

    def notices(self) -> Chapter:
        """Of each topic a notice and the link's answer; of the first, everything that can be done with it."""
        topics = subscriptions.topics(self._knowledge)
        sections = []
        for topic in topics:
            written = subscriptions.notice(self._knowledge, self._locale, topic.id, {self._locale: said(NOTICE, self._locale)})
            payload = subscriptions.PAYLOAD + topic.id
            play = self._play()
            scenes = [
                _scene(f"A link into the chat: {payload}", play.happen(CommandGiven(name="start", argument=payload))),
                Scene("A notice", (written,)),
            ]
            if topic is topics[0]:
                scenes += self._switched(play, topic.id)
            sections.append(Section(f"{topic.titles[self._locale]} ({topic.id})", tuple(scenes), f"notices-{topic.id}"))
        intro = "What one can subscribe to, and how a notice looks." if topics else "This desk declares no notices."
        return Chapter("notices", "Notices", intro, tuple(sections))

    def _switched(self, play: Play, topic: str) -> Iterator[Scene]:
        gone = subscriptions.PAYLOAD + "gone"
        yield _scene("The same link again", play.happen(CommandGiven(name="start", argument=subscriptions.PAYLOAD + topic)))
        yield _scene("It is stopped", play.press("notice_off", topic))
        yield _scene("It is stopped again", play.press("notice_off", topic))
        yield _scene("A link to what is there no longer", play.happen(CommandGiven(name="start", argument=gone)))
        yield _scene("All are turned on", play.press("notice_on", ",".join(each.id for each in subscriptions.topics(self._knowledge))))
        yield _scene("All are stopped", play.press("notices_off"))
        yield _scene("They are stopped again", play.press("notices_off"))
        yield _scene("Where several people read", play.happen(CommandGiven(name="notices", shared=True)))

    def guard(self) -> Chapter:
        kinds = sorted(phrase.partition(".")[2] for phrase in SECRETS)
        text = said(QUESTION, self._locale)
        scenes = []
        for kind in kinds:
            told = self._play().happen(MessageReceived(text=text, masked=(kind,)))
            scenes.append(Scene(f"In a message: {kind}", told.chat[:1]))
        return Chapter("guard", "Secrets that were hidden", "", (Section("", tuple(scenes)),))

    def rest(self, heard: Heard) -> Chapter:
        """Phrases, or forms of their plural, that no scene came to: by themselves, with their ids."""
        counts = {id: set(counts) for id, counts in heard.counts.items()}
        left = sorted(id for id in PHRASES - heard.ids | {id for id in counts if self._plural(id)} if not id.endswith(WORDS))
        sections = []
        for group in dict.fromkeys(id.partition(".")[0] for id in left):
            scenes = tuple(scene for id in left if id.partition(".")[0] == group for scene in self._alone(id, counts.get(id, set())))
            sections.append(Section(group, scenes, f"rest-{group}", ours=True))
        understood = tuple(
            Scene(id, (Message(paragraph(self._label(id).replace("|", " · ")), self._locale),))
            for id in sorted(PHRASES)
            if id.endswith(WORDS)
        )
        sections.append(Section("Words that are understood", understood, "rest-words", ours=True))
        intro = "Phrases that take more than these conversations to come to, each by its id and with made-up values."
        return Chapter("rest", "All other phrases", intro, tuple(sections))

    def _alone(self, id: str, counts: set[int]) -> Iterator[Scene]:
        for n in (1, 2) if self._plural(id) else (0,):
            if not any((n == 1) == (count == 1) for count in counts):
                doc = self._knowledge.texts.doc(id, self._locale, **self._values(id, n or 2))
                yield Scene(f"{id} ({n})" if n else id, (Message(doc, self._locale),))

    def _values(self, id: str, n: int) -> dict[str, str | int]:
        given = {**VALUES, "n": n, "desk": self._knowledge.desk.name}
        return {name: said(given[name], self._locale) for name in GIVEN.get(id, ())}

    def _plural(self, id: str) -> bool:
        """Whether it is worded otherwise for one than for two."""
        one, two = (self._knowledge.texts.label(id, self._locale, **self._values(id, n)) for n in (1, 2))
        return one != two.replace("2", "1")
