"""The JSON schema of a config: complete, without references, the one that is committed, and true."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from arccse.config import UniqueKeys
from arccse.hyperparameters import Hyperparameters
from arccse.schema import config_schema

ROOT = Path(__file__).parent.parent
FILE = ROOT / "workflow" / "schemas" / "config.schema.json"
CONFIGS = sorted((ROOT / "config").glob("*.yaml"))


def objects(part: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in a JSON document."""
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from objects(inner)
    if isinstance(part, dict):
        yield part


def test_the_command_prints_the_committed_file():
    arccse = Path(sys.executable).parent / "arccse"
    printed = subprocess.run([arccse, "schema"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert printed == FILE.read_text(), "run: arccse schema > workflow/schemas/config.schema.json"


def test_nothing_is_referred_to():
    assert not [part for part in objects(config_schema()) if "$ref" in part or "$defs" in part]


def test_hyperparameters_stand_wherever_they_may_be_given():
    schema = config_schema()["properties"]
    study = schema["studies"]["additionalProperties"]["properties"]
    encoder = schema["encoders"]["additionalProperties"]["properties"]
    for given in (
        schema["training"],
        encoder["training"],
        study["training"],
        study["variants"]["additionalProperties"],
    ):
        assert set(given["properties"]) == set(Hyperparameters.model_fields)
        assert given["additionalProperties"] is False
        assert all("default" in field and field["description"] for field in given["properties"].values())
    for key, values in study["sweep"]["properties"].items():
        assert values["type"] == "array"
        assert values["items"].items() <= study["training"]["properties"][key].items()
    assert set(study["sweep"]["properties"]) == set(Hyperparameters.model_fields)


def test_every_key_is_described_and_has_a_default_or_must_be_given():
    studies = config_schema()["properties"]["studies"]["additionalProperties"]
    swept = studies["properties"]["sweep"]["properties"]  # which has values instead of a default
    described = 0
    for part in objects(config_schema()):
        for key, field in part.get("properties", {}).items():
            described += 1
            assert field["description"].strip(), key
            given = key in part.get("required", []) or key == "name" or part["properties"] == swept
            assert given or "default" in field, key
    assert described > len(swept) * 5


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_configs_name_the_schema_and_follow_it(path):
    first = path.read_text().splitlines()[0]
    assert (path.parent / first.removeprefix("# yaml-language-server: $schema=")).resolve() == FILE
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(yaml.load(path.read_text(), Loader=UniqueKeys), json.loads(FILE.read_text()))


@pytest.mark.parametrize(
    "change",
    [
        {"training": {"margn": 5}},
        {"training": {"temperature": 0}},
        {"studies": {"../x": {"title": "t", "variants": {"a": {}}}}},
        {"studies": {"x": {"title": "t", "variants": {"a": {"objective": "infonce"}}}}},
        {"studies": {"x": {"title": "t", "sweep": {"margin": []}}}},
        {"studies": {"x": {"title": "t", "sweep": {"pooling": ["max"]}}}},
        {"name": "a/b"},
        {"seeds": [-1]},
    ],
    ids=str,
)
def test_what_is_refused_is_refused_by_the_schema(change):
    jsonschema = pytest.importorskip("jsonschema")
    content = yaml.load((ROOT / "config" / "smoke.yaml").read_text(), Loader=UniqueKeys) | change
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, json.loads(FILE.read_text()))
