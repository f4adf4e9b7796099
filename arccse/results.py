"""What a config's runs left, in four small files that can be committed; the report is made of these alone.

Gathered results grow: what a run's folder no longer holds, since only the gathered files were kept of it, stands in
them and is done; what is new is joined with it.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from arccse import code, paths
from arccse.config import Config, Run
from arccse.errors import InputError
from arccse.files import atomic_path, atomic_write
from arccse.records import (
    GATHERED_SCORES,
    HISTORY,
    PAIRS,
    checked_history,
    checked_run,
    checked_scores,
    damaged,
    read_history,
    read_json,
    read_pairs,
    read_run,
    read_scores,
    read_table,
)


@dataclass(frozen=True)
class Results:
    """The results of every run of a config.

    Attributes:
        scores: a row for each score: variant, hash, seed, suite, task, metric, value (× 100), n.
        histories: a row for each measured step of a training: hash, seed, then the columns of history.csv.
        pairs: a row for each rated pair of the `sts` suite: task, subset, index, score (the human rating), then a
            column of float32 cosines for each run, named `<hash>/seed<k>`; None where no study has that suite.
        runs: run id → run.json, with what each suite's scores were made with under "scored".
    """

    scores: pd.DataFrame
    histories: pd.DataFrame
    pairs: pd.DataFrame | None
    runs: dict[str, dict[str, Any]]


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
        return read_pairs(paths.pairs(self.config), [])

    @property
    def has_pairs(self) -> bool:
        """Whether there must be a file of pairs."""
        return bool(self.scores["suite"].eq("sts").any())

    @cached_property
    def suites(self) -> dict[Any, set[str]]:
        """(hash, seed) → the suites that it has scores of."""
        return dict(self.scores.groupby(["hash", "seed"])["suite"].agg(set))

    def record(self, run: Run) -> dict[str, Any] | None:
        """The run's record, once it is certain that it is this run's; None where it was not gathered."""
        if run.id not in self.runs:
            return None
        return checked_run(self.runs[run.id], run, paths.run_records(self.config))

    def of(self, table: pd.DataFrame, run: Run) -> pd.DataFrame:
        """A run's lines of scores or histories."""
        return table[(table["hash"] == run.variant.hash) & (table["seed"] == run.seed)].reset_index(drop=True)


@dataclass(frozen=True)
class Standing:
    """How far a run is.

    Attributes:
        run: the run.
        record: its run.json, or what was gathered of it; None where it has to be trained.
        in_folder: whether its folder holds the record.
        has_model: whether it holds the model as well.
        filed: the suites whose scores are in its folder.
        gathered_is_same: whether what was gathered of the run, if anything, is of this training.
        gathered: the suites that its studies ask for whose scores are in the gathered files, of this training.
        missing: the suites that its studies ask for and that neither has; none of a run that diverged.
    """

    run: Run
    record: dict[str, Any] | None
    in_folder: bool
    has_model: bool
    filed: frozenset[str]
    gathered_is_same: bool
    gathered: frozenset[str]
    missing: tuple[str, ...]

    @property
    def to_train(self) -> bool:
        """Whether it was never trained, or has to be trained again, since a suite needs its model, which is gone."""
        return self.record is None or (bool(self.missing) and not self.has_model)

    @property
    def to_score(self) -> tuple[str, ...]:
        """The suites to score. A training again may give other weights, as on another machine: it scores them all."""
        return tuple(sorted({*self.missing, *self.gathered, *self.filed})) if self.to_train else self.missing

    @property
    def other_code(self) -> list[str]:
        """The modules in which the code that made the run differs from the present one; [] where it is the same."""
        if self.record is None:
            return []
        present, own = code.of_training(self.run.variant), self.record.get("code")
        accepted = {other["digest"] for other in self.record.get("accepted", [])}
        if present.digest in accepted | {(own or {}).get("digest")}:
            return []
        return present.changed(own["parts"]) if own else ["code that was not recorded"]


def standings(config: Config, gathered: Gathered | None = None) -> dict[str, Standing]:
    """How far each run of a config is, by its id. Raises InputError for a damaged or foreign record."""
    gathered = gathered or Gathered(config)
    return {run.id: standing(config, run, gathered) for run in config.runs().values()}


