"""The trials of a tuned study: a line for each, with its values and dev scores. As a supplement it is a CSV alone."""

import pandas as pd

from arccse import choosing
from arccse.config import Config
from arccse.report.figures.axis import text_of
from arccse.report.supplements import Material
from arccse.report.tables import listed
from arccse.results import Results
from arccse.variants import Row, Trial

KNOWN = ["encoder", "row", "trial", "chosen", "dev", "diverged"]


def frame(material: Material, study: str) -> pd.DataFrame:
    """The supplement, as supplements.py asks for it."""
    return of_study(material.config, study, material.results)


def of_study(config: Config, study: str, results: Results) -> pd.DataFrame:
    """Every trial of a tuned study, row by row.

    Returns:
        Columns KNOWN, then one for each hyperparameter that any row is tuned over (NaN where it has no effect), then
        `dev_seed<k>` for each of the trials' seeds. `trial` counts from 1; `dev` is the mean over these seeds, at the
        step whose weights were kept, NaN where one of them diverged: `diverged` says which, and at what step.
    """
    rows = config.trials(study)
    own = (run for trials in rows.values() for trial in trials for run in trial.runs)
    dev = choosing.dev_scores(own, results.histories, results.runs)
    lines = []
    for (encoder, label), trials in rows.items():
        choice = config.choice(study, encoder, label)
        for number, trial in enumerate(trials, start=1):
            said = {"encoder": encoder, "row": label, "trial": number, "dev": choosing.mean_dev(trial, dev)}
            said |= {"chosen": choice is not None and choice.trial == number, "diverged": divergence(trial, results)}
            seeds = {f"dev_seed{run.seed}": dev[run.id] for run in trial.runs}
            lines.append(said | {key: plain(value) for key, value in trial.values.items()} | seeds)
    found = pd.DataFrame(lines)
    scores = [column for column in found if str(column).startswith("dev")]
    return found[[*KNOWN, *tuned_over(found), *scores[1:]]].astype(dict.fromkeys(scores, float))


def tuned_over(found: pd.DataFrame) -> list[str]:
    """The columns of hyperparameters that any of these trials has."""
    other = [str(name) for name in found.dropna(axis="columns", how="all")]
    return [name for name in other if name not in KNOWN and not name.startswith("dev_seed")]


def plain(value: object) -> object:
    """A number as it is, anything else as a config has it."""
    return value if type(value) in (int, float) else text_of(value)


def divergence(trial: Trial, results: Results) -> str:
    """ "seed 100 at step 3", or nothing."""
    found = {run.seed: results.runs[run.id].get("diverged") for run in trial.runs}
    return listed(f"seed {seed} at step {said['step']}" for seed, said in found.items() if said)


def mean_dev(row: Row, results: Results) -> float:
    """The mean dev score of a row's runs, at the steps whose weights they kept; NaN where one diverged."""
    scores = choosing.dev_scores(row.runs, results.histories, results.runs).values()
    return sum(float("nan") if score is None else score for score in scores) / len(scores)
