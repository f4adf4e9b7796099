"""From the gathered results to the report: tables, comparisons, figures, the page."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from arccse import paths
from arccse.config import Config, Row
from arccse.data.sources import source_class
from arccse.evaluation.suites import MEASURES, SUITES
from arccse.records import PAIRS as PAIR_COLUMNS
from arccse.report import figures, findings, layout, markup, page, tables
from arccse.report.blocks import Block, blocks
from arccse.report.comparisons import compare_study
from arccse.report.layout import FigureSpec
from arccse.results import Results

PUBLISHED_MARGINS = (0.0, 5.0, 10.0, 20.0)  # degrees, in the figures of theory; ArcCSE's is the 10
PUBLISHED_MARGIN, PUBLISHED_TEMPERATURE = 10.0, 0.05
AXES = {"margin": "angular margin m (degrees)", "temperature": "temperature τ", "triplet_weight": "weight λ"}
TRAINING = {
    "alignment": "Alignment",
    "uniformity": "Uniformity",
    "dev_spearman": "Dev Spearman × 100",
    "loss": "Loss",
}
DESCRIPTIONS = {
    "alignment_uniformity": "Alignment and uniformity over training, and the path of training in their plane.",
    "dev_scores": "Spearman on the dev set and loss over training.",
    "sweep": "The average against the swept hyperparameter: mean, interval, every seed.",
    "mask_ratio_map": "Heat map of the average over near and far mask ratio.",
    "noise_decline": "The average as positives are replaced by other sentences, an objective a line.",
    "interaction": "The 2 × 2 design of pair objective and triplet objective.",
    "forest": "Every difference to the study's first trained row with its interval.",
    "cosine_by_score": "Distribution of cosines at each human score.",
    "masked_share": "Mean cosine of a sentence and itself with a growing share masked.",
    "decision_boundaries": "Decision boundaries of NT-Xent and ArcCon in the plane of both angles.",
    "positive_logit": "Logit, loss and gradients of the positive against its angle for several margins.",
}


def write(config: Config, results: Results) -> list[Path]:
    """Write every file of `layout.files`; return their paths.

    Raises:
        InputError: the results lack a run or score of the config, or a folder can't be written.
    """
    views = {study: study_view(config, study, results) for study in config.studies}
    compared = {study: comparisons_of(config, view, results) for study, view in views.items()}
    tidy = {
        study: tables.study_tables(results.scores, view, config.study_suites(study)) for study, view in views.items()
    }
    written = []
    for study, view in views.items():
        written += markup.write(view, tidy[study], paths.table(config, study, "csv").parent, compared[study])
    for spec in layout.figures(config):
        figure = draw(spec, config, results, compared.get(spec.study))
        written += figures.save(figure, paths.figure(config, spec.name, "png").with_suffix(""))
    page.write(page_content(config, results, views, tidy, compared), paths.page(config))
    return [*written, paths.page(config)]


def study_view(config: Config, study: str, results: Results) -> tables.StudyView:
    """What the tables need to know of a study."""
    rows = config.rows(study)
    days = sorted({results.runs[run.id]["started"][:10] for row in rows for run in row.runs})
    return tables.StudyView(
        name=study,
        title=config.studies[study].title,
        config=config.name,
        date=days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}",
        selection=f"checkpoint with the best Spearman on {config.dev_name}",
        rows=[table_row(row) for row in rows],
        caveat=config.caveat,
        published=config.studies[study].published,
    )


def table_row(row: Row) -> tables.Row:
    return tables.Row(row.label, row.encoder, row.variant.hash, seeds_of(row), row.variant.canonical())


def seeds_of(row: Row) -> list[int]:
    return [run.seed for run in row.runs]


def comparisons_of(config: Config, view: tables.StudyView, results: Results) -> pd.DataFrame:
    """The comparisons of a study, with the two-level bootstrap over the kept cosines of its runs."""
    runs = {(row.hash, seed) for row in view.rows for seed in row.seeds}
    # With the few seeds that a study may be content with, the bootstrap's interval would be far too narrow.
    pairs = long_pairs(results.pairs, runs) if config.studies[view.name].seeds is None else None
    return compare_study(results.scores, view, config.study_suites(view.name), pairs)


def long_pairs(pairs: pd.DataFrame | None, runs: set[tuple[str, int]]) -> pd.DataFrame | None:
    """A line a pair and run, of the runs that were scored on suite sts; None where there are none."""
    if pairs is None:
        return None
    frames = [
        pairs[PAIR_COLUMNS].assign(hash=hash8, seed=seed, cosine=pairs[f"{hash8}/seed{seed}"])
        for hash8, seed in sorted(runs)
        if f"{hash8}/seed{seed}" in pairs
    ]
    return pd.concat(frames, ignore_index=True) if frames else None


# -------------------------------------------------------------------------------------------------- the figures


def draw(spec: FigureSpec, config: Config, results: Results, compared: pd.DataFrame | None) -> Figure:
    """A figure of `layout.figures`."""
    measure = f"{SUITES[spec.suite].title} average" if spec.suite else ""
    caveat, scale = config.caveat, source_class(config.data).scale
    drawings: dict[str, Callable[[], Figure]] = {
        "alignment_uniformity": lambda: figures.alignment_uniformity(histories(spec, results), caveat),
        "dev_scores": lambda: figures.dev_scores(histories(spec, results), caveat),
        "sweep": lambda: figures.sweep(*swept(spec, config, results), measure, caveat),
        "mask_ratio_map": lambda: figures.mask_ratio_map(points(spec, results), measure, caveat),
        "noise_decline": lambda: figures.noise_decline(
            points(spec, results).assign(label=lambda frame: frame["objective"]), measure, caveat
        ),
        "interaction": lambda: figures.interaction(points(spec, results), measure, caveat),
        "forest": lambda: figures.forest(forest_lines(spec, compared), "difference (points)", caveat),
        "cosine_by_score": lambda: figures.cosine_by_score(cosines(spec, results), scale, caveat),
        "masked_share": lambda: figures.masked_share(order_scores(spec, results), caveat),
        "decision_boundaries": lambda: figures.decision_boundaries(PUBLISHED_MARGIN, None),
        "positive_logit": lambda: figures.positive_logit(PUBLISHED_MARGINS, PUBLISHED_TEMPERATURE, None),
    }
    return drawings[spec.kind]()


def histories(spec: FigureSpec, results: Results) -> pd.DataFrame:
    """The histories of the trained rows' runs, with their label and seed."""
    frames = [
        results.histories[
            (results.histories["hash"] == row.variant.hash) & results.histories["seed"].isin(seeds_of(row))
        ].assign(label=row.label)
        for row in spec.rows
        if not row.variant.untrained
    ]
    return pd.concat(frames, ignore_index=True)


