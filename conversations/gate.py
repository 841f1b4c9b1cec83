"""How the signs of a good match are weighed into one number. The figures are learnt by `benchmarks/learn_gate.py` on public sets."""

from __future__ import annotations

import math
from typing import NamedTuple

from conversations.knowledge import Zone


class Signs(NamedTuple):
    """How a question looks to the topics, and to the one that wins."""

    log_odds: float
    """Of the winner's probability among all topics and "none of them"."""
    centroid: float
    """Greatest cosine of the question to the middle of a topic's phrases."""
    lead: float
    """The winner's score as a share of all topics' scores together (root of their squares), up to a bound. When a neighbour of the topics
    is asked for that nobody wrote, several of them score alike. Foreign words make all scores smaller, but leave this as it is."""
    known: float
    """Logarithm of one and the number of its words that phrases have too: likeness in one word says less than the same in four."""


class Zones(NamedTuple):
    """Where the zones begin on the weighed number."""

    answer: float
    eager: float
    offer: float

    def of(self, weighed: float, eager: bool) -> Zone:
        if weighed >= (self.eager if eager else self.answer):
            return "answer"
        return "offer" if weighed >= self.offer else "unknown"


WEIGHTS = Signs(log_odds=0.361, centroid=2.33, lead=2.485, known=0.281)
BIAS = -2.496

ANSWER_FROM = 0.9
EAGER_FROM = 0.5
OFFER_FROM = -0.5
"""Where the zones begin for a knowledge base too small to be measured on itself."""

SLOPE, OFFSET = 1.26, 0.94
"""From the weighed number to the log-odds of being right."""


_LEAD = 0.7
"""The greatest lead that counts. Few topics near by is no merit of its own: more must not make up for weak likeness."""
_LEAD_FROM = 0.01
"""Keeps a lead among scores of next to nothing from being taken for one."""


def lead(score: float, squares: float) -> float:
    """The sign of that name, from the winner's score and the squares of all topics' scores together."""
    return min(_LEAD, score / math.sqrt(squares + _LEAD_FROM))


def weigh(signs: Signs) -> float:
    """One number; the higher, the surer."""
    return (
        WEIGHTS.log_odds * signs.log_odds
        + WEIGHTS.centroid * signs.centroid
        + WEIGHTS.lead * signs.lead
        + WEIGHTS.known * signs.known
        + BIAS
    )


def chance(weighed: float) -> float:
    """The chance that the winning topic is the right one, 0 to 1, where a question is in scope."""
    return 1 / (1 + math.exp(-(SLOPE * weighed + OFFSET)))
