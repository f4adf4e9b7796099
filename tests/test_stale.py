"""Runs that other code made: listed, accepted, set aside."""

import json
import shutil

import pytest
from made_runs import leave_all, made_config
from rich.console import Console

from arccse import code, paths, records, results, stale
from arccse.errors import InputError
from arccse.files import sha256
from arccse.gathering import gather
from arccse.standings import standings

STUDIES = {"main": {"title": "Main", "variants": {"SimCSE": {}, "ArcCSE": {"objective": "arccon"}}}}


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Four runs, gathered and in their folders, of which those of ArcCSE were made by another arccon."""
    monkeypatch.chdir(tmp_path)
    config = made_config(tmp_path, STUDIES)
    leave_all(config)
    gather(config)
    for run in others(config):
        path = paths.run_folder(config, run) / "run.json"
        path.write_text(json.dumps(by_other_code(json.loads(path.read_text()))))
    records = results.Gathered(config).runs
    records |= {run: by_other_code(records[run]) for run in others(config)}
    paths.run_records(config).write_text(json.dumps(records))
    return config


def others(config):
    return [run for run in config.runs() if run.startswith("arccon")]


def by_other_code(record):
    parts = record["code"]["parts"] | {"objectives": "0" * 16}
    return record | {"code": {"digest": "0" * 16, "parts": parts}}


def test_they_are_listed_with_what_changed(config):
    console = Console(width=120, record=True, quiet=False)
    stale.show(config, console)
    said = console.export_text()
    assert [run for run in config.runs() if run in said] == others(config)
    assert "objectives" in said
    assert "2 of 4 runs" in said


def test_accepting_them_says_why_in_both_records(config):
    with pytest.raises(InputError, match="say why"):
        stale.accept(config, " ")
    assert stale.accept(config, "only a name changed") == 2
    assert stale.find(config) == []
    gather(config)
    for run in others(config):
        for record in (
            json.loads((paths.run_folder(config, run) / "run.json").read_text()),
            results.load(config).runs[run],
        ):
            assert record["code"]["digest"] == "0" * 16  # what made it stays said
            assert [entry["why"] for entry in record["accepted"]] == ["only a name changed"]


def test_runs_that_are_gathered_alone_are_accepted_too(config):
    shutil.rmtree(paths.results(config) / "runs")
    assert stale.accept(config, "known") == 2
    assert stale.find(config) == []


def test_changed_is_said_against_what_was_accepted_last(config, monkeypatch):
    stale.accept(config, "known")
    of_training = code.of_training

    def edited(variant):
        now = of_training(variant)
        return code.Code("1" * 16, now.parts | {"masking": "1" * 16}) if variant.id.startswith("arccon") else now

    monkeypatch.setattr(code, "of_training", edited)
    assert {one.run.id: one.changed for one in stale.find(config)} == {run: ["masking"] for run in others(config)}
    assert stale.accept(config, "known too") == 2
    records = results.load(config).runs
    assert [entry["why"] for entry in records[others(config)[0]]["accepted"]] == ["known", "known too"]


def test_set_aside_they_are_made_again_and_nothing_is_lost(config):
    weights = {run: sha256(paths.run_folder(config, run) / "history.csv") for run in others(config)}
    before = sha256(paths.scores(config))
    place = stale.set_aside(config)
    found = standings(config)
    assert [run for run, standing in found.items() if standing.to_train] == others(config)
    assert {run: sha256(place / "runs" / run / "history.csv") for run in weights} == weights
    assert sha256(place / "scores.csv") == before
    left = results.Gathered(config)
    assert not [run for run in left.runs if run in others(config)]
    assert {f"{hash8}/seed{seed}" for hash8, seed in left.values} == {*left.draws.columns} - {*records.DRAW}
    assert {*left.kept["sts"].columns[4:]} < {*left.draws.columns}
    assert stale.set_aside(config) is None


def test_all_set_aside_leaves_nothing_gathered(config, tmp_path):
    shutil.rmtree(paths.results(config) / "runs")
    smaller = made_config(tmp_path, {"main": STUDIES["main"] | {"variants": {"ArcCSE": {"objective": "arccon"}}}})
    stale.set_aside(smaller)
    assert len(results.Gathered(config).runs) == 2  # those of SimCSE, which the smaller config does not name


def test_of_a_run_whose_scores_alone_are_stale_the_model_stays(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = made_config(tmp_path, {"main": STUDIES["main"] | {"suites": ["sts", "order"]}})
    leave_all(config)
    run = next(iter(config.runs()))
    path = paths.evaluation(config, run, ["order"]) / "evaluation.json"
    made = json.loads(path.read_text())
    made["suites"]["order"]["code"]["digest"] = "0" * 16
    path.write_text(json.dumps(made))
    place = stale.set_aside(config)
    assert (place / "runs" / run / "scores" / "order" / "scores.csv").is_file()
    standing = standings(config)[run]
    assert not standing.to_train
    assert standing.to_score == ("order",)
