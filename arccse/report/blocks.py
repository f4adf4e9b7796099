"""A tidy table laid out for print: blocks of plain text, the same for Markdown, LaTeX and the page."""

import math
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from itertools import groupby
from string import ascii_lowercase
from typing import Any

import pandas as pd

from arccse.evaluation.suites import KEEPING, SUITES, Suite, suite_named
from arccse.report.tables import Row, StudyView, listed, published, task_order
from arccse.statistics import FEWEST_SEEDS, seeds_needed


@dataclass(frozen=True)
class Cell:
    """What is printed, and the number that it says, if it says one."""

    text: str
    number: float | None = None
    bold: bool = False
    mark: str = ""  # of the note that says where it comes from


UNKNOWN = Cell("–")
NAMED_UP_TO = 20  # rows with the same seeds


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


def claims_block(settled: pd.DataFrame, caveat: str | None) -> Block:
    """The frame of claims.settle laid out: a line a claim, in a group for each encoder."""
    groups: dict[str, list[list[Cell]]] = {}
    for line in settled.to_dict("records"):
        said = [Cell(line["sentence"]), Cell(verdict(line), bold=line["verdict"] != "undecided")]
        compared = [COMPARED[head](line) for head in CLAIMED]
        where = [Cell(line["comparison"]), Cell(line["measure"]), Cell(line["source"])]
        groups.setdefault(line["encoder"], []).append([*said, *compared, *where])
    heads = ["Claim", "Verdict", *CLAIMED, "Comparison", "Measure", "Whose"]
    return Block(
        suite="claims",
        title="Claims",
        caveat=caveat,
        caption="What the config sets out to settle, judged together; every other comparison is exploratory.",
        scores=Grid(heads, [], list(groups.items()), [("", text) for text in _claims_notes(settled)]),
        differences=None,
    )


# ------------------------------------------------------------------------------------------------------ scores


def _scores(view: StudyView, part: pd.DataFrame, spec: Suite) -> Grid:
    tasks = task_order((t for t in part["task"] if t != "Avg"), spec)
    columns = [*tasks, "Avg"] if len(tasks) > 1 and "Avg" in spec.headlines else tasks
    sources = list(dict.fromkeys(part.loc[part["origin"] == "published", "source"]))
    marks = dict(zip(sources, letters(len(sources)), strict=True))
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
    mean, high = score["mean"], score["high"]
    if pd.isna(mean):
        return UNKNOWN
    if score["n_seeds"] > 1 and score["origin"] == "published":
        spread = " (sd ?)" if pd.isna(score["sd"]) else f" (sd {score['sd']:.2f})"
    else:
        spread = "†" if pd.isna(high) else f" ± {high - mean:.2f}"
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
    names = [
        listed(f"“{row.label}”" for row in group) if len(group) <= NAMED_UP_TO else f"{len(group)} rows"
        for _, group in same
    ]
    return "; ".join(f"{name}: {_seeds_of(seeds)}" for name, (seeds, _) in zip(names, same, strict=True))


def _seeds_of(seeds: list[int]) -> str:
    return f"seed{'s' * (len(seeds) > 1)} {listed(seeds)} (n = {len(seeds)})"


def _notes(part: pd.DataFrame, better: str) -> list[tuple[str, str]]:
    """The notes below a block, each only where it explains something there; `better` is above or below."""
    notes, decided = [], f"decidedly {better} each of the encoder's other measured rows"
    part = part[part["mean"].notna()]
    measured = part[part["origin"] == "measured"]
    if measured["low"].notna().any():
        notes.append(("±", "Half the width of the mean's 95 % interval over seeds (Student's t)."))
    if measured["decided_best"].any():
        notes.append(
            ("", f"Bold: {decided} (the interval of each difference, adjusted for all of them, leaves 0 out).")
        )
    elif measured["method"].nunique() > 1:
        notes.append(("", f"Nothing is bold: no value is {decided}."))
    if (part["n_seeds"] == 1).any():
        notes.append(("†", "One seed (n = 1): the spread over seeds is not known."))
    elif (measured["n_seeds"] < FEWEST_SEEDS).any():
        notes.append(("†", f"An interval takes {FEWEST_SEEDS} seeds."))
    if ((part["origin"] == "published") & (part["n_seeds"] > 1)).any():
        notes.append(("sd", "Standard deviation over seeds, as published (?: not published)."))
    if (part["origin"] == "published").any():
        notes.append(("", "Published rows are copied from the sources named below, not measured here."))
    return notes


