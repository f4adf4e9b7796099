"""`arccse plan`: how much work a config is, and how much of it is done."""

import json
import shutil

import numpy as np
import pytest
import torch
from families import MINILM
from hypothesis import given
from hypothesis import strategies as st
from made_runs import SENTENCES, leave_all, made_config, record_of
from rich.console import Console

from arccse import costs, locks, paths, planning
from arccse.errors import InputError
from arccse.gathering import gather
from arccse.hyperparameters import Hyperparameters
from arccse.standings import standings
from arccse.variants import Run, Variant

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


def test_a_plan_says_that_bfloat16_is_slow_on_this_machine(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    for precision, warned in (("fp32", False), ("bf16", True)):
        locks.say_once.cache_clear()
        said(made_config(tmp_path, STUDIES, training={"precision": precision}))
        assert ("has no fast bfloat16" in capsys.readouterr().err) == warned


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
    assert costs.measured_steps(Run(variant, 0), SENTENCES) == len(measured)


# ----------------------------------------------------------------------------------------------------- hours and disk


def rated(config, **changes):
    """Rates for the config's one encoder: a second a sentence in training, 10 a dev score, 2 a sentence encoded."""
    return {"tiny": costs.Rates(training=1.0, dev=10.0, encoding=2.0, origin="a test")._replace(**changes)}


def test_the_cost_is_what_is_left_to_do_and_shared_runs_count_once(config):
    spent = costs.estimate(config, standings(config), rated(config), SENTENCES)
    # untrained once, then two seeds of ten steps of 64 pairs and of 64 fivefold views; three measurements each
    steps = 2 * 10 * 64 * (2 + 5)
    assert spent["main"].training == pytest.approx(steps + 5 * costs.STARTUP)
    assert spent["main"].dev == 10 * (1 + 4 * 2)
    encoded = costs.sentences_of(config.data, ("sts",))
    with_order = costs.sentences_of(config.data, ("order", "sts"))
    scoring = 3 * 2 * encoded + 2 * 2 * with_order + 5 * costs.STARTUP
    assert spent["main"].scoring == pytest.approx(scoring)
    assert spent["again"] == costs.Cost(0, 0, 0, 0)
    assert spent["main"].disk == pytest.approx(5 * 91e6, rel=0.05)  # MiniLM's 90.9 MB of weights, and its tokenizer
    leave_all(config)
    assert costs.estimate(config, standings(config), rated(config), SENTENCES)["main"] == costs.Cost(0, 0, 0, 0)


def test_tuned_rows_cost_their_trials_and_the_runs_that_are_still_to_be_chosen(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tuning = {"trials": 3, "seeds": [100], "space": {"learning_rate": {"log": [1e-5, 1e-3]}}}
    config = made_config(tmp_path, {"tuned": {"title": "Tuned", "variants": {"A": {}}, "tuning": tuning}})
    spent = costs.estimate(config, standings(config), rated(config), SENTENCES)["tuned"]
    assert spent.training == pytest.approx((2 + 3 + 2) * (10 * 64 * 2 + costs.STARTUP))
    encoded = costs.sentences_of(config.data, ("sts",))
    assert spent.scoring == pytest.approx((2 + 2) * (2 * encoded + costs.STARTUP))  # trials are not scored
    assert "2 more, of tuned rows, are known once their trials are done" in said(config)


def test_rates_are_the_medians_of_what_the_records_say(config):
    dev = len(config.source.dev().sentences)
    runs = [run for run in config.runs().values() if not run.variant.untrained]
    records = {
        run.id: record_of(run) | {"seconds": {"training": 64.0 * (place + 1), "dev": 4.0}, "threads": 2}
        for place, run in enumerate(runs)
    }
    rates = costs.recorded(config, records)["tiny"]
    seconds = [2 * 64 * (place + 1) / (10 * costs.sentences_a_step(run)) for place, run in enumerate(runs)]
    assert rates.training == pytest.approx(float(np.median(seconds)))
    assert rates.dev == pytest.approx(2 * 4 / 2)  # threads × seconds over the scores at step 0 and at the end
    assert rates.encoding == pytest.approx(rates.dev / dev)
    assert rates.origin == "4 runs on made up"
    assert costs.recorded(config, {}) == {}


def test_hours_are_told_where_the_speed_is_known(config):
    assert "no run of tiny is timed; --measure times some steps" in said(config)
    leave_all(config)
    run = next(run for run in config.runs().values() if not run.variant.untrained)
    path = paths.run_folder(config, run.id) / "run.json"
    record = json.loads(path.read_text()) | {"seconds": {"training": 128.0, "dev": 4.0, "total": 140.0}}
    path.write_text(json.dumps(record))
    text = said(config)
    assert "10 sentences/s in training" in text
    assert "1 runs on made up" in text
