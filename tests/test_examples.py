"""The examples' share of an interval: scipy's correlations on the same resamples, symmetries, simulated coverage."""

import importlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, bootstrap, norm, spearmanr

from arccse.examples import _spearman, _tie_groups, both, judge, mean_draws, spearman_draws
from arccse.statistics import effect, t_interval
from arccse.statistics import judge as over_seeds

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
SEEDS = st.integers(0, 2**32 - 1)


def rated(rng: np.random.Generator, seeds: int, pairs: int) -> tuple[np.ndarray, np.ndarray]:
    """Cosines (seeds, pairs) and ratings (pairs,) with heavy ties, like human ones, and never all equal."""
    ratings = rng.integers(0, 4, pairs) / 2
    cosines = np.round(ratings + rng.normal(size=(seeds, pairs)), 1)
    ratings[:2], cosines[:, :2] = (0, 1), (0, 1)
    return cosines, ratings


@given(seed=SEEDS, runs=st.integers(1, 4), pairs=st.integers(2, 30))
def test_the_spearman_of_a_resample_is_that_of_repeated_examples(seed: int, runs: int, pairs: int) -> None:
    rng = np.random.default_rng(seed)
    cosines, ratings = rated(rng, runs, pairs)
    counts = rng.integers(0, 4, pairs)
    counts[:2] = np.maximum(1, counts[:2])
    expected = [spearmanr(np.repeat(run, counts), np.repeat(ratings, counts)).statistic for run in cosines]
    groups = _tie_groups(cosines, ratings)
    np.testing.assert_allclose(_spearman(groups, counts.astype(float)), expected, rtol=0, atol=1e-12)


@settings(max_examples=10)
@given(seed=SEEDS, runs=st.integers(1, 3))
def test_the_draws_by_the_book(seed: int, runs: int) -> None:
    rng = np.random.default_rng(seed)
    ratings = [rated(rng, 1, size)[1] for size in (25, 40)]
    cosines = [rating + rng.normal(size=(runs, len(rating))).round(1) for rating in ratings]
    draw, expected = np.random.default_rng(seed), []
    for _ in range(20):
        drawn = [draw.integers(0, len(rating), len(rating)) for rating in ratings]
        expected.append(
            [
                np.mean(
                    [
                        spearmanr(own[run][i], r[i]).statistic
                        for own, r, i in zip(cosines, ratings, drawn, strict=True)
                    ]
                )
                for run in range(runs)
            ]
        )
    found = spearman_draws(cosines, ratings, replicates=20, seed=seed)
    np.testing.assert_allclose(found, 100 * np.array(expected), atol=1e-9)


def test_ranks_alone_matter_and_equal_runs_never_differ() -> None:
    rng = np.random.default_rng(0)
    cosines, ratings = rated(rng, 3, 60)
    found = spearman_draws([cosines], [ratings], 50)
    np.testing.assert_array_equal(found, spearman_draws([np.exp(cosines)], [2 * ratings - 7], 50))
    twice = spearman_draws([cosines[[0, 0]]], [ratings], 50)
    np.testing.assert_array_equal(twice[:, 0], twice[:, 1])
    assert not np.array_equal(found, spearman_draws([cosines], [ratings], 50, seed=1))


def test_a_run_without_a_rank_correlation_has_no_number() -> None:
    cosines, ratings = rated(np.random.default_rng(0), 2, 20)
    cosines[1] = 0.5
    found = spearman_draws([cosines], [ratings], 10)
    assert np.isnan(found).tolist() == [[False, True]] * 10


