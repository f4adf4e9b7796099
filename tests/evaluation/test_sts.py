"""The sts suite: correlations and aggregations worked out by hand, and the published numbers on the real data."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mteb
import numpy as np
import pandas as pd
import pytest
from families import MINILM
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr, rankdata

from arccse.data.readers import Pairs
from arccse.data.sources import open_source
from arccse.encoder import load_encoder
from arccse.errors import InputError
from arccse.evaluation import mteb_suite, scoring, sts, suites
from arccse.evaluation.embeddings import Embeddings
from arccse.evaluation.scores import Score
from arccse.evaluation.scoring import Job

# all-MiniLM-L6-v2 with mean pooling, on all of a year's pairs; SICK-R: 4927 pairs for the papers, 9927 for mteb
PUBLISHED = {
    "STS12": 72.37,
    "STS13": 80.60,
    "STS14": 75.59,
    "STS15": 85.39,
    "STS16": 78.99,
    "STSB": 82.03,
    "SICKR": 77.15,
}
PUBLISHED_MTEB = PUBLISHED | {"SICKR": 77.58}
PAIRS = {"STS12": 3108, "STS13": 1500, "STS14": 3750, "STS15": 3000, "STS16": 1186, "STSB": 1379, "SICKR": 4927}


class Angles:
    """A source whose sentences are angles in degrees; `embed` puts them on circles of several sizes."""

    spec, sts_tasks = "angles", ("YEAR", "SINGLE")

    def sts(self, task: str) -> dict[str, Pairs]:
        one = Pairs(["0", "0", "10"], ["20", "90", "50"], np.array([5.0, 0.0, 3.0]), (0, 5))
        two = Pairs(["0", "0"], ["5", "85"], np.array([1.0, 4.0]), (0, 5))
        return {"one": one, "two": two} if task == "YEAR" else {"SINGLE": one}

    @staticmethod
    def embed(sentences) -> np.ndarray:
        angles = np.radians([float(s) for s in sentences])
        lengths = 1 + np.arange(len(angles))  # must not matter
        return (lengths[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)).astype(np.float32)


# by hand


def test_aggregations_of_two_subsets() -> None:
    cosines = {"a": np.array([0.1, 0.2, 0.3, 0.4]), "b": np.array([0.9, 0.8])}
    ratings = {"a": np.array([1.0, 2.0, 4.0, 3.0]), "b": np.array([4.5, 5.0])}
    # ρ = 1 − 6 Σd² / (n (n² − 1)): in a, d = 0 0 1 1; in b, ±1; in all, ranks 1 2 3 4 6 5 against 1 2 4 3 5 6
    a, b, together = 1 - 6 * 2 / (4 * 15), -1, 1 - 6 * 4 / (6 * 35)
    pairs = pd.concat([pd.DataFrame({"subset": s, "score": ratings[s], "cosine": cosines[s]}) for s in cosines])
    scores = sts.aggregations("sts-cls", "STS99", pairs)
    assert {score.metric: score.value for score in scores} == pytest.approx(
        {
            "spearman_all": 100 * together,
            "spearman_mean": 100 * (a + b) / 2,
            "spearman_wmean": 100 * (4 * a + 2 * b) / 6,
        }
    )
    assert {(score.suite, score.task, score.n) for score in scores} == {("sts-cls", "STS99", 6)}


def test_a_single_subset_aggregates_to_itself() -> None:
    pairs = pd.DataFrame({"subset": "X", "score": [1.0, 3.0, 2.0, 4.0], "cosine": np.arange(4.0)})
    assert [score.value for score in sts.aggregations("sts", "X", pairs)] == pytest.approx([80.0] * 3)


@pytest.mark.parametrize("constant", ["cosine", "score"])
def test_a_subset_without_a_correlation_is_named(constant: str) -> None:
    whole = pd.DataFrame({"subset": "one", "score": [1.0, 3.0, 2.0], "cosine": [0.1, 0.2, 0.3]})
    pairs = pd.concat([whole, whole.assign(**{constant: 0.5}, subset="two")])
    what = {"cosine": "cosines", "score": "ratings"}[constant]
    with pytest.raises(InputError, match=f"Suite sts, task STS99: all 3 {what} of a set of pairs are equal"):
        sts.aggregations("sts", "STS99", pairs)


def evaluate(source: Any, tasks: Sequence[str], out: Path, embed: Any = Angles.embed) -> list[Score]:
    found = sts.evaluate(Job(suites.SUITES["sts"], source, tasks, embed, out, "a/b"))
    return [score for scores in found for score in scores]


def test_evaluate_scores_every_pair(tmp_path: Path) -> None:
    scores = evaluate(Angles(), ["YEAR", "SINGLE"], tmp_path)
    pairs = pd.read_parquet(tmp_path / "pairs.parquet")
    assert list(pairs.columns) == ["task", "subset", "index", "score", "cosine"]
    assert pairs[["task", "subset", "index"]].values.tolist() == [
        ["YEAR", "one", 0],
        ["YEAR", "one", 1],
        ["YEAR", "one", 2],
        ["YEAR", "two", 0],
        ["YEAR", "two", 1],
        ["SINGLE", "SINGLE", 0],
        ["SINGLE", "SINGLE", 1],
        ["SINGLE", "SINGLE", 2],
    ]
    assert pairs["score"].tolist() == [5, 0, 3, 1, 4, 5, 0, 3]
    cosines = [math.cos(math.radians(a)) for a in (20, 90, 40, 5, 85, 20, 90, 40)]
    assert pairs["cosine"].tolist() == pytest.approx(cosines, abs=1e-6)
    values = {(s.task, s.metric): s.value for s in scores}
    # one: perfect; two: inverse; all: cosines' ranks 4 1 3 5 2 against 5 1 3 2 4, Σd² = 14
    assert values == pytest.approx(
        {
            ("YEAR", "spearman_all"): 100 * (1 - 6 * 14 / 120),
            ("YEAR", "spearman_mean"): 0,
            ("YEAR", "spearman_wmean"): 20,
            ("SINGLE", "spearman_all"): 100,
            ("SINGLE", "spearman_mean"): 100,
            ("SINGLE", "spearman_wmean"): 100,
        },
        abs=1e-9,
    )


def test_sentences_are_all_that_evaluate_embeds(tmp_path: Path) -> None:
    embedded: list[str] = []
    embed = lambda texts: embedded.extend(texts) or Angles.embed(texts)  # noqa: E731
    evaluate(Angles(), ["YEAR", "SINGLE"], tmp_path, embed=embed)
    assert sorted(sts.sentences(Angles(), ["YEAR", "SINGLE"])) == sorted(embedded)


# Spearman and the cosine


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=30))
def test_spearman_is_pearson_of_mean_ranks(pairs: list[tuple[int, int]]) -> None:
    cosines, ratings = np.array(pairs, dtype=float).T  # so few values that most are tied
    if np.ptp(cosines) == 0 or np.ptp(ratings) == 0:
        return  # no correlation is defined
    assert sts.spearman(cosines, ratings) == pytest.approx(
        100 * pearsonr(rankdata(cosines), rankdata(ratings)).statistic, abs=1e-9
    )


def test_spearman_with_ties_by_hand() -> None:
    # ranks 1.5 1.5 3 4 against 1 2 3.5 3.5: deviations −1 −1 .5 1.5 and −1.5 −.5 1 1
    expected = 100 * (1.5 + 0.5 + 0.5 + 1.5) / math.sqrt(4.5 * 4.5)
    assert sts.spearman(np.array([0.2, 0.2, 0.5, 0.9]), np.array([0.0, 1.0, 5.0, 5.0])) == pytest.approx(expected)


@pytest.mark.parametrize(("sign", "expected"), [(1, 100), (-1, -100)], ids=["perfect", "inverse"])
def test_perfect_and_inverse_embeddings(sign: int, expected: float, tmp_path: Path) -> None:
    angles = range(0, 180, 5)
    ratings = np.array([sign * (180.0 - a) for a in angles])

    class Source(Angles):
        def sts(self, task: str) -> dict[str, Pairs]:
            return {task: Pairs(["0"] * len(angles), [str(a) for a in angles], ratings, (-180, 180))}

    scores = evaluate(Source(), ["SINGLE"], tmp_path)
    assert [score.value for score in scores] == pytest.approx([expected] * 3)


@given(st.integers(0, 2**32 - 1), st.floats(1e-3, 1e3))
def test_cosine_is_that_of_the_angle_and_not_of_the_length(seed: int, length: float) -> None:
    a, b = np.random.default_rng(seed).standard_normal((2, 4, 3)).astype(np.float32)
    expected = [
        math.fsum(x * y for x, y in zip(p, q, strict=True)) / (math.hypot(*p) * math.hypot(*q))
        for p, q in zip(a.tolist(), b.tolist(), strict=True)
    ]
    assert sts.cosine(a, b).tolist() == pytest.approx(expected, abs=1e-12)
    assert sts.cosine(np.float32(length) * a, b).tolist() == pytest.approx(expected, abs=1e-6)


# the real data


@pytest.fixture(scope="session")
def minilm(senteval: Path) -> Embeddings:
    """MiniLM's embeddings of all that both suites read: the one slow step (minutes on a busy machine)."""
    source = open_source(f"senteval:{senteval}")
    selection = {suite: suites.tasks(suite, source) for suite in ("sts", "mteb")}
    return Embeddings.of(load_encoder(MINILM, "mean"), scoring.sentences(source, selection))


