"""How the signs of a good match are weighed into one number. The figures are learnt by `benchmarks/learn_gate.py` on public sets."""

from __future__ import annotations

import math

SIGNALS = ("log_odds", "margin", "score", "centroid")
"""Of the winning topic: log-odds of its probability; probability less the runner-up's; raw score; cosine to the middle of its phrases."""

WEIGHTS = (0.27, 1.49, 0.1, 1.84)
BIAS = -1.3

ANSWER_FROM = 0.6
OFFER_FROM = -0.9
"""Where the zones begin for a knowledge base too small to be measured on itself."""

SLOPE, OFFSET = 1.5, 0.8
"""From the weighed number to the log-odds of being right."""


def weigh(signs: tuple[float, ...]) -> float:
    """One number from the signs in the order of SIGNALS; the higher, the surer."""
    return sum([weight * sign for weight, sign in zip(WEIGHTS, signs, strict=True)], BIAS)


def chance(weighed: float) -> float:
    """The chance that the winning topic is the right one, 0 to 1."""
    return 1 / (1 + math.exp(-(SLOPE * weighed + OFFSET)))
