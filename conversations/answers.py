"""Finds the topic of a question: learns from the phrasings of the topics, and knows when it does not know.

Learning compares every phrase with every other (cosine of weighted terms) and fits multinomial logistic regression on those likenesses.
What is learnt is then folded into one row of scores per term, so that a question costs one look-up per term and one small sum. A few
signs of a good match are weighed into one number; where an answer, an offer of choices or an honest "unknown" begins on it is found for
each knowledge base by hiding parts of it from itself.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from conversations import gate
from conversations.features import Reader, Terms, pairs_of, words
from conversations.knowledge import Verdict, Zone
from conversations.language import LanguageTeller

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]

FORMAT = 1
"""Of the arrays that `dump` gives. Raised whenever features or arrays change, so that an older file is learnt anew."""

_WEIGHTS = (1.0, 1.5, 0.25)
"""Of the blocks of terms: stems with their pairs, character n-grams, concepts."""
_FULL = sum(weight * weight for weight in _WEIGHTS)
_STRENGTH = 50.0
"""C of the logistic regression: how closely the phrases are fitted."""
_LEANING = 0.2
"""How far the ranking may lean to topics that are broad. The confidence may not: a leaning would hand unknown questions to them."""
_STEPS, _FOLD_STEPS = 200, 80
_OFFERED = 3
_CACHED = 4000
_NO_CONCEPT, _FOREIGN_CONCEPT = -1, -2

_FOLDS, _FOLDS_OF_MANY = 5, 3
_MANY = 1500
"""Phrases from which the self-measurement takes fewer folds, to keep learning short."""
_HIDDEN_ANSWERED = 0.07
"""Share of the questions about a hidden topic that may still be answered: sets where an answer begins."""
_EAGER_ANSWERED = 0.15
_HIDDEN_OFFERED = 0.5
_RIGHT_LOST = 0.1
_PRIOR_COUNT = 40
"""The shipped figures weigh as much as so many phrases of the knowledge base."""


class Phrase(NamedTuple):
    """One way to ask for a topic."""

    topic: str
    locale: str
    text: str


class StaleArrays(ValueError):
    """The arrays were not written by this version: learn again."""


class _Zones(NamedTuple):
    """Where the zones begin on the weighed number."""

    answer: float
    eager: float
    offer: float

    def of(self, weighed: float, eager: bool) -> Zone:
        if weighed >= (self.eager if eager else self.answer):
            return "answer"
        return "offer" if weighed >= self.offer else "unknown"


class _Scorer:
    """What is learnt about a set of phrases: for each phrase (later: each term) a row of three scores per topic."""

    __slots__ = ("lean", "rows")

    def __init__(self, rows: Floats, lean: Floats) -> None:
        self.rows = rows
        """Columns: each topic's score for the ranking; its score for the confidence; its closeness to the topic's middle."""
        self.lean = lean

    @classmethod
    def train(cls, likeness: Floats, starts: Sequence[int], steps: int) -> _Scorer:
        """`likeness` is phrases x phrases; `starts[t]:starts[t + 1]` are the phrases of topic t."""
        sizes = np.diff(starts)
        belongs = np.repeat(np.eye(len(sizes), dtype=np.float32), sizes, axis=0)
        ranking = _solve(likeness, belongs, _LEANING, steps)
        evidence = _solve(likeness, belongs, 0.0, steps)
        middles = [1 / math.sqrt(float(likeness[a:b, a:b].sum()) * _FULL) for a, b in pairwise(starts)]
        rows = np.hstack([ranking, evidence, belongs * np.array(middles, np.float32)])
        return cls(rows, np.float32(_LEANING) * ranking.sum(0))

    def judge(self, scores: Floats) -> tuple[Floats, int, tuple[float, ...]]:
        """From a question's three scores per topic: the ranking, the winner, and the signs of a good match (see `gate.SIGNALS`)."""
        topics = self.lean.size
        ranking = scores[:topics] + self.lean
        winner = int(ranking.argmax())
        odds = np.exp(scores[topics : 2 * topics])
        own = float(odds[winner])
        # "None of them" stands by with a score of nought.
        total = 1.0 + float(odds.sum())
        odds[winner] = 0.0
        signs = (
            math.log(own / (total - own)),
            (own - float(odds.max())) / total,
            math.log(own),
            float(scores[2 * topics + winner]),
        )
        return ranking, winner, signs


