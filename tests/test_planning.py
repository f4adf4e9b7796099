"""`arccse plan`: how much work a config is, and how much of it is done."""

import shutil

import pytest
from families import MINILM
from hypothesis import given
from hypothesis import strategies as st
from made_runs import SENTENCES, leave_all, made_config
from rich.console import Console

from arccse import paths, planning
from arccse.config import Run, Variant
from arccse.errors import InputError
from arccse.gathering import gather
from arccse.hyperparameters import Hyperparameters

STUDIES = {
    "main": {
        "title": "Main",
        "variants": {
            "untrained": {"epochs": 0},
            "SimCSE": {},
            "ArcCSE": {"objective": "arccon", "triplet_weight": 0.1},
        },
    },
    "again": {"title": "Again", "suites": ["sts", "order"], "variants": {"baseline": {}}},
}


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Five runs, of which two are in both studies; the corpus is at hand."""
    monkeypatch.chdir(tmp_path)
    config = made_config(tmp_path, STUDIES)
    paths.corpus(config).parent.mkdir(parents=True)
    paths.corpus(config).write_text("".join(f"sentence number {i}\n" for i in range(SENTENCES)))
    return config


def said(config):
    console = Console(width=200, record=True)
    planning.show(config, console)
    return console.export_text()


def test_what_is_to_be_done_where_nothing_is(config):
    text = said(config)
    assert "7 runs asked for, 5 different ones" in text
    # 10 steps a run, 64 sentences twice or, with the triplet, five times
    assert f"5 of 5 runs are still to train: 40 steps, {2 * 10 * 64 * (2 + 5):,} sentences" in text
    assert "7 of 7 evaluations are still to be made: order 2, sts 5" in text


@pytest.mark.parametrize("left", ["folders and gathered files", "gathered files"])
def test_what_is_done_is_not_to_be_done(config, left):
    leave_all(config)
    gather(config)
    if left == "gathered files":
        shutil.rmtree(paths.results(config) / "runs")
    text = said(config)
    assert "0 of 5 runs are still to train: 0 steps, 0 sentences" in text
    assert "0 of 7 evaluations are still to be made\n" in text


def test_only_what_is_missing_is_to_be_done(config, tmp_path):
    leave_all(config)
    gather(config)
    shutil.rmtree(paths.results(config) / "runs")
    text = said(made_config(tmp_path, STUDIES, seeds=[3, 4, 5]))
    assert "2 of 7 runs are still to train" in text
    assert "3 of 10 evaluations are still to be made: order 1, sts 2" in text


def test_runs_of_other_code_stop_the_plan(config):
    leave_all(config)
    path = paths.run_folder(config, next(run for run in config.runs() if run.startswith("arccon"))) / "run.json"
    path.write_text(path.read_text().replace('"digest": "', '"digest": "0'))
    with pytest.raises(InputError, match=r"1 runs of results/made, arccon10-.* were made by other code"):
        planning.show(config, Console(quiet=True))


@given(steps=st.integers(1, 400), every=st.integers(1, 50), geometry=st.integers(1, 50))
def test_a_training_is_measured_at_its_ends_and_as_often_as_it_says(steps, every, geometry):
    training = {"max_steps": steps, "epochs": 1000, "eval_every": every, "geometry_every": geometry}
    variant = Variant(MINILM, None, "package:gensim", "LEE-dev", Hyperparameters(**training))
    measured = [step for step in range(steps + 1) if step in (0, steps) or step % every == 0 or step % geometry == 0]
    assert planning.measured_steps(Run(variant, 0), SENTENCES) == len(measured)
