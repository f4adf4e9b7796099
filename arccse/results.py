"""The results of a config: five small files that can be committed, of which alone the report is made."""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from arccse import choosing, paths
from arccse.config import Config, Run
from arccse.errors import InputError
from arccse.evaluation.suites import SUITES
from arccse.files import atomic_path, atomic_write, sweep
from arccse.records import (
    GATHERED_SCORES,
    HISTORY,
    PAIRS,
    checked_history,
    checked_run,
    checked_scores,
    damaged,
    read_json,
    read_kept,
    read_looks,
    read_table,
)

PAIRED = next(name for name, suite in SUITES.items() if suite.keeps_pairs)  # the suite whose cosines are gathered


@dataclass(frozen=True)
class Results:
    """The results of every run of a config.

    Attributes:
        scores: a row for each score: variant, hash, seed, suite, task, metric, value (× 100), n.
        histories: a row for each measured step of a training: hash, seed, then the columns of history.csv.
        pairs: a row for each rated pair of the `sts` suite: task, subset, index, score (the human rating), then a
            column of float32 cosines for each run, named `<hash>/seed<k>`; None where no study has that suite.
        runs: run id → run.json, with what each suite's scores were made with under "scored".
        looks: study → when it was gathered with which seeds, each time with others than before.
    """

    scores: pd.DataFrame
    histories: pd.DataFrame
    pairs: pd.DataFrame | None
    runs: dict[str, dict[str, Any]]
    looks: dict[str, list[dict[str, Any]]]


class Gathered:
    """The gathered files as they stand, whatever the config asks for by now; each is read when first looked at."""

    def __init__(self, config: Config):
        self.config = config

    @cached_property
    def runs(self) -> dict[str, Any]:
        """Run id → record; empty where nothing was gathered yet."""
        path = paths.run_records(self.config)
        return read_json(path) if path.exists() else {}

    @cached_property
    def scores(self) -> pd.DataFrame:
        path = paths.scores(self.config)
        if not self.runs:
            return pd.DataFrame(columns=GATHERED_SCORES)
        return checked_scores(read_table(path, GATHERED_SCORES, dtype={"hash": str, "variant": str}), path)

    @cached_property
    def histories(self) -> pd.DataFrame:
        columns = ["hash", "seed", *HISTORY]
        if not self.runs:
            return pd.DataFrame(columns=columns)
        return read_table(paths.histories(self.config), columns, dtype={"hash": str})

    @cached_property
    def pairs(self) -> pd.DataFrame:
        return read_kept(paths.pairs(self.config), PAIRED, [])

    @cached_property
    def looks(self) -> dict[str, list[dict[str, Any]]]:
        return read_looks(paths.looks(self.config)) if self.runs else {}

    @property
    def has_pairs(self) -> bool:
        """Whether there must be a file of pairs."""
        return bool(self.scores["suite"].eq(PAIRED).any())

    @cached_property
    def values(self) -> dict[Any, dict[str, int]]:
        """(hash, seed) → the suites that it has scores of, and how many values each."""
        found: dict[Any, dict[str, int]] = {}
        for key, own in self.scores.groupby(["hash", "seed"]):
            found[key] = {str(suite): int(count) for suite, count in own["suite"].value_counts().items()}
        return found

    def values_of(self, run: Run) -> dict[str, int]:
        """The suites that a run has scores of, and how many values each."""
        return self.values.get((run.variant.hash, run.seed), {})

    def record(self, run: Run) -> dict[str, Any] | None:
        """The run's record, once it is certain that it is this run's and that all of its scores are there.

        None where the run was not gathered.
        """
        if run.id not in self.runs:
            return None
        record = checked_run(self.runs[run.id], run, paths.run_records(self.config))
        for suite, said in record.get("scored", {}).items():
            count = self.values_of(run).get(suite, 0)
            if said.get("values", count) != count:
                why = f"it has {count} values of run {run.id} on suite {suite}, not {said['values']}"
                raise damaged(paths.scores(self.config), why)
        return record

    def of(self, table: pd.DataFrame, run: Run) -> pd.DataFrame:
        """A run's lines of scores or histories."""
        return table[(table["hash"] == run.variant.hash) & (table["seed"] == run.seed)].reset_index(drop=True)


def load(config: Config) -> Results:
    """Read what `gather` wrote: the runs of the config, and no others that may stand there.

    Raises:
        InputError: a file is missing or damaged, it lacks a run of the config or one of its suites, or tuned values
            are not those that the trials choose.
    """
    gathered = Gathered(config)
    if not gathered.runs:
        raise InputError(
            f"{paths.run_records(config)} is not there; `arccse gather` writes it once the runs are done."
        )
    runs = {}
    for run in config.runs().values():
        record = gathered.record(run)
        if record is None:
            raise InputError(f"{paths.run_records(config)} has no run {run.id}; gather the results again.")
        absent = set(config.suites_of(run.id)) - gathered.values_of(run).keys()
        if absent and not record.get("diverged"):
            raise damaged(paths.scores(config), f"it has no scores of run {run.id} on suite {min(absent)}")
        checked_history(gathered.of(gathered.histories, run), run, record, paths.histories(config))
        runs[run.id] = record
    choosing.require_best(config, gathered.histories, runs)
    columns = [column_of(run) for run in scored_on_pairs(config, runs)]
    pairs = read_kept(paths.pairs(config), PAIRED, columns)[[*PAIRS, *columns]] if columns else None
    return Results(gathered.scores, gathered.histories, pairs, runs, gathered.looks)


def scored_on_pairs(config: Config, records: dict[str, dict[str, Any]]) -> list[Run]:
    """The runs that keep cosines of rated pairs: those of suite sts, but for what diverged."""
    runs = config.runs()
    return [
        runs[run] for run, record in records.items() if PAIRED in config.suites_of(run) and not record.get("diverged")
    ]


def column_of(run: Run) -> str:
    """What the run's cosines are called in pairs.parquet."""
    return f"{run.variant.hash}/seed{run.seed}"


def write(config: Config, results: Results) -> None:
    """Write the gathered files, runs.json last. Raises InputError where the folder can't be written."""
    sweep(*paths.gathered(config))
    with atomic_path(paths.scores(config)) as temporary:
        results.scores[GATHERED_SCORES].to_csv(temporary, index=False, float_format="%.6f")
    with atomic_path(paths.histories(config)) as temporary:
        results.histories.to_csv(temporary, index=False, float_format="%.6g")
    if results.pairs is not None:
        with atomic_path(paths.pairs(config)) as temporary:
            results.pairs.to_parquet(temporary, index=False, compression="zstd")
    atomic_write(paths.looks(config), json.dumps(results.looks, indent=1) + "\n")
    atomic_write(paths.run_records(config), json.dumps(results.runs, indent=1) + "\n")
