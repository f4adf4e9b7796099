"""The pins and the conda twin say the same; no evaluation data are tracked."""

import subprocess
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent


def pins() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project["dependencies"] + project["optional-dependencies"]["dev"]


def test_every_dependency_is_pinned():
    assert [pin for pin in pins() if "==" not in pin] == []


def test_conda_environment_has_the_same_pins():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    from_pip = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert sorted(from_pip) == sorted(pins())


def test_constraints_hold_the_same_versions():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    constraints = {
        line.split("==")[0].lower().replace("_", "-"): line.split("==")[1] for line in lines if "==" in line
    }
    for pin in pins():
        name, version = pin.lower().split("==")
        assert constraints[name.replace("_", "-")] == version, pin


def test_the_project_carries_no_evaluation_data():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not [name for name in tracked.splitlines() if "downstream" in name or "STS.input" in name]
