"""One score, and the files that scores are kept in."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from arccse.files import atomic_path


class Score(NamedTuple):
    """One measured number.

    Attributes:
        suite: "sts" ("sts-<pooling>" under another pooling), "mteb", "transfer" ("transfer-fast" for its fast mode),
            "order" or "geometry".
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


def write(scores: Sequence[Score], path: Path) -> None:
    """Write scores.csv: suite, task, metric, value, n. Raises InputError if the folder can't be written."""
    with atomic_path(path) as temporary:
        pd.DataFrame(scores, columns=Score._fields).to_csv(temporary, index=False, float_format="%.6f")


def read(path: Path) -> pd.DataFrame:
    """Read what `write` wrote."""
    return pd.read_csv(path)
