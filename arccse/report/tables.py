"""Comparison tables: from the long table of scores to tidy CSV, Markdown and LaTeX.

`study_table` computes everything that a table says; the renderers only lay it out. Measured and published
rows share a table but never a group, and no number stands without the count of seeds behind it.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import jinja2
import pandas as pd

from arccse.errors import InputError, nearest
from arccse.files import atomic_write

COLUMNS = ["encoder", "method", "suite", "task", "mean", "sd", "n_seeds", "n", "origin", "source", "hash"]
SCORE_COLUMNS = ["variant", "hash", "seed", "suite", "task", "metric", "value", "n"]
STS_TASKS = ("STS12", "STS13", "STS14", "STS15", "STS16", "STSB", "SICKR")
TRANSFER_TASKS = ("MR", "CR", "SUBJ", "MPQA", "SST2", "TREC", "MRPC")


@dataclass(frozen=True)
class Suite:
    """How a suite is tabulated: its headline metric, and the tasks that published averages are taken over."""

    title: str
    metric: str
    score: str  # what a number is, for the caption
    size: str  # what `n` counts
    tasks: tuple[str, ...]


SUITES = {
    "sts": Suite("STS", "spearman_all", "Spearman × 100 over all pairs of a task", "pairs", STS_TASKS),
    "mteb": Suite("STS by MTEB", "cosine_spearman", "Spearman × 100 by MTEB's protocol", "pairs", STS_TASKS),
    "transfer": Suite("Transfer", "accuracy", "accuracy in %, SentEval protocol", "examples", TRANSFER_TASKS),
    "transfer-fast": Suite(
        title="Transfer, fast mode",
        metric="accuracy",
        score="accuracy in %, SentEval's fast settings, not comparable with the full protocol",
        size="examples",
        tasks=TRANSFER_TASKS,
    ),
}


@dataclass(frozen=True)
class Row:
    """One method of a table: `hash` (the runs' hash8) and `seeds` select its runs in scores.csv."""

    label: str
    encoder: str
    hash: str
    seeds: list[int]


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
        Columns COLUMNS. `mean` and `sd` (ddof 1; NaN for one seed) are over the row's seeds. Task "Avg" is
        averaged over tasks within each seed, then over seeds, and stands only where a row has every task of
        the table. `n` counts a task's pairs or sentences (NA for "Avg" and for published rows). A published
        "Avg" stands only beside the same full set of tasks.

    Raises InputError for a run without scores, a row whose seeds differ in their tasks, a score that is
    listed twice or is no number, tasks scored on different numbers of examples, and an unknown suite.
    """
    _check(scores)
    spec = _suite(suite)
    runs = [_run_scores(scores, row, suite, spec.metric) for row in study.rows]
    tasks = _task_order(pd.concat(runs)["task"], spec)
    sizes = _sizes(pd.concat(runs))
    source = f"arccse, config {study.config}, {study.date}" + (f". {study.caveat}" if study.caveat else "")
    parts = [_measured(row, run, tasks) for row, run in zip(study.rows, runs, strict=True)]
    measured = pd.concat(parts).assign(origin="measured", source=source)
    measured["n"] = measured["task"].map(sizes)
    encoders = study.encoders if study.published is None else study.published
    shown = _published(encoders, suite, tasks, spec)
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


def _run_scores(scores: pd.DataFrame, row: Row, suite: str, metric: str) -> pd.DataFrame:
    """The row's headline scores, one line a seed and task, once it is certain that none is missing."""
    own = (scores["hash"] == row.hash) & (scores["suite"] == suite) & (scores["metric"] == metric)
    chosen = scores[own & scores["seed"].isin(row.seeds)]
    name = f"'{row.label}' ({row.hash})"
    missing = sorted(set(row.seeds) - set(chosen["seed"]))
    if missing:
        raise InputError(f"Run {name} has no {suite} scores ({metric}) for seed {_listed(missing)}.")
    if chosen.duplicated(["seed", "task"]).any():
        task = chosen.loc[chosen.duplicated(["seed", "task"]), "task"].iloc[0]
        raise InputError(f"Run {name} has more than one {suite} score for one seed on {task}.")
    if chosen["value"].isna().any():
        raise InputError(f"Run {name} has a {suite} score that is not a number.")
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


def _measured(row: Row, run: pd.DataFrame, tasks: list[str]) -> pd.DataFrame:
    by_seed = run.pivot(index="seed", columns="task", values="value").reindex(columns=tasks)
    by_seed["Avg"] = by_seed.mean(axis=1, skipna=False)
    by_seed = by_seed.dropna(axis=1)  # tasks that this row lacks altogether, and with them its average
    summary = pd.DataFrame({"mean": by_seed.mean(), "sd": by_seed.std(ddof=1), "n_seeds": len(by_seed)})
    summary = summary.rename_axis("task").reset_index()
    return summary.assign(encoder=row.encoder, method=row.label, hash=row.hash)


def _published(encoders: Sequence[str], suite: str, tasks: list[str], spec: Suite) -> pd.DataFrame:
    """Published lines on the table's own tasks; their averages only where those are over the same tasks."""
    wanted = [*tasks, "Avg"] if set(tasks) == set(spec.tasks) else tasks
    rows = published()
    rows = rows[rows["encoder"].isin(encoders) & (rows["suite"] == suite) & rows["task"].isin(wanted)]
    rows = rows.rename(columns={"value": "mean", "seeds": "n_seeds"})
    rows = rows.assign(order=rows["encoder"].map(list(encoders).index), several=rows["n_seeds"] > 1)
    rows = rows.sort_values(["order", "several"], kind="stable")
    return rows.assign(origin="published", hash="", n=float("nan"))


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


def blocks(view: StudyView, table: pd.DataFrame) -> list[Block]:
    """Lay a tidy table out: a block a suite, in it a group for each encoder and origin.

    Bold marks the best measured mean of a task among an encoder's rows, as printed (ties are all bold), and
    nothing where there is only one row to choose from. "Avg" is left out where there is a single task.
    """
    return [_block(view, part) for _, part in table.groupby("suite", sort=False)]


def _block(view: StudyView, part: pd.DataFrame) -> Block:
    part = part.reset_index(drop=True)
    suite = str(part["suite"].iloc[0])
    spec = _suite(suite)
    tasks = _task_order((t for t in part["task"] if t != "Avg"), spec)
    columns = [*tasks, "Avg"] if len(tasks) > 1 else tasks
    sources = list(dict.fromkeys(part.loc[part["origin"] == "published", "source"]))
    marks = dict(zip(sources, _letters(len(sources)), strict=True))
    sizes = part.dropna(subset="n").groupby("task")["n"].first()
    part = part.assign(bold=_best(part))
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
    )


