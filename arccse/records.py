"""What a run leaves, read back: one reader for each kind of file, which trusts nothing.

A file that is damaged, cut short or another run's is named, with what is wrong and what mends it, before a number of
it is used.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from arccse.errors import InputError, first_line
from arccse.evaluation.suites import SUITES
from arccse.files import json_object, sha256
from arccse.models import Precision
from arccse.variants import Run

SCORES = ["suite", "task", "metric", "value", "n"]
GATHERED_SCORES = ["variant", "hash", "seed", *SCORES]
DRAW = ["suite", "column", "draw"]  # what tells draws apart
HISTORY = ["step", "loss", "loss_pair", "loss_triplet", "learning_rate", "dev_spearman", "alignment", "uniformity"]

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Part(BaseModel):
    """A piece of a record. What it does not name may be there as well, and is kept."""

    model_config = ConfigDict(extra="allow", frozen=True)


class CodeRecord(Part):
    digest: str
    parts: dict[str, str]


class Acceptance(Part):
    """That later code gives the same numbers, as somebody said who knows."""

    why: str
    date: str
    code: dict[str, CodeRecord]  # of "training", or of a suite


class CorpusRecord(Part):
    source: str
    sentences: Annotated[int, Field(ge=1)]
    sha256: Sha256


class DevRecord(Part):
    source: str
    name: str
    sha256: dict[str, Sha256]


class DataRecord(Part):
    corpus: CorpusRecord
    dev: DevRecord


class DivergedRecord(Part):
    step: Annotated[int, Field(ge=0)]
    message: str


class SuiteRecord(Part):
    pooling: str
    precision: Precision = "fp32"
    data: Sha256  # of the checksums of the tasks' files
    code: CodeRecord


class EvaluationRecord(Part):
    """evaluation.json: what the scores beside it were made with."""

    model: Sha256  # of the model's files
    source: str
    suites: dict[str, SuiteRecord]


class ScoredRecord(Part):
    """How many scores of a suite were gathered of a run, on how many resamples, and how many lines of what they are
    taken over; the two latter where there are any."""

    values: Annotated[int, Field(ge=1)] | None = None
    draws: Annotated[int, Field(ge=1)] | None = None
    examples: Annotated[int, Field(ge=1)] | None = None


class GatheredRecord(Part):
    """A run's record in runs.json, whoever's it is."""

    scored: dict[str, ScoredRecord] = {}


class RunRecord(GatheredRecord):
    """run.json: how a run came about. A run that diverged has no weights and no selected step."""

    run: str
    hyperparameters: dict[str, Any]
    seed: Annotated[int, Field(ge=0)]
    data: DataRecord
    started: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT")]
    weights: Sha256 | None = None
    model: Sha256 | None = None  # of the model's files, which evaluation.json repeats
    selected_step: Annotated[int, Field(ge=0)] | None = None
    diverged: DivergedRecord | None = None
    code: CodeRecord | None = None
    accepted: list[Acceptance] = []


class Look(Part):
    """That a study's results were gathered, and could be looked at, with these seeds and claims (their digests)."""

    date: str
    seeds: list[int]
    claims: list[str]


