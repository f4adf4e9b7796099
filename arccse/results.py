"""The results of a config: a few small files that can be committed, of which alone the report is made."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from arccse import choosing, paths
from arccse.config import Config
from arccse.errors import InputError
from arccse.evaluation.suites import COSINES, KEEPING, SUITES
from arccse.files import atomic_path, atomic_write, sweep
from arccse.records import (
    DRAW,
    GATHERED_SCORES,
    HISTORY,
    GatheredRecord,
    checked_history,
    checked_run,
    checked_scores,
    damaged,
    read_draws,
    read_json,
    read_kept,
    read_looks,
    read_table,
    require_valid,
)
from arccse.variants import Run

PAIRED = next(name for name, keeps in KEEPING.items() if keeps == COSINES)  # the suite of rated pairs
SHARED = ("data", "parts", "packages")  # keys in records of what is the same in most of them
DIGEST = re.compile("[0-9a-f]{16}")  # which stands in its place


@dataclass(frozen=True)
class Results:
    """The results of every run of a config.

    Attributes:
        scores: a row for each score: variant, hash, seed, suite, task, metric, value (× 100), n.
        histories: a row for each measured step of a training: hash, seed, then the columns of history.csv.
        kept: suite → what its runs keep (`Suite.keeps`), a row for each pair, sentence or example: the columns that
            all runs share, then one of values for each run that has them, as `column_of` names it.
        runs: run id → run.json, with what each suite's scores were made with under "scored".
        looks: study → when it was gathered with which seeds, each time with others than before.
        draws: the headlines of all runs on the same resamples, columns records.DRAW and `column_of` each run;
            without any line where none were gathered.
    """

    scores: pd.DataFrame
    histories: pd.DataFrame
    kept: Mapping[str, pd.DataFrame]
    runs: dict[str, dict[str, Any]]
    looks: dict[str, list[dict[str, Any]]]
    draws: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=DRAW))

    @property
    def pairs(self) -> pd.DataFrame | None:
        """The rated pairs of suite `sts`: task, subset, index, score (the human rating), then each run's cosines.

        None where no run has them.
        """
        pairs = self.kept.get(PAIRED)
        return None if pairs is None or pairs.empty else pairs


class Gathered:
    """The gathered files as they stand, whatever the config asks for by now; each is read when first looked at."""

    def __init__(self, config: Config):
        self.config = config

    @cached_property
    def runs(self) -> dict[str, Any]:
        """Run id → record; empty where nothing was gathered yet."""
        path = paths.run_records(self.config)
        if not path.exists():
            return {}
        content = read_records(self.config)
        require_valid(content, dict[str, GatheredRecord], path)
        return dict(content)

    @cached_property
    def scores(self) -> pd.DataFrame:
        path = paths.scores(self.config)
        if all(record.get("scored") == {} for record in self.runs.values()):  # of trials alone, if of any
            return pd.DataFrame(columns=GATHERED_SCORES)
        return checked_scores(read_table(path, GATHERED_SCORES, dtype={"hash": str, "variant": str}), path)

    @cached_property
    def histories(self) -> pd.DataFrame:
        columns = ["hash", "seed", *HISTORY]
        if not self.runs:
            return pd.DataFrame(columns=columns)
        return read_table(paths.histories(self.config), columns, dtype={"hash": str})

    @cached_property
    def kept(self) -> dict[str, pd.DataFrame]:
        """Suite → what its runs keep, as in `Results`; of every suite that scores were gathered of."""
        scored = {*self.scores["suite"]}
        return {suite: self._kept(suite) for suite in KEEPING if suite in scored}

    def _kept(self, suite: str) -> pd.DataFrame:
        """What a suite's runs keep; without any row where no run's was gathered, whether there is a file or not."""
        path, known = paths.kept(self.config, suite), KEEPING[suite].known
        scored = {f"{hash8}/seed{seed}" for (hash8, seed), suites in self.values.items() if suite in suites}
        said = {column_of(run): record.get("scored", {}).get(suite, {}) for run, record in self.runs.items()}
        counts = {column: made.get("examples") for column, made in said.items() if column in scored}
        columns = [column for column, count in counts.items() if count]
        if not columns:
            return pd.DataFrame(columns=known)
        table = read_kept(path, suite, columns)[[*known, *columns]]
        require_as_many(table, suite, self.scores, path)
        for column, count in counts.items():
            if count not in (None, len(table)):
                raise damaged(path, f"it has {len(table)} lines, but {count} were gathered of {column}")
        return table

    @cached_property
    def draws(self) -> pd.DataFrame:
        """As in `Results`."""
        counts = {column_of(run): draws_counted(record) for run, record in self.runs.items()}
        counts = {column: own for column, own in counts.items() if own}
        if not counts:
            return pd.DataFrame(columns=DRAW)
        return read_draws(paths.draws(self.config), counts)[[*DRAW, *counts]]

    @cached_property
    def looks(self) -> dict[str, list[dict[str, Any]]]:
        return read_looks(paths.looks(self.config)) if self.runs else {}

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


def load(config: Config, gathered: Gathered | None = None) -> Results:
    """Read what `gather` wrote: the runs of the config, and no others that may stand there.

    Args:
        config: a whole config, or a part of one.
        gathered: the whole one's files, where some of them have been read.

    Raises:
        InputError: a file is missing or damaged, it lacks a run of the config or one of its suites, or tuned values
            are not those that the trials choose.
    """
    gathered = gathered or Gathered(config)
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
    columns = {column_of(run) for run in runs}
    kept = {
        suite: table[[column for column in table if column in columns or column in KEEPING[suite].known]]
        for suite, table in gathered.kept.items()
    }
    draws = gathered.draws[[column for column in gathered.draws if column in columns or column in DRAW]]
    return Results(gathered.scores, gathered.histories, kept, runs, gathered.looks, draws)


def draws_counted(record: Mapping[str, Any]) -> dict[str, int]:
    """Suite → the draws that a gathered record says there are of it."""
    return {suite: made["draws"] for suite, made in record.get("scored", {}).items() if made.get("draws")}


def column_of(run_id: str) -> str:
    """What the column of a run's values is called beside those of others: `<hash>/seed<k>`, as its id ends."""
    return run_id.rpartition("-")[2]


