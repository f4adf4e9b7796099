"""Scores of all runs on the same resamples of what they are taken over: the examples' share of an interval.

A pure function of the gathered tables of pairs and examples. Of each suite that keeps something, the columns that are
compared in its name (`Suite.headlines`), and each task of those that are averaged, are resampled: sentence pairs with
their ratings for `sts`, test examples within a task for `transfer`, whole sentences with all their masked versions
for `order`, positive pairs for `geometry`'s alignment. Its uniformity, which is taken over all pairs of sentences,
has no examples and no draws.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from arccse import examples
from arccse.errors import InputError
from arccse.evaluation.suites import COSINES, DISTANCES, KEEPING, PREDICTIONS, SIMILARITIES, Kept
from arccse.records import missing
from arccse.report.contrasts import Contrast

Task = tuple[
    np.ndarray, np.ndarray
]  # as examples.mean_draws takes a task: values (runs, examples), weights (examples,)


class Draws:
    """The draws of each suite, made when they are first asked for."""

    def __init__(self, kept: Mapping[str, pd.DataFrame]) -> None:
        """Take what the runs keep, as results.Results has it."""
        self.kept = kept
        self.made: dict[tuple[str, str], pd.DataFrame] = {}

    def of(self, suite: str, column: str) -> pd.DataFrame:
        """A column of a suite's table: a line a resample, a column `<hash>/seed<k>` a run that has kept its examples.

        Raises:
            InputError: the suite's table lacks one of the columns that all runs share.
        """
        if (suite, column) not in self.made:
            self.made[suite, column] = self._made(suite, column)
        return self.made[suite, column]

    def _made(self, suite: str, column: str) -> pd.DataFrame:
        keeps, table = KEEPING.get(suite), self.kept.get(suite)
        if keeps is None or table is None:
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

    def error(self, one: Contrast, column: str, seeds: Sequence[int] | None = None) -> float:
        """The standard error of a comparison over examples, of the means over these seeds; None: over each row's own.

        NaN where a run's were not kept, or it has no score on one of the resamples.
        """
        drawn, total = self.of(one.suite, column), np.zeros(1)
        for row, weight in zip(one.rows, one.weights, strict=True):
            own = row.seeds if seeds is None else row.seeds[:1] if row.untrained else seeds
            columns = [f"{row.hash}/seed{seed}" for seed in own]
            if missing(drawn, columns):
                return np.nan
            total = total + weight * drawn[columns].mean(axis=1, skipna=False).to_numpy()
        return float(np.std(total, ddof=1))


NO_DRAWS = Draws({})


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
