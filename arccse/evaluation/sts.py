"""The `sts` suites: Spearman's correlation of cosine and human rating, as the papers report it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from arccse.data.sources import Source
from arccse.errors import InputError
from arccse.evaluation.scores import Score, Scored

if TYPE_CHECKING:
    from arccse.evaluation.scoring import Job

Embed = Callable[[Sequence[str]], np.ndarray]

# Cosines of float32 embeddings in one direction differ by the square of their rounding (6e-8) and by that of float64.
ROUNDING = 1e-12


def sentences(source: Source, tasks: Iterable[str]) -> list[str]:
    """Every sentence that the tasks will embed, repeats included."""
    pairs = [subset for task in tasks for subset in source.sts(task).values()]
    return [sentence for subset in pairs for sentence in subset.first + subset.second]


def evaluate(job: "Job") -> Iterator[Scored]:
    """Yield the scores of `aggregations` of each task, and its `pair_cosines`.

    Raises:
        InputError: a task has no pair, or all cosines or all ratings of a subset are equal.
    """
    kept = disjoint(job.source) if job.suite.disjoint else None
    for task in job.tasks:
        pairs = pair_cosines(job.embed, job.source, task)
        if kept is not None:
            pairs = pairs[kept[task]]
        yield Scored(aggregations(job.suite.name, task, pairs), pairs)


def disjoint(source: Source) -> dict[str, np.ndarray]:
    """Which pairs of a source's tasks are neither in dev nor have been there before: task → (n,) bool.

    Of equal pairs (`Pairs.keys`) the first stays, with its rating, in the order of the tasks, their subsets and the
    files. So what stays does not depend on which tasks are scored.
    """
    first: dict[frozenset[str], tuple[str, int] | None] = dict.fromkeys(source.dev().keys)
    kept = {}
    for task in source.sts_tasks:
        keys = [key for pairs in source.sts(task).values() for key in pairs.keys]
        kept[task] = np.array([first.setdefault(key, (task, i)) == (task, i) for i, key in enumerate(keys)])
    return kept


def pair_cosines(embed: Embed, source: Source, task: str) -> pd.DataFrame:
    """Every pair of a task: task, subset, index (within the subset), score (human), cosine.

    Args:
        embed: sentences to (n, d) embeddings, normalised or not.
        source: where the pairs come from.
        task: one of `source.sts_tasks`.
    """
    frames = []
    for subset, pairs in source.sts(task).items():
        cosines = cosine(embed(pairs.first), embed(pairs.second))
        columns = {"index": np.arange(len(pairs.scores)), "score": pairs.scores, "cosine": cosines}
        frames.append(pd.DataFrame({"task": task, "subset": subset, **columns}))
    return pd.concat(frames, ignore_index=True)


def aggregations(suite: str, task: str, pairs: pd.DataFrame) -> list[Score]:
    """Three ways to make one number of a year's subsets, which papers mix up.

    `spearman_all` is over the concatenation of the subsets and is what SimCSE and ArcCSE report; `spearman_mean`
    is the mean of the subsets' correlations; `spearman_wmean` weights it by their pairs.

    Args:
        suite, task: what the scores are filed under.
        pairs: columns subset, score, cosine.

    Raises:
        InputError: there is no pair, or all cosines or all ratings of a subset are equal.

    Source: SimCSE, appendix B ("all" against "wmean" and "mean").
    """
    subsets = [
        (subset["cosine"].to_numpy(), subset["score"].to_numpy()) for _, subset in pairs.groupby("subset", sort=False)
    ]
    if pairs.empty:
        raise InputError(f"Suite {suite}, task {task}: no pair is left, so there is no correlation.")
    for cosines, ratings in subsets:
        refuse_constant(suite, task, cosines, ratings)
    correlations = [spearman(cosines, ratings) for cosines, ratings in subsets]
    values = {
        "spearman_all": spearman(pairs["cosine"].to_numpy(), pairs["score"].to_numpy()),
        "spearman_mean": float(np.mean(correlations)),
        "spearman_wmean": float(np.average(correlations, weights=[len(cosines) for cosines, _ in subsets])),
    }
    return [Score(suite, task, metric, value, len(pairs)) for metric, value in values.items()]


def refuse_constant(suite: str, task: str, cosines: np.ndarray, ratings: np.ndarray) -> None:
    """InputError where there is no correlation, since all cosines or all ratings are equal."""
    for values, what in ((cosines, "cosines"), (ratings, "ratings")):
        refuse_equal(suite, task, values, f"{what} of a set of pairs", "correlation")


def refuse_equal(suite: str, task: str, values: np.ndarray, what: str, lacking: str) -> None:
    """InputError where values, of whatever shape, are equal but for rounding, so that something is lacking."""
    if np.ptp(values) <= ROUNDING:
        raise InputError(f"Suite {suite}, task {task}: all {values.size} {what} are equal, so there is no {lacking}.")


def spearman(cosines: np.ndarray, ratings: np.ndarray) -> float:
    """Spearman's ρ × 100, ties at their mean rank."""
    return 100 * float(spearmanr(cosines, ratings).statistic)


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(n,) float64 cosine similarities of the rows of two (n, d) arrays; of equal rows exactly 1, and never above.

    So pairs of one sentence twice are tied, not put in an order by rounding. The root is taken of the product, since
    √(s · s) is s to the last bit and √s · √s is not.
    """
    a, b = a.astype(np.float64), b.astype(np.float64)
    return np.clip((a * b).sum(1) / np.sqrt((a * a).sum(1) * (b * b).sum(1)), -1, 1)