def _best(part: pd.DataFrame) -> pd.Series:
    """True where a measured mean is the highest of its encoder and task at the two printed decimals."""
    measured = part[part["origin"] == "measured"]
    printed = measured["mean"].round(2).groupby([measured["encoder"], measured["task"]])
    best = measured["mean"].round(2).eq(printed.transform("max")) & printed.transform("size").gt(1)
    return best.reindex(part.index, fill_value=False)


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
    spread = "†" if score["n_seeds"] == 1 else " ± ?" if pd.isna(score["sd"]) else f" ± {score['sd']:.2f}"
    return Cell(f"{score['mean']:.2f}{spread}", bool(score["bold"]))


def _caption(view: StudyView, spec: Suite) -> str:
    sentences = [
        f"{view.title.rstrip('.')}",
        f"{spec.title}: {spec.score}, mean ± standard deviation over seeds",
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
    if _best(part).any():
        several = part.loc[part["origin"] == "measured", "encoder"].nunique() > 1
        scope = "of an encoder's rows" if several else "of a column"
        notes.append(("", f"Bold: best measured mean {scope}, whether or not the difference is beyond chance."))
    if (part["n_seeds"] == 1).any():
        notes.append(("†", "One seed (n = 1): the spread over seeds is not known."))
    if ((part["n_seeds"] > 1) & part["sd"].isna()).any():
        notes.append(("± ?", "Mean of several seeds whose standard deviation was not published."))
    if (part["origin"] == "published").any():
        notes.append(("", "Published rows are copied from the sources named below, not measured here."))
    return notes


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


def to_markdown(view: StudyView, table: pd.DataFrame) -> str:
    """The table as GitHub-flavoured Markdown: a heading, then for each suite its caption, grid and notes."""
    parts = [f"# {_markdown(view.title)}"]
    for block in blocks(view, table):
        warning = f"**{_markdown(block.caveat)}** " if block.caveat else ""
        notes = [f"- {_markdown_note(mark, text)}" for mark, text in block.notes]
        parts += [f"## {block.title}", warning + _markdown(block.caption), _grid(block), "\n".join(notes)]
    return "\n\n".join(part for part in parts if part) + "\n"


def to_latex(view: StudyView, table: pd.DataFrame) -> str:
    r"""The table as LaTeX for \input, one `table` float a suite, labelled `tab:<study>-<suite>`.

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
    return environment.get_template("table.tex.j2").render(study=view.name, blocks=blocks(view, table))


def write(view: StudyView, table: pd.DataFrame, folder: Path) -> list[Path]:
    """Write <study>.csv, <study>.md and <study>.tex into `folder`, each whole or not at all; return them.

    Raises InputError as the renderers do (before any file is written), and for a folder that cannot be
    written.
    """
    renderers: dict[str, Callable[[StudyView, pd.DataFrame], str]] = {
        "csv": to_csv,
        "md": to_markdown,
        "tex": to_latex,
    }
    texts = {Path(folder) / f"{view.name}.{ending}": render(view, table) for ending, render in renderers.items()}
    for path, text in texts.items():
        atomic_write(path, text)
    return list(texts)


def _grid(block: Block) -> str:
    """A Markdown table whose columns also line up when read as plain text."""
    head = ["Method", "Seeds", *block.columns]
    rows = [[f"*{block.size_label}*", "", *block.sizes]]
    for heading, lines in block.groups:
        rows.append([f"*{_markdown(heading)}*", *[""] * (len(head) - 1)])
        rows += [[_markdown_label(line), str(line.seeds), *map(_markdown_cell, line.cells)] for line in lines]
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
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
