"""Measures answering on labelled questions: what `relevo answers eval` and `relevo answers bench` print."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from conversations.answers import Answers, Phrase
from conversations.knowledge import Knowledge, Matcher, Verdict
from conversations.learning import learn

OUT_OF_SCOPE = "oos"
_TRAIN = "train"
_BINS = 15
_WARM_UP = 50


class Question(NamedTuple):
    """One labelled question. `part` is "" where a file has none; `fair` holds the label and the other topics a fair judge accepts."""

    part: str
    locale: str
    label: str
    fair: frozenset[str]
    text: str


class QuestionsInvalid(ValueError):
    """The file is not a table of labelled questions; the message names file and line."""


class Part(Struct, frozen=True):
    """Shares, 0 to 1, of the questions of one part of a file. A share of nothing is None."""

    in_scope: int
    lenient: float | None
    """First topic fair, whatever the zone."""
    strict: float | None
    """First topic exactly the label, whatever the zone."""
    right_in_scope: float | None
    """Answered, and fairly."""
    wrong_in_scope: float | None
    offered: float | None
    offered_right: float | None
    """Of those that were offered choices: a fair one among them."""
    unknown: float | None
    ece: float | None
    """Expected calibration error of the confidence against `lenient`, in scope, 15 bins."""
    oos: int
    oos_answered: float | None
    """Out-of-scope questions answered with anything."""
    oos_answered_unfairly: float | None
    """The same without those that were answered with a topic the file accepts for them."""
    oos_offered: float | None
    oos_unknown: float | None
    auroc: float | None
    """How well the confidence parts in scope from out of scope."""


class Report(Struct, frozen=True):
    """Figures of one file. The first part is the main one; times are milliseconds of one `match` in this process: by the
    wall, and of CPU, which a busy machine does not spoil."""

    title: str
    parts: dict[str, Part]
    language_told: float | None
    """Share of questions labelled with one of the desk's locales whose locale was told."""
    language_wrong: float | None
    p50_ms: float
    p99_ms: float
    cpu_p50_ms: float
    cpu_p99_ms: float
    learn_s: float | None = None

    def as_dict(self) -> dict[str, float | int | None]:
        """One flat object: the main part's figures by their names, other parts' with the part's name before."""
        flat: dict[str, float | int | None] = {}
        for number, (name, part) in enumerate(self.parts.items()):
            prefix = f"{name}_" if number else ""
            flat |= {prefix + field: getattr(part, field) for field in part.__struct_fields__ if not number or part.in_scope}
        flat |= {"language_told": self.language_told, "language_wrong": self.language_wrong}
        flat |= {name: round(getattr(self, name), 4) for name in ("p50_ms", "p99_ms", "cpu_p50_ms", "cpu_p99_ms")}
        if self.learn_s is not None:
            flat["learn_s"] = round(self.learn_s, 3)
        return flat

    def as_text(self) -> str:
        """The same, for reading."""
        lines = [self.title]
        for name, part in self.parts.items():
            if name:
                lines.append(f"{name}:")
            if part.in_scope:
                lines += [
                    f"  in scope       {part.in_scope} questions",
                    f"  accuracy       lenient {_share(part.lenient)}   strict {_share(part.strict)}",
                    f"  in scope       right {_share(part.right_in_scope)}   wrong {_share(part.wrong_in_scope)}   "
                    f"choices {_share(part.offered)} (a right one among {_share(part.offered_right)})   unknown {_share(part.unknown)}",
                    f"  calibration    expected error {_share(part.ece)}",
                ]
            if part.oos:
                lines += [
                    f"  out of scope   {part.oos} questions",
                    f"  out of scope   answered {_share(part.oos_answered)} (unfairly {_share(part.oos_answered_unfairly)})   "
                    f"choices {_share(part.oos_offered)}   unknown {_share(part.oos_unknown)}",
                    f"  AUROC          {_share(part.auroc)}",
                ]
        if self.language_told is not None:
            lines.append(f"  language       told {_share(self.language_told)}   wrong {_share(self.language_wrong)}")
        if self.learn_s is not None:
            lines.append(f"  learning       {self.learn_s:.2f} s")
        lines.append(
            f"  time           p50 {self.p50_ms:.3f} ms   p99 {self.p99_ms:.3f} ms   (CPU {self.cpu_p50_ms:.3f} and {self.cpu_p99_ms:.3f})"
        )
        return "\n".join(lines)


def evaluate(knowledge: Knowledge | Matcher, path: Path) -> Report:
    """Measures a desk's matcher on a file with columns `label`, `text` and, where it has them, `lang` and `also_ok`.

    Raises OSError or QuestionsInvalid.
    """
    matcher = knowledge.matcher if isinstance(knowledge, Knowledge) else knowledge
    questions = [question._replace(part="") for question in read_questions(path)]
    return _measure(f"{path.name}: {len(questions)} questions", matcher, questions, None)


def bench(path: Path) -> Report:
    """Learns from the rows of `path` whose `part` is `train`, and measures on every other part.

    Raises OSError or QuestionsInvalid.
    """
    questions = read_questions(path)
    training = [Phrase(question.label, question.locale, question.text) for question in questions if question.part == _TRAIN]
    if not training:
        raise QuestionsInvalid(f"{path}: no row has `{_TRAIN}` in a column `part`: nothing to learn from")
    begun = time.perf_counter()
    answers = learn(training)
    seconds = time.perf_counter() - begun
    # What is out of scope is measured beside the tidy test rows.
    rest = [question._replace(part="test" if question.part == OUT_OF_SCOPE else question.part) for question in questions]
    rest = [question for question in rest if question.part != _TRAIN]
    if not rest:
        raise QuestionsInvalid(f"{path}: there is nothing but `{_TRAIN}` rows: nothing to measure on")
    topics = len({phrase.topic for phrase in training})
    return _measure(f"{path.name}: {topics} topics, {len(training)} phrases", answers, rest, seconds)


