"""The one cut that makes of a config of weeks one of minutes, to see that it runs: ARCCSE_REHEARSE=1.

Every study, encoder, variant, suite and claim stays, and every kind of job that there would be, for one seed and one
trial, with STEPS steps. The results are under another name and say what they are.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from arccse.config import Config, Study

VARIABLE = "ARCCSE_REHEARSE"
STEPS = 2
CAVEAT = f"Rehearsal: {STEPS} steps, one seed, one trial, to see that it runs. These scores are not findings."
# A variant that sets one of these itself keeps it, since that is what tells it from others.
TRAINING: dict[str, Any] = {"max_steps": STEPS, "eval_every": 1, "geometry_every": 1}


def asked_for() -> bool:
    """Whether configs are to be cut; with the variable at 0 or empty they are not."""
    return os.environ.get(VARIABLE, "0") not in ("0", "")


def cut(config: Config) -> Config:
    """The config as it is rehearsed."""
    studies = {name: cut_study(study) for name, study in config.studies.items()}
    caveat = f"{CAVEAT} {config.caveat}" if config.caveat else CAVEAT
    changed = {"name": f"{config.name}-rehearsal", "caveat": caveat, "seeds": config.seeds[:1], "studies": studies}
    return config.model_copy(update=changed)


def cut_study(study: Study) -> Study:
    seeds = study.seeds[:1] if study.seeds else None
    tuning = study.tuning and study.tuning.model_copy(update={"trials": 1, "seeds": study.tuning.seeds[:1]})
    return study.model_copy(update={"training": study.training | TRAINING, "seeds": seeds, "tuning": tuning})