# One test, so that pytest-xdist cannot spread it over workers, each of which would encode everything.
def test_published_numbers_by_both_suites(minilm: Embeddings, senteval: Path, tmp_path: Path) -> None:
    source = open_source(f"senteval:{senteval}")
    selection = dict.fromkeys(("sts", "mteb"), source.sts_tasks)
    scores = scoring.evaluate(minilm, source, selection, tmp_path, "arccse/minilm", lambda _: None)
    headline = [score for score in scores if score.metric == "spearman_all"]
    assert {score.task: score.value for score in headline} == pytest.approx(PUBLISHED, abs=0.01)
    assert {score.task: score.n for score in headline} == PAIRS
    assert pd.read_parquet(tmp_path / "pairs.parquet")["task"].value_counts().to_dict() == PAIRS

    theirs = [score for score in scores if score.suite == "mteb"]
    assert {score.task: score.value for score in theirs} == pytest.approx(PUBLISHED_MTEB, abs=0.01)
    assert {score.task: score.n for score in theirs} == PAIRS | {"SICKR": 9927}
    for mine, other in zip(headline, theirs, strict=True):
        if mine.task != "SICKR":
            assert other.value == pytest.approx(mine.value, abs=0.01)

    loaded = mteb.ResultCache(tmp_path).load_results(models=["arccse/minilm"], include_remote=False)
    results = {result.task_name: 100 * result.get_score() for result in loaded.model_results[0].task_results}
    assert results == pytest.approx({mteb_suite.TASKS[s.task].name: s.value for s in theirs}, abs=1e-4)
