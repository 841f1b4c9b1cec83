"""Learns the matcher of a knowledge base from the phrasings of its topics, and where its zones begin from hiding parts of it from itself.

Learning compares every phrase with every other (cosine of weighted terms) and fits multinomial logistic regression on those likenesses.
What is learnt is then folded into one row of scores per term.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from itertools import pairwise

import numpy as np

from conversations import gate
from conversations.answers import Answers, Phrase, Scorer
from conversations.corpus import SURE_FULL, Corpus, Floats
from conversations.features import Reader, words
from conversations.language import LanguageTeller
from conversations.regression import Indices, solve
from conversations.spelling import Speller

_LEANING = 0.2
"""How far the ranking may lean to topics that are broad. The confidence may not: a leaning would hand unknown questions to them."""
_PARTS = 5
"""In so many parts a knowledge base is hidden from itself."""
_HIDDEN_ANSWERED = 0.04
"""Share of the questions about a hidden topic that may still be answered: sets where an answer begins."""
_HIDDEN_ANSWERED_EAGERLY = 0.08
_HIDDEN_OFFERED = 0.5
_PRIOR_COUNT = 40
"""The shipped figures weigh as much as so many phrases of the knowledge base."""


def learn(phrases: Sequence[Phrase], *, eager: Collection[str] = ()) -> Answers:
    """Builds the matcher. Takes about a second for 700 phrases: learn in a worker thread, save `dump()`, swap.

    `eager` topics are answered on lower evidence: for those where a miss costs more than a needless answer. A phrase without a single
    word in it is passed over.
    """
    reader = Reader()
    read = [(phrase, found) for phrase in sorted(phrases, key=lambda phrase: phrase.topic) if (found := words(phrase.text))]
    sizes = Counter(phrase.topic for phrase, _ in read)
    starts = [0, *np.cumsum(list(sizes.values()), dtype=np.intp).tolist()]
    corpus = Corpus([reader.terms(found) for _, found in read])
    frequent = Counter(word for _, found in read for word in found)
    likeness, sure = corpus.likeness()
    owner = np.repeat(np.arange(len(sizes)), np.diff(starts))
    scorer = _scorer(sure, starts, solve(likeness, owner, _LEANING), solve(sure, owner, 0.0), _LEANING)
    stems = {word: {parts.english, parts.spanish} for word in frequent if (parts := reader.word(word))}
    return Answers(
        list(sizes),
        [topic in eager for topic in sizes],
        corpus.tables,
        corpus.rarity,
        Scorer(corpus.fold(scorer.rows, len(sizes)), scorer.lean),
        _find_zones(sure, owner, [[stems[word] for word in set(found)] for _, found in read]),
        Speller(sorted(frequent, key=lambda word: (-frequent[word], word))),
        LanguageTeller.learn((phrase.locale, phrase.text) for phrase, _ in read),
    )


def _find_zones(likeness: Floats, owner: Indices, said: Sequence[Sequence[set[str]]]) -> gate.Zones:
    """Measures the knowledge base on itself; no list of questions that it cannot answer is needed.

    Topics are hidden in turn and their phrases asked: each is then a question about something that nobody wrote. `said` holds the words of
    each phrase, each as its stems.
    """
    topics = int(owner.max(initial=-1)) + 1
    weighed: list[float] = []
    # With few topics, hiding some takes away too much of what the others are told from.
    for part in range(_PARTS if topics > _PARTS else 0):
        kept, asked = np.flatnonzero(owner % _PARTS != part), np.flatnonzero(owner % _PARTS == part)
        _, left, sizes = np.unique(owner[kept], return_inverse=True, return_counts=True)
        without = likeness[np.ix_(kept, kept)]
        weights = solve(without, left, 0.0)
        scorer = _scorer(without, [0, *np.cumsum(sizes).tolist()], weights, weights, 0.0)
        seen: set[str] = set().union(*[word for phrase in kept.tolist() for word in said[phrase]])
        for phrase, scores in zip(asked.tolist(), (likeness[np.ix_(asked, kept)] @ scorer.rows).tolist(), strict=True):
            known = len([word for word in said[phrase] if not seen.isdisjoint(word)])
            weighed.append(gate.weigh(scorer.judge(scores, known)[1]))
    if not weighed:
        return gate.Zones(gate.ANSWER_FROM, gate.EAGER_FROM, gate.OFFER_FROM)
    shipped = (gate.ANSWER_FROM, gate.EAGER_FROM, gate.OFFER_FROM)
    found = [float(np.quantile(weighed, 1 - passed)) for passed in (_HIDDEN_ANSWERED, _HIDDEN_ANSWERED_EAGERLY, _HIDDEN_OFFERED)]
    # A small knowledge base says little about itself: it is drawn to what holds for others.
    return gate.Zones(
        *((own * len(weighed) + other * _PRIOR_COUNT) / (len(weighed) + _PRIOR_COUNT) for own, other in zip(found, shipped, strict=True))
    )


def _scorer(likeness: Floats, starts: Sequence[int], ranking: Floats, evidence: Floats, leaning: float) -> Scorer:
    """From solved weights, phrases x topics, and the likeness that `evidence` was solved on. Rows come out per phrase.

    `starts[t]:starts[t + 1]` are the phrases of topic t.
    """
    middles = np.zeros_like(evidence)
    for topic, (first, end) in enumerate(pairwise(starts)):
        middles[first:end, topic] = 1 / math.sqrt(float(likeness[first:end, first:end].sum()) * SURE_FULL)
    return Scorer(np.hstack([ranking, evidence, middles]), np.float32(leaning) * ranking.sum(0))