def require_as_many(table: pd.DataFrame, suite: str, scores: pd.DataFrame, path: Path) -> None:
    """InputError unless a suite's table has as many examples of each task as its scores say."""
    spec, keys = SUITES[suite], KEEPING[suite].example
    own = scores[(scores["suite"] == suite) & (scores["metric"] == (spec.metric or spec.columns[0]))]
    said = own.groupby("task")["n"].first().to_dict()
    counted = table.drop_duplicates(keys).groupby("task").size().to_dict()
    if said != counted:
        task = min(str(task) for task in {**said, **counted} if said.get(task) != counted.get(task))
        raise damaged(path, f"it has {counted.get(task, 0)} examples of {task}, but {said.get(task, 0)} were scored")


def write_records(config: Config, runs: Mapping[str, dict[str, Any]]) -> None:
    """Write the runs' records, with a digest in the place of what hundreds of them share.

    Raises:
        InputError: the folder can't be written.
    """
    shared: dict[str, Any] = {}

    def digest(key: str, value: Any) -> Any:
        if not isinstance(value, dict):  # a suite's data are a checksum
            return value
        found = hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]
        shared[found] = value
        return found

    records = with_shared(dict(runs), digest)
    atomic_write(paths.shared(config), json.dumps(shared, indent=1) + "\n")
    atomic_write(paths.run_records(config), json.dumps(records, indent=1) + "\n")


def read_records(config: Config) -> Any:
    """What `write_records` was given. Raises InputError where a file is damaged, or lacks what the records share."""
    path = paths.shared(config)
    shared = read_json(path) if path.exists() else {}

    def value(key: str, digest: Any) -> Any:
        if not (isinstance(digest, str) and DIGEST.fullmatch(digest)):  # a checksum, or as before version 0.7
            return digest
        if digest not in shared:
            raise damaged(path, f"it lacks the {key} {digest}")
        return shared[digest]

    return with_shared(read_json(paths.run_records(config)), value)


def with_shared(content: Any, replace: Callable[[str, Any], Any]) -> Any:
    """Records with what stands under the keys SHARED replaced, each by what is made of key and value."""
    if isinstance(content, list):
        return [with_shared(one, replace) for one in content]
    if not isinstance(content, dict):
        return content
    return {
        key: replace(key, value) if key in SHARED else with_shared(value, replace) for key, value in content.items()
    }


def write_parquet(table: pd.DataFrame, shared: Sequence[str], path: Path) -> None:
    """Write a table of columns that all runs share and a column of values a run, in two thirds of the usual bytes."""
    floats = [name for name in table if name not in shared and table[name].dtype == "float32"]
    others = [name for name in table if name not in floats]  # the floats are hardly ever equal
    with atomic_path(path) as temporary:
        table.to_parquet(
            temporary,
            index=False,
            compression="zstd",
            use_dictionary=others,
            column_encoding=dict.fromkeys(floats, "BYTE_STREAM_SPLIT"),
        )


def write(config: Config, results: Results) -> None:
    """Write the gathered files, runs.json last. Raises InputError where the folder can't be written."""
    sweep(*paths.gathered(config))
    with atomic_path(paths.scores(config)) as temporary:
        results.scores[GATHERED_SCORES].to_csv(temporary, index=False, float_format="%.6f")
    with atomic_path(paths.histories(config)) as temporary:
        results.histories.to_csv(temporary, index=False, float_format="%.6g")
    for suite, table in results.kept.items():
        write_parquet(table, KEEPING[suite].known, paths.kept(config, suite))
    write_parquet(results.draws, DRAW, paths.draws(config))
    atomic_write(paths.looks(config), json.dumps(results.looks, indent=1) + "\n")
    write_records(config, results.runs)
