"""Reads a desk's files as a whole and finds every fault in them: `relevo content check`, and what a start or a reload goes by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from bot.content import ANSWERS, DESK, PHRASES, Content, ContentFault, Files, snapshot
from bot.content_desk import DeskFile, read_desk
from bot.content_files import (
    AnswerFile,
    Faults,
    Marked,
    Phrase,
    PhraseFile,
    read_answer,
    read_phrases,
    text_of,
)
from bot.markdown import nearest
from conversations import answers as answering
from conversations import engine
from conversations.features import words
from conversations.knowledge import Answer, Desk, Topic
from conversations.model import Doc
from conversations.texts import Catalogue, fill, placeholders

TITLE_LIMIT = 60
FEWEST_PHRASINGS = 5
ACTIONS = ("ticket", "person", "notices")
FLOWS = ("person", "ticket", "menu", "help", "language")


def check(content_dir: Path) -> list[ContentFault]:
    """Everything that is wrong in a desk's files, in their order; empty when the desk can be started from them."""
    files, faults = snapshot(content_dir)
    return read(content_dir, files, faults)[1]


def read(content_dir: Path, files: Files, unreadable: Sequence[ContentFault]) -> tuple[Content | None, list[ContentFault]]:
    """What a snapshot comes to, and its faults; no content when there is any."""
    faults = Faults(content_dir)
    faults.found.extend(unreadable)
    return _parse(files, faults), sorted(faults.found)


def _parse(files: Files, faults: Faults) -> Content | None:
    texts = {path: text_of(data, faults.at(path)) for path, data in files.items()}
    desk = read_desk(text, faults.at(DESK)) if (text := texts.get(DESK)) is not None else None
    facts = desk.desk.facts if desk else None
    default = desk.desk.default_locale if desk else ""
    answers = [
        answer
        for path, text in texts.items()
        if path.startswith(ANSWERS) and text is not None
        if (answer := read_answer(path, text, faults.at(path), facts, default)) is not None
    ]
    phrases = [
        phrase
        for path, text in texts.items()
        if path.startswith(PHRASES) and text is not None
        if (phrase := read_phrases(path, text, faults.at(path), facts)) is not None
    ]
    if desk is not None:
        _Checker(desk, answers, phrases, set(files), faults).check()
    if desk is None or faults.found:
        return None
    return _content(desk.desk, answers, phrases)


