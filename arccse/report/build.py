"""From the gathered results to the report: tables, comparisons, figures, the page."""

import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from joblib import Parallel, cpu_count, delayed

from arccse import paths
from arccse.config import Config
from arccse.errors import InputError
from arccse.files import atomic_write
from arccse.process import end_with
from arccse.report import claims, content, layout, markup, page, supplements, tables
from arccse.report.blocks import Block, Cell, Grid
from arccse.report.comparisons import compare_courses, compare_study
from arccse.report.draws import Draws
from arccse.report.figures import drawing
from arccse.report.figures.data import table_row
from arccse.report.figures.kinds import FigureSpec
from arccse.report.replacing import replacing
from arccse.results import Results
from arccse.stopping import Growing


@dataclass
class Attempts:
    """Carries out what may fail at its own cost alone, and keeps why it did: name → reason."""

    failed: dict[str, str] = field(default_factory=dict)

    def __call__(self, name: str, make: Callable[[], Any], excuse: str = "") -> str:
        """Why it could not be made, which stands on the page; "" where it could.

        Data that an excuse explains are missing from no fault. What the machine lacks (memory, room on the disk) is
        none of the figure, and raised. The traceback of any other error goes to stderr.
        """
        try:
            make()
        except (MemoryError, OSError):
            raise
        except InputError as error:
            if excuse:
                return f"{excuse}. {error}"
            self.failed[name] = str(error)
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            self.failed[name] = f"{type(error).__name__}: {error}"
        return self.failed.get(name, "")


def write(config: Config, results: Results) -> dict[str, str]:
    """Write every file of `layout.files`, which take the old report's place together once all of them are there.

    A figure, chart or supplement that cannot be made costs only itself: what says so stands in its place, and its
    name in `paths.failed_figures`.

    Returns:
        What could not be made: name → reason.

    Raises:
        InputError: the results lack a run or score of the config, or a folder can't be written. The old report is
            left as it was.
    """
    views = {study: study_view(config, study, results) for study in config.studies}
    draws = Draws(results.kept, results.draws)
    compared = {
        study: compare_study(results.scores, view, config.study_suites(study), draws) for study, view in views.items()
    }
    tidy = {
        study: tables.study_tables(results.scores, view, config.study_suites(study)) for study, view in views.items()
    }
    settled = claims.settle(config, views, results.scores, results.histories, draws)
    attempt = Attempts()
    with replacing(paths.results(config)) as folder:
        for study, view in views.items():
            courses = compare_courses(results.histories, view)
            together = [frame for frame in (compared[study], courses) if len(frame)] or [courses]
            markup.write(view, tidy[study], pd.concat(together), folder / "tables")
        if config.claims:
            markup.write_claims(settled, config.caveat, folder / "tables")
        material = supplements.Material(config, results, views, compared, draws)
        beside: dict[str, list[page.Supplement]] = {study: [] for study in [*views, ""]}
        for placed in supplements.placed(config):
            beside[placed.study].append(supplement(placed, material, folder / "tables", attempt))
        drawn: dict[str, list[page.Figure]] = {study: [] for study in [*views, ""]}
        specs = layout.figures(config)
        for spec, failure in zip(specs, draw_all(specs, results, compared, folder / "figures", attempt), strict=True):
            svg = folder / "figures" / f"{spec.name}.svg"
            figure = page.Figure(spec.name, spec.kind.alt, svg, failure, caption=f"{spec.title}. {spec.kind.alt}")
            drawn[spec.subject.study].append(figure)
        whole = content.page_content(config, results, views, tidy, compared, settled, drawn, beside, attempt)
        page.write(whole, folder / paths.page(config).name)
    listed = "".join(f"{name}: {' '.join(reason.split())}\n" for name, reason in attempt.failed.items())
    atomic_write(paths.failed_figures(config), listed)
    return attempt.failed


def draw_all(
    specs: Sequence[FigureSpec],
    results: Results,
    compared: Mapping[str, pd.DataFrame],
    folder: Path,
    attempt: Attempts,
) -> list[str]:
    """Write the figures, on all cores, as they take two thirds of the time; return why each has failed, or ""."""
    jobs = (job(spec, results, compared.get(spec.subject.study), folder) for spec in specs)
    # joblib's processes would outlive a killed one for good
    workers = Parallel(n_jobs=min(cpu_count(), len(specs)), initializer=end_with, initargs=(os.getpid(),))
    made = workers(jobs)
    for _, failed in made:
        attempt.failed.update(failed)
    return [reason for reason, _ in made]


