"""One YAML file under config/ → studies → variants → runs, and what a run is called.

A variant's hyperparameters are layered: `training` of the config, of the encoder, of the study, then the
variant's own.
"""

import csv
import hashlib
import itertools
import json
import re
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from arccse import models
from arccse.data import corpus, sources
from arccse.errors import InputError, nearest
from arccse.evaluation.suites import SUITES
from arccse.hyperparameters import Hyperparameters, Partial, layered
from arccse.validation import Strict, describe


@dataclass(frozen=True)
class Variant:
    """Every hyperparameter of a training except the seed, with its encoder, corpus and dev set."""

    model: str
    revision: str | None
    corpus: str
    dev: str
    hyperparameters: Hyperparameters

    def canonical(self) -> dict[str, Any]:
        """What the hash is computed from; without training, corpus and dev set have no effect either."""
        values = {"model": self.model, "revision": self.revision} | self.hyperparameters.canonical()
        return values if self.untrained else values | {"corpus": self.corpus, "dev": self.dev}

    @property
    def untrained(self) -> bool:
        return self.hyperparameters.epochs == 0

    @cached_property
    def hash(self) -> str:
        """The first 8 hex digits of the sha256 of the canonical form."""
        return hashlib.sha256(json.dumps(self.canonical(), sort_keys=True).encode()).hexdigest()[:8]

    @property
    def name(self) -> str:
        """A readable name that the hyperparameters alone decide, so that renaming a study's row moves no run."""
        canonical = self.hyperparameters.canonical()
        if self.untrained:
            return "untrained"
        objective, margin = canonical["objective"], canonical["margin"]
        pair = "simcse" if objective == "nt_xent" else objective + (f"{margin:g}" if margin else "")
        if "mask_ratios" not in canonical:
            return pair
        near, far = (round(100 * ratio) for ratio in canonical["mask_ratios"])
        return f"{pair}-triplet{near}-{far}"

    @property
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
    """One row of a study: a variant under the study's own label, with its runs."""

    label: str
    encoder: str
    variant: Variant
    runs: tuple[Run, ...]


def known_suite(name: str) -> str:
    """A validator; the error that pydantic then raises has a sentence of its own (`describe`)."""
    if name not in SUITES:
        hint = nearest(name, list(SUITES))
        raise PydanticCustomError("unknown_name", "unknown suite '{name}'; {hint}", {"name": name, "hint": hint})
    return name


SuiteName = Annotated[str, AfterValidator(known_suite), Field(json_schema_extra={"enum": list(SUITES)})]


class EncoderConfig(Strict):
    """A pretrained encoder and the hyperparameters that go with it."""

    model: str
    revision: str | None = None
    training: Partial = Field(default={})


class Study(Strict):
    """The variants behind one table or figure: named ones, then the grid of `sweep`."""

    title: str
    variants: dict[str, Partial] = Field(default={})
    sweep: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field(default={})
    training: Partial = Field(default={})
    encoders: list[str] | None = None
    suites: list[SuiteName] | None = None
    seeds: Annotated[list[int], Field(min_length=1)] | None = None
    published: list[str] | None = None  # encoders whose published rows the tables show; null: the study's own

    @model_validator(mode="after")
    def has_variants(self) -> "Study":
        if not self.variants and not self.sweep:
            raise ValueError("needs 'variants' or 'sweep'")
        return self

    def overrides(self) -> dict[str, Partial]:
        """Label → the hyperparameters that distinguish it, named variants first."""
        grid = itertools.product(*self.sweep.values()) if self.sweep else []
        points = [dict(zip(self.sweep, values, strict=True)) for values in grid]
        return self.variants | {label_of(point): point for point in points}


