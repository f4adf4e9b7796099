"""Whether rankings of objectives agree: of two encoders, of an early step and the end, of dev and test.

arccse.kendall says how far; here are the rankings that a config's results have.
"""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from arccse.errors import InputError
from arccse.evaluation.suites import SUITES
from arccse.kendall import agreement
from arccse.report import tables
from arccse.report.blocks import Cell, Grid, interval, known, number, p_value
from arccse.report.designs import FEWEST_RANKED, averaged, compared_rankings, rankings, ranks
from arccse.report.supplements import Material
from arccse.report.tables import Row, StudyView
from arccse.results import Results

COLUMNS = [
    *("kind", "suite", "state", "first", "second", "step", "last_step", "seeds", "other_seeds"),
    *("rows", "tau", "low", "high", "least", "most", "same", "opposite", "open", "p"),
]
ENCODERS, AT_THE_END, TEST = "encoders", "dev at the end", "test"  # kinds: what a ranking is held against
AS_IT_STANDS, TUNED = "as the config has them", "tuned"


def frame(material: Material, study: str) -> pd.DataFrame:
    """Every agreement of a study's rankings at its steps; of all of the config, of its encoders'.

    Returns:
        Columns COLUMNS. `kind` is ENCODERS, where `first` and `second` are two of them, or AT_THE_END or TEST, where
        `first` is the encoder whose ranking by dev at `step` of `last_step` is held against that by dev there, or by
        the suite's average. `state` tells rows as the config has them from tuned ones. `seeds` and `other_seeds` are
        those of the two rankings, and the rest is Agreement's.

    Raises:
        InputError: no two rankings of FEWEST_RANKED common rows.
    """
    lines = of_encoders(material) if not study else of_steps(material, study)
    if not lines:
        raise InputError(f"No two rankings have {FEWEST_RANKED} rows with a seed in common.")
    return pd.DataFrame(lines, columns=COLUMNS)


def of_encoders(material: Material) -> list[dict[str, Any]]:
    """A line for each two encoders that rank the same objectives, and state."""
    config, lines = material.config, []
    studies = rankings(config)
    for (first, second), labels in compared_rankings(config).items():
        suite = averaged(config.study_suites(studies[first]))
        for state in (AS_IT_STANDS, TUNED):
            a, b = (
                averages(rows_of(material.views[studies[one]], one, state, labels), material.results.scores, suite)
                for one in (first, second)
            )
            common = [label for label in a.index if label in b.index]
            if len(common) >= FEWEST_RANKED and a.shape[1] and b.shape[1]:
                said = {"kind": ENCODERS, "suite": suite, "state": state, "first": first, "second": second}
                found = agreement(a.loc[common].to_numpy(), b.loc[common].to_numpy())
                lines.append(said | {"seeds": a.shape[1], "other_seeds": b.shape[1]} | vars(found))
    return lines


def of_steps(material: Material, study: str) -> list[dict[str, Any]]:
    """Lines AT_THE_END and TEST of each encoder that ranks objectives in a study, and state."""
    config, lines = material.config, []
    suite = averaged(config.study_suites(study))
    for encoder in config.encoders_of(study):
        if ranks(config, study, encoder):
            for state in (AS_IT_STANDS, TUNED):
                found = between_steps(rows_of(material.views[study], encoder, state), material.results, suite)
                lines += [{"suite": suite, "state": state, "first": encoder} | line for line in found]
    return lines


def rows_of(view: StudyView, encoder: str, state: str, labels: Sequence[str] | None = None) -> list[Row]:
    """An encoder's trained rows of a study, as the config has them or as tuned, of which none diverged.

    labels: of the untuned rows that are wanted; None: of all.
    """
    own = [row for row in view.finished if row.encoder == encoder and not row.untrained]
    own = [row for row in own if bool(row.untuned) == (state == TUNED)]
    return [row for row in own if labels is None or (row.untuned or row.label) in labels]


