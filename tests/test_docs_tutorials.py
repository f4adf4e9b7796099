"""docs/tutorials/objective.md by its own words, in a copy of the checkout; what docs/api.md shows runs."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pages
import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
SERVER = "import command_server, sys; print(command_server.folder(), flush=True); sys.stdin.read()"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what a checkout's reader changes and runs."""
    for name in ("arccse", "config", "profiles", "workflow"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Snakefile", "environment.yml"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def copied(project: Path) -> Iterator[dict[str, str]]:
    """The environment of the copy: its `arccse` is forked from a process that has imported the copy."""
    own = {"PYTHONPATH": f"{project}:{ROOT / 'tests'}"}
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        env=os.environ | own,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with server:
        folder = server.stdout.readline().strip()
        yield own | {"PATH": f"{folder}:{Path(sys.executable).parent}:{os.environ['PATH']}"}
        server.stdin.close()


def put(project: Path, name: str, block: tuple[str, str]) -> None:
    """What the page says to write into a file that it names."""
    assert f"`{name}`" in (ROOT / "docs" / "tutorials" / "objective.md").read_text()
    (project / name).write_text(block[1])


def test_an_objective_is_written_tuned_and_judged(project: Path, request: pytest.FixtureRequest) -> None:
    function, check, config, train, read = pages.blocks(ROOT / "docs" / "tutorials" / "objective.md")
    put(project, "arccse/objectives/smoothed.py", function)
    put(project, "config/mine.yaml", config)
    environment = request.getfixturevalue("copied")  # which imports the package as it is now
    pages.run(check, project, environment)
    assert "6 more, of tuned rows" in pages.run(train, project, environment)
    said = pages.run(read, project, environment)
    claim = pd.read_csv(project / "results" / "mine" / "tables" / "claims.csv").iloc[0]
    assert claim["comparison"] == "Smoothed, tuned − NT-Xent, tuned"
    assert claim["n"] == 3
    assert f"| {claim['verdict']} |" in said or f"**{claim['verdict']}**" in said
    assert said.count("temperature") >= 2  # what was chosen, row by row
    assert (project / "results" / "mine" / "report.html").is_file()


def test_the_public_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ((_, code),) = pages.blocks(ROOT / "docs" / "api.md")
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(code, names)
    assert names["vectors"].shape == (2, 128)
    assert {score.suite for score in names["scores"]} == {"sts"}
    assert (tmp_path / "scored" / "scores.csv").is_file()
