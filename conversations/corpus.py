"""The phrases of a knowledge base as weighted terms: how alike they are, and what each term adds to a score."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from conversations.features import Terms

Floats = NDArray[np.float32]

WEIGHTS = (1.0, 1.5, 0.25)
"""Of the blocks of terms: stems with their pairs, character n-grams, concepts. Each block is brought to its weight as length."""
SURE_WEIGHTS = (1.5, 1.75, 0.6)
"""The same where the confidence is learnt. Look-alike letters help to find the nearest topic, but they tell little of whether a question
is known at all: there, words and what they mean count for more. All are higher than above as well, so that phrases are fitted closer."""
SURE_FULL = sum(weight * weight for weight in SURE_WEIGHTS)
"""The greatest likeness by `SURE_WEIGHTS`: of a text that has all blocks with itself."""


class Corpus:
    """All phrases as weighted terms: a sparse matrix, phrase by phrase."""

    def __init__(self, texts: Sequence[Terms]) -> None:
        self.tables: list[dict[str, int]] = []
        """Per block: term -> its number, which runs on over the blocks."""
        squares: list[float] = []
        for block in range(len(WEIGHTS)):
            # Sorted: a set's order differs from run to run, and equal phrases must give equal arrays.
            occurrences = Counter(term for terms in texts for term in sorted(terms.block(block)))
            self.tables.append({term: len(squares) + i for i, term in enumerate(occurrences)})
            squares += [(math.log((1 + len(texts)) / (1 + n)) + 1) ** 2 for n in occurrences.values()]
        self.rarity = np.array(squares, np.float32)
        """Per term: squared inverse document frequency. How often a term stands within one text is not counted."""
        stress = [(sure / plain) ** 2 for sure, plain in zip(SURE_WEIGHTS, WEIGHTS, strict=True)]
        self.stress: Floats = np.repeat(np.array(stress, np.float32), [len(table) for table in self.tables])
        """Per term: what makes its share of a likeness one by `SURE_WEIGHTS`."""
        numbers: list[int] = []
        values: list[float] = []
        self.ends = [0]
        for terms in texts:
            for block, (weight, table) in enumerate(zip(WEIGHTS, self.tables, strict=True)):
                here = sorted(map(table.__getitem__, terms.block(block)))
                length = math.sqrt(sum(squares[number] for number in here))
                numbers += here
                values += [weight * math.sqrt(squares[number]) / length for number in here]
            self.ends.append(len(numbers))
        self.numbers = np.array(numbers, np.intp)
        self.values = np.array(values)

    def likeness(self) -> tuple[Floats, Floats]:
        """Phrases x phrases: the weighed cosines, and those by `SURE_WEIGHTS`."""
        plain, sure = np.empty((2, len(self.ends) - 1, len(self.ends) - 1), np.float32)
        stress = self.stress[self.numbers]
        for row, sure_row, (first, end) in zip(plain, sure, pairwise(self.ends), strict=True):
            dense = np.zeros(self.rarity.size)
            dense[self.numbers[first:end]] = self.values[first:end]
            shared = dense[self.numbers] * self.values
            row[:] = np.add.reduceat(shared, self.ends[:-1])
            sure_row[:] = np.add.reduceat(shared * stress, self.ends[:-1])
        return plain, sure

    def fold(self, rows: Floats, plain: int) -> Floats:
        """From a row of scores per phrase to one per term, so that a question need not be compared with phrases at all.

        The first `plain` columns were learnt on plain likeness, the others on that by `SURE_WEIGHTS`.
        """
        phrase = np.repeat(np.arange(len(self.ends) - 1), np.diff(self.ends))
        # The question carries the rarity of its terms as well; its length is not known before it is asked.
        carried = self.values * np.sqrt(self.rarity)[self.numbers]
        folded = np.empty((self.rarity.size, rows.shape[1]), np.float32)
        for column in range(rows.shape[1]):
            folded[:, column] = np.bincount(self.numbers, carried * rows[phrase, column], self.rarity.size)
        folded[:, plain:] *= self.stress[:, None]
        return folded
