"""What to do with runs that other code made: keep them on somebody's word, or set them aside to be made again."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from arccse import paths, results
from arccse.config import Config
from arccse.errors import InputError
from arccse.files import atomic_write, make_writable
from arccse.records import read_json
from arccse.results import Gathered, Results
from arccse.standings import Standing, standings
from arccse.variants import Run


def find(config: Config) -> list[Standing]:
    """The runs of a config that were made by other code than the present one."""
    return [one for one in standings(config).values() if one.other_code]


def show(config: Config, console: Console) -> None:
    """List them, with the modules that have changed since."""
    found = find(config)
    table = Table("run", "made by other code", "changed since")
    for one in found:
        for name, modules in one.other_code.items():
            table.add_row(one.run.id, name, ", ".join(modules))
    if found:
        console.print(table)
    console.print(f"{len(found)} of {len(config.runs())} runs were made by other code than the present one")


def accept(config: Config, why: str) -> int:
    """Record in the runs' records that the present code gives their numbers; return how many runs that concerns.

    Args:
        why: how that is known, for whoever reads the record.

    Raises:
        InputError: no reason is given, or a record can't be read or written.
    """
    if not why.strip():
        raise InputError("--accept: say why the change of code has no effect on the numbers.")
    records = dict(Gathered(config).runs)
    found = find(config)
    for one in found:
        own = paths.run_folder(config, one.run.id) / "run.json"
        if one.in_folder:
            atomic_write(own, json.dumps(accepted(read_json(own), one, why), indent=1) + "\n")
        if one.run.id in records:
            records[one.run.id] = accepted(records[one.run.id], one, why)
    if any(one.run.id in records for one in found):
        results.write_records(config, records)
    return len(found)


def accepted(record: dict[str, Any], one: Standing, why: str) -> dict[str, Any]:
    """A run's record with an acceptance more, of each piece of code that is another now."""
    now = {name: one.codes[name]._asdict() for name in one.other_code}
    said = {"why": why, "date": time.strftime("%Y-%m-%d"), "code": now}
    return record | {"accepted": [*record.get("accepted", []), said]}


def set_aside(config: Config) -> Path | None:
    """Move what is stale to results/<config>/set-aside/<time>/, so that it is made again; None without any.

    Of a run whose training is stale that is its folder, otherwise those with scores of its stale suites. Of the
    gathered files, copies go there, and the lines of other runs stay. With a trial go the values that tuning has
    chosen.

    Raises:
        InputError: a file can't be read or written.
    """
    found, gathered = find(config), Gathered(config)
    if not found:
        return None
    place = paths.results(config) / "set-aside" / time.strftime("%Y-%m-%dT%H-%M-%S")
    make_writable(place)
    if {one.run.id for one in found} & gathered.runs.keys():
        kept = without(gathered, [one.run for one in found])
        files = paths.gathered(config)
        for path in filter(Path.exists, files):
            shutil.copy2(path, place)
        if kept.runs:
            results.write(config, kept)
        else:
            for path in files:
                path.unlink(missing_ok=True)
    trials = {run.id for run in config.trial_runs()}
    if paths.chosen(config).exists() and trials & {one.run.id for one in found}:  # others may be chosen
        paths.chosen(config).rename(place / paths.chosen(config).name)
    for one in found:
        folder = paths.run_folder(config, one.run.id)
        stale = {own.folder for suite, own in one.filed.items() if suite in one.other_code}
        for moved in [folder] if "training" in one.other_code else sorted(stale):
            if moved.exists():
                there = place / "runs" / one.run.id / moved.relative_to(folder)
                there.parent.mkdir(parents=True, exist_ok=True)
                moved.rename(there)
    return place


def without(gathered: Gathered, runs: list[Run]) -> Results:
    """The gathered results but for some runs."""
    keys = {(run.variant.hash, run.seed) for run in runs}

    def others(table: pd.DataFrame) -> pd.DataFrame:
        return table[[key not in keys for key in zip(table["hash"], table["seed"], strict=True)]]

    columns = {results.column_of(run.id) for run in runs}
    return Results(
        others(gathered.scores),
        others(gathered.histories),
        {suite: table[[name for name in table if name not in columns]] for suite, table in gathered.kept.items()},
        {run: record for run, record in gathered.runs.items() if run not in {one.id for one in runs}},
        gathered.looks,
        gathered.draws[[name for name in gathered.draws if name not in columns]],
    )
