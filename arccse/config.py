"""One YAML file under config/ → studies → variants → runs.

A variant's hyperparameters are layered: `training` of the config, of the encoder, of the study, then the
variant's own.
"""

import itertools
import re
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, Discriminator, Field, Tag, ValidationError, field_validator, model_validator
from pydantic.config import JsonDict

from arccse import paths, rehearsal
from arccse.checks import validate
from arccse.claims import Claim
from arccse.data import corpus, sources
from arccse.errors import InputError, first_line, shortened
from arccse.evaluation.suites import SUITES
from arccse.hyperparameters import Finite, Partial, Sweep, layered
from arccse.models import Precision
from arccse.resources import Resources
from arccse.stopping import Growing, Look, Looks, read_looks
from arccse.tuning import Choice, Choices, Tuning, read_choices
from arccse.validation import NAME, Name, Seeds, Strict, SuiteName, Text, describe, distinct
from arccse.variants import Row, Run, Trial, Variant, digest_of, label_of, runs_of, tuned

StudySeeds = Annotated[
    Annotated[Seeds, Tag("[seeds]")] | Annotated[Growing, Tag("[growing]")],
    Discriminator(lambda given: "[growing]" if isinstance(given, dict | Growing) else "[seeds]"),
]
NAMED: JsonDict = {"propertyNames": {"pattern": f"^{NAME.pattern}$"}}
Suites = Annotated[list[SuiteName], Field(min_length=1), AfterValidator(distinct)]


class EncoderConfig(Strict):
    """A pretrained encoder and the hyperparameters that go with it."""

    model: str
    """A folder, package:NAME of an installed package, or a name on the Hugging Face hub."""
    revision: str | None = None
    """The commit of a model on the hub."""
    training: Partial = Field(default={})
    """Over the config's own; a study's and a variant's go over these."""
    seeds: Seeds | None = None
    """Over the config's own; a study's go over these."""
    resources: Resources = Resources()
    """What a job that trains or scores it asks of a cluster."""


class Study(Strict):
    """The variants behind one table or figure: named ones, then the grid of `sweep`."""

    title: Text
    """What readers see."""
    variants: dict[Text, Partial] = Field(default={})
    """Label → the hyperparameters that distinguish the variant; the first trained one is the baseline."""
    sweep: Sweep = Field(default={})
    """Hyperparameter → its values; every combination is a variant."""
    training: Partial = Field(default={})
    """What all variants of the study share."""
    encoders: Annotated[list[str], Field(min_length=1), AfterValidator(distinct)] | None = None
    """Default: all of the config's."""
    suites: Suites | None = None
    """Default: the config's."""
    seeds: StudySeeds | None = None
    """Default: the encoder's. {from: 5, to: 20, stop: decided}: as many as it takes."""
    tuning: Tuning | None = None
    """How each row is tuned; the study then has it both as it stands and as tuned. null: only as it stands."""
    published: Annotated[list[str], AfterValidator(distinct)] | None = None
    """Encoders whose published rows the tables show; null: the study's own."""

    @model_validator(mode="after")
    def has_variants(self) -> "Study":
        if not self.variants and not self.sweep:
            raise ValueError("needs 'variants' or 'sweep'")
        return self

    @cached_property
    def points(self) -> list[Partial]:
        """The grid of `sweep`."""
        grid = itertools.product(*self.sweep.values()) if self.sweep else []
        return [dict(zip(self.sweep, values, strict=True)) for values in grid]

    @model_validator(mode="after")
    def has_distinct_labels(self) -> "Study":
        seen = set(self.variants)
        for label in map(label_of, self.points):
            if label in seen:
                raise ValueError(f"two variants are called '{label}'")
            seen.add(label)
        return self

    def overrides(self) -> dict[str, Partial]:
        """Label → the hyperparameters that distinguish it, named variants first."""
        return self.variants | {label_of(point): point for point in self.points}


