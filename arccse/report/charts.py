"""The charts of the page, as plain data: what the page's script draws, with values to read.

`of_study` gathers a study's charts from the results; the other functions make one kind of chart each of a data frame,
the ones that the figures are drawn from.
"""

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import pandas as pd

from arccse.errors import InputError
from arccse.evaluation.suites import MEASURES, SUITES
from arccse.report.blocks import HEADINGS
from arccse.report.figures import data
from arccse.report.figures.axis import Axis, far_off, reach
from arccse.report.figures.kinds import Subject
from arccse.results import Results
from arccse.statistics import summarise

OVER_SEEDS = "95 % interval of the mean over seeds; small rings: seeds"
TOGETHER = "interval of the mean difference over common seeds, adjusted for all comparisons of one kind"
TRAINING = {
    "alignment": "Alignment",
    "uniformity": "Uniformity",
    "dev_spearman": "Dev Spearman × 100",
    "loss": "Loss",
}
GROUPS = ["suite", "task", "kind", "encoder"]  # of comparisons, a chart each
COMPARISON_COLUMNS = [*GROUPS, "label", "baseline", "difference", "low", "high", "n", "verdict"]


@dataclass(frozen=True)
class Series:
    """One line of a chart. Each list has an entry for each of the chart's `x`; None where there is no value.

    low, high: of the interval or band; n: seeds; seeds: a [seed, value] pair for every seed, where each is shown;
    notes: a word to each value, such as a verdict.
    """

    label: str
    y: list[float | None]
    low: list[float | None]
    high: list[float | None]
    n: list[int]
    seeds: list[list[list[float]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Chart:
    """What the page draws where `metric` is chosen.

    "curve": values with intervals against a number, or against the names in `categories`; "history": lines with bands
    over training steps; "points": values with intervals beside the names in `categories`. Where there are names, `x`
    counts them from 0. `spread` says in words what low and high are. `zero`: 0 is always in sight, with a line.
    """

    metric: str
    kind: Literal["curve", "history", "points"]
    x_label: str
    y_label: str
    spread: str
    x: list[float]
    series: list[Series]
    categories: list[str] = field(default_factory=list)
    zero: bool = False
    span: list[float] = field(default_factory=list)


Make = Callable[[], list[Chart]]


def of_study(found: list[Subject], results: Results, compared: pd.DataFrame) -> dict[str, Make]:
    """What makes a study's charts, by what it is called: differences, scores and sweeps of each suite, histories.

    Differences come first: rows' own intervals overlap where the differences, seed by seed, are sure.
    """
    headline = compared[(compared["n"] > 0) & compared["task"].isin(["Avg", *MEASURES])]
    makers: dict[str, Make] = {"differences": partial(forest, headline, untrained(found))}
    for subject in found:
        where = f", {subject.encoder}" if len(found) > 1 else ""
        for suite in subject.suites:
            spec = SUITES[suite]
            if "Avg" in spec.headlines:
                title = spec.words("Avg")
                makers[title + where] = partial(_averages, subject, suite, results, title, where)
                if subject.axis is not None:
                    makers[f"sweep of {title}{where}"] = partial(_sweep, subject, suite, results, title, where)
        if data.finished(subject.at_best, results):
            makers[f"course of training{where}"] = partial(_courses, subject, results, where)
    return makers


def untrained(found: Iterable[Subject]) -> set[str]:
    """The labels of rows that may be far from all others."""
    return {row.label for subject in found for row in subject.rows if row.variant.untrained}


def _averages(subject: Subject, suite: str, results: Results, title: str, where: str) -> list[Chart]:
    rows = data.finished((*subject.rows, *subject.tuned), results)
    if not rows:
        return []
    return [scores(data.points(rows, suite, results), title + where, title, untrained([subject]))]


def _sweep(subject: Subject, suite: str, results: Results, title: str, where: str) -> list[Chart]:
    assert subject.axis is not None
    frame = data.swept(subject, subject.axis, results, suite)
    name = f"{title} against {subject.axis.title.replace('_', ' ')}{where}"
    return [curves(frame, subject.axis, name, title)] if len(frame) else []


def _courses(subject: Subject, results: Results, where: str) -> list[Chart]:
    return histories(data.histories(subject, results), {column: name + where for column, name in TRAINING.items()})


def curves(points: pd.DataFrame, axis: Axis, metric: str, y_label: str) -> Chart:
    """A swept hyperparameter against a score: mean over seeds, 95 % interval of the mean, every seed.

    Args:
        points: columns label (a line each, in order of appearance), seed, value, place (on the axis).
        axis: the swept hyperparameter, which names its places.
        metric: what the page's choice of metrics calls the chart, such as "STS average".

    Raises InputError for an absent column, no point, and two values for one label, place and seed.
    """
    _check_points(points, ["label", "seed", "value", "place"], ["place", "label", "seed"], metric)
    names = axis.categories
    places = list(range(len(names))) or sorted(points["place"].unique())
    series = [_series(label, own, "place", places) for label, own in points.groupby("label", sort=False)]
    return Chart(metric, "curve", axis.title, y_label, OVER_SEEDS, [float(place) for place in places], series, names)


def scores(points: pd.DataFrame, metric: str, y_label: str, aside: Collection[str] = ()) -> Chart:
    """The score of each variant, one below the other: mean over seeds, 95 % interval of the mean, every seed.

    Args:
        points: columns label (in order of appearance), seed, value.
        aside: labels that may lie beyond the axis.

    Raises InputError as `curves` does.
    """
    _check_points(points, ["label", "seed", "value"], ["label", "seed"], metric)
    labels = list(dict.fromkeys(points["label"]))
    x = [float(i) for i in range(len(labels))]
    series = _series(y_label, points, "label", labels)
    span = _span(series, labels, aside)
    return Chart(metric, "points", "Method", y_label, OVER_SEEDS, x, [series], categories=labels, span=span)


def histories(frame: pd.DataFrame, measures: dict[str, str]) -> list[Chart]:
    """A chart over training for each measure: the mean over seeds, and a band from the lowest to the highest.

    As in the figures, only steps at which every seed of a label was measured have a value, since a mean over
    changing seeds would jump. A measure that no run has is left out.

    Args:
        frame: columns label, seed, step and the measures, NaN at steps without a measurement.
        measures: column → what the page calls it, such as {"alignment": "Alignment"}.

    Raises InputError for an absent column and two lines for one label, seed and step.
    """
    _check_points(frame, ["label", "seed", "step", *measures], ["label", "seed", "step"], "training")
    return [_history(frame, column, name) for column, name in measures.items() if frame[column].notna().any()]


def _history(frame: pd.DataFrame, column: str, name: str) -> Chart:
    wide = frame.pivot(index="step", columns=["label", "seed"], values=column).sort_index()
    labels = list(dict.fromkeys(frame["label"]))
    complete = {label: wide[label].dropna() for label in labels}
    steps = sorted(set().union(*(own.index for own in complete.values())))
    series = []
    for label, own in complete.items():
        own = own.reindex(steps)
        mean, low, high = (_numbers_of(values) for values in (own.mean(axis=1), own.min(axis=1), own.max(axis=1)))
        series.append(Series(label, mean, low, high, [len(own.columns)] * len(steps)))
    return Chart(name, "history", "Training step", name, "lowest to highest seed", [float(s) for s in steps], series)


def forest(comparisons: pd.DataFrame, aside: Collection[str] = ()) -> list[Chart]:
    """Forest plots of paired differences: a chart for each measure, kind of comparison and encoder.

    Args:
        comparisons: a line a comparison; columns COMPARISON_COLUMNS of comparisons.compare_study (low and high: the
            interval, NaN without one; n: common seeds), and where there is any: text (a longer verdict, shown in its
            place).
        aside: labels that may lie beyond the axis.

    Raises InputError for an absent column.
    """
    _require(comparisons, COMPARISON_COLUMNS, "comparisons")
    several = comparisons["encoder"].nunique() > 1
    return [
        _forest(own, f"Differences: {_compared(own.iloc[0])}" + (f", {keys[-1]}" if several else ""), aside)
        for keys, own in comparisons.groupby(GROUPS, sort=False)
    ]


def _compared(line: pd.Series) -> str:
    """A measure and a kind of comparison, in words."""
    measure = SUITES[line["suite"]].words(line["task"])
    return f"{measure}, {HEADINGS[line['kind']].format(baseline=line['baseline'])}"


def _forest(own: pd.DataFrame, metric: str, aside: Collection[str]) -> Chart:
    baselines = own["baseline"].unique()
    y_label = f"Difference to {baselines[0]}" if len(baselines) == 1 else "Difference"
    low, middle, high = (_numbers_of(own[name]) for name in ("low", "difference", "high"))
    notes = [str(verdict) for verdict in own["text" if "text" in own else "verdict"]]
    series = Series(y_label, middle, low, high, [int(n) for n in own["n"]], notes=notes)
    x = [float(i) for i in range(len(own))]
    names = [str(label) for label in own["label"]]
    reaches = own[["difference", "low", "high"]].abs().max(axis=1)
    far = [name for name, is_far in zip(names, far_off(reaches.tolist()), strict=True) if is_far]
    span = _span(series, names, {*aside, *far}, [0.0])
    return Chart(metric, "points", "Method", y_label, TOGETHER, x, [series], categories=names, zero=True, span=span)


def _span(series: Series, names: Sequence[str], aside: Collection[str], within: Iterable[float] = ()) -> list[float]:
    """The ends of an axis on which what is not set aside has room; [] where that makes no room."""
    seeds = series.seeds or [[] for _ in names]
    ends = [
        [end for end in (low, middle, high, *(value for _, value in own)) if end is not None]
        for low, middle, high, own in zip(series.low, series.y, series.high, seeds, strict=True)
    ]
    low, high = reach(ends, [name in aside for name in names], within)
    air = (high - low) / 6 or 0.5
    span = [low - air, high + air]
    return span if any(y is not None and not span[0] <= y <= span[1] for y in series.y) else []


def _series(label: object, points: pd.DataFrame, x: str, places: Iterable[Any]) -> Series:
    """Mean, interval and seeds at each place; None where the series has no value."""
    at_place = [points[points[x] == place] for place in places]
    found = [summarise(own["value"].to_numpy()) if len(own) else None for own in at_place]

    def each(value: Callable[[Any], float]) -> list[float | None]:
        return [None if summary is None else _number(value(summary)) for summary in found]

    return Series(
        str(label),
        each(lambda summary: summary.mean),
        each(lambda summary: summary.low),
        each(lambda summary: summary.high),
        [len(own) for own in at_place],
        [[[int(s), float(v)] for s, v in zip(own["seed"], own["value"], strict=True)] for own in at_place],
    )


def _number(value: float) -> float | None:
    """A number of at most six digits, which is more than a chart can show; None for NaN, which JSON lacks."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


def _numbers_of(values: Iterable[float]) -> list[float | None]:
    return [_number(value) for value in values]


def _check_points(frame: pd.DataFrame, columns: list[str], key: list[str], name: str) -> None:
    _require(frame, columns, name)
    if frame.empty:
        raise InputError(f"There is nothing to draw for '{name}': the table is empty.")
    if frame.duplicated(key).any():
        raise InputError(f"The table of '{name}' has two lines for one {', '.join(key)}; each needs one.")


def _require(frame: pd.DataFrame, columns: list[str], name: str) -> None:
    absent = [column for column in columns if column not in frame]
    if absent:
        raise InputError(f"The table of '{name}' lacks the column '{absent[0]}'.")
