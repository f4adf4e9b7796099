"""Made-up results of any config: scores of every suite that its studies ask for, examples, histories, run records."""

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import TypeAdapter

from arccse import choosing, paths
from arccse import config as configs
from arccse.config import Config
from arccse.data.sources import source_class
from arccse.evaluation.suites import KEEPING, SUITES
from arccse.report import tables
from arccse.results import Results, column_of
from arccse.tuning import Choices
from arccse.variants import Run

EXAMPLES = 12  # a task


def made_choices(file: Path) -> Config:
    """The config of a file, for whose tuned rows the values of some trial have been chosen."""
    config = configs.load(file)
    dev = {run.id: float(place % 7) for place, run in enumerate(config.trial_runs())}
    if dev:
        paths.chosen(config).parent.mkdir(parents=True, exist_ok=True)
        chosen = TypeAdapter(Choices).dump_python(choosing.choices(config, dev))
        paths.chosen(config).write_text(json.dumps(chosen))
    return configs.load(file)


def made_results(config: Config, diverged: dict[str, int] | None = None) -> Results:
    """Results of a config as if its runs had been trained and scored; numbers are drawn, the same each time.

    diverged: run id → the step at which it diverged; such a run has a record and nothing else.
    """
    rng = np.random.default_rng(0)
    gone = diverged or {}
    runs = config.runs()
    left = {name: run for name, run in runs.items() if name not in gone}
    scores = [
        line for name, run in left.items() for suite in config.suites_of(name) for line in scored(run, suite, rng)
    ]
    histories = [frame for run in left.values() if (frame := history(run, rng)) is not None]
    records = {name: record(name, run, place) for place, (name, run) in enumerate(runs.items())}
    for name, step in gone.items():
        del records[name]["weights"], records[name]["selected_step"]
        records[name]["diverged"] = {"step": step, "message": "The loss is not finite."}
    columns = ["hash", "seed", "step", "loss", "dev_spearman", "alignment", "uniformity"]
    return Results(
        pd.DataFrame(scores, columns=tables.SCORE_COLUMNS),
        pd.concat(histories, ignore_index=True) if histories else pd.DataFrame(columns=columns),
        {
            suite: kept(suite, [name for name in left if suite in config.suites_of(name)], config, rng)
            for suite in KEEPING
            if suite in config.all_suites()
        },
        records,
        {},
    )


def scored(run: Run, suite: str, rng: np.random.Generator) -> list[tuple]:
    spec = SUITES[suite]
    named = [(task, spec.metric) if spec.metric else ("held-out", task) for task in spec.columns]
    variant = run.variant
    return [
        (variant.name, variant.hash, run.seed, suite, task, metric, value, 100)
        for (task, metric), value in zip(named, rng.uniform(60, 80, len(named)), strict=True)
    ]


def history(run: Run, rng: np.random.Generator) -> pd.DataFrame | None:
    if run.variant.untrained:
        return None
    steps = [0, 10, 20]
    frame = pd.DataFrame({"hash": run.variant.hash, "seed": run.seed, "step": steps, "loss": [np.nan, 1.0, 0.5]})
    drawn = rng.uniform(0, 1, (3, len(steps)))
    return frame.assign(dev_spearman=80 + drawn[0], alignment=0.1 + drawn[1], uniformity=-2 - drawn[2])


def record(name: str, run: Run, place: int) -> dict:
    return {
        "run": name,
        "seed": run.seed,
        "weights": f"{place:064x}",
        "selected_step": 10,
        "started": "2026-01-02T10:00:00+0000",
        "seconds": {"total": 60.0 + place},
        "git_commit": 40 * "a",
        "device": "a processor",
        "threads": 1,
        "packages": {"torch": "2.13.0"},
    }


def kept(suite: str, runs: list[str], config: Config, rng: np.random.Generator) -> pd.DataFrame:
    """What the suite keeps of these runs: EXAMPLES a task, those of `order` with nothing, 20 and 40 % masked."""
    keeps = KEEPING[suite]
    if not runs:
        return pd.DataFrame(columns=keeps.known)
    tasks = SUITES[suite].columns if SUITES[suite].metric else ("held-out",)
    levels = {"percent": [0, 20, 40]} if "percent" in keeps.keys else {}
    axes = {"task": tasks, "index": range(EXAMPLES), **levels}
    rows = pd.DataFrame(itertools.product(*axes.values()), columns=list(axes))
    ratings = rng.uniform(*source_class(config.data).scale, len(rows))
    given = {"suite": suite, "subset": "all", "score": ratings, "fold": rows["index"] % 2, "label": rows["index"] % 3}
    if levels:
        given["masked"] = rows["percent"] // 10
    known = rows.assign(**given)[keeps.known]
    values = rng.uniform(keeps.low, min(keeps.high, 2.5), (len(rows), len(runs))).astype(keeps.dtype)
    return pd.concat([known, pd.DataFrame(values, columns=[column_of(run) for run in runs])], axis=1)