class _Checker:
    """The rules that take more than one file."""

    def __init__(self, desk: DeskFile, answers: list[AnswerFile], phrases: list[PhraseFile], paths: set[str], faults: Faults) -> None:
        self._desk = desk
        self._answers = answers
        self._phrases = phrases
        self._paths = paths
        self._faults = faults
        self._topics = {answer.topic for answer in answers}

    def check(self) -> None:
        desk = self._desk.desk
        for answer in self._answers:
            self._check_answer(answer)
        for topic in sorted(self._topics):
            of_topic = [answer for answer in self._answers if answer.topic == topic]
            for locale in desk.locales:
                path = f"{ANSWERS}{topic}.{locale}.md"
                if path not in self._paths:
                    self._faults.add(of_topic[0].path, 1, f"the topic {topic} has no {path}")
        if not self._topics:
            self._faults.add(DESK, 1, "there are no answers: answers/<topic>.<locale>.md")
        self._check_ids(DESK, "menu", self._desk.menu, self._topics)
        self._check_titles()
        self._check_phrasings()
        self._check_phrases()

    def _check_answer(self, answer: AnswerFile) -> None:
        desk, add = self._desk.desk, self._faults.add
        if answer.locale not in desk.locales:
            add(answer.path, 1, f'"{answer.locale}" is not one of the desk\'s locales{nearest(answer.locale, desk.locales)}')
        if len(answer.phrasings) < FEWEST_PHRASINGS:
            line = answer.phrasings[0].line - 1 if answer.phrasings else 1
            add(
                answer.path,
                line,
                f"{len(answer.phrasings)} phrasings are too few to be recognised by: at least {FEWEST_PHRASINGS}, better 10",
            )
        self._check_ids(answer.path, "related", answer.related, self._topics - {answer.topic})
        self._check_ids(answer.path, "actions", answer.actions, ACTIONS)
        if answer.flow.value:
            self._check_ids(answer.path, "flow", (answer.flow,), FLOWS)

    def _check_ids(self, path: str, key: str, given: Iterable[Marked], valid: Iterable[str]) -> None:
        seen: set[str] = set()
        for item in given:
            if item.value in seen:
                self._faults.add(path, item.line, f'{key}: "{item.value}" stands twice')
            elif item.value not in valid:
                self._faults.add(path, item.line, f'{key}: there is no "{item.value}" to name here{nearest(item.value, valid)}')
            seen.add(item.value)

    def _check_titles(self) -> None:
        """Titles are buttons and can be typed: within a language no two may be alike."""
        first: dict[tuple[str, str], tuple[AnswerFile, Marked]] = {}
        for answer in self._answers:
            title = _filled(answer.title.value, self._desk.desk)
            if len(title) > TITLE_LIMIT:
                self._faults.add(
                    answer.path, answer.title.line, f"the title has {len(title)} characters; at most {TITLE_LIMIT} fit on a button"
                )
            if not title:
                continue
            other, _ = first.setdefault((answer.locale, engine.fold(title)), (answer, answer.title))
            if other is not answer:
                self._faults.add(answer.path, answer.title.line, f'the title "{title}" is also that of {other.path}:{other.title.line}')

    def _check_phrasings(self) -> None:
        """The same words cannot lead to two topics, and add nothing a second time. Two languages of a topic may share a phrasing."""
        first: dict[tuple[str, ...], list[tuple[AnswerFile, Marked]]] = defaultdict(list)
        for answer in self._answers:
            for phrasing in answer.phrasings:
                key = tuple(words(phrasing.value))
                if not key:
                    self._faults.add(answer.path, phrasing.line, f'"{phrasing.value}" has no word in it to be recognised by')
                    continue
                for other, same in first[key]:
                    if other.topic != answer.topic or other is answer:
                        where = f"line {same.line}" if other is answer else f"{other.path}:{same.line}"
                        self._faults.add(answer.path, phrasing.line, f'"{phrasing.value}" is the same as on {where}')
                        break
                first[key].append((answer, phrasing))

    def _check_phrases(self) -> None:
        desk = self._desk.desk
        by_locale = {file.locale: file for file in self._phrases}
        for file in self._phrases:
            if file.locale not in desk.locales:
                self._faults.add(file.path, 1, f'"{file.locale}" is not one of the desk\'s locales{nearest(file.locale, desk.locales)}')
        for locale in desk.locales:
            path = f"{PHRASES}{locale}.po"
            if path not in self._paths:
                self._faults.add(path, 1, "the file is missing")
        everywhere = {id: file for file in reversed(self._phrases) for id in file.phrases}
        spoken = [by_locale[locale] for locale in desk.locales if locale in by_locale]
        for file in spoken:
            unknown = file.phrases.keys() - engine.PHRASES
            for id in sorted((engine.PHRASES | everywhere.keys()) - file.phrases.keys()):
                wanted = "the engine says it" if id in engine.PHRASES else f"{everywhere[id].path} has it"
                self._faults.add(file.path, 1, f"the phrase {id} is missing or not translated ({wanted}){nearest(id, unknown)}")
        for file in spoken:
            for id, phrase in file.phrases.items():
                if id in engine.PHRASES:
                    self._check_given(file, id, phrase)
                if file is not spoken[0] and id in spoken[0].phrases:
                    self._check_alike(file, id, phrase, spoken[0], spoken[0].phrases[id])

    def _check_given(self, file: PhraseFile, id: str, phrase: Phrase) -> None:
        """A phrase can name only what it is given when it is said, or a fact."""
        given, facts = engine.VALUES.get(id, frozenset()), self._desk.desk.facts.keys()
        for name in sorted(_places(phrase.docs) - facts - given):
            what = f"{id}: unknown placeholder {{{name}}}: no fact of desk.toml, and not given with this phrase"
            self._faults.add(file.path, phrase.line, what + nearest(name, given | facts))
        if len(phrase.forms) > 1 and "n" not in given:
            self._faults.add(file.path, phrase.line, f"{id} is said without a number, so it has no plural: take msgid_plural away")

    def _check_alike(self, file: PhraseFile, id: str, phrase: Phrase, other: PhraseFile, original: Phrase) -> None:
        """What one language tells, the others tell too."""
        if (len(phrase.forms) > 1) != (len(original.forms) > 1):
            message = f"{id} has plural forms here or in {other.path}:{original.line}, but not in both"
            self._faults.add(file.path, phrase.line, message)
        here, there, facts = _places(phrase.docs), _places(original.docs), self._desk.desk.facts.keys()
        for name in sorted(here - there - facts):
            where = f"here, but not in {other.path}:{original.line}"
            self._faults.add(file.path, phrase.line, f"{id}: {{{name}}} stands {where}{nearest(name, there | facts)}")
        for name in sorted(there - here - facts):
            where = f"in {other.path}:{original.line}, but not here"
            self._faults.add(file.path, phrase.line, f"{id}: {{{name}}} stands {where}{nearest(name, here)}")


def _places(docs: Iterable[Doc]) -> set[str]:
    found: set[str] = set()
    for doc in docs:
        try:
            found |= placeholders(doc)
        except ValueError:
            continue  # reported where it was read
    return found


class _Open(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return f"{{{name}}}"


def _filled(template: str, desk: Desk) -> str:
    try:
        return template.format_map(_Open(desk.facts))
    except (ValueError, LookupError, AttributeError):
        return template  # reported where it was read


# --- from sound files to content ---


def _content(desk: Desk, answers: list[AnswerFile], phrases: list[PhraseFile]) -> Content:
    topics = {answer.topic: answer for answer in answers if answer.locale == desk.default_locale}
    return Content(
        desk=desk,
        topics={id: _topic(main, (answer for answer in answers if answer.topic == id), desk.facts) for id, main in topics.items()},
        catalogues={file.locale: Catalogue(file.plural, {id: phrase.docs for id, phrase in file.phrases.items()}) for file in phrases},
        phrasings=tuple(_phrasings(answers)),
        # Who asks for a person and is not heard is lost, whatever else the desk knows.
        urgent=tuple(id for id, main in topics.items() if main.urgent or main.flow.value == "person"),
    )


def _topic(main: AnswerFile, answers: Iterable[AnswerFile], facts: Mapping[str, str]) -> Topic:
    return Topic(
        id=main.topic,
        answers={answer.locale: Answer(answer.title.value.format_map(facts), fill(answer.doc, facts)) for answer in answers},
        related=tuple(topic.value for topic in main.related),
        actions=tuple(action.value for action in main.actions),
        flow=main.flow.value,
        smalltalk=main.smalltalk,
    )


def _phrasings(answers: Iterable[AnswerFile]) -> Iterator[answering.Phrase]:
    for answer in answers:
        for phrasing in answer.phrasings:
            yield answering.Phrase(answer.topic, answer.locale, phrasing.value)
