"""A share of config/paper.yaml, rehearsed: fetched from a hub on loopback, then run from the cache alone.

`make rehearsal` rehearses all of it.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hub_server import Hub, serve
from snakemake_runs import ROOT
from stand_ins import MOVED, environment, repositories

from arccse import rehearsal
from arccse.config import UniqueKeys

STUDY = "triplet_dropout"  # two variants of one encoder


def share() -> str:
    """One study of paper.yaml, with all else that concerns it as it is."""
    content = yaml.load((ROOT / "config" / "paper.yaml").read_text(), Loader=UniqueKeys)
    studies = {STUDY: content["studies"][STUDY]}
    encoders = {name: content["encoders"][name] for name in studies[STUDY]["encoders"]}
    return yaml.safe_dump(content | {"studies": studies, "encoders": encoders, "claims": {}}, sort_keys=False)


def run(folder: Path, environ: dict[str, str], *command: str) -> str:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    own = environ | {"PATH": path, "PYTHONPATH": str(ROOT), rehearsal.VARIABLE: "1"}
    done = subprocess.run(command, cwd=folder, env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files_asked_for(hub: Hub) -> list[str]:
    """What was asked of the hub, but for what its library asks about the program that runs it."""
    return [path for path in hub.requests if not path.startswith("/api/agent")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, senteval: Path) -> Path:
    """A folder in which a share of paper.yaml was fetched, then run without a hub."""
    made = tmp_path_factory.mktemp("rehearsal")
    (made / "paper.yaml").write_text(share())
    with serve(repositories(senteval, below="downstream/"), MOVED) as hub:
        environ = environment(hub.endpoint, made)
        said = run(made, environ, "arccse", "fetch", "--config", "paper.yaml")
        asked = files_asked_for(hub)
        assert said == run(made, environ, "arccse", "fetch", "--config", "paper.yaml")
        assert files_asked_for(hub) == asked  # what is there is not even looked up
    whats = ["model bert-base-uncased", "corpus", "SentEval's data", *(f"mteb's {name}" for name in MTEB)]
    assert [line.partition(":")[0] for line in said.splitlines()] == whats
    snakefile = ("--snakefile", str(ROOT / "Snakefile"))
    offline = environ | {"HF_HUB_OFFLINE": "1"}
    run(made, offline, "snakemake", *snakefile, "--cores", "2", "--configfile", "paper.yaml")
    return made


MTEB = ["SICKR", "STS12", "STS13", "STS14", "STS15", "STS16", "STSB"]


def test_without_a_hub_the_cache_is_enough_for_page_and_tables(folder: Path) -> None:
    results = folder / "results" / "paper-rehearsal"
    scores = (results / "scores.csv").read_text().splitlines()
    assert {line.split(",")[3] for line in scores[1:]} == {"sts", "mteb"}
    assert len({line.split(",")[1] for line in scores[1:]}) == 2
    assert (results / "report.html").is_file()


def test_every_table_figure_and_page_says_that_it_was_a_rehearsal(folder: Path) -> None:
    results = folder / "results" / "paper-rehearsal"
    assert [path.name for path in (folder / "results").iterdir()] == ["paper-rehearsal"]
    assert rehearsal.CAVEAT in (results / "report.html").read_text()
    tables = [path for path in (results / "tables").iterdir() if path.suffix in (".md", ".tex", ".csv")]
    assert len(tables) > 3
    for table in tables:
        assert "Rehearsal" in table.read_text(), table.name
