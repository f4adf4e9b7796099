"""Files such as finished runs leave, with made-up numbers: for tests of what reads them."""

import json
from pathlib import Path

import pandas as pd
import yaml
from families import MINILM

from arccse import code, paths
from arccse import config as configs
from arccse.config import Config
from arccse.evaluation.scores import Score, write_scores
from arccse.evaluation.suites import KEEPING, SUITES
from arccse.variants import Run

RATED = pd.DataFrame({"task": "LEE", "subset": "LEE", "index": [0, 1, 2], "score": [0.1, 0.3, 0.5]})
MASKED = pd.DataFrame(
    {"suite": "order", "task": "LEE", "index": [0, 0, 1, 1, 2, 2], "percent": [20, 40] * 3, "masked": [2, 4] * 3}
)
LABELLED = pd.DataFrame({"suite": "transfer", "task": "LEE", "index": [0, 1, 2], "fold": 0, "label": [0, 1, 5]})
KEPT = {"sts": RATED, "order": MASKED, "transfer": LABELLED}
SENTENCES = 640  # ten steps of the default batch


def made_config(folder: Path, studies: dict, **keys: object) -> Config:
    """A config on MiniLM and gensim's data with these studies, read from a file."""
    content = {
        "encoders": {"tiny": {"model": MINILM}},
        "corpus": "package:gensim",
        "data": "package:gensim",
        "suites": ["sts"],
        "seeds": [3, 4],
        "studies": studies,
    }
    path = folder / "made.yaml"
    path.write_text(yaml.safe_dump(content | keys, sort_keys=False))
    return configs.load(path)


def record_of(run: Run, weights: str = "0") -> dict:
    """A run.json of the present code."""
    return {
        "run": run.id,
        "hyperparameters": json.loads(json.dumps(run.variant.canonical())),
        "seed": run.seed,
        "data": {
            "corpus": {"source": "package:gensim", "sentences": SENTENCES, "sha256": "c" * 64},
            "dev": {"source": "package:gensim", "name": "LEE-dev", "sha256": {"lee.cor": "d" * 64}},
        },
        "weights": weights * 64,
        "model": weights * 64,
        "selected_step": run.variant.hyperparameters.steps(SENTENCES),
        "started": "2026-01-02T03:04:05+0000",
        "seconds": {"total": 1.0},
        "git_commit": None,
        "packages": {},
        "device": "made up",
        "threads": 1,
        "code": json.loads(json.dumps(code.of_training(run.variant)._asdict())),
    }


def history_of(run: Run) -> pd.DataFrame:
    last = run.variant.hyperparameters.steps(SENTENCES)
    steps = [0, last] if last else [0]
    measured = {"learning_rate": 0.0, "dev_spearman": 50.0, "alignment": 0.1, "uniformity": -2.0}
    return pd.DataFrame({"step": steps}).assign(loss=0.5, loss_pair=0.5, loss_triplet=float("nan"), **measured)


def leave(config: Config, run: Run, place: int, weights: str = "0") -> None:
    """A finished run's folder.

    Its scores are 50 + its place; cosines and similarities are tenths of its place and of the example's; predictions
    are right.
    """
    folder = paths.run_folder(config, run.id)
    (folder / "model").mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps(record_of(run, weights)))
    history_of(run).to_csv(folder / "history.csv", index=False)
    for suite in config.suites_of(run.id):
        score(config, run, suite, 50.0 + place, weights)
        if suite in KEPT:
            keeps, rows = KEEPING[suite], KEPT[suite]
            values = rows["label"] if suite == "transfer" else (place + rows["index"]) / 10
            kept = paths.evaluation(config, run.id, [suite]) / SUITES[suite].kept_file
            rows.assign(**{keeps.value: values}).to_parquet(kept)


def leave_all(config: Config) -> None:
    """The folders of all runs of a config, finished; their places count from 0."""
    for place, run in enumerate(config.runs().values()):
        leave(config, run, place)


def score(config: Config, run: Run, suite: str, value: float, model: str = "0") -> None:
    folder = paths.evaluation(config, run.id, [suite])
    folder.mkdir(parents=True, exist_ok=True)
    metric = SUITES[suite].metric or SUITES[suite].columns[0]
    write_scores([Score(suite, "LEE", metric, value, 3)], folder / "scores.csv")
    own = {"pooling": "cls", "data": "a" * 64, "code": code.of_evaluation(suite, config.data)._asdict()}
    made = {"model": model * 64, "source": config.data, "suites": {suite: own}}
    (folder / "evaluation.json").write_text(json.dumps(made))
