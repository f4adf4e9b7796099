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
    """What is printed, and the number that it says, if it says one."""

    text: str
    number: float | None = None
    bold: bool = False
    mark: str = ""  # of the note that says where it comes from


UNKNOWN = Cell("–")


@dataclass(frozen=True)
class Grid:
    """Lines of cells, the first of which is a name, under heads, in groups under headings, with notes below.

    Plain text throughout, nothing escaped yet. `units`, if there are any, stand below the heads.
    """

    heads: list[str]
    units: list[str]
    groups: list[tuple[str, list[list[Cell]]]]
    notes: list[tuple[str, str]]  # mark, text

    def is_numeric(self, column: int) -> bool:
        """Whether a column has numbers."""
        return any(line[column].number is not None for _, lines in self.groups for line in lines)


@dataclass(frozen=True)
class Block:
    """One suite of a study, ready to be set in any markup: its scores and, where rows are compared, differences."""

    suite: str
    title: str
    caveat: str | None
    caption: str
    scores: Grid
    differences: Grid | None


def blocks(view: StudyView, table: pd.DataFrame, comparisons: pd.DataFrame | None = None) -> list[Block]:
    """Lay a tidy table out: a block a suite, in it a group for each encoder and origin, then the comparisons.

    Bold marks `decided_best`. "Avg" is left out where there is a single task. Of the comparisons (a frame of
    comparisons.compare_study) those on the suite's headlines are shown.
    """
    found = []
    for suite, part in table.groupby("suite", sort=False):
        spec = suite_named(str(suite))
        shown = comparisons if comparisons is None else comparisons[comparisons["suite"] == suite]
        shown = shown if shown is None else shown[shown["task"].isin(spec.headlines)]
        found.append(
            Block(
                suite=str(suite),
                title=spec.title,
                caveat=view.caveat,
                caption=_caption(view, spec),
                scores=_scores(view, part.reset_index(drop=True), spec),
                differences=None if shown is None or shown.empty else _differences(view, shown, str(suite)),
            )
        )
    return found


# ------------------------------------------------------------------------------------------------------ scores


def _scores(view: StudyView, part: pd.DataFrame, spec: Suite) -> Grid:
    tasks = task_order((t for t in part["task"] if t != "Avg"), spec)
    columns = [*tasks, "Avg"] if len(tasks) > 1 and "Avg" in spec.headlines else tasks
    sources = list(dict.fromkeys(part.loc[part["origin"] == "published", "source"]))
    marks = dict(zip(sources, _letters(len(sources)), strict=True))
    sizes = part.dropna(subset="n").groupby("task")["n"].first()
    notes = _notes(part[part["task"].isin(columns)], "below" if spec.lower_is_better else "above")
    notes += [("–", _divergence(row)) for row in view.rows if row.diverged]
    return Grid(
        heads=["Method", "Seeds", *columns],
        units=[spec.size, "", *(str(sizes[t]) if t in sizes else "" for t in columns)],
        groups=_groups(part, columns, marks),
        notes=notes + [(mark, source) for source, mark in marks.items()],
    )


def _divergence(row: Row) -> str:
    return f"{row.label}, {row.encoder}, diverged: {row.divergence}. It has no scores and is in no comparison."


def _groups(part: pd.DataFrame, columns: list[str], marks: dict[str, str]) -> list[tuple[str, list[list[Cell]]]]:
    # Single-seed and several-seed rows of the literature are different kinds of claim: a group for each.
    origin = part["origin"].where(part["origin"] == "measured", _published_as(part))
    part = part.assign(heading=part["encoder"] + ", " + origin)
    lines: dict[str, list[list[Cell]]] = {name: [] for name in part["heading"]}
    keys = ["heading", "method", "source", "n_seeds"]
    for _, scores in part.groupby(keys, sort=False):
        first = scores.iloc[0]
        by_task = {score["task"]: _cell(score) for score in scores.to_dict("records")}
        seeds = int(first["n_seeds"])
        name = [Cell(first["method"], mark=marks.get(first["source"], "")), Cell(str(seeds), seeds)]
        lines[first["heading"]].append([*name, *(by_task.get(task, UNKNOWN) for task in columns)])
    return list(lines.items())


def _published_as(part: pd.DataFrame) -> pd.Series:
    return part["n_seeds"].map(lambda n: "published, single seed" if n == 1 else "published, several seeds")


def _cell(score: dict[Hashable, Any]) -> Cell:
    mean, low, high = score["mean"], score["low"], score["high"]
    if pd.isna(mean):
        return UNKNOWN
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
    return Cell(f"{number(mean, '.2f')}{spread}", float(mean), bool(score["decided_best"]))


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
    part = part[part["mean"].notna()]
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


# ------------------------------------------------------------------------------------------------- differences

SPREAD = "SimCSE (50 seeds)"  # the published row that tells how far seeds of SimCSE lie apart

HEADINGS = {
    "pair": "less {baseline}",
    "effect": "effects of objective and triplet",
    "decline": "change with noise, less that of the other objective",
    "margin": "what a margin adds at each temperature",
    "pooling": "the same runs under another pooling",
}


COMPARED = [
    *("", "Difference", "95 % interval", "n", "p", "Holm p", "P(impr.)", "Seeds needed", "Two-level", "Verdict")
]


def _differences(view: StudyView, shown: pd.DataFrame, suite: str) -> Grid:
    """The columns with something in them, and under a heading for each encoder and family its lines."""
    several = shown["task"].nunique() > 1
    groups: dict[str, list[list[Cell]]] = {}
    for line in shown.to_dict("records"):
        name = line["label"]
        if line["kind"] in ("decline", "margin", "pooling"):
            name += f" − {line['baseline']}"
        if several:
            name += f", {line['task']}"
        heading = f"{line['encoder']}, {HEADINGS[line['kind']].format(baseline=line['baseline'])}"
        groups.setdefault(heading, []).append([Cell(name), *_compared_cells(line)])
    used = [i for i in range(len(COMPARED)) if any(own[i] != UNKNOWN for lines in groups.values() for own in lines)]
    return Grid(
        heads=[COMPARED[i] for i in used],
        units=[],
        groups=[(heading, [[own[i] for i in used] for own in lines]) for heading, lines in groups.items()],
        notes=[("", text) for text in _compared_notes(shown) + _claimed(view, suite)],
    )


def _compared_cells(line: dict[Hashable, Any]) -> list[Cell]:
    needed, two_level = line["seeds_needed"], (line["two_level_low"], line["two_level_high"])
    return [
        _known(difference(line["difference"], line["low"], line["high"]), line["difference"]),
        _known(interval(line["low"], line["high"]), line["low"]),
        Cell(str(line["n"]), line["n"]),
        _known(p_value(line["p"]), line["p"]),
        _known(p_value(line["p_holm"]), line["p_holm"]),
        _known(number(line["improvement"], ".2f"), line["improvement"]),
        _known(str(needed), needed),
        _known(interval(*two_level), two_level[0]),
        Cell(line["verdict"]),
    ]


def _known(text: str, value: Any) -> Cell:
    return UNKNOWN if pd.isna(value) else Cell(text, float(value))


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
