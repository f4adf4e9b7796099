"""How far each run of a config is, told from the files that the workflow has written so far."""

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
from arccse.progress import HEARTBEAT, duration
from arccse.records import read_json
from arccse.standings import Standing, standings
from arccse.variants import Run

KINDS = ("done", "diverged", "stale", "under way", "trained", "failed", "waiting")


class State(NamedTuple):
    """How far a run is: one of KINDS, and what more there is to say."""

    kind: str
    detail: str = ""
    seconds_left: float = 0.0


def show(config: Config, console: Console) -> None:
    """Print a table for each study, a line for those seeds of a variant that are equally far, and a count."""
    states = {run: state_of(config, standing) for run, standing in standings(config).items()}
    for name, study in config.studies.items():
        title = f"{name}: {study.title}"
        table = Table("variant", "encoder", "run", "seeds", "state", title=Text(title), title_justify="left")
        for label, encoder, runs in rows_of(config, name):
            alike: dict[State, list[int]] = {}
            for run in runs:
                alike.setdefault(states[run.id], []).append(run.seed)
            for state, seeds in alike.items():
                said = f"{state.kind}: {state.detail}" if state.detail else state.kind
                cells = label, encoder, runs[0].variant.id, ", ".join(map(str, seeds)), said
                table.add_row(*map(Text, cells))  # a label's brackets are no markup
        console.print(table)
    counts = {kind: sum(state.kind == kind for state in states.values()) for kind in KINDS}
    said = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    left = max(state.seconds_left for state in states.values())
    console.print(f"{len(states)} runs: {said}" + (f"; {duration(left)} left of those under way" if left else ""))


def rows_of(config: Config, study: str) -> list[tuple[str, str, tuple[Run, ...]]]:
    """(label, encoder, runs) of each row of a study, and of each trial of its tuning."""
    rows = [(row.label, row.encoder, row.runs) for row in config.rows(study)]
    return rows + [
        (f"{label}, trial {number}", encoder, trial.runs)
        for (encoder, label), trials in config.trials(study).items()
        for number, trial in enumerate(trials, start=1)
    ]


def state_of(config: Config, run: Standing) -> State:
    """How far one run is, in words. Raises InputError for a damaged file of the run."""
    record, run_id = run.record or {}, run.run.id
    if run.other_code:
        return State("stale", f"made by other code ({', '.join(run.changed)})")
    if "diverged" in record:
        return State("diverged", record["diverged"]["message"])
    if not run.to_train:
        return scored(config, run)
    log, whereabouts = paths.train_log(config, run_id), paths.progress(config, run_id)
    said = read_json(whereabouts) if whereabouts.exists() else {}
    if said and lives(said):
        left = max(0.0, (said["seconds_left"] or 0.0) - (time.time() - said["updated"]))
        steps = f"step {said['step']} of {said['steps']}" if said["steps"] else "reads its corpus"
        return State("under way", steps + (f", {duration(left)} left" if said["seconds_left"] else ""), left)
    if log.is_file():
        return State("failed", last_line(log) or "its log is empty, as of a process that was killed")
    return State("failed", f"stopped at step {said['step']}") if said else State("waiting")


def scored(config: Config, run: Standing) -> State:
    """How far a trained run is with its scores."""
    if not run.missing:
        return State("done", "" if run.in_folder else "gathered")
    logs = paths.train_log(config, run.run.id).parent
    for log in sorted(logs.glob("evaluate-*.log")):
        line = last_line(log)
        told = line.startswith("arccse: ") or "Error" in line.partition(":")[0]  # ours, or a traceback's
        if told and {*log.stem.removeprefix("evaluate-").split("+")} & {*run.missing}:
            return State("failed", f"{log.stem}: {line}")
    asked = len(config.suites_of(run.run.id))
    return State("trained", f"{asked - len(run.missing)} of {asked} suites scored")


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
