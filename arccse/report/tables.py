"""Comparison tables: from the long table of scores to tidy CSV, Markdown and LaTeX.

`study_table` computes everything that a table says, and report.comparisons what stands below it; the renderers
only lay it out. Measured and published rows share a table but never a group, and no number stands without the
count of seeds behind it.
"""

import re
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import jinja2
import numpy as np
import pandas as pd

from arccse.errors import InputError, nearest
from arccse.files import atomic_write
from arccse.models import POOLINGS
from arccse.statistics import ALPHA, compare, seeds_needed, summarise, verdicts

COLUMNS = [
    *("encoder", "method", "suite", "task", "mean", "sd", "low", "high", "interval", "n_seeds", "n"),
    *("decided_best", "origin", "source", "hash"),
]
SCORE_COLUMNS = ["variant", "hash", "seed", "suite", "task", "metric", "value", "n"]
STS_TASKS = ("STS12", "STS13", "STS14", "STS15", "STS16", "STSB", "SICKR")
TRANSFER_TASKS = ("MR", "CR", "SUBJ", "MPQA", "SST2", "TREC", "MRPC")


@dataclass(frozen=True)
class Suite:
    """How a suite is tabulated: its columns are tasks scored by one metric, or the metrics of its one task.

    `tasks` are the columns in their order; published averages are taken over them. `headlines` are the columns
    whose comparisons are printed, in which more is better; "Avg" among them means that columns are averaged.
    """

    title: str
    metric: str | None  # None: the columns are metrics
    score: str  # what a number is, for the caption
    size: str  # what `n` counts
    tasks: tuple[str, ...]
    headlines: tuple[str, ...] = ("Avg",)


ALL_PAIRS = "Spearman × 100 over all pairs of a task"
ORDERED = ("ordered_20_40", "ordered_all")

SUITES = {
    "sts": Suite("STS", "spearman_all", ALL_PAIRS, "pairs", STS_TASKS),
    **{
        f"sts-{pooling}": Suite(f"STS, {pooling} pooling", "spearman_all", ALL_PAIRS, "pairs", STS_TASKS)
        for pooling in POOLINGS
    },
    "mteb": Suite("STS by MTEB", "cosine_spearman", "Spearman × 100 by MTEB's protocol", "pairs", STS_TASKS),
    "transfer": Suite("Transfer", "accuracy", "accuracy in %, SentEval protocol", "examples", TRANSFER_TASKS),
    "transfer-fast": Suite(
        title="Transfer, fast mode",
        metric="accuracy",
        score="accuracy in %, SentEval's fast settings, not comparable with the full protocol",
        size="examples",
        tasks=TRANSFER_TASKS,
    ),
    "order": Suite(
        title="Order of masked sentences",
        metric=None,
        score="share × 100 in the right order, cosine × 100 to the whole sentence with 0 to 80 % of it masked",
        size="sentences or pairs of them",
        tasks=(*ORDERED, *(f"similarity_{share}" for share in range(0, 90, 10))),
        headlines=ORDERED,
    ),
}


@dataclass(frozen=True)
class Row:
    """One method of a table: `hash` (the runs' hash8) and `seeds` select its runs in scores.csv.

    `settings` are the variant's canonical hyperparameters.
    """

    label: str
    encoder: str
    hash: str
    seeds: list[int]
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def untrained(self) -> bool:
        """Whether nothing is trained, and so nothing random: its one run stands for every seed."""
        return self.settings.get("epochs") == 0


@dataclass(frozen=True)
class StudyView:
    """What a study's table needs to know beside the scores.

    `date` is the date (or span of dates) of the runs, `selection` the rule by which checkpoints were kept,
    `caveat` what a reader must know first. Published rows are added for the encoders of `published`, which
    are the rows' own encoders where it is None.
    """

    name: str
    title: str
    config: str
    date: str
    selection: str
    rows: list[Row]
    caveat: str | None = None
    published: list[str] | None = None

    def __post_init__(self) -> None:
        if not self.rows:
            raise InputError(f"Study '{self.name}' has no variants, so it has no table.")
        keys = [(row.encoder, row.label) for row in self.rows]
        for encoder, label in keys:
            if keys.count((encoder, label)) > 1:
                raise InputError(f"Study '{self.name}' has two rows called '{label}' for encoder {encoder}.")

    @property
    def encoders(self) -> list[str]:
        """The rows' encoders, each once, in order of appearance."""
        return list(dict.fromkeys(row.encoder for row in self.rows))


