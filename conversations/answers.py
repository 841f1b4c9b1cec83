"""Finds the topic of a question, and knows when it does not know.

What was learnt (conversations.learning) is one row of scores per term, so that a question costs one look-up per term and one small sum. A
few signs of a good match are weighed into one number (conversations.gate); where an answer, an offer of choices or an honest "unknown"
begins on it was found for each knowledge base.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from operator import add, mul
from typing import Any, NamedTuple, TypeVar

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from conversations import gate
from conversations.corpus import WEIGHTS, Floats
from conversations.features import (
    LOOK_AT,
    MOST_READ,
    MOST_WORDS,
    NUMBER,
    Reader,
    Word,
    first_two,
    first_word,
    is_order,
    last_word,
    separable,
    words,
)
from conversations.knowledge import Verdict
from conversations.language import LanguageTeller
from conversations.spelling import Speller

T = TypeVar("T")

FORMAT = 2
"""Of the arrays that `dump` gives. Raised whenever features or arrays change, so that an older file is learnt anew."""

_OFFERED = 3
_CACHED = 2000
"""Words, and pairs of words, whose terms are remembered. People use few: most questions are read without looking at a letter."""
_PIECES = 700
_PIECE = 24
"""Pieces of texts, as they stand between blanks, that are remembered, and how many characters they may have: 120 KB at most."""
_PERSONAL = re.compile(r"[\d@]")
"""Pieces with these are not remembered: they come once, and belong to somebody."""
_RECENT = 512
"""Whole texts for which it is remembered what they came to: a greeting, a "thanks", and what many ask during one incident come again
within minutes in the very same words. They are known by their hash alone, since what customers wrote is not to be kept.
"""
_FOREIGN_CONCEPT = -2


class Phrase(NamedTuple):
    """One way to ask for a topic."""

    topic: str
    locale: str
    text: str


class StaleArrays(ValueError):
    """The arrays were not written by this version: learn again."""


class Scorer:
    """What is learnt about a set of phrases: for each phrase (later: each term) a row of three scores per topic."""

    __slots__ = ("_lean", "lean", "rows")

    def __init__(self, rows: Floats, lean: Floats) -> None:
        self.rows = rows
        """Columns: each topic's score for the ranking; its score for the confidence; its closeness to the topic's middle."""
        self.lean = lean
        self._lean: list[float] = lean.tolist()

    def judge(self, scores: list[float], known: int) -> tuple[list[int], gate.Signs]:
        """From a question's three scores per topic: the best topics, best first, and the signs of a good match.

        So many of its words are `known`: phrases have them.
        """
        # Plain lists: for as many numbers as a desk has topics, each call of NumPy costs more than what it does.
        topics = len(self._lean)
        ranking = list(map(add, scores, self._lean))
        best = sorted(range(topics), key=ranking.__getitem__, reverse=True)[:_OFFERED]
        evidence = scores[topics : 2 * topics]
        score = evidence[best[0]]
        own = math.exp(score)
        # "None of them" stands by with a score of nought.
        others = 1.0 + sum(map(math.exp, evidence)) - own
        centroid = max(scores[2 * topics :])
        lead = gate.lead(score, sum(map(mul, evidence, evidence)))
        return best, gate.Signs(math.log(own / others), centroid, lead, math.log1p(known))


class _Place(Struct, frozen=True, eq=False):
    """What a word comes to by where it stands: the numbers of what it is as the first of a text and as the last; its stems, for who stands
    beside it.
    """

    begins: tuple[int, ...]
    ends: tuple[int, ...]
    word: Word


class _Known(Struct, frozen=True, eq=False):
    """What a word comes to: the numbers of its known terms, how many of its terms nobody wrote, and which language it speaks for.

    `squares` is the rarity of its n-grams, all together; `row` where the sum of what they add to the scores is kept. It is told from
    others by which object it is, not by what is in it.
    """

    stems: frozenset[int]
    grams: frozenset[int]
    concepts: tuple[int, ...]
    missing_stems: int
    missing_grams: int
    missing_concepts: int
    squares: float
    row: int
    odds: Sequence[float]
    place: _Place


class _Neighbours(Struct, frozen=True, eq=False):
    """What two words side by side come to: numbers of their pairs, of the concepts they mean together, and how many are foreign.

    `begins` are the numbers of what they are where a text begins with them.
    """

    pairs: tuple[int, ...]
    concepts: tuple[int, ...]
    missing: int
    begins: tuple[int, ...]


_STRANGERS = _Neighbours((), (), 0, ())
"""Most words that stand side by side: they come to nothing beyond themselves."""


class Answers:
    """The matcher of one knowledge base. Nothing changes after learning but a cache of words: use it from one thread at a time."""

    __slots__ = (
        "_cache",
        "_eager",
        "_latest",
        "_names",
        "_pairs",
        "_pieces",
        "_rarity",
        "_reader",
        "_rows",
        "_scorer",
        "_speller",
        "_tables",
        "_teller",
        "_terms",
        "_told",
        "_unseen",
        "_verdicts",
        "_zones",
    )

    def __init__(
        self,
        names: Sequence[str],
        eager: Sequence[bool],
        tables: Sequence[dict[str, int]],
        rarity: Floats,
        scorer: Scorer,
        zones: gate.Zones,
        speller: Speller,
        teller: LanguageTeller,
    ) -> None:
        self._names = tuple(names)
        self._eager = tuple(eager)
        self._tables = tuple(tables)
        self._rarity = array("f", rarity.tolist())
        self._unseen = max(self._rarity, default=1.0)
        # Behind the rows of the terms stands one for each remembered word: what its character n-grams add to the scores, all together.
        self._terms = len(scorer.rows)
        self._rows = np.empty((self._terms + _CACHED + MOST_READ, scorer.rows.shape[1]), np.float32)
        self._rows[: self._terms] = scorer.rows
        self._scorer = Scorer(self._rows[: self._terms], scorer.lean)
        self._zones = zones
        self._speller = speller
        self._teller = teller
        self._reader = Reader()
        self._cache: dict[str, _Known] = {}
        self._pieces: dict[str, tuple[_Known, ...]] = {}
        self._pairs: dict[tuple[_Known, _Known], _Neighbours] = {}
        # A turn asks for the language and then for the match of the same text: its words are read once.
        self._latest: tuple[str, list[_Known]] = ("", [])
        self._verdicts: dict[int, Verdict] = {}
        self._told: dict[int, str] = {}

    def match(self, text: str) -> Verdict:
        verdict = self._verdicts.get(hash(text))
        if verdict is None:
            verdict = self._verdict(text)
            _keep(self._verdicts, text, verdict)
        return verdict

    def _verdict(self, text: str) -> Verdict:
        judged = self._judged(text)
        if judged is None:
            return _NOTHING
        best, signs = judged
        weighed = gate.weigh(signs)
        return Verdict(
            zone=self._zones.of(weighed, self._eager[best[0]]),
            topics=tuple([self._names[topic] for topic in best]),
            confidence=gate.chance(weighed),
        )

    @property
    def locales(self) -> tuple[str, ...]:
        """The locales that `language` can tell."""
        return self._teller.locales

    def language(self, text: str) -> str:
        told = self._told.get(hash(text))
        if told is None:
            told = self._teller.weigh(text, [known.odds for known in self._read(text)])
            _keep(self._told, text, told)
        return told

    def _read(self, text: str) -> list[_Known]:
        """What its words come to, in order."""
        if self._latest[0] != text:
            self._make_room()
            self._latest = (text, self._read_pieces(text) if separable(text) else self._read_whole(text))
        return self._latest[1]

    def _make_room(self) -> None:
        # Never in the middle of a text: the words before would lose their rows to those after. So there are MOST_READ rows more.
        if len(self._cache) > _CACHED:
            self._cache.clear()
            self._pieces.clear()
            self._pairs.clear()

    def _read_pieces(self, text: str) -> list[_Known]:
        pieces, read = self._pieces, list[_Known]()
        for piece in text[:LOOK_AT].split():
            known = pieces.get(piece)
            read += self._look_at(piece) if known is None else known
            if len(read) > MOST_WORDS:
                self._make_room()
                return self._read_whole(text)
        return read

    def _read_whole(self, text: str) -> list[_Known]:
        return [self._cache.get(word) or self._look_up(word) for word in words(text)]

    def _look_at(self, piece: str) -> tuple[_Known, ...]:
        if is_order(piece):
            return (self._cache.get(NUMBER) or self._look_up(NUMBER),)
        known = tuple(self._read_whole(piece))
        if len(piece) <= _PIECE and not _PERSONAL.search(piece):
            if len(self._pieces) >= _PIECES:
                self._pieces.clear()
            self._pieces[piece] = known
        return known

    def signs(self, text: str) -> tuple[str, gate.Signs] | None:
        """The best topic and the signs that the gate weighs, for learning its weights; None when no word is known."""
        judged = self._judged(text)
        return None if judged is None else (self._names[judged[0][0]], judged[1])

    def _judged(self, text: str) -> tuple[list[int], gate.Signs] | None:
        read = self._read(text)
        if not read or not self._names:
            return None
        stems: set[int] = set()
        grams: set[int] = set()
        concepts: set[int] = set()
        # Words come with the sum over their n-grams, but what two of them share counts once.
        shared: list[int] = []
        rows: list[int] = []
        known = missing_stems = missing_grams = missing_concepts = 0
        squares = 0.0
        # A word counts once, however often it is said; in most questions each is said once.
        for word in read if len(set(read)) == len(read) else dict.fromkeys(read):
            if word.stems:
                known += 1
                stems |= word.stems
            shared += grams & word.grams
            grams |= word.grams
            concepts.update(word.concepts)
            missing_stems += word.missing_stems
            missing_grams += word.missing_grams
            missing_concepts += word.missing_concepts
            squares += word.squares
            rows.append(word.row)
        if not stems and not grams:
            return None
        pairs = self._pairs
        neighbours = [pairs.get(pair) or self._look_up_pair(pair) for pair in pairwise(read)]
        for together in neighbours:
            if together is not _STRANGERS:
                stems.update(together.pairs)
                concepts.update(together.concepts)
                missing_concepts += together.missing
        stems.update(read[0].place.begins, neighbours[0].begins if neighbours else (), read[-1].place.ends)
        concepts.discard(_FOREIGN_CONCEPT)
        rarity, unseen = self._rarity.__getitem__, self._unseen
        in_stems = WEIGHTS[0] / math.sqrt(sum(map(rarity, stems)) + missing_stems * unseen or 1)
        in_concepts = WEIGHTS[2] / math.sqrt(sum(map(rarity, concepts)) + missing_concepts * unseen or 1)
        squares -= sum(map(rarity, shared))
        in_grams = WEIGHTS[1] / math.sqrt(squares + missing_grams * unseen) if grams else 0.0
        factors = [in_stems] * len(stems) + [in_concepts] * len(concepts) + [-in_grams] * len(shared) + [in_grams] * len(rows)
        taken = self._rows.take(np.array([*stems, *concepts, *shared, *rows], np.intp), 0)
        scores: list[float] = np.array(factors, np.float32).dot(taken).tolist()
        return self._scorer.judge(scores, known)

    def _look_up(self, word: str) -> _Known:
        stems, grams, concepts = self._tables
        parts = self._reader.word(word)
        if parts.english not in stems and parts.spanish not in stems and (meant := self._speller.near(word)):
            parts = self._reader.word(meant)
        both = {parts.english, parts.spanish}
        seen_stems = frozenset(sorted([stems[stem] for stem in both if stem in stems]))
        seen_grams = frozenset(sorted([grams[gram] for gram in parts.grams if gram in grams]))
        seen_concepts = _numbers(concepts, parts.concept)
        known = _Known(
            seen_stems,
            seen_grams,
            seen_concepts,
            len(both) - len(seen_stems),
            len(parts.grams) - len(seen_grams),
            1 if parts.concept and not seen_concepts else 0,
            sum(self._rarity[gram] for gram in seen_grams),
            self._terms + len(self._cache),
            self._teller.odds(word),
            _Place(
                _numbers(stems, first_word(parts.english)),
                _numbers(stems, last_word(parts.english)),
                # Its n-grams have become numbers: kept as letters as well, they would be the most of what a word takes.
                parts._replace(grams=frozenset()),
            ),
        )
        self._rows[known.row] = self._scorer.rows[list(seen_grams)].sum(0)
        self._cache[word] = known
        return known

    def _look_up_pair(self, pair: tuple[_Known, _Known]) -> _Neighbours:
        left, right = [known.place.word for known in pair]
        numbers, _, concepts = self._tables
        beside = left.beside(right)
        meant = [concepts.get(self._reader.concepts[stems], _FOREIGN_CONCEPT) for stems in beside if stems in self._reader.concepts]
        # A pair nobody wrote says nothing beyond its words: only words count as missing.
        said = tuple([numbers[stems] for stems in beside if stems in numbers])
        begins = _numbers(numbers, first_two(left.english, right.english))
        together = _STRANGERS
        if said or meant or begins:
            together = _Neighbours(said, tuple(meant), meant.count(_FOREIGN_CONCEPT), begins)
        if len(self._pairs) >= _CACHED:
            self._pairs.clear()
        self._pairs[pair] = together
        return together

    def dump(self) -> dict[str, NDArray[Any]]:
        """Everything as plain arrays: for `numpy.savez`, to be read back without pickle."""
        evidence = sorted(self._teller.evidence)
        return {
            "format": np.array([FORMAT]),
            "names": _pack(self._names),
            "eager": np.array(self._eager, bool),
            **{f"terms{block}": _pack(table) for block, table in enumerate(self._tables)},
            "rarity": np.array(self._rarity, np.float32),
            "rows": self._scorer.rows,
            "lean": self._scorer.lean,
            "zones": np.array(self._zones, np.float64),
            "vocabulary": _pack(self._speller.words),
            "locales": _pack(self._teller.locales),
            "evidence": _pack(evidence),
            "odds": np.array([self._teller.evidence[key] for key in evidence], np.float64).reshape(
                len(evidence), len(self._teller.locales)
            ),
        }

    @classmethod
    def load(cls, arrays: Mapping[str, NDArray[Any]]) -> Answers:
        """The inverse of `dump`. Raises StaleArrays when another version wrote them."""
        try:
            if arrays["format"].tolist() != [FORMAT]:
                raise StaleArrays("the answers were saved by another version")
            tables: list[dict[str, int]] = []
            first = 0
            for block in range(len(WEIGHTS)):
                terms = _unpack(arrays[f"terms{block}"])
                tables.append(dict(zip(terms, range(first, first + len(terms)), strict=True)))
                first += len(terms)
            odds = dict(zip(_unpack(arrays["evidence"]), map(tuple, arrays["odds"].tolist()), strict=True))
            return cls(
                _unpack(arrays["names"]),
                arrays["eager"].tolist(),
                tables,
                arrays["rarity"],
                Scorer(arrays["rows"], arrays["lean"]),
                gate.Zones(*arrays["zones"].tolist()),
                Speller(_unpack(arrays["vocabulary"])),
                LanguageTeller(tuple(_unpack(arrays["locales"])), odds),
            )
        except KeyError as missing:
            raise StaleArrays(f"the saved answers lack {missing}") from None


def _keep(kept: dict[int, T], text: str, made: T) -> None:
    if len(kept) >= _RECENT:
        kept.clear()
    kept[hash(text)] = made


def _numbers(table: Mapping[str, int], term: str) -> tuple[int, ...]:
    return (table[term],) if term in table else ()


def _pack(names: Iterable[str]) -> NDArray[np.uint8]:
    return np.frombuffer("\n".join(names).encode(), np.uint8)


def _unpack(packed: NDArray[np.uint8]) -> list[str]:
    return packed.tobytes().decode().split("\n") if packed.size else []


_NOTHING = Verdict(zone="unknown", topics=(), confidence=0.0)