# ------------------------------------------------------------------------------------------------- differences

SPREAD = "SimCSE (50 seeds)"  # the published row that tells how far seeds of SimCSE lie apart

HEADINGS = {
    "pair": "less {baseline}",
    "tuned": "less {baseline}",
    "tuning": "what tuning changes, each row less itself as the config has it",
    "effect": "effects of objective and triplet",
    "decline": "change with noise, less that of the other objective",
    "margin": "what a margin adds at each temperature",
    "pooling": "the same runs under another pooling",
    "pooling_objective": "change with pooling, less that of the first trained row",
}

# What a comparison's columns say. A line of claims.settle has what CLAIMED needs.
COMPARED: dict[str, Callable[[dict[Hashable, Any]], Cell]] = {
    "Difference": lambda line: known(difference(line["difference"], line["low"], line["high"]), line["difference"]),
    "Interval": lambda line: known(interval(line["low"], line["high"]), line["low"]),
    "n": lambda line: Cell(str(line["n"]), line["n"]),
    "p": lambda line: known(p_value(line["p"]), line["p"]),
    "Sign-flip p": lambda line: known(p_value(line["sign_flip"]), line["sign_flip"]),
    "P(impr.)": lambda line: known(number(line["improvement"], ".2f"), line["improvement"]),
    "Detectable": lambda line: known(significant(line["detectable"]), line["detectable"]),
    "Two-level": lambda line: known(interval(line["two_level_low"], line["two_level_high"]), line["two_level_low"]),
    "Verdict": lambda line: Cell(verdict(line)),
}
CLAIMED = ("Difference", "Interval", "n", "p", "Detectable", "Two-level")


def verdict(line: dict[Hashable, Any]) -> str:
    """The verdict of a comparison or claim and, where the seeds of its study grow, the look that gave it."""
    return f"{line['verdict']} ({line['look']})" if line.get("look") else str(line["verdict"])


def _differences(view: StudyView, shown: pd.DataFrame, suite: str) -> Grid:
    """The columns with something in them, and under a heading for each encoder and family its lines."""
    several = shown["task"].nunique() > 1
    groups: dict[str, list[list[Cell]]] = {}
    for line in shown.to_dict("records"):
        name = line["label"]
        if line["kind"] in ("decline", "margin", "pooling", "pooling_objective"):
            name += f" − {line['baseline']}"
        if several:
            name += f", {line['task']}"
        heading = f"{line['encoder']}, {HEADINGS[line['kind']].format(baseline=line['baseline'])}"
        cells = [compared(line) for compared in COMPARED.values()]
        groups.setdefault(heading, []).append([Cell(name), *cells])
    heads = ["", *COMPARED]
    used = [i for i in range(len(heads)) if any(own[i] != UNKNOWN for lines in groups.values() for own in lines)]
    return Grid(
        heads=[heads[i] for i in used],
        units=[],
        groups=[(heading, [[own[i] for i in used] for own in lines]) for heading, lines in groups.items()],
        notes=[("", text) for text in _compared_notes(view, shown) + _published_gain(view, suite)],
    )


def known(text: str, value: Any) -> Cell:
    """A number as printed, or a dash where it is not known."""
    return UNKNOWN if pd.isna(value) else Cell(text, float(value))


def number(value: float, form: str) -> str:
    """A number with a true minus sign, or a dash where it is not known."""
    return "–" if pd.isna(value) else f"{value:{form}}".replace("-", "−")


def p_value(p: float) -> str:
    """Three decimals, "< 0.001", or a dash where it is not known."""
    return "< 0.001" if p < 0.001 else number(p, ".3f")


def significant(value: float) -> str:
    """Two significant digits, two decimals at least."""
    return number(value, f".{_decimals(-value / 2, value / 2)}f")


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


DETECTABLE = "Detectable: the smallest true difference that so many seeds with this spread find with 80 % power."
# measure in words → what it is taken over, where that was kept
DRAWN = {spec.words(column): spec.keeps.drawn for spec in SUITES.values() if spec.keeps for column in spec.headlines}