def read_questions(path: Path) -> list[Question]:
    """The rows of a tab-separated file whose header names the columns. Raises OSError or QuestionsInvalid."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise QuestionsInvalid(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from None
    header = lines[0].split("\t") if lines else []
    if missing := {"label", "text"} - set(header):
        raise QuestionsInvalid(f"{path}:1: no column named {', '.join(sorted(missing))}; the first line names the columns, tabs between")
    questions: list[Question] = []
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        cells = line.split("\t")
        if len(cells) != len(header):
            raise QuestionsInvalid(f"{path}:{number}: {len(cells)} columns where the first line names {len(header)}")
        row = dict(zip(header, cells, strict=True))
        part = row.get("part", "")
        label = OUT_OF_SCOPE if part == OUT_OF_SCOPE else row["label"]
        fair = frozenset({label, *row.get("also_ok", "").split("|")} - {"", OUT_OF_SCOPE})
        questions.append(Question(part, row.get("lang", ""), label, fair, row["text"]))
    if not questions:
        raise QuestionsInvalid(f"{path}: no questions")
    return questions


def _measure(title: str, matcher: Matcher, questions: Sequence[Question], learn_s: float | None) -> Report:
    for question in questions[:_WARM_UP]:
        matcher.match(question.text)
    verdicts: list[Verdict] = []
    wall: list[int] = []
    cpu: list[int] = []
    for question in questions:
        begun, begun_cpu = time.perf_counter_ns(), time.thread_time_ns()
        verdict = matcher.match(question.text)
        cpu.append(time.thread_time_ns() - begun_cpu)
        wall.append(time.perf_counter_ns() - begun)
        verdicts.append(verdict)
    judged = list(zip(questions, verdicts, strict=True))
    names = sorted({question.part for question in questions}, key=lambda name: (name != "test", name))
    told, mistaken = _languages(matcher, questions)
    return Report(
        title=title,
        parts={name: _part([pair for pair in judged if pair[0].part == name]) for name in names},
        language_told=told,
        language_wrong=mistaken,
        p50_ms=float(np.quantile(wall, 0.5)) / 1e6,
        p99_ms=float(np.quantile(wall, 0.99)) / 1e6,
        cpu_p50_ms=float(np.quantile(cpu, 0.5)) / 1e6,
        cpu_p99_ms=float(np.quantile(cpu, 0.99)) / 1e6,
        learn_s=learn_s,
    )


def _part(judged: Sequence[tuple[Question, Verdict]]) -> Part:
    inside = [pair for pair in judged if pair[0].label != OUT_OF_SCOPE]
    outside = [pair for pair in judged if pair[0].label == OUT_OF_SCOPE]
    fair = [_fair(question, verdict) for question, verdict in inside]
    offers = [pair for pair in inside if pair[1].zone == "offer"]
    return Part(
        in_scope=len(inside),
        lenient=_mean(fair),
        strict=_mean(verdict.topics[:1] == (question.label,) for question, verdict in inside),
        right_in_scope=_mean(ok and verdict.zone == "answer" for ok, (_, verdict) in zip(fair, inside, strict=True)),
        wrong_in_scope=_mean(not ok and verdict.zone == "answer" for ok, (_, verdict) in zip(fair, inside, strict=True)),
        offered=_mean(verdict.zone == "offer" for _, verdict in inside),
        offered_right=_mean(not question.fair.isdisjoint(verdict.topics) for question, verdict in offers),
        unknown=_mean(verdict.zone == "unknown" for _, verdict in inside),
        ece=_calibration_error([verdict.confidence for _, verdict in inside], fair),
        oos=len(outside),
        oos_answered=_mean(verdict.zone == "answer" for _, verdict in outside),
        oos_answered_unfairly=_mean(verdict.zone == "answer" and not _fair(question, verdict) for question, verdict in outside),
        oos_offered=_mean(verdict.zone == "offer" for _, verdict in outside),
        oos_unknown=_mean(verdict.zone == "unknown" for _, verdict in outside),
        auroc=auroc([verdict.confidence for _, verdict in inside], [verdict.confidence for _, verdict in outside]),
    )


def _fair(question: Question, verdict: Verdict) -> bool:
    return bool(verdict.topics) and verdict.topics[0] in question.fair


def _languages(matcher: Matcher, questions: Sequence[Question]) -> tuple[float | None, float | None]:
    if not isinstance(matcher, Answers):
        return None, None
    labelled = [(question.locale, matcher.language(question.text)) for question in questions if question.locale in matcher.locales]
    return _mean(found == locale for locale, found in labelled), _mean(found not in ("", locale) for locale, found in labelled)


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float | None:
    """The chance that a random positive stands above a random negative; ties count half. None where one side is empty."""
    if not positive or not negative:
        return None
    below = np.sort(np.asarray(negative))
    wins = np.searchsorted(below, positive, "left") + np.searchsorted(below, positive, "right")
    return float(wins.mean() / (2 * len(below)))


def _calibration_error(confidences: Sequence[float], right: Sequence[bool]) -> float | None:
    if not right:
        return None
    at = np.minimum((np.asarray(confidences) * _BINS).astype(int), _BINS - 1)
    gaps = np.bincount(at, np.asarray(confidences) - np.asarray(right, float), _BINS)
    return float(np.abs(gaps).sum() / len(right))


def _mean(flags: Iterable[bool]) -> float | None:
    counted = list(flags)
    return sum(counted) / len(counted) if counted else None


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