# ---------------------------------------------------------------------------------------------- the numbers


def study_table(scores: pd.DataFrame, study: StudyView, suite: str) -> pd.DataFrame:
    """The tidy table of one suite: a line for each method and task, measured ones first, then published ones.

    Args:
        scores: one line a score: variant, hash (str), seed, suite, task, metric, value, n. Values are on the
            scale of the printed table (Spearman × 100, accuracy in %).
        study: which runs make up which row.
        suite: a key of SUITES; scores of other suites and metrics are not looked at.

    Returns:
        Columns COLUMNS. `mean` and `sd` (ddof 1; NaN for one seed) are over the row's seeds, `low` and `high`
        the 95 % interval of the mean and `interval` how it came about ("none", "t", "bca": statistics.summarise;
        published rows have none). Task "Avg" is averaged over tasks within each seed, then over seeds, and
        stands only where a row has every task of the table. `n` counts a task's pairs or sentences (NA for
        "Avg" and for published rows). `decided_best` is true where a mean is the highest of its encoder's rows
        and decidedly above each of the others (`statistics.verdicts` over their common seeds, one family a
        column; against an untrained row, the difference's interval must be above 0). A published "Avg" stands
        only beside the same full set of tasks. In suite "order", the "tasks" are the metrics.

    Raises InputError for a run without scores, a row whose seeds differ in their tasks, a score that is
    listed twice or is no number, tasks scored on different numbers of examples, and an unknown suite.
    """
    spec = _suite(suite)
    runs = _runs(scores, study.rows, suite)
    sizes = _sizes(pd.concat(runs))
    values = seed_values(scores, study.rows, suite)
    parts = [_measured(row, own) for row, own in zip(study.rows, values, strict=True)]
    measured = pd.concat(parts).assign(origin="measured", source=_source(study))
    measured["n"] = measured["task"].map(sizes)
    measured["decided_best"] = False
    for encoder in study.encoders:
        for task, label in _decided_best(study.rows, values, encoder, spec):
            place = (measured["encoder"] == encoder) & (measured["task"] == task) & (measured["method"] == label)
            measured.loc[place, "decided_best"] = True
    encoders = study.encoders if study.published is None else study.published
    shown = _published(encoders, suite, list(sizes), spec)
    table = pd.concat([measured, shown]) if len(shown) else measured
    table = table.assign(suite=suite, n=table["n"].astype("Int64"))
    return table[COLUMNS].reset_index(drop=True)


def study_tables(scores: pd.DataFrame, study: StudyView, suites: Sequence[str] | None = None) -> pd.DataFrame:
    """`study_table` of several suites, one below the other in the order of SUITES.

    Without `suites`, those for which any of the study's runs has scores. A study that shares a run with
    another, which has more suites, must name its own.

    Raises InputError as `study_table` does, for a suite that is not in SUITES, and where there are no scores.
    """
    _check(scores)
    own = scores["hash"].isin([row.hash for row in study.rows])
    present = set(scores.loc[own, "suite"]) if suites is None else set(suites)
    if not present:
        raise InputError(f"None of the runs of study '{study.name}' has scores yet.")
    for suite in sorted(present):
        _suite(suite)
    return pd.concat([study_table(scores, study, s) for s in SUITES if s in present], ignore_index=True)


def seed_values(scores: pd.DataFrame, rows: Sequence[Row], suite: str) -> list[pd.DataFrame]:
    """For each row a frame of seeds × columns of the suite's table, NaN-free.

    Columns are the tasks in the papers' order, without those that the row lacks altogether, then "Avg" where the
    suite is averaged and the row has every task of any row. Index `seed`, sorted.

    Raises InputError as `study_table` does.
    """
    spec, runs = _suite(suite), _runs(scores, rows, suite)
    tasks = _task_order(pd.concat(runs)["task"], spec)
    frames = []
    for run in runs:
        by_seed = run.pivot(index="seed", columns="task", values="value").reindex(columns=tasks)
        if "Avg" in spec.headlines:
            by_seed["Avg"] = by_seed.mean(axis=1, skipna=False)
        frames.append(by_seed.dropna(axis=1))
    return frames