def read_looks(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Study → its looks, the earliest first. Raises InputError for a missing or damaged file."""
    content = read_json(path)
    require_valid(content, dict[str, list[Look]], path)
    return content


def damaged(path: Path, why: str) -> InputError:
    """The error that says what is wrong with a file of a run, or of the gathered results, and how to mend it."""
    if path.parent.parent.name == "results":
        restore = f"Restore the gathered files of {path.parent.name} as they were (git checkout)"
        again = f"where the runs' folders are still there, delete {path.with_name('runs.json')} and gather again"
        return InputError(f"{path} can't be used: {why}. {restore}, or, {again}.")
    return InputError(f"{path} can't be used: {why}. Delete {path.parent}, and the workflow makes it anew.")


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; InputError where it is missing, unreadable or something else."""
    try:
        return json_object(path)
    except FileNotFoundError as error:
        raise damaged(path, "it is missing") from error
    except OSError as error:
        raise damaged(path, f"it can't be read ({error.strerror})") from error
    except ValueError as error:
        raise damaged(path, f"it holds {error}") from error


def require_valid(content: Any, kind: Any, path: Path) -> None:
    """InputError unless what a file holds is of some kind, as pydantic understands it."""
    try:
        TypeAdapter(kind).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise damaged(path, f"it has a wrong '{'.'.join(map(str, first['loc']))}': {first['msg']}") from error


def read_run(path: Path, run: Run) -> dict[str, Any]:
    """A run's run.json, once it is certain that it is this run's. Raises InputError otherwise."""
    return checked_run(read_json(path), run, path)


def checked_run(content: Any, run: Run, path: Path) -> dict[str, Any]:
    """A run's record as it was read from a file, which an InputError names unless it is one and this run's."""
    try:
        record = RunRecord.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "run"
        raise damaged(path, f"the record of {run.id} has a wrong '{place}': {first['msg']}") from error
    if (record.run, record.seed) != (run.id, run.seed):
        raise damaged(path, f"it is the record of {record.run}, seed {record.seed}, and not of {run.id}")
    expected = json.loads(json.dumps(run.variant.canonical()))
    if record.hyperparameters != expected:
        key = next(k for k in {**expected, **record.hyperparameters} if differs(expected, record.hyperparameters, k))
        raise damaged(path, f"the record of {run.id} has another '{key}' than this run")
    if record.diverged is None and (record.weights is None or record.selected_step is None):
        raise damaged(path, f"the record of {run.id} says neither which weights it kept nor that it diverged")
    return dict(content)


def read_evaluations(path: Path) -> dict[str, dict[str, Any]]:
    """Suite → what its scores were made with, of an evaluation.json. Raises InputError for a damaged file."""
    content = read_json(path)
    require_valid(content, EvaluationRecord, path)
    suites = content.pop("suites")
    return {suite: content | own for suite, own in suites.items()}


def differs(one: Mapping[str, Any], other: Mapping[str, Any], key: str) -> bool:
    return (key in one) != (key in other) or one.get(key) != other.get(key)


def read_table(path: Path, columns: Sequence[str], **options: Any) -> pd.DataFrame:
    """A CSV file with at least these columns and a line; InputError otherwise."""
    try:
        table = pd.read_csv(path, **options)
    except FileNotFoundError as error:
        raise damaged(path, "it is missing") from error
    except OSError as error:
        raise damaged(path, f"it can't be read ({error.strerror})") from error
    except ValueError as error:  # pandas' parser errors and UnicodeDecodeError
        raise damaged(path, f"it is no CSV table ({first_line(error).rstrip('.')})") from error
    require(table, columns, path)
    return table


def missing(table: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    """Those of the columns that a table lacks."""
    return [column for column in columns if column not in table]


def require(table: pd.DataFrame, columns: Sequence[str], path: Path) -> None:
    if absent := missing(table, columns):
        raise damaged(path, f"it lacks the column '{absent[0]}'")
    if table.empty:
        raise damaged(path, "it has no line")


def require_numbers(table: pd.DataFrame, column: str, low: float, high: float, path: Path) -> None:
    """InputError unless a column holds finite numbers from low to high alone."""
    if not pd.api.types.is_numeric_dtype(table[column]):
        raise damaged(path, f"column '{column}' holds something that is no number")
    wrong = ~table[column].between(low, high)  # true of NaN as well
    if wrong.any():
        value = table.loc[wrong, column].iloc[0]
        raise damaged(path, f"column '{column}' has the value {value:g}, which is not from {low:g} to {high:g}")


def read_history(path: Path, run: Run, record: Mapping[str, Any]) -> pd.DataFrame:
    """A run's history.csv: the steps that its record says, each once, to the last one."""
    return checked_history(read_table(path, HISTORY), run, record, path)


def checked_history(table: pd.DataFrame, run: Run, record: Mapping[str, Any], path: Path) -> pd.DataFrame:
    """A run's history as it was read from a file, unless it is cut short, out of order or lacks its scores."""
    require(table, HISTORY, path)
    steps = table["step"].tolist()
    diverged = record.get("diverged")
    last = diverged["step"] if diverged else run.variant.hyperparameters.steps(record["data"]["corpus"]["sentences"])
    if steps != sorted(set(steps)) or steps[0] != 0:
        raise damaged(path, f"the steps of {run.id} do not rise from 0")
    if not diverged and (steps[-1] != last or record["selected_step"] not in steps):
        raise damaged(
            path,
            f"{run.id} has {last} steps, of which {record['selected_step']} was kept, but it ends at {steps[-1]}",
        )
    if not diverged:
        require_numbers(table, "dev_spearman", -100, 100, path)
    return table


def checked_scores(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Scores as they were read from a file, unless one is out of its range or stands there twice."""
    require_numbers(table, "n", 1, 1e9, path)
    require_numbers(table, "value", -800, 400, path)  # uniformity from −8, alignment to 4
    keys = [name for name in ("hash", "seed", "suite", "task", "metric") if name in table]
    if table.duplicated(keys).any():
        twice = table.loc[table.duplicated(keys)].iloc[0]
        raise damaged(path, f"it has two values for {twice['suite']}, {twice['task']}, {twice['metric']}")
    return table


def read_scores(path: Path, suite: str) -> pd.DataFrame:
    """A suite's lines of a run's scores.csv, which the record beside it knows."""
    table = checked_scores(read_table(path, SCORES), path)
    origin = path.with_name("evaluation.json")
    if origin.exists() and read_json(origin).get("scores") not in (None, sha256(path)):
        raise damaged(path, "it is not what was written, as evaluation.json beside it says")
    own = table[table["suite"] == suite]
    if own.empty:
        raise damaged(path, f"it has no scores of suite {suite}")
    return own.reset_index(drop=True)


def read_parquet(path: Path) -> pd.DataFrame:
    """The table in a Parquet file; InputError where it is missing or something else."""
    try:
        return pd.read_parquet(path)
    except FileNotFoundError as error:
        raise damaged(path, "it is missing") from error
    except (OSError, ValueError, KeyError) as error:  # Arrow's errors are both
        raise damaged(path, f"it is no Parquet table ({first_line(error).rstrip('.')})") from error


def read_draws(path: Path, counts: Mapping[str, Mapping[str, int]]) -> pd.DataFrame:
    """The draws of runs: columns suite, column, draw, then one of each run.

    Args:
        path: of the file.
        counts: column of a run → suite → the draws that it has of the suite's columns.
    """
    table = read_parquet(path)
    require(table, [*DRAW, *counts], path)
    if table.duplicated(DRAW).any():
        raise damaged(path, "a draw stands there twice")
    for run, own in counts.items():
        found = table.loc[table[run].notna(), "suite"].value_counts()
        for suite, count in own.items():
            if found.get(suite, 0) != count:
                raise damaged(path, f"it has {found.get(suite, 0)} draws of {run} on suite {suite}, not {count}")
    return table


def read_kept(path: Path, suite: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """What a suite keeps of each pair, sentence or example (`Suite.keeps`): its keys, what is given, then values.

    Args:
        path: of the file.
        suite: one that keeps something.
        columns: of values, where they are those of several runs; by default the suite's own one.
    """
    keeps = SUITES[suite].keeps
    if keeps is None:
        raise ValueError(f"suite {suite} keeps nothing")
    table = read_parquet(path)
    columns = [keeps.value] if columns is None else columns
    keys = list(keeps.keys)
    require(table, [*keeps.known, *columns], path)
    for column in columns:
        require_numbers(table, column, keeps.low - 1e-6, keeps.high + 1e-6, path)
        if keeps.dtype == "int8" and (table[column] % 1 != 0).any():
            raise damaged(path, f"column '{column}' holds something that is no whole number")
    if "suite" in keys and (others := {*table["suite"]} - {suite}):
        raise damaged(path, f"it is of suite {min(others)}, not of {suite} alone")
    if table[keeps.known].isna().any(axis=None) or table.duplicated(keys).any():
        raise damaged(path, f"a line lacks one of {', '.join(keeps.known)}, or stands there twice")
    return table
