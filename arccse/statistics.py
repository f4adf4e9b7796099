"""How sure a number over seeds is: one interval, from which every verdict follows.

Pure functions on numpy arrays in which seeds are an axis. Values are scores as they are printed (Spearman × 100,
accuracy in %), and so are differences, intervals and margins; p values are two-sided.

A comparison is a weighted sum of rows, seed by seed. Its interval is Student's, at a level that is shared with all
that is looked at together; whether it is higher, lower, equivalent or undecided is read off that interval and off
nothing else. benchmarks/inference.py simulates how often that errs.
"""

from bisect import bisect_left
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from scipy.optimize import brentq
from scipy.stats import f, ncf, t

ALPHA = 0.05  # the chance of any false verdict among those that are looked at together
POWER = 0.8
FEWEST_SEEDS = 3  # fewer get neither an interval nor a p: two would stretch it to nine standard deviations
EXACT_UP_TO = 20  # seeds up to which all sign flips are counted
FLIPS = 20_000 - 1  # random sign flips beyond

# ------------------------------------------------------------------------------------------ one cell of a table


@dataclass(frozen=True)
class Summary:
    """Values over n seeds: mean, sample standard deviation (ddof 1) and the 95 % t interval of the mean.

    With one seed sd is NaN, with fewer than FEWEST_SEEDS low and high are.
    """

    mean: float
    sd: float
    n: int
    low: float
    high: float


def summarise(values: np.ndarray) -> Summary:
    """Mean, spread and interval of one cell's values over seeds.

    Args:
        values: (seeds,) scores; equal values are fine. Without any spread the interval has no width, whatever
            the number of seeds, and says nothing of the values that other seeds would give.

    Raises:
        ValueError: no value, values of another shape, NaN or infinity.

    Source: Student, "The probable error of a mean", Biometrika 1908.
    """
    mean, sd, n = _mean_sd(_finite(values, dimensions=1))
    return Summary(mean, sd, n, *t_interval(mean, sd, n))


def t_interval(mean: float, sd: float, n: int, comparisons: float = 1) -> tuple[float, float]:
    """The interval of a mean over n seeds, NaN for fewer than FEWEST_SEEDS.

    Args:
        comparisons: how many intervals are looked at together; all of them hold the truth with probability 95 %.

    Source: Student 1908; Bonferroni's inequality, as Dunn, "Multiple Comparisons Among Means", JASA 1961, uses it.
    """
    if n < FEWEST_SEEDS:
        return np.nan, np.nan
    half = float(t.isf(ALPHA / comparisons / 2, n - 1)) * sd / n**0.5
    return mean - half, mean + half


def _mean_sd(values: np.ndarray) -> tuple[float, float, int]:
    n = len(values)
    if np.ptp(values) == 0:  # a computed mean of equal values can miss them by a rounding error
        return float(values[0]), 0.0 if n > 1 else np.nan, n
    return float(values.mean()), float(values.std(ddof=1)), n


