"""Statistics over seeds: closed forms, published numbers, other implementations, and simulated error rates.

The simulations have fixed seeds. Their counts are held against the central 99.9 % of the binomial distribution
with the rate that theory gives.
"""

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, mannwhitneyu, nct, permutation_test, t, ttest_1samp, ttest_ind, ttest_rel

from arccse.statistics import (
    Summary,
    contrast,
    detectable,
    effect,
    improvement,
    judge,
    seeds_needed,
    sign_flip,
    summarise,
    t_interval,
)

SEEDS = st.integers(0, 2**32 - 1)
SCORES = st.floats(-100, 100).map(lambda score: round(score, 2))  # printed scores, so that ties happen
DIFFERENCES = st.lists(SCORES, min_size=1, max_size=12).map(np.array)

# Darwin's maize: heights of 15 cross-fertilised plants less their self-fertilised twins', in eighths of an inch
# (Fisher, The Design of Experiments, 1935, table 3).
MAIZE = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48])


def within(count: int, trials: int, rate: float) -> bool:
    """Is the count one that the rate gives, but for one time in a thousand?"""
    return binom.ppf(0.0005, trials, rate) <= count <= binom.ppf(0.9995, trials, rate)


# one cell


@pytest.mark.parametrize("values", [[76.25], [75.0, 76.0]], ids=str)
def test_one_or_two_values_have_no_interval(values: list[float]) -> None:
    cell = summarise(np.array(values))
    assert (cell.mean, cell.n) == (np.mean(values), len(values))
    assert np.isnan([cell.low, cell.high]).all()
    assert np.isnan(cell.sd) == (len(values) == 1)


@pytest.mark.parametrize("n", [3, 5, 50])
def test_equal_values_have_an_interval_of_no_width(n: int) -> None:
    assert summarise(np.full(n, 0.1)) == Summary(mean=0.1, sd=0, n=n, low=0.1, high=0.1)


def test_the_interval_is_students() -> None:
    values = MAIZE / 8
    low, high = ttest_1samp(values, 0).confidence_interval(0.95)
    cell = summarise(values)
    assert (cell.low, cell.high) == (pytest.approx(low), pytest.approx(high))
    assert (cell.mean, cell.sd) == (pytest.approx(314 / 15 / 8), pytest.approx(np.std(values, ddof=1)))
    # of five looked at together each has 99 %
    assert t_interval(cell.mean, cell.sd, 15, comparisons=5) == pytest.approx(
        tuple(ttest_1samp(values, 0).confidence_interval(0.99))
    )


@settings(max_examples=60)
@given(values=st.lists(SCORES, min_size=3, max_size=30).map(np.array))
def test_every_summary_is_finite_and_in_order(values: np.ndarray) -> None:
    cell = summarise(values)
    assert np.isfinite(astuple(cell)).all()
    assert cell.low <= cell.high
    assert (cell.low == cell.high) == (cell.sd == 0) == (np.ptp(values) == 0)


@pytest.mark.parametrize("values", [[], [[1.0, 2.0]], [1.0, np.nan], [np.inf, 1.0]], ids=str)
def test_values_that_cannot_be_summarised(values: list) -> None:
    with pytest.raises(ValueError, match=r"non-empty array of 1|NaN or infinity"):
        summarise(np.array(values))


# comparisons


@settings(max_examples=60)
@given(differences=DIFFERENCES)
def test_what_holds_for_every_comparison(differences: np.ndarray) -> None:
    one, reversed_ = effect(differences), effect(-differences)
    assert one.n == len(differences)
    assert reversed_.difference == -one.difference
    assert astuple(reversed_)[1:] == pytest.approx(astuple(one)[1:], nan_ok=True)
    verdict, other = judge(one), judge(reversed_)
    assert (verdict.low, verdict.high) == pytest.approx((-other.high, -other.low), nan_ok=True)
    assert {verdict.word, other.word} in ({"higher", "lower"}, {"undecided"})


@given(a=DIFFERENCES, b=DIFFERENCES)
def test_improvement_is_mann_and_whitneys(a: np.ndarray, b: np.ndarray) -> None:
    assert improvement(a, b) == pytest.approx(mannwhitneyu(b, a).statistic / len(a) / len(b))
    assert improvement(a, b) == pytest.approx(1 - improvement(b, a))