class Config(Strict):
    """One file under config/."""

    name: str
    caveat: str | None = None
    encoders: Annotated[dict[str, EncoderConfig], Field(min_length=1)]
    corpus: str
    corpus_size: Annotated[int, Field(ge=1)] | None = None
    data: str
    suites: Annotated[list[SuiteName], Field(min_length=1)]
    save_every: Annotated[int, Field(ge=1)] = 100  # steps between two saves of a training's state
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
    training: Partial = Field(default={})
    studies: Annotated[dict[str, Study], Field(min_length=1)]

    @field_validator("corpus")
    @classmethod
    def known_corpus(cls, value: str) -> str:
        corpus.check_spec(value)
        return value

    @field_validator("data")
    @classmethod
    def known_data(cls, value: str) -> str:
        sources.source_class(value)
        return value

    @cached_property
    def source(self) -> sources.Source:
        """The evaluation data; InputError if the folder or package is not there."""
        return sources.open_source(self.data)

    @property
    def dev_name(self) -> str:
        """What a run's identity calls the dev set; known without the data."""
        return sources.source_class(self.data).dev_name

    def rows(self, study_name: str) -> list[Row]:
        """The rows of a study, in the config's order, an encoder at a time."""
        study = self.studies[study_name]
        return [
            self.row(study_name, encoder_name, label, override)
            for encoder_name in study.encoders or self.encoders
            for label, override in study.overrides().items()
        ]

    def row(self, study_name: str, encoder_name: str, label: str, override: Partial) -> Row:
        study, chosen = self.studies[study_name], self.encoders[encoder_name]
        layers = {
            "training": self.training,
            f"encoders.{encoder_name}.training": chosen.training,
            f"studies.{study_name}.training": study.training,
            f"studies.{study_name}.variants.{label}": override,
        }
        hyperparameters = layered(layers)
        variant = Variant(chosen.model, chosen.revision, self.corpus, self.dev_name, hyperparameters)
        # Nothing is random about an encoder that is not trained: one run stands for every seed.
        seeds = [0] if variant.untrained else study.seeds or self.seeds
        return Row(label, encoder_name, variant, tuple(Run(variant, seed) for seed in dict.fromkeys(seeds)))

    def runs(self) -> dict[str, Run]:
        """Every run of every study by its id; a run that studies share is there once, as the first one has it."""
        found: dict[str, Run] = {}
        for study in self.studies:
            for row in self.rows(study):
                for run in row.runs:
                    found.setdefault(run.id, run)
        return found

    def study_suites(self, study_name: str) -> list[str]:
        """The suites that a study asks for: its own, otherwise the config's."""
        return list(self.studies[study_name].suites or self.suites)

    def all_suites(self) -> list[str]:
        """The suites that any study asks for, in the order of SUITES."""
        asked = {suite for study in self.studies for suite in self.study_suites(study)}
        return [suite for suite in SUITES if suite in asked]

    def suites_of(self, run_id: str) -> list[str]:
        """The suites that the studies of a run ask for, in the order of SUITES."""
        asked = {
            suite
            for name in self.studies
            for row in self.rows(name)
            if any(run.id == run_id for run in row.runs)
            for suite in self.study_suites(name)
        }
        return [suite for suite in SUITES if suite in asked]


def load(path: Path | str) -> Config:
    """Read and validate a config.

    Raises:
        InputError: the file is missing or not YAML, or a key or value is wrong. The message names the key, the
            value and what is valid.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"No config file '{path}'.")
    try:
        content = yaml.load(path.read_text(), Loader=UniqueKeys)
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} must be a mapping of keys to values; see config/smoke.yaml.")
    try:
        config = Config.model_validate({"name": path.stem} | content)
        validate(config)
    except ValidationError as error:
        raise InputError(f"{path}: {describe(error, Config)}") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return config


def validate(config: Config) -> None:
    """The checks that look at more than one key, with neither network nor weights."""
    for name, chosen in config.encoders.items():
        models.check_model(chosen.model)
        if not chosen.model.startswith("package:") and not Path(chosen.model).is_dir() and not chosen.revision:
            raise InputError(f"encoders.{name}.revision: the hub model '{chosen.model}' needs a pinned revision.")
    published = published_encoders()
    for name, study in config.studies.items():
        for unknown in set(study.encoders or []) - set(config.encoders):
            hint = nearest(unknown, list(config.encoders))
            raise InputError(f"studies.{name}.encoders: no encoder '{unknown}'; {hint}")
        for unknown in set(study.published or []) - published:
            hint = nearest(unknown, sorted(published))
            raise InputError(f"studies.{name}.published: no published rows for '{unknown}'; {hint}")
        labels: dict[tuple[str, str], str] = {}
        for row in config.rows(name):
            twin = labels.setdefault((row.encoder, row.variant.hash), row.label)
            if twin != row.label:
                raise InputError(f"studies.{name}: '{twin}' and '{row.label}' are the same variant.")


def published_encoders() -> set[str]:
    """The encoders that report/published.csv has rows for."""
    with (files("arccse.report") / "published.csv").open(encoding="utf-8") as lines:
        return {row["encoder"] for row in csv.DictReader(lines)}


def label_of(point: Partial) -> str:
    """'margin=5, temperature=0.1' for a point of a sweep's grid."""
    return ", ".join(
        f"{key}={'/'.join(map(str, value)) if isinstance(value, list) else value}" for key, value in point.items()
    )


class UniqueKeys(yaml.SafeLoader):
    """YAML with two things mended: a key given twice is an error, and 3e-5 is a number (YAML 1.2)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key, (key_node, _) in zip(keys, node.value, strict=True):
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"key '{key}' twice", key_node.start_mark)
        return super().construct_mapping(node, deep)


UniqueKeys.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+"), list("-+0123456789")
)
