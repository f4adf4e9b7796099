"""The one cut that makes of a config of weeks one of minutes, to see that it runs: ARCCSE_REHEARSE=2.

Every study, encoder, suite and claim stays, and so does every kind of job. A training has STEPS steps, one seed and
one trial. Of a study stay as many trained variants as the number says, as many values of each swept hyperparameter,
and whatever a claim names; a large number leaves all. The results are under another name and say what they are.
"""

from __future__ import annotations

import os
from collections.abc import Set
from typing import TYPE_CHECKING, Any

from arccse.errors import InputError
from arccse.stopping import Growing
from arccse.variants import label_of, tuned

if TYPE_CHECKING:
    from arccse.config import Config, Study

VARIABLE = "ARCCSE_REHEARSE"
SUFFIX = "-rehearsal"
STEPS = 2
CAVEAT = f"Rehearsal: {STEPS} steps, one seed, one trial, to see that it runs. These scores are not findings."
# A variant that sets one of these itself keeps it, since that is what tells it from others.
TRAINING: dict[str, Any] = {"max_steps": STEPS, "eval_every": 1, "geometry_every": 1}


def asked_for() -> int:
    """How many variants of a study are to be rehearsed; 0: configs are not cut. InputError for no such number."""
    value = os.environ.get(VARIABLE) or "0"
    if not value.isdecimal():
        raise InputError(f"{VARIABLE}={value}: not a number of variants; 2 rehearses two of each study, 0 none.")
    return int(value)


def command(name: str) -> str:
    """What makes the results of the config that is called so, from a checkout."""
    if variants := asked_for():
        return f"{VARIABLE}={variants} snakemake --cores all --configfile config/{name.removesuffix(SUFFIX)}.yaml"
    return f"snakemake --cores all --configfile config/{name}.yaml"


def cut(config: Config, variants: int) -> Config:
    """The config as it is rehearsed, with `variants` of each study."""
    studies = {}
    for name, study in config.studies.items():
        claimed = {label for claim in config.claims.values() if claim.study == name for label in claim.labels}
        studies[name] = cut_study(study, variants, claimed)
    caveat = f"{CAVEAT} {config.caveat}" if config.caveat else CAVEAT
    encoders = {
        name: encoder.model_copy(update={"seeds": encoder.seeds and encoder.seeds[:1]})
        for name, encoder in config.encoders.items()
    }
    changed: dict[str, object] = {"name": config.name + SUFFIX, "caveat": caveat, "seeds": config.seeds[:1]}
    return config.model_copy(update=changed | {"encoders": encoders, "studies": studies})


def cut_study(study: Study, variants: int, claimed: Set[str]) -> Study:
    """A study as it is rehearsed; `claimed` are the labels that claims name, as they are or as tuned."""
    named = {label for label in study.overrides() if {label, tuned(label)} & claimed}
    trained = [label for label, override in study.variants.items() if override.get("epochs") != 0]
    kept = {
        label: override
        for label, override in study.variants.items()
        if label in named or label not in trained or label in trained[:variants]
    }
    points = [point for point in study.points if label_of(point) in named]
    sweep = {
        key: [value for n, value in enumerate(values) if n < variants or any(point[key] == value for point in points)]
        for key, values in study.sweep.items()
    }
    tuning = study.tuning and study.tuning.model_copy(update={"trials": 1, "seeds": study.tuning.seeds[:1]})
    return type(study)(
        **study.model_dump(exclude={"variants", "sweep", "training", "seeds", "tuning"}),
        variants=kept,
        sweep=sweep,
        training=study.training | TRAINING,
        seeds=[0] if isinstance(study.seeds, Growing) else study.seeds and study.seeds[:1],
        tuning=tuning,
    )
