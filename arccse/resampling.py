"""Scores of all runs on the same resamples of what they are taken over: the examples' share of an interval.

Of each suite that keeps something, the columns that are compared in its name (`Suite.headlines`), and each task of
those that are averaged, can be resampled: sentence pairs with their ratings for `sts`, test examples within a task
for `transfer`, whole sentences with all their masked versions for `order`, positive pairs for `geometry`'s alignment.
Its uniformity, which is taken over all pairs of sentences, has no examples and no draws.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from arccse import examples
from arccse.errors import InputError
from arccse.evaluation.suites import COSINES, DISTANCES, KEEPING, PREDICTIONS, SIMILARITIES, SUITES, Kept
from arccse.records import DRAW, missing

Task = tuple[
    np.ndarray, np.ndarray
]  # as examples.mean_draws takes a task: values (runs, examples), weights (examples,)


def draws_of(suite: str, column: str, table: pd.DataFrame) -> pd.DataFrame:
    """A column of a suite's table on many resamples.

    Args:
        suite, column: "sts", "Avg". A suite's own averages and metrics, or a task of those that are averaged.
        table: what the suite keeps, as results.Results has it: a column of values a run.

    Returns:
        A line a resample, a column a run; without any column where nothing can be drawn.

    Raises:
        InputError: the table lacks one of the columns that all runs share.
    """
    keeps = KEEPING.get(suite)
    if keeps is None:
        return pd.DataFrame()
    if (keeps, column) not in DRAWN:
        if (keeps, "Avg") not in DRAWN or column not in set(table["task"]):
            return pd.DataFrame()
        table, column = table[table["task"] == column], "Avg"  # of one task, which it is itself
    if absent := missing(table, keeps.known):
        raise InputError(f"The table of what suite {suite} keeps lacks the column '{absent[0]}'.")
    runs = [str(name) for name in table if name not in keeps.known]
    in_order = table.sort_values(list(keeps.keys))  # whatever their order, the draws are the same
    return pd.DataFrame(DRAWN[keeps, column](in_order, runs) if runs else None, columns=runs)


def headlines(kept: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The draws of every headline of the suites that runs keep examples of: columns DRAW, then one of each run.

    NaN where a run has kept nothing of a suite.
    """
    found = []
    for suite, table in kept.items():
        for column in SUITES[suite].headlines:
            if (KEEPING[suite], column) in DRAWN and len(table):
                draws = draws_of(suite, column, table)
                keys = pd.DataFrame({"suite": suite, "column": column, "draw": draws.index})
                found.append(pd.concat([keys, draws], axis=1))
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=DRAW)


def spearmans(table: pd.DataFrame, runs: Sequence[str]) -> np.ndarray:
    """Each run's average over tasks of Spearman × 100."""
    tasks = [own for _, own in table.groupby("task")]
    cosines = [np.ascontiguousarray(own[runs].to_numpy().T) for own in tasks]
    return examples.spearman_draws(cosines, [own["score"].to_numpy() for own in tasks])


def accuracies(table: pd.DataFrame, runs: Sequence[str]) -> Iterator[Task]:
    """Each task's accuracy in %: the mean over its folds (one, where the test part is given) of right predictions."""
    for _, own in table.groupby("task"):
        right = np.equal(own[runs].to_numpy().T, own["label"].to_numpy())
        yield 100.0 * right, 1 / own.groupby("fold")["index"].transform("size").to_numpy()


def triplets(table: pd.DataFrame, runs: Sequence[str]) -> Iterator[Task]:
    """The one task of suite order: `ordered_20_40`."""
    near, far = (_levels(table, runs, [percent])[..., 0] for percent in (20, 40))
    yield 100.0 * (near > far), np.ones(near.shape[1])


def neighbours(table: pd.DataFrame, runs: Sequence[str]) -> Iterator[Task]:
    """The one task of suite order: `ordered_all`, to which a sentence has as many neighbouring levels as differ."""
    percents = sorted({*table["percent"]} - {0})
    cosines, masked = _levels(table, runs, percents), _levels(table, ["masked"], percents)[0]
    differ = masked[:, :-1] < masked[:, 1:]
    ordered = ((cosines[..., :-1] > cosines[..., 1:]) & differ).sum(axis=-1)
    weights = differ.sum(axis=-1)
    yield 100.0 * ordered / np.maximum(weights, 1), weights


def _levels(table: pd.DataFrame, columns: Sequence[str], percents: list[int]) -> np.ndarray:
    """(columns, sentences, percents) values of each sentence at these shares of masked words."""
    values = np.stack(
        [table.pivot(index="index", columns="percent", values=name).reindex(columns=percents) for name in columns]
    )
    if np.isnan(values).any():
        raise InputError("The table of what suite order keeps lacks a share of masked words of some sentence.")
    return values


def alignments(table: pd.DataFrame, runs: Sequence[str]) -> Iterator[Task]:
    """The one task of suite geometry: the mean of the positive pairs' squared distances × 100."""
    yield 100.0 * table[list(runs)].to_numpy().T, np.ones(len(table))


def of_means(tasks: Callable[[pd.DataFrame, Sequence[str]], Iterator[Task]]) -> Callable[..., np.ndarray]:
    """The draws of an average of tasks' means over examples."""
    return lambda table, runs: examples.mean_draws(list(tasks(table, runs)))


# what a suite keeps, and a column of its table → (resamples, runs) draws
DRAWN: dict[tuple[Kept, str], Callable[[pd.DataFrame, Sequence[str]], np.ndarray]] = {
    (COSINES, "Avg"): spearmans,
    (PREDICTIONS, "Avg"): of_means(accuracies),
    (SIMILARITIES, "ordered_20_40"): of_means(triplets),
    (SIMILARITIES, "ordered_all"): of_means(neighbours),
    (DISTANCES, "alignment"): of_means(alignments),
}