def _two_level(drawn: Iterable[str]) -> str:
    """What the two-level column says, of measures over these."""
    names = list(dict.fromkeys(drawn))
    others = " or ".join(dict.fromkeys(name.split()[-1] for name in names))
    return (
        f"Two-level: the interval over seeds and {' or '.join(names)}, if other {others} could have been drawn too."
    )


def _claims_notes(settled: pd.DataFrame) -> list[str]:
    if settled["low"].isna().all():
        return [
            f"No claim has an interval, which takes {FEWEST_SEEDS} seeds: all are undecided.",
            *late_claims(settled),
        ]
    together = int(settled["comparisons"].min())
    notes = [
        f"Interval: Student's t over the common seeds (n), adjusted for the {together} claims with at least"
        f" {FEWEST_SEEDS} seeds and for every look at a study with fewer seeds, so that with 95 % confidence all of"
        " them hold the truth. The verdict follows from it alone, and p belongs to it.",
        "Supported: the interval lies where the claim says; contradicted: on the other side of 0; equivalent: within"
        f" {_margins(settled)}, which does not matter; undecided: none of these.",
        DETECTABLE,
    ]
    if (two_level := settled[settled["two_level_low"].notna()]).size:
        notes.append(_two_level(DRAWN[measure] for measure in two_level["measure"]))
    return [*notes, *late_claims(settled)]


def late_claims(settled: pd.DataFrame) -> list[str]:
    """A sentence where claims were written down after a look; none where all were there before."""
    late = list(dict.fromkeys(settled.loc[~settled["planned"].astype(bool), "sentence"]))
    if not late:
        return []
    which = "All claims were" if len(late) == settled["sentence"].nunique() else f"“{'”, “'.join(late)}” was"
    return [f"{which} written down after a first look at the results: what was seen may have suggested them."]


def _margins(settled: pd.DataFrame) -> str:
    return " or ".join(f"± {margin:g}" for margin in sorted(settled["equivalence"].dropna().unique())) or "no margin"


def _compared_notes(view: StudyView, shown: pd.DataFrame) -> list[str]:
    """What the comparisons' columns mean and, where something is missing, why."""
    looks = f", and for {view.looks} looks at the data with more and more seeds" if view.looks > 1 else ""
    notes = [
        "Exploratory: what the config claims is judged in the table of claims. Interval: Student's t over the common"
        f" seeds (n), adjusted for all comparisons under one heading on one measure{looks}, so that with 95 %"
        " confidence all of them hold the truth. The verdict follows from it alone, and p belongs to it.",
        "Sign-flip p: a check that assumes no normal values, for this comparison alone, from 6 seeds on. P(impr.):"
        f" how often a run of the one beats a run of the other. {DETECTABLE}",
    ]
    if view.equivalence is not None:
        notes.append(f"Equivalent: the whole interval lies within ± {view.equivalence:g}, which does not matter.")
    if (two_level := shown[shown["two_level_low"].notna()]).size:
        notes.append(_two_level(KEEPING[suite].drawn for suite in two_level["suite"]))
    if shown["kind"].isin(["pooling", "pooling_objective"]).any():
        notes.append("Poolings are adjusted together for all rows and poolings of an encoder.")
    explained = shown[shown["text"].str.contains(": ")]
    for text, lines in explained.groupby("text", sort=False):
        names = listed(dict.fromkeys(f"“{label}”" for label in lines["label"]))
        notes.append(f"{names}: {text}.")
    partly = shown.loc[shown["dropped"] != "", ["label", "baseline", "dropped"]].drop_duplicates()
    for line in partly.to_dict("records"):
        seeds = listed(str(line["dropped"]).split())
        notes.append(f"{line['label']} and {line['baseline']} are compared without seed {seeds}: not in common.")
    return notes


def _published_gain(view: StudyView, suite: str) -> list[str]:
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
        mean, sd, seeds = (rows[SPREAD][key] for key in ("value", "sd", "seeds"))
        lines.append(
            f"Published: ArcCSE's {new:.2f} − SimCSE's {old:.2f} = {number(new - old, '+.2f')} on {encoder}. Against"
            f" SimCSE's published spread (sd {sd:.2f} around {mean:.2f} over {seeds} seeds), a t test finds such a"
            f" gain with 80 % power from {seeds_needed(new - old, sd)} seeds of each on."
        )
    return lines


def letters(count: int) -> list[str]:
    """a … z, then aa, ab, …"""
    single = list(ascii_lowercase)
    return (single + [first + second for first in single for second in single])[:count]
