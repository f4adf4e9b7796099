"""Where a config's files are. The Snakefile declares these paths, the command line writes and reads them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from arccse.evaluation.suites import KEEPING, SUITES

if TYPE_CHECKING:
    from arccse.config import Config  # which asks here for the file of the chosen values


def results(config: Config) -> Path:
    """results/<config>/, under the working directory."""
    return Path("results") / config.name


def run_folder(config: Config, run_id: str) -> Path:
    return results(config) / "runs" / run_id


def evaluation(config: Config, run_id: str, suites: Iterable[str]) -> Path:
    """The folder of the scores that a run got on some suites in one job: runs/<run>/scores/sts+transfer/."""
    return run_folder(config, run_id) / "scores" / "+".join(sorted(suites))


def state(config: Config, run_id: str) -> Path:
    """What an unfinished run goes on from. Not in the run's folder: Snakemake empties that before it starts again."""
    return results(config) / "state" / f"{run_id}.safetensors"


def progress(config: Config, run_id: str) -> Path:
    """How far a training is, and which process trains; there as long as it is not finished."""
    return results(config) / "state" / f"{run_id}.progress.json"


def training_lock(config: Config, run_id: str) -> Path:
    """Who holds its lock trains the run."""
    return results(config) / "state" / f"{run_id}.lock"


def finished(config: Config, run_id: str) -> Path:
    """The files of a finished run once more, until they are gathered. Snakemake deletes those in the run's folder
    where it starts the run's job again, which a killed workflow has left running."""
    return results(config) / "state" / f"{run_id}.finished"


def train_log(config: Config, run_id: str) -> Path:
    return results(config) / "logs" / run_id / "train.log"


def corpus(config: Config) -> Path:
    """The cleaned training sentences, one a line. Its name follows the corpus' spec, as the runs' hashes do."""
    return results(config) / "data" / f"corpus-{hashlib.sha256(config.corpus.encode()).hexdigest()[:8]}.txt"


def tokens(config: Config) -> Path:
    """The folder of the corpus' token ids, a store for each tokenizer and length; they name themselves."""
    return results(config) / "data" / "tokens"


def evaluation_data(config: Config) -> Path:
    """The checksums of the evaluation data, written once all of it could be read."""
    return results(config) / "data" / "evaluation.json"


def scores(config: Config) -> Path:
    return results(config) / "scores.csv"


def histories(config: Config) -> Path:
    return results(config) / "histories.csv"


def kept(config: Config, suite: str) -> Path:
    """What the runs keep of a suite's pairs or examples, side by side, under the name that each run's file has."""
    return results(config) / SUITES[suite].kept_file


def draws(config: Config) -> Path:
    """The scores of all runs on the same resamples of what they are taken over."""
    return results(config) / "draws.parquet"


def shared(config: Config) -> Path:
    """What the runs' records share, the parts of their code and the packages, by the digests that stand in them."""
    return results(config) / "shared.json"


def run_records(config: Config) -> Path:
    return results(config) / "runs.json"


def chosen(config: Config) -> Path:
    """The values that tuning has chosen for the final runs."""
    return results(config) / "chosen.json"


def look(config: Config, number: int) -> Path:
    """What a look at the studies whose seeds grow has left undecided; from 1 on."""
    return results(config) / "looks" / f"{number}.json"


def looks(config: Config) -> Path:
    """How often each study's results were looked at, with which seeds."""
    return results(config) / "looks.json"


def gathered(config: Config) -> list[Path]:
    """The files that `arccse gather` may write, in that order: whoever sees the last one has them all."""
    kept_files = [kept(config, suite) for suite in KEEPING]
    beside = [draws(config), looks(config), shared(config)]
    return [scores(config), histories(config), *kept_files, *beside, run_records(config)]


def page(config: Config) -> Path:
    return results(config) / "report.html"


def failed_figures(config: Config) -> Path:
    """What could not be drawn and why, a line each; empty where all was."""
    return results(config) / "logs" / "failed-figures.txt"


def table(config: Config, study: str, kind: str) -> Path:
    return results(config) / "tables" / f"{study}.{kind}"


def figure(config: Config, name: str, kind: str) -> Path:
    return results(config) / "figures" / f"{name}.{kind}"
