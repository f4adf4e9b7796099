"""Every hyperparameter of a training with its default, origin and validation.

An objective's own stand with the objective; all others stand here, and nowhere else.
"""

import json
import re
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import Field, ValidationError, WithJsonSchema, create_model, field_validator
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from arccse import models
from arccse.declared import Declared, pair_objectives
from arccse.errors import InputError, nearest
from arccse.setting import Setting
from arccse.validation import Strict, describe

Finite = Annotated[float, Field(allow_inf_nan=False)]

OBJECTIVES = pair_objectives()
PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")  # module.Class
NAMES: JsonDict = {"anyOf": [{"enum": list(OBJECTIVES)}, {"pattern": f"^{PATH.pattern}$"}]}

# The objectives that take rows below the positives for further negatives, such as the hard ones of triplets.
WITH_HARD_NEGATIVES = ("nt_xent", "arccon")

Stream = Literal["head", "order", "masks", "dropout", "noise", "negatives"]
STREAMS: tuple[Stream, ...] = get_args(Stream)


class Common(Strict):
    """What decides a training beside its encoder, corpus and seed, whatever its objective.

    The defaults are the published settings for BERT-base: SimCSE's from its script run_unsup_example.sh and
    paper (EMNLP 2021, section 5 and appendix A); ArcCSE's where known (ACL 2022), otherwise "assumed".
    """

    objective: Annotated[str, Field(json_schema_extra=NAMES)] = "nt_xent"
    """The loss of a pair: a function of arccse/objectives/, or a loss of another package by its import path."""
    arguments: dict[str, Any] = Field(default={})
    """For a loss of another package alone: what it is made with beside the model."""
    # Below 1e-4 float32, whose cosines near 1 are 6e-8 apart, leaves a loss of whole steps, and soon infinities.
    temperature: Annotated[Finite, Field(ge=1e-4)] = 0.05
    """Divides the cosines. SimCSE; three re-implementations of ArcCSE agree."""
    triplet_weight: Annotated[Finite, Field(ge=0)] = 0.0
    """λ; 0 is no triplet objective, 0.1 for ArcCSE assumed."""
    triplet_margin: Annotated[Finite, Field(ge=0, le=2)] = 0.0
    """In units of cosine; assumed."""
    triplet_dropout: bool = False
    """Whether the triplet branch encodes with dropout; assumed."""
    mask_ratios: tuple[float, float] = (0.2, 0.4)
    """Shares of a sentence that are masked, [near, far]; the authors' article."""
    mask_shape: Literal["span", "scattered"] = "span"
    """One span of tokens; the article. Scattered tokens are an ablation."""
    mask_nested: bool = True
    """Whether the far mask holds the near one; the article. False is an ablation."""
    pooling: models.Pooling = "cls"
    """From tokens to a sentence. SimCSE: [CLS]; ArcCSE assumed."""
    head: Literal["mlp", "kept", "none"] = "mlp"
    """Dense layer and tanh: mlp in training only (SimCSE, unsupervised), kept in the encoder too (supervised)."""
    dropout: Annotated[Finite, Field(ge=0, lt=1)] = 0.1
    """Probability in hidden states and attention; SimCSE table 3."""
    batch_size: Annotated[int, Field(ge=2, le=2**16)] = 64
    """Sentences a step; SimCSE, ArcCSE assumed."""
    learning_rate: Annotated[Finite, Field(gt=0)] = 3e-5
    """AdamW's, from which it falls to 0; SimCSE, ArcCSE assumed."""
    weight_decay: Annotated[Finite, Field(ge=0)] = 0.0
    """AdamW's; transformers' Trainer, which SimCSE uses as it is."""
    warmup_ratio: Annotated[Finite, Field(ge=0, lt=1)] = 0.0
    """Share of the steps in which the learning rate rises; the Trainer."""
    max_grad_norm: Annotated[Finite, Field(gt=0)] = 1.0
    """Gradients of a greater norm are scaled down to it; the Trainer."""
    epochs: Annotated[int, Field(ge=0, le=1000)] = 1
    """Passes over the corpus; SimCSE. 0 is the untrained encoder."""
    max_steps: Annotated[int, Field(ge=1, le=10**9)] | None = None
    """Ends a training early; null: whole epochs."""
    max_length: Annotated[int, Field(ge=4, le=2**16)] = 32
    """Word pieces of a sentence in training, special tokens included; SimCSE."""
    eval_every: Annotated[int, Field(ge=1, le=10**9)] = 125
    """Steps from one dev score to the next; SimCSE's script (its paper says 250)."""
    geometry_every: Annotated[int, Field(ge=1, le=10**9)] = 10
    """Steps from one alignment and uniformity to the next; SimCSE's issue tracker on its figure 3."""
    precision: models.Precision = "fp32"
    """Of matrix products, in training and for the dev scores; assumed."""
    noise: Annotated[Finite, Field(ge=0, le=1)] = 0.0
    """Share of positives that are another sentence."""
    streams: tuple[Stream, ...] = STREAMS
    """The streams of random numbers that follow from a run's seed; the others are the same in every run."""
    chunk_size: Annotated[int, Field(ge=1, le=2**16)] | None = None
    """Rows encoded at once, to save memory; null: the batch."""
    whitening: bool = False
    """Whether embeddings are whitened in the end, by those of the corpus; Su et al., 2021."""

    @field_validator("objective")
    @classmethod
    def known_objective(cls, value: str) -> str:
        if value not in OBJECTIVES and not PATH.fullmatch(value):
            hint = nearest(value, list(OBJECTIVES))
            raise PydanticCustomError(
                "unknown_name", "unknown objective '{name}'; {hint}", {"name": value, "hint": hint}
            )
        return value

    @field_validator("arguments")
    @classmethod
    def written_as_json(cls, value: dict[str, Any]) -> dict[str, Any]:
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            raise ValueError(
                "must be names with text, finite numbers, true, false, null, lists or mappings"
            ) from None
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

    @field_validator("streams", mode="before")
    @classmethod
    def known_streams(cls, value: Any) -> Any:
        if not isinstance(value, list | tuple) or not value or any(one not in STREAMS for one in value):
            raise ValueError(f"must be a list of some of {', '.join(STREAMS)}")
        return tuple(stream for stream in STREAMS if stream in value)

    @property
    def drawn_streams(self) -> tuple[Stream, ...]:
        """The streams that a training draws from."""
        drawn = {"order"} | ({"head"} if self.head != "none" else set()) | ({"dropout"} if self.dropout else set())
        drawn |= ({"masks"} if self.triplet_weight else set()) | ({"noise"} if self.noise else set())
        drawn |= {"negatives"} if "generator" in OBJECTIVES[self.objective].parameters else set()
        return tuple(stream for stream in STREAMS if stream in drawn)

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

    def suspects(self) -> str:
        """The settings that can make a training diverge, and the published ones where they are others."""
        names = {"objective", "learning_rate", "temperature", "triplet_weight", "weight_decay", "max_grad_norm"}
        names |= {"batch_size", "precision", *OBJECTIVES[self.objective].settings}
        values = {name: value for name, value in self.canonical().items() if name in names and value}
        published = {name: type(self).model_fields[name].default for name in values}
        return ", ".join(
            f"{name} {value}" + (f" (published: {published[name]})" if value != published[name] else "")
            for name, value in values.items()
        )

    def canonical(self) -> dict[str, Any]:
        """The hyperparameters that have an effect, in the one form that a run's identity is computed from.

        ArcCon at 0° is NT-Xent; what an objective does not take does nothing, nor do the triplet objective's settings
        without it; without training only pooling and whitening are left.
        """
        if self.epochs == 0:
            return {"epochs": 0, "pooling": self.pooling} | ({"whitening": True} if self.whitening else {})
        values = self.model_dump(mode="json")
        if self.objective == "arccon" and values["margin"] == 0:
            values["objective"] = "nt_xent"
        taken = OBJECTIVES[values["objective"]].parameters
        for key in {"temperature", "arguments", *SETTINGS} - set(taken):
            del values[key]
        if values["objective"] == "nt_xent":
            values["margin"] = 0.0  # as in its runs of before other objectives than ArcCon
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
        values["streams"] = [stream for stream in self.drawn_streams if stream in self.streams]
        if values["streams"] == list(self.drawn_streams):
            del values["streams"]
        if (self.chunk_size or self.batch_size) >= self.batch_size:
            del values["chunk_size"]
        if not self.whitening:
            del values["whitening"]
        return values


