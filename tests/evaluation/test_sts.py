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
from arccse.evaluation.scores import Scored
from arccse.evaluation.scoring import Job

# all-MiniLM-L6-v2 with mean pooling, on all of a year's pairs; SICK-R: 4927 pairs for the papers, 9927 for mteb. The
# other years (72.37, 80.60, 75.59 and 85.39 from 2012 to 2015) are read and scored by the same code, and would take
# longer than these; benchmarks/evaluation.py has all of them.
PUBLISHED = {"STS16": 78.99, "STSB": 82.03, "SICKR": 77.15}
PUBLISHED_MTEB = PUBLISHED | {"SICKR": 77.58}
PAIRS = {"STS12": 3108, "STS13": 1500, "STS14": 3750, "STS15": 3000, "STS16": 1186, "STSB": 1379, "SICKR": 4927}

DISJOINT = {"STS12": 2636, "STS13": 1386, "STS14": 3371, "STS15": 2402, "STS16": 1157, "STSB": 371, "SICKR": 4860}


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


def evaluate(source: Any, tasks: Sequence[str], embed: Any = Angles.embed, suite: str = "sts") -> Scored:
    """The scores of all tasks, and their pairs below one another."""
    found = list(sts.evaluate(Job(suites.SUITES[suite], source, tasks, embed, Path("unused"), "a/b")))
    scores = [score for scored in found for score in scored.scores]
    return Scored(scores, pd.concat([scored.examples for scored in found]))


def test_evaluate_scores_every_pair() -> None:
    scores, pairs = evaluate(Angles(), ["YEAR", "SINGLE"])
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


def test_sentences_are_all_that_evaluate_embeds() -> None:
    embedded: list[str] = []
    embed = lambda texts: embedded.extend(texts) or Angles.embed(texts)  # noqa: E731
    evaluate(Angles(), ["YEAR", "SINGLE"], embed=embed)
    assert sorted(sts.sentences(Angles(), ["YEAR", "SINGLE"])) == sorted(embedded)


# without overlaps


class Overlapping:
    """Two tasks that share pairs with one another, with dev and with themselves."""

    spec, sts_tasks = "overlapping", ("YEAR", "SINGLE")

    def dev(self) -> Pairs:
        return Pairs(["A dog.", "x"], ["a cat", "y"], np.array([1.0, 2.0]), (0, 5))

    def sts(self, task: str) -> dict[str, Pairs]:
        if task == "SINGLE":
            return {
                "SINGLE": Pairs(["E f", "g", "e", "h"], ["E", "h", "k", "i"], np.array([4.0, 1.0, 2.0, 3.0]), (0, 5))
            }
        one = Pairs(["a cat .", "e", "e", "e f"], ["a dog", "ef!", "g", "e"], np.array([1.0, 2.0, 3.0, 5.0]), (0, 5))
        two = Pairs(["y", "g", "h"], ["Y", "E", "g"], np.array([3.0, 0.0, 5.0]), (0, 5))
        return {"one": one, "two": two}


def test_pairs_of_dev_and_repeated_ones_are_left_out() -> None:
    """In either order and however tokenised; of equal pairs the first stays, though the ratings differ."""
    kept = sts.disjoint(Overlapping())
    assert {task: mask.tolist() for task, mask in kept.items()} == {
        "YEAR": [False, True, True, False, True, False, True],
        "SINGLE": [False, False, True, True],
    }


def spread(sentences: Sequence[str]) -> np.ndarray:
    return np.array([[1 + ord(s[0]) % 7, len(s), s.count("e")] for s in sentences], dtype=np.float32)


def test_the_suite_without_overlaps_scores_what_is_left_of_the_same_pairs() -> None:
    scores, pairs = evaluate(Overlapping(), ["YEAR", "SINGLE"], spread, "sts-disjoint")
    whole = evaluate(Overlapping(), ["YEAR", "SINGLE"], spread).examples
    kept = np.concatenate(list(sts.disjoint(Overlapping()).values()))
    pd.testing.assert_frame_equal(pairs, whole[kept])
    assert [(s.task, s.n) for s in scores if s.metric == "spearman_all"] == [("YEAR", 4), ("SINGLE", 2)]
    left = pairs[pairs["task"] == "YEAR"]
    assert scores[0].value == pytest.approx(sts.spearman(left["cosine"], left["score"]))
    alone = evaluate(Overlapping(), ["SINGLE"], spread, "sts-disjoint").scores  # what stays is the same
    assert alone == [score for score in scores if score.task == "SINGLE"]


