"""The `sts` suites: Spearman's correlation of cosine and human rating, as the papers report it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from arccse.data.sources import Source
from arccse.errors import InputError
from arccse.evaluation.scores import Score
from arccse.files import atomic_path

if TYPE_CHECKING:
    from arccse.evaluation.scoring import Job

Embed = Callable[[Sequence[str]], np.ndarray]


def sentences(source: Source, tasks: Iterable[str]) -> list[str]:
    """Every sentence that the tasks will embed, repeats included."""
    pairs = [subset for task in tasks for subset in source.sts(task).values()]
    return [sentence for subset in pairs for sentence in subset.first + subset.second]


def evaluate(job: "Job") -> Iterator[list[Score]]:
    """Yield the scores of `aggregations` of each task; a suite that keeps pairs writes pairs.parquet at the end.

    Raises:
        InputError: all cosines or all ratings of a subset are equal.
    """
    frames = []
    for task in job.tasks:
        pairs = pair_cosines(job.embed, job.source, task)
        frames.append(pairs)
        yield aggregations(job.suite.name, task, pairs)
    if job.suite.keeps_pairs:
        with atomic_path(job.out / "pairs.parquet") as temporary:
            pd.concat(frames, ignore_index=True).to_parquet(temporary, index=False)


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
        InputError: all cosines or all ratings of a subset are equal.

    Source: SimCSE, appendix B ("all" against "wmean" and "mean").
    """
    subsets = [
        (subset["cosine"].to_numpy(), subset["score"].to_numpy()) for _, subset in pairs.groupby("subset", sort=False)
    ]
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
        if np.ptp(values) == 0:
            raise InputError(
                f"Suite {suite}, task {task}: all {len(values)} {what} of a set of pairs are equal, so there is no "
                "correlation."
            )


def spearman(cosines: np.ndarray, ratings: np.ndarray) -> float:
    """Spearman's ρ × 100, ties at their mean rank."""
    return 100 * float(spearmanr(cosines, ratings).statistic)


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(n,) float64 cosine similarities of the rows of two (n, d) arrays."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    return (a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))
