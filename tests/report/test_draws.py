"""Draws over examples: without resampling they are the scores, and errors are those of the closed forms."""

import zlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from arccse import examples
from arccse.data.sources import open_source
from arccse.errors import InputError
from arccse.evaluation import suites
from arccse.evaluation.scoring import Job, module_of
from arccse.evaluation.suites import KEEPING, SUITES
from arccse.report.comparisons import compare_study
from arccse.report.contrasts import Contrast
from arccse.report.draws import Draws
from arccse.report.tables import SCORE_COLUMNS, Row, StudyView
from arccse.resampling import DRAWN, headlines

A = Row("A", "MiniLM", "aaaaaaaa", [0, 1, 2])
B = Row("B", "MiniLM", "bbbbbbbb", [0, 1, 2])
RUNS = [f"{row.hash}/seed{seed}" for row in (A, B) for seed in row.seeds]
LESS = Contrast("pair", "transfer", "A", "B", (A, B), (), (-1, 1))


def predicted(sizes: dict[str, int], folds: int = 1, right: float = 0.8, common: float = 0.0) -> pd.DataFrame:
    """Predictions of all runs on tasks of so many examples, right so often; of runs, so large a share is the same."""
    rng = np.random.default_rng(len(sizes))
    frames = []
    for task, n in sizes.items():
        known = {"suite": "transfer", "task": task, "index": range(n), "fold": np.arange(n) % folds, "label": 1}
        shared, use = rng.random(n) < right, rng.random((len(RUNS), n)) < common
        hits = np.where(use, shared, rng.random((len(RUNS), n)) < right)
        frames.append(pd.DataFrame(known).assign(**dict(zip(RUNS, hits.astype("int8"), strict=True))))
    return pd.concat(frames, ignore_index=True)


# ------------------------------------------------------------------------------------------ without resampling


