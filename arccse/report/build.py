"""From the runs' files to the report: one long table of scores, a table a study, a figure a study and encoder."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from arccse import paths
from arccse.config import Config, Row, Run
from arccse.errors import InputError
from arccse.evaluation import scores as score_files
from arccse.files import atomic_path
from arccse.report import figures, layout, tables


def write(config: Config) -> list[Path]:
    """Write results/<config>/scores.csv, the tables and the figures; return their paths.

    Raises:
        InputError: a run has not been trained or scored yet, or a folder can't be written.
    """
    scores = all_scores(config)
    with atomic_path(paths.scores(config)) as temporary:
        scores.to_csv(temporary, index=False, float_format="%.6f")
    written = [paths.scores(config)]
    for study in config.studies:
        view = study_view(config, study)
        table = tables.study_tables(scores, view, list(config.studies[study].suites or config.suites))
        written += tables.write(view, table, paths.table(config, study, "csv").parent)
    for name, rows in layout.figure_rows(config).items():
        drawn = figures.alignment_uniformity(histories(config, rows), config.caveat)
        written += figures.save(drawn, paths.figure(config, name, "png").with_suffix(""))
    return written


def all_scores(config: Config) -> pd.DataFrame:
    """The scores of every run in long form: variant, hash, seed, suite, task, metric, value, n."""
    frames = []
    for run in config.runs().values():
        for suite in config.suites_of(run.id):
            path = paths.run_folder(config, run.id) / suite / "scores.csv"
            if not path.is_file():
                raise InputError(f"{path} is not there: run {run.id} has not been scored on suite {suite} yet.")
            frame = score_files.read(path)
            frames.append(frame.assign(variant=run.variant.name, hash=run.variant.hash, seed=run.seed))
    return pd.concat(frames, ignore_index=True)[tables.SCORE_COLUMNS]


def study_view(config: Config, study: str) -> tables.StudyView:
    """What the tables module needs to know of a study."""
    rows = config.rows(study)
    days = sorted({record(config, run)["started"][:10] for row in rows for run in row.runs})
    return tables.StudyView(
        name=study,
        title=config.studies[study].title,
        config=config.name,
        date=days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}",
        selection=f"checkpoint with the best Spearman on {config.source.dev_name}",
        rows=[tables.Row(row.label, row.encoder, row.variant.hash, [run.seed for run in row.runs]) for row in rows],
        caveat=config.caveat,
        published=config.studies[study].published,
    )


def histories(config: Config, rows: Iterable[Row]) -> pd.DataFrame:
    """The histories of the rows' runs, with their label and seed."""
    return pd.concat(
        [
            pd.read_csv(paths.run_folder(config, run.id) / "history.csv").assign(label=row.label, seed=run.seed)
            for row in rows
            for run in row.runs
        ],
        ignore_index=True,
    )


def record(config: Config, run: Run) -> dict[str, Any]:
    """A run's run.json; InputError where it has not been trained."""
    path = paths.run_folder(config, run.id) / "run.json"
    if not path.is_file():
        raise InputError(f"{path} is not there: run {run.id} has not been trained yet.")
    content: dict[str, Any] = json.loads(path.read_text())
    return content