def standing(config: Config, run: Run, gathered: Gathered) -> Standing:
    """How far a run is."""
    folder, asked = paths.run_folder(config, run.id), config.suites_of(run.id)
    in_folder = (folder / "run.json").exists()
    own = read_run(folder / "run.json", run) if in_folder else None
    kept = gathered.record(run)
    same = kept is not None and (own is None or own.get("weights") == kept.get("weights"))
    diverged = bool((own or kept or {}).get("diverged"))  # then the workflow leaves empty files in the scores' places
    filed = frozenset(s for s in asked if own and not diverged and (folder / s / "scores.csv").exists())
    known = gathered.suites.get((run.variant.hash, run.seed), set()) if same else set()
    record = own or kept
    missing = [] if diverged else [s for s in asked if s not in filed | known]
    has_model = in_folder and (folder / "model").is_dir()
    return Standing(run, record, in_folder, has_model, filed, same, frozenset(known & {*asked}), tuple(missing))


def refuse_other_code(config: Config, found: Iterable[Standing]) -> None:
    """Raise InputError where a run was made by other code than the present one, naming what has changed."""
    stale = {one.run.id: one.other_code for one in found if one.other_code}
    if stale:
        changed = ", ".join(sorted({module for modules in stale.values() for module in modules}))
        first = next(iter(stale))
        raise InputError(
            f"{len(stale)} runs of {paths.results(config)}, {first} among them, were made by other code (changed: "
            f"{changed}). `arccse stale` lists them; its --set-aside has them made again, its --accept keeps "
            "them, where you know that the change has no effect on their numbers."
        )


def gather(config: Config) -> None:
    """Join every run's files with what was gathered before: scores.csv, histories.csv, pairs.parquet, runs.json.

    What was gathered of runs and suites that the config no longer names stays: it may have taken hours.

    Raises:
        InputError: a run has not been trained or scored yet, was made by other code or on another corpus than the
            others, a file is damaged, or the folder can't be written. Nothing is written then.
    """
    gathered = Gathered(config)
    found = standings(config, gathered)
    refuse_other_code(config, found.values())
    for run_id, one in found.items():
        if one.to_train:
            raise InputError(f"{paths.run_folder(config, run_id)}: run {run_id} has not been trained yet.")
        if one.missing:
            raise InputError(f"Run {run_id} has not been scored on suite {one.missing[0]} yet.")
    require_one_corpus(found)
    # everything is read before the first file is written
    scores = joined([scores_of(config, one, gathered) for one in found.values()], gathered.scores, found.values())
    histories = joined(
        [history_of(config, one, gathered) for one in found.values()], gathered.histories, found.values()
    )
    pairs = pairs_of(config, list(found.values()), gathered, scores)
    records = {run_id: record_of(config, one, gathered) for run_id, one in found.items()}
    records |= {run_id: record for run_id, record in gathered.runs.items() if run_id not in records}
    write(config, Results(scores, histories, pairs, records))


def write(config: Config, results: Results) -> None:
    """Write the gathered files, runs.json last. Raises InputError where the folder can't be written."""
    with atomic_path(paths.scores(config)) as temporary:
        results.scores[GATHERED_SCORES].to_csv(temporary, index=False, float_format="%.6f")
    with atomic_path(paths.histories(config)) as temporary:
        results.histories.to_csv(temporary, index=False, float_format="%.6g")
    if results.pairs is not None:
        with atomic_path(paths.pairs(config)) as temporary:
            results.pairs.to_parquet(temporary, index=False, compression="zstd")
    atomic_write(paths.run_records(config), json.dumps(results.runs, indent=1) + "\n")


def joined(own: list[pd.DataFrame], kept: pd.DataFrame, found: Iterable[Standing]) -> pd.DataFrame:
    """The lines of the config's runs, then those that were gathered of other runs."""
    of_config = {(one.run.variant.hash, one.run.seed) for one in found}
    other = [key not in of_config for key in zip(kept["hash"], kept["seed"], strict=True)]
    return pd.concat([frame for frame in [*own, kept[other]] if len(frame)], ignore_index=True)


def load(config: Config) -> Results:
    """Read what `gather` wrote: the runs of the config, and no others that may stand there.

    Raises:
        InputError: a file is missing or damaged, or it lacks a run of the config or one of its suites.
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
        absent = set(config.suites_of(run.id)) - gathered.suites.get((run.variant.hash, run.seed), set())
        if absent and not record.get("diverged"):
            raise damaged(paths.scores(config), f"it has no scores of run {run.id} on suite {min(absent)}")
        checked_history(gathered.of(gathered.histories, run), run, record, paths.histories(config))
        runs[run.id] = record
    columns = [column_of(run) for run in scored_on_pairs(config, runs)]
    pairs = read_pairs(paths.pairs(config), columns)[[*PAIRS, *columns]] if columns else None
    return Results(gathered.scores, gathered.histories, pairs, runs)


def scored_on_pairs(config: Config, records: dict[str, dict[str, Any]]) -> list[Run]:
    """The runs that keep cosines of rated pairs: those of suite sts, but for what diverged."""
    runs = config.runs()
    return [
        runs[run] for run, record in records.items() if "sts" in config.suites_of(run) and not record.get("diverged")
    ]


def column_of(run: Run) -> str:
    """What the run's cosines are called in pairs.parquet."""
    return f"{run.variant.hash}/seed{run.seed}"


