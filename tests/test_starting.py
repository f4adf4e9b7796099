"""`arccse init`: a config to begin with, in a checkout and from a wheel; examples of every command's help."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
import yaml
from snakemake_runs import jobs

from arccse import cli, config, starting
from arccse.errors import InputError
from arccse.report import page

ROOT = Path(__file__).parent.parent
IN_WHEEL = ("arccse", "config", "profiles", "workflow")


# ------------------------------------------------------------------------------------------------- a config, written


def test_the_config_is_the_workflows_own_and_names_its_schema(tmp_path):
    file = tmp_path / "new" / "mine.yaml"
    starting.write_config(file)
    first, *rest = file.read_text(encoding="utf-8").splitlines()
    assert rest == (ROOT / "config" / "config.yaml").read_text(encoding="utf-8").splitlines()[1:]
    assert Path(first.partition("$schema=")[2]) == ROOT / "workflow" / "schemas" / "config.schema.json"
    assert config.load(file).name == "mine"


def test_nothing_is_overwritten(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("mine")
    with pytest.raises(InputError, match=r"mine\.yaml is there already"):
        starting.write_config(file)
    assert file.read_text() == "mine"
    file.unlink()
    file.symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match="is there already"):
        starting.write_config(file)


@pytest.mark.parametrize("name", ["mine", "mine.txt", "my config.yaml", ".yaml", "a" * 65 + ".yaml"])
def test_a_name_that_no_config_can_have_is_refused_before_anything_is_written(tmp_path, name):
    with pytest.raises(InputError, match="names no config"):
        starting.write_config(tmp_path / "folder" / name)
    assert not list(tmp_path.iterdir())


def test_the_next_steps_fit_the_folder_and_what_is_installed(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert starting.next_steps(Path("a b.yaml"))[1] == "snakemake --cores all --configfile 'a b.yaml'"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(starting, "find_spec", lambda _: None)
    plan, install, run = map(shlex.split, starting.next_steps(Path("mine.yaml")))
    assert plan == ["arccse", "plan", "--config", "mine.yaml"]
    assert re.fullmatch(r"snakemake[<>=.,\d]+", install[2])
    assert run[run.index("--snakefile") + 1] == str(ROOT / "Snakefile")


# ------------------------------------------------------------------------------------------------------- from a wheel


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> dict[str, str]:
    """An environment in which Python finds arccse as its wheel installs it, without the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    source, prefix = folder / "source", folder / "prefix"
    for name in IN_WHEEL:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "Snakefile", "environment.yml"):
        shutil.copy(ROOT / name, source / name)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    command += ["--no-warn-script-location", "--ignore-installed", "--prefix", str(prefix), str(source)]
    built = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    shutil.rmtree(source)
    (packages,) = prefix.glob("lib/python*/site-packages")
    path = f"{prefix / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return os.environ | {"PYTHONPATH": str(packages), "PATH": path, "COLUMNS": "200"}


def run(command: str, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        shlex.split(command), cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_an_installed_wheel_has_the_sources_of_pages(installed):
    for path in page.SOURCES.iterdir():
        assert (Path(installed["PYTHONPATH"]) / "arccse" / "report" / "page" / path.name).is_file()


def test_an_installed_wheel_needs_no_checkout(installed, tmp_path):
    done = run("arccse init", tmp_path, installed)
    assert done.returncode == 0, done.stderr
    plan, workflow = [line.strip() for line in done.stdout.splitlines() if line.startswith("  ")]
    assert str(ROOT) not in done.stdout
    planned = run(plan, tmp_path, installed)
    assert planned.returncode == 0, planned.stderr
    assert "SimCSE against ArcCSE" in planned.stdout
    found = jobs(run(f"{workflow} --dry-run", tmp_path, installed))
    assert (found["train"], found["evaluate"], found["report"]) == (7, 7, 1)
    profile = Path(shlex.split(workflow)[4]).parent / "profiles" / "default" / "config.yaml"
    assert yaml.safe_load(profile.read_text())["keep-going"] is True
    # a whole job, which reads more than a dry run
    corpus = run(workflow.replace("--cores", "corpus --cores"), tmp_path, installed)
    assert corpus.returncode == 0, corpus.stderr
    assert len(list(tmp_path.glob("results/config/data/corpus-*.txt"))) == 1
    again = run("arccse init", tmp_path, installed)
    assert (again.returncode, again.stdout) == (2, "")
    assert "is there already" in again.stderr


# ---------------------------------------------------------------------------------------------------------- examples

COMMANDS = typer.main.get_command(cli.app).commands
EXAMPLES = [(name, line) for name, command in COMMANDS.items() for line in command.epilog.split("\n\n")[1:]]


@pytest.mark.parametrize(("name", "line"), EXAMPLES)
def test_the_examples_of_a_commands_help_name_what_there_is(name, line):
    program, own, *arguments = shlex.split(line.partition(" > ")[0])
    assert (program, own) == ("arccse", name)
    COMMANDS[name].make_context(name, arguments)  # raises for an unknown option and for a missing or odd value
