"""What a config's runs left, in four small files that can be committed; the report is made of these alone."""

import json
from dataclasses import dataclass
from typing import Any

import pandas as pd

from arccse import paths
from arccse.config import Config, Run
from arccse.errors import InputError
from arccse.evaluation.scores import read_scores
from arccse.files import atomic_path, atomic_write
from arccse.report.tables import SCORE_COLUMNS

PAIR_COLUMNS = ["task", "subset", "index", "score"]


@dataclass(frozen=True)
class Results:
    """The results of every run of a config.

    Attributes:
        scores: a row for each score: variant, hash, seed, suite, task, metric, value (× 100), n.
        histories: a row for each measured step of a training: hash, seed, then the columns of history.csv.
        pairs: a row for each rated pair of the `sts` suite: task, subset, index, score (the human rating), then a
            column of float32 cosines for each run, named `<hash>/seed<k>`; None where no study has that suite.
        runs: run id → run.json.
    """

    scores: pd.DataFrame
    histories: pd.DataFrame
    pairs: pd.DataFrame | None
    runs: dict[str, dict[str, Any]]


def gather(config: Config) -> None:
    """Read every run's files and write scores.csv, histories.csv, pairs.parquet and runs.json of the config.

    Raises:
        InputError: a run has not been trained or scored yet, or the folder can't be written.
    """
    runs = list(config.runs().values())
    # the files of all runs are read before the first is written
    scores = pd.concat([scores_of(config, run) for run in runs], ignore_index=True)[SCORE_COLUMNS]
    histories = pd.concat([history_of(config, run) for run in runs], ignore_index=True)
    pairs = pairs_of([run for run in runs if "sts" in config.suites_of(run.id)], config)
    records = {run.id: json.loads(required(config, run, "run.json", "trained").read_text()) for run in runs}
    with atomic_path(paths.scores(config)) as temporary:
        scores.to_csv(temporary, index=False, float_format="%.6f")
    with atomic_path(paths.histories(config)) as temporary:
        histories.to_csv(temporary, index=False, float_format="%.6g")
    if pairs is not None:
        with atomic_path(paths.pairs(config)) as temporary:
            pairs.to_parquet(temporary, index=False, compression="zstd")
    atomic_write(paths.run_records(config), json.dumps(records, indent=1) + "\n")


def load(config: Config) -> Results:
    """Read what `gather` wrote.

    Raises:
        InputError: a file is missing, or it lacks a run of the config.
    """
    for path in (paths.scores(config), paths.histories(config), paths.run_records(config)):
        if not path.is_file():
            raise InputError(f"{path} is not there; `arccse gather` writes it once the runs are done.")
    records = json.loads(paths.run_records(config).read_text())
    for run in config.runs():
        if run not in records:
            raise InputError(f"{paths.run_records(config)} has no run {run}; gather the results again.")
    return Results(
        pd.read_csv(paths.scores(config), dtype={"hash": str}),
        pd.read_csv(paths.histories(config), dtype={"hash": str}),
        pd.read_parquet(paths.pairs(config)) if paths.pairs(config).is_file() else None,
        records,
    )


def scores_of(config: Config, run: Run) -> pd.DataFrame:
    """A run's scores on all suites that its studies ask for."""
    frames = [
        read_scores(required(config, run, f"{suite}/scores.csv", f"scored on suite {suite}"))
        for suite in config.suites_of(run.id)
    ]
    scores = pd.concat(frames, ignore_index=True)
    return scores.assign(variant=run.variant.name, hash=run.variant.hash, seed=run.seed)


def history_of(config: Config, run: Run) -> pd.DataFrame:
    """A run's history with its hash and seed in front."""
    history = pd.read_csv(required(config, run, "history.csv", "trained"))
    history.insert(0, "hash", run.variant.hash)
    history.insert(1, "seed", run.seed)
    return history


def pairs_of(runs: list[Run], config: Config) -> pd.DataFrame | None:
    """The rated pairs, and beside them each run's cosines."""
    if not runs:
        return None
    frames = {run: pd.read_parquet(required(config, run, "sts/pairs.parquet", "scored on suite sts")) for run in runs}
    rated = next(iter(frames.values()))[PAIR_COLUMNS]
    for run, frame in frames.items():
        if not frame[PAIR_COLUMNS].equals(rated):
            raise InputError(f"Run {run.id} was scored on other pairs than {runs[0].id}; score both again.")
    cosines = {
        f"{run.variant.hash}/seed{run.seed}": frame["cosine"].astype("float32") for run, frame in frames.items()
    }
    return pd.concat([rated, pd.DataFrame(cosines)], axis=1)


def required(config: Config, run: Run, name: str, done: str) -> Any:
    """The path of a run's file; InputError where the run has not got so far."""
    path = paths.run_folder(config, run.id) / name
    if not path.is_file():
        raise InputError(f"{path} is not there: run {run.id} has not been {done} yet.")
    return path
