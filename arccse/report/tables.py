"""The numbers of the comparison tables: from the long table of scores to a tidy table a study.

`study_table` computes everything that a table says, and report.comparisons what stands below it; blocks.py lays it
out and markup.py writes it. No number stands without the count of seeds behind it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from arccse.errors import InputError
from arccse.evaluation.suites import Suite, suite_named, tabulated
from arccse.statistics import contrast, judge, summarise

COLUMNS = [
    *("encoder", "method", "suite", "task", "mean", "sd", "low", "high", "n_seeds", "n"),
    *("decided_best", "origin", "source", "hash"),
]
SCORE_COLUMNS = ["variant", "hash", "seed", "suite", "task", "metric", "value", "n"]


@dataclass(frozen=True)
class Divergence:
    """Where and how a training left the numbers; what it left has no score."""

    step: int
    message: str


@dataclass(frozen=True)
class Row:
    """One method of a table: `hash` (the runs' hash8) and `seeds` select its runs in scores.csv.

    `settings` are the variant's canonical hyperparameters; `diverged` has the seeds whose runs diverged. A row with
    any is shown without a number: a mean over the seeds that survived would flatter it. `untuned` is the label of the
    row that it was tuned from, "" in a row as the config has it.
    """

    label: str
    encoder: str
    hash: str
    seeds: list[int]
    settings: dict[str, Any] = field(default_factory=dict)
    diverged: dict[int, Divergence] = field(default_factory=dict)
    untuned: str = ""

    @property
    def untrained(self) -> bool:
        """Whether nothing is trained, and so nothing random: its one run stands for every seed."""
        return self.settings.get("epochs") == 0

    @property
    def divergence(self) -> str:
        """ "seed 1 at step 3, seed 2 at step 5", or nothing."""
        return listed(f"seed {seed} at step {found.step}" for seed, found in self.diverged.items())


@dataclass(frozen=True)
class StudyView:
    """What a study's table needs to know beside the scores.

    `date` is the date (or span of dates) of the runs, `selection` the rule by which checkpoints were kept,
    `caveat` what a reader must know first. Published rows are added for the encoders of `published`, which
    are the rows' own encoders where it is None. `looks` counts how often the study's results were looked at with more
    and more seeds, the present look included; `planned` has the digests of the claims that stood in the config at the
    first; `equivalence` is the largest difference that does not matter; `look` says which of the planned looks this
    is, "look 2 of 3", where the study's seeds grow.
    """

    name: str
    title: str
    config: str
    date: str
    selection: str
    rows: list[Row]
    caveat: str | None = None
    published: list[str] | None = None
    looks: int = 1
    planned: frozenset[str] = frozenset()
    equivalence: float | None = None
    look: str = ""

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

    @property
    def finished(self) -> list[Row]:
        """The rows with numbers: none of their runs diverged."""
        return [row for row in self.rows if not row.diverged]


# ---------------------------------------------------------------------------------------------- the numbers


def study_table(scores: pd.DataFrame, study: StudyView, suite: str) -> pd.DataFrame:
    """The tidy table of one suite: a line for each method and task, measured ones first, then published ones.

    Args:
        scores: one line a score: variant, hash (str), seed, suite, task, metric, value, n. Values are on the
            scale of the printed table (Spearman × 100, accuracy in %).
        study: which runs make up which row.
        suite: a key of SUITES; scores of other suites and metrics are not looked at.

    Returns:
        Columns COLUMNS. `mean`, `sd` (ddof 1), `low` and `high` (the 95 % interval of the mean) are those of
        statistics.Summary over the row's seeds; published rows have no interval. Task "Avg" is averaged over tasks
        within each seed, then over seeds, and stands only where a row has every task of the table. `n` counts a
        task's pairs or sentences (NA for "Avg" and for published rows). A row with a diverged run has no numbers.
        `decided_best` is true where a mean is, as printed, the best of its encoder's rows, and the interval of its
        lead over each other one, adjusted for all of these, lies above 0 (statistics.judge over their common seeds).
        A published "Avg" stands only beside the same full set of tasks. In suites "order" and "geometry", the "tasks"
        are the metrics.

    Raises InputError for a run without scores, a row whose seeds differ in their tasks, a score that is
    listed twice or is no number, tasks scored on different numbers of examples, and an unknown suite.
    """
    spec = suite_named(suite)
    rows = study.finished
    values = seed_values(scores, rows, suite)
    sizes = _sizes(_runs(scores, rows, suite))
    tasks = list(sizes) or list(spec.columns)
    averaged = ["Avg"] if "Avg" in spec.headlines else []
    own = iter(values)
    parts = [_diverged(row, [*tasks, *averaged]) if row.diverged else _measured(row, next(own)) for row in study.rows]
    measured = pd.concat(parts).assign(origin="measured", source=source_of(study))
    measured["n"] = measured["task"].map(sizes)
    measured["decided_best"] = False
    for encoder in study.encoders:
        for task, label in _decided_best(rows, values, encoder, spec, study.looks):
            place = (measured["encoder"] == encoder) & (measured["task"] == task) & (measured["method"] == label)
            measured.loc[place, "decided_best"] = True
    encoders = study.encoders if study.published is None else study.published
    shown = _published(encoders, suite, tasks, spec)
    table = pd.concat([measured, shown]) if len(shown) else measured
    table = table.assign(suite=suite, n=table["n"].astype("Int64"))
    return table[COLUMNS].reset_index(drop=True)


def study_tables(scores: pd.DataFrame, study: StudyView, suites: Sequence[str] | None = None) -> pd.DataFrame:
    """`study_table` of several suites, one below the other in the order of `tabulated`.

    Without `suites`, those for which any of the study's runs has scores. A study that shares a run with
    another, which has more suites, must name its own.

    Raises InputError as `study_table` does, for a suite that is not in SUITES, and where there are no scores.
    """
    _check(scores)
    own = scores["hash"].isin([row.hash for row in study.finished])
    present = set(scores.loc[own, "suite"]) if suites is None else set(suites)
    if not present:
        raise InputError(f"None of the runs of study '{study.name}' has scores yet.")
    for suite in sorted(present):
        suite_named(suite)
    return pd.concat([study_table(scores, study, suite) for suite in tabulated(present)], ignore_index=True)


def seed_values(scores: pd.DataFrame, rows: Sequence[Row], suite: str) -> list[pd.DataFrame]:
    """For each row a frame of seeds × columns of the suite's table, NaN-free.

    Columns are the tasks in the papers' order, without those that the row lacks altogether, then "Avg" where the
    suite is averaged and the row has every task of any row. Index `seed`, sorted.

    Raises InputError as `study_table` does.
    """
    spec, runs = suite_named(suite), _runs(scores, rows, suite)
    tasks = task_order((task for run in runs for task in run["task"].unique()), spec)
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


def _runs(scores: pd.DataFrame, rows: Sequence[Row], suite: str) -> list[pd.DataFrame]:
    """Each row's scores of the suite's table. Where its columns are metrics, they stand in the place of tasks."""
    _check(scores)
    metric = suite_named(suite).metric
    own = scores[(scores["suite"] == suite) & scores["hash"].isin({row.hash for row in rows})]
    own = own.assign(task=own["metric"]) if metric is None else own[own["metric"] == metric]
    by_hash = dict(list(own.groupby("hash")))  # once: there may be hundreds of rows
    what = f"{suite} scores ({metric})" if metric else f"{suite} scores"
    return [_run_scores(by_hash.get(row.hash, own[:0]), row, what) for row in rows]


def _run_scores(scores: pd.DataFrame, row: Row, what: str) -> pd.DataFrame:
    """The row's scores, of those of its hash: one line a seed and task, once it is certain that none is missing."""
    chosen = scores[scores["seed"].isin(row.seeds)]
    name = f"'{row.label}' ({row.hash})"
    missing = sorted(set(row.seeds) - set(chosen["seed"]))
    if missing:
        raise InputError(f"Run {name} has no {what} for seed {listed(missing)}.")
    if chosen.duplicated(["seed", "task"]).any():
        task = chosen.loc[chosen.duplicated(["seed", "task"]), "task"].iloc[0]
        raise InputError(f"Run {name} has more than one value among its {what} for one seed on {task}.")
    if chosen["value"].isna().any():
        raise InputError(f"Run {name} has a value among its {what} that is not a number.")
    counts = chosen.groupby("task", sort=False)["seed"].count()
    for task in counts.index[counts < len(row.seeds)]:
        raise InputError(f"Run {name} has {task} scores for some of its seeds only; evaluate the others too.")
    return chosen


def task_order(present: Iterable[str], spec: Suite) -> list[str]:
    """The suite's own tasks in the papers' order, then any others as they come in the data."""
    names = list(dict.fromkeys(present))
    return [t for t in spec.columns if t in names] + [t for t in names if t not in spec.columns]


def _sizes(runs: Sequence[pd.DataFrame]) -> dict[str, int]:
    """Each task's number of examples. Scores on different numbers of examples have no place in one column."""
    if not runs:
        return {}
    sizes = pd.concat(runs).groupby("task")["n"]
    for task, counts in sizes:
        if counts.nunique() > 1:
            found = listed(sorted(counts.unique()))
            raise InputError(f"Task {task} was scored on different numbers of examples ({found}).")
    return dict(sizes.first())


def _measured(row: Row, by_seed: pd.DataFrame) -> pd.DataFrame:
    lines = []
    for task in by_seed:
        cell = summarise(by_seed[task].to_numpy())
        lines.append((task, *astuple(cell)))
    summary = pd.DataFrame(lines, columns=["task", "mean", "sd", "n_seeds", "low", "high"])
    return summary.assign(encoder=row.encoder, method=row.label, hash=row.hash)


def _diverged(row: Row, tasks: Sequence[str]) -> pd.DataFrame:
    """The row's lines, without a number."""
    unknown = dict.fromkeys(("mean", "sd", "low", "high"), np.nan)
    lines = pd.DataFrame({"task": tasks}).assign(**unknown, n_seeds=len(row.seeds))
    return lines.assign(encoder=row.encoder, method=row.label, hash=row.hash)


def _decided_best(
    rows: Sequence[Row], values: Sequence[pd.DataFrame], encoder: str, spec: Suite, looks: int
) -> Iterable[tuple[str, str]]:
    """Task and label of each value that is decidedly better than those of all the encoder's other rows."""
    sign = -1 if spec.lower_is_better else 1
    own = [(row, sign * frame) for row, frame in zip(rows, values, strict=True) if row.encoder == encoder]
    for task in dict.fromkeys(str(task) for _, frame in own for task in frame):
        with_task = sorted((pair for pair in own if task in pair[1]), key=lambda pair: -pair[1][task].mean())
        if len(with_task) < 2 or ("Avg" not in spec.headlines and task not in spec.headlines):
            continue
        best, *others = with_task
        comparisons = looks * len(others)
        if all(_is_decidedly_above(best, other, task, comparisons) for other in others):
            yield task, best[0].label


def _is_decidedly_above(
    best: tuple[Row, pd.DataFrame], other: tuple[Row, pd.DataFrame], task: str, comparisons: int
) -> bool:
    (row, own), (against, values) = best, other
    # bold beside an equal number would be a riddle, however sure the difference in further decimals is
    if round(own[task].mean(), 2) <= round(values[task].mean(), 2):
        return False
    pair, seeds, _ = paired([against, row], [values[task], own[task]])
    return bool(seeds) and judge(contrast(pair, np.array([-1, 1])), comparisons).word == "higher"


def source_of(study: StudyView) -> str:
    return source(f"{study.config}, {study.date}", study.caveat)


def source(name: str, caveat: str | None) -> str:
    return f"arccse, config {name}" + (f". {caveat}" if caveat else "")


def _published(encoders: Sequence[str], suite: str, tasks: list[str], spec: Suite) -> pd.DataFrame:
    """Published lines on the table's own tasks; their averages only where those are over the same tasks."""
    wanted = [*tasks, "Avg"] if set(tasks) == set(spec.columns) else tasks
    rows = published()
    rows = rows[rows["encoder"].isin(encoders) & (rows["suite"] == suite) & rows["task"].isin(wanted)]
    rows = rows.rename(columns={"value": "mean", "seeds": "n_seeds"})
    rows = rows.assign(order=rows["encoder"].map(list(encoders).index), several=rows["n_seeds"] > 1)
    rows = rows.sort_values(["order", "several"], kind="stable")
    rows = rows.assign(low=np.nan, high=np.nan, n=np.nan)
    return rows.assign(origin="published", hash="", decided_best=False)


def listed(values: Iterable[object]) -> str:
    return ", ".join(str(value) for value in values)
