"""The order of a study's trained rows on each average, and how sure it is. A supplement, see supplements.py."""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from arccse.errors import InputError
from arccse.evaluation.suites import SUITES
from arccse.ranking import EQUAL, perhaps_best, ranks, replicates
from arccse.records import missing
from arccse.report import tables
from arccse.report.blocks import UNKNOWN, Cell, Grid, number
from arccse.report.draws import Draws
from arccse.report.supplements import Material
from arccse.report.tables import Row
from arccse.statistics import FEWEST_SEEDS

COLUMNS = [
    *("encoder", "suite", "label", "mean", "n", "rank", "mean_rank", "rank_low", "rank_high"),
    *("best", "best_two_level", "perhaps_best"),
]


def frame(material: Material, study: str) -> pd.DataFrame:
    """The rows' ranks: a line for each encoder, suite and trained row, or tuned row where the study is tuned.

    Returns:
        Columns COLUMNS. `mean` over the `n` seeds that all rows have, and the `rank` of it, 1 for the highest; the
        others are those of ranking.ranks over replicates, of seeds, and in `best_two_level` of examples too where all
        runs have kept them; `perhaps_best`: whether no other row is decidedly above it (ranking.perhaps_best). With
        fewer than FEWEST_SEEDS seeds there is only the rank.

    Raises:
        InputError: as tables.seed_values does, and where no rows have an average and a seed in common.
    """
    config, view = material.config, material.views[study]
    is_tuned = config.studies[study].tuning is not None
    averaged = [suite for suite in config.study_suites(study) if "Avg" in SUITES[suite].headlines]
    found = []
    for encoder in view.encoders:
        rows = [row for row in view.finished if row.encoder == encoder and not row.untrained]
        rows = [row for row in rows if row.untuned] if is_tuned else rows
        for suite in averaged:
            values = tables.seed_values(material.results.scores, rows, suite)
            own = of_rows(rows, values, suite, material.draws, view.looks)
            found.append(pd.DataFrame(own, columns=COLUMNS).assign(encoder=encoder, suite=suite))
    if not any(len(own) for own in found):
        raise InputError(f"No rows of study '{study}' have an average and a seed in common.")
    return pd.concat([own for own in found if len(own)], ignore_index=True)


def of_rows(
    rows: Sequence[Row], values: Sequence[pd.DataFrame], suite: str, draws: Draws, looks: int
) -> dict[str, Any]:
    """What COLUMNS say of rows of one encoder; those without all tasks have no average, and no rank.

    Args:
        values: as tables.seed_values gives them.
    """
    averages = {row.label: own["Avg"] for row, own in zip(rows, values, strict=True) if "Avg" in own}
    rows = [row for row in rows if row.label in averages]
    if not rows:
        return {}
    scores, seeds, _ = tables.paired(rows, list(averages.values()))
    if not seeds:
        return {}
    mean = scores.mean(axis=1)
    said = {"label": list(averages), "mean": mean, "n": len(seeds), "rank": rankdata(-mean.round(EQUAL))}
    if len(seeds) < FEWEST_SEEDS:
        return said
    own = ranks(replicates(scores))
    said |= {"mean_rank": own.mean, "rank_low": own.low, "rank_high": own.high, "best": own.best}
    drawn = on_resamples(draws.of(suite, "Avg"), rows, seeds)
    if drawn is not None:
        said["best_two_level"] = ranks(replicates(scores, drawn)).best
    return said | {"perhaps_best": perhaps_best(scores, looks)}


def on_resamples(drawn: pd.DataFrame, rows: Sequence[Row], seeds: Sequence[int]) -> np.ndarray | None:
    """(resamples, rows) means over seeds; None where not all runs have kept their examples."""
    columns = [[f"{row.hash}/seed{seed}" for seed in seeds] for row in rows]
    if missing(drawn, [column for own in columns for column in own]):
        return None
    means = np.stack([drawn[own].mean(axis=1, skipna=False) for own in columns], axis=1)
    return None if np.isnan(means).any() else means


def grid(frame: pd.DataFrame) -> Grid:
    """In a group for each encoder and average, the rows from the highest to the lowest."""
    groups = {
        f"{encoder}, {SUITES[str(suite)].words('Avg')}": [line_of(line) for line in ordered(own)]
        for (encoder, suite), own in frame.groupby(["encoder", "suite"], sort=False)
    }
    heads = ["Row", "Mean", "Seeds", "Rank", "Ranks", "Best in", "Best in, two-level", "Perhaps best"]
    notes = [
        "Ranks, best in: if other seeds could have been drawn, the ranks that a row has in the central 95 % of 10,000"
        " draws, and the share in which it is the best. Each draw moves the means as far as their seeds let them lie"
        " from the truth (a multivariate t), so that of two rows the share of the lower one is half of p. It is no"
        " probability that the row is the best: a row whose luck was good is the best in too many draws.",
        "Two-level: if other examples could have been drawn as well.",
        "Perhaps best: no other row is decidedly above it. With 95 % confidence the best is among these rows, in"
        " each group on its own.",
    ]
    return Grid(heads, [], list(groups.items()), [("", note) for note in notes])


def ordered(own: pd.DataFrame) -> list[dict[Hashable, Any]]:
    return own.sort_values("rank", kind="stable").to_dict("records")


def line_of(line: dict[Hashable, Any]) -> list[Cell]:
    known = pd.notna(line["rank_low"])
    between = f"{line['rank_low']:g} to {line['rank_high']:g}"
    return [
        Cell(line["label"]),
        Cell(number(line["mean"], ".2f"), line["mean"]),
        Cell(str(line["n"]), line["n"]),
        Cell(f"{line['rank']:g}", line["rank"]),
        Cell(between, line["rank_low"]) if known else UNKNOWN,
        share(line["best"]),
        share(line["best_two_level"]),
        Cell("yes" if line["perhaps_best"] else "no") if known else UNKNOWN,
    ]


def share(value: float) -> Cell:
    if pd.isna(value):
        return UNKNOWN
    return Cell("< 1 %" if value < 0.01 else f"{100 * value:.0f} %", value)