def job(spec: FigureSpec, results: Results, compared: pd.DataFrame | None, folder: Path) -> Any:
    """A call of `draw`, for joblib; the results stay in this process."""
    subject, data, attempt = spec.subject, list[Any](), Attempts()
    rows = [table_row(row, results) for row in (*subject.rows, *subject.tuned)]
    excused = excuse(subject.config, subject.study, rows)
    lacking = attempt(spec.name, lambda: data.append(spec.kind.data(subject, results, compared)), excused)
    return delayed(draw)(spec, data, lacking, excused, folder / spec.name, attempt)


def draw(
    spec: FigureSpec, data: Sequence[Any], lacking: str, excused: str, stem: Path, attempt: Attempts
) -> tuple[str, dict[str, str]]:
    """Write a figure's files, or those of a drawing that says why there is none.

    Args:
        spec: the figure.
        data: its data alone, or nothing where it could not be computed, for the reason that `lacking` says.
        lacking: "" where there are data.
        excused: what explains that data are missing, if anything does.
        stem: the files' path without an ending.
        attempt: at this figure alone.

    Returns:
        Why it could not be drawn, "" where it could, and `Attempts.failed`.
    """
    reason = lacking or attempt(spec.name, lambda: drawing.save(spec.kind.draw(spec.subject, *data), stem), excused)
    if reason:
        drawing.save(drawing.not_drawn("This figure could not be drawn", reason), stem)
    return reason, attempt.failed


def supplement(
    placed: supplements.Placed, material: supplements.Material, folder: Path, attempt: Attempts
) -> page.Supplement:
    """Write a supplement's files, or those that say why there is none."""
    config, own = material.config, placed.supplement
    view = material.views.get(placed.study)
    source = tables.source_of(view) if view else tables.source(config.name, config.caveat)
    made: list[tuple[pd.DataFrame, Grid | None]] = []

    def make() -> None:
        frame = placed.frame(material)
        made.append((frame, placed.grid(frame)))

    reason = attempt(f"table {placed.name}", make, excuse(config, placed.study, view.rows if view else []))
    frame, grid = made[0] if made else (pd.DataFrame({"failure": [reason]}), failure_grid(reason))
    block = Block(own.name, own.title, config.caveat, own.caption, grid, None) if own.is_printed and grid else None
    title = f"{own.title}: {view.title}" if view else own.title
    markup.write_supplement(placed.name, title, frame.assign(source=source), block, folder)
    return page.Supplement(placed.name, own.title, placed.kinds, block, reason, frame if made else None)


def failure_grid(reason: str) -> Grid:
    return Grid(["This table could not be made"], [], [("", [[Cell(reason)]])], [])


def excuse(config: Config, study: str, rows: Sequence[tables.Row]) -> str:
    """What explains that data of these rows of a study are not whole."""
    trials = config.trials(study) if study else {}
    encoders, chosen = {row.encoder for row in rows}, {(row.encoder, row.untuned) for row in rows}
    lost = [row.label for row in rows if row.diverged]
    lost += [f"all trials of {row[1]}" for row in trials if row[0] in encoders and row not in chosen]
    return f"Trainings of {tables.listed(lost)} diverged" if lost else ""


def study_view(config: Config, study: str, results: Results) -> tables.StudyView:
    """What the tables need to know of a study."""
    rows = config.rows(study)
    looks = results.looks.get(study, [])
    seeds, made = config.studies[study].seeds, config.looks_at(study)
    planned, which = 1, ""
    if isinstance(seeds, Growing):
        planned = seeds.looks(made)
        which = f"look {planned - len(seeds.plan) + seeds.plan.index(seeds.reached(made)) + 1} of {planned}"
    records = [results.runs[run.id] for row in rows for run in row.runs]
    days = sorted({record["started"][:10] for record in records if "started" in record}) or ["an unknown date"]
    return tables.StudyView(
        name=study,
        title=config.studies[study].title,
        config=config.name,
        date=days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}",
        selection=f"checkpoint with the best Spearman on {config.dev_name}",
        rows=[table_row(row, results) for row in rows],
        caveat=config.caveat,
        published=config.studies[study].published,
        looks=max(1, len(looks), planned),
        planned=frozenset(looks[0]["claims"] if looks else ()),
        equivalence=config.equivalence,
        look=which,
    )