def paired(rows: Sequence[Row], values: Sequence[pd.Series]) -> tuple[np.ndarray, list[int], list[int]]:
    """What rows have in common, ready to be compared seed by seed.

    Args:
        rows: the rows to compare. An untrained one stands for every seed.
        values: for each row a score a seed (index: seeds).

    Returns:
        (rows, seeds) scores, the common seeds, and the seeds that some trained row has and another lacks.
        Without a trained row there is one column, and seed 0 stands for it.
    """
    trained = [set(own.index) for row, own in zip(rows, values, strict=True) if not row.untrained]
    common = sorted(set.intersection(*trained)) if trained else [0]
    dropped = sorted(set.union(*trained).difference(common)) if trained else []
    aligned = [
        np.full(len(common), own.iloc[0]) if row.untrained else own.loc[common].to_numpy()
        for row, own in zip(rows, values, strict=True)
    ]
    return np.stack(aligned), common, dropped


def published() -> pd.DataFrame:
    """Published numbers: encoder, method, suite, task (or "Avg"), value, seeds, sd (NaN: unknown), source."""
    return pd.read_csv(Path(__file__).with_name("published.csv"))


def _check(scores: pd.DataFrame) -> None:
    absent = [name for name in SCORE_COLUMNS if name not in scores]
    if absent:
        raise InputError(f"The table of scores lacks the column '{absent[0]}'.")
    # pandas reads a hash of digits alone as a number, and then no run would ever be found.
    if not pd.api.types.is_string_dtype(scores["hash"]):
        raise TypeError("hashes are text: read scores.csv with dtype={'hash': str}")


def _suite(name: str) -> Suite:
    if name not in SUITES:
        raise InputError(f"There is no table for suite '{name}': {nearest(name, list(SUITES))}")
    return SUITES[name]


def _runs(scores: pd.DataFrame, rows: Sequence[Row], suite: str) -> list[pd.DataFrame]:
    """Each row's scores of the suite's table. Where its columns are metrics, they stand in the place of tasks."""
    _check(scores)
    metric = _suite(suite).metric
    own = scores[scores["suite"] == suite]
    own = own.assign(task=own["metric"]) if metric is None else own[own["metric"] == metric]
    return [_run_scores(own, row, f"{suite} scores ({metric})" if metric else f"{suite} scores") for row in rows]


def _run_scores(scores: pd.DataFrame, row: Row, what: str) -> pd.DataFrame:
    """The row's scores, one line a seed and task, once it is certain that none is missing."""
    chosen = scores[(scores["hash"] == row.hash) & scores["seed"].isin(row.seeds)]
    name = f"'{row.label}' ({row.hash})"
    missing = sorted(set(row.seeds) - set(chosen["seed"]))
    if missing:
        raise InputError(f"Run {name} has no {what} for seed {_listed(missing)}.")
    if chosen.duplicated(["seed", "task"]).any():
        task = chosen.loc[chosen.duplicated(["seed", "task"]), "task"].iloc[0]
        raise InputError(f"Run {name} has more than one value among its {what} for one seed on {task}.")
    if chosen["value"].isna().any():
        raise InputError(f"Run {name} has a value among its {what} that is not a number.")
    counts = chosen.groupby("task", sort=False)["seed"].count()
    for task in counts.index[counts < len(row.seeds)]:
        raise InputError(f"Run {name} has {task} scores for some of its seeds only; evaluate the others too.")
    return chosen


def _task_order(present: Iterable[str], spec: Suite) -> list[str]:
    """The suite's own tasks in the papers' order, then any others as they come in the data."""
    names = list(dict.fromkeys(present))
    return [t for t in spec.tasks if t in names] + [t for t in names if t not in spec.tasks]


def _sizes(runs: pd.DataFrame) -> dict[str, int]:
    """Each task's number of examples. Scores on different numbers of examples have no place in one column."""
    for task, counts in runs.groupby("task")["n"]:
        if counts.nunique() > 1:
            found = _listed(sorted(counts.unique()))
            raise InputError(f"Task {task} was scored on different numbers of examples ({found}).")
    return dict(runs.groupby("task")["n"].first())


def _measured(row: Row, by_seed: pd.DataFrame) -> pd.DataFrame:
    lines = []
    for task in by_seed:
        cell = summarise(by_seed[task].to_numpy())
        lines.append((task, cell.mean, cell.sd, cell.low, cell.high, cell.method, cell.n))
    summary = pd.DataFrame(lines, columns=["task", "mean", "sd", "low", "high", "interval", "n_seeds"])
    return summary.assign(encoder=row.encoder, method=row.label, hash=row.hash)


