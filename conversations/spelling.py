"""Reads a word nobody wrote as the known word that is one slip of the finger away."""

from __future__ import annotations

from collections.abc import Iterable

from conversations.lexicon import CONCEPTS, FUNCTION_WORDS

_SHORTEST, _LONGEST = 4, 20
"""Letters: below, one slip makes too many words out of each other; above, it is no word that people type."""

_REAL = frozenset(word for words in (*FUNCTION_WORDS.values(), *CONCEPTS.values()) for word in words)
"""Words that are what they are, even if no phrase has them: `mail` is no misspelt `main`."""


class Speller:
    """Finds a known word with the same first letter (the one that is hardly ever missed) and one letter wrong, lost, added or swapped."""

    __slots__ = ("_by_rest", "words")

    def __init__(self, words: Iterable[str]) -> None:
        """`words` are the known ones, the most frequent first: of two that are equally near, the earlier is taken."""
        self.words = tuple(word for word in words if _SHORTEST <= len(word) <= _LONGEST and word.isalpha())
        self._by_rest: dict[str, list[str]] = {}
        for word in self.words:
            for rest in _rests(word):
                self._by_rest.setdefault(rest, []).append(word)

    def near(self, word: str) -> str:
        """The known word, or "" when there is none or `word` needs no mending."""
        if not _SHORTEST <= len(word) <= _LONGEST or word in _REAL or not word.isalpha():
            return ""
        for rest in _rests(word):
            for known in self._by_rest.get(rest, ()):
                if _one_slip(word, known):
                    return known
        return ""


def _rests(word: str) -> list[str]:
    """The word, and the word less each letter but the first. Two words one slip apart share one of these."""
    return [word, *[word[:i] + word[i + 1 :] for i in range(1, len(word))]]


def _one_slip(typed: str, known: str) -> bool:
    if len(typed) == len(known):
        wrong = [i for i, (a, b) in enumerate(zip(typed, known, strict=True)) if a != b]
        swapped = len(wrong) == 2 and wrong[1] == wrong[0] + 1 and typed[wrong[0]] == known[wrong[1]] and typed[wrong[1]] == known[wrong[0]]
        return len(wrong) <= 1 or swapped
    shorter, longer = sorted((typed, known), key=len)
    return len(longer) == len(shorter) + 1 and shorter in _rests(longer)
