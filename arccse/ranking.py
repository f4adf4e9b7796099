"""Which of several is the best, and how sure that is: functions of numpy arrays.

Two answers over seeds. `perhaps_best` has a guarantee: the set of all that the data do not show to be below another
one holds the best with 95 % confidence, whatever their number. `replicates` draws the means once more, from where
they lie and as far as seeds (and examples) could have put them; what becomes of the ranks in such draws tells how
firm each is.

`rank_bounds` reads ranks off intervals of all differences, whatever these are over. `best_of` is about the best of a
budget of trials.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln
from scipy.stats import rankdata, t

from arccse.statistics import ALPHA, FEWEST_SEEDS

REPLICATES = 10_000  # a share of them is known to ± 0.01
EQUAL = 9  # decimals, to which equal runs give equal means


def replicates(values: np.ndarray, drawn: np.ndarray | None = None, seed: int = 0) -> np.ndarray:
    """(REPLICATES, rows) means as other seeds could have given them: a multivariate t around the observed ones.

    Of any two rows' difference it is the mean plus Student's t times its standard error, so that the share of
    replicates in which it has the other sign is half the p value of the paired t test. A bootstrap over a few seeds
    would be too narrow: with n of them by the factor of ((n − 1) / n)^½, and without the tails of t.

    Args:
        values: (rows, seeds) scores, the same seeds in the same order, at least FEWEST_SEEDS.
        drawn: (resamples, rows) means on resamples of the examples, the same for all rows: the deviations of each
            from their mean are added, so that other examples could have been drawn as well.
        seed: decides every draw.

    Source: the parametric bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, § 6.5) of normal
    means, whose covariance the seeds' residuals times normal numbers have; divided by one χ: Kotz and Nadarajah,
    Multivariate t Distributions and Their Applications, 2004, ch. 1.
    """
    n = values.shape[1]
    rng = np.random.default_rng(seed)
    mean = values.mean(axis=1)
    residuals = values - mean[:, None]
    scale = np.sqrt(n * rng.chisquare(n - 1, REPLICATES))  # the root of n (n − 1) times χ² / (n − 1)
    found = mean + rng.standard_normal((REPLICATES, n)) @ residuals.T / scale[:, None]
    if drawn is not None:
        found += (drawn - drawn.mean(axis=0))[rng.integers(0, len(drawn), REPLICATES)]
    return found


@dataclass(frozen=True)
class Ranks:
    """Of each row, 1 being the best: the mean rank over replicates, the ends of their central 95 %, and the share of
    replicates in which it is the best; those that are equal share it."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    best: np.ndarray


def ranks(found: np.ndarray) -> Ranks:
    """What (replicates, rows) means come to, the higher the better."""
    rounded = found.round(EQUAL)
    own = rankdata(-rounded, axis=1)
    tops = rounded == rounded.max(axis=1, keepdims=True)
    low, high = np.quantile(own, [ALPHA / 2, 1 - ALPHA / 2], axis=0, method="inverted_cdf")
    return Ranks(own.mean(axis=0), low, high, (tops / tops.sum(axis=1, keepdims=True)).mean(axis=0))


def perhaps_best(values: np.ndarray, looks: int = 1) -> np.ndarray:
    """(rows,) whether each can't be told apart from the best: no other row is decidedly above it.

    A row is left out where one-sided paired t tests, at ALPHA over all the others that it may fall to, put another
    one above it. The truly best row is left out with a probability of at most ALPHA, by Bonferroni's inequality.

    Args:
        values: (rows, seeds) scores, the higher the better, the same seeds in the same order, at least FEWEST_SEEDS.
        looks: how often the data were looked at with more and more seeds.

    Raises:
        ValueError: fewer seeds.

    Source: subset selection, Gupta, "On Some Multiple Decision (Selection and Ranking) Rules", Technometrics 1965, as
    Hsu's multiple comparisons with the best (Annals of Statistics 1984) use it; here with paired differences, each of
    a variance of its own.
    """
    rows, n = values.shape
    if n < FEWEST_SEEDS:
        raise ValueError(f"it takes {FEWEST_SEEDS} seeds to tell rows apart, got {n}")
    if rows == 1:
        return np.array([True])
    critical = t.isf(ALPHA / (looks * (rows - 1)), n - 1)
    above = values[None, :, :] - values[:, None, :]  # of the second over the first
    mean, error = above.mean(axis=2), above.std(axis=2, ddof=1) / n**0.5
    return np.asarray(~(mean.round(EQUAL) > critical * error).any(axis=1))


def rank_bounds(above: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Best and worst rank, 1 being the highest, that each of (n,) rows may have.

    A row ranks below all that are decidedly above it and above all that it is decidedly above. Where the intervals
    behind `above` all hold the truth with 95 % confidence, so do these ranks, of all rows at once.

    Args:
        above: (n, n) whether the interval of the first's lead over the second lies above 0.

    Source: Mogstad, Romano, Shaikh and Wilhelm, "Inference for Ranks with Applications to Mobility across
    Neighbourhoods and Academic Achievement across Countries", Review of Economic Studies 2024, § 3.
    """
    return 1 + above.sum(axis=0), len(above) - above.sum(axis=1)


@dataclass(frozen=True)
class BestOf:
    """The best of 1, 2, … trials: mean, lower and upper quartile over all choices of so many."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def best_of(scores: np.ndarray) -> BestOf:
    """What the best of n of (trials,) scores is, for n = 1 to all, if which n is left to chance.

    All choices of n different trials are equally likely. Of independent trials, the mean is then an unbiased estimate
    for n fresh ones; with replacement, as Dodge et al. draw, it would be too low, even at the full budget lower than
    the best that was found. The quartiles tell how much chance there is in which trials one happens to make. They are
    no interval of the mean: from a single tuning nobody knows how far another one would get.

    Raises:
        ValueError: no score, NaN or infinity.

    Source: Dodge et al., "Show Your Work", EMNLP 2019, section 3; without replacement: Tang et al., "Showing Your
    Work Doesn't Always Work", ACL 2020.
    """
    ordered = np.sort(np.asarray(scores, dtype=np.float64))
    if ordered.ndim != 1 or ordered.size == 0 or not np.isfinite(ordered).all():
        raise ValueError("the best of trials takes one finite score or more")
    places = np.arange(1, len(ordered) + 1)
    # the i-th lowest is the best of n with probability C(i − 1, n − 1) / C(all, n)
    chance = np.exp(_log_choose(places - 1, places[:, None] - 1) - _log_choose(len(ordered), places[:, None]))
    below = chance.cumsum(axis=1) + 1e-9
    low, high = (ordered[(below >= share).argmax(axis=1)] for share in (0.25, 0.75))
    return BestOf(chance @ ordered, low, high)


def _log_choose(n: np.ndarray | int, k: np.ndarray) -> np.ndarray:
    """log C(n, k), −∞ where k > n."""
    possible = np.asarray(n) >= k
    left = np.where(possible, n - k, 0)
    return np.where(possible, gammaln(np.asarray(n) + 1.0) - gammaln(k + 1.0) - gammaln(left + 1.0), -np.inf)
