"""A tuned study whose values have been chosen, with made-up results."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from made_configs import made_config
from made_results import made_results

from arccse import choosing, paths
from arccse import config as configs
from arccse.config import Config
from arccse.results import Results

SPACE = {"learning_rate": {"log": [1e-5, 1e-3]}}
STUDY = {
    "tuning": {"trials": 4, "seeds": [100, 101], "space": SPACE},
    "variants": {"untrained": {"epochs": 0}, "NT-Xent": {}, "ArcCon": {"objective": "arccon"}},
}


def made_tuned(
    folder: Path, study: dict[str, Any] = STUDY, diverged: dict[str, int] | None = None, **keys: Any
) -> tuple[Config, Results]:
    """A config of one study, "tuned", once the choice among its trials has been made, and the results of all runs.

    The working directory must be the folder. diverged: run id → step, of trials or of rows as configured.
    """
    config = made_config(folder, {"tuned": study}, **{"seeds": [0, 1, 2]} | keys)
    before = at_start(config, made_results(config, diverged))
    dev = choosing.dev_scores(config.trial_runs(), before.histories, before.runs)
    path = paths.chosen(config)
    path.parent.mkdir(parents=True, exist_ok=True)
    chosen = {
        study: {
            encoder: {label: choice.model_dump(mode="json") for label, choice in rows.items()}
            for encoder, rows in encoders.items()
        }
        for study, encoders in choosing.choices(config, dev).items()
    }
    path.write_text(json.dumps(chosen))
    after = configs.load(folder / "made.yaml")
    results = made_results(after, diverged)
    known = {(run.variant.hash, run.seed) for run in config.runs().values()}
    new = [key not in known for key in zip(results.histories["hash"], results.histories["seed"], strict=True)]
    histories = pd.concat([before.histories, results.histories[new]], ignore_index=True)
    return after, replace(results, histories=histories)


def at_start(config: Config, results: Results) -> Results:
    """The results, with what a training that diverges leaves: a score at step 0."""
    gone = [run for name, run in config.runs().items() if results.runs[name].get("diverged")]
    lines = [{"hash": run.variant.hash, "seed": run.seed, "step": 0, "dev_spearman": 80.0} for run in gone]
    return replace(results, histories=pd.concat([results.histories, pd.DataFrame(lines)], ignore_index=True))