def points(spec: FigureSpec, results: Results) -> pd.DataFrame:
    """A line a run: label, seed, value (the suite's average), and what a figure may put on its axes."""
    values = tables.seed_values(results.scores, [table_row(row) for row in spec.rows], spec.suite)
    frames = []
    for row, scores in zip(spec.rows, values, strict=True):
        h = row.variant.hyperparameters
        objective, triplet = layout.factors(row) if not row.variant.untrained else ("", "")
        columns: dict[str, Any] = {"label": row.label, "near": h.mask_ratios[0], "far": h.mask_ratios[1]}
        columns |= {name: getattr(h, name) for name in ("margin", "temperature", "noise", "triplet_weight")}
        columns |= {"objective": objective, "triplet": triplet, "value": scores["Avg"]}
        frames.append(pd.DataFrame(columns, index=scores.index).reset_index())
    return pd.concat(frames, ignore_index=True)


def swept(spec: FigureSpec, config: Config, results: Results) -> tuple[pd.DataFrame, str, str]:
    """The points of a sweep, a label for each value of all keys but the last; that key; what its axis says."""
    *others, x = config.studies[spec.study].sweep
    found = points(spec, results)
    labels = found[others].apply(lambda row: ", ".join(f"{key} {value:g}" for key, value in row.items()), axis=1)
    return found.assign(label=labels if others else spec.encoder), x, AXES.get(x, x)


def forest_lines(spec: FigureSpec, compared: pd.DataFrame | None) -> pd.DataFrame:
    """The differences of rows to the study's first trained one, on the averages of the suites."""
    assert compared is not None
    own = compared[(compared["encoder"] == spec.encoder) & (compared["kind"] == "pair") & (compared["n"] > 0)]
    averages = own[own["task"] == "Avg"]
    return averages.assign(suite=[SUITES[suite].title for suite in averages["suite"]])


def cosines(spec: FigureSpec, results: Results) -> pd.DataFrame:
    """Every kept cosine of the rows' runs: label, seed, task, score, cosine."""
    frames = []
    for row in spec.rows:
        found = long_pairs(results.pairs, {(row.variant.hash, seed) for seed in seeds_of(row)})
        frames.append(found.assign(label=row.label)) if found is not None else None
    return pd.concat(frames, ignore_index=True)


