"""Measuring the answers: the figures are counted as they are described, and a bad file is refused by name and line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.evaluation import QuestionsInvalid, auroc, bench, evaluate
from conversations.answers import Phrase
from conversations.knowledge import Verdict
from conversations.learning import learn

VERDICTS = {
    "q1": Verdict("answer", ("a", "b"), 0.95),
    "q2": Verdict("answer", ("b", "a"), 0.85),
    "q3": Verdict("answer", ("c",), 0.75),
    "q4": Verdict("offer", ("c", "a"), 0.55),
    "q5": Verdict("offer", ("c", "b"), 0.45),
    "q6": Verdict("unknown", ("a",), 0.15),
    "q7": Verdict("unknown", (), 0.0),
    "q8": Verdict("answer", ("a",), 0.65),
    "o1": Verdict("answer", ("a",), 0.7),
    "o2": Verdict("answer", ("b",), 0.6),
    "o3": Verdict("offer", ("a",), 0.5),
    "o4": Verdict("unknown", (), 0.0),
}


class Told:
    """A matcher that says what it was told to say."""

    def match(self, text: str) -> Verdict:
        return VERDICTS[text]

    def language(self, text: str) -> str:
        return ""


def written(path: Path, header: str, *rows: str) -> Path:
    path.write_text("\n".join(row.replace(" | ", "\t") for row in (header, *rows)) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    return written(
        tmp_path / "q.tsv",
        "id | lang | label | also_ok | text",
        "1 | es | a |  | q1",
        "2 | es | a | c|b | q2",
        "3 | en | a | b | q3",
        "4 | en | a |  | q4",
        "5 | en | a |  | q5",
        "6 | en | a |  | q6",
        "7 | en | a |  | q7",
        "8 | en | a |  | q8",
        "9 | es | oos |  | o1",
        "10 | es | oos | b | o2",
        "11 | es | oos |  | o3",
        "12 | es | oos |  | o4",
    )


def test_shares_are_counted_as_described(questions: Path) -> None:
    figures = evaluate(Told(), questions).as_dict()
    assert {
        name: figures[name] for name in ("in_scope", "oos", "lenient", "strict", "right_in_scope", "wrong_in_scope", "offered", "unknown")
    } == {
        "in_scope": 8,
        "oos": 4,
        "lenient": 4 / 8,
        "strict": 3 / 8,
        "right_in_scope": 3 / 8,
        "wrong_in_scope": 1 / 8,
        "offered": 2 / 8,
        "unknown": 2 / 8,
    }
    assert figures["offered_right"] == 1 / 2
    assert (figures["oos_answered"], figures["oos_answered_unfairly"], figures["oos_offered"], figures["oos_unknown"]) == (
        0.5,
        0.25,
        0.25,
        0.25,
    )
    assert figures["auroc"] == pytest.approx(auroc([0.95, 0.85, 0.75, 0.55, 0.45, 0.15, 0.0, 0.65], [0.7, 0.6, 0.5, 0.0]))


def test_calibration_error_is_the_mean_gap_of_the_bins(tmp_path: Path) -> None:
    file = written(tmp_path / "q.tsv", "label | text", "a | q1", "a | q6", "b | q6")
    # q1: said .95, was right; q6 (twice, one bin): said .15, was right half the time.
    assert evaluate(Told(), file).as_dict()["ece"] == pytest.approx((0.05 + 2 * 0.35) / 3)


@pytest.mark.parametrize(
    ("positive", "negative", "expected"),
    [([2, 3], [0, 1], 1.0), ([0], [1], 0.0), ([1, 1], [1], 0.5), ([2, 0], [1], 0.5), ([], [1], None), ([1], [], None)],
)
def test_auroc(positive: list[float], negative: list[float], expected: float | None) -> None:
    assert auroc(positive, negative) == expected


def test_a_file_without_out_of_scope_rows_has_no_figures_for_them(tmp_path: Path) -> None:
    report = evaluate(Told(), written(tmp_path / "q.tsv", "label | text", "a | q1"))
    assert report.as_dict()["oos_answered"] is None
    assert "out of scope" not in report.as_text()


def test_figures_are_one_flat_object_and_can_be_read(questions: Path) -> None:
    report = evaluate(Told(), questions)
    assert all(value is None or isinstance(value, int | float) for value in json.loads(json.dumps(report.as_dict())).values())
    assert {"p50_ms", "p99_ms"} <= report.as_dict().keys()
    assert "lenient 0.500" in report.as_text()


@pytest.fixture
def public_set(tmp_path: Path) -> Path:
    return written(
        tmp_path / "set.tsv",
        "part | lang | label | text",
        "train | en | weather | will it rain today",
        "train | en | weather | what is the weather like",
        "train | es | weather | va a llover hoy",
        "train | en | music | play some music",
        "train | es | music | pon algo de música",
        "train | en | music | play the next song",
        "test | en | weather | is the weather good today",
        "test | es | music | pon la música",
        "typo1 | es | music | pon la músca",
        "oos | en | - | how tall is mount everest",
    )


def test_bench_learns_from_the_train_rows_and_measures_each_other_part(public_set: Path) -> None:
    figures = bench(public_set).as_dict()
    assert (figures["in_scope"], figures["oos"], figures["lenient"], figures["typo1_in_scope"], figures["typo1_lenient"]) == (
        2,
        1,
        1.0,
        1,
        1.0,
    )
    assert figures["oos_answered"] == 0.0
    assert "train_lenient" not in figures
    assert figures["learn_s"] is not None


def test_languages_are_counted_for_a_matcher_that_can_tell_them(tmp_path: Path) -> None:
    answers = learn([Phrase("a", "en", "what is the weather like"), Phrase("a", "es", "va a llover hoy")])
    file = written(
        tmp_path / "q.tsv",
        "lang | label | text",
        "en | a | what is this",
        "es | a | ¿llueve hoy?",
        "es | a | this is what",
        "mix | a | hola you",
        "es | a | ok",
    )
    figures = evaluate(answers, file).as_dict()
    assert (figures["language_told"], figures["language_wrong"]) == (0.5, 0.25)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "q.tsv:1: no column named label, text"),
        (b"label\ttitle\n", "q.tsv:1: no column named text"),
        (b"label\ttext\n", "no questions"),
        (b"label\ttext\na\tb\n\na\n", "q.tsv:4: 1 columns"),
        (b"label\ttext\na\t\xff\n", "not UTF-8"),
    ],
)
def test_a_bad_file_is_refused_with_its_place(tmp_path: Path, content: bytes, told: str) -> None:
    file = tmp_path / "q.tsv"
    file.write_bytes(content)
    with pytest.raises(QuestionsInvalid) as refused:
        evaluate(Told(), file)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("rows", "told"), [(["test | en | a | x"], "nothing to learn from"), (["train | en | a | x"], "nothing to measure on")]
)
def test_bench_says_which_rows_are_missing(tmp_path: Path, rows: list[str], told: str) -> None:
    with pytest.raises(QuestionsInvalid, match=told):
        bench(written(tmp_path / "set.tsv", "part | lang | label | text", *rows))


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"none\.tsv"):
        evaluate(Told(), tmp_path / "none.tsv")