def require_one_corpus(found: dict[str, Standing]) -> None:
    """Raise InputError where runs of one config were trained on different text or selected on different pairs."""
    seen: dict[str, tuple[str, Any]] = {}
    for run_id, one in found.items():
        data = (one.record or {})["data"]
        for kind, sums in (("corpus", data["corpus"]["sha256"]), ("dev set", data["dev"]["sha256"])):
            first, expected = seen.setdefault(kind, (run_id, sums))
            if sums != expected and not one.run.variant.untrained:
                raise InputError(
                    f"Run {run_id} was trained on another {kind} than {first}: their checksums differ, though the "
                    "config names one. Move the folders of the older runs elsewhere."
                )


def scores_of(config: Config, one: Standing, gathered: Gathered) -> pd.DataFrame:
    """A run's scores, suite by suite: from its folder, otherwise what was gathered of the same training."""
    run, kept = one.run, gathered.of(gathered.scores, one.run)
    frames = []
    for suite in dict.fromkeys([*config.suites_of(run.id), *kept["suite"]]):
        if suite in one.filed:
            frames.append(read_scores(paths.run_folder(config, run.id) / suite / "scores.csv", suite))
        elif one.gathered_is_same:
            frames.append(kept[kept["suite"] == suite])
    if not frames:  # it diverged
        return kept.iloc[:0]
    scores = pd.concat(frames, ignore_index=True)
    return scores.assign(variant=run.variant.name, hash=run.variant.hash, seed=run.seed)


def history_of(config: Config, one: Standing, gathered: Gathered) -> pd.DataFrame:
    """A run's history with its hash and seed in front."""
    run, record = one.run, one.record or {}
    if not one.in_folder:
        kept = gathered.of(gathered.histories, run)
        return checked_history(kept, run, record, paths.histories(config))
    history = read_history(paths.run_folder(config, run.id) / "history.csv", run, record)
    history.insert(0, "hash", run.variant.hash)
    history.insert(1, "seed", run.seed)
    return history


def pairs_of(config: Config, found: list[Standing], gathered: Gathered, scores: pd.DataFrame) -> pd.DataFrame | None:
    """The rated pairs, and beside them each run's cosines; None where no run has suite sts."""
    frames = {
        column_of(one.run): read_pairs(paths.run_folder(config, one.run.id) / "sts" / "pairs.parquet")
        for one in found
        if "sts" in one.filed
    }
    if not scores["suite"].eq("sts").any():
        return None
    replaced = {column_of(one.run) for one in found if not one.gathered_is_same}
    table = gathered.pairs if gathered.has_pairs else next(iter(frames.values()))[PAIRS]
    require_as_many(table, scores, paths.pairs(config))
    for column, frame in frames.items():
        if not frame[PAIRS].equals(table[PAIRS]):
            raise InputError(
                f"The runs of {paths.results(config)} were scored on different pairs, {column} on others than those "
                "before it; score them on the same data."
            )
    cosines = {column: frame["cosine"].astype("float32") for column, frame in frames.items()}
    kept = [column for column in table if column not in frames and column not in replaced]
    ordered = [column_of(one.run) for one in found]
    together = pd.concat([table[kept], pd.DataFrame(cosines)], axis=1)
    return together[
        [*PAIRS, *(c for c in ordered if c in together), *(c for c in kept if c not in {*PAIRS, *ordered})]
    ]


def require_as_many(rated: pd.DataFrame, scores: pd.DataFrame, path: Path) -> None:
    """InputError unless there are as many pairs of each task as its scores say."""
    said = scores[scores["suite"] == "sts"].groupby("task")["n"].first().to_dict()
    counted = rated.groupby("task")["index"].size().to_dict()
    if said != counted:
        task = min(str(task) for task in {**said, **counted} if said.get(task) != counted.get(task))
        raise damaged(path, f"it has {counted.get(task, 0)} pairs of {task}, but {said.get(task, 0)} were scored")


def record_of(config: Config, one: Standing, gathered: Gathered) -> dict[str, Any]:
    """A run's record, with what its scores were made with."""
    return one.record or {}
