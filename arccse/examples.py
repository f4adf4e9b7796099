"""How sure a difference is when other examples could have been drawn as well: the examples' share of its interval.

Seeds and examples are crossed: every run is scored on the same examples. The share of seeds is the interval of
arccse.statistics. That of examples is bootstrapped: `spearman_draws` and `mean_draws` score all runs on the same
resamples, and the standard error over examples of a weighted sum of runs is the standard deviation of its draws.
`both` joins the two, and `judge` says what follows, also where there is no spread over seeds.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from arccse.statistics import ALPHA, POWER, Effect, Verdict, t_interval, word_of

SUREST = 1e-100  # of p values; a smaller one is 0


def both(low: float, high: float, error: float, comparisons: float = 1) -> tuple[float, float]:
    """An interval over seeds and examples, never narrower than that over seeds.

    Half its width is the root of the sum of squares of the seeds' half width and of the normal one of the examples:
    right where either is nearly all of the uncertainty, at any number of seeds.

    Args:
        low, high: the interval over seeds, of `comparisons` that are looked at together.
        error: standard error over examples.

    Source: the method of variance estimates recovery, Zou and Donner, Statistics in Medicine 2008.
    """
    half = float(np.hypot((high - low) / 2, norm.isf(ALPHA / comparisons / 2) * error))
    return (low + high) / 2 - half, (low + high) / 2 + half


def judge(
    difference: float,
    error: float,
    comparisons: int = 1,
    equivalence: float | None = None,
    seeds: Effect | None = None,
) -> Verdict:
    """The verdict on a comparison over examples, or over seeds and examples, from its interval alone.

    p is the level at which the interval ends at 0, so that it is at most ALPHA where 0 is outside; without seeds it
    is the normal test's. `detectable` is half the interval's width, and that of a one-sided one at POWER more.

    Args:
        difference: of the two means over all examples.
        error: its standard error over examples; NaN: nothing is known of it.
        comparisons, equivalence: as statistics.judge takes them.
        seeds: the difference over at least FEWEST_SEEDS common seeds, whose spread counts too. None: the interval is
            over examples alone, and says nothing of other seeds.

    Source: `both`; Bloom, "Minimum Detectable Effects", Evaluation Review 1995.
    """
    if np.isnan(error):
        return Verdict("undecided", np.nan, np.nan, np.nan, np.nan, "undecided: its examples were not kept")

    def interval(together: float) -> tuple[float, float]:
        low, high = (difference,) * 2
        if seeds is not None:
            low, high = t_interval(difference, seeds.sd, seeds.n, together)
        return both(low, high, error, together)

    def half(tail: float) -> float:
        low, high = interval(ALPHA / 2 / tail)
        return (high - low) / 2

    low, high = interval(comparisons)
    word = word_of(low, high, equivalence)
    p = min(1.0, 2 * comparisons * _tail(abs(difference), half))
    return Verdict(word, low, high, p, half(ALPHA / comparisons / 2) + half(1 - POWER), word)


def _tail(distance: float, half: Callable[[float], float]) -> float:
    """The probability above an interval whose half width, which falls to 0 at a half, is the distance."""
    if distance == 0:
        return 0.5
    if half(SUREST) <= distance:
        return 0.0
    log = brentq(lambda log: half(float(np.exp(log))) - distance, np.log(SUREST), np.log(0.5), xtol=1e-12)
    return float(np.exp(log))


def spearman_draws(
    cosines: Sequence[np.ndarray], ratings: Sequence[np.ndarray], replicates: int = 500, seed: int = 0
) -> np.ndarray:
    """(replicates, runs) Spearman × 100, averaged over tasks, of all runs on the same resamples of each task's pairs.

    Ranks, ties at their mean, are those within the resample. A run whose cosines are all equal in one has NaN there:
    it has no rank correlation.

    Args:
        cosines: for each task (runs, pairs) scores of any scale.
        ratings: for each task (pairs,) human scores.
        replicates: how many are drawn. With 500 a standard deviation of them is known to ± 3 %.
        seed: decides every draw.

    Raises:
        ValueError: shapes that do not fit, no task, NaN or infinity.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, ch. 6.
    """
    if not 0 < len(cosines) == len(ratings):
        raise ValueError(f"cosines and ratings need the same tasks, got {len(cosines)} and {len(ratings)}")
    tasks = [_tie_groups(own, rating) for own, rating in zip(cosines, ratings, strict=True)]
    rng = np.random.default_rng(seed)
    return 100 * np.array(
        [
            np.mean([_spearman(groups, _resample(groups.shape[1], rng)) for groups in tasks], axis=0)
            for _ in range(replicates)
        ]
    )


def mean_draws(tasks: Sequence[tuple[np.ndarray, np.ndarray]], replicates: int = 500, seed: int = 0) -> np.ndarray:
    """(replicates, runs) weighted means over examples, averaged over tasks, of all runs on the same resamples.

    A resample that holds no weight at all gives NaN.

    Args:
        tasks: for each (runs, examples) values and (examples,) weights, which are drawn with their example.
        replicates, seed: as `spearman_draws` takes them.

    Raises:
        ValueError: shapes that do not fit, no task, NaN or infinity, a weight below 0.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, ch. 6.
    """
    if not tasks:
        raise ValueError("a mean over tasks needs one")
    rng = np.random.default_rng(seed)
    drawn = []
    for values, weights in tasks:
        if values.ndim != 2 or values.shape[1:] != weights.shape or weights.size == 0:
            raise ValueError(
                f"expected (runs, examples) values and (examples,) weights, got {values.shape}, {weights.shape}"
            )
        if not np.isfinite(values).all() or not np.isfinite(weights).all() or (weights < 0).any():
            raise ValueError("the values or weights contain NaN or infinity, or a weight is below 0")
        counts = np.stack([_resample(len(weights), rng) for _ in range(replicates)])
        drawn.append(_means(values, weights, counts))
    return np.mean(drawn, axis=0)


def _means(values: np.ndarray, weights: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """(resamples, runs) weighted means, where example i stands `counts[:, i]` times."""
    weighted = counts * weights
    with np.errstate(invalid="ignore"):  # 0 by 0
        return weighted @ values.T / weighted.sum(axis=1, keepdims=True)


def _resample(n: int, rng: np.random.Generator) -> np.ndarray:
    """(n,) float64: how often each of n is drawn in n draws with replacement."""
    return np.bincount(rng.integers(0, n, n), minlength=n).astype(np.float64)


def _tie_groups(cosines: np.ndarray, ratings: np.ndarray) -> np.ndarray:
    """(1 + runs, pairs) int64 of (runs, pairs) cosines and (pairs,) ratings: the ratings' row, then the runs'.

    Equal values of a row have the same number, larger values a larger one, and each row begins behind the last,
    so that one count and one cumulative sum rank all rows.
    """
    if cosines.ndim != 2 or cosines.shape[1:] != ratings.shape or ratings.size == 0:
        raise ValueError(f"expected (runs, pairs) cosines and (pairs,) ratings, got {cosines.shape}, {ratings.shape}")
    if not np.isfinite(cosines).all() or not np.isfinite(ratings).all():
        raise ValueError("the cosines or ratings contain NaN or infinity")
    rows = [np.unique(row, return_inverse=True)[1] for row in (ratings, *cosines)]
    behind = np.cumsum([0] + [row.max() + 1 for row in rows[:-1]])
    return np.stack(rows) + behind[:, None]


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
    with np.errstate(invalid="ignore"):  # 0 by 0
        return covariances[1:] / np.sqrt(variances[1:] * variances[0])
