"""Findings: every number of a sentence is that of the comparison, and the sentences come in order."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from arccse.report import findings
from arccse.report.comparisons import COLUMNS
from arccse.report.tables import Divergence, Row, StudyView


def study(name: str) -> StudyView:
    row = Row("SimCSE", "MiniLM-L6", "aaaaaaaa", [1])
    return StudyView(name, f"Title of {name}", "laptop", "2026-01-02", "best dev Spearman", [row])


def compared(**values: object) -> dict:
    """A line of comparisons.compare_study, ArcCSE 0.24 above SimCSE where nothing else is said."""
    line = dict.fromkeys(COLUMNS, np.nan) | {"study": "main", "encoder": "MiniLM-L6", "suite": "sts", "kind": "pair"}
    line |= {"baseline": "SimCSE", "label": "ArcCSE", "task": "Avg", "n": 5, "difference": 0.24, "low": -0.3}
    line |= {"high": 0.78, "p": 0.3125, "comparisons": 1, "verdict": "undecided", "text": "undecided"}
    return line | values


def sentences(*lines: dict) -> list[str]:
    (name,) = {line["study"] for line in lines}
    return findings.sentences(study(name), pd.DataFrame(lines, columns=COLUMNS))


def test_a_comparison_in_words() -> None:
    assert sentences(compared()) == [
        "On MiniLM-L6, ArcCSE's STS average is 0.24 above SimCSE's (interval −0.30 to 0.78, 5 seeds,"
        " p = 0.312): undecided."
    ]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"difference": -1.5, "verdict": "lower", "text": "lower"}, "is 1.50 below SimCSE's"),
        ({"verdict": "lower", "text": "lower"}, "): lower."),
        ({"verdict": "equivalent", "text": "equivalent"}, "): equivalent."),
        ({"p": 0.0001, "comparisons": 4}, "0.78 for 4 comparisons together, 5 seeds, p < 0.001)"),
        ({"two_level_low": -1.0, "two_level_high": 1.25}, "over seeds and sentence pairs −1.00 to 1.25)"),
        (
            {"suite": "transfer", "two_level_low": -1.0, "two_level_high": 1.25},
            "over seeds and test examples −1.00 to 1.25)",
        ),
        ({"suite": "transfer"}, "ArcCSE's transfer average is"),
        ({"label": "independent spans"}, "independent spans' STS average is 0.24 above SimCSE's"),
        (
            {"suite": "order", "task": "ordered_all"},
            "ArcCSE's share × 100 of all neighbouring levels of mask",
        ),
        (
            {"suite": "geometry", "task": "alignment"},
            "ArcCSE's alignment × 100 (the lower the better) is 0.24 above SimCSE's",
        ),
        (
            {"n": 1, "low": np.nan, "high": np.nan, "p": np.nan, "text": "undecided: a reason"},
            "SimCSE's (1 seed): undecided, since a reason.",
        ),
        (
            {"n": 0, "difference": np.nan, "text": "undecided: ArcCSE has no SICKR"},
            "ArcCSE and SimCSE: undecided: ArcCSE has no SICKR.",
        ),
        (
            {"kind": "effect", "label": "ArcCon (main effect)", "difference": -0.5},
            "the main effect of ArcCon on the STS average is −0.50 (interval",
        ),
        (
            {"kind": "effect", "label": "ArcCon × triplet objective"},
            "the interaction ArcCon × triplet objective",
        ),
        ({"kind": "effect", "verdict": "lower", "text": "lower"}, "): below 0."),
        ({"kind": "effect", "verdict": "equivalent", "text": "equivalent"}, "): too small to matter."),
        (
            {"kind": "effect", "label": "the triplet objective given ArcCon"},
            "the triplet objective given ArcCon changes the STS average by +0.24 (",
        ),
        (
            {"kind": "pooling_objective", "suite": "sts-mean", "label": "ArcCSE, mean", "baseline": "SimCSE, mean"},
            "“ArcCSE, mean” changes the STS average with mean pooling by +0.24 more than “SimCSE, mean” (",
        ),
        (
            {"difference": 0.0034, "low": 0.0012, "high": 0.0056},
            "is 0.0034 above SimCSE's (interval 0.0012 to 0.0056",
        ),
        (
            {"kind": "decline", "label": "ArcCon 0.4", "baseline": "NT-Xent 0.4"},
            "noise costs ArcCon 0.4 0.24 less of the STS average than NT-Xent 0.4 (interval",
        ),
        (
            {"kind": "decline", "label": "objective=arccon, noise=0.4"},
            "noise costs “objective=arccon, noise=0.4” 0.24 less of",
        ),
        ({"kind": "decline", "difference": -0.24}, "0.24 more of the STS average than SimCSE"),
        ({"suite": "sts-mean"}, "ArcCSE's STS average with mean pooling is 0.24 above SimCSE's"),
        ({"kind": "pooling", "suite": "sts-mean", "label": "SimCSE, mean"}, "“SimCSE, mean”'s STS average is"),
    ],
)
def test_what_a_sentence_says(values: dict, said: str) -> None:
    (sentence,) = sentences(compared(**values))
    assert said in sentence
    assert sentence.count("nan") == 0


def test_only_headlines_and_no_suite_twice() -> None:
    lines = [compared(), compared(task="STSB"), compared(suite="mteb"), compared(suite="transfer")]
    assert [sentence.split("'s ")[1].split(" is")[0] for sentence in sentences(*lines)] == [
        "STS average",
        "transfer average",
    ]
    assert len(sentences(compared(suite="mteb"))) == 1


def test_many_rows_are_summed_up() -> None:
    lines = [compared(study="margin", label=f"{margin}°", difference=margin / 100) for margin in (5, 10, 15)]
    lines.append(compared(study="margin", label="20°", difference=-0.5, verdict="lower", text="lower"))
    (sentence,) = sentences(*lines)
    assert sentence.startswith(
        "On MiniLM-L6, of the 4 other rows of “Title of margin”, 0 are decidedly above SimCSE in STS average,"
        " 1 decidedly below, 0 equivalent and 3 undecided; the largest difference: 20°'s STS average is 0.50 below"
        " SimCSE's (interval −0.30 to 0.78,"
    )
    assert sentence.endswith("): lower.")


def test_a_designs_contrasts_speak_for_its_rows() -> None:
    lines = [compared(study="objective", label=label) for label in "abc"]
    lines += [compared(study="objective", kind="effect", label=label) for label in ("x", "y", "x × y")]
    found = sentences(*lines)
    assert len(found) == 3
    assert all("on the STS average is +0.24 (" in sentence for sentence in found)


def test_poolings_do_not_stand_for_the_rows_under_a_pooling() -> None:
    lines = [compared(study="pooling", suite="sts-mean"), compared(study="pooling", suite="sts-mean", kind="pooling")]
    assert len(sentences(*lines)) == 2
    many = [compared(study="pooling", suite="sts-mean", label=f"{margin}°") for margin in range(4)]
    assert ["of the 4 other rows" in sentence for sentence in sentences(*many, lines[1])] == [True, False]
    effect = compared(study="pooling", suite="sts-mean", kind="effect", label="ArcCon (main effect)")
    found = sentences(*lines, effect)  # nor does a design stand for the poolings
    assert ["the main effect" in sentence for sentence in found] == [True, False]


def test_nothing_compared_is_nothing_found() -> None:
    assert findings.sentences(study("main"), pd.DataFrame(columns=COLUMNS)) == []


def test_a_divergence_is_said_first() -> None:
    gone = Row("ArcCSE", "MiniLM-L6", "bbbbbbbb", [1, 2], diverged={1: Divergence(3, "x"), 2: Divergence(5, "x")})
    view = replace(study("main"), rows=[*study("main").rows, gone])
    found = findings.sentences(view, pd.DataFrame([compared(label="other")], columns=COLUMNS))
    assert found[0] == (
        "On MiniLM-L6, ArcCSE has no scores in “Title of main”, since its training diverged (seed 1 at step 3,"
        " seed 2 at step 5); it is in no comparison."
    )
    assert len(found) == 2


# --- tuned rows

TUNED = [
    Row("SimCSE", "MiniLM-L6", "aaaaaaaa", [1]),
    Row("ArcCSE", "MiniLM-L6", "bbbbbbbb", [1]),
    Row("SimCSE, tuned", "MiniLM-L6", "cccccccc", [1], untuned="SimCSE"),
    Row("ArcCSE, tuned", "MiniLM-L6", "dddddddd", [1], untuned="ArcCSE"),
]


changed = partial(compared, kind="tuning")


def tuned(*lines: dict, rows: list[Row] = TUNED, ranks: list[tuple] | None = None) -> list[str]:
    view = replace(study("objectives"), rows=rows)
    return findings.sentences(view, pd.DataFrame(lines, columns=COLUMNS), ranked(ranks or []))


def ranked(lines: list[tuple]) -> pd.DataFrame:
    """Ranks on STS: label, rank and whether it may be the best of each line."""
    columns = ["encoder", "suite", "label", "rank", "perhaps_best"]
    return pd.DataFrame([("MiniLM-L6", "sts", *line) for line in lines], columns=columns)


def test_a_tuned_study_speaks_of_the_tuned_rows_and_of_what_tuning_brings() -> None:
    lines = [
        compared(label="ArcCSE", difference=9.0),
        compared(kind="tuned", baseline="SimCSE, tuned", label="ArcCSE, tuned"),
        changed(label="SimCSE, tuned", baseline="SimCSE", difference=1.5, verdict="higher", text="higher"),
        changed(label="ArcCSE, tuned", baseline="ArcCSE", difference=-1.0, verdict="lower", text="lower"),
    ]
    assert tuned(*lines) == [
        "On MiniLM-L6, “ArcCSE, tuned”'s STS average is 0.24 above “SimCSE, tuned”'s (interval −0.30 to 0.78,"
        " 5 seeds, p = 0.312): undecided.",
        "On MiniLM-L6, tuning changes SimCSE's STS average by +1.50 (interval −0.30 to 0.78, 5 seeds, p = 0.312):"
        " above 0.",
        "On MiniLM-L6, tuning raises the STS average of 1 of 2 rows decidedly and lowers that of 1.",
    ]


def test_many_tuned_rows_are_summed_up() -> None:
    lines = [compared(kind="tuned", baseline="SimCSE, tuned", label=f"{i}, tuned", study="x") for i in range(5)]
    (sentence,) = tuned(*lines)
    assert sentence.startswith(
        "On MiniLM-L6, of the 5 other tuned rows of “Title of objectives”, 0 are decidedly above"
    )


def test_who_may_be_the_best_is_named_where_they_are_few() -> None:
    line = compared(kind="tuned", baseline="SimCSE, tuned", label="ArcCSE, tuned")
    ranks = [("SimCSE, tuned", 2.0, True), ("ArcCSE, tuned", 1.0, True), ("other, tuned", 3.0, False)]
    assert tuned(line, ranks=ranks)[-1] == (
        "On MiniLM-L6, of 3 rows, the best in STS average is among 2, with 95 % confidence, which can't be told apart"
        " from it: “ArcCSE, tuned”, “SimCSE, tuned”."
    )
    one = [(label, rank, rank == 1) for label, rank, _ in ranks]
    assert tuned(line, ranks=one)[-1].endswith("the best in STS average is “ArcCSE, tuned”, with 95 % confidence.")
    many = [(f"row {i}", float(i), True) for i in range(1, 11)]
    assert tuned(line, ranks=many)[-1].endswith("which can't be told apart from it, row 1 being the highest.")
    unknown = [(label, rank, np.nan) for label, rank, _ in ranks]
    assert len(tuned(line, ranks=unknown)) == 1


def overviews(*lines: dict, ranks: list[tuple] = (), rows: list[Row] = TUNED) -> list[str]:
    view = replace(study("x"), rows=rows)
    return findings.overviews(view, pd.DataFrame(lines, columns=COLUMNS), ranked(ranks))


def test_a_study_of_many_tuned_rows_has_a_sentence_for_the_first_screen() -> None:
    against = partial(compared, kind="tuned", baseline="SimCSE, tuned", study="x")
    words = ("lower", "undecided", "lower", "equivalent")
    lines = [against(label=f"{i}, tuned", difference=-i, verdict=word) for i, word in enumerate(words, start=1)]
    lines += [against(label="ArcCSE, tuned", verdict="higher"), against(label="no seeds, tuned", n=0, difference=9.0)]
    lines += [against(label="ArcCSE, tuned", task="STS12", difference=9.0), compared(label="ArcCSE", difference=9.0)]
    said = (
        "Title of x: in STS average 1 of 6 rows are above SimCSE, 2 below, 1 equivalent, 2 undecided; highest is"
        " ArcCSE, +0.24 (−0.30 to 0.78) over 5 seeds"
    )
    assert overviews(*lines) == [f"{said}."]
    ranks = [("SimCSE, tuned", 2.0, True), ("ArcCSE, tuned", 1.0, True), ("3, tuned", 3.0, False)]
    assert overviews(*lines, ranks=ranks) == [f"{said}; the best is one of ArcCSE, SimCSE, with 95 % confidence."]
    alone = [(label, rank, rank == 1) for label, rank, _ in ranks]
    assert overviews(*lines, ranks=alone) == [f"{said}; the best is ArcCSE, with 95 % confidence."]
    elsewhere = [replace(row, encoder="BERT") for row in TUNED]
    assert overviews(*lines, rows=[*TUNED, *elsewhere])[0].startswith("Title of x, on MiniLM-L6: in STS average 1")
    assert overviews(*lines[3:6]) == []  # few rows have a sentence each in their study


def test_a_study_that_is_not_tuned_says_nothing_of_ranks() -> None:
    ranks = [("SimCSE", 1.0, True), ("ArcCSE", 2.0, True)]
    assert len(tuned(compared(), rows=TUNED[:2], ranks=ranks)) == 1


def test_a_row_that_could_not_be_tuned_is_said_first() -> None:
    found = tuned(changed(baseline="SimCSE", label="SimCSE, tuned"), rows=TUNED[:3])
    assert found[0] == (
        "On MiniLM-L6, ArcCSE is not there as tuned in “Title of objectives”, since every trial diverged."
    )
