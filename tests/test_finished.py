"""The part of a campaign that is finished: reported before the rest is there, and looked at once."""

import json

import pytest
from commands import arccse
from families import MINILM
from made_runs import leave, made_config

from arccse import gathering, paths, results
from arccse.config import Config
from arccse.errors import InputError
from arccse.finished import part_of

STUDIES = {
    "main": {"title": "Main", "variants": {"SimCSE": {}, "ArcCSE": {"objective": "arccon"}}},
    "more": {"title": "More", "encoders": ["tiny"], "variants": {"SimCSE": {}, "DCL": {"objective": "dcl"}}},
}
CLAIMS = {
    study: {"claim": "It is better", "source": "x", "study": study, "contrast": {"SimCSE": -1, other: 1}}
    for study, other in (("main", "ArcCSE"), ("more", "DCL"))
}
TWO = {"tiny": {"model": MINILM}, "other": {"model": MINILM, "training": {"dropout": 0.2}}}


@pytest.fixture
def config(tmp_path, monkeypatch) -> Config:
    """Two studies, of which `main` is on two encoders; nothing has run."""
    monkeypatch.chdir(tmp_path)
    return made_config(tmp_path, STUDIES, claims=CLAIMS, encoders=TWO)


def leave_of(config: Config, study: str, encoder: str) -> None:
    for row in config.rows(study):
        for run in row.runs if row.encoder == encoder else ():
            leave(config, run, run.seed)


def test_a_study_is_there_on_the_encoders_on_which_all_of_it_is(config):
    assert part_of(config, []) is None
    leave_of(config, "main", "other")
    gathering.gather(config, finished=True)
    part = part_of(config, results.Gathered(config).runs)
    assert {name: study.encoders for name, study in part.studies.items()} == {"main": ["other"]}
    assert (list(part.encoders), list(part.claims)) == (["other"], ["main"])
    assert part.caveat == "Under way: the 1 finished of 3 studies and encoders are here."
    assert {row.encoder for row in part.rows("main")} == {"other"}
    assert len(results.load(part).runs) == 4
    leave_of(config, "main", "tiny")
    leave_of(config, "more", "tiny")
    gathering.gather(config, finished=True)
    assert part_of(config, results.Gathered(config).runs) is config


def test_only_what_is_finished_is_looked_at(config):
    leave_of(config, "main", "tiny")
    gathering.gather(config, finished=True)
    looks = results.Gathered(config).looks
    assert [(look["seeds"], look["claims"]) for look in looks["main"]] == [([3, 4], [config.claims["main"].digest])]
    assert "more" not in looks
    leave_of(config, "main", "other")
    leave_of(config, "more", "tiny")
    gathering.gather(config)
    looks = results.load(config).looks
    assert [len(looks[study]) for study in ("main", "more")] == [1, 1]


def test_a_tuned_study_is_finished_once_its_tuned_rows_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tuning = {"trials": 2, "seeds": [9], "space": {"learning_rate": {"log": [1e-5, 1e-3]}}}
    studies = {"tuned": STUDIES["main"] | {"tuning": tuning}, "more": STUDIES["more"] | {"tuning": tuning}}
    config = made_config(tmp_path, studies)
    leave_of(config, "tuned", "tiny")
    for trials in config.trials("tuned").values():
        for trial in trials:
            leave(config, trial.runs[0], 0)
    gathering.gather(config, finished=True)
    with pytest.raises(InputError, match=r"trial dcl-\S+ has not been trained yet"):
        gathering.choose(config)
    gathering.choose(config, finished=True)
    rows = {study: set(own["tiny"]) for study, own in json.loads(paths.chosen(config).read_text()).items()}
    assert rows == {"tuned": {"SimCSE", "ArcCSE"}, "more": {"SimCSE"}}  # whose trials the studies share
    chosen = made_config(tmp_path, studies)
    there = results.Gathered(chosen).runs
    assert part_of(chosen, there) is None  # its tuned rows are known now, and not trained
    leave_of(chosen, "tuned", "tiny")
    gathering.gather(chosen, finished=True)
    part = part_of(chosen, results.Gathered(chosen).runs)
    assert [row.label for row in part.rows("tuned")] == ["SimCSE", "ArcCSE", "SimCSE, tuned", "ArcCSE, tuned"]
    assert set(results.load(part).runs) == set(part.runs())


def test_a_study_whose_seeds_may_grow_is_not_finished(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    growing = {"main": STUDIES["main"] | {"seeds": {"from": 3, "to": 6, "stop": "decided"}}}
    config = made_config(tmp_path, growing)
    leave_of(config, "main", "tiny")
    assert part_of(config, config.runs()) is None


def test_report_leaves_out_what_is_not_finished_and_says_so(config, tmp_path):
    command = ["report", "--config", "made.yaml", "--finished"]
    failed = arccse(*command, folder=tmp_path)
    said = "arccse: No study of made.yaml is finished on any of its encoders yet.\n"
    assert (failed.returncode, failed.stderr) == (2, said)
    leave_of(config, "main", "other")
    gathering.gather(config, finished=True)
    assert arccse(*command, folder=tmp_path).returncode == 0
    tables = paths.results(config) / "tables"
    assert "Under way: the 1 finished of 3" in (tables / "main.md").read_text()
    assert {path.stem for path in tables.glob("*.md")} == {"main", "claims"}