def _decided_best(
    rows: Sequence[Row], values: Sequence[pd.DataFrame], encoder: str, spec: Suite
) -> Iterable[tuple[str, str]]:
    """Task and label of each value that is decidedly above those of all the encoder's other rows."""
    own = [(row, frame) for row, frame in zip(rows, values, strict=True) if row.encoder == encoder]
    for task in dict.fromkeys(str(task) for _, frame in own for task in frame):
        with_task = sorted((pair for pair in own if task in pair[1]), key=lambda pair: -pair[1][task].mean())
        if len(with_task) < 2 or ("Avg" not in spec.headlines and task not in spec.headlines):
            continue
        best, *others = with_task
        if _is_decidedly_above(best, others, task):
            yield task, best[0].label


def _is_decidedly_above(
    best: tuple[Row, pd.DataFrame], others: Sequence[tuple[Row, pd.DataFrame]], task: str
) -> bool:
    tested = []
    for row, values in others:
        pair, seeds, _ = paired([row, best[0]], [values[task], best[1][task]])
        if not seeds:
            return False
        effect = compare(pair[0], pair[1])
        if not row.untrained and not best[0].untrained:
            tested.append(effect)
        elif not effect.low > 0:  # an untrained row is not tested: the interval must leave it out
            return False
    return all(verdict.word == "higher" for verdict in (verdicts(tested) if tested else []))


def _source(study: StudyView) -> str:
    return f"arccse, config {study.config}, {study.date}" + (f". {study.caveat}" if study.caveat else "")


def _published(encoders: Sequence[str], suite: str, tasks: list[str], spec: Suite) -> pd.DataFrame:
    """Published lines on the table's own tasks; their averages only where those are over the same tasks."""
    wanted = [*tasks, "Avg"] if set(tasks) == set(spec.tasks) else tasks
    rows = published()
    rows = rows[rows["encoder"].isin(encoders) & (rows["suite"] == suite) & rows["task"].isin(wanted)]
    rows = rows.rename(columns={"value": "mean", "seeds": "n_seeds"})
    rows = rows.assign(order=rows["encoder"].map(list(encoders).index), several=rows["n_seeds"] > 1)
    rows = rows.sort_values(["order", "several"], kind="stable")
    rows = rows.assign(low=np.nan, high=np.nan, interval="none", n=np.nan)
    return rows.assign(origin="published", hash="", decided_best=False)


# ----------------------------------------------------------------------------------------------- the layout


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
        headlines = _suite(str(suite)).headlines
        if comparisons is None:
            found.append(_block(view, part, None))
        else:
            shown = comparisons[(comparisons["suite"] == suite) & comparisons["task"].isin(headlines)]
            found.append(_block(view, part, shown if len(shown) else None))
    return found


def _block(view: StudyView, part: pd.DataFrame, shown: pd.DataFrame | None) -> Block:
    part = part.reset_index(drop=True)
    suite = str(part["suite"].iloc[0])
    spec = _suite(suite)
    tasks = _task_order((t for t in part["task"] if t != "Avg"), spec)
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
        notes=_notes(part[part["task"].isin(columns)]) + [(mark, source) for source, mark in marks.items()],
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
        spread = f" [{low:.2f}, {high:.2f}]" if score["interval"] == "bca" else f" ± {high - mean:.2f}"
    return Cell(f"{mean:.2f}{spread}", bool(score["decided_best"]))


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
    names = [_listed(f"“{row.label}”" for row in group) for _, group in same]
    return "; ".join(f"{name}: {_seeds_of(seeds)}" for name, (seeds, _) in zip(names, same, strict=True))


def _seeds_of(seeds: list[int]) -> str:
    return f"seed{'s' * (len(seeds) > 1)} {_listed(seeds)} (n = {len(seeds)})"