class _Known(NamedTuple):
    """What a word comes to: its stems, the numbers of its known terms, and how many of its terms nobody wrote."""

    english: str
    spanish: str
    stems: tuple[int, ...]
    grams: tuple[int, ...]
    concept: int
    missing_stems: int
    missing_grams: int


class Answers:
    """The matcher of one knowledge base. Nothing changes after learning but a cache of words: use it from one thread at a time."""

    __slots__ = ("_cache", "_eager", "_names", "_rarity", "_reader", "_scorer", "_tables", "_teller", "_unseen", "_zones")

    def __init__(
        self,
        names: Sequence[str],
        eager: Sequence[bool],
        tables: Sequence[dict[str, int]],
        rarity: Floats,
        scorer: _Scorer,
        zones: _Zones,
        teller: LanguageTeller,
    ) -> None:
        self._names = tuple(names)
        self._eager = tuple(eager)
        self._tables = tuple(tables)
        self._rarity: list[float] = rarity.tolist()
        self._unseen = max(self._rarity, default=1.0)
        self._scorer = scorer
        self._zones = zones
        self._teller = teller
        self._reader = Reader()
        self._cache: dict[str, _Known] = {}

    def match(self, text: str) -> Verdict:
        judged = self._judged(text)
        if judged is None:
            return _NOTHING
        ranking, winner, signs = judged
        weighed = gate.weigh(signs)
        best = np.argsort(-ranking, kind="stable")[:_OFFERED].tolist()
        return Verdict(
            zone=self._zones.of(weighed, self._eager[winner]),
            topics=tuple([self._names[topic] for topic in best]),
            confidence=gate.chance(weighed),
        )

    def language(self, text: str) -> str:
        return self._teller.tell(text)

    def signs(self, text: str) -> tuple[str, tuple[float, ...]] | None:
        """The best topic and the signs that the gate weighs, for learning its weights; None when no word is known."""
        judged = self._judged(text)
        return None if judged is None else (self._names[judged[1]], judged[2])

    def _judged(self, text: str) -> tuple[Floats, int, tuple[float, ...]] | None:
        found = words(text)
        if not self._names:
            return None
        stems: set[int] = set()
        grams: set[int] = set()
        concepts: set[int] = set()
        missing_stems = missing_grams = missing_concepts = 0
        known: dict[str, _Known] = {}
        for word in found:
            if word in known:
                continue
            known[word] = here = self._cache.get(word) or self._look_up(word)
            stems.update(here.stems)
            grams.update(here.grams)
            missing_stems += here.missing_stems
            missing_grams += here.missing_grams
            if here.concept >= 0:
                concepts.add(here.concept)
            elif here.concept == _FOREIGN_CONCEPT:
                missing_concepts += 1
        if not stems and not grams:
            return None
        numbers, _, concept_numbers = self._tables
        for pair in pairs_of([known[word].english for word in found], [known[word].spanish for word in found]):
            number = numbers.get(pair)
            # A pair nobody wrote says nothing beyond its words: only words count as missing.
            if number is not None:
                stems.add(number)
            concept = self._reader.concept(pair)
            if concept:
                number = concept_numbers.get(concept)
                if number is None:
                    missing_concepts += 1
                else:
                    concepts.add(number)
        ids: list[int] = []
        factors: list[float] = []
        for weight, block, missing in (
            (_WEIGHTS[0], stems, missing_stems),
            (_WEIGHTS[1], grams, missing_grams),
            (_WEIGHTS[2], concepts, missing_concepts),
        ):
            if block:
                squares = sum([self._rarity[number] for number in block]) + missing * self._unseen
                ids += block
                factors += [weight / math.sqrt(squares)] * len(block)
        return self._scorer.judge(np.array(factors, np.float32) @ self._scorer.rows[ids])

    def _look_up(self, word: str) -> _Known:
        parts = self._reader.word(word)
        stems, grams, concepts = self._tables
        both = {parts.english, parts.spanish}
        seen_stems = tuple(sorted([stems[stem] for stem in both if stem in stems]))
        seen_grams = tuple(sorted([grams[gram] for gram in parts.grams if gram in grams]))
        known = _Known(
            parts.english,
            parts.spanish,
            seen_stems,
            seen_grams,
            concepts.get(parts.concept, _FOREIGN_CONCEPT) if parts.concept else _NO_CONCEPT,
            len(both) - len(seen_stems),
            len(parts.grams) - len(seen_grams),
        )
        if len(self._cache) >= _CACHED:
            self._cache.clear()
        self._cache[word] = known
        return known

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
            for block in range(len(_WEIGHTS)):
                terms = _unpack(arrays[f"terms{block}"])
                tables.append(dict(zip(terms, range(first, first + len(terms)), strict=True)))
                first += len(terms)
            odds = dict(zip(_unpack(arrays["evidence"]), map(tuple, arrays["odds"].tolist()), strict=True))
            return cls(
                _unpack(arrays["names"]),
                arrays["eager"].tolist(),
                tables,
                arrays["rarity"],
                _Scorer(arrays["rows"], arrays["lean"]),
                _Zones(*arrays["zones"].tolist()),
                LanguageTeller(tuple(_unpack(arrays["locales"])), odds),
            )
        except KeyError as missing:
            raise StaleArrays(f"the saved answers lack {missing}") from None


