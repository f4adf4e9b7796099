"""How sure a number over seeds is: intervals, paired comparisons, and how many seeds a claim needs.

Pure functions on numpy arrays in which seeds are an axis. What is random here is seeded, so the same values
always give the same result. Values are scores as they are printed (Spearman × 100, accuracy in %), and so are
differences and intervals; p values are two-sided.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.stats import bootstrap, f, ncf, t

ALPHA = 0.05  # a comparison is decided where its adjusted p is no larger
BCA_FROM = 20  # seeds from which on an interval is bootstrapped
EXACT_UP_TO = 20  # seeds up to which all sign flips are enumerated: 2^19 sums are 4 MiB
FLIPS = 20_000 - 1  # random sign flips beyond
CONFIDENCE = 0.95  # of the intervals of differences

# ------------------------------------------------------------------------------------------ one cell of a table


@dataclass(frozen=True)
class Summary:
    """Values over n seeds: mean, sample standard deviation (ddof 1) and the interval of the mean.

    `method` says how the interval came about. With "none" (one seed) sd, low and high are NaN.
    """

    mean: float
    sd: float
    n: int
    low: float
    high: float
    method: Literal["none", "t", "bca"]


def summarise(values: np.ndarray, confidence: float = 0.95) -> Summary:
    """Mean, spread and interval of one cell's values over seeds.

    Fewer than BCA_FROM seeds get Student's t interval, which is exact for normal values at any n; more get the
    BCa bootstrap (9,999 resamples), which follows skewed values. BCa knows nothing of Student's t: it covers
    about as often as ± 1.96 √((n−1)/n) sd/√n does, at 95 % for normal values 92.9 % with 20 seeds and 94.2 %
    with 50.

    Args:
        values: (seeds,) scores; equal values are fine. Without any spread the interval has no width, whatever
            the number of seeds, and says nothing of the values that other seeds would give.
        confidence: of the interval, between 0 and 1.

    Raises:
        ValueError: no value, values of another shape, NaN or infinity, confidence outside 0 to 1.

    Source: BCa after Efron, "Better bootstrap confidence intervals", JASA 1987, as scipy.stats.bootstrap has it.
    """
    values = _finite(values, dimensions=1)
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence}")
    mean, sd, n = _mean_sd(values)
    if n < BCA_FROM or sd == 0:
        return Summary(mean, sd, n, *_t_interval(mean, sd, n, confidence), method="t" if n > 1 else "none")
    # Standardised, because scores that differ in their last digits only would have no spread left in scipy's sums.
    resampled = bootstrap(
        ((values - mean) / sd,), np.mean, confidence_level=confidence, method="BCa", rng=np.random.default_rng(0)
    ).confidence_interval
    return Summary(mean, sd, n, float(mean + sd * resampled.low), float(mean + sd * resampled.high), "bca")


def _mean_sd(values: np.ndarray) -> tuple[float, float, int]:
    n = len(values)
    if np.ptp(values) == 0:  # a computed mean of equal values can miss them by a rounding error
        return float(values[0]), 0.0 if n > 1 else np.nan, n
    return float(values.mean()), float(values.std(ddof=1)), n


def _t_interval(mean: float, sd: float, n: int, confidence: float) -> tuple[float, float]:
    if n == 1:
        return np.nan, np.nan
    half = float(t.isf((1 - confidence) / 2, n - 1)) * sd / n**0.5
    return mean - half, mean + half


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
    """Paired differences over n common seeds.

    difference: their mean; sd: their standard deviation (ddof 1); low, high: the 95 % t interval of the mean.
    sd, low and high are NaN for one seed.
    p: two-sided sign-flip permutation test; smallest_p: the smallest that n seeds can reach.
    improvement: the probability that a run of B beats a run of A, None where not two variants are compared.
    """

    difference: float
    sd: float
    n: int
    low: float
    high: float
    p: float
    smallest_p: float
    improvement: float | None = None


def compare(a: np.ndarray, b: np.ndarray) -> Effect:
    """B against A over common seeds: a difference above 0 and an improvement above 0.5 speak for B.

    The improvement counts all pairs of a run of B and a run of A, whatever their seeds, and ties half.

    Args:
        a, b: (seeds,) scores, the same seeds in the same order.

    Raises:
        ValueError: the shapes differ, there is no seed, NaN or infinity.

    Source: probability of improvement after Agarwal et al., "Deep Reinforcement Learning at the Edge of the
    Statistical Precipice", NeurIPS 2021; p as in `contrast`.
    """
    a, b = _finite(a, dimensions=1), _finite(b, dimensions=1)
    if a.shape != b.shape:
        raise ValueError(f"a paired comparison needs the same seeds, got {len(a)} and {len(b)}")
    beats = np.sign(b[:, None] - a)
    return replace(contrast(np.stack([a, b]), np.array([-1, 1])), improvement=float(1 + beats.mean()) / 2)


def contrast(values: np.ndarray, weights: np.ndarray) -> Effect:
    """A weighted sum of variants, seed by seed, against 0.

    Of four variants (neither, x, y, both), the main effect of x is [−½, ½, −½, ½] and the interaction, the
    difference of two differences, is [1, −1, −1, 1].

    The test flips the signs of the seeds' sums: if the contrast makes no difference, each is as likely as its
    opposite. p is the share of flips whose mean is at least as far from 0, of all 2^n for up to EXACT_UP_TO
    seeds, and of FLIPS random ones beyond, the observed one counted among them. Exact p are multiples of 2^(1−n),
    so that fewer than 6 seeds cannot reach 0.05.

    Args:
        values: (variants, seeds) scores, the same seeds in the same order.
        weights: (variants,), summing to 0.

    Raises:
        ValueError: shapes that do not fit, weights that do not sum to 0 or are all 0, no seed, NaN or infinity.

    Source: Fisher, The Design of Experiments, 1935, § 21; the + 1 of random flips: Phipson and Smyth,
    "Permutation P-values Should Never Be Zero", 2010.
    """
    values, weights = _finite(values, dimensions=2), _finite(weights, dimensions=1)
    if len(weights) != len(values):
        raise ValueError(f"{len(values)} variants need as many weights, got {len(weights)}")
    if not weights.any() or abs(weights.sum()) > 1e-9 * np.abs(weights).sum():
        raise ValueError(f"the weights of a contrast sum to 0 and are not all 0, got {weights.tolist()}")
    differences = weights @ values
    mean, sd, n = _mean_sd(differences)
    p, smallest_p = _sign_flip(differences)
    return Effect(mean, sd, n, *_t_interval(mean, sd, n, CONFIDENCE), p, smallest_p)


def _sign_flip(differences: np.ndarray) -> tuple[float, float]:
    """Two-sided p of (seeds,) differences, and the smallest that so many can have."""
    n = len(differences)
    # The same sum in another order can differ by a rounding error, and counts as the same.
    threshold = abs(differences.sum()) - 1e-9 * np.abs(differences).sum()
    if n > EXACT_UP_TO:
        signs = np.random.default_rng(0).choice([-1.0, 1.0], size=(FLIPS, n))
        return (1 + int((np.abs(signs @ differences) >= threshold).sum())) / (1 + FLIPS), 1 / (1 + FLIPS)
    sums = differences[:1]  # the first sign stays: flipping all signs changes no absolute sum
    for difference in differences[1:]:
        sums = np.concatenate([sums + difference, sums - difference])
    return float((np.abs(sums) >= threshold).mean()), 2.0 ** (1 - n)


# -------------------------------------------------------------------------------------------- many comparisons


def holm(p_values: np.ndarray) -> np.ndarray:
    """(m,) p values adjusted for each other, so that the chance of any false one below α is at most α.

    The k-th smallest (from 0) is multiplied by m − k, and raised to the largest before it.

    Raises:
        ValueError: an array of another shape, NaN, values outside 0 to 1, no value.

    Source: Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics
    1979.
    """
    p = _finite(p_values, dimensions=1)
    if p.min() < 0 or p.max() > 1:
        raise ValueError(f"p values lie between 0 and 1, got {p.min()} to {p.max()}")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return adjusted


@dataclass(frozen=True)
class Verdict:
    """What a comparison says: `p` is adjusted for its family; `text` is the word, and why none could be given."""

    word: Literal["higher", "lower", "undecided"]
    p: float
    text: str


def verdicts(effects: Sequence[Effect]) -> list[Verdict]:
    """Is each difference of a family above or below 0?

    Decided only where the sign-flip p, adjusted by `holm` for the whole family, is at most ALPHA. The text says
    where no outcome could have been: "undecided: n = 5 seeds can't reach p ≤ 0.05".

    Args:
        effects: all comparisons that are looked at together; a single one is adjusted for nothing.

    Raises:
        ValueError: no effect.
    """
    adjusted = holm(np.array([effect.p for effect in effects]))
    # Holm's values rise with every p, so that these are the smallest adjusted ones that the seeds can reach.
    smallest = holm(np.array([effect.smallest_p for effect in effects]))
    return [
        _verdict(effect, float(p), float(reachable), len(effects))
        for effect, p, reachable in zip(effects, adjusted, smallest, strict=True)
    ]


def _verdict(effect: Effect, p: float, reachable: float, comparisons: int) -> Verdict:
    if p <= ALPHA:
        word: Literal["higher", "lower"] = "higher" if effect.difference > 0 else "lower"
        return Verdict(word, p, word)
    if reachable <= ALPHA:
        return Verdict("undecided", p, "undecided")
    family = f" in {comparisons} comparisons" if effect.smallest_p <= ALPHA else ""
    seeds = f"{effect.n} seed{'s' if effect.n > 1 else ''}"
    return Verdict("undecided", p, f"undecided: n = {seeds} can't reach p ≤ {ALPHA}{family}")


# ------------------------------------------------------------------------------------------ seeds and examples


@dataclass(frozen=True)
class TwoLevel:
    """Mean Spearman × 100 of B minus that of A: observed, with a 95 % bootstrap interval over seeds and examples.

    share_above: share of the replicates above 0.
    """

    difference: float
    low: float
    high: float
    share_above: float


def two_level(
    cosines_a: Sequence[np.ndarray],
    cosines_b: Sequence[np.ndarray],
    ratings: Sequence[np.ndarray],
    replicates: int = 1000,
    seed: int = 0,
) -> TwoLevel:
    """B against A when other seeds and other examples could have been drawn.

    The statistic is Spearman(B) − Spearman(A), × 100, ties at their mean rank, averaged over tasks and seeds. A
    replicate draws seeds with replacement, the same for A and B and all tasks, then each task's examples with
    replacement, the same for all runs; ranks are those within the resample. The interval is the percentiles'.

    Percentiles neither widen for few seeds nor know Student's t. Where seeds make up nearly all of the uncertainty,
    the interval covered the truth in 78 % of 2,000 simulated data sets with 3 seeds, 87 % of 2,000 with 5, 92 % of
    1,000 with 10 and 94 % of 600 with 20 (the model of tests/test_statistics.py); where examples dominate, 94–95 %
    even with 5. With few seeds, read it beside the t interval of `compare`. A single seed, of A or of both, stands
    as it is: the interval then speaks of this very run on other examples.

    Args:
        cosines_a: for each task (seeds, pairs) scores of any scale; or (1, pairs), one run that stands for all
            seeds, as an untrained encoder does.
        cosines_b: for each task (seeds, pairs), the same seeds in the same order.
        ratings: for each task (pairs,) human scores.
        replicates: how many are drawn.
        seed: decides every draw.

    Raises:
        ValueError: shapes that do not fit, no task, NaN or infinity; equal cosines or ratings throughout a task or
            (in tasks of a handful of examples) a resample, which have no rank correlation.

    Source: percentile bootstrap: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13; crossed
    levels: Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 2007.
    """
    tasks = _tie_groups(cosines_a, cosines_b, ratings)
    seeds_a, seeds_b = len(cosines_a[0]), len(cosines_b[0])
    rng = np.random.default_rng(seed)

    def gain(seed_counts: np.ndarray, example_counts: Sequence[np.ndarray]) -> float:
        by_task = []
        for groups, counts in zip(tasks, example_counts, strict=True):
            rho = _spearman(groups, counts)
            by_task.append((rho[seeds_a:] - rho[:seeds_a]) @ seed_counts / seeds_b)
        return 100 * float(np.mean(by_task))

    sizes = [groups.shape[1] for groups in tasks]
    observed = gain(np.ones(seeds_b), [np.ones(size) for size in sizes])
    drawn = np.array([gain(_resample(seeds_b, rng), [_resample(s, rng) for s in sizes]) for _ in range(replicates)])
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return TwoLevel(observed, float(low), float(high), float((drawn > 0).mean()))


def _resample(n: int, rng: np.random.Generator) -> np.ndarray:
    """(n,) float64: how often each of n is drawn in n draws with replacement."""
    return np.bincount(rng.integers(0, n, n), minlength=n).astype(np.float64)


def _tie_groups(
    cosines_a: Sequence[np.ndarray], cosines_b: Sequence[np.ndarray], ratings: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """For each task (1 + seeds of A + seeds of B, pairs) int64: the ratings' row, then the runs'.

    Equal values of a row have the same number, larger values a larger one, and each row begins behind the last,
    so that one count and one cumulative sum rank all rows.
    """
    if not len(cosines_a) == len(cosines_b) == len(ratings) > 0:
        raise ValueError(
            f"A, B and ratings need the same tasks, got {len(cosines_a)}, {len(cosines_b)}, {len(ratings)}"
        )
    tasks, seeds = [], (len(cosines_a[0]), len(cosines_b[0]))
    for a, b, rating in zip(cosines_a, cosines_b, ratings, strict=True):
        a, b, rating = _finite(a, dimensions=2), _finite(b, dimensions=2), _finite(rating, dimensions=1)
        if (len(a), len(b)) != seeds or len(a) not in (1, len(b)) or not a.shape[1] == b.shape[1] == len(rating):
            raise ValueError(
                "every task needs (seeds, pairs) for B, the same or (1, pairs) for A, and (pairs,) ratings,"
                f" got {b.shape}, {a.shape}, {rating.shape}"
            )
        rows = [np.unique(row, return_inverse=True)[1] for row in (rating, *a, *b)]
        behind = np.cumsum([0] + [row.max() + 1 for row in rows[:-1]])
        tasks.append(np.stack(rows) + behind[:, None])
    return tasks


def _spearman(groups: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """(runs,) Spearman of each run with the ratings, where example i stands `counts[i]` times.

    A resample needs no sorting: the ranks of a group of ties end at the cumulative count, and their mean lies half
    a group below. Ranks are halves of integers, so that every sum is exact.

    Args:
        groups: (1 + runs, pairs) as `_tie_groups` makes them.
        counts: (pairs,) float64.
    """
    rows, n = len(groups), counts.sum()
    sizes = np.bincount(groups.ravel(), weights=np.tile(counts, rows))
    mean_ranks = np.cumsum(sizes) - (sizes - 1) / 2  # on from row to row, each of which adds n
    ranks = mean_ranks[groups] - (n * np.arange(rows)[:, None] + (n + 1) / 2)
    weighted = ranks * counts
    covariances, variances = weighted @ ranks[0], np.einsum("rp,rp->r", weighted, ranks)
    if not variances.all():
        raise ValueError("equal cosines or ratings throughout a task or its resample have no rank correlation")
    return covariances[1:] / np.sqrt(variances[1:] * variances[0])


# ------------------------------------------------------------------------------------------------------- power


def seeds_needed(gain: float, sd: float, power: float = 0.8, alpha: float = 0.05, paired: bool = False) -> int:
    """The smallest number of seeds, at least 2, with which a two-sided t test finds a gain with that power.

    The sign-flip test of `contrast` needs no fewer than 6 whatever the gain, because of its smallest p.

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
        df, noncentrality = (n - 1, n * (gain / sd) ** 2) if paired else (2 * (n - 1), n / 2 * (gain / sd) ** 2)
        return bool(ncf.sf(f.isf(alpha, 1, df), 1, df, noncentrality) >= power)

    enough = 2
    while not is_enough(enough):
        enough *= 2
    return 2 + bisect_left(range(2, enough), True, key=is_enough)