def _notes(part: pd.DataFrame) -> list[tuple[str, str]]:
    """The notes below a block, each only where the block has something that it explains."""
    notes = []
    measured = part[part["origin"] == "measured"]
    if (measured["interval"] == "t").any():
        notes.append(("±", "Half the width of the mean's 95 % interval over seeds (Student's t)."))
    if (measured["interval"] == "bca").any():
        notes.append(("[ ]", "The mean's 95 % interval over seeds (BCa bootstrap)."))
    if measured["decided_best"].any():
        notes.append(("", "Bold: decidedly above each of the encoder's other measured rows (sign-flip test, Holm)."))
    elif measured["method"].nunique() > 1:
        notes.append(("", "Nothing is bold: no value is decidedly above each of the encoder's other measured rows."))
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
    "pooling": "the same runs under another pooling",
}


def _compared(shown: pd.DataFrame) -> tuple[list[str], list[tuple[str, list[list[str]]]]]:
    """The columns with something in them, and under a heading for each encoder and family its rows of cells."""
    several = shown["task"].nunique() > 1
    groups: dict[str, list[list[str]]] = {}
    for line in shown.to_dict("records"):
        name = line["label"]
        if line["kind"] in ("decline", "pooling"):
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
        number(line["difference"], "+.2f"),
        interval(line["low"], line["high"]),
        str(line["n"]),
        number(line["p"], ".3f"),
        number(line["p_holm"], ".3f"),
        number(line["improvement"], ".2f"),
        "–" if pd.isna(needed) else str(needed),
        interval(line["two_level_low"], line["two_level_high"]),
        line["verdict"],
    ]


def number(value: float, form: str) -> str:
    """A number with a true minus sign, or a dash where it is not known; p below 0.001 is printed so."""
    if pd.isna(value):
        return "–"
    if form == ".3f" and value < 0.001:
        return "< 0.001"
    return f"{value:{form}}".replace("-", "−")


def interval(low: float, high: float) -> str:
    """ "−0.30 to 0.80", or a dash where it is not known."""
    return "–" if pd.isna(low) else f"{number(low, '.2f')} to {number(high, '.2f')}"


def _compared_notes(shown: pd.DataFrame) -> list[str]:
    """What the comparisons' columns mean and, where something is missing, why."""
    notes = [
        "n: common seeds. p: two-sided sign-flip test; Holm p: corrected for all comparisons under one heading"
        " on one measure. P(impr.): how often a run of the one beats a run of the other.",
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
        seeds = _listed(str(line["dropped"]).split())
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


def _listed(values: Iterable[object]) -> str:
    return ", ".join(str(value) for value in values)


# ---------------------------------------------------------------------------------------------- the renderers


def to_csv(view: StudyView, table: pd.DataFrame) -> str:
    """The tidy table as CSV: full means and deviations (6 decimals), empty where a value does not exist.

    A caveat stands in the `source` of every measured line, since a CSV has no caption to carry it.
    """
    return table.assign(study=view.name)[["study", *COLUMNS]].to_csv(index=False, float_format="%.6f")


def comparisons_csv(view: StudyView, comparisons: pd.DataFrame) -> str:
    """The comparisons as CSV, as complete as they come, with the source and caveat of the runs in every line."""
    return comparisons.assign(source=_source(view)).to_csv(index=False, float_format="%.6f")


def to_markdown(view: StudyView, table: pd.DataFrame, comparisons: pd.DataFrame | None = None) -> str:
    """The table as GitHub-flavoured Markdown: for each suite its caption, grid and notes, then its comparisons."""
    parts = [f"# {_markdown(view.title)}"]
    for block in blocks(view, table, comparisons):
        warning = f"**{_markdown(block.caveat)}** " if block.caveat else ""
        notes = [f"- {_markdown_note(mark, text)}" for mark, text in block.notes]
        parts += [f"## {block.title}", warning + _markdown(block.caption), _grid(block), "\n".join(notes)]
        if block.compared:
            notes = [f"- {_markdown(text)}" for text in block.compared_notes]
            parts += [f"### {block.title}: differences", _compared_grid(block), "\n".join(notes)]
    return "\n\n".join(part for part in parts if part) + "\n"


def to_latex(view: StudyView, table: pd.DataFrame, comparisons: pd.DataFrame | None = None) -> str:
    r"""The table as LaTeX for \input, one `table` float a suite, labelled `tab:<study>-<suite>`, and one for its
    comparisons, labelled `tab:<study>-<suite>-differences`.

    Needs the packages booktabs and graphicx (a table wider than the line is scaled down to it) and compiles
    with pdflatex. Raises InputError for a character that pdflatex cannot set, naming it and its text.
    """
    # LaTeX is full of braces, so the template has other delimiters.
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
    )
    environment.filters["tex"] = _latex
    return environment.get_template("table.tex.j2").render(study=view.name, blocks=blocks(view, table, comparisons))


