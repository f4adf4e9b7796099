"""A share of config/paper.yaml, rehearsed: fetched from a hub on loopback, then run from the cache alone.

`make rehearsal` rehearses all of it.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hub_server import Hub, serve
from snakemake_runs import ROOT
from stand_ins import MOVED, environment, repositories

from arccse import rehearsal
from arccse.config import UniqueKeys

STUDY = "triplet_dropout"  # of one encoder


def share() -> str:
    """One point of one study of paper.yaml, with all else that concerns it as it is."""
    content = yaml.load((ROOT / "config" / "paper.yaml").read_text(), Loader=UniqueKeys)
    studies = {STUDY: content["studies"][STUDY] | {"sweep": {"triplet_dropout": [False]}}}
    encoders = {name: content["encoders"][name] for name in studies[STUDY]["encoders"]}
    return yaml.safe_dump(content | {"studies": studies, "encoders": encoders, "claims": {}}, sort_keys=False)


def run(folder: Path, environ: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    own = environ | {"PATH": path, "PYTHONPATH": str(ROOT), rehearsal.VARIABLE: "2"}
    return subprocess.run(command, cwd=folder, env=own, capture_output=True, text=True, check=False)


def files_asked_for(hub: Hub) -> list[str]:
    """What was asked of the hub, but for what its library asks about the program that runs it."""
    return [path for path in hub.requests if not path.startswith("/api/agent")]


@pytest.fixture(scope="module")
def hub(senteval: Path) -> Iterator[Hub]:
    with serve(repositories(senteval, below="downstream/"), MOVED) as running:
        yield running


def prepared(folder: Path, hub: Hub) -> dict[str, str]:
    """The environment of a command in a folder that has a share of paper.yaml, and caches that are empty."""
    (folder / "paper.yaml").write_text(share())
    return environment(hub.endpoint, folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, hub: Hub) -> Path:
    """A folder in which all was fetched, and then the workflow ran without a hub."""
    made = tmp_path_factory.mktemp("rehearsal")
    environ = prepared(made, hub)
    fetched = run(made, environ, *FETCH)
    assert fetched.returncode == 0, fetched.stderr
    assert [line.partition(":")[0] for line in fetched.stdout.splitlines()] == WHATS
    asked = files_asked_for(hub)
    assert run(made, environ, *FETCH).stdout == fetched.stdout
    done = run(made, environ | {"HF_HUB_OFFLINE": "1"}, *SNAKEMAKE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert files_asked_for(hub) == asked  # what is there is not even looked up
    return made


FETCH = ("arccse", "fetch", "--config", "paper.yaml")
SNAKEMAKE = ("snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "2", "--configfile", "paper.yaml")
MTEB = ["SICKR", "STS12", "STS13", "STS14", "STS15", "STS16", "STSB"]
WHATS = ["model bert-base-uncased", "corpus", "SentEval's data", *(f"mteb's {name}" for name in MTEB)]


def test_a_hub_that_refuses_stops_the_workflow_before_its_first_job(hub: Hub, tmp_path: Path) -> None:
    environ = prepared(tmp_path, hub)
    hub.fault, hub.faulty = "gated", re.compile("google-bert/.*resolve")
    done = run(tmp_path, environ, *SNAKEMAKE)
    hub.fault = None
    assert done.returncode == 1
    said = r"^arccse: Model 'bert-base-uncased' \(.*86b5.*\) could not be fetched \(401: .*\)\. Ask on its page .*\.$"
    assert re.search(said, done.stderr, re.MULTILINE), done.stderr
    assert "nothing was run" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "results" / "paper-rehearsal" / "runs").exists()


def test_without_a_hub_the_cache_is_enough_for_page_and_tables(folder: Path) -> None:
    results = folder / "results" / "paper-rehearsal"
    scores = (results / "scores.csv").read_text().splitlines()
    assert {line.split(",")[3] for line in scores[1:]} == {"sts", "mteb"}
    assert len({line.split(",")[1] for line in scores[1:]}) == 1
    assert (results / "report.html").is_file()


def test_every_table_figure_and_page_says_that_it_was_a_rehearsal(folder: Path) -> None:
    results = folder / "results" / "paper-rehearsal"
    assert [path.name for path in (folder / "results").iterdir()] == ["paper-rehearsal"]
    assert rehearsal.CAVEAT in (results / "report.html").read_text()
    tables = [path for path in (results / "tables").iterdir() if path.suffix in (".md", ".tex", ".csv")]
    assert len(tables) > 3
    for table in tables:
        nothing_compared = table.name == f"{STUDY}-comparisons.csv"  # a head, and no line
        assert ("Rehearsal" in table.read_text()) != nothing_compared, table.name