@pytest.fixture
def unresampled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each example is drawn once."""
    monkeypatch.setattr(examples, "_resample", lambda n, rng: np.ones(n))


def bag_of_letters(texts: list[str]) -> np.ndarray:
    """How often each pair of letters stands in a text, with noise: embeddings that know a little."""
    rows = np.stack([np.random.default_rng(zlib.crc32(text.encode())).normal(size=256) for text in texts])
    for row, text in zip(rows, texts, strict=True):
        for one, other in pairwise(text):
            row[(31 * ord(one) + ord(other)) % 256] += 1
    return rows.astype(np.float32)


@pytest.mark.usefixtures("unresampled")
@pytest.mark.parametrize("suite", ["sts", "transfer-fast", "order", "geometry"])
def test_without_resampling_the_draws_are_the_score(suite: str) -> None:
    source, spec, keeps = open_source("package:gensim"), SUITES[suite], KEEPING[suite]
    tasks = suites.tasks(suite, source)
    job = Job(spec, source, tasks, bag_of_letters, Path("unused"), "a/b")  # type: ignore[arg-type]
    ended = list(module_of(suite).evaluate(job))
    scores = [score for scored in ended for score in scored.scores]
    table = pd.concat([scored.examples for scored in ended])
    table["aaaaaaaa/seed0"] = table.pop(keeps.value).astype(keeps.dtype)
    columns = [column for own, column in DRAWN if own == keeps]
    assert columns
    for column in columns:
        values = [score.value for score in scores if score.metric == (spec.metric or column)]
        drawn = Draws({suite: table}).of(suite, column)["aaaaaaaa/seed0"]
        # an accuracy is rounded to 2 digits, what is gathered to float32
        tolerance = 0.01 if spec.metric == "accuracy" else 1e-4
        assert drawn.to_numpy() == pytest.approx(np.mean(values), abs=tolerance)
        assert 0 < np.mean(values) < 100


def test_what_is_compared_is_drawn_but_for_uniformity() -> None:
    compared = {(name, column) for name in KEEPING for column in SUITES[name].headlines}
    drawn = {(name, column) for name, column in compared if (KEEPING[name], column) in DRAWN}
    assert compared - drawn == {("geometry", "uniformity")}
    distances = pd.DataFrame({"suite": "geometry", "task": "dev", "index": [0, 1], RUNS[0]: [0.5, 0.25]})
    draws = Draws({"geometry": distances})
    assert draws.of("geometry", "uniformity").empty
    assert draws.of("geometry", "alignment")[RUNS[0]].between(25, 50).all()
    assert draws.of("sts-mean", "Avg").empty


@pytest.mark.usefixtures("unresampled")
def test_an_accuracy_is_the_mean_over_folds_and_then_over_tasks() -> None:
    table = pd.DataFrame(
        {
            "suite": "transfer",
            "task": ["MR"] * 5 + ["TREC"] * 2,
            "index": [0, 1, 2, 3, 4, 0, 1],
            "fold": [0, 1, 0, 1, 1, 0, 0],
            "label": [0, 0, 1, 1, 1, 5, 2],
            RUNS[0]: [0, 0, 0, 1, 0, 5, 1],
        }
    )
    drawn = Draws({"transfer": table}).of("transfer", "Avg")[RUNS[0]]
    assert drawn.to_numpy() == pytest.approx(((1 / 2 + 2 / 3) / 2 + 1 / 2) / 2 * 100)


@pytest.mark.usefixtures("unresampled")
def test_levels_that_mask_the_same_words_are_no_neighbours() -> None:
    table = pd.DataFrame(
        {
            "suite": "order",
            "task": "ORDER",
            "index": [0, 0, 0, 0, 1, 1, 1, 1],
            "percent": [0, 10, 20, 40] * 2,
            "masked": [0, 1, 1, 3, 0, 1, 2, 4],
            RUNS[0]: [1, 0.9, 0.9, 0.5, 1, 0.9, 0.8, 0.85],
        }
    )
    draws = Draws({"order": table.sample(frac=1, random_state=0)})
    assert draws.of("order", "ordered_20_40")[RUNS[0]].to_numpy() == pytest.approx(50)
    assert draws.of("order", "ordered_all")[RUNS[0]].to_numpy() == pytest.approx(100 * 2 / 3)
    with pytest.raises(InputError, match="lacks a share of masked words"):
        Draws({"order": table.iloc[:-1]}).of("order", "ordered_all")


# ------------------------------------------------------------------------------------------------------- errors


def test_the_error_of_independent_runs_is_binomial() -> None:
    table = predicted({"MR": 4000, "SUBJ": 1000})
    found = Draws({"transfer": table}).error(LESS, "Avg", [0])
    shares = [(own[RUNS[0]].mean(), own[RUNS[3]].mean(), len(own)) for _, own in table.groupby("task")]
    expected = sum(p * (1 - p) / n for a, b, n in shares for p in (a, b)) ** 0.5 / 2
    assert found == pytest.approx(100 * expected, rel=0.1)  # 500 draws: ± 3 %; correlated by chance: ± 2 %


@pytest.mark.parametrize("common", [0.0, 0.5, 0.95])
def test_the_error_of_a_paired_difference_is_that_of_the_differences(common: float) -> None:
    table = predicted({"MR": 900, "SUBJ": 500}, folds=10, common=common)
    found = Draws({"transfer": table}).error(LESS, "Avg", A.seeds)
    differences = table[RUNS[3:]].mean(axis=1) - table[RUNS[:3]].mean(axis=1)
    expected = sum(own.var(ddof=0) / len(own) for _, own in differences.groupby(table["task"])) ** 0.5 / 2
    assert found == pytest.approx(100 * expected, rel=0.1)


def test_a_task_alone_is_drawn_as_well() -> None:
    table = predicted({"MR": 900, "SUBJ": 500}, folds=10)
    draws = Draws({"transfer": table})
    for task, own in table.groupby("task"):
        differences = own[RUNS[3:]].mean(axis=1) - own[RUNS[:3]].mean(axis=1)
        expected = 100 * (differences.var(ddof=0) / len(own)) ** 0.5
        assert draws.error(LESS, str(task), A.seeds) == pytest.approx(expected, rel=0.1)
    assert draws.of("transfer", "TREC").empty
    first, average = draws.error(LESS, "Avg", [0]), draws.error(LESS, "Avg")  # None: over all seeds of each
    assert average == draws.error(LESS, "Avg", A.seeds) < first


def test_gathered_draws_stand_for_the_examples_and_are_reckoned_with_in_float64() -> None:
    table = predicted({"MR": 900, "SUBJ": 500}, folds=10, common=0.9)
    gathered = headlines({"transfer": table}).astype(dict.fromkeys(RUNS, "float32"))
    draws = Draws({"transfer": table[[*KEEPING["transfer"].known, RUNS[0]]]}, gathered)
    expected = Draws({"transfer": table}).error(LESS, "Avg", A.seeds)
    assert draws.error(LESS, "Avg", A.seeds) == pytest.approx(expected, rel=1e-5)
    assert set(draws.of("transfer", "Avg").dtypes) == {np.dtype("float64")}
    assert np.isnan(draws.error(LESS, "MR", A.seeds))  # whose examples are not there


def test_equal_runs_have_no_error_and_a_run_without_examples_has_none_known() -> None:
    table = predicted({"MR": 100}, common=1.0)
    assert Draws({"transfer": table}).error(LESS, "Avg", A.seeds) == 0
    assert np.isnan(Draws({"transfer": table.drop(columns=RUNS[4])}).error(LESS, "Avg", A.seeds))
    assert np.isnan(Draws({"transfer": table[KEEPING["transfer"].known]}).error(LESS, "Avg", A.seeds))
    assert np.isnan(Draws({}).error(LESS, "Avg", A.seeds))


def test_the_interval_over_seeds_and_examples_holds_that_over_seeds() -> None:
    table = predicted({"MR": 300, "SUBJ": 200}, folds=10, common=0.5)
    scores = pd.DataFrame(
        [
            ("v", *run.split("/seed"), "transfer", task, "accuracy", 100 * own[run].mean(), len(own))
            for run in RUNS
            for task, own in table.groupby("task")
        ],
        columns=SCORE_COLUMNS,
    ).astype({"seed": int})
    view = StudyView("main", "A study", "laptop", "2026-01-02", "best dev Spearman", [A, B])
    draws = Draws({"transfer": table})
    (average,) = compare_study(scores, view, ["transfer"], draws).query("task == 'Avg'").to_dict("records")
    assert average["two_level_low"] < average["low"] < average["high"] < average["two_level_high"]
    error = draws.error(LESS, "Avg", A.seeds)
    assert (average["two_level_low"], average["two_level_high"]) == pytest.approx(
        examples.both(average["low"], average["high"], error)
    )