def write(view: StudyView, table: pd.DataFrame, folder: Path, comparisons: pd.DataFrame | None = None) -> list[Path]:
    """Write <study>.csv, <study>.md and <study>.tex into `folder`, each whole or not at all; return them.

    With comparisons, also <study>-comparisons.csv. Raises InputError as the renderers do (before any file is
    written), and for a folder that cannot be written.
    """
    texts = {
        f"{view.name}.csv": to_csv(view, table),
        f"{view.name}.md": to_markdown(view, table, comparisons),
        f"{view.name}.tex": to_latex(view, table, comparisons),
    }
    if comparisons is not None:
        texts[f"{view.name}-comparisons.csv"] = comparisons_csv(view, comparisons)
    for name, text in texts.items():
        atomic_write(Path(folder) / name, text)
    return [Path(folder) / name for name in texts]


def _grid(block: Block) -> str:
    head = ["Method", "Seeds", *map(_markdown, block.columns)]
    rows = [[f"*{block.size_label}*", "", *block.sizes]]
    for heading, lines in block.groups:
        rows.append([f"*{_markdown(heading)}*", *[""] * (len(head) - 1)])
        rows += [[_markdown_label(line), str(line.seeds), *map(_markdown_cell, line.cells)] for line in lines]
    return _aligned(head, rows)


def _compared_grid(block: Block) -> str:
    rows = []
    for heading, lines in block.compared:
        rows.append([f"*{_markdown(heading)}*", *[""] * (len(block.compared_columns) - 1)])
        rows += [[_markdown(cell) for cell in line] for line in lines]
    return _aligned(block.compared_columns, rows)


def _aligned(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table whose columns also line up when read as plain text."""
    widths = [max(2, *(len(row[i]) for row in [head, *rows])) for i in range(len(head))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    padded = [[row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in [head, *rows]]
    return "\n".join("| " + " | ".join(row) + " |" for row in [padded[0], rule, *padded[1:]])


def _markdown_label(line: Line) -> str:
    return _markdown(line.label) + (f"<sup>{line.note}</sup>" if line.note else "")


def _markdown_cell(cell: Cell) -> str:
    return f"**{cell.text}**" if cell.bold else cell.text


def _markdown_note(mark: str, text: str) -> str:
    return f"{mark}: {_markdown(text)}" if mark else _markdown(text)


def _markdown(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>|~$#])", r"\\\1", " ".join(text.split()))


LATEX = {
    **{c: "\\" + c for c in "&%$#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "|": r"\textbar{}"},
    **{"<": r"\textless{}", ">": r"\textgreater{}", '"': "''", "–": "--", "—": "---"},
    **{"“": "``", "”": "''", "‘": "`", "’": "'", "…": r"\ldots{}", "†": r"$^{\dagger}$", "°": r"$^{\circ}$"},
    **{"×": r"$\times$", "±": r"$\pm$", "−": "$-$", "·": r"$\cdot$", "≤": r"$\leq$", "≥": r"$\geq$"},
    **{"≈": r"$\approx$", "→": r"$\rightarrow$", "′": "$'$", "″": "$''$", "⁺": "$^{+}$", "²": "$^{2}$"},
    **{"α": r"$\alpha$", "β": r"$\beta$", "γ": r"$\gamma$", "δ": r"$\delta$", "ε": r"$\varepsilon$"},
    **{"θ": r"$\theta$", "λ": r"$\lambda$", "μ": r"$\mu$", "π": r"$\pi$", "ρ": r"$\rho$", "σ": r"$\sigma$"},
    **{"τ": r"$\tau$", "φ": r"$\varphi$", "ω": r"$\omega$", "Δ": r"$\Delta$", "Σ": r"$\Sigma$"},
    # Accented Latin letters that both of pdflatex's usual font encodings have.
    **{c: c for c in "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿ"},
}


def _latex(text: str) -> str:
    text = " ".join(text.split())
    for character in text:
        if character not in LATEX and not (character.isascii() and character.isprintable()):
            word = next(word for word in text.split() if character in word)
            raise InputError(f"LaTeX cannot set the character '{character}' of '{word}'; use another one.")
    return "".join(LATEX.get(character, character) for character in text)