class _Corpus:
    """All phrases as weighted terms: a sparse matrix, phrase by phrase."""

    def __init__(self, texts: Sequence[Terms]) -> None:
        self.tables: list[dict[str, int]] = []
        """Per block: term -> its number, which runs on over the blocks."""
        squares: list[float] = []
        for block in range(len(_WEIGHTS)):
            # Sorted: a set's order differs from run to run, and equal phrases must give equal arrays.
            occurrences = Counter(term for terms in texts for term in sorted(terms.block(block)))
            self.tables.append({term: len(squares) + i for i, term in enumerate(occurrences)})
            squares += [(math.log((1 + len(texts)) / (1 + n)) + 1) ** 2 for n in occurrences.values()]
        self.rarity = np.array(squares, np.float32)
        """Per term: squared inverse document frequency. How often a term stands within one text is not counted."""
        numbers: list[int] = []
        values: list[float] = []
        self.ends = [0]
        for terms in texts:
            for block, (weight, table) in enumerate(zip(_WEIGHTS, self.tables, strict=True)):
                here = sorted(map(table.__getitem__, terms.block(block)))
                length = math.sqrt(sum(squares[number] for number in here))
                numbers += here
                values += [weight * math.sqrt(squares[number]) / length for number in here]
            self.ends.append(len(numbers))
        self.numbers = np.array(numbers, np.intp)
        self.values = np.array(values)

    def likeness(self) -> Floats:
        """Phrases x phrases: the weighed cosines, `_FULL` for a phrase with itself."""
        likeness = np.empty((len(self.ends) - 1, len(self.ends) - 1), np.float32)
        for row, (first, end) in zip(likeness, pairwise(self.ends), strict=True):
            dense = np.zeros(self.rarity.size)
            dense[self.numbers[first:end]] = self.values[first:end]
            row[:] = np.add.reduceat(dense[self.numbers] * self.values, self.ends[:-1])
        return likeness

    def fold(self, rows: Floats) -> Floats:
        """From a row of scores per phrase to one per term, so that a question need not be compared with phrases at all."""
        phrase = np.repeat(np.arange(len(self.ends) - 1), np.diff(self.ends))
        # The question carries the rarity of its terms as well; its length is not known before it is asked.
        carried = self.values * np.sqrt(self.rarity)[self.numbers]
        folded = np.empty((self.rarity.size, rows.shape[1]), np.float32)
        for column in range(rows.shape[1]):
            folded[:, column] = np.bincount(self.numbers, carried * rows[phrase, column], self.rarity.size)
        return folded


def learn(phrases: Sequence[Phrase], *, eager: Collection[str] = ()) -> Answers:
    """Builds the matcher. Takes about a second for 700 phrases: learn in a worker thread, save `dump()`, swap.

    `eager` topics are answered on lower evidence: for those where a miss costs more than a needless answer. A phrase without a single
    word in it is passed over.
    """
    reader = Reader()
    read = [(phrase, reader.terms(words(phrase.text))) for phrase in sorted(phrases, key=lambda phrase: phrase.topic)]
    read = [(phrase, terms) for phrase, terms in read if terms.stems]
    sizes = Counter(phrase.topic for phrase, _ in read)
    starts = [0, *np.cumsum(list(sizes.values()), dtype=np.intp).tolist()]
    corpus = _Corpus([terms for _, terms in read])
    likeness = corpus.likeness()
    scorer = _Scorer.train(likeness, starts, _STEPS)
    return Answers(
        list(sizes),
        [topic in eager for topic in sizes],
        corpus.tables,
        corpus.rarity,
        _Scorer(corpus.fold(scorer.rows), scorer.lean),
        _find_zones(likeness, starts),
        LanguageTeller.learn((phrase.locale, phrase.text) for phrase, _ in read),
    )


