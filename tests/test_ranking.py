"""Ranks and the best of trials: brute force, Student's t, and how often simulated data mislead.

The simulations have fixed seeds. Their counts are held against the central 99.9 % of the binomial distribution.
"""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, ttest_rel

from arccse.ranking import best_of, perhaps_best, rank_bounds, ranks, replicates

SCORES = st.lists(st.floats(-100, 100).map(lambda score: round(score, 2)), min_size=1, max_size=9)


def seeds_of(rows: int, seeds: int, rng: np.random.Generator) -> np.ndarray:
    """(rows, seeds) scores with a common effect of each seed and rows of unequal spread, all around 0."""
    return rng.normal(0, 1, seeds) + rng.normal(0, 1, (rows, seeds)) * np.linspace(0.5, 2, rows)[:, None]


# the best of trials


@given(SCORES)
def test_the_best_of_n_is_that_of_all_choices(scores: list[float]) -> None:
    found = best_of(np.array(scores))
    for n in range(1, len(scores) + 1):
        best = [max(choice) for choice in combinations(scores, n)]
        assert found.mean[n - 1] == pytest.approx(np.mean(best), abs=1e-9)
        quartiles = np.quantile(best, [0.25, 0.75], method="inverted_cdf")
        assert (found.low[n - 1], found.high[n - 1]) == tuple(quartiles)


def test_the_whole_budget_is_the_best_trial_and_one_trial_the_mean() -> None:
    scores = np.random.default_rng(0).normal(70, 5, 1000)
    found = best_of(scores)
    assert found.mean[0] == pytest.approx(scores.mean())
    assert found.mean[-1] == pytest.approx(scores.max())
    assert (np.diff(found.mean) > -1e-9).all()


def test_the_expected_best_is_unbiased_and_would_be_too_low_with_replacement() -> None:
    """For the best of n of a uniform distribution: n / (n + 1)."""
    trials, n = 8, 4
    drawn = np.random.default_rng(1).uniform(0, 1, (4000, trials))
    found = np.array([best_of(own).mean[n - 1] for own in drawn])
    error = found.std() / len(found) ** 0.5
    assert abs(found.mean() - n / (n + 1)) < 4 * error
    share = (np.arange(1, trials + 1) / trials) ** n
    replaced = np.sort(drawn, axis=1) @ np.diff(share, prepend=0)
    assert replaced.mean() < n / (n + 1) - 10 * error


@pytest.mark.parametrize("scores", [[], [np.nan], [1.0, np.inf]])
def test_the_best_of_nothing_is_refused(scores: list[float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        best_of(np.array(scores))


# replicates and ranks


def test_of_two_rows_the_share_is_half_the_p_value_of_the_paired_t_test() -> None:
    values = np.array([[70.1, 71.0, 70.4, 72.0], [70.9, 71.2, 71.5, 71.9]])
    p = ttest_rel(values[1], values[0]).pvalue
    share = ranks(replicates(values)).best
    assert share[0] == pytest.approx(p / 2, abs=4 * (p / 2 / 10_000) ** 0.5)
    assert share.sum() == pytest.approx(1)


def test_examples_widen_what_seeds_leave_sure() -> None:
    values = np.array([[70.0, 70.0, 70.1], [71.0, 71.1, 71.0]])
    drawn = 60 + np.random.default_rng(0).normal(0, 1, (500, 2))  # another level: deviations alone count
    assert ranks(replicates(values)).best[0] < 0.01
    found = replicates(values, drawn)
    assert found.mean(axis=0) == pytest.approx(values.mean(axis=1), abs=0.1)
    spread = np.std(found[:, 1] - found[:, 0])
    assert spread == pytest.approx(np.std(drawn[:, 1] - drawn[:, 0]), rel=0.1)
    assert 0.1 < ranks(found).best[0] < 0.4


def test_equal_rows_share_ranks_and_the_first_place() -> None:
    values = np.array([[70.0, 71.0, 72.5], [70.0, 71.0, 72.5], [60.0, 61.0, 61.5]])
    found = ranks(replicates(values))
    assert found.best == pytest.approx([0.5, 0.5, 0.0], abs=0.01)
    assert found.mean == pytest.approx([1.5, 1.5, 3.0], abs=0.01)
    assert (found.low[2], found.high[2]) == (3, 3)


def test_rows_that_are_all_equal_in_truth_are_best_equally_often() -> None:
    rng = np.random.default_rng(2)
    spread = [rng.normal(0, 1, 4) + rng.normal(0, 1, (5, 4)) for _ in range(300)]
    shares = np.array([ranks(replicates(values, seed=place)).best for place, values in enumerate(spread)])
    assert shares.mean(axis=0) == pytest.approx([0.2] * 5, abs=4 * shares.std() / 300**0.5)


# who may be the best


@pytest.mark.parametrize(("rows", "seeds"), [(3, 3), (5, 5), (19, 5)])
def test_a_row_as_good_as_any_is_left_out_no_more_often_than_it_may(rows: int, seeds: int) -> None:
    trials = 2000
    rng = np.random.default_rng(3)
    lost = np.array([~perhaps_best(seeds_of(rows, seeds, rng)) for _ in range(trials)]).sum(axis=0)
    assert (lost <= binom.ppf(0.9995, trials, 0.05)).all()


def test_what_is_far_below_is_left_out_and_looks_keep_it_longer() -> None:
    rng = np.random.default_rng(4)
    values = seeds_of(4, 5, rng) / 4 + np.array([[0.0], [0.0], [0.0], [-9.0]])
    assert perhaps_best(values).tolist() == [True, True, True, False]
    two = np.array([[0.0, 0.1, 0.2], [1.0, 1.2, 1.5]])
    assert perhaps_best(two).tolist() == [False, True]
    assert perhaps_best(two, looks=20).tolist() == [True, True]


def test_equal_rows_and_a_row_alone_may_be_the_best() -> None:
    assert perhaps_best(np.ones((3, 3))).all()
    assert perhaps_best(np.array([[1.0, 2.0, 3.0]])).tolist() == [True]
    with pytest.raises(ValueError, match="takes 3 seeds"):
        perhaps_best(np.ones((3, 2)))


# ranks by intervals


def test_ranks_follow_from_who_is_decidedly_above_whom() -> None:
    above = np.zeros((4, 4), dtype=bool)
    above[0, 2] = above[0, 3] = above[1, 3] = True
    low, high = rank_bounds(above)
    assert list(zip(low.tolist(), high.tolist(), strict=True)) == [(1, 2), (1, 3), (2, 4), (3, 4)]
    nobody = rank_bounds(np.zeros((3, 3), dtype=bool))
    assert [own.tolist() for own in nobody] == [[1, 1, 1], [3, 3, 3]]


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=6), st.data())
def test_ranks_hold_the_true_ones_where_all_intervals_hold_the_truth(means, data) -> None:
    true = np.array(means)
    shown = true[:, None] > true  # an interval that holds the truth puts nobody above who is not
    above = shown & np.array([[data.draw(st.booleans()) for _ in means] for _ in means])
    low, high = rank_bounds(above)
    best, worst = 1 + shown.sum(axis=0), len(means) - shown.sum(axis=1)
    assert (low <= best).all()
    assert (worst <= high).all()
