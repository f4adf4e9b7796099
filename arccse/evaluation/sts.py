"""The `sts` suite: Spearman's correlation of cosine and human rating, as the papers report it."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from arccse.data.sources import Source
from arccse.evaluation.scores import Score

Embed = Callable[[Sequence[str]], np.ndarray]


def sentences(source: Source, tasks: Iterable[str]) -> list[str]:
    """Every sentence that the tasks will embed, repeats included."""
    pairs = [subset for task in tasks for subset in source.sts(task).values()]
    return [sentence for subset in pairs for sentence in subset.first + subset.second]


def evaluate(embed: Embed, source: Source, tasks: Iterable[str]) -> tuple[list[Score], pd.DataFrame]:
    """Score the tasks.

    Args:
        embed: sentences to (n, d) embeddings, normalised or not.
        source: where the pairs come from.
        tasks: names out of `source.sts_tasks`.

    Returns:
        The scores of `aggregations`, and a frame of every pair: task, subset, index (within the subset), score
        (human), cosine.
    """
    scores, frames = [], []
    for task in tasks:
        subsets = source.sts(task)
        cosines = {name: cosine(embed(pairs.first), embed(pairs.second)) for name, pairs in subsets.items()}
        scores += aggregations(task, cosines, {name: pairs.scores for name, pairs in subsets.items()})
        for name, pairs in subsets.items():
            columns = {"index": np.arange(len(pairs.scores)), "score": pairs.scores, "cosine": cosines[name]}
            frames.append(pd.DataFrame({"task": task, "subset": name, **columns}))
    return scores, pd.concat(frames, ignore_index=True)


def aggregations(task: str, cosines: dict[str, np.ndarray], ratings: dict[str, np.ndarray]) -> list[Score]:
    """Three ways to make one number of a year's subsets, which papers mix up.

    `spearman_all` is over the concatenation of the subsets and is what SimCSE and ArcCSE report; `spearman_mean`
    is the mean of the subsets' correlations; `spearman_wmean` weights it by their pairs.

    Source: SimCSE, appendix B ("all" against "wmean" and "mean").
    """
    sizes = [len(cosines[subset]) for subset in cosines]
    correlations = [spearman(cosines[subset], ratings[subset]) for subset in cosines]
    together = spearman(np.concatenate(list(cosines.values())), np.concatenate([ratings[s] for s in cosines]))
    values = {
        "spearman_all": together,
        "spearman_mean": float(np.mean(correlations)),
        "spearman_wmean": float(np.average(correlations, weights=sizes)),
    }
    return [Score("sts", task, metric, value, sum(sizes)) for metric, value in values.items()]


def spearman(cosines: np.ndarray, ratings: np.ndarray) -> float:
    """Spearman's ρ × 100, ties at their mean rank."""
    return 100 * float(spearmanr(cosines, ratings).statistic)


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(n,) float64 cosine similarities of the rows of two (n, d) arrays."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    return (a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))