def order_scores(spec: FigureSpec, results: Results) -> pd.DataFrame:
    """The scores of suite `order` of the rows' runs, with their label."""
    order = results.scores[results.scores["suite"] == "order"]
    frames = [
        order[(order["hash"] == row.variant.hash) & order["seed"].isin(seeds_of(row))].assign(label=row.label)
        for row in spec.rows
    ]
    return pd.concat(frames, ignore_index=True)


# ----------------------------------------------------------------------------------------------------- the page


def page_content(
    config: Config,
    results: Results,
    views: dict[str, tables.StudyView],
    tidy: dict[str, pd.DataFrame],
    compared: dict[str, pd.DataFrame],
) -> page.PageContent:
    """Everything that the page shows, in its own words."""
    studies = [page_study(config, results, view, tidy[study], compared[study]) for study, view in views.items()]
    theory = [page_figure(config, spec) for spec in layout.figures(config) if not spec.study]
    days = sorted(record["started"][:10] for record in results.runs.values())
    return page.PageContent(
        title="What is a contrastive objective worth?",
        config=config.name,
        generated=days[-1],
        command=f"snakemake --cores all --configfile config/{config.name}.yaml",
        findings=[
            sentence
            for sentence in findings.sentences(list(views.values()), pd.concat(compared.values(), ignore_index=True))
            if sentence != config.caveat
        ],
        studies=[*studies, page.Study("theory", "The objectives themselves", figures=theory)],
        runs=[run_line(run, results.runs[run]) for run in config.runs()],
        caveat=config.caveat,
    )


def page_study(
    config: Config, results: Results, view: tables.StudyView, table: pd.DataFrame, compared: pd.DataFrame
) -> page.Study:
    own = [spec for spec in layout.figures(config) if spec.study == view.name]
    headline = compared[(compared["n"] > 0) & compared["task"].isin(["Avg", *MEASURES])]
    return page.Study(
        view.name,
        view.title,
        tables=[page_table(block) for block in blocks(view, table)],
        comparisons=headline if len(headline) else None,
        charts=charts(config, view, results) + page.forest(headline),
        figures=[page_figure(config, spec) for spec in own],
    )


def page_table(block: Block) -> page.Table:
    """A block of a table as a data frame: a line a method, under the heading of its group."""
    lines: list[dict[str, str]] = []
    bold: set[tuple[int, str]] = set()
    for heading, group in block.groups:
        for line in group:
            cells = dict(zip(block.columns, line.cells, strict=True))
            bold |= {(len(lines), column) for column, cell in cells.items() if cell.bold}
            mark = f" [{line.note}]" if line.note else ""
            lines.append({"Method": line.label + mark, "Rows": heading, "Seeds": str(line.seeds)})
            lines[-1] |= {column: cell.text for column, cell in cells.items()}
    notes = [f"[{mark}] {text}" if mark else text for mark, text in block.notes]
    return page.Table(block.title, block.caption, pd.DataFrame(lines), frozenset(bold), "Rows", notes)


def page_figure(config: Config, spec: FigureSpec) -> page.Figure:
    return page.Figure(spec.name, DESCRIPTIONS[spec.kind], paths.figure(config, spec.name, "svg"))


def charts(config: Config, view: tables.StudyView, results: Results) -> list[page.Chart]:
    """What the page draws itself, with values to hover: scores and sweeps of each suite, and the histories."""
    found = []
    for encoder in view.encoders:
        rows = tuple(row for row in config.rows(view.name) if row.encoder == encoder)
        where = f", {encoder}" if len(view.encoders) > 1 else ""
        for suite in config.study_suites(view.name):
            if "Avg" in SUITES[suite].headlines:
                spec = FigureSpec("scores", view.name, encoder, rows, suite)
                title = f"{SUITES[suite].title} average"
                found.append(page.scores(points(spec, results), title + where, title))
                if "sweep" in layout.kinds(config, view.name, rows, [suite]):
                    frame, x, axis = swept(spec, config, results)
                    found.append(page.curves(frame, x, f"{title} against {x}{where}", axis, title))
        if any(not row.variant.untrained for row in rows):
            measures = {column: name + where for column, name in TRAINING.items()}
            found += page.histories(histories(FigureSpec("", view.name, encoder, rows), results), measures)
    return found


def run_line(run: str, record: dict[str, Any]) -> dict[str, Any]:
    """A run and where it comes from."""
    return {
        "Run": run,
        "Commit": (record["git_commit"] or "unknown")[:12],
        "Started": record["started"][:16].replace("T", " "),
        "Seconds": f"{record['seconds']['total']:.0f}",
        "Selected step": str(record["selected_step"]),
        "Weights": record["weights"][:12],
        "Device": record["device"],
        "Threads": str(record["threads"]),
        "Packages": json.dumps(record["packages"])[1:-1].replace('"', ""),
    }
