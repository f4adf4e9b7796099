"""What makes seeds differ: the spread that each stream of random numbers brings alone, against that of all together.

A study of spread trains one variant several times over: in one row all streams follow from the run's seed, in each
other one some do and the rest are the same in every run. With a single stream left, a row's variance is that
stream's, where the others have the values that they are fixed at.

Two rows' runs of one seed share what their common streams drew, so that their scores, and their variances, go
together. An F interval takes them as independent and is too wide. Shares therefore have a jackknife over seeds, which
leaves a seed out of all rows at once.
"""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import chi2, t

from arccse.errors import InputError
from arccse.evaluation.suites import SUITES
from arccse.report import tables
from arccse.report.blocks import Cell, Grid, interval, known, number
from arccse.report.designs import drawn_streams, free_streams
from arccse.report.supplements import Material
from arccse.report.tables import Row, StudyView
from arccse.statistics import ALPHA, FEWEST_SEEDS

COLUMNS = [
    *("study", "encoder", "suite", "streams", "label", "n", "mean", "sd", "sd_low", "sd_high"),
    *("share", "share_low", "share_high"),
]
ALL, NONE, SUM, LEFT_OVER = (
    "all",
    "none",
    "sum of the single ones",
    "not additive",
)  # what `streams` says beside their names
FIXED_SEED = 0  # of fixed streams, as batches.seed_of has it: rows have this seed's run in common


# ------------------------------------------------------------------------------------------------ arrays over seeds


def sd_interval(values: np.ndarray) -> tuple[float, float, float]:
    """Standard deviation (ddof 1) of (seeds,) scores and its 95 % interval; NaN for fewer than FEWEST_SEEDS.

    Exact for normal scores. With tails as Student's t has with 5 degrees of freedom it holds the truth in 91 % of
    cases with 5 seeds, and in 83 % with 20.

    Source: (n − 1) s²/σ² is distributed as χ² with n − 1 degrees of freedom.
    """
    n = len(values)
    if n < FEWEST_SEEDS:
        return float(np.std(values, ddof=1)) if n > 1 else np.nan, np.nan, np.nan
    sd = float(np.std(values, ddof=1))
    low, high = (sd * ((n - 1) / chi2.isf(tail, n - 1)) ** 0.5 for tail in (ALPHA / 2, 1 - ALPHA / 2))
    return sd, float(low), float(high)


def share(parts: np.ndarray, whole: np.ndarray) -> tuple[float, float, float]:
    """The variance of some rows, summed, as a share of another row's, and its 95 % interval.

    Args:
        parts: (rows, seeds) scores.
        whole: (seeds,) scores of the same seeds; what they share with `parts` may make them go together.

    Returns:
        Share, low, high, not in %; NaN without variance or with fewer than FEWEST_SEEDS. From 5 seeds on the interval
        holds the truth in 93 to 96 % of cases with normal scores and in 92 to 95 % with heavy tails, whether the rows
        share what they drew or not (benchmarks/seeds.py).

    Source: the jackknife of a logarithm of variances, with Student's t: Miller, "Jackknifing Variances", Annals of
    Mathematical Statistics 1968.
    """
    n = len(whole)
    if n < FEWEST_SEEDS:
        return np.nan, np.nan, np.nan
    left_out = ~np.eye(n, dtype=bool)
    variances = [_share(parts, whole), *(_share(parts[:, kept], whole[kept]) for kept in left_out)]
    if not np.isfinite(variances).all() or min(variances) <= 0:
        return variances[0], np.nan, np.nan
    found, *others = np.log(variances)
    pseudo = n * found - (n - 1) * np.array(others)
    half = float(t.isf(ALPHA / 2, n - 1)) * pseudo.std(ddof=1) / n**0.5
    low, high = np.exp([pseudo.mean() - half, pseudo.mean() + half])
    return variances[0], float(low), float(high)


def _share(parts: np.ndarray, whole: np.ndarray) -> float:
    if np.ptp(whole) == 0:  # a computed variance of equal values can miss 0 by a rounding error
        return np.nan
    return float(sum(part.var(ddof=1) for part in parts if np.ptp(part) > 0) / whole.var(ddof=1))


