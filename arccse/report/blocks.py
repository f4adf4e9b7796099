"""A tidy table laid out for print: blocks of plain text, the same for Markdown, LaTeX and the page."""

import math
from collections.abc import Hashable
from dataclasses import dataclass
from itertools import groupby
from string import ascii_lowercase
from typing import Any

import pandas as pd

from arccse.evaluation.suites import Suite, suite_named
from arccse.report.tables import Row, StudyView, listed, published, task_order
from arccse.statistics import ALPHA, seeds_needed


@dataclass(frozen=True)
class Cell:
    text: str
    bold: bool = False


@dataclass(frozen=True)
class Line:
    label: str
    note: str  # letter of its source among the block's notes, or ""
    seeds: int
    cells: list[Cell]


@dataclass(frozen=True)
class Block:
    """One suite of a table, ready to be set in any markup: plain text throughout, nothing escaped yet."""

    suite: str
    title: str
    caveat: str | None
    caption: str
    columns: list[str]
    size_label: str
    sizes: list[str]
    groups: list[tuple[str, list[Line]]]
    notes: list[tuple[str, str]]  # mark, text
    compared_columns: list[str]
    compared: list[tuple[str, list[list[str]]]]  # heading, rows of cells
    compared_notes: list[str]


COMPARED = [
    *("", "Difference", "95 % interval", "n", "p", "Holm p", "P(impr.)", "Seeds needed", "Two-level", "Verdict")
]


def blocks(view: StudyView, table: pd.DataFrame, comparisons: pd.DataFrame | None = None) -> list[Block]:
    """Lay a tidy table out: a block a suite, in it a group for each encoder and origin, then the comparisons.

    Bold marks `decided_best`. "Avg" is left out where there is a single task. Of the comparisons (a frame of
    comparisons.compare_study) those on the suite's headlines are shown.
    """
    found = []
    for suite, part in table.groupby("suite", sort=False):
        headlines = suite_named(str(suite)).headlines
        if comparisons is None:
            found.append(_block(view, part, None))
        else:
            shown = comparisons[(comparisons["suite"] == suite) & comparisons["task"].isin(headlines)]
            found.append(_block(view, part, shown if len(shown) else None))
    return found


def _block(view: StudyView, part: pd.DataFrame, shown: pd.DataFrame | None) -> Block:
    part = part.reset_index(drop=True)
    suite = str(part["suite"].iloc[0])
    spec = suite_named(suite)
    tasks = task_order((t for t in part["task"] if t != "Avg"), spec)
    columns = [*tasks, "Avg"] if len(tasks) > 1 and "Avg" in spec.headlines else tasks
    sources = list(dict.fromkeys(part.loc[part["origin"] == "published", "source"]))
    marks = dict(zip(sources, _letters(len(sources)), strict=True))
    sizes = part.dropna(subset="n").groupby("task")["n"].first()
    compared_columns, compared = ([], []) if shown is None else _compared(shown)
    return Block(
        suite=suite,
        title=spec.title,
        caveat=view.caveat,
        caption=_caption(view, spec),
        columns=columns,
        size_label=spec.size,
        sizes=[str(sizes[t]) if t in sizes else "" for t in columns],
        groups=_groups(part, columns, marks),
        notes=_notes(part[part["task"].isin(columns)], "below" if spec.lower_is_better else "above")
        + [(mark, source) for source, mark in marks.items()],
        compared_columns=compared_columns,
        compared=compared,
        compared_notes=[] if shown is None else _compared_notes(shown) + _claimed(view, suite),
    )


def _groups(part: pd.DataFrame, columns: list[str], marks: dict[str, str]) -> list[tuple[str, list[Line]]]:
    # Single-seed and several-seed rows of the literature are different kinds of claim: a group for each.
    origin = part["origin"].where(part["origin"] == "measured", _published_as(part))
    part = part.assign(heading=part["encoder"] + ", " + origin)
    lines: dict[str, list[Line]] = {name: [] for name in part["heading"]}
    keys = ["heading", "method", "source", "n_seeds"]
    for _, scores in part.groupby(keys, sort=False):
        first = scores.iloc[0]
        by_task = {score["task"]: _cell(score) for score in scores.to_dict("records")}
        cells = [by_task.get(task, Cell("–")) for task in columns]
        lines[first["heading"]].append(Line(first["method"], marks.get(first["source"], ""), first["n_seeds"], cells))
    return list(lines.items())


