"""How far each run of a config is, told from the files that the workflow has written so far."""

import json
import os
import socket
import time
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from arccse import paths
from arccse.config import Config
from arccse.errors import InputError, first_line
from arccse.progress import HEARTBEAT, duration

KINDS = ("done", "diverged", "under way", "trained", "failed", "waiting")


class Standing(NamedTuple):
    """How far a run is: one of KINDS, and what more there is to say."""

    kind: str
    detail: str = ""
    seconds_left: float = 0.0


def show(config: Config, console: Console) -> None:
    """Print a table for each study, a line for those seeds of a variant that are equally far, and a count."""
    gathered = read_json(paths.run_records(config))
    standings = {run: standing_of(config, run, gathered.get(run)) for run in config.runs()}
    for name, study in config.studies.items():
        title = f"{name}: {study.title}"
        table = Table("variant", "encoder", "run", "seeds", "state", title=Text(title), title_justify="left")
        for row in config.rows(name):
            alike: dict[Standing, list[int]] = {}
            for run in row.runs:
                alike.setdefault(standings[run.id], []).append(run.seed)
            for standing, seeds in alike.items():
                state = f"{standing.kind}: {standing.detail}" if standing.detail else standing.kind
                cells = row.label, row.encoder, row.variant.id, ", ".join(map(str, seeds)), state
                table.add_row(*map(Text, cells))  # a label's brackets are no markup
        console.print(table)
    counts = {kind: sum(standing.kind == kind for standing in standings.values()) for kind in KINDS}
    said = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    left = max(standing.seconds_left for standing in standings.values())
    console.print(f"{len(standings)} runs: {said}" + (f"; {duration(left)} left of those under way" if left else ""))


def standing_of(config: Config, run_id: str, gathered: dict[str, Any] | None) -> Standing:
    """How far one run is.

    Args:
        config: the config.
        run_id: the run.
        gathered: its record among the gathered results, None where it is not among them.

    Raises:
        InputError: a file of the run is damaged.
    """
    folder, log = paths.run_folder(config, run_id), paths.train_log(config, run_id)
    record = read_json(folder / "run.json") or gathered
    if record and "diverged" in record:
        return Standing("diverged", record["diverged"]["message"])
    if record:
        return Standing("done") if gathered else scored(config, run_id)
    said = read_json(paths.progress(config, run_id))
    if said and lives(said):
        left = max(0.0, (said["seconds_left"] or 0.0) - (time.time() - said["updated"]))
        steps = f"step {said['step']} of {said['steps']}" if said["steps"] else "reads its corpus"
        return Standing("under way", steps + (f", {duration(left)} left" if said["seconds_left"] else ""), left)
    if log.is_file():
        return Standing("failed", last_line(log) or "its log is empty, as of a process that was killed")
    return Standing("failed", f"stopped at step {said['step']}") if said else Standing("waiting")


def scored(config: Config, run_id: str) -> Standing:
    """How far a trained run is with its scores."""
    folder, logs = paths.run_folder(config, run_id), paths.train_log(config, run_id).parent
    asked = config.suites_of(run_id)
    missing = [suite for suite in asked if not (folder / suite / "scores.csv").is_file()]
    if not missing:
        return Standing("done")
    for log in [*sorted(logs.glob("embed-*.log")), *(logs / f"evaluate-{suite}.log" for suite in missing)]:
        line = last_line(log)
        if line.startswith("arccse: ") or "Error" in line.partition(":")[0]:  # ours, or a traceback's
            return Standing("failed", f"{log.stem}: {line}")
    return Standing("trained", f"{len(asked) - len(missing)} of {len(asked)} suites scored")


def lives(said: dict[str, Any]) -> bool:
    """Whether the training that wrote its whereabouts still runs; one on another host does if it wrote lately."""
    if said["host"] != socket.gethostname():
        return time.time() - said["updated"] < 10 * HEARTBEAT
    try:
        os.kill(said["pid"], 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True


def last_line(log: Path) -> str:
    """The last line of a log that is not empty; "" where there is none."""
    if not log.is_file():
        return ""
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file, {} where there is no file. Raises InputError for a damaged one."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InputError(f"{path} can't be read: {first_line(error)}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} can't be read: it holds no JSON object.")
    return content
