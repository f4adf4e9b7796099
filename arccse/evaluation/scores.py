"""Scores, what they are taken over, and the files that a model's are kept in."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from rich.table import Table

from arccse.evaluation.suites import SUITES
from arccse.files import atomic_path


class Score(NamedTuple):
    """One measured number.

    Attributes:
        suite: a name of evaluation.suites.SUITES.
        task: such as "STS12" or "MR".
        metric: such as "spearman_all" or "accuracy".
        value: × 100.
        n: pairs or sentences that the score is taken over.
    """

    suite: str
    task: str
    metric: str
    value: float
    n: int


class Scored(NamedTuple):
    """What scoring one task gives.

    Attributes:
        scores: of the task.
        examples: what they are taken over, with the columns of `Suite.keeps`; None where the kind of suite has none.
    """

    scores: list[Score]
    examples: pd.DataFrame | None = None


def write_examples(frames: Sequence[pd.DataFrame], path: Path) -> None:
    """Write what scores are taken over, below one another. Raises InputError if the folder can't be written."""
    with atomic_path(path) as temporary:
        pd.concat(frames, ignore_index=True).to_parquet(temporary, index=False)


def write_scores(scores: Sequence[Score], path: Path) -> None:
    """Write scores.csv: suite, task, metric, value, n. Raises InputError if the folder can't be written."""
    with atomic_path(path) as temporary:
        pd.DataFrame(scores, columns=Score._fields).to_csv(temporary, index=False, float_format="%.6f")


def as_table(scores: Sequence[Score], means: Sequence[Score] = ()) -> Table:
    """Scores for the terminal, with the average that papers print of a suite whose tasks are all there, and means."""
    table = Table("suite", "task", "metric", "value", "n")
    for suite, own in groupby(scores, key=lambda score: score.suite):
        spec = SUITES[suite]
        values: dict[str, float] = {}
        for score in own:
            table.add_row(suite, score.task, score.metric, f"{score.value:.2f}", str(score.n))
            values |= {score.task: score.value} if score.metric == spec.metric else {}
        average = spec.average(values)
        if average is not None:
            table.add_row(suite, "Avg", spec.metric, f"{average:.2f}", f"{len(spec.columns)} tasks", end_section=True)
    for mean in means:
        table.add_row(mean.suite, mean.task, mean.metric, f"{mean.value:.2f}", f"{mean.n} tasks")
    return table
