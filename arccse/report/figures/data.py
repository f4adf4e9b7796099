"""The data that figures and charts are drawn of, from the gathered results.

A row of which a run has diverged is in none of them.
"""

from collections.abc import Callable
from typing import Any

import pandas as pd

from arccse.data.sources import source_class
from arccse.evaluation.suites import SUITES
from arccse.report import agreement, streams, tables, trials
from arccse.report.contrasts import NO_INTERACTION
from arccse.report.figures.axis import Axis
from arccse.report.figures.kinds import Subject, factors
from arccse.results import Results, column_of
from arccse.variants import Row


def measure(subject: Subject) -> str:
    """What an axis of the subject's averages says."""
    return f"{SUITES[subject.suite].title} average"


def scale(subject: Subject) -> tuple[float, float]:
    """Lowest and highest human score of the pairs."""
    return source_class(subject.config.data).scale


def table_row(row: Row, results: Results) -> tables.Row:
    """A row as the tables take it."""
    seeds = [run.seed for run in row.runs]
    found = {run.seed: results.runs[run.id].get("diverged") for run in row.runs}
    diverged = {seed: tables.Divergence(said["step"], said["message"]) for seed, said in found.items() if said}
    settings = row.variant.canonical()
    return tables.Row(row.label, row.encoder, row.variant.hash, seeds, settings, diverged, row.untuned)


def finished(rows: list[Row] | tuple[Row, ...], results: Results) -> list[Row]:
    """The rows of which no run has diverged."""
    return [row for row in rows if not table_row(row, results).diverged]


def histories(subject: Subject, results: Results) -> pd.DataFrame:
    """The histories of the trained rows' runs, as tuned where the study is, with their label and seed."""
    return _of_rows(results.histories, finished(subject.at_best, results))


def forms(subject: Subject, results: Results) -> pd.DataFrame:
    """The histories of the trained rows' runs under the label that the config has, with the row's `form`."""
    tuned = {row.untuned: row for row in subject.tuned}
    rows = [form for row in subject.trained for form in (row, tuned.get(row.label)) if form]
    names = {row.label: row.untuned or row.label for row in rows}
    frame = _of_rows(results.histories, finished(rows, results))
    form = ["as configured" if label == names[label] else "tuned" for label in frame["label"]]
    return frame.assign(form=form, label=frame["label"].map(names))


def tuning(subject: Subject, compared: pd.DataFrame | None) -> pd.DataFrame:
    """The comparisons of the rows as configured, as tuned and with each other on the subject's average.

    `row` is the label that the config has of the row that is compared.
    """
    assert compared is not None
    own = compared[(compared["encoder"] == subject.encoder) & (compared["suite"] == subject.suite)]
    own = own[own["kind"].isin(["pair", "tuned", "tuning"]) & (own["task"] == "Avg") & (own["n"] > 0)]
    names = {row.label: row.label for row in subject.trained} | {row.label: row.untuned for row in subject.tuned}
    return own.assign(row=own["label"].map(names)).dropna(subset="row")


def budgets(subject: Subject, results: Results) -> tuple[pd.DataFrame, dict[str, float]]:
    """The subject's trials, as trials.of_study has them, and each row's mean dev score as the config has it."""
    found = trials.of_study(subject.config, subject.study, results)
    configured = {row.label: trials.mean_dev(row, results) for row in subject.trained}
    return found[found["encoder"] == subject.encoder], configured


def order_scores(subject: Subject, results: Results) -> pd.DataFrame:
    """The scores of suite `order` of the rows' runs, with their label, and the first trained row's as `baseline`.

    An untrained row has no seeds, and so no baseline at the same one.
    """
    scores = results.scores[results.scores["suite"] == "order"]
    own = _of_rows(scores, finished(subject.rows, results))
    paired = _beside(own, _of_rows(scores, finished(subject.trained[:1], results)), ["seed", "metric"])
    trained = paired["label"].isin([row.label for row in subject.trained])
    return paired.assign(baseline=paired["baseline"].where(trained))


def _of_rows(frame: pd.DataFrame, rows: list[Row]) -> pd.DataFrame:
    """The lines of the rows' runs, under the rows' labels."""
    frames = [
        frame[(frame["hash"] == row.variant.hash) & frame["seed"].isin([run.seed for run in row.runs])].assign(
            label=row.label
        )
        for row in rows
    ]
    return pd.concat(frames, ignore_index=True) if frames else frame.iloc[:0].assign(label="")