@pytest.mark.parametrize(
    ("cosines", "ratings", "message"),
    [
        ((2, 5), (4,), r"got \(2, 5\), \(4,\)"),
        ((5,), (5,), r"got \(5,\), \(5,\)"),
        ((2, 0), (0,), r"got \(2, 0\)"),
    ],
)
def test_shapes_that_do_not_fit(cosines: tuple, ratings: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        spearman_draws([np.ones(cosines)], [np.ones(ratings)])


def test_tasks_that_do_not_fit() -> None:
    cosines, ratings = rated(np.random.default_rng(0), 2, 20)
    with pytest.raises(ValueError, match="same tasks, got 2 and 1"):
        spearman_draws([cosines] * 2, [ratings])
    with pytest.raises(ValueError, match="same tasks, got 0 and 0"):
        spearman_draws([], [])
    with pytest.raises(ValueError, match="NaN"):
        spearman_draws([np.where(cosines > 1, np.nan, cosines)], [ratings])


# means


@settings(max_examples=10)
@given(seed=SEEDS, runs=st.integers(1, 3))
def test_the_draws_of_means_by_the_book(seed: int, runs: int) -> None:
    rng = np.random.default_rng(seed)
    tasks = [(rng.normal(size=(runs, size)), rng.uniform(0.1, 2, size)) for size in (25, 40)]
    draw, means = np.random.default_rng(seed), []
    for values, weights in tasks:
        drawn = [draw.integers(0, len(weights), len(weights)) for _ in range(20)]
        means.append([[np.average(own[i], weights=weights[i]) for own in values] for i in drawn])
    np.testing.assert_allclose(mean_draws(tasks, replicates=20, seed=seed), np.mean(means, axis=0), atol=1e-12)


def test_the_error_of_shares_is_binomial() -> None:
    shares, n = np.array([0.5, 0.9, 0.02]), 2000
    values = np.arange(n) < n * shares[:, None]
    drawn = mean_draws([(values.astype(float), np.ones(n))], replicates=10_000)
    np.testing.assert_allclose(drawn.mean(axis=0), shares, atol=5e-4)
    np.testing.assert_allclose(drawn.std(axis=0, ddof=1), np.sqrt(shares * (1 - shares) / n), rtol=0.03)


def test_a_resample_without_any_weight_has_no_mean() -> None:
    drawn = mean_draws([(np.array([[1.0, 2.0]]), np.array([0.0, 1.0]))], replicates=50)
    assert set(drawn[~np.isnan(drawn)]) == {2.0}
    assert 0 < np.isnan(drawn).sum() < 50


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ([], "a mean over tasks needs one"),
        ([(np.ones((2, 5)), np.ones(4))], r"got \(2, 5\), \(4,\)"),
        ([(np.ones((2, 0)), np.ones(0))], r"got \(2, 0\), \(0,\)"),
        ([(np.full((1, 2), np.nan), np.ones(2))], "NaN"),
        ([(np.ones((1, 2)), np.array([1.0, -1.0]))], "below 0"),
    ],
)
def test_means_that_do_not_fit(tasks: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mean_draws(tasks)


# both levels


def test_both_levels_by_hand() -> None:
    # 0.5 ± 0.3 over seeds and ± 0.4 over examples are ± 0.5 together
    assert both(0.2, 0.8, 0.4 / norm.isf(0.025)) == pytest.approx((0.0, 1.0))
    assert both(0.2, 0.8, 0.4 / norm.isf(0.005), comparisons=5) == pytest.approx((0.0, 1.0))
    assert both(0.2, 0.8, 0.0) == pytest.approx((0.2, 0.8))
    assert np.isnan(both(0.2, 0.8, np.nan)).all()


@given(low=st.floats(-5, 5), width=st.floats(0, 5), error=st.floats(0, 5), comparisons=st.integers(1, 20))
def test_both_are_never_narrower_than_either(low: float, width: float, error: float, comparisons: int) -> None:
    found = both(low, low + width, error, comparisons)
    assert found[0] <= low + 1e-9
    assert found[1] >= low + width - 1e-9
    assert found[1] - found[0] >= 2 * norm.isf(0.025 / comparisons) * error - 1e-9


@pytest.mark.parametrize("seeds", [3, 20])
def test_the_interval_covers_with_few_seeds_and_with_many(seeds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the benchmark's simulation, where seeds are most of the uncertainty and interactions of little weight."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    trials = 300
    coverage = importlib.import_module("inference").crossed(seeds, 0.1, trials, seeds, replicates=100)
    # never too seldom; a little too often, since each run's share of the examples' noise is counted at both levels
    assert coverage * trials >= binom.ppf(0.0005, trials, 0.95)


# ------------------------------------------------------------------------------------------------------ verdicts


@given(difference=st.floats(-20, 20), error=st.floats(0.01, 5), comparisons=st.integers(1, 50))
def test_over_examples_alone_the_verdict_is_the_normal_tests(difference, error, comparisons) -> None:
    found = judge(difference, error, comparisons, equivalence=0.5)
    half = norm.isf(0.025 / comparisons) * error
    assert (found.low, found.high) == pytest.approx((difference - half, difference + half))
    expected = min(1.0, comparisons * 2 * norm.sf(abs(difference) / error))
    assert found.p == pytest.approx(expected, rel=1e-6, abs=1e-90)
    assert found.detectable == pytest.approx((norm.isf(0.025 / comparisons) + norm.isf(0.2)) * error)
    outside = found.low > 0 or found.high < 0
    assert outside == (found.p < 0.05)
    assert (found.word == "equivalent") == (found.low >= -0.5 and found.high <= 0.5)


def test_without_an_error_over_examples_it_is_the_t_test_over_seeds() -> None:
    seeds = effect(np.array([0.1, 0.9, 0.4, 0.7, 0.2]))
    found, expected = judge(seeds.difference, 0.0, 3, 2.0, seeds), over_seeds(seeds, 3, 2.0)
    assert (found.low, found.high, found.p) == pytest.approx((expected.low, expected.high, expected.p))
    assert found.word == expected.word
    assert found.detectable == pytest.approx(expected.detectable, rel=0.05)  # two quantiles for the noncentral t


def test_over_both_it_is_wider_than_over_either_and_p_belongs_to_the_interval() -> None:
    seeds = effect(np.array([0.5, 0.9, 0.4, 0.7]))
    alone, both_ = judge(seeds.difference, 0.2), judge(seeds.difference, 0.2, seeds=seeds)
    assert both_.low < min(alone.low, over_seeds(seeds).low)
    assert (both_.low, both_.high) == both(*t_interval(seeds.difference, seeds.sd, seeds.n), 0.2)
    ends = both(*t_interval(seeds.difference, seeds.sd, seeds.n, 0.05 / both_.p), 0.2, 0.05 / both_.p)
    assert ends[0] == pytest.approx(0, abs=1e-6)


def test_no_spread_and_no_examples() -> None:
    assert judge(0.0, 0.0).p == 1.0
    assert (judge(1.0, 0.0).p, judge(1.0, 0.0).word) == (0.0, "higher")
    unknown = judge(1.0, np.nan)
    assert (unknown.word, unknown.text) == ("undecided", "undecided: its examples were not kept")
    assert np.isnan(unknown.low)


def test_the_error_of_paired_draws_is_scipys() -> None:
    """Scipy's bootstrap of a paired difference of correlations, and the closed form of one of means."""
    rng = np.random.default_rng(0)
    ratings = rng.normal(size=300)
    cosines = np.stack([ratings + rng.normal(size=300), ratings + 2 * rng.normal(size=300)])
    drawn = spearman_draws([cosines], [ratings], 2000)
    found = float(np.std(drawn[:, 1] - drawn[:, 0], ddof=1))

    def difference(a, b, r, axis=-1):
        return 100 * (spearmanr(b, r).statistic - spearmanr(a, r).statistic)

    expected = bootstrap(
        (*cosines, ratings), difference, paired=True, vectorized=False, n_resamples=2000, method="basic", rng=1
    )
    assert found == pytest.approx(expected.standard_error, rel=0.08)  # each of them ± 1.6 %
