"""What long work tells while it goes on: a bar or lines on stderr, a training's history and whereabouts.

Nothing here decides a number.
"""

import json
import math
import os
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column

from arccse.files import atomic_path, atomic_write

HEARTBEAT = 60  # seconds after which a training says where it is, though nothing was measured
# column of the history → what a line calls it, and its format
SHOWN = {"loss": "loss {:.4g}", "dev_spearman": "dev {:.2f}", "sentences_per_second": "{:.0f} sentences/s"}


class Bar:
    """A progress bar on a terminal; nothing elsewhere. A narrow one shows the count and the time left."""

    def __init__(self, title: str, unit: str, console: Console | None = None):
        self.title = title
        self.progress = Progress(
            MofNCompleteColumn(),
            TextColumn(unit),
            TimeRemainingColumn(),
            BarColumn(bar_width=12),
            # what the others leave of the line
            TextColumn("{task.description}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
            console=console or Console(stderr=True),
            disable=console is None and not sys.stderr.isatty(),
            expand=True,
        )
        self.task = self.progress.add_task(title, total=None)

    def update(self, done: int, total: int, latest: str = "") -> None:
        """Show that `done` of `total` units are done, and what was measured last."""
        description = f"{latest}  {self.title}".strip()
        self.progress.update(self.task, completed=done, total=total, description=description)

    def __enter__(self) -> "Bar":
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()


class TrainingProgress:
    """Tells how far a training is: on stderr, in history.csv, and in a file for `arccse status`.

    At its start and at each measurement, and for `arccse status` every minute. On a terminal a bar shows each step.

    Args:
        title: what to call it on a terminal.
        history: the CSV file to keep up to date; None for none.
        whereabouts: the JSON file that says how far which process is.
    """

    def __init__(self, title: str, history: Path | None, whereabouts: Path):
        self.history, self.whereabouts = history, whereabouts
        self.bar = Bar(title, "steps")
        self.started: tuple[int, float] | None = None  # the first call: steps done, and when
        self.tell(0, None, None)

    def __call__(self, step: int, steps: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """As `training.Progress`.

        Raises:
            InputError: a file can't be written.
        """
        first, now = self.started is None, time.monotonic()
        before, since = self.started = self.started or (step, now)
        left = (now - since) / (step - before) * (steps - step) if step > before else None
        news = measured(rows[-1]) if rows[-1]["step"] == step else ""
        self.bar.update(step, steps, measured(rows[-1]))
        if first or news or now - self.told > HEARTBEAT:
            self.tell(step, steps, left)
        if self.history and (first or news):
            write_history(rows, self.history)
        if self.bar.progress.disable and (first or news):
            line = f"step {step}/{steps}  {news or 'goes on'}" + (f"  left {duration(left)}" if left else "")
            print(line, file=sys.stderr, flush=True)

    def tell(self, step: int, steps: int | None, seconds_left: float | None) -> None:
        """Write the file for `arccse status`; `steps` is None until the corpus is read."""
        content: dict[str, Any] = {"step": step, "steps": steps, "seconds_left": seconds_left}
        content |= {"pid": os.getpid(), "host": socket.gethostname(), "updated": time.time()}
        atomic_write(self.whereabouts, json.dumps(content) + "\n")
        self.told = time.monotonic()

    def __enter__(self) -> "TrainingProgress":
        self.bar.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.__exit__()


def write_history(rows: pd.DataFrame | Sequence[Mapping[str, Any]], path: Path) -> None:
    """The rows of a training's history as CSV, whole or not at all."""
    with atomic_path(path) as temporary:
        pd.DataFrame(rows).to_csv(temporary, index=False)


def measured(row: Mapping[str, Any]) -> str:
    """'loss 0.0123  dev 78.41  212 sentences/s' of a row of the history; what it lacks is left out."""
    return "  ".join(form.format(row[name]) for name, form in SHOWN.items() if not math.isnan(row[name]))


def duration(seconds: float) -> str:
    """'0:34:10', hours, minutes and seconds; '1 day, 0:00:00' for longer times."""
    return str(timedelta(seconds=round(seconds)))
