"""The choice among the trials of each tuned row: the best dev score, and nothing else, decides."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from arccse import paths
from arccse.config import Config
from arccse.errors import InputError
from arccse.tuning import Choice, Choices
from arccse.variants import Run, Trial, digest_of

ROUNDING = 1e-3  # of a gathered history, in points


def choices(config: Config, dev: Mapping[str, float | None]) -> Choices:
    """What the trials of every tuned row come to, if all of them have been trained.

    Args:
        config: has the trials.
        dev: run id → dev score, None of a run that diverged; of those that have been trained.
    """
    found: Choices = {}
    for study, rows in config.trials_by_study.items():
        for (encoder, label), trials in rows.items():
            if all(run.id in dev for trial in trials for run in trial.runs):
                found.setdefault(study, {}).setdefault(encoder, {})[label] = best(trials, dev)
    return found


def best(trials: Sequence[Trial], dev: Mapping[str, float | None]) -> Choice:
    """The trial with the best dev score, the first of equals.

    Args:
        trials: of one row.
        dev: as `choices` takes it. A trial's score is the mean over its runs; one with a run that diverged is not
            chosen.
    """
    among = digest_of(trials)
    means = {number: mean_dev(trial, dev) for number, trial in enumerate(trials, start=1)}
    finished = {number: mean for number, mean in means.items() if mean is not None}
    if not finished:
        return Choice(trial=None, values=None, dev=None, among=among)
    number = max(finished, key=lambda one: finished[one])
    return Choice(trial=number, values=trials[number - 1].values, dev=finished[number], among=among)


def mean_dev(trial: Trial, dev: Mapping[str, float | None]) -> float | None:
    """A trial's dev score; None where one of its runs diverged."""
    scores = [dev[run.id] for run in trial.runs]
    finished = [score for score in scores if score is not None]
    return sum(finished) / len(scores) if len(finished) == len(scores) else None


def dev_score(history: pd.DataFrame, record: Mapping[str, Any]) -> float | None:
    """A run's dev score at the step whose weights it kept; None where it diverged."""
    if record.get("diverged"):
        return None
    return float(history.loc[history["step"] == record["selected_step"], "dev_spearman"].iloc[0])


def dev_scores(
    runs: Iterable[Run], histories: pd.DataFrame, records: Mapping[str, dict[str, Any]]
) -> dict[str, float | None]:
    """The runs' dev scores, of gathered histories and records; None of one that diverged."""
    steps = zip(histories["hash"], histories["seed"], histories["step"], strict=True)
    dev = dict(zip(steps, histories["dev_spearman"], strict=True))
    found = {}
    for run in runs:
        record = records[run.id]
        kept = (run.variant.hash, run.seed, record.get("selected_step"))
        found[run.id] = None if record.get("diverged") else float(dev[kept])
    return found


def require_best(config: Config, histories: pd.DataFrame, runs: Mapping[str, dict[str, Any]]) -> None:
    """Raise InputError unless the values of each tuned row are those that its gathered trials' dev scores choose."""
    dev = dev_scores(config.trial_runs(), histories, runs)
    for study, encoders in choices(config, dev).items():
        for encoder, rows in encoders.items():
            for label, expected in rows.items():
                said = config.choice(study, encoder, label)
                if said is None or not is_same(said, expected, config.trials(study)[encoder, label], dev):
                    raise InputError(
                        f"{paths.chosen(config)}: '{label}' of study {study} and encoder {encoder} has not the "
                        "values that its trials' dev scores choose. Delete the file, and the workflow makes it anew."
                    )


def is_same(said: Choice, expected: Choice, trials: Sequence[Trial], dev: Mapping[str, float | None]) -> bool:
    """Whether a choice is the expected one, or one that only the rounding of gathered histories sets apart."""
    if said.among != expected.among or said.trial is None or expected.dev is None:
        return said == expected
    own = trials[said.trial - 1]
    mean = mean_dev(own, dev)
    return said.values == own.values and mean is not None and abs(mean - expected.dev) < ROUNDING
