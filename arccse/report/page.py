"""The results page: one HTML file with everything in it, that opens without a network and without a server.

`write` renders plain data (PageContent), made by report.content. Tables and figures stand in the HTML itself, so that
the page reads without JavaScript; a script sorts the tables and draws the charts with uPlot, which is vendored beside
the template: 50 kB, where libraries that draw intervals and bands by themselves take 0.5 MB (Observable Plot with D3)
or 1.1 MB (plotly.js, basic) of the page's 3.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
import pandas as pd
from markupsafe import Markup

from arccse.errors import InputError
from arccse.files import atomic_write
from arccse.report import glossary
from arccse.report.blocks import UNKNOWN, Block, Cell, Grid
from arccse.report.charts import Chart
from arccse.report.layout import FIGURE_KINDS, TABLE_KINDS

SOURCES = Path(__file__).with_name("page")  # template, style, script, uPlot


@dataclass(frozen=True)
class Figure:
    """A drawing: its file's name, what it shows in words (alt), and the path of its SVG.

    failure: why a placeholder stands there instead; caption: what it shows, and of what. Beside the page its files
    are figures/<name>.<kind>.
    """

    name: str
    alt: str
    svg: Path
    failure: str = ""
    caption: str = ""


@dataclass(frozen=True)
class Supplement:
    """A table beside a study's own.

    name: of its files, which are tables/<name>.<kind>; block: None where the file is all; failure: why there is none;
    numbers: all that its CSV has, None where it could not be made.
    """

    name: str
    title: str
    kinds: Sequence[str]
    block: Block | None
    failure: str = ""
    numbers: pd.DataFrame | None = None


@dataclass(frozen=True)
class Study:
    """A study's part of the page.

    findings: sentences, most important first; failures: what is missing of its charts, and why.
    """

    name: str
    title: str
    findings: list[str] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    supplements: list[Supplement] = field(default_factory=list)


@dataclass(frozen=True)
class Claim:
    """A claim's line on the first screen.

    Attributes:
        verdict: supported, contradicted, equivalent or undecided; of a comparison also higher or lower.
        difference, interval: as printed; a dash where there is none.
        seeds: how many there are in common; of models that are compared, how many examples.
        middle, low, high, margin: the difference, its interval and what does not matter, as shares of the scale of
            all claims on one measure, which ends at ±1; None where there is none.
        details: term → what is said of it below the sentence.
        study: whose section the claim leads to.
    """

    sentence: str
    encoder: str
    verdict: str
    difference: str
    interval: str
    seeds: int
    middle: float | None
    low: float | None
    high: float | None
    margin: float | None
    details: dict[str, str]
    study: str


@dataclass(frozen=True)
class Across:
    """The claims of several encoders at a glance: a row a sentence, a column an encoder.

    rows: a sentence and its claim on each encoder, in the order of `encoders`; None on one that it is not asked of.
    """

    encoders: list[str]
    rows: list[tuple[str, list[Claim | None]]]


@dataclass(frozen=True)
class PageContent:
    """All that a page shows.

    question: the page's title; answer: what it comes to, in a sentence; overviews: what its studies of many tuned
    rows come to, a sentence each; claims: encoder by encoder; scales: how far the plots of claims reach, in words;
    lead: the figure of the first screen, which its study does not repeat; caveats: what bounds the answer, a short
    sentence each; config: the config's name; generated: the date, as printed; command: what a reader types to make
    the page again; runs: one dict a run, its keys the heads of the table, the first the run's name (what all runs
    share is said once above it); caveat: in a frame at the top; supplements: tables of no single study, a section
    each; across: the claims at a glance, of several encoders.
    """

    question: str
    answer: str
    overviews: list[str]
    claims: list[Claim]
    scales: str
    lead: Figure | None
    caveats: list[str]
    config: str
    generated: str
    command: str
    studies: list[Study]
    runs: list[dict[str, Cell]]
    caveat: str | None = None
    supplements: list[Supplement] = field(default_factory=list)
    across: Across | None = None


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
    shared, runs = shared_and_own(content.runs)
    return filled(
        "page.html.j2",
        content=content,
        shared=shared,
        runs=runs,
        data=Markup(_json(chart_data(content))),  # escaped by _json
        figure_kinds=FIGURE_KINDS,
        table_kinds=TABLE_KINDS,
        terms=glossary.TERMS,
        anchor=glossary.anchor,
        defined=glossary.defined,
    )


def filled(template: str, **content: Any) -> str:
    """One of the templates beside style and script, with its content; text is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(SOURCES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["image"] = _image
    environment.filters["summary_first"] = summary_first
    environment.globals["source"] = lambda name: Markup((SOURCES / name).read_text(encoding="utf-8"))
    return environment.get_template(template).render(**content)


def chart_data(content: PageContent) -> dict[str, list[dict[str, Any]]]:
    """What the page's script draws: study name → its charts, as plain lists and dicts. It is embedded as JSON."""
    return {study.name: [asdict(chart) for chart in study.charts] for study in content.studies}


def _json(data: object) -> str:
    """JSON that is safe inside a script element: no character in it can end one or begin a comment."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _image(figure: Figure) -> Markup:
    """A figure as a data URL: inside an image of its own, an SVG's ids and styles cannot meet another's.

    It is text, since base64 is a third longer; < and > may stand in an attribute as they are.
    """
    if not figure.svg.is_file():
        raise InputError(f"{figure.svg} is not there: figure '{figure.name}' has not been drawn.")
    svg = figure.svg.read_text(encoding="utf-8")
    svg = svg if "'" in svg else svg.replace('"', "'")  # which needs no escape in a URL
    text = quote(svg, safe=" <>/=:;,()'!?&+*[]|@$\n")
    return Markup("data:image/svg+xml," + text.replace("&", "&amp;"))


# ----------------------------------------------------------------------------------------------------- tables

SUMMARY = ("Avg", "Verdict")


def summary_first(grid: Grid) -> Grid:
    """The grid with average and verdict right after the names, where the narrowest screen shows them."""
    order = sorted(range(len(grid.heads)), key=lambda i: 0 if i == 0 else 1 if grid.heads[i] in SUMMARY else 2)
    return Grid(
        [grid.heads[i] for i in order],
        [grid.units[i] for i in order] if grid.units else [],
        [(heading, [[line[i] for i in order] for line in lines]) for heading, lines in grid.groups],
        grid.notes,
    )


def shared_and_own(runs: list[dict[str, Cell]]) -> tuple[dict[str, str], Grid]:
    """What all runs have in common, and a grid of the rest. What some runs lack is a dash there."""
    heads = list(dict.fromkeys(key for run in runs for key in run))
    texts = {head: {run.get(head, UNKNOWN).text for run in runs} for head in heads}
    same = [head for head in heads[1:] if len(runs) > 1 and len(texts[head]) == 1]
    own = [head for head in heads if head not in same]
    lines = [[run.get(head, UNKNOWN) for head in own] for run in runs]
    return {head: texts[head].pop() for head in same}, Grid(own, [], [("", lines)], [])
