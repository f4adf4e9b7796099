"""Whether two rankings of the same rows agree, by scores over seeds.

Kendall's τ is how many pairs of rows have the same order in both rankings, less how many have the opposite one, as a
share of all pairs. Means over seeds are ranked, and seeds make them uncertain, in two ways that need two answers:

- `low`, `high`: what τ of such means would be with other seeds, by resampling. Noise pulls τ towards 0, and
  resampling pulls it there once more, so that the interval reaches as far on the other side of τ as on this one. It
  can miss the τ of the true means where rows lie closer to each other than seeds can tell apart.
- `least`, `most`: what the τ of the true means can be, by the pairs alone whose order is sure in both rankings. With
  few seeds that is little, and these bounds say so.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import kendalltau

from arccse.statistics import ALPHA, FEWEST_SEEDS, t_interval

DRAWS = 2000


@dataclass(frozen=True)
class Agreement:
    """How far two rankings of the same rows agree.

    Attributes:
        tau: Kendall's τ-b of the means over seeds; NaN where all rows of a ranking are equal.
        low, high: its 95 % interval over seeds, by resampling.
        least, most: bounds that hold the τ of the true means with 95 % confidence.
        same, opposite, open: pairs of rows that are surely in the same order, surely not, and neither.
        p: how often two unrelated rankings of so many rows have a τ as far from 0 (exact without ties).
        rows: how many are ranked.
    """

    tau: float
    low: float
    high: float
    least: float
    most: float
    same: int
    opposite: int
    open: int
    p: float
    rows: int


def agreement(a: np.ndarray, b: np.ndarray, same_runs: bool = False) -> Agreement:
    """The agreement of the rankings of rows by two scores.

    Args:
        a, b: (rows, seeds) scores of the same rows; the rows of each have the same seeds, in the same order.
        same_runs: whether both scores are of the same runs, which are then resampled together; otherwise the seeds of
            a and b are other draws, whatever their numbers.

    Returns:
        With fewer than FEWEST_SEEDS, low, high, least and most are NaN, and all pairs are open.

    Raises:
        ValueError: other rows, or as same runs other seeds.

    Source: Kendall, "A New Measure of Rank Correlation", Biometrika 1938; τ-b: "The Treatment of Ties in Ranking
    Problems", Biometrika 1945. Resampling: `means_of_other_seeds`. Bounds: Student's t of each pair's differences,
    with Bonferroni's inequality over the pairs of both rankings.
    """
    if len(a) != len(b) or (same_runs and a.shape != b.shape):
        raise ValueError(f"rankings are of the same rows and, of the same runs, seeds; got {a.shape} and {b.shape}")
    count = len(a)
    means = a.mean(axis=1), b.mean(axis=1)
    tau, pairs = float(kendall(*(one[None] for one in means))[0]), count * (count - 1) // 2
    together = sure_order(a, 2 * pairs) * sure_order(b, 2 * pairs)
    same, opposite = int((together > 0).sum()), int((together < 0).sum())
    is_known = min(a.shape[1], b.shape[1]) >= FEWEST_SEEDS
    low, high = resampled(a, b, tau, same_runs) if is_known else (np.nan, np.nan)
    undecided = pairs - same - opposite
    least, most = ((same - opposite + end) / pairs if is_known else np.nan for end in (-undecided, undecided))
    return Agreement(tau, low, high, least, most, same, opposite, undecided, float(kendalltau(*means).pvalue), count)


def resampled(a: np.ndarray, b: np.ndarray, tau: float, same_runs: bool) -> tuple[float, float]:
    """The middle 95 % of τ among means of other seeds, together with its reflection about τ, within −1 and 1.

    Source: the percentile and the basic bootstrap interval, of which each misses what the other holds: Davison and
    Hinkley, Bootstrap Methods and their Application, 1997, section 5.2.
    """
    rng = np.random.default_rng(0)
    if same_runs:
        both = means_of_other_seeds(np.concatenate([a, b]), rng)
        drawn = kendall(both[:, : len(a)], both[:, len(a) :])
    else:
        drawn = kendall(means_of_other_seeds(a, rng), means_of_other_seeds(b, rng))
    drawn = drawn[np.isfinite(drawn)]
    if np.isnan(tau) or not len(drawn):
        return np.nan, np.nan
    low = float(np.quantile(drawn, ALPHA / 2, method="lower"))
    high = float(np.quantile(drawn, 1 - ALPHA / 2, method="higher"))
    return max(-1.0, min(low, 2 * tau - high)), min(1.0, max(high, 2 * tau - low))


def means_of_other_seeds(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """DRAWS times the means of (rows, seeds) scores as other seeds could give them; a seed's rows stay together.

    Seeds' deviations from the mean get normal weights, and the whole a χ² of as many degrees of freedom as a standard
    deviation has, so that a difference of two rows is distributed as its Student's t interval says. Drawing few seeds
    with replacement would give intervals that are too narrow: of 3, most draws lack one.

    Returns:
        (DRAWS, rows).
    """
    n = values.shape[1]
    means = values.mean(axis=1)
    weights = rng.standard_normal((DRAWS, n)) / np.sqrt(n * rng.chisquare(n - 1, (DRAWS, 1)))
    return np.asarray(means + weights @ (values - means[:, None]).T)


def kendall(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Kendall's τ-b of (draws, rows) values, draw by draw; NaN where all rows of one are equal."""
    first, second = np.triu_indices(a.shape[1], 1)
    one, other = np.sign(a[:, first] - a[:, second]), np.sign(b[:, first] - b[:, second])
    untied = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    with np.errstate(invalid="ignore"):
        return np.asarray((one * other).sum(axis=1) / untied)


def sure_order(values: np.ndarray, comparisons: int) -> np.ndarray:
    """For each pair of rows of (rows, seeds) scores 1 where the first is surely higher, -1 where the second is, or 0.

    comparisons: how many pairs are looked at together; all orders that are said hold with 95 % confidence.
    """
    first, second = np.triu_indices(len(values), 1)
    differences = values[first] - values[second]
    n = differences.shape[1]
    _, reach = t_interval(0, 1, n, comparisons)  # standard deviations from the mean to the interval's end
    equal = np.ptp(differences, axis=1) == 0  # whose computed deviation can miss 0 by a rounding error
    sd = np.where(equal, 0, differences.std(axis=1, ddof=min(1, n - 1)))
    means = differences.mean(axis=1)
    return np.asarray(np.sign(means) * (np.abs(means) > reach * sd))