def test_a_task_of_which_no_pair_is_left_is_named() -> None:
    class Source(Overlapping):
        def dev(self) -> Pairs:
            return self.sts("SINGLE")["SINGLE"]

    with pytest.raises(InputError, match="Suite sts-disjoint, task SINGLE: no pair is left"):
        evaluate(Source(), ["SINGLE"], spread, "sts-disjoint")


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1, max_size=12))
def test_no_pair_is_left_twice_and_none_is_lost(pairs: list[tuple[str, str]]) -> None:
    class Source:
        sts_tasks = ("ONE",)

        def dev(self) -> Pairs:
            return Pairs(["a"], ["b"], np.array([1.0]), (0, 5))

        def sts(self, task: str) -> dict[str, Pairs]:
            return {task: Pairs([a for a, _ in pairs], [b for _, b in pairs], np.arange(len(pairs)), (0, 5))}

    (kept,) = sts.disjoint(Source()).values()
    left = [frozenset(pair) for pair, keep in zip(pairs, kept, strict=True) if keep]
    assert len(left) == len(set(left))
    assert set(left) == set(map(frozenset, pairs)) - {frozenset("ab")}


# Spearman and the cosine


@given(st.integers(0, 2**32 - 1), st.integers(1, 400), st.integers(-30, 30))
def test_the_cosine_of_a_row_with_itself_is_exactly_1_and_no_cosine_is_more(seed: int, d: int, size: int) -> None:
    a = np.random.default_rng(seed).standard_normal((20, d)).astype(np.float32) * np.float32(10.0**size)
    assert sts.cosine(a, a.copy()).tolist() == [1.0] * 20
    assert sts.cosine(a, np.float32(0.3) * a).max() <= 1
    assert sts.cosine(a[:10], a[10:]).tolist() == sts.cosine(a[10:], a[:10]).tolist()


def test_cosines_that_differ_by_rounding_alone_are_no_correlation() -> None:
    a = np.random.default_rng(0).standard_normal(50).astype(np.float32)
    rows = np.linspace(0.1, 7, 30, dtype=np.float32)[:, None] * a
    cosines = sts.cosine(rows, np.roll(rows, 1, axis=0))
    assert len(set(cosines)) > 1
    with pytest.raises(InputError, match="Suite sts, task T: all 30 cosines of a set of pairs are equal"):
        sts.refuse_constant("sts", "T", cosines, np.arange(30.0))


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
def test_perfect_and_inverse_embeddings(sign: int, expected: float) -> None:
    angles = range(0, 180, 5)
    ratings = np.array([sign * (180.0 - a) for a in angles])

    class Source(Angles):
        def sts(self, task: str) -> dict[str, Pairs]:
            return {task: Pairs(["0"] * len(angles), [str(a) for a in angles], ratings, (-180, 180))}

    scores = evaluate(Source(), ["SINGLE"]).scores
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
    """MiniLM's embeddings of all that both suites read of these tasks: the one slow step."""
    source = open_source(f"senteval:{senteval}")
    selection = dict.fromkeys(("sts", "mteb"), tuple(PUBLISHED))
    return Embeddings.of(load_encoder(MINILM, "mean"), scoring.sentences(source, selection))


def test_the_pairs_of_every_task_are_those_of_the_papers(senteval: Path) -> None:
    source = open_source(f"senteval:{senteval}")
    assert source.sts_tasks == tuple(PAIRS)
    assert {task: sum(len(pairs.first) for pairs in source.sts(task).values()) for task in PAIRS} == PAIRS
    assert {task: kept.sum() for task, kept in sts.disjoint(source).items()} == DISJOINT


# One test, so that pytest-xdist cannot spread it over workers, each of which would encode everything.
def test_published_numbers_by_both_suites(minilm: Embeddings, senteval: Path, tmp_path: Path) -> None:
    source = open_source(f"senteval:{senteval}")
    selection = dict.fromkeys(("sts", "sts-disjoint", "mteb"), tuple(PUBLISHED))
    read = {task: PAIRS[task] for task in PUBLISHED}
    scores = scoring.evaluate(minilm, source, selection, tmp_path, "arccse/minilm", lambda _: None)
    headline = [score for score in scores if score.metric == "spearman_all" and score.suite == "sts"]
    assert {score.task: score.value for score in headline} == pytest.approx(PUBLISHED, abs=0.01)
    assert {score.task: score.n for score in headline} == read
    assert pd.read_parquet(tmp_path / "pairs.parquet")["task"].value_counts().to_dict() == read

    theirs = [score for score in scores if score.suite == "mteb"]
    assert {score.task: score.value for score in theirs} == pytest.approx(PUBLISHED_MTEB, abs=0.01)
    assert {score.task: score.n for score in theirs} == read | {"SICKR": 9927}
    for mine, other in zip(headline, theirs, strict=True):
        if mine.task != "SICKR":
            assert other.value == pytest.approx(mine.value, abs=1e-6), "no tie is broken by rounding"

    apart = [score for score in scores if score.metric == "spearman_all" and score.suite == "sts-disjoint"]
    assert {score.task: score.n for score in apart} == {task: DISJOINT[task] for task in PUBLISHED}

    loaded = mteb.ResultCache(tmp_path).load_results(models=["arccse/minilm"], include_remote=False)
    results = {result.task_name: 100 * result.get_score() for result in loaded.model_results[0].task_results}
    assert results == pytest.approx({mteb_suite.TASKS[s.task].name: s.value for s in theirs}, abs=1e-4)
