"""What words come to for one knowledge base: looked up once, and remembered for the questions that follow."""

from __future__ import annotations

import re
from array import array
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from msgspec import Struct

from conversations.corpus import Floats
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
from conversations.language import LanguageTeller
from conversations.spelling import Speller

_CACHED = 2000
"""Words, and pairs of words, whose terms are remembered. People use few: most questions are read without looking at a letter."""
_PIECES = 500
_PIECE = 24
"""Pieces of texts, as they stand between blanks, that are remembered, and how many characters they may have: 200 KB at most."""
_PERSONAL = re.compile(r"[\d@]")
"""Pieces with these are not remembered: they come once, and belong to somebody."""
FOREIGN_CONCEPT = -2
"""Stands for a concept that no phrase has."""


class _Place(Struct, frozen=True, eq=False):
    """What a word comes to by where it stands: the numbers of what it is as the first of a text and as the last; its stems, for who stands
    beside it.
    """

    begins: tuple[int, ...]
    ends: tuple[int, ...]
    word: Word


class Known(Struct, frozen=True, eq=False):
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


class Neighbours(Struct, frozen=True, eq=False):
    """What two words side by side come to: numbers of their pairs, of the concepts they mean together, and how many are foreign.

    `begins` are the numbers of what they are where a text begins with them.
    """

    pairs: tuple[int, ...]
    concepts: tuple[int, ...]
    missing: int
    begins: tuple[int, ...]


STRANGERS = Neighbours((), (), 0, ())
"""Most words that stand side by side: they come to nothing beyond themselves."""


class Vocabulary:
    """Reads texts into what their words come to. Nothing changes in it but what is remembered: use it from one thread at a time."""

    __slots__ = ("_cache", "_latest", "_pairs", "_pieces", "_reader", "_speller", "_tables", "_teller", "_terms", "rarity", "rows")

    def __init__(self, tables: Sequence[dict[str, int]], rarity: Floats, rows: Floats, speller: Speller, teller: LanguageTeller) -> None:
        self._tables = tuple(tables)
        self.rarity = array("f", rarity.tolist())
        """Per term."""
        # Behind the rows of the terms stands one for each remembered word: what its character n-grams add to the scores, all together.
        self._terms = len(rows)
        self.rows: Floats = np.empty((self._terms + _CACHED + MOST_READ, rows.shape[1]), np.float32)
        """What a term adds to each score, and behind those of the terms the rows of words."""
        self.rows[: self._terms] = rows
        self._speller = speller
        self._teller = teller
        self._reader = Reader()
        self._cache: dict[str, Known] = {}
        self._pieces: dict[str, tuple[Known, ...]] = {}
        self._pairs: dict[tuple[Known, Known], Neighbours] = {}
        # A turn asks for the language and then for the match of the same text: its words are read once.
        self._latest: tuple[str, list[Known]] = ("", [])

    def read(self, text: str) -> list[Known]:
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

    def _read_pieces(self, text: str) -> list[Known]:
        pieces, read = self._pieces, list[Known]()
        for piece in text[:LOOK_AT].split():
            known = pieces.get(piece)
            read += self._look_at(piece) if known is None else known
            if len(read) > MOST_WORDS:
                self._make_room()
                return self._read_whole(text)
        return read

    def _read_whole(self, text: str) -> list[Known]:
        return [self._cache.get(word) or self._look_up(word) for word in words(text)]

    def _look_at(self, piece: str) -> tuple[Known, ...]:
        if is_order(piece):
            return (self._cache.get(NUMBER) or self._look_up(NUMBER),)
        known = tuple(self._read_whole(piece))
        if len(piece) <= _PIECE and not _PERSONAL.search(piece):
            if len(self._pieces) >= _PIECES:
                self._pieces.clear()
            self._pieces[piece] = known
        return known

    def neighbours(self, read: list[Known]) -> list[Neighbours]:
        """What each word comes to with the one after it."""
        pairs = self._pairs
        return [pairs.get(pair) or self._look_up_pair(pair) for pair in pairwise(read)]

    def _look_up(self, word: str) -> Known:
        stems, grams, concepts = self._tables
        parts = self._reader.word(word)
        if parts.english not in stems and parts.spanish not in stems and (meant := self._speller.near(word)):
            parts = self._reader.word(meant)
        both = {parts.english, parts.spanish}
        seen_stems = frozenset(sorted([stems[stem] for stem in both if stem in stems]))
        seen_grams = frozenset(sorted([grams[gram] for gram in parts.grams if gram in grams]))
        seen_concepts = _numbers(concepts, parts.concept)
        known = Known(
            seen_stems,
            seen_grams,
            seen_concepts,
            len(both) - len(seen_stems),
            len(parts.grams) - len(seen_grams),
            1 if parts.concept and not seen_concepts else 0,
            sum(self.rarity[gram] for gram in seen_grams),
            self._terms + len(self._cache),
            self._teller.odds(word),
            _Place(
                _numbers(stems, first_word(parts.english)),
                _numbers(stems, last_word(parts.english)),
                # Its n-grams have become numbers: kept as letters as well, they would be the most of what a word takes.
                parts._replace(grams=frozenset()),
            ),
        )
        self.rows[known.row] = self.rows[list(seen_grams)].sum(0)
        self._cache[word] = known
        return known

    def _look_up_pair(self, pair: tuple[Known, Known]) -> Neighbours:
        left, right = [known.place.word for known in pair]
        numbers, _, concepts = self._tables
        beside = left.beside(right)
        meant = [concepts.get(self._reader.concepts[stems], FOREIGN_CONCEPT) for stems in beside if stems in self._reader.concepts]
        # A pair nobody wrote says nothing beyond its words: only words count as missing.
        said = tuple([numbers[stems] for stems in beside if stems in numbers])
        begins = _numbers(numbers, first_two(left.english, right.english))
        together = STRANGERS
        if said or meant or begins:
            together = Neighbours(said, tuple(meant), meant.count(FOREIGN_CONCEPT), begins)
        if len(self._pairs) >= _CACHED:
            self._pairs.clear()
        self._pairs[pair] = together
        return together


def _numbers(table: Mapping[str, int], term: str) -> tuple[int, ...]:
    return (table[term],) if term in table else ()