def between_steps(rows: Sequence[Row], results: Results, suite: str) -> list[dict[str, Any]]:
    """Lines AT_THE_END and TEST for each step at which all rows' runs were measured and differ."""
    tested = averages(rows, results.scores, suite)
    courses = {row.label: dev_scores(row, results.histories) for row in rows if row.label in tested.index}
    seeds = [seed for seed in tested.columns if all(seed in own for own in courses.values())]
    if len(tested) < FEWEST_RANKED or not seeds:
        return []
    whole = [own[seeds].dropna() for own in courses.values()]
    steps = sorted(set.intersection(*(set(own.index) for own in whole)))
    dev = {step: np.stack([own.loc[step].to_numpy() for own in whole]) for step in steps}
    lines = []
    for step in steps:
        if np.ptp(dev[step], axis=0).max() == 0:  # no row has learnt anything yet
            continue
        held = {AT_THE_END: dev[steps[-1]], TEST: tested[seeds].to_numpy()}
        said = {"step": step, "last_step": steps[-1], "seeds": len(seeds), "other_seeds": len(seeds)}
        for kind, against in held.items():
            if against is not dev[step]:
                lines.append({"kind": kind} | said | vars(agreement(dev[step], against, same_runs=True)))
    return lines


def averages(rows: Sequence[Row], scores: pd.DataFrame, suite: str) -> pd.DataFrame:
    """Labels × the seeds that all rows have: the suite's average; without rows that lack a task."""
    frames = tables.seed_values(scores, rows, suite)
    found = {row.label: own["Avg"] for row, own in zip(rows, frames, strict=True) if "Avg" in own}
    return pd.DataFrame(found).T.dropna(axis="columns")


def dev_scores(row: Row, histories: pd.DataFrame) -> pd.DataFrame:
    """Steps × seeds: the dev scores of a row's runs."""
    own = histories[(histories["hash"] == row.hash) & histories["seed"].isin(row.seeds)]
    return own.pivot(index="step", columns="seed", values="dev_spearman")


# --------------------------------------------------------------------------------------------------------- printed

MOST_STEPS = 8  # that are printed; the CSV has all


def grid(found: pd.DataFrame) -> Grid:
    """The frame laid out: a group for each encoder, state and kind."""
    groups: dict[str, list[list[Cell]]] = {}
    for line in printed(found).to_dict("records"):
        measure, rows = f"{SUITES[line['suite']].title} average", f"rows {line['state']}"
        if line["kind"] == ENCODERS:
            name, heading = f"{line['first']}, {line['second']}", f"{measure} of two encoders, {rows}"
        else:
            against = f"the {measure}" if line["kind"] == TEST else line["kind"]
            name = f"step {line['step']:g} of {line['last_step']:g}"
            heading = f"{line['first']}, {rows}: dev at a step against {against}"
        groups.setdefault(heading, []).append([Cell(name), *cells(line)])
    heads = ["", "Rows", "Seeds", "τ", "With other seeds", "Bounds", "Same", "Opposite", "Open", "p"]
    return Grid(heads, [], list(groups.items()), [("", text) for text in notes(found)])


def printed(found: pd.DataFrame) -> pd.DataFrame:
    """At most MOST_STEPS steps of each course, evenly, the last one included."""
    parts = []
    for _, own in found.groupby(["kind", "first", "state"], sort=False):
        places = np.linspace(0, len(own) - 1, min(len(own), MOST_STEPS)).round().astype(int)
        parts.append(own if own["kind"].iloc[0] == ENCODERS else own.iloc[places])
    return pd.concat(parts)


def cells(line: dict[Hashable, Any]) -> list[Cell]:
    seeds = str(line["seeds"]) if line["seeds"] == line["other_seeds"] else f"{line['seeds']}, {line['other_seeds']}"
    return [
        Cell(str(line["rows"]), line["rows"]),
        Cell(seeds, line["seeds"]),
        known(number(line["tau"], ".2f"), line["tau"]),
        known(interval(line["low"], line["high"]), line["low"]),
        known(interval(line["least"], line["most"]), line["least"]),
        *(Cell(str(line[pairs]), line[pairs]) for pairs in ("same", "opposite", "open")),
        known(p_value(line["p"]), line["p"]),
    ]


def notes(found: pd.DataFrame) -> list[str]:
    rows = int(found["rows"].min())
    least = f" With {rows} rows it changes by {4 / (rows * (rows - 1)):.2f} where one pair changes its order."
    return [
        "τ: Kendall's, of the rankings by means over seeds: 1 is the same order, −1 the opposite one." + least,
        "With other seeds: where 95 % of the τ of means over other seeds would lie. Where rows are close, noise pulls"
        " all of them towards 0, away from the τ of the true means.",
        "Bounds: the τ of the true means, with 95 % confidence, from the pairs of rows whose order is sure in both"
        " rankings: the same, or opposite; all others are open.",
        "p: how often unrelated rankings of so many rows have a τ as far from 0. Each line is judged alone.",
    ]
