"""What a training tells while it goes on."""

import io
import json
import math
import os
import re
import time
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from arccse import progress
from arccse.progress import Bar, TrainingProgress, duration


def row(step: int, **values: float) -> dict[str, float]:
    loss = math.nan if step == 0 else 0.01234567
    speed = math.nan if step == 0 else 212.4
    return {"step": step, "loss": loss, "dev_spearman": 78.4149, "sentences_per_second": speed} | values


@pytest.fixture
def telling(tmp_path: Path) -> TrainingProgress:
    return TrainingProgress("a/seed0", tmp_path / "history.csv", tmp_path / "state" / "seed0.progress.json")


def whereabouts(telling: TrainingProgress) -> dict:
    return json.loads(telling.whereabouts.read_text())


def test_a_line_a_measurement_and_nothing_between(telling, capsys):
    rows = [row(0)]
    telling(0, 15625, rows)
    for step in range(1, 250):
        if step % 125 == 0:
            rows.append(row(step))
        telling(step, 15625, rows)
    first, second = capsys.readouterr().err.splitlines()
    assert first == "step 0/15625  dev 78.41"
    assert re.fullmatch(r"step 125/15625  loss 0\.01235  dev 78\.41  212 sentences/s  left \d+:\d\d:\d\d", second)


def test_history_and_whereabouts_are_written_as_it_goes(telling, capsys):
    assert whereabouts(telling)["steps"] is None
    rows = [row(0), row(10)]
    telling(10, 40, rows)
    assert (whereabouts(telling)["step"], whereabouts(telling)["seconds_left"]) == (10, None)
    telling.started = (10, time.monotonic() - 30)  # ten steps in half a minute
    rows.append(row(20, loss=1 / 3))
    telling(20, 40, rows)
    said = whereabouts(telling)
    assert (said["step"], said["steps"], said["pid"]) == (20, 40, os.getpid())
    assert said["seconds_left"] == pytest.approx(60, abs=1)
    assert abs(said["updated"] - time.time()) < 60
    history = pd.read_csv(telling.history)
    assert history["step"].tolist() == [0, 10, 20]
    assert history["loss"].iloc[-1] == pytest.approx(1 / 3, rel=1e-15)


def test_a_training_that_goes_on_says_so(telling, capsys):
    telling(13, 40, [row(0), row(10)])
    assert capsys.readouterr().err == "step 13/40  goes on\n"


def test_between_two_measurements_the_whereabouts_have_a_heartbeat(telling, monkeypatch, capsys):
    rows = [row(0)]
    telling(0, 40, rows)
    telling(1, 40, rows)
    assert whereabouts(telling)["step"] == 0
    monkeypatch.setattr(progress, "HEARTBEAT", 0)
    telling(2, 40, rows)
    assert whereabouts(telling)["step"] == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("width", [80, 120, 200])
def test_a_bar_shows_the_count_and_the_time_left_first_however_narrow(width):
    terminal = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    with Bar("arccon10-triplet20-40-a04d015f/seed0", "steps", terminal) as bar:
        bar.update(0, 15625)
        for step in range(1, 126):
            bar.update(step, 15625, "loss 0.01235  dev 78.41  212 sentences/s")
        bar.progress.refresh()
    line = [part for part in re.split(r"[\r\n]|\x1b\[\S*?[A-Za-z]", terminal.file.getvalue()) if part.strip()][-1]
    assert re.match(r" *125/15625 steps +\d+:\d\d:\d\d ", line), line
    assert len(line.rstrip()) <= width
    assert "  loss 0.01235  dev 78.41" in line
    assert ("a04d015f/seed0" in line) == (width > 80)


def test_durations():
    assert [duration(s) for s in (0.4, 2050, 90061)] == ["0:00:00", "0:34:10", "1 day, 1:01:01"]
