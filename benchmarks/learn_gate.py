"""Learns the weights of `conversations/gate.py` from a folder of public question sets, and prints them to be copied there.

    python -m benchmarks.learn_gate FOLDER

A set is a .tsv file with a column `part` (train, test and, for at least some sets, oos). Each is learnt from its own train rows; its
test and oos rows then show how the signs of a good match look when the answer is right, and when it is not. The weights are those of a
logistic regression with a strong ridge, every set counting the same. Beside them stands how well weights learnt without a set serve it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import bot  # noqa: F401  (before anything loads NumPy: it settles how many threads there are)

# isort: split
import numpy as np
from numpy.typing import NDArray

from bot.evaluation import OUT_OF_SCOPE, auroc, read_questions
from conversations import gate
from conversations.answers import Phrase
from conversations.learning import learn

RIDGE = 0.1

Table = NDArray[np.float64]


class Sample(NamedTuple):
    """What one set shows: a row of signs per question, whether its best topic was right, and whether it was in scope at all."""

    name: str
    signs: Table
    right: NDArray[np.bool_]
    inside: NDArray[np.bool_]


def sample(path: Path) -> Sample | None:
    """None for a file that has no train rows or nothing to test on."""
    questions = read_questions(path)
    answers = learn([Phrase(q.label, q.locale, q.text) for q in questions if q.part == "train"])
    rows = [(q, answers.signs(q.text)) for q in questions if q.part in ("test", OUT_OF_SCOPE)]
    known = [(q, found) for q, found in rows if found is not None]
    if not known or not any(q.part == "test" for q, _ in known):
        return None
    return Sample(
        path.stem,
        np.array([found[1] for _, found in known]),
        np.array([found[0] == q.label for q, found in known]),
        np.array([q.part == "test" for q, _ in known]),
    )


def regression(signs: Table, target: NDArray[np.bool_], weights: Table, ridge: float) -> tuple[Table, float]:
    """Weighted logistic regression by Newton steps, ridge on standardised signs. Returns (weights, bias)."""
    centre, spread = signs.mean(0), signs.std(0) + 1e-9
    design = np.column_stack([(signs - centre) / spread, np.ones(len(signs))])
    penalty = np.append(np.full(signs.shape[1], ridge), 1e-6)
    found = np.zeros(design.shape[1])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-design @ found))
        slope = design.T @ (weights * (chance - target)) / weights.sum() + penalty * found
        curve = (design.T * (weights * chance * (1 - chance))) @ design / weights.sum() + np.diag(penalty)
        found -= np.linalg.solve(curve, slope)
    return found[:-1] / spread, float(found[-1] - (found[:-1] / spread * centre).sum())


def fit(samples: list[Sample]) -> tuple[Table, float]:
    # In scope and out of scope weigh the same within a set that has both, and every set weighs the same.
    weights = [np.where(s.inside, (0.5 if not s.inside.all() else 1) / s.inside.sum(), 0.5 / max(1, (~s.inside).sum())) for s in samples]
    return regression(
        np.concatenate([s.signs for s in samples]), np.concatenate([s.right for s in samples]), np.concatenate(weights), RIDGE
    )


def main(folder: Path) -> None:
    samples = [
        found for path in sorted(folder.glob("*.tsv")) if "part" in path.open(encoding="utf-8").readline() if (found := sample(path))
    ]
    print(f"{'set, by weights learnt without it':36} in/out of scope   right/not")
    for left_out in samples:
        # Two sets of one source (languages, shots) are no strangers to each other.
        strangers = [s for s in samples if s.name[:5] != left_out.name[:5]]
        coefficients, bias = fit(strangers)
        weighed = left_out.signs @ coefficients + bias
        scope = auroc(weighed[left_out.inside].tolist(), weighed[~left_out.inside].tolist())
        right = auroc(weighed[left_out.right].tolist(), weighed[~left_out.right].tolist())
        print(f"{left_out.name:36} {'-' if scope is None else f'{scope:.3f}':17} {'-' if right is None else f'{right:.3f}'}")
    coefficients, bias = fit(samples)
    inside = [s._replace(signs=s.signs[s.inside], right=s.right[s.inside]) for s in samples]
    weighed = np.concatenate([s.signs @ coefficients + bias for s in inside])
    equal = np.concatenate([np.full(len(s.right), 1 / len(s.right)) for s in inside])
    slope, offset = regression(weighed[:, None], np.concatenate([s.right for s in inside]), equal, 1e-4)
    print("WEIGHTS =", gate.Signs(*(round(float(c), 3) for c in coefficients)))
    print("BIAS =", round(bias, 3))
    print("SLOPE, OFFSET =", (round(float(slope[0]), 2), round(offset, 2)))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: python -m benchmarks.learn_gate FOLDER\n{__doc__}")
    main(Path(sys.argv[1]))
