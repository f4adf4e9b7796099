"""The draws of all runs, by which a comparison's interval over examples is known (arccse.resampling)."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from arccse.records import DRAW, missing
from arccse.report.contrasts import Contrast
from arccse.resampling import draws_of


class Draws:
    """The draws of each suite: those that were gathered, others made of the kept examples when first asked for."""

    def __init__(self, kept: Mapping[str, pd.DataFrame], gathered: pd.DataFrame | None = None) -> None:
        """Take what the runs keep, and the gathered draws, as results.Results has them."""
        self.kept = kept
        blocks = gathered.groupby(["suite", "column"]) if gathered is not None and len(gathered) else ()
        self.made: dict[tuple[str, str], pd.DataFrame] = {
            (str(suite), str(column)): own.drop(columns=DRAW).reset_index(drop=True).astype("float64")
            for (suite, column), own in blocks
        }

    def of(self, suite: str, column: str) -> pd.DataFrame:
        """A column of a suite's table: a line a resample, a column `<hash>/seed<k>` a run that has draws.

        Raises:
            InputError: the suite's table lacks one of the columns that all runs share.
        """
        if (suite, column) not in self.made:
            table = self.kept.get(suite)
            self.made[suite, column] = pd.DataFrame() if table is None else draws_of(suite, column, table)
        return self.made[suite, column]

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
