"""What values of a config may be, and how a wrong one is told: naming the key, the value and what is valid."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any, Self, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from arccse.errors import nearest, shortened
from arccse.evaluation.suites import SUITES


class Strict(BaseModel):
    """Unknown keys are errors, values are frozen, and "1" is not 1."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy; what cached properties hold is left behind, since `update` may change it."""
        copied = super().model_copy(update=update, deep=deep)
        for computed in set(vars(copied)) - set(type(self).model_fields):
            del vars(copied)[computed]
        return copied


NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")


def checked_name(name: str) -> str:
    """A validator of what names files and folders."""
    if not NAME.fullmatch(name):
        raise ValueError("must be at most 64 letters, digits, '.', '_' and '-', with neither '.' nor '-' in front")
    return name


def checked_text(text: str) -> str:
    """A validator of what is shown in one line: any text, any script."""
    if not text.strip() or any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in text):
        raise ValueError("must be one line of text, without control characters")
    return text


def distinct(values: list[Any]) -> list[Any]:
    """A validator of lists in which nothing has a meaning twice."""
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"{value!r} is listed twice")
    return values


def known_suite(name: str) -> str:
    """A validator; the error that pydantic then raises has a sentence of its own (`describe`)."""
    if name not in SUITES:
        hint = nearest(name, list(SUITES))
        raise PydanticCustomError("unknown_name", "unknown suite '{name}'; {hint}", {"name": name, "hint": hint})
    return name


Name = Annotated[str, AfterValidator(checked_name)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]  # what a column of 64-bit integers holds
Seeds = Annotated[list[Seed], Field(min_length=1), AfterValidator(distinct)]
Text = Annotated[str, AfterValidator(checked_text), Field(json_schema_extra={"minLength": 1})]
SuiteName = Annotated[str, AfterValidator(known_suite), Field(json_schema_extra={"enum": list(SUITES)})]


NO_PLACE = ("[key]", "[seeds]", "[growing]")  # what pydantic says of where in a type, not in a config, an error is


def describe(error: ValidationError, model: type[BaseModel]) -> str:
    """The first of pydantic's complaints in one sentence: key, value, what is valid."""
    # an unknown key first: what is missing is often what it was meant to be
    first = min(error.errors(), key=lambda complaint: complaint["type"] != "extra_forbidden")
    place = ".".join(shortened(str(part)) for part in first["loc"] if part not in NO_PLACE) or "config"
    if first["type"] == "extra_forbidden":
        fields = fields_at(model, first["loc"][:-1])
        return f"{place}: unknown key; {nearest(str(first['loc'][-1]), fields)}"
    if first["type"] == "missing":
        return f"{place}: this key is required."
    if first["type"] == "unknown_name":
        return f"{place}: {first['msg']}"
    message = first["msg"].removeprefix("Value error, ")
    return f"{place}: {message[0].lower()}{message[1:]}, not {shortened(repr(first['input']))}."


def fields_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The valid keys of the mapping at a place in `model`; names that the user chose lead into no other mapping."""
    for part in location:
        field = model.model_fields.get(str(part))
        model = next(iter(models_in(field.annotation)), model) if field else model
    return [field.alias or name for name, field in model.model_fields.items()]


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models that a type is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in models_in(part)]
