"""How long an answer takes, at the desk's size and at 3,000 phrases; and how long the model takes to learn and to load.

    python -m benchmarks.answers

The small knowledge base is the desk's own. The large one is made up, of invented words that are spread as words
are: few often, most seldom. Questions are phrases with one word lost and two letters swapped, so that they are nobody's phrase and a part
of their words is new.
"""

from __future__ import annotations

import gc
import io
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import bot  # noqa: F401  (before anything loads NumPy: it settles how many threads there are)

# isort: split
import numpy as np

from bot.content import snapshot
from bot.content_check import read
from conversations.answers import Answers, Phrase
from conversations.learning import learn

CONTENT = Path(__file__).parent.parent / "content" / "introserv"
_TOPICS, _PHRASES_A_TOPIC = 60, 50
_QUESTIONS = 2000
_SEED = 20


def run() -> dict[str, float]:
    """The figures for `make bench`: wall milliseconds of one `match` (and CPU ones, `_cpu_`), seconds of CPU to learn and to load."""
    chance = random.Random(_SEED)
    content, faults = read(CONTENT, *snapshot(CONTENT))
    if content is None:
        raise ValueError(f"the desk's content has {len(faults)} faults: run `relevo content check`")
    figures: dict[str, float] = {}
    for prefix, phrases in (("answer_", content.phrasings), ("answer_3000_", _made_up(chance))):
        answers, figures[prefix + "learn_s"] = _timed(lambda phrases=phrases: learn(phrases))  # type: ignore[misc]
        saved = io.BytesIO()
        np.savez(saved, allow_pickle=False, **answers.dump())
        figures[prefix + "saved_mb"] = len(saved.getvalue()) / 1e6
        loaded, figures[prefix + "load_s"] = _timed(lambda saved=saved: _load(saved))  # type: ignore[misc]
        typed = [_slip(phrase.text, chance) for phrase in chance.choices(phrases, k=_QUESTIONS)]
        figures[prefix + "p50_ms"], figures[prefix + "p99_ms"] = _quantiles(loaded.match, typed, time.perf_counter_ns)
        figures[prefix + "cpu_p50_ms"], figures[prefix + "cpu_p99_ms"] = _quantiles(loaded.match, typed, time.thread_time_ns)
        figures[prefix + "language_p50_ms"], _ = _quantiles(loaded.language, typed, time.perf_counter_ns)
    return {name: round(value, 4) for name, value in figures.items()}


def _load(saved: io.BytesIO) -> Answers:
    saved.seek(0)
    with np.load(saved, allow_pickle=False) as arrays:
        return Answers.load({name: arrays[name] for name in arrays.files})


def _timed(make: Callable[[], Answers]) -> tuple[Answers, float]:
    begun = time.process_time()
    made = make()
    return made, time.process_time() - begun


def _quantiles(ask: Callable[[str], object], typed: Sequence[str], clock: Callable[[], int]) -> tuple[float, float]:
    for text in typed[:100]:
        ask(text)
    gc.collect()
    times: list[float] = []
    for text in typed:
        begun = clock()
        ask(text)
        times.append((clock() - begun) / 1e6)
    return float(np.quantile(times, 0.5)), float(np.quantile(times, 0.99))


def _made_up(chance: random.Random) -> list[Phrase]:
    starts, middles = ("b c d f g l m n p r s t v pr tr cl" + " gr br fl qu").split(), ("a", "e", "i", "o", "u", "ie", "ue")
    words = sorted({"".join(chance.choice(starts) + chance.choice(middles) for _ in range(chance.randint(1, 4))) for _ in range(6000)})
    chance.shuffle(words)
    common = words[:150]
    phrases: list[Phrase] = []
    for topic in range(_TOPICS):
        own = chance.sample(words[150:], 90)
        for number in range(_PHRASES_A_TOPIC):
            length = chance.randint(3, 9)
            text = [chance.choice(own) if chance.random() < 0.5 else common[int(150 * chance.random() ** 2)] for _ in range(length)]
            phrases.append(Phrase(f"topic-{topic}", ("es", "en")[number % 2], " ".join(text)))
    return phrases


def _slip(text: str, chance: random.Random) -> str:
    words = text.split()
    if len(words) > 2:
        words.pop(chance.randrange(len(words)))
    text = " ".join(words)
    if len(text) < 4:
        return text
    at = chance.randrange(len(text) - 1)
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


if __name__ == "__main__":
    for name, value in run().items():
        print(f"{name:32} {value:>10.4f}")
