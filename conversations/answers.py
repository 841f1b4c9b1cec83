"""Finds the topic of a question, and knows when it does not know.

What was learnt (conversations.learning) is one row of scores per term, so that a question costs one look-up per term and one small sum. A
few signs of a good match are weighed into one number (conversations.gate); where an answer, an offer of choices or an honest "unknown"
begins on it was found for each knowledge base.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from operator import add, mul
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from conversations import gate
from conversations.corpus import WEIGHTS, Floats
from conversations.knowledge import Verdict
from conversations.language import LanguageTeller
from conversations.spelling import Speller
from conversations.vocabulary import FOREIGN_CONCEPT, STRANGERS, Vocabulary

T = TypeVar("T")

FORMAT = 2
"""Of the arrays that `dump` gives. Raised whenever features or arrays change, so that an older file is learnt anew."""

_OFFERED = 3
_RECENT = 512
"""Whole texts for which it is remembered what they came to: a greeting, a "thanks", and what many ask during one incident come again
within minutes in the very same words. They are known by their hash alone, since what customers wrote is not to be kept.
"""


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


class Answers:
    """The matcher of one knowledge base. Nothing changes after learning but what is remembered: use it from one thread at a time."""

    __slots__ = (
        "_eager",
        "_names",
        "_scorer",
        "_speller",
        "_tables",
        "_teller",
        "_told",
        "_unseen",
        "_verdicts",
        "_vocabulary",
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
        self._vocabulary = Vocabulary(tables, rarity, scorer.rows, speller, teller)
        self._unseen = max(self._vocabulary.rarity, default=1.0)
        self._scorer = Scorer(self._vocabulary.rows[: len(scorer.rows)], scorer.lean)
        self._zones = zones
        self._speller = speller
        self._teller = teller
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
            told = self._teller.weigh(text, [known.odds for known in self._vocabulary.read(text)])
            _keep(self._told, text, told)
        return told

    def signs(self, text: str) -> tuple[str, gate.Signs] | None:
        """The best topic and the signs that the gate weighs, for learning its weights; None when no word is known."""
        judged = self._judged(text)
        return None if judged is None else (self._names[judged[0][0]], judged[1])

    def _judged(self, text: str) -> tuple[list[int], gate.Signs] | None:
        vocabulary = self._vocabulary
        read = vocabulary.read(text)
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
        neighbours = vocabulary.neighbours(read)
        for together in neighbours:
            if together is not STRANGERS:
                stems.update(together.pairs)
                concepts.update(together.concepts)
                missing_concepts += together.missing
        stems.update(read[0].place.begins, neighbours[0].begins if neighbours else (), read[-1].place.ends)
        concepts.discard(FOREIGN_CONCEPT)
        rarity, unseen = vocabulary.rarity.__getitem__, self._unseen
        in_stems = WEIGHTS[0] / math.sqrt(sum(map(rarity, stems)) + missing_stems * unseen or 1)
        in_concepts = WEIGHTS[2] / math.sqrt(sum(map(rarity, concepts)) + missing_concepts * unseen or 1)
        squares -= sum(map(rarity, shared))
        in_grams = WEIGHTS[1] / math.sqrt(squares + missing_grams * unseen) if grams else 0.0
        factors = [in_stems] * len(stems) + [in_concepts] * len(concepts) + [-in_grams] * len(shared) + [in_grams] * len(rows)
        taken = vocabulary.rows.take(np.array([*stems, *concepts, *shared, *rows], np.intp), 0)
        scores: list[float] = np.array(factors, np.float32).dot(taken).tolist()
        return self._scorer.judge(scores, known)

    def dump(self) -> dict[str, NDArray[Any]]:
        """Everything as plain arrays: for `numpy.savez`, to be read back without pickle."""
        evidence = sorted(self._teller.evidence)
        return {
            "format": np.array([FORMAT]),
            "names": _pack(self._names),
            "eager": np.array(self._eager, bool),
            **{f"terms{block}": _pack(table) for block, table in enumerate(self._tables)},
            "rarity": np.array(self._vocabulary.rarity, np.float32),
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


def _pack(names: Iterable[str]) -> NDArray[np.uint8]:
    return np.frombuffer("\n".join(names).encode(), np.uint8)


def _unpack(packed: NDArray[np.uint8]) -> list[str]:
    return packed.tobytes().decode().split("\n") if packed.size else []


_NOTHING = Verdict(zone="unknown", topics=(), confidence=0.0)
