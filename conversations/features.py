"""Turns what somebody typed into terms that can be compared: folded words, stems of both languages, character n-grams, concepts."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import NamedTuple

import Stemmer

from conversations.lexicon import CONCEPTS, EMOJI, SHORT_FORMS

LOOK_AT = 600
"""Characters of a text that are read. A question says what it is about early; more would only let a paste cost time."""

MOST_WORDS = 120
"""Words that are read: a few compatibility characters unfold into many."""

_ACCENTS = re.compile("[\u0300-\u036f]+")
_STRETCHED = re.compile(r"([^\W\d_])\1{2,}")
_THRICE = re.compile(r"(.)\1\1")
"""Looked for before `_STRETCHED`, which takes five times as long to find nothing."""
_WORD = re.compile(r"[^\W_]{1,40}")
"""No language has longer words; what is longer is a paste, and is read in pieces so that none can be costly."""
_DIGIT = re.compile(r"\d")
_NUMBER = re.compile(r"(?<![\w.])#?\s?\d{4,}(?!\w)")
_ORDER = re.compile(r"#?\d{4,}[.,;:?!)]*")
_ADDRESS = re.compile(r"(?<!\d)\d{1,3}(?:\.\d{1,3}){3}(?!\d)")
_MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_APOSTROPHES = re.compile(r"(?<=\w)['’`´](?=\w)")
_RESPELT = frozenset("’`´").union(map(chr, EMOJI))


def fold(text: str) -> str:
    """Lower case without accents: people type both ways, and a lost accent must cost nothing."""
    text = text[:LOOK_AT]
    if text.isascii():
        return text.lower()
    if not _RESPELT.isdisjoint(text):
        # Before anything unfolds: the acute accent used as an apostrophe would become a space.
        text = _APOSTROPHES.sub("'", text).translate(EMOJI)
    text = unicodedata.normalize("NFKD", text)
    return _ACCENTS.sub("", text).casefold()


def words(text: str) -> list[str]:
    """The words of a text, folded, with short forms spelt out and addresses and numbers masked (`xmail`, `xip`, `xnumber`)."""
    text = fold(text)
    if "'" in text:
        text = _APOSTROPHES.sub("", text)
    if "@" in text:
        text = _MAIL.sub(" xmail ", text)
    if _THRICE.search(text):
        text = _STRETCHED.sub(r"\1", text)
    if _DIGIT.search(text):
        if text.count(".") > 2:
            text = _ADDRESS.sub(" xip ", text)
        text = _NUMBER.sub(" xnumber ", text)
    found = _WORD.findall(text)[:MOST_WORDS]
    if SHORT_FORMS.keys().isdisjoint(found):
        return found
    return [word for short in found for word in SHORT_FORMS.get(short, (short,))]


NUMBER = "xnumber"
MOST_READ = MOST_WORDS * (1 + max(map(len, SHORT_FORMS.values())))
"""Words that may be seen, piece by piece, before it is known that a text has more than MOST_WORDS: one piece may have as many itself."""


def separable(text: str) -> bool:
    """Whether its words are those of the pieces between its blanks, one after the other, while they are no more than MOST_WORDS.

    No rule of `words` looks beyond a blank. But whether this sign is an apostrophe hangs on the rest of the text.
    """
    return "`" not in text


def is_order(piece: str) -> bool:
    """Whether a piece is the number of an order and no more. Nobody else has the same, so they are what is new in many questions; NUMBER
    is all that `words` makes of it.
    """
    return _ORDER.fullmatch(piece) is not None


class Word(NamedTuple):
    """What one word is made of."""

    english: str
    spanish: str
    grams: frozenset[str]
    concept: str

    def beside(self, right: Word) -> tuple[str, ...]:
        """This word and the one after it as pairs of stems, by each language's stemmer."""
        pair, other = f"{self.english} {right.english}", f"{self.spanish} {right.spanish}"
        return (pair,) if pair == other else (pair, other)


class Terms(NamedTuple):
    """What a text is made of. A block is brought to length one by itself; `stems` and `pairs` are one block together."""

    stems: set[str]
    pairs: set[str]
    grams: set[str]
    concepts: set[str]

    def block(self, number: int) -> set[str]:
        return (self.stems | self.pairs, self.grams, self.concepts)[number]


class Reader:
    """Reads words into terms. Both languages' stems are always taken, so nobody has to know a text's language first.

    Holds the stemmers, which keep a cache of their own: one reader per model, used by one thread at a time.
    """

    __slots__ = ("_english", "_spanish", "concepts")

    def __init__(self) -> None:
        self._english = Stemmer.Stemmer("english", 0)
        self._spanish = Stemmer.Stemmer("spanish", 0)
        self.concepts: dict[str, str] = {}
        """The concept that a stem, or two stems side by side, mean."""
        for concept, forms in CONCEPTS.items():
            for form in forms:
                parts = form.split("_")
                self.concepts[" ".join(self._english.stemWords(parts))] = concept
                self.concepts[" ".join(self._spanish.stemWords(parts))] = concept

    def word(self, word: str) -> Word:
        english: str = self._english.stemWord(word)
        spanish: str = self._spanish.stemWord(word)
        concept = self.concepts.get(english) or self.concepts.get(spanish, "")
        return Word(english, spanish, frozenset(_grams(word)), concept)

    def terms(self, found: list[str]) -> Terms:
        read = [self.word(word) for word in found]
        pairs = {pair for left, right in pairwise(read) for pair in left.beside(right)}
        concepts = {word.concept for word in read} | {self.concepts.get(pair, "") for pair in pairs}
        return Terms(
            {stem for word in read for stem in (word.english, word.spanish)},
            pairs.union(ends_of([word.english for word in read])),
            {gram for word in read for gram in word.grams},
            concepts - {""},
        )


def ends_of(stems: list[str]) -> tuple[str, ...]:
    """How a sentence begins and ends, which tells a question from an order."""
    if not stems:
        return ()
    ends = (first_word(stems[0]), last_word(stems[-1]))
    return (*ends, first_two(stems[0], stems[1])) if len(stems) > 1 else ends


def first_word(stem: str) -> str:
    return f"^ {stem}"


def first_two(stem: str, following: str) -> str:
    return f"^ {stem} {following}"


def last_word(stem: str) -> str:
    return f"{stem} $"


def _grams(word: str) -> list[str]:
    """Character 2- to 4-grams of a word between blanks; a slip of the finger leaves most of them whole."""
    padded = f" {word} "
    size = len(padded)
    return (
        [padded[i : i + 2] for i in range(size - 1)]
        + [padded[i : i + 3] for i in range(size - 2)]
        + [padded[i : i + 4] for i in range(size - 3)]
    )
