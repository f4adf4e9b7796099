"""The JSON schema of a config, for editors: what `arccse schema` prints and workflow/schemas/ holds."""

from typing import Any

from arccse.config import Config


def config_schema() -> dict[str, Any]:
    """Config's schema with every definition where it is used, since not every editor follows references.

    `name` is not required: a config's file name stands for it.
    """
    schema = Config.model_json_schema()
    schema["required"].remove("name")
    return inlined(schema, schema.pop("$defs"))


def inlined(part: Any, definitions: dict[str, Any]) -> Any:
    """A part of a schema with `$ref`s replaced by what they refer to. Definitions must not contain themselves."""
    if isinstance(part, list):
        return [inlined(item, definitions) for item in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        definition = definitions[part["$ref"].removeprefix("#/$defs/")]
        part = definition | {key: value for key, value in part.items() if key != "$ref"}
    return {key: inlined(value, definitions) for key, value in part.items()}
