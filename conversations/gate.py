"""How the signs of a good match are weighed into one number. The figures are learnt by `benchmarks/learn_gate.py` on public sets."""

from __future__ import annotations

import math
from typing import NamedTuple


class Signs(NamedTuple):
    """Of the winning topic."""

    log_odds: float
    """Of its probability among all topics and "none of them"."""
    score: float
    """Before it is compared with other topics' scores."""
    centroid: float
    """Cosine of the question to the middle of the topic's phrases."""


WEIGHTS = Signs(log_odds=0.421, score=0.077, centroid=2.191)
BIAS = -0.62

ANSWER_FROM = 0.9
EAGER_FROM = 0.5
OFFER_FROM = -0.5
"""Where the zones begin for a knowledge base too small to be measured on itself."""

SLOPE, OFFSET = 1.21, 0.94
"""From the weighed number to the log-odds of being right."""


def weigh(signs: Signs) -> float:
    """One number; the higher, the surer."""
    return WEIGHTS.log_odds * signs.log_odds + WEIGHTS.score * signs.score + WEIGHTS.centroid * signs.centroid + BIAS


def chance(weighed: float) -> float:
    """The chance that the winning topic is the right one, 0 to 1, where a question is in scope."""
    return 1 / (1 + math.exp(-(SLOPE * weighed + OFFSET)))
