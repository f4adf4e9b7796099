"""Kendall's τ of rankings over seeds: closed forms, scipy, simulated coverage."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from arccse import kendall as module
from arccse.kendall import agreement, kendall, means_of_other_seeds, sure_order

LEVELS = np.arange(5.0)
STILL = np.tile(LEVELS[:, None], 4)  # (rows, seeds) without any noise


def noise(rows, seeds, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, seeds))


# closed forms


def test_one_order_twice_and_its_reverse():
    same, opposite = agreement(STILL, 3 * STILL + 70), agreement(STILL, -STILL)
    assert [same.tau, same.low, same.high, same.least, same.most] == [1] * 5
    assert [opposite.tau, opposite.low, opposite.high, opposite.least, opposite.most] == [-1] * 5
    assert (same.same, same.opposite, same.open) == (10, 0, 0)
    assert (opposite.same, opposite.opposite, opposite.open) == (0, 10, 0)
    assert same.p == opposite.p == pytest.approx(2 / 120)  # of 5! orders, the two extreme ones


def test_one_exchanged_pair_of_four_costs_a_third():
    other = STILL[[1, 0, 2, 3]]
    found = agreement(STILL[:4], other)
    assert found.tau == pytest.approx(1 - 2 / 6)
    assert (found.same, found.opposite, found.rows) == (5, 1, 4)


def test_rows_that_are_all_equal_have_no_ranking():
    found = agreement(STILL, np.full((5, 4), 70.1))
    assert np.isnan([found.tau, found.low, found.high, found.p]).all()
    assert (found.least, found.most, found.open) == (-1, 1, 10)


def test_two_seeds_are_too_few_for_any_certainty():
    found = agreement(STILL[:, :2], STILL)
    assert found.tau == 1
    assert np.isnan([found.low, found.high, found.least, found.most]).all()
    assert found.open == 10


def test_rankings_are_of_the_same_rows():
    with pytest.raises(ValueError, match="the same rows"):
        agreement(STILL, STILL[:4])
    with pytest.raises(ValueError, match="seeds"):
        agreement(STILL, STILL[:, :3], same_runs=True)


values = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=8)


@given(values)
def test_tau_is_scipy_s_tau_b(pairs):
    a, b = np.array(pairs, dtype=float).T
    assert kendall(a[None], b[None])[0] == pytest.approx(kendalltau(a, b).statistic, nan_ok=True)


@given(st.integers(0, 2**32 - 1))
def test_an_agreement_is_symmetric_and_within_its_bounds(seed):
    a, b = noise(5, 6, seed) + STILL[:, :1], noise(5, 6, seed + 1) + STILL[:, :1]
    found, turned = agreement(a, b), agreement(b, a)
    assert (found.tau, found.least, found.most, found.p) == (turned.tau, turned.least, turned.most, turned.p)
    assert -1 <= found.least <= found.tau <= found.most <= 1
    assert found.low <= found.tau <= found.high
    reverse = agreement(a, -b)
    assert (reverse.tau, reverse.least, reverse.most) == pytest.approx((-found.tau, -found.most, -found.least))


# resampling


def test_differences_of_two_rows_are_drawn_as_student_s_interval_says(monkeypatch):
    monkeypatch.setattr(module, "DRAWS", 40_000)
    scores = noise(2, 5)
    drawn = means_of_other_seeds(scores, np.random.default_rng(1))
    differences = drawn[:, 0] - drawn[:, 1]
    own = scores[0] - scores[1]
    half = 2.776445 * own.std(ddof=1) / 5**0.5  # Student's t with 4 degrees of freedom
    assert np.quantile(differences, [0.025, 0.975]) == pytest.approx([own.mean() - half, own.mean() + half], abs=0.05)


def test_what_is_common_to_all_rows_of_a_seed_changes_no_ranking():
    levels = 10 * np.arange(4.0)[:, None]
    shifted = levels + 1000 * noise(1, 5)
    found = agreement(shifted, levels + noise(4, 5) / 10)
    assert (found.tau, found.low, found.high, found.same) == (1, 1, 1, 6)


def test_two_scores_of_the_same_runs_go_together():
    """A score that is the other one plus a constant agrees wholly, however uncertain the order is."""
    a = noise(6, 5)
    together, apart = agreement(a, a + 1, same_runs=True), agreement(a, a + 1)
    assert (together.low, together.high) == (1, 1)
    assert apart.low < 1


def test_an_order_is_sure_where_every_interval_leaves_zero_out():
    scores = np.array([[0.0, 0.1, -0.1, 0.0], [5.0, 5.2, 4.9, 5.1], [5.1, 4.8, 5.3, 5.0]])
    assert sure_order(scores, 3).tolist() == [-1, -1, 0]
    assert sure_order(scores[::-1], 3).tolist() == [0, 1, 1]
    assert sure_order(scores[:, :2], 3).tolist() == [0, 0, 0]


# coverage


def coverage(rows, seeds, gap, related, trials=300):
    """How often resampling and bounds hold the τ of true means whose spread is `gap` times that of seeds."""
    rng = np.random.default_rng([rows, seeds, round(10 * gap)])
    resampled = bounded = 0
    for _ in range(trials):
        one = gap * rng.normal(size=(rows, 1))
        two = one if related else gap * rng.normal(size=(rows, 1))
        truth = kendalltau(one, two).statistic
        found = agreement(one + rng.normal(size=(rows, seeds)), two + rng.normal(size=(rows, seeds)))
        resampled += found.low - 1e-9 <= truth <= found.high + 1e-9
        bounded += found.least - 1e-9 <= truth <= found.most + 1e-9
    return resampled / trials, bounded / trials


@pytest.mark.parametrize(("rows", "seeds", "gap"), [(4, 3, 1), (6, 5, 1), (6, 5, 3), (10, 5, 0.3), (10, 10, 1)])
def test_independent_rankings_are_held_by_both(rows, seeds, gap, monkeypatch):
    monkeypatch.setattr(module, "DRAWS", 400)
    resampled, bounded = coverage(rows, seeds, gap, related=False)
    assert resampled >= 0.93  # 0.96 to 1
    assert bounded >= 0.95


def test_the_bounds_hold_an_agreement_that_noise_hides(monkeypatch):
    """Ten rows as far apart as seeds are, in the same order on both: resampling misses it now and then."""
    monkeypatch.setattr(module, "DRAWS", 400)
    resampled, bounded = coverage(10, 5, 1, related=True, trials=200)
    assert 0.6 <= resampled <= 0.9
    assert bounded >= 0.95


def test_other_seeds_give_what_is_said(monkeypatch):
    monkeypatch.setattr(module, "DRAWS", 400)
    rng, held = np.random.default_rng(0), 0
    for _ in range(200):
        levels = rng.normal(size=(10, 1))
        a, b, again, once_more = levels + rng.normal(size=(4, 10, 5))
        found, other = agreement(a, b), agreement(again, once_more)
        held += found.low - 1e-9 <= other.tau <= found.high + 1e-9
    assert held >= 188  # 0.98


def test_the_interval_reaches_as_far_on_both_sides_or_to_the_end():
    found = agreement(noise(6, 5) + STILL[[0, 1, 2, 3, 4, 4], :1], noise(6, 5, 1) + STILL[[0, 1, 2, 3, 4, 4], :1])
    low, high = found.tau - found.low, found.high - found.tau
    assert low == pytest.approx(high) or found.high == pytest.approx(1)