def _published_as(part: pd.DataFrame) -> pd.Series:
    return part["n_seeds"].map(lambda n: "published, single seed" if n == 1 else "published, several seeds")


def _cell(score: dict[Hashable, Any]) -> Cell:
    mean, low, high = score["mean"], score["low"], score["high"]
    if score["n_seeds"] == 1:
        spread = "†"
    elif score["origin"] == "published":
        spread = " (sd ?)" if pd.isna(score["sd"]) else f" (sd {score['sd']:.2f})"
    else:  # a bootstrapped interval need not lie evenly about the mean
        spread = (
            f" [{number(low, '.2f')}, {number(high, '.2f')}]"
            if score["interval"] == "bca"
            else f" ± {high - mean:.2f}"
        )
    return Cell(f"{number(mean, '.2f')}{spread}", bool(score["decided_best"]))


def _caption(view: StudyView, spec: Suite) -> str:
    sentences = [
        f"{view.title.rstrip('.')}",
        f"{spec.title}: {spec.score}, mean over seeds with its 95 % interval",
        f"Config {view.config}; encoder {', '.join(view.encoders)}; {_seeds(view.rows)}",
        f"Selection: {view.selection.rstrip('.')}",
        f"Runs of {view.date}",
    ]
    return ". ".join(sentences) + "."


def _seeds(rows: list[Row]) -> str:
    """Which seeds the measured rows have: "seeds 1, 2, 3 (n = 3)" where all have the same, or row by row."""
    same = [(seeds, list(group)) for seeds, group in groupby(rows, key=lambda row: sorted(row.seeds))]
    if len(same) == 1:
        return _seeds_of(same[0][0])
    names = [listed(f"“{row.label}”" for row in group) for _, group in same]
    return "; ".join(f"{name}: {_seeds_of(seeds)}" for name, (seeds, _) in zip(names, same, strict=True))


def _seeds_of(seeds: list[int]) -> str:
    return f"seed{'s' * (len(seeds) > 1)} {listed(seeds)} (n = {len(seeds)})"


def _notes(part: pd.DataFrame, better: str) -> list[tuple[str, str]]:
    """The notes below a block, each only where it explains something there; `better` is above or below."""
    notes, decided = [], f"decidedly {better} each of the encoder's other measured rows"
    measured = part[part["origin"] == "measured"]
    if (measured["interval"] == "t").any():
        notes.append(("±", "Half the width of the mean's 95 % interval over seeds (Student's t)."))
    if (measured["interval"] == "bca").any():
        notes.append(("[ ]", "The mean's 95 % interval over seeds (BCa bootstrap)."))
    if measured["decided_best"].any():
        notes.append(("", f"Bold: {decided} (sign-flip test, Holm)."))
    elif measured["method"].nunique() > 1:
        notes.append(("", f"Nothing is bold: no value is {decided}."))
    if (part["n_seeds"] == 1).any():
        notes.append(("†", "One seed (n = 1): the spread over seeds is not known."))
    if ((part["origin"] == "published") & (part["n_seeds"] > 1)).any():
        notes.append(("sd", "Standard deviation over seeds, as published (?: not published)."))
    if (part["origin"] == "published").any():
        notes.append(("", "Published rows are copied from the sources named below, not measured here."))
    return notes


SPREAD = "SimCSE (50 seeds)"  # the published row that tells how far seeds of SimCSE lie apart

HEADINGS = {
    "pair": "less {baseline}",
    "effect": "effects of objective and triplet",
    "decline": "change with noise, less that of the other objective",
    "margin": "what a margin adds at each temperature",
    "pooling": "the same runs under another pooling",
}


def _compared(shown: pd.DataFrame) -> tuple[list[str], list[tuple[str, list[list[str]]]]]:
    """The columns with something in them, and under a heading for each encoder and family its rows of cells."""
    several = shown["task"].nunique() > 1
    groups: dict[str, list[list[str]]] = {}
    for line in shown.to_dict("records"):
        name = line["label"]
        if line["kind"] in ("decline", "margin", "pooling"):
            name += f" − {line['baseline']}"
        if several:
            name += f", {line['task']}"
        heading = f"{line['encoder']}, {HEADINGS[line['kind']].format(baseline=line['baseline'])}"
        groups.setdefault(heading, []).append([name, *_compared_cells(line)])
    grids = list(groups.values())
    used = [i for i in range(len(COMPARED)) if any(row[i] != "–" for rows in grids for row in rows)]
    return [COMPARED[i] for i in used], [
        (heading, [[row[i] for i in used] for row in rows]) for heading, rows in groups.items()
    ]