def _finite(values: np.ndarray, dimensions: int) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != dimensions or values.size == 0:
        raise ValueError(f"expected a non-empty array of {dimensions} dimension(s), got shape {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("the values contain NaN or infinity")
    return values


# ------------------------------------------------------------------------------------------- paired comparisons


@dataclass(frozen=True)
class Effect:
    """A weighted sum of rows over n common seeds: mean and standard deviation (ddof 1, NaN for one seed).

    sign_flip: two-sided p of the sign-flip test, a check on the t interval that assumes no normal values; NaN where
    no outcome could be as rare as ALPHA, which takes 6 seeds.
    """

    difference: float
    sd: float
    n: int
    sign_flip: float


def contrast(values: np.ndarray, weights: np.ndarray) -> Effect:
    """A weighted sum of rows, seed by seed.

    Of four rows (neither, x, y, both), the main effect of x is [−½, ½, −½, ½], x given y is [0, 0, −1, 1] and the
    interaction, the difference of two differences, is [1, −1, −1, 1].

    Args:
        values: (rows, seeds) scores, the same seeds in the same order.
        weights: (rows,), summing to 0.

    Raises:
        ValueError: shapes that do not fit, weights that do not sum to 0 or are all 0, no seed, NaN or infinity.
    """
    values, weights = _finite(values, dimensions=2), _finite(weights, dimensions=1)
    if len(weights) != len(values):
        raise ValueError(f"{len(values)} rows need as many weights, got {len(weights)}")
    if not weights.any() or abs(weights.sum()) > 1e-9 * np.abs(weights).sum():
        raise ValueError(f"the weights of a contrast sum to 0 and are not all 0, got {weights.tolist()}")
    return effect(weights @ values)


def effect(differences: np.ndarray) -> Effect:
    """What (seeds,) differences of common seeds come to. Raises ValueError for none, NaN or infinity."""
    differences = _finite(differences, dimensions=1)
    mean, sd, n = _mean_sd(differences)
    return Effect(mean, sd, n, sign_flip(differences))


def improvement(a: np.ndarray, b: np.ndarray) -> float:
    """The probability that a run of B scores above a run of A, of all pairs of runs, ties counted half.

    Args:
        a, b: (seeds,) scores.

    Source: Agarwal et al., "Deep Reinforcement Learning at the Edge of the Statistical Precipice", NeurIPS 2021.
    """
    return float(1 + np.sign(np.asarray(b)[:, None] - np.asarray(a)).mean()) / 2


def sign_flip(differences: np.ndarray) -> float:
    """Two-sided p of the sign-flip test of (seeds,) differences; NaN where there are too few seeds for any p ≤ ALPHA.

    If the comparison makes no difference, each seed's is as likely as its opposite. p is the share of flips whose
    mean is at least as far from 0, of all 2^n for up to EXACT_UP_TO seeds, and of FLIPS random ones beyond, the
    observed one counted among them.

    Source: Fisher, The Design of Experiments, 1935, § 21; the + 1 of random flips: Phipson and Smyth,
    "Permutation P-values Should Never Be Zero", 2010.
    """
    n = len(differences)
    if 2.0 ** (1 - n) > ALPHA:
        return np.nan
    # The same sum in another order can differ by a rounding error, and counts as the same.
    threshold = abs(differences.sum()) - 1e-9 * np.abs(differences).sum()
    if n > EXACT_UP_TO:
        signs = np.random.default_rng(0).choice([-1.0, 1.0], size=(FLIPS, n))
        return (1 + int((np.abs(signs @ differences) >= threshold).sum())) / (1 + FLIPS)
    # of two halves, whose sums are a thousandth as many; the first sign stays: flipping all changes no absolute sum
    first = _signed_sums(differences[:1], differences[1 : n // 2])
    last = np.sort(_signed_sums(np.zeros(1), differences[n // 2 :]))
    above = len(last) - np.searchsorted(last, threshold - first, side="left")
    below = np.searchsorted(last, -threshold - first, side="right")
    return min(1.0, float((above + below).sum()) / (len(first) * len(last)))


def _signed_sums(sums: np.ndarray, differences: np.ndarray) -> np.ndarray:
    """(2^n × sums,) each sum plus or minus each of (n,) differences."""
    for difference in differences:
        sums = np.concatenate([sums + difference, sums - difference])
    return sums


# ------------------------------------------------------------------------------------------------------ verdicts


Word = Literal["higher", "lower", "equivalent", "undecided"]


@dataclass(frozen=True)
class Verdict:
    """What a comparison says, among all that are looked at together.

    low, high: the interval that decides; p: of the t test, adjusted alike, so that p ≤ ALPHA where 0 is outside;
    detectable: the smallest true difference that n seeds of this spread find with 80 % power; text: the word, and
    why there is no other. Without an interval all numbers are NaN.
    """

    word: Word
    low: float
    high: float
    p: float
    detectable: float
    text: str


def judge(found: Effect, comparisons: int = 1, equivalence: float | None = None) -> Verdict:
    """The verdict on a comparison over seeds, from its interval alone (`word_of`).

    Args:
        comparisons: how many are looked at together, this one included; times the looks, where the data were
            looked at before all seeds were in.
        equivalence: the largest difference that does not matter, above 0; None: no verdict "equivalent".

    Source: two one-sided tests: Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 1987, here each at
    ALPHA / 2 / comparisons, so that one interval tells all.
    """
    low, high = t_interval(found.difference, found.sd, found.n, comparisons)
    if np.isnan(low):
        seeds = f"{found.n} seed{'s' if found.n > 1 else ''}"
        return Verdict("undecided", low, high, np.nan, np.nan, f"undecided: {seeds}, and an interval takes 3")
    word = word_of(low, high, equivalence)
    p = min(1.0, comparisons * _two_sided_p(found))
    return Verdict(word, low, high, p, detectable(found.sd, found.n, ALPHA / comparisons), word)


def word_of(low: float, high: float, equivalence: float | None) -> Word:
    """The verdict of an interval.

    "equivalent" where it lies within ± equivalence, "higher" or "lower" where it leaves 0 out and is not within, else
    "undecided". An interval within the margin that leaves 0 out is of a difference that is sure and too small to
    matter.
    """
    if equivalence is not None and -equivalence <= low and high <= equivalence:
        return "equivalent"
    if low > 0 or high < 0:
        return "higher" if low > 0 else "lower"
    return "undecided"


def _two_sided_p(found: Effect) -> float:
    if found.sd == 0:
        return 1.0 if found.difference == 0 else 0.0
    return 2 * float(t.sf(abs(found.difference) / (found.sd / found.n**0.5), found.n - 1))


# ------------------------------------------------------------------------------------------------------- power


def detectable(sd: float, n: int, alpha: float = ALPHA, power: float = POWER) -> float:
    """The minimum detectable effect: the true difference that a two-sided paired t test finds with that power.

    Args:
        sd: standard deviation of the paired differences over seeds.
        n: common seeds, at least 2.

    Source: Bloom, "Minimum Detectable Effects", Evaluation Review 1995, with the noncentral distribution.
    """
    return sd / n**0.5 * _found_shift(n - 1, alpha, power)


@cache
def _found_shift(df: int, alpha: float, power: float) -> float:
    """How many standard errors from 0 the truth must be for a two-sided t test to reject that often."""
    most = 20 * float(t.isf(alpha / 2, df))  # which are found for certain
    return float(brentq(lambda shift: _power(shift, df, alpha) - power, 0, most))


def seeds_needed(gain: float, sd: float, power: float = POWER, alpha: float = ALPHA, paired: bool = False) -> int:
    """The smallest number of seeds, at least 2, with which a two-sided t test finds a gain with that power.

    Args:
        gain: the true difference of the means, of either sign.
        sd: standard deviation over seeds, the same in both variants; of the paired differences with `paired`.
        power: the chance to find it, between 0 and 1.
        alpha: the test's level, between 0 and 1.
        paired: common seeds, compared pair by pair, instead of two independent groups.

    Returns:
        Seeds of each variant.

    Raises:
        ValueError: a gain of 0 or below 0.0001 sd (which takes about 10⁹ seeds), a negative sd, power or alpha
            outside 0 to 1.

    Source: Cohen, Statistical Power Analysis for the Behavioral Sciences, 1988, ch. 2, with the noncentral t
    distribution, which is squared here (F with 1 degree of freedom) to have both tails in one.
    """
    if not (np.isfinite([gain, sd]).all() and sd >= 0 and abs(gain) > 1e-4 * sd):
        raise ValueError(f"seeds are found for sd ≥ 0 and a gain above 0.0001 sd, got gain {gain} and sd {sd}")
    if not (0 < power < 1 and 0 < alpha < 1):
        raise ValueError(f"power and alpha lie between 0 and 1, got {power} and {alpha}")
    if sd == 0:
        return 2

    def is_enough(n: int) -> bool:
        df, shift = (n - 1, n**0.5 * gain / sd) if paired else (2 * (n - 1), (n / 2) ** 0.5 * gain / sd)
        return _power(shift, df, alpha) >= power

    enough = 2
    while not is_enough(enough):
        enough *= 2
    return 2 + bisect_left(range(2, enough), True, key=is_enough)


def _power(shift: float, df: int, alpha: float) -> float:
    """How often a two-sided t test rejects where the truth is `shift` standard errors from 0."""
    return float(ncf.sf(f.isf(alpha, 1, df), 1, df, shift**2))
