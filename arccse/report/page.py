"""The results page: one HTML file with everything in it, that opens without a network and without a server.

`write` renders plain data (PageContent). The charts of a page are data too; `curves`, `histories`, `scores` and
`forest` make them from the data frames that the figures are drawn from. Tables and figures stand in the HTML
itself, so that the page reads without JavaScript; a script sorts the tables, shows one study at a time and draws
the charts with uPlot, which is vendored beside the template.
"""

import base64
import json
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import jinja2
import pandas as pd
from markupsafe import Markup

from arccse.errors import InputError
from arccse.files import atomic_write
from arccse.report.blocks import difference, interval
from arccse.statistics import summarise

SOURCES = Path(__file__).with_name("page")  # template, style, script, uPlot


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

    "curve": values with intervals against a number; "history": lines with bands over training steps; "points":
    values with intervals beside the names in `categories`, which `x` counts from 0. `spread` says in words what
    low and high are. `zero`: 0 is always in sight, with a line.
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


@dataclass(frozen=True)
class Table:
    """A data frame to be shown as it is, its columns as heads and its first column as the rows' names.

    Numbers are printed with two decimals, or three where all of a column lie between 0 and 1; text stays as it is
    and is sorted by the number it begins with where every cell of its column begins with one.

    suite: heading; bold: (line, column) of the cells in bold, lines counted from 0; group: a column whose
    values become headings between the lines instead (published rows stand apart this way, sorted or not);
    notes: sentences below.
    """

    suite: str
    caption: str
    frame: pd.DataFrame
    bold: frozenset[tuple[int, str]] = frozenset()
    group: str | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Figure:
    """A drawing: its name (caption), what it shows in words (alt), and SVG as text or as a path to it."""

    name: str
    alt: str
    svg: str | Path


@dataclass(frozen=True)
class Study:
    """A study's part of the page. `comparisons` is shown as a table of its own, as `comparison_table` lays it out."""

    name: str
    title: str
    tables: list[Table] = field(default_factory=list)
    comparisons: pd.DataFrame | None = None
    charts: list[Chart] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)


@dataclass(frozen=True)
class PageContent:
    """All that a page shows.

    config: the config's name; generated: the date, as printed; command: what a reader types to make the page
    again; findings: sentences, most important first; runs: one dict a run, its keys the heads of the table (values
    that all runs share are said once above it); caveat: printed in a frame at the top.
    """

    title: str
    config: str
    generated: str
    command: str
    findings: list[str]
    studies: list[Study]
    runs: list[dict[str, Any]]
    caveat: str | None = None


def write(content: PageContent, path: Path) -> None:
    """Write the page to `path`, whole or not at all. The same content gives the same bytes.

    Raises InputError for an SVG file that is not there, two studies of one name, two charts of one metric in a
    study, and a folder that cannot be written.
    """
    atomic_write(path, render(content))