def _find_zones(likeness: Floats, starts: Sequence[int]) -> _Zones:
    """Measures the knowledge base on itself; no list of questions that it cannot answer is needed.

    Topics are hidden in turn and their phrases asked: each is then a question about something that nobody wrote. And phrases are hidden
    in turn: each is then a question about something that is known.
    """
    topics = len(starts) - 1
    owner = np.repeat(np.arange(topics), np.diff(starts))
    place = np.arange(owner.size) - np.asarray(starts, np.intp)[owner]
    parts = _FOLDS if owner.size <= _MANY else _FOLDS_OF_MANY
    # With few topics, hiding one takes away too much of what the others are told from.
    hidden = [weighed for _, _, weighed in _ask_hidden(likeness, owner, owner % parts)] if topics > parts else []
    right = [weighed for topic, found, weighed in _ask_hidden(likeness, owner, (place + owner) % parts) if topic == found]
    answer = _quantile(hidden, 1 - _HIDDEN_ANSWERED, gate.ANSWER_FROM)
    eager = min(answer, _quantile(hidden, 1 - _EAGER_ANSWERED, gate.ANSWER_FROM))
    offer = min(eager, _quantile(hidden, 1 - _HIDDEN_OFFERED, gate.OFFER_FROM), _quantile(right, _RIGHT_LOST, gate.OFFER_FROM))
    return _Zones(answer, eager, offer)


def _ask_hidden(likeness: Floats, owner: Indices, part: Indices) -> Iterator[tuple[int, int, float]]:
    """Asks the phrases of each part of a knowledge base without that part: (their topic, the topic found, the weighed number)."""
    for number in np.unique(part).tolist():
        kept = np.flatnonzero(part != number)
        topics, sizes = np.unique(owner[kept], return_counts=True)
        if topics.size < 2:
            continue
        scorer = _Scorer.train(likeness[np.ix_(kept, kept)], [0, *np.cumsum(sizes).tolist()], _FOLD_STEPS)
        asked = np.flatnonzero(part == number)
        for at, scores in zip(asked.tolist(), likeness[np.ix_(asked, kept)] @ scorer.rows, strict=True):
            _, winner, signs = scorer.judge(scores)
            yield int(owner[at]), int(topics[winner]), gate.weigh(signs)


def _solve(likeness: Floats, belongs: Floats, leaning: float, steps: int) -> Floats:
    """Multinomial logistic regression over a likeness matrix, by accelerated gradient steps (Nesterov).

    Returns a weight for each phrase and topic. Scores are `similar @ weights`, plus `leaning * weights.sum(0)` as a regularised intercept.
    """
    kernel = likeness + np.float32(leaning)
    probe = np.ones(len(kernel), np.float32)
    largest = 1.0
    for _ in range(12):
        probe = np.asarray(kernel @ probe, np.float32)
        largest = float(np.linalg.norm(probe))
        probe /= np.float32(largest)
    step = np.float32(1 / (1 + _STRENGTH * largest * 0.5))
    weights: Floats = np.zeros_like(belongs)
    ahead = weights
    momentum = 1.0
    for _ in range(steps):
        slope = kernel @ ahead
        slope -= slope.max(1, keepdims=True)
        np.exp(slope, out=slope)
        slope /= slope.sum(1, keepdims=True)
        slope -= belongs
        slope *= _STRENGTH
        slope += ahead
        moved: Floats = ahead - step * slope
        following = (1 + math.sqrt(1 + 4 * momentum * momentum)) / 2
        ahead = moved + np.float32((momentum - 1) / following) * (moved - weights)
        weights, momentum = moved, following
    return weights


def _quantile(values: Sequence[float], share: float, shipped: float) -> float:
    """A quantile, drawn to the shipped value where there are few values."""
    if not values:
        return shipped
    return (float(np.quantile(values, share)) * len(values) + shipped * _PRIOR_COUNT) / (len(values) + _PRIOR_COUNT)


def _pack(names: Iterable[str]) -> NDArray[np.uint8]:
    return np.frombuffer("\n".join(names).encode(), np.uint8)


def _unpack(packed: NDArray[np.uint8]) -> list[str]:
    return packed.tobytes().decode().split("\n") if packed.size else []


_NOTHING = Verdict(zone="unknown", topics=(), confidence=0.0)