def own_settings(objective: str) -> dict[str, Setting]:
    """The hyperparameters that a pair objective declares itself, by name."""
    return {name: declared.setting for name, declared in OBJECTIVES[objective].settings.items()}


def field_of(name: str, declared: Declared) -> tuple[type, FieldInfo]:
    """The field of a hyperparameter that objectives declare.

    Raises:
        TypeError: all trainings have one of that name.
    """
    users = [objective for objective, its in OBJECTIVES.items() if name in its.settings]
    if name in Common.model_fields:
        raise TypeError(f"{users[0]}: '{name}' is a hyperparameter of all trainings; give its own another name.")
    setting = declared.setting
    field: Any = Field(
        setting.default,
        description=f"For {' and '.join(users)} alone, see there; {setting.origin}.",
        ge=setting.ge,
        gt=setting.gt,
        le=setting.le,
        lt=setting.lt,
        allow_inf_nan=False if declared.type is float else None,
    )
    return declared.type, field


SETTINGS = {name: declared for objective in OBJECTIVES.values() for name, declared in objective.settings.items()}
for objective, its in OBJECTIVES.items():
    for parameter in set(its.parameters) - {"generator", *SETTINGS, *Common.model_fields}:
        raise TypeError(
            f"{objective}: its '{parameter}' is no hyperparameter; declare it as Annotated[…, Setting(…)]."
        )

if TYPE_CHECKING:  # mypy takes no class that is made as the program runs
    Hyperparameters = Common
else:
    Hyperparameters = create_model(
        "Hyperparameters",
        __base__=Common,
        __doc__="All that decides a training, but for its encoder, corpus and seed.",
        **{name: field_of(name, declared) for name, declared in SETTINGS.items()},
    )


def partial_schema() -> dict[str, Any]:
    """The JSON schema of a mapping of some hyperparameters."""
    return Hyperparameters.model_json_schema() | {"title": "Hyperparameters"}


def sweep_schema() -> dict[str, Any]:
    """The JSON schema of a mapping of some hyperparameters to the values that each is to take."""
    lists = {
        key: {
            "description": field["description"],
            "type": "array",
            "minItems": 1,
            "items": {k: v for k, v in field.items() if k not in ("default", "description")},
        }
        for key, field in Hyperparameters.model_json_schema()["properties"].items()
    }
    return {"type": "object", "properties": lists, "additionalProperties": False}


# What the config holds of them: checked where layers are merged, so that an error can name the layer.
Partial = Annotated[dict[str, Any], WithJsonSchema(partial_schema())]
Sweep = Annotated[dict[str, Annotated[list[Any], Field(min_length=1)]], WithJsonSchema(sweep_schema())]


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