class Config(Strict):
    """One file under config/."""

    name: Annotated[Name, Field(json_schema_extra={"pattern": f"^{NAME.pattern}$"})]
    """Of the folder under results/; default: the file's name."""
    caveat: str | None = None
    """What a reader of the tables must know."""
    encoders: Annotated[dict[Name, EncoderConfig], Field(min_length=1, json_schema_extra=NAMED)]
    """Name → pretrained encoder."""
    corpus: str
    """Training sentences, or triplets of a .csv: package:gensim, file:PATH or hub:OWNER/NAME/FILE@REVISION."""
    corpus_size: Annotated[int, Field(ge=1, le=10**12)] | None = None
    """Sentences of a corpus on the hub, for `arccse plan` before the download."""
    data: str
    """Evaluation data: senteval:FOLDER, hub or package:gensim."""
    suites: Suites
    """What every run is scored on."""
    scoring_precision: Precision = "fp32"
    """Of the matrix products of encoders that are scored; bf16 is fp32 on a machine that is not fast at it."""
    save_minutes: Annotated[Finite, Field(ge=0)] = 10.0
    """Between two saves of a training's state, which is four times the size of its weights; 0: after each step."""
    seeds: Seeds
    """A run for each, unless an encoder or a study has its own."""
    training: Partial = Field(default={})
    """Hyperparameters of every run."""
    studies: Annotated[dict[Name, Study], Field(min_length=1, json_schema_extra=NAMED)]
    """Name → study."""
    equivalence: Annotated[Finite, Field(gt=0)] | None = None
    """The largest difference, in points, that does not matter; null: nothing is ever equivalent."""
    claims: Annotated[dict[Name, Claim], Field(json_schema_extra=NAMED)] = Field(default={})
    """Name → what is to be settled, all of it together; every other comparison is exploratory."""

    @field_validator("corpus")
    @classmethod
    def known_corpus(cls, value: str) -> str:
        corpus.check_spec(value)
        return value

    @field_validator("data")
    @classmethod
    def known_data(cls, value: str) -> str:
        if not sources.source_class(value).dev_name:
            raise InputError(f"data source '{value}' has no dev set to train with; {sources.WITH_DEV} have.")
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
        """The rows of a study, an encoder at a time: as the config has them, in its order, then as they are tuned.

        A row is there as tuned once its values have been chosen.
        """
        return self.rows_by_study[study_name]

    @cached_property
    def rows_by_study(self) -> dict[str, list[Row]]:
        found = {}
        for name, rows in self.untuned_by_study.items():
            encoders = self.encoders_of(name)
            both = [*rows, *self.tuned_rows(name)]
            found[name] = sorted(both, key=lambda row: encoders.index(row.encoder))
        return found

    @cached_property
    def untuned_by_study(self) -> dict[str, list[Row]]:
        """The rows of each study as the config has them."""
        return {
            name: [
                self.row(name, encoder, label, override, {})
                for encoder in self.encoders_of(name)
                for label, override in study.overrides().items()
            ]
            for name, study in self.studies.items()
        }

    def tuned_rows(self, study_name: str) -> list[Row]:
        """The rows of a study whose values have been chosen, with these."""
        found = []
        for encoder, label in self.trials(study_name):
            choice = self.choice(study_name, encoder, label)
            if choice and choice.values is not None:
                override = self.studies[study_name].overrides()[label]
                row = self.row(study_name, encoder, label, override, choice.values)
                found.append(replace(row, label=tuned(label), untuned=label))
        return found

    def row(self, study_name: str, encoder_name: str, label: str, override: Partial, values: Partial) -> Row:
        """A row of a study, with values of its tuning over its own."""
        study, chosen = self.studies[study_name], self.encoders[encoder_name]
        layers = {
            "training": self.training,
            f"encoders.{encoder_name}.training": chosen.training,
            f"studies.{study_name}.training": study.training,
            f"studies.{study_name}.{'variants' if label in study.variants else 'sweep'}.{label}": override,
            f"studies.{study_name}.tuning.space": values,
        }
        hyperparameters = layered(layers)
        variant = Variant(chosen.model, chosen.revision, self.corpus, self.dev_name, hyperparameters)
        # Nothing is random about an encoder that is not trained: one run stands for every seed.
        seeds = [0] if variant.untrained else self.seeds_of(study_name, encoder_name)
        return Row(label, encoder_name, variant, runs_of(variant, seeds))

    def choice(self, study_name: str, encoder: str, label: str) -> Choice | None:
        """What the trials of a row came to; None as long as nothing was chosen among those that it has now."""
        found = self.choices.get(study_name, {}).get(encoder, {}).get(label)
        return found if found and found.among == digest_of(self.trials(study_name)[encoder, label]) else None

    @cached_property
    def choices(self) -> Choices:
        """What the trials of each row came to, of those that were ever chosen among."""
        return read_choices(paths.chosen(self))

    def trials(self, study_name: str) -> dict[tuple[str, str], list[Trial]]:
        """(encoder, label) → the trials of each row of a study that is tuned."""
        return self.trials_by_study[study_name]

    @cached_property
    def trials_by_study(self) -> dict[str, dict[tuple[str, str], list[Trial]]]:
        return {
            name: {
                (row.encoder, row.label): self.trials_of(name, study.tuning, row)
                for row in self.untuned_by_study[name]
                if study.tuning and not row.variant.untrained
            }
            for name, study in self.studies.items()
        }

    def trials_of(self, study_name: str, tuning: Tuning, row: Row) -> list[Trial]:
        override = self.studies[study_name].overrides()[row.label]
        found = []
        for values in tuning.values(row.variant.hyperparameters):
            variant = self.row(study_name, row.encoder, row.label, override, values).variant
            found.append(Trial(values, runs_of(variant, tuning.seeds)))
        return found

    def runs(self) -> dict[str, Run]:
        """Every run of every study by its id; a run that studies share is there once, as the first one has it."""
        return {run_id: run for run_id, (run, _) in self.suites_by_run.items()}

    @cached_property
    def suites_by_run(self) -> dict[str, tuple[Run, set[str]]]:
        found: dict[str, tuple[Run, set[str]]] = {}
        for study, rows in self.rows_by_study.items():
            for run in (run for row in rows for run in row.runs):
                found.setdefault(run.id, (run, set()))[1].update(self.study_suites(study))
        for run in self.trial_runs():
            found.setdefault(run.id, (run, set()))
        return found

    def trial_runs(self) -> list[Run]:
        """The runs that tuning chooses among; they are scored on no suite, unless a row has one of them as well."""
        rows = [trials for rows in self.trials_by_study.values() for trials in rows.values()]
        return [run for trials in rows for trial in trials for run in trial.runs]

    def resources_of(self, run_id: str) -> Resources:
        """What a job that trains or scores a run asks for: what its encoder does."""
        return self.encoders[self.encoder_by_run[run_id]].resources

    @cached_property
    def encoder_by_run(self) -> dict[str, str]:
        """The name of each run's encoder; the last one's where encoders of two names share the run."""
        found = [(row.encoder, row.runs) for rows in self.rows_by_study.values() for row in rows]
        for trials_by_row in self.trials_by_study.values():
            found += [(name, trial.runs) for (name, _), trials in trials_by_row.items() for trial in trials]
        return {run.id: name for name, runs in found for run in runs}

    def encoders_of(self, study_name: str) -> list[str]:
        """The encoders of a study: its own, otherwise the config's."""
        return list(self.studies[study_name].encoders or self.encoders)

    def seeds_of(self, study_name: str, encoder_name: str) -> list[int]:
        """The seeds of a study's rows, as far as it is known which: its own, the encoder's, or the config's."""
        own = self.studies[study_name].seeds
        if isinstance(own, Growing):
            return list(range(own.reached(self.looks_at(study_name))))
        return list(own or self.encoders[encoder_name].seeds or self.seeds)

    @cached_property
    def looks(self) -> list[Looks]:
        """The looks at studies whose seeds grow, so far."""
        return read_looks(paths.look(self, number) for number in itertools.count(1))

    def looks_at(self, study_name: str) -> list[Look]:
        """Those at one study."""
        return [looks[study_name] for looks in self.looks if study_name in looks]

    @property
    def to_look_at(self) -> list[str]:
        """The studies of which a look is to say whether their seeds are enough."""
        growing = {name: study.seeds for name, study in self.studies.items() if isinstance(study.seeds, Growing)}
        return [name for name, seeds in growing.items() if seeds.awaits_look(self.looks_at(name))]

    def study_suites(self, study_name: str) -> list[str]:
        """The suites that a study asks for: its own, otherwise the config's."""
        return list(self.studies[study_name].suites or self.suites)

    def all_suites(self) -> list[str]:
        """The suites that any study asks for, in the order of SUITES."""
        asked = {suite for study in self.studies for suite in self.study_suites(study)}
        return [suite for suite in SUITES if suite in asked]

    def suites_of(self, run_id: str) -> list[str]:
        """The suites that the studies of a run ask for, in the order of SUITES."""
        asked = self.suites_by_run[run_id][1]
        return [suite for suite in SUITES if suite in asked]

    @property
    def largest_batch(self) -> int:
        """The most sentences that a training of any study has in a batch; 0 where nothing is trained."""
        trained = (run.variant.hyperparameters for run in self.runs().values() if not run.variant.untrained)
        return max((h.batch_size for h in trained), default=0)


