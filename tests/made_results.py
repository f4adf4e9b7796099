"""Made-up results of any config: scores of every suite that its studies ask for, histories, pairs and run records."""

import numpy as np
import pandas as pd

from arccse.config import Config, Run
from arccse.data.sources import source_class
from arccse.evaluation.suites import STS_TASKS, SUITES
from arccse.report import tables
from arccse.results import Results

PAIRS = 12  # a task


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
        pairs([run for name, run in left.items() if "sts" in config.suites_of(name)], config, rng),
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


def pairs(runs: list[Run], config: Config, rng: np.random.Generator) -> pd.DataFrame | None:
    if not runs:
        return None
    tasks = np.repeat(STS_TASKS, PAIRS)
    ratings = rng.uniform(*source_class(config.data).scale, len(tasks))
    rated = pd.DataFrame({"task": tasks, "subset": "all", "index": [*range(PAIRS)] * 7, "score": ratings})
    cosines = rng.uniform(-1, 1, (len(tasks), len(runs))).astype("float32")
    names = [f"{run.variant.hash}/seed{run.seed}" for run in runs]
    return pd.concat([rated, pd.DataFrame(cosines, columns=names)], axis=1)
