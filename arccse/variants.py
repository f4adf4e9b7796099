"""What is trained: variants, their runs, and the rows and trials of studies that consist of runs."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from arccse.hyperparameters import Hyperparameters, Partial


@dataclass(frozen=True)
class Variant:
    """Every hyperparameter of a training except the seed, with its encoder, corpus and dev set."""

    model: str
    revision: str | None
    corpus: str
    dev: str
    hyperparameters: Hyperparameters

    def canonical(self) -> dict[str, Any]:
        """What the hash is computed from; without training, the corpus has an effect on a whitening alone."""
        values = {"model": self.model, "revision": self.revision} | self.hyperparameters.canonical()
        if self.untrained:
            return values | ({"corpus": self.corpus} if self.hyperparameters.whitening else {})
        return values | {"corpus": self.corpus, "dev": self.dev}

    @property
    def untrained(self) -> bool:
        return self.hyperparameters.epochs == 0

    @cached_property
    def hash(self) -> str:
        """The first 8 hex digits of the sha256 of the canonical form."""
        return hashlib.sha256(json.dumps(self.canonical(), sort_keys=True).encode()).hexdigest()[:8]

    @cached_property
    def name(self) -> str:
        """A readable name that the hyperparameters alone decide, so that renaming a study's row moves no run."""
        canonical = self.hyperparameters.canonical()
        end = "-whitened" if self.hyperparameters.whitening else ""
        if self.untrained:
            return "untrained" + end
        objective, margin = canonical["objective"], canonical.get("margin")
        own = objective.rpartition(".")[2]  # of an import path
        pair = "simcse" if objective == "nt_xent" else own + (f"{margin:g}" if margin else "")
        if "mask_ratios" not in canonical:
            return pair + end
        near, far = (round(100 * ratio) for ratio in canonical["mask_ratios"])
        return f"{pair}-triplet{near}-{far}{end}"

    @cached_property
    def id(self) -> str:
        return f"{self.name}-{self.hash}"


@dataclass(frozen=True)
class Run:
    """A variant trained with one seed."""

    variant: Variant
    seed: int

    @property
    def id(self) -> str:
        """The run's folder under results/<config>/runs/."""
        return f"{self.variant.id}/seed{self.seed}"


@dataclass(frozen=True)
class Row:
    """One row of a study: a variant under the study's own label, with its runs.

    `untuned` is the label of the row that its values were tuned from; "" in a row as the config has it.
    """

    label: str
    encoder: str
    variant: Variant
    runs: tuple[Run, ...]
    untuned: str = ""


@dataclass(frozen=True)
class Trial:
    """What a row of a study is tried with in its tuning, and a run for each of the trials' seeds."""

    values: Partial
    runs: tuple[Run, ...]


def runs_of(variant: Variant, seeds: Sequence[int]) -> tuple[Run, ...]:
    return tuple(Run(variant, seed) for seed in seeds)


def label_of(point: Partial) -> str:
    """'margin=5, temperature=0.1' for a point of a sweep's grid."""
    return ", ".join(
        f"{key}={'/'.join(map(str, value)) if isinstance(value, list) else value}" for key, value in point.items()
    )


def tuned(label: str) -> str:
    """What a row is called as tuned."""
    return f"{label}, tuned"


def digest_of(trials: Sequence[Trial]) -> str:
    """16 hex digits for the runs that a choice is made among."""
    return hashlib.sha256(json.dumps([run.id for trial in trials for run in trial.runs]).encode()).hexdigest()[:16]