def points(
    rows: list[Row] | tuple[Row, ...],
    suite: str,
    results: Results,
    columns: Callable[[Row], dict[str, Any]] = lambda row: {},
) -> pd.DataFrame:
    """A line a run: label, seed, value (the suite's average), and the columns that a row is said to have.

    Raises InputError as `tables.seed_values` does.
    """
    rows = finished(rows, results)
    values = tables.seed_values(results.scores, [table_row(row, results) for row in rows], suite)
    lines = [
        {"label": row.label, "seed": seed, "value": value} | columns(row)
        for row, scores in zip(rows, values, strict=True)
        if "Avg" in scores  # a row without all tasks has none
        for seed, value in scores["Avg"].items()
    ]
    return pd.DataFrame(lines, columns=None if lines else ["label", "seed", "value"])


def swept(subject: Subject, axis: Axis, results: Results, suite: str | None = None) -> pd.DataFrame:
    """The points of a sweep: label (of the curve), seed, value, and the place on the axis."""

    def columns(row: Row) -> dict[str, Any]:
        value = getattr(row.variant.hyperparameters, axis.key)
        return {"label": subject.curve(row, axis), "place": axis.place(value)}

    return points(subject.points, suite or subject.suite, results, columns)


def with_baseline(frame: pd.DataFrame, subject: Subject, results: Results) -> pd.DataFrame:
    """Points of the subject's suite, and as `baseline` what the study's first trained row has at the same seed."""
    return _beside(frame, points(subject.trained[:1], subject.suite, results), ["seed"])


def _beside(frame: pd.DataFrame, first: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """The frame, and as `baseline` the first row's value with the same keys."""
    return frame.merge(first[[*keys, "value"]].rename(columns={"value": "baseline"}), on=keys, how="left")


def mask_ratios(subject: Subject, results: Results) -> pd.DataFrame:
    """The points of a sweep of mask ratios, with near and far."""

    def columns(row: Row) -> dict[str, Any]:
        return dict(zip(("near", "far"), row.variant.hyperparameters.mask_ratios, strict=True))

    return points(subject.points, subject.suite, results, columns)


def design(subject: Subject, results: Results) -> pd.DataFrame:
    """The points of a 2 × 2 design, with objective and triplet."""
    return points(
        subject.trained,
        subject.suite,
        results,
        lambda row: dict(zip(("objective", "triplet"), factors(row), strict=True)),
    )


def interaction(subject: Subject, compared: pd.DataFrame | None) -> dict[str, Any] | None:
    """The line of the interaction on the subject's average; None where its rows make no factorial design."""
    assert compared is not None
    own = compared[(compared["encoder"] == subject.encoder) & (compared["suite"] == subject.suite)]
    found = own[(own["kind"] == "effect") & (own["baseline"] == NO_INTERACTION) & (own["task"] == "Avg")]
    return next((line for line in found.to_dict("records")), None)  # type: ignore[return-value]


def differences(subject: Subject, compared: pd.DataFrame | None) -> pd.DataFrame:
    """The differences to the study's first trained one, on the averages of the suites; which are untrained.

    Of a tuned study, those of the rows as tuned.
    """
    assert compared is not None
    kind = "tuned" if subject.is_tuned else "pair"
    own = compared[(compared["encoder"] == subject.encoder) & (compared["kind"] == kind) & (compared["n"] > 0)]
    averages = own[own["task"] == "Avg"]
    untrained = [row.label for row in subject.rows if row.variant.untrained]
    return averages.assign(
        suite=[SUITES[suite].title for suite in averages["suite"]], untrained=averages["label"].isin(untrained)
    )


def runs_of(subject: Subject, results: Results) -> dict[str, list[str]]:
    """The columns of the pairs that hold the rows' cosines, as far as they were kept, by label."""
    there = {*results.pairs} if results.pairs is not None else set()
    found = {
        row.label: [column for run in row.runs if (column := column_of(run.id)) in there]
        for row in finished(subject.rows, results)
    }
    return {label: columns for label, columns in found.items() if columns}


def spread(subject: Subject, results: Results) -> pd.DataFrame:
    """The spread over seeds of the rows of a study of spread, as streams.spread has it, on the subject's average."""
    rows = [table_row(row, results) for row in finished(subject.trained, results)]
    return pd.DataFrame(streams.spread_of(rows, results.scores, subject.suite), columns=streams.COLUMNS)


def rank_agreement(subject: Subject, results: Results) -> pd.DataFrame:
    """The agreement of rankings at each step, as agreement.frame has it, of the tuned rows where there are enough."""
    rows = [table_row(row, results) for row in finished(subject.trained, results)]
    tuned, untuned = ([row for row in rows if bool(row.untuned) == which] for which in (True, False))
    lines = agreement.between_steps(tuned, results, subject.suite)
    lines = lines or agreement.between_steps(untuned, results, subject.suite)
    return pd.DataFrame(lines, columns=agreement.COLUMNS)
