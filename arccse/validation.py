"""How a wrong key or value is told: in one sentence that names the key, the value and what is valid."""

from typing import get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from arccse.errors import nearest


class Strict(BaseModel):
    """Unknown keys are errors, values are frozen, and "1" is not 1."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


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
    """The valid keys of the mapping at a place in `model`; names that the user chose lead into no other mapping."""
    for part in location:
        field = model.model_fields.get(str(part))
        inner = get_args(field.annotation)[-1:] if field else ()
        if inner and isinstance(inner[0], type) and issubclass(inner[0], BaseModel):
            model = inner[0]
    return list(model.model_fields)