def load(path: Path | str) -> Config:
    """Read and validate a config; cut short where a rehearsal is asked for (rehearsal.py).

    Raises:
        InputError: the file is missing or not YAML, or a key or value is wrong. The message names the key, the
            value and what is valid.
    """
    path = Path(path)
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=UniqueKeys)
    except FileNotFoundError:
        raise InputError(f"No config file '{path}'; `arccse init NAME.yaml` writes one to begin with.") from None
    except OSError as error:
        raise InputError(f"The config file '{shortened(str(path))}' can't be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8: {first_line(error)}") from error
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    except RecursionError:
        raise InputError(f"{path} nests its values too deeply to be a config.") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} must be a mapping of keys to values; see config/smoke.yaml.")
    try:
        config = Config.model_validate({"name": path.stem} | content)
        if variants := rehearsal.asked_for():
            config = rehearsal.cut(config, variants)
        validate(config)
    except ValidationError as error:
        raise InputError(f"{path}: {describe(error, Config)}") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return config


class UniqueKeys(yaml.SafeLoader):
    """YAML with two things mended: a key given twice is an error, and 3e-5 is a number (YAML 1.2).

    A key that `<<` brings in from elsewhere may be given again; its own value counts.
    """

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        keys = [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        seen = set()
        for key in keys:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key '{key.value}' twice", key.start_mark)
            seen.add(key.value)
        return node


UniqueKeys.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+"), list("-+0123456789")
)