def _compared_cells(line: dict[Hashable, Any]) -> list[str]:
    needed = line["seeds_needed"]
    return [
        difference(line["difference"], line["low"], line["high"]),
        interval(line["low"], line["high"]),
        str(line["n"]),
        p_value(line["p"]),
        p_value(line["p_holm"]),
        number(line["improvement"], ".2f"),
        "–" if pd.isna(needed) else str(needed),
        interval(line["two_level_low"], line["two_level_high"]),
        line["verdict"],
    ]


def number(value: float, form: str) -> str:
    """A number with a true minus sign, or a dash where it is not known."""
    return "–" if pd.isna(value) else f"{value:{form}}".replace("-", "−")


def p_value(p: float) -> str:
    """Three decimals, "< 0.001", or a dash where it is not known."""
    return "< 0.001" if p < 0.001 else number(p, ".3f")


def interval(low: float, high: float) -> str:
    """ "−0.30 to 0.80", or a dash where it is not known."""
    form = f".{_decimals(low, high)}f"
    return "–" if pd.isna(low) else f"{number(low, form)} to {number(high, form)}"


def difference(value: float, low: float, high: float) -> str:
    """ "+0.25", with the decimals of its interval."""
    return number(value, f"+.{_decimals(low, high)}f")


def _decimals(low: float, high: float) -> int:
    """As many as show a fifth of the interval, so that nothing is "0.00 to 0.00" and decided; two at least."""
    width = high - low
    return min(6, max(2, 1 - math.floor(math.log10(2 * width)))) if width > 0 else 2


def _compared_notes(shown: pd.DataFrame) -> list[str]:
    """What the comparisons' columns mean and, where something is missing, why."""
    notes = [
        "n: common seeds. p: two-sided sign-flip test; Holm p: corrected for all comparisons under one heading"
        " on one measure. P(impr.): how often a run of the one beats a run of the other.",
        "The interval is Student's t: where it only just holds 0, or only just does not, p may differ, and decides.",
        "Seeds needed: with how many common seeds a paired t test finds the difference with 80 % power, if the true"
        f" difference and spread are those observed here; no fewer than the sign-flip test needs for p ≤ {ALPHA}.",
    ]
    if shown["two_level_low"].notna().any():
        notes.append("Two-level: 95 % bootstrap interval over seeds and sentence pairs; too narrow with few seeds.")
    if (shown["kind"] == "pooling").any():
        notes.append("Poolings are corrected together for all rows and poolings of an encoder.")
    notes += [f"{text[0].upper()}{text[1:]}." for text in dict.fromkeys(shown["text"]) if ":" in text]
    partly = shown.loc[shown["dropped"] != "", ["label", "baseline", "dropped"]].drop_duplicates()
    for line in partly.to_dict("records"):
        seeds = listed(str(line["dropped"]).split())
        notes.append(f"{line['label']} and {line['baseline']} are compared without seed {seeds}: not in common.")
    return notes


def _claimed(view: StudyView, suite: str) -> list[str]:
    """How many seeds the published gain of ArcCSE over SimCSE needs, where SimCSE's spread is published too."""
    averages = published()
    averages = averages[(averages["suite"] == suite) & (averages["task"] == "Avg")]
    lines = []
    for encoder in view.encoders if view.published is None else view.published:
        own = averages[averages["encoder"] == encoder].to_dict("records")
        rows: dict[str, Any] = {line["method"]: line for line in own}
        if not {"ArcCSE", "SimCSE", SPREAD} <= set(rows):
            continue
        new, old = rows["ArcCSE"]["value"], rows["SimCSE"]["value"]
        sd, seeds = rows[SPREAD]["sd"], rows[SPREAD]["seeds"]
        lines.append(
            f"Published: ArcCSE's {new:.2f} − SimCSE's {old:.2f} = {number(new - old, '+.2f')} on {encoder}. Against"
            f" SimCSE's published spread (sd {sd:.2f} over {seeds} seeds), a t test finds such a gain with 80 % power"
            f" from {seeds_needed(new - old, sd)} seeds of each on."
        )
    return lines


def _letters(count: int) -> list[str]:
    """a … z, then aa, ab, …"""
    letters = list(ascii_lowercase)
    return (letters + [first + second for first in letters for second in letters])[:count]
