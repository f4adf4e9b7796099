"""Requirements, pins, the conda twin and the changelog say the same; no evaluation data are tracked."""

import importlib.metadata
import re
import subprocess
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from arccse.models import PACKAGED

ROOT = Path(__file__).parent.parent


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def requirements() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"]
    return [
        Requirement(line)
        for line in [
            *PROJECT["dependencies"],
            *extras["workflow"],
            *extras["dev"],
            *extras["cluster"],
            *extras["docs"],
        ]
    ]


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return {canonicalize_name(line.split("==")[0]): line.split("==")[1] for line in lines if "==" in line}


def test_every_requirement_is_a_range_that_holds_the_pinned_version():
    pinned = constraints()
    for requirement in requirements():
        version = pinned[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{requirement} but {version} in constraints.txt"
        operators = {clause.operator for clause in requirement.specifier}
        assert operators & {">=", "=="}, requirement


def test_everything_that_is_installed_with_the_package_is_pinned():
    """What the requirements require in turn, on this machine, has a version in constraints.txt too.

    But for setuptools, which the Makefile brings up to date with pip.
    """
    pinned, waiting, seen = constraints(), requirements(), set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in {*seen, "setuptools"} or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        seen.add(name)
        assert name in pinned, f"{name} is not in constraints.txt"
        for line in importlib.metadata.requires(name) or []:
            waiting.append(Requirement(line))


def test_packaged_encoders_are_required_at_the_version_whose_weights_are_known():
    for name, known in PACKAGED.items():
        assert f"{name}=={known.version}" in map(str, requirements())


def test_the_conda_environment_installs_the_same():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    from_pip = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert from_pip == ["-c constraints.txt", "-e .[workflow,dev,cluster,docs]"]


def test_the_version_is_the_newest_of_the_changelog():
    newest = re.search(r"^## (\d\S*)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == PROJECT["version"]
    assert f"version: {PROJECT['version']}\n" in (ROOT / "CITATION.cff").read_text()


def test_the_project_carries_no_evaluation_data():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not [name for name in tracked.splitlines() if "downstream" in name or "STS.input" in name]
