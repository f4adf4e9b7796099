"""What the page shows, in its own words, of a config's results."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd

from arccse.config import Config
from arccse.report import charts, findings, page, tables
from arccse.report.blocks import Cell, blocks
from arccse.report.figures.kinds import subjects
from arccse.results import Results

RUN_HEADS = ("Commit", "Started", "Seconds", "Selected step", "Weights", "Device", "Threads", "Packages")

Attempt = Callable[[str, Callable[[], Any]], str]  # name, what may fail → why it did, or ""


def page_content(
    config: Config,
    results: Results,
    views: dict[str, tables.StudyView],
    tidy: dict[str, pd.DataFrame],
    compared: dict[str, pd.DataFrame],
    figures: dict[str, list[page.Figure]],
    attempt: Attempt,
) -> page.PageContent:
    """Everything that the page shows.

    Args:
        views, tidy, compared: each study's view, tidy table and comparisons.
        figures: each study's figures, and those of theory under "".
        attempt: carries out what may fail and may not keep the rest from the page.
    """
    studies = [
        page.Study(
            view.name,
            view.title,
            blocks(view, tidy[study], compared[study]),
            figures=figures[study],
            **_charts(config, view, results, compared[study], attempt),
        )
        for study, view in views.items()
    ]
    days = sorted(record["started"][:10] for record in results.runs.values() if "started" in record)
    said = findings.sentences(list(views.values()), pd.concat(compared.values(), ignore_index=True))
    return page.PageContent(
        title="What is a contrastive objective worth?",
        config=config.name,
        generated=days[-1] if days else "",
        command=f"snakemake --cores all --configfile config/{config.name}.yaml",
        findings=[sentence for sentence in said if sentence != config.caveat],
        studies=[*studies, page.Study("theory", "The objectives themselves", figures=figures[""])],
        runs=[run_line(run, results.runs[run]) for run in config.runs()],
        caveat=config.caveat,
    )


def _charts(
    config: Config, view: tables.StudyView, results: Results, compared: pd.DataFrame, attempt: Attempt
) -> dict[str, Any]:
    """A study's charts, and what is missing of them."""
    found: list[charts.Chart] = []
    failures = []
    for name, make in charts.of_study(subjects(config, view.name), results, compared).items():
        if reason := attempt(f"chart of {view.name}: {name}", partial(_add, found, make)):
            failures.append(f"The chart of {name} could not be made: {reason}")
    return {"charts": found, "failures": failures}


def _add(found: list[charts.Chart], make: charts.Make) -> None:
    found += make()


def run_line(run: str, record: dict[str, Any]) -> dict[str, Cell]:
    """A run and where it comes from, as far as its record says."""
    seconds, step = record.get("seconds", {}).get("total"), record.get("selected_step")
    told = {
        "Commit": (record.get("git_commit") or "unknown")[:12],
        "Started": record.get("started", "")[:16].replace("T", " "),
        "Weights": (record.get("weights") or "")[:12],
        "Device": record.get("device", ""),
        "Packages": json.dumps(record.get("packages", {}))[1:-1].replace('"', ""),
    }
    cells = {name: Cell(text) for name, text in told.items() if text}
    if diverged := record.get("diverged"):
        cells["Selected step"] = Cell(f"none: diverged at step {diverged['step']}")
    elif step is not None:
        cells["Selected step"] = Cell(str(step), step)
    if seconds is not None:
        cells["Seconds"] = Cell(f"{seconds:.0f}", seconds)
    if "threads" in record:
        cells["Threads"] = Cell(str(record["threads"]), record["threads"])
    return {"Run": Cell(run)} | {name: cells[name] for name in RUN_HEADS if name in cells}
