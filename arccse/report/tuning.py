"""What the tuning of a study came to: a line for each encoder and row. A supplement, see supplements.py."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from arccse.ranking import best_of
from arccse.report import trials
from arccse.report.blocks import UNKNOWN, Cell, Grid, number
from arccse.report.figures.axis import text_of
from arccse.report.supplements import Material

COLUMNS = [
    *("encoder", "row", "trials", "diverged", "trial", "values", "configured", "one_trial", "half", "half_budget"),
    *("dev", "tuned", "near", "near_values"),
]
FLAT = 0.5  # points of dev below the best trial, within which another is as good for most purposes


def frame(material: Material, study: str) -> pd.DataFrame:
    """What each row's trials came to.

    Returns:
        Columns encoder, row; trials, diverged (how many of them); trial, values (of the choice); dev scores:
        configured (mean over the final runs of the row as the config has it), one_trial, half_budget (expected of the
        best of one trial, and of `half` of them), dev (of the choice), tuned (mean over its final runs, whose seeds
        are fresh); near (trials within FLAT of the best) and near_values (the ends of each hyperparameter among
        these). A trial that diverged counts as the worst of those that did not. NaN where there is nothing to tell.
    """
    config, results = material.config, material.results
    found = trials.of_study(config, study, results)
    rows = {(row.encoder, row.untuned, row.label): row for row in config.rows(study)}
    finals = {key: trials.mean_dev(row, results) for key, row in rows.items() if not row.variant.untrained}
    lines = []
    for (encoder, label), own in found.groupby(["encoder", "row"], sort=False):
        tuned = next((dev for key, dev in finals.items() if key[:2] == (encoder, label)), np.nan)
        said = {"encoder": encoder, "row": label, "configured": finals[str(encoder), "", str(label)], "tuned": tuned}
        lines.append(said | of_row(own))
    return pd.DataFrame(lines, columns=COLUMNS).astype({"trial": "Int64", "near": "Int64"})


def of_row(own: pd.DataFrame) -> dict[str, Any]:
    """What the trials of one row say."""
    half = max(1, len(own) // 2)
    said: dict[str, Any] = {"trials": len(own), "diverged": int(own["dev"].isna().sum()), "half": half}
    if own["dev"].isna().all():
        return said
    values = {key: own[key] for key in trials.tuned_over(own)}
    expected = best_of(with_worst(own["dev"])).mean
    said |= {"one_trial": expected[0], "half_budget": expected[half - 1]}
    near = own["dev"] >= own["dev"].max() - FLAT
    said |= {"near": int(near.sum()), "near_values": text({key: ends(tried[near]) for key, tried in values.items()})}
    for place in own.index[own["chosen"]]:
        said |= {"trial": own["trial"][place], "dev": own["dev"][place]}
        said |= {"values": text({key: text_of(tried[place]) for key, tried in values.items()})}
    return said


def text(values: Mapping[str, str]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items())


def with_worst(dev: pd.Series) -> np.ndarray:
    """(trials,) dev scores, of which a trial that diverged has the lowest of the others: it cost as much as they."""
    return dev.fillna(dev.min()).to_numpy(float)


def ends(values: pd.Series) -> str:
    """ "1e-05 to 3e-05" of numbers; of names, each once."""
    if not pd.api.types.is_numeric_dtype(values):
        return " or ".join(dict.fromkeys(map(text_of, values)))
    low, high = (text_of(end) for end in (values.min(), values.max()))
    return low if low == high else f"{low} to {high}"


HEADS = {
    "Configured": "configured",
    "One trial": "one_trial",
    "Half the trials": "half_budget",
    "Best trial": "dev",
    "Tuned": "tuned",
    "Trials": "trials",
    "Diverged": "diverged",
    f"Within {FLAT:g}": "near",
    "Chosen": "values",
    f"Values within {FLAT:g}": "near_values",
}


def grid(frame: pd.DataFrame) -> Grid:
    groups: dict[str, list[list[Cell]]] = {}
    for line in frame.to_dict("records"):
        groups.setdefault(line["encoder"], []).append(
            [Cell(line["row"]), *(cell(line[key]) for key in HEADS.values())]
        )
    notes = [
        "Dev scores, Spearman × 100. Configured and tuned: the mean over the final runs, whose seeds no trial had."
        " Best trial: the score that the choice was made by, and so one that luck has raised.",
        "One trial, half the trials: the expected best dev score if so many of the trials had been made, all choices"
        " of them being equally likely. A trial that diverged counts as the worst of the others.",
        f"Within {FLAT:g}: how many trials lie no more than {FLAT:g} below the best, and between which values. Many,"
        " and far apart: the optimum is flat.",
    ]
    return Grid(["Row", *HEADS], [], list(groups.items()), [("", note) for note in notes])


def cell(value: Any) -> Cell:
    if isinstance(value, str):
        return Cell(value)
    if pd.isna(value):
        return UNKNOWN
    return Cell(number(value, ".2f") if isinstance(value, float) else str(value), float(value))
