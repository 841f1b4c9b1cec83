"""Tells in which of the desk's locales a text is written, or that it cannot be told."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from conversations.features import LOOK_AT, words
from conversations.lexicon import FUNCTION_WORDS

SURE = 1.6
"""Log-odds between the best locale and the next from which a text counts as surely written in the best."""

_FOREIGN = re.compile(r"[^\x00-\x7f]")
_MASKS = frozenset({"xmail", "xip", "xnumber"})
_FUNCTION_COUNT = 4
_WORD_LIMIT = 3.0
_SHAPE_LIMIT = 1.2
_SMOOTHING = 0.4
_SHAPELY = 4
"""Letters that a word needs before its shape says anything: `ok` is at home everywhere."""

Evidence = dict[str, tuple[float, ...]]


class LanguageTeller:
    """Naive Bayes over whole words; a word never seen is judged by its three-letter shapes, a foreign letter by itself.

    `evidence` maps a word, a shape or a letter to its log-probability in each locale, less the mean over the locales: a word that
    all share weighs nothing. Keys begin with the kind: `w`, `g` or `c`.
    """

    __slots__ = ("_by_letter", "evidence", "locales")

    def __init__(self, locales: tuple[str, ...], evidence: Evidence) -> None:
        self.locales = locales
        self.evidence = evidence
        self._by_letter = {key[1:]: odds for key, odds in evidence.items() if key[0] == "c"}

    @classmethod
    def learn(cls, texts: Iterable[tuple[str, str]]) -> LanguageTeller:
        """`texts` are pairs of locale and text. Locales whose language has function words in the lexicon start from those."""
        counts: dict[str, Counter[str]] = {}
        for locale, text in texts:
            if locale not in counts:
                counts[locale] = Counter()
                for word in FUNCTION_WORDS.get(locale.partition("-")[0].partition("_")[0], ()):
                    counts[locale]["w" + word] = _FUNCTION_COUNT
                    counts[locale].update("g" + shape for shape in _shapes(word))
            found = [word for word in words(text) if not word.isdigit() and word not in _MASKS]
            counts[locale].update("w" + word for word in found)
            counts[locale].update("g" + shape for word in found for shape in _shapes(word))
            counts[locale].update("c" + letter for letter in _letters(text))
        locales = tuple(sorted(counts))
        evidence: Evidence = {}
        kinds = {key for counter in counts.values() for key in counter}
        totals = {kind: [sum(n for key, n in counts[locale].items() if key[0] == kind) for locale in locales] for kind in "wgc"}
        for key in kinds:
            kind = key[0]
            logs = [
                math.log((counts[locale][key] + _SMOOTHING) / (total + _SMOOTHING * len(kinds)))
                for locale, total in zip(locales, totals[kind], strict=True)
            ]
            limit = _SHAPE_LIMIT if kind == "g" else _WORD_LIMIT
            mean = sum(logs) / len(logs)
            evidence[key] = tuple(max(-limit, min(limit, log - mean)) for log in logs)
        return cls(locales, evidence)

    def tell(self, text: str) -> str:
        """The locale, or "" when unsure."""
        return self.weigh(text, [self.odds(word) for word in words(text)])

    def odds(self, word: str) -> Sequence[float]:
        """What a word says for each locale; empty when it says nothing."""
        if word in _MASKS or word.isdigit():
            return ()
        return self.evidence.get("w" + word) or self._by_shape(word)

    def weigh(self, text: str, odds: Iterable[Sequence[float]]) -> str:
        """`tell`, for who has the odds of the words already."""
        found = list(filter(None, odds))
        if len(self.locales) < 2:
            return self.locales[0] if self.locales and found else ""
        if not text.isascii():
            found += map(self._by_letter.__getitem__, self._by_letter.keys() & text[:LOOK_AT].lower())
        if not found:
            return ""
        sums = list(map(sum, zip(*found, strict=True)))
        best, second = sorted(sums, reverse=True)[:2]
        return self.locales[sums.index(best)] if best - second >= SURE else ""

    def _by_shape(self, word: str) -> Sequence[float]:
        if len(word) < _SHAPELY:
            return ()
        known = [odds for odds in (self.evidence.get("g" + shape) for shape in _shapes(word)) if odds]
        if not known:
            return ()
        # Shapes of one word are no independent witnesses: their mean speaks, the louder the more of them agree.
        weight = 1 / math.sqrt(len(known))
        return [max(-_SHAPE_LIMIT, min(_SHAPE_LIMIT, sum(odds[i] for odds in known) * weight)) for i in range(len(self.locales))]


def _shapes(word: str) -> list[str]:
    padded = f" {word} "
    return [padded[i : i + 3] for i in range(len(padded) - 2)]


def _letters(text: str) -> set[str]:
    return {letter for letter in _FOREIGN.findall(text[:LOOK_AT].lower()) if letter.isalpha() or letter in "¿¡"}