def render(content: PageContent) -> str:
    """The page as HTML text; raises InputError as `write` does, which see."""
    names = [study.name for study in content.studies]
    if len(set(names)) < len(names):
        raise InputError(f"The page has two studies of one name among {', '.join(names)}; each needs its own.")
    for study in content.studies:
        metrics = [chart.metric for chart in study.charts]
        twice = [metric for metric in metrics if metrics.count(metric) > 1]
        if twice:
            raise InputError(f"Study '{study.name}' has two charts of metric '{twice[0]}'; each needs its own name.")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(SOURCES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["cells"] = _cells
    environment.filters["image"] = _image
    shared, runs = _runs(content.runs)
    return environment.get_template("page.html.j2").render(
        content=content,
        comparison_table=comparison_table,
        shared=shared,
        runs=runs,
        data=Markup(_json(chart_data(content))),  # escaped by _json
        source=lambda name: Markup((SOURCES / name).read_text(encoding="utf-8")),
    )


def chart_data(content: PageContent) -> dict[str, list[dict[str, Any]]]:
    """What the page's script draws: study name → its charts, as plain lists and dicts. It is embedded as JSON."""
    return {study.name: [asdict(chart) for chart in study.charts] for study in content.studies}


def _json(data: object) -> str:
    """JSON that is safe inside a script element: no character in it can end one or begin a comment."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _image(figure: Figure) -> str:
    """A figure as a data URL: inside an image of its own, an SVG's ids and styles cannot meet another's."""
    if isinstance(figure.svg, Path):
        if not figure.svg.is_file():
            raise InputError(f"{figure.svg} is not there: figure '{figure.name}' has not been drawn.")
        svg = figure.svg.read_bytes()
    else:
        svg = figure.svg.encode("utf-8")
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode("ascii")


# ----------------------------------------------------------------------------------------------------- tables

# A number at the start of a cell, as in "76.25 ± 0.84", "[−0.3, 0.8]" and "< 0.001", but not in "2026-11-23".
LEADING_NUMBER = re.compile(r"[\[(<≤≥>≈~ ]*([+−-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?)(?=$|[\s,;°%±/†\])])")


def _cells(table: Table) -> dict[str, Any]:
    """A table for the template: heads with their kind, then groups of lines of cells."""
    frame = table.frame.reset_index(drop=True)
    columns = [column for column in frame.columns if column != table.group]
    printed = {column: _printed(frame[column]) for column in columns}
    numbers = {column: _numbers(frame[column], printed[column]) for column in columns}
    lines = [
        [
            {
                "text": printed[column][i],
                "number": None if (values := numbers[column]) is None else values[i],
                "numeric": values is not None,
                "bold": (i, column) in table.bold,
            }
            for column in columns
        ]
        for i in range(len(frame))
    ]
    headings = [None] * len(frame) if table.group is None else [str(value) for value in frame[table.group]]
    return {
        "heads": [{"text": str(column), "numeric": numbers[column] is not None} for column in columns],
        "groups": [
            (heading, [line for line, own in zip(lines, headings, strict=True) if own == heading])
            for heading in dict.fromkeys(headings)
        ],
    }


def _printed(column: pd.Series) -> list[str]:
    values = [value for value in column if isinstance(value, float) and not math.isnan(value)]
    decimals = 3 if values and all(0 <= value <= 1 for value in values) else 2
    return [_text(value, decimals) for value in column]


def _text(value: object, decimals: int) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)) or value == "":
        return "–"
    if isinstance(value, float):
        return f"{value:.{decimals}f}".replace("-", "−")
    return str(value).replace("-", "−") if isinstance(value, int) else str(value)


def _numbers(column: pd.Series, printed: list[str]) -> list[float | None] | None:
    """What a column is sorted by: its numbers, None for empty cells; None altogether for a column of text."""
    found: list[float | None] = []
    for value, text in zip(column, printed, strict=True):
        match = LEADING_NUMBER.match(text)
        if match is None and text != "–":
            return None
        exact = isinstance(value, float) and match is not None
        found.append(float(value) if exact else match and float(match[1].replace("−", "-")))
    return found if any(number is not None for number in found) else None


COMPARISON_COLUMNS = ["label", "suite", "difference", "low", "high", "n", "verdict"]
# A comparison's columns as the page heads them, in their order; only those that a frame has are shown.
COMPARISON_HEADS = {
    "label": "Variant",
    "baseline": "Against",
    "encoder": "Encoder",
    "suite": "Suite",
    "task": "Task",
    "difference": "Difference",
    "interval": "95 % interval",
    "n": "Seeds",
    "p": "p",
    "p_holm": "p (Holm)",
    "improvement": "P(better)",
    "two_level": "Two-level interval",
    "verdict": "Verdict",
}


def comparison_table(comparisons: pd.DataFrame) -> Table:
    """Paired differences as a table.

    Args:
        comparisons: a line a comparison; columns label, suite, difference, low, high (95 % interval; NaN for one
            seed), n (common seeds), verdict, and where there are any: baseline, encoder, task, p, p_holm,
            improvement, two_level_low and two_level_high (over seeds and examples), text (a longer verdict, shown
            in its place). Other columns are not shown.

    Raises InputError for an absent column.
    """
    _require(comparisons, COMPARISON_COLUMNS, "comparisons")
    ends = comparisons[["difference", "low", "high"]].astype(float).to_numpy()
    frame = comparisons.assign(
        interval=[interval(low, high) for _, low, high in ends], difference=[difference(*found) for found in ends]
    )
    if "two_level_low" in frame and frame["two_level_low"].notna().any():
        ends = frame[["two_level_low", "two_level_high"]].astype(float).to_numpy()
        frame = frame.assign(two_level=[interval(low, high) for low, high in ends])
    if "text" in frame:
        frame = frame.assign(verdict=frame["text"])
    frame = frame[[name for name in COMPARISON_HEADS if name in frame]].rename(columns=COMPARISON_HEADS)
    return Table("Paired differences over common seeds", "", frame)


def _runs(runs: list[dict[str, Any]]) -> tuple[dict[str, str], Table]:
    """What all runs have in common, and a table of the rest. Keys that some runs lack are empty there."""
    frame = pd.DataFrame(runs).astype(object)
    frame = frame.where(frame.notna(), None)
    same = [key for key in frame.columns[1:] if len(frame) > 1 and frame[key].astype(str).nunique() == 1]
    return {key: _text(frame[key].iloc[0], 2) for key in same}, Table("Runs", "", frame.drop(columns=same))


# ----------------------------------------------------------------------------------------------------- charts


def curves(points: pd.DataFrame, x: str, metric: str, x_label: str, y_label: str) -> Chart:
    """A swept number against a score: mean over seeds, 95 % interval of the mean, every seed.

    Args:
        points: columns label (a line each, in order of appearance), seed, value, and the swept number.
        x: name of the swept column.
        metric: what the page's choice of metrics calls the chart, such as "STS average".

    Raises InputError for an absent column, no point, and two values for one label, x and seed.
    """
    _check_points(points, ["label", "seed", "value", x], [x, "label", "seed"], metric)
    places = sorted(points[x].unique())
    series = [_series(label, own, x, places) for label, own in points.groupby("label", sort=False)]
    spread = "95 % interval of the mean over seeds; small rings: seeds"
    return Chart(metric, "curve", x_label, y_label, spread, [float(place) for place in places], series)


def scores(points: pd.DataFrame, metric: str, y_label: str) -> Chart:
    """The score of each variant, one below the other: mean over seeds, 95 % interval of the mean, every seed.

    Args:
        points: columns label (in order of appearance), seed, value.

    Raises InputError as `curves` does.
    """
    _check_points(points, ["label", "seed", "value"], ["label", "seed"], metric)
    labels = list(dict.fromkeys(points["label"]))
    spread = "95 % interval of the mean over seeds; small rings: seeds"
    x = [float(i) for i in range(len(labels))]
    series = [_series(y_label, points, "label", labels)]
    return Chart(metric, "points", "Variant", y_label, spread, x, series, categories=labels)


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


def forest(comparisons: pd.DataFrame) -> list[Chart]:
    """Forest plots of paired differences: a chart for each suite, and for each task, kind and encoder of several.

    Args:
        comparisons: as in `comparison_table`.

    Raises InputError for an absent column.
    """
    _require(comparisons, COMPARISON_COLUMNS, "comparisons")
    several = [
        name for name in ("task", "kind", "encoder") if name in comparisons and comparisons[name].nunique() > 1
    ]
    keys = ["suite", *several]
    return [_forest(own, ", ".join(map(str, names))) for names, own in comparisons.groupby(keys, sort=False)]


def _forest(own: pd.DataFrame, where: str) -> Chart:
    baselines: list[Any] = list(own["baseline"].unique()) if "baseline" in own else []
    y_label = f"Difference to {baselines[0]}" if len(baselines) == 1 else "Difference"
    low, middle, high = (_numbers_of(own[name]) for name in ("low", "difference", "high"))
    notes = [str(verdict) for verdict in own["text" if "text" in own else "verdict"]]
    series = Series(y_label, middle, low, high, [int(n) for n in own["n"]], notes=notes)
    x = [float(i) for i in range(len(own))]
    names = [str(label) for label in own["label"]]
    spread = "95 % interval of the mean difference over common seeds"
    return Chart(f"Differences, {where}", "points", "Variant", y_label, spread, x, [series], names, zero=True)


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
