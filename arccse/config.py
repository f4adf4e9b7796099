"""One YAML file under config/ → studies → variants → runs, and what a run is called.

Every hyperparameter is defined, given its default and validated in `Hyperparameters`, and nowhere else. A
variant's hyperparameters are layered: `training` of the config, of the encoder, of the study, then the variant's own.
"""

import ast
import csv
import hashlib
import itertools
import json
import math
import re
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from arccse import corpus, models
from arccse.errors import InputError, nearest
from arccse.evaluation import sources
from arccse.evaluation.suites import SUITES


def pair_objectives() -> dict[str, tuple[str, ...]]:
    """The pair objectives, functions f(z, z_pos, …) of objectives.py: name → the hyperparameters they take.

    Read from the source, since importing it takes torch's seconds.
    """
    module = ast.parse((files("arccse") / "objectives.py").read_text(encoding="utf-8"))
    parameters = {f.name: [a.arg for a in f.args.args] for f in module.body if isinstance(f, ast.FunctionDef)}
    return {name: tuple(taken[2:]) for name, taken in parameters.items() if taken[:2] == ["z", "z_pos"]}


OBJECTIVES = pair_objectives()


class Strict(BaseModel):
    """Unknown keys are errors, values are frozen, and "1" is not 1."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Hyperparameters(Strict):
    """All that decides a training, but for its encoder, corpus and seed.

    The defaults are the published settings for BERT-base: SimCSE's from its script run_unsup_example.sh and
    paper (EMNLP 2021, section 5 and appendix A); ArcCSE's where known (ACL 2022), otherwise "assumed".
    """

    objective: str = "nt_xent"  # a function of objectives.py
    temperature: Annotated[float, Field(gt=0)] = 0.05  # SimCSE; three re-implementations of ArcCSE agree
    margin: Annotated[float, Field(ge=0, lt=180)] = 10.0  # degrees, not for nt_xent; the three agree
    triplet_weight: Annotated[float, Field(ge=0)] = 0.0  # λ; 0 is no triplet objective, 0.1 for ArcCSE assumed
    triplet_margin: Annotated[float, Field(ge=0, le=2)] = 0.0  # in units of cosine; assumed
    triplet_dropout: bool = False  # whether the triplet branch encodes with dropout; assumed
    mask_ratios: tuple[float, float] = (0.2, 0.4)  # near, far; the authors' article
    mask_shape: Literal["span", "scattered"] = "span"  # the article; scattered is an ablation
    mask_nested: bool = True  # the far mask holds the near one; the article; false is an ablation
    pooling: models.Pooling = "cls"  # SimCSE: [CLS]; ArcCSE assumed
    head: Literal["mlp", "none"] = "mlp"  # dense and tanh, in training only; SimCSE, unsupervised
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1  # SimCSE table 3
    batch_size: Annotated[int, Field(ge=2)] = 64  # SimCSE; ArcCSE assumed
    learning_rate: Annotated[float, Field(gt=0)] = 3e-5  # SimCSE; ArcCSE assumed
    weight_decay: Annotated[float, Field(ge=0)] = 0.0  # transformers' Trainer, which SimCSE uses as it is
    warmup_ratio: Annotated[float, Field(ge=0, lt=1)] = 0.0  # the same
    max_grad_norm: Annotated[float, Field(gt=0)] = 1.0  # the same
    epochs: Annotated[int, Field(ge=0)] = 1  # SimCSE; 0 is the untrained encoder
    max_steps: Annotated[int, Field(ge=1)] | None = None  # ends a training early; null: whole epochs
    max_length: Annotated[int, Field(ge=4)] = 32  # word pieces in training, special tokens included; SimCSE
    eval_every: Annotated[int, Field(ge=1)] = 125  # steps; SimCSE's script (its paper says 250)
    geometry_every: Annotated[int, Field(ge=1)] = 10  # steps; SimCSE's issue tracker on its figure 3
    precision: Literal["fp32", "bf16"] = "fp32"  # assumed
    noise: Annotated[float, Field(ge=0, le=1)] = 0.0  # share of positives that are another sentence
    chunk_size: Annotated[int, Field(ge=1)] | None = None  # rows encoded at once, to save memory; null: the batch

    @field_validator("objective")
    @classmethod
    def known_objective(cls, value: str) -> str:
        if value not in OBJECTIVES:
            raise ValueError(f"must be {' or '.join(map(repr, OBJECTIVES))}, the functions of arccse/objectives.py")
        return value

    @field_validator("mask_ratios", mode="before")
    @classmethod
    def near_before_far(cls, value: Any) -> Any:
        if not (
            isinstance(value, list | tuple)
            and len(value) == 2
            and all(isinstance(r, int | float) for r in value)
            and 0 < value[0] < value[1] < 1
        ):
            raise ValueError("must be [near, far] with 0 < near < far < 1")
        return (float(value[0]), float(value[1]))

    @property
    def margin_radians(self) -> float:
        return math.radians(self.margin)

    def steps(self, corpus_size: int) -> int:
        """Training steps on a corpus of so many sentences. A smaller last batch is left out: it would have fewer
        negatives.

        Raises:
            InputError: the corpus has fewer sentences than a batch.
        """
        if self.epochs == 0:
            return 0
        if corpus_size < self.batch_size:
            raise InputError(f"The corpus has {corpus_size} sentences, fewer than batch_size = {self.batch_size}.")
        steps = self.epochs * (corpus_size // self.batch_size)
        return min(steps, self.max_steps or steps)

    def canonical(self) -> dict[str, Any]:
        """The hyperparameters that have an effect, in the one form that a run's identity is computed from.

        ArcCon at 0° is NT-Xent; a margin does nothing for an objective that takes none, nor do the triplet
        objective's settings without it; without training only the pooling is left.
        """
        if self.epochs == 0:
            return {"epochs": 0, "pooling": self.pooling}
        values = self.model_dump(mode="json")
        if self.objective == "arccon" and self.margin == 0:
            values["objective"] = "nt_xent"
        if "margin" not in OBJECTIVES[values["objective"]]:
            values["margin"] = 0.0
        if self.triplet_weight == 0:
            for key in ("triplet_margin", "triplet_dropout", "mask_ratios"):
                del values[key]
        # Left out where they have no effect, so that the runs of before these keys keep their identity.
        if self.triplet_weight == 0 or self.mask_shape == "span":
            del values["mask_shape"]
        if self.triplet_weight == 0 or self.mask_nested:
            del values["mask_nested"]
        if self.noise == 0:
            del values["noise"]
        if (self.chunk_size or self.batch_size) >= self.batch_size:
            del values["chunk_size"]
        return values


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


Partial = dict[str, Any]


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
    training: Partial = {}


class Study(Strict):
    """The variants behind one table or figure: named ones, then the grid of `sweep`."""

    title: str
    variants: dict[str, Partial] = {}
    sweep: dict[str, Annotated[list[Any], Field(min_length=1)]] = {}
    training: Partial = {}
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
    training: Partial = {}
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


def layered(layers: dict[str, Partial]) -> Hyperparameters:
    """Hyperparameters from mappings, later ones over earlier ones; an error names the mapping it stands in."""
    origin: dict[str, str] = {}
    merged: Partial = {}
    for place, values in layers.items():
        for key, value in values.items():
            if key not in Hyperparameters.model_fields:
                hint = nearest(key, list(Hyperparameters.model_fields))
                raise InputError(f"{place}.{key}: unknown key; {hint}")
            origin[key], merged[key] = place, value
    try:
        return Hyperparameters(**merged)
    except ValidationError as error:
        key = str(error.errors()[0]["loc"][0])
        raise InputError(f"{origin[key]}.{describe(error, Hyperparameters)}") from error


def describe(error: ValidationError, model: type[BaseModel]) -> str:
    """The first of pydantic's complaints in one sentence: key, value, what is valid."""
    # an unknown key first: what is missing is often what it was meant to be
    first = min(error.errors(), key=lambda complaint: complaint["type"] != "extra_forbidden")
    place = ".".join(str(part) for part in first["loc"]) or "config"
    if first["type"] == "extra_forbidden":
        fields = fields_at(model, first["loc"][:-1])
        return f"{place}: unknown key; {nearest(str(first['loc'][-1]), fields)}"
    if first["type"] == "missing":
        return f"{place}: this key is required."
    if first["type"] == "unknown_name":
        return f"{place}: {first['msg']}"
    message = first["msg"].removeprefix("Value error, ")
    return f"{place}: {message[0].lower()}{message[1:]}, not {first['input']!r}."


def fields_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The valid keys of the mapping at a place of the config."""
    inner: dict[str, type[BaseModel]] = {"encoders": EncoderConfig, "studies": Study}
    return list((inner[str(location[0])] if location else model).model_fields)


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