def not_additive(parts: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """What is left of (seeds,) scores with all streams free once (streams, seeds) scores of each alone are taken off.

    A run's streams have the same seed in all rows. If their effects add up, the remainder is the same for every seed;
    its variance is that of all interactions. It is no draw where the seed is that of fixed streams, FIXED_SEED.

    Source: the expansion about an anchor, here the fixed seed, whose first order the single streams are: Rabitz and
    Aliş, "General foundations of high-dimensional model representations", 1999.
    """
    return np.asarray(whole - np.sum(parts, axis=0))


# ------------------------------------------------------------------------------------------------------- a study


def frame(material: Material, study: str) -> pd.DataFrame:
    """The `spread` of a study. Raises InputError where it has lost so many rows that there is none."""
    found = spread(material.results.scores, material.views[study], material.config.study_suites(study))
    if found.empty:
        raise InputError("There are no two rows that differ in their streams alone.")
    return found


def spread(scores: pd.DataFrame, study: StudyView, suites: Sequence[str]) -> pd.DataFrame:
    """The spread over seeds of each row of a study of spread: a line for each encoder, suite with an average and row.

    Args:
        scores: as `tables.study_table` takes them.
        study: the rows; diverged ones take no part.
        suites: keys of SUITES.

    Returns:
        Columns COLUMNS, all on the suite's average; no line if it is no study of spread. `streams` says which follow
        from the seed: ALL, NONE, or their names joined by " + ". `sd` is with `sd_interval`'s, `share` is that of the
        variance of the row in which all follow, with `share`'s interval, over the seeds that both have. Where each
        stream is alone in a row, two lines are added: SUM, of the variances of these rows together, and LEFT_OVER, of
        the `not_additive` remainder over the seeds other than FIXED_SEED.
    """
    lines: list[dict[str, Any]] = []
    for suite in (name for name in suites if "Avg" in SUITES[name].headlines):
        for encoder in study.encoders:
            found = spread_of([row for row in study.finished if row.encoder == encoder], scores, suite)
            lines += [{"encoder": encoder, "suite": suite} | line for line in found]
    return pd.DataFrame(lines, columns=COLUMNS).assign(study=study.name).astype({"n": "int64"})


def spread_of(rows: Sequence[Row], scores: pd.DataFrame, suite: str) -> list[dict[str, Any]]:
    """The lines of `spread` on one suite, of one encoder's rows, without the untrained and the tuned ones."""
    own = [row for row in rows if not row.untrained and not row.untuned]
    streams = free_streams([row.settings for row in own])
    if not streams:
        return []
    averages = [frame["Avg"] for frame in tables.seed_values(scores, own, suite) if "Avg" in frame]
    if len(averages) < len(own):
        raise InputError(f"Rows of the study lack tasks of suite {suite}, so that they have no average.")
    drawn, values = drawn_streams(own[0].settings), dict(zip(streams, averages, strict=True))
    whole = values.get(drawn)
    found = []
    for row, free, scored in zip(own, streams, averages, strict=True):
        said = {"streams": ALL if free == drawn else " + ".join(free) or NONE, "label": row.label, "n": len(scored)}
        parts = [] if whole is None or free == drawn else [scored, whole]
        found.append(said | {"mean": scored.mean()} | _sd(scored.to_numpy()) | _share_of(_common(parts)))
    single = [values[one,] for one in drawn if (one,) in values]
    return found if whole is None or len(single) < max(2, len(drawn)) else [*found, *_together(single, whole)]


def _together(single: Sequence[pd.Series], whole: pd.Series) -> list[dict[str, Any]]:
    """The lines SUM and LEFT_OVER of the rows with a single stream each."""
    aligned = _common([*single, whole])
    others = _common([own[own.index != FIXED_SEED] for own in [*single, whole]])
    left = not_additive(others[:-1], others[-1])
    return [
        {"streams": SUM, "label": "", "n": aligned.shape[1]} | _share_of(aligned),
        {"streams": LEFT_OVER, "label": "", "n": len(left)} | _sd(left) | _share_of(np.stack([left, others[-1]])),
    ]


def _sd(values: np.ndarray) -> dict[str, float]:
    return dict(zip(("sd", "sd_low", "sd_high"), sd_interval(values), strict=True))


def _share_of(rows: np.ndarray) -> dict[str, float]:
    """The share of all rows but the last in the last."""
    return (
        dict(zip(("share", "share_low", "share_high"), share(rows[:-1], rows[-1]), strict=True)) if len(rows) else {}
    )


def _common(values: Sequence[pd.Series]) -> np.ndarray:
    """(rows, seeds) scores of the seeds that all have."""
    return pd.concat(values, axis=1, join="inner").to_numpy().T if values else np.empty((0, 0))


# --------------------------------------------------------------------------------------------------------- printed


def grid(found: pd.DataFrame) -> Grid:
    """The frame laid out: a group for each encoder and suite."""
    groups: dict[str, list[list[Cell]]] = {}
    for line in found.to_dict("records"):
        heading = f"{line['encoder']}, {SUITES[line['suite']].title} average"
        groups.setdefault(heading, []).append(cells(line))
    heads = [
        "Streams that follow the seed",
        "Row",
        "Seeds",
        "Mean",
        "sd",
        "Interval of sd",
        "Share",
        "Interval of share",
    ]
    return Grid(heads, [], list(groups.items()), [("", text) for text in NOTES])


def cells(line: dict[Hashable, Any]) -> list[Cell]:
    shares = [100 * line[name] for name in ("share", "share_low", "share_high")]
    within = f"{shares[1]:.0f} to {shares[2]:.0f} %"
    return [
        Cell(str(line["streams"])),
        Cell(str(line["label"]) or "–"),
        Cell(str(line["n"]), line["n"]),
        known(number(line["mean"], ".2f"), line["mean"]),
        known(number(line["sd"], ".3f"), line["sd"]),
        known(interval(line["sd_low"], line["sd_high"]), line["sd_low"]),
        known(f"{shares[0]:.0f} %", shares[0]),
        known(within, shares[1]),
    ]


NOTES = (
    "sd: of a run's score over seeds, where the other streams are those of seed 0, with its 95 % interval"
    " (χ², for normal scores).",
    "Share: of the variance with all streams, with its 95 % interval (jackknife over seeds). What adds up has shares"
    " that add up to 100 %; where any change brings all of the spread, each has 100 %.",
    "Not additive: what is left of a run with all streams once the runs of each alone, with its seed, are taken off;"
    " over the seeds other than 0, with which all rows are one run.",
)