def test_contrasts_of_a_two_by_two_design() -> None:
    # neither, x, y, both over two seeds
    values = np.array([[70.0, 72.0], [71.0, 73.0], [74.0, 75.0], [78.0, 80.0]])
    assert contrast(values, np.array([-0.5, 0.5, -0.5, 0.5])).difference == pytest.approx((2.5 + 3) / 2)
    assert contrast(values, np.array([0, 0, -1, 1])).difference == pytest.approx((4 + 5) / 2)  # x given y
    interaction = contrast(values, np.array([1, -1, -1, 1]))
    assert interaction.difference == pytest.approx(((4 - 1) + (5 - 1)) / 2)
    assert interaction.sd == pytest.approx(0.5**0.5)
    assert interaction.n == 2


@given(seed=SEEDS, seeds=st.integers(1, 8))
def test_a_difference_of_differences_is_the_effect_of_the_differences(seed: int, seeds: int) -> None:
    values = np.random.default_rng(seed).normal(75, 1, size=(4, seeds))
    by_contrast = contrast(values, np.array([1, -1, -1, 1]))
    by_hand = effect((values[3] - values[2]) - (values[1] - values[0]))
    assert astuple(by_contrast) == pytest.approx(astuple(by_hand), nan_ok=True)


@pytest.mark.parametrize(
    ("values", "weights", "message"),
    [
        (np.ones((2, 3)), [1, 1], "sum to 0"),
        (np.ones((2, 3)), [0, 0], "not all 0"),
        (np.ones((2, 3)), [1, -2, 1], "2 rows need as many weights, got 3"),
        (np.ones(3), [1, -1, 0], "of 2 dimension"),
        (np.ones((2, 0)), [1, -1], "non-empty"),
        (np.array([[1.0, np.nan], [1.0, 2.0]]), [1, -1], "NaN"),
    ],
)
def test_contrasts_that_are_none(values: np.ndarray, weights: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        contrast(values, np.array(weights))


# the sign-flip test


def test_fishers_count_of_darwins_maize() -> None:
    # Fisher counts 863 of 32,768 arrangements with a sum of 314 or more, 1726 with both tails
    assert sign_flip(MAIZE) == 1726 / 2**15


@settings(max_examples=60)
@given(differences=st.lists(st.integers(-9, 9), min_size=6, max_size=10).map(lambda own: np.array(own, dtype=float)))
def test_the_p_of_scipys_permutation_test(differences: np.ndarray) -> None:
    expected = permutation_test((differences,), np.sum, permutation_type="samples", n_resamples=np.inf).pvalue
    assert sign_flip(differences) == expected


def test_equal_sums_are_equal_despite_rounding() -> None:
    # 0.1 + 0.2 − 0.3 is 0 but for rounding, and every flip is as far from 0
    assert sign_flip(np.array([0.1, 0.2, -0.3] * 2)) == 1


@pytest.mark.parametrize(("n", "smallest"), [(6, 2 / 64), (20, 2**-19), (30, 1 / 20_000)])
def test_the_smallest_p_is_reached_by_seeds_that_agree(n: int, smallest: float) -> None:
    assert sign_flip(np.linspace(1, 2, n)) == smallest


def test_it_has_nothing_to_say_of_fewer_than_six_seeds() -> None:
    assert np.isnan([sign_flip(np.linspace(1, 2, n)) for n in range(1, 6)]).all()


def test_random_flips_agree_with_all_of_them() -> None:
    differences = np.random.default_rng(3).normal(0.4, 1, size=22)
    sums = np.zeros(1)
    for difference in differences:  # all 2^22, by an own loop
        sums = np.add.outer(sums, [difference, -difference]).ravel()
    exact = float((np.abs(sums) >= abs(differences.sum()) - 1e-9).mean())
    flips = 20_000
    assert 0.01 < exact < 0.5
    assert within(round(sign_flip(differences) * flips) - 1, flips - 1, exact)


def test_the_sign_flip_test_errs_as_often_as_it_should() -> None:
    # with 8 seeds p is a multiple of 2/256: 6 of the 128 values are at most 0.05
    trials, values = 3000, np.random.default_rng(0).normal(0, 0.8, size=(3000, 8))
    assert within(sum(sign_flip(own) <= 0.05 for own in values), trials, 6 / 128)


# verdicts


@pytest.mark.parametrize(
    ("differences", "equivalence", "word"),
    [
        ([1.0, 1.1, 1.2], None, "higher"),
        ([-1.0, -1.1, -1.2], 0.5, "lower"),
        ([0.01, -0.02, 0.01], 0.1, "equivalent"),
        ([0.01, -0.02, 0.01], None, "undecided"),
        ([0.05, 0.051, 0.052], 0.1, "equivalent"),  # sure, and too small to matter
        ([0.05, 0.051, 0.052], 0.02, "higher"),
        ([1.0, -1.0, 0.0], 0.1, "undecided"),
        ([0.0, 0.0, 0.0], 0.1, "equivalent"),
        ([0.0, 0.0, 0.0], None, "undecided"),
        ([2.0, 2.0, 2.0], None, "higher"),
    ],
)
def test_verdicts(differences: list[float], equivalence: float | None, word: str) -> None:
    verdict = judge(effect(np.array(differences)), equivalence=equivalence)
    assert (verdict.word, verdict.text) == (word, word)


@pytest.mark.parametrize("n", [1, 2])
def test_too_few_seeds_have_neither_interval_nor_p(n: int) -> None:
    verdict = judge(effect(np.linspace(1, 2, n)), equivalence=10)
    assert np.isnan([verdict.low, verdict.high, verdict.p, verdict.detectable]).all()
    assert verdict.text == f"undecided: {n} seed{'s' * (n > 1)}, and an interval takes 3"


@settings(max_examples=60)
@given(differences=st.lists(SCORES, min_size=3, max_size=12).map(np.array), comparisons=st.integers(1, 30))
def test_p_interval_and_verdict_agree(differences: np.ndarray, comparisons: int) -> None:
    one = effect(differences)
    verdict = judge(one, comparisons)
    assert verdict.low <= one.difference <= verdict.high
    assert (verdict.word != "undecided") == (verdict.low > 0 or verdict.high < 0)
    if abs(verdict.p - 0.05) > 1e-9:
        assert (verdict.p < 0.05) == (verdict.word != "undecided")
    if one.sd > 1e-6:
        assert verdict.p == pytest.approx(min(1, comparisons * ttest_1samp(differences, 0).pvalue), rel=1e-6)
    alone = judge(one)
    assert verdict.low <= alone.low
    assert alone.p <= verdict.p


def test_a_familys_intervals_hold_together_as_often_as_they_say() -> None:
    # three rows against one baseline, six seeds, no difference anywhere: an error in at most 5 of 100 families
    trials, rng = 2000, np.random.default_rng(0)
    wrong = 0
    for _ in range(trials):
        base, *rows = rng.normal(75, 0.8, size=(4, 6))
        wrong += any(judge(effect(row - base), comparisons=3).word != "undecided" for row in rows)
    assert wrong <= binom.ppf(0.9995, trials, 0.05)
    assert wrong >= binom.ppf(0.0005, trials, 0.03)  # and not by never saying anything


@pytest.mark.parametrize("n", [3, 7, 12])
def test_intervals_cover_and_equivalence_errs_as_often_as_they_say(n: int) -> None:
    trials = 3000
    values = np.random.default_rng(n).normal(0.1, 0.05, size=(trials, n))
    verdicts = [judge(effect(own), equivalence=0.1) for own in values]
    assert within(sum(verdict.low <= 0.1 <= verdict.high for verdict in verdicts), trials, 0.95)
    # a difference just as large as the margin is taken for equivalent where the interval lies below it
    assert sum(verdict.word == "equivalent" for verdict in verdicts) <= binom.ppf(0.9995, trials, 0.025)


# power


@given(sd=st.floats(0.01, 10), n=st.integers(2, 30), alpha=st.floats(0.001, 0.2))
def test_what_is_detectable_is_found_with_that_power(sd: float, n: int, alpha: float) -> None:
    shift = detectable(sd, n, alpha) / (sd / n**0.5)
    critical = t.isf(alpha / 2, n - 1)
    power = nct.sf(critical, n - 1, shift) + nct.sf(critical, n - 1, -shift)
    assert power == pytest.approx(0.8, abs=1e-3)


def test_what_is_detectable_by_simulation() -> None:
    trials, least = 20_000, detectable(1, 5)
    differences = np.random.default_rng(0).normal(least, 1, size=(trials, 5))
    assert within(int((ttest_1samp(differences, 0, axis=1).pvalue <= 0.05).sum()), trials, 0.8)
    assert detectable(0, 5) == 0


@pytest.mark.parametrize(
    ("gain", "power", "paired", "n"),
    [
        (0.5, 0.8, False, 64),  # Cohen 1988, table 2.4.1
        (0.8, 0.8, False, 26),
        (1.0, 0.8, False, 17),
        (1.0, 0.9, False, 23),  # R's power.t.test, its manual's example: 22.02
        (0.5, 0.8, True, 34),  # G*Power's for matched pairs
        (0.8, 0.8, True, 15),
    ],
)
def test_published_sample_sizes(gain: float, power: float, paired: bool, n: int) -> None:
    assert seeds_needed(gain, 1, power=power, paired=paired) == n
    assert seeds_needed(-0.7 * gain, 0.7, power=power, paired=paired) == n


@given(effect=st.floats(0.1, 4), power=st.floats(0.1, 0.99), alpha=st.floats(0.001, 0.2), paired=st.booleans())
def test_no_smaller_number_is_enough(effect: float, power: float, alpha: float, paired: bool) -> None:
    def reached(n: int) -> float:  # with both tails of the noncentral t
        df, shift = (n - 1, effect * n**0.5) if paired else (2 * n - 2, effect * (n / 2) ** 0.5)
        critical = t.isf(alpha / 2, df)
        return nct.sf(critical, df, shift) + nct.sf(critical, df, -shift)

    n = seeds_needed(effect, 1, power, alpha, paired)
    assert reached(n) >= power - 1e-9
    assert n == 2 or reached(n - 1) < power + 1e-9


@pytest.mark.parametrize("paired", [False, True])
def test_simulated_power(paired: bool) -> None:
    trials, n = 20_000, seeds_needed(1.5, 1, paired=paired)
    test, rng = (ttest_rel if paired else ttest_ind), np.random.default_rng(0)
    sd = 0.5**0.5 if paired else 1  # of one variant, where that of the differences is 1
    found = {}
    for seeds in (n - 1, n):
        a, b = rng.normal(0, sd, size=(2, trials, seeds))
        found[seeds] = int((test(a, b + 1.5, axis=1).pvalue <= 0.05).sum())
    assert found[n] >= binom.ppf(0.0005, trials, 0.8)
    assert found[n - 1] <= binom.ppf(0.9995, trials, 0.8)


def test_extremes_of_power() -> None:
    assert seeds_needed(1, 0) == seeds_needed(1e9, 1) == seeds_needed(5, 1, power=0.01) == 2
    assert seeds_needed(0.01, 1) == pytest.approx(2 * (1.959964 + 0.841621) ** 2 / 0.01**2, rel=1e-4)  # normal limit


@pytest.mark.parametrize(
    ("gain", "sd", "power", "alpha", "message"),
    [
        (0, 1, 0.8, 0.05, "gain 0 and sd 1"),
        (0, 0, 0.8, 0.05, "gain 0"),
        (1e-5, 1, 0.8, 0.05, "0.0001 sd"),
        (1, -1, 0.8, 0.05, "sd ≥ 0"),
        (np.nan, 1, 0.8, 0.05, "gain nan"),
        (1, np.nan, 0.8, 0.05, "sd nan"),
        (1, 1, 1, 0.05, "between 0 and 1"),
        (1, 1, 0.8, 0, "between 0 and 1"),
    ],
)
def test_power_that_cannot_be_had(gain: float, sd: float, power: float, alpha: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        seeds_needed(gain, sd, power, alpha)
