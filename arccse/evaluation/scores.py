"""Scores, what they are taken over, and the files that a model's are kept in."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

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
