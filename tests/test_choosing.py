"""The choice among trials: dev scores decide it, nothing else can, and a choice that they don't make is refused."""

import json
import shutil

import made_runs
import pandas as pd
import pytest

from arccse import config as configs
from arccse import paths, results
from arccse.errors import InputError
from arccse.gathering import choose, gather
from arccse.results import Gathered

SPACE = {"learning_rate": {"log": [1e-5, 1e-3]}, "margin": {"linear": [1, 20]}}
STUDY = {
    "title": "Tuned",
    "tuning": {"trials": 3, "seeds": [100, 101], "space": SPACE},
    "variants": {"untrained": {"epochs": 0}, "NT-Xent": {}, "ArcCon": {"objective": "arccon"}},
}


@pytest.fixture
def config(tmp_path, monkeypatch):
    """A config with a tuned study; every trial is done, and the second one of each row has the best dev score."""
    monkeypatch.chdir(tmp_path)
    config = made_runs.made_config(tmp_path, {"tuned": STUDY})
    made_runs.leave_all(config)
    for trials in config.trials("tuned").values():
        for trial, score in zip(trials, (40.0, 60.0, 50.0), strict=True):
            for run in trial.runs:
                set_dev(config, run, score + run.seed - 100)
    return config


def set_dev(config, run, score):
    path = paths.run_folder(config, run.id) / "history.csv"
    history = pd.read_csv(path)
    history["dev_spearman"] = [99.0, score]  # step 0, whose weights are not kept, is none of the choice's
    history.to_csv(path, index=False)


def diverge(config, run):
    record = paths.run_folder(config, run.id) / "run.json"
    said = json.loads(record.read_text()) | {"diverged": {"step": 3, "message": "It diverged."}}
    record.write_text(json.dumps(said | {"weights": None, "selected_step": None}))


def again(config):
    """The config as it is read once something was chosen."""
    return configs.load(paths.results(config).parent.parent / "made.yaml")


def test_final_runs_have_the_values_of_the_best_trial_and_fresh_seeds(config):
    assert [row.label for row in config.rows("tuned")] == ["untrained", "NT-Xent", "ArcCon"]
    choose(config)
    rows = {row.label: row for row in again(config).rows("tuned")}
    assert list(rows) == ["untrained", "NT-Xent", "ArcCon", "NT-Xent, tuned", "ArcCon, tuned"]
    for label in ("NT-Xent", "ArcCon"):
        second = config.trials("tuned")["tiny", label][1]
        assert rows[f"{label}, tuned"].variant == second.runs[0].variant
        assert [run.seed for run in rows[f"{label}, tuned"].runs] == [3, 4]
    chosen = json.loads(paths.chosen(config).read_text())["tuned"]["tiny"]["ArcCon"]
    assert (chosen["trial"], chosen["dev"]) == (2, 60.5)


def test_no_score_but_dev_reaches_the_choice(config):
    choose(config)
    before = paths.chosen(config).read_bytes()
    for place, run in enumerate(config.runs().values()):  # test scores in another order, of trials as well
        folder = paths.run_folder(config, run.id)
        (folder / "sts").mkdir(exist_ok=True)
        made_runs.score(config, run, "sts", 90.0 - 7 * place % 90)
    choose(config)
    assert paths.chosen(config).read_bytes() == before
    assert all(config.suites_of(run.id) == [] for run in config.trial_runs())


def test_a_trial_with_a_run_that_diverged_is_not_chosen(config):
    trials = config.trials("tuned")["tiny", "ArcCon"]
    diverge(config, trials[1].runs[0])
    choose(config)
    assert again(config).choices["tuned"]["tiny"]["ArcCon"].trial == 3
    for trial in trials:
        diverge(config, trial.runs[1])
    choose(config)
    assert again(config).choices["tuned"]["tiny"]["ArcCon"].trial is None
    assert [row.label for row in again(config).rows("tuned")][-1] == "NT-Xent, tuned"


def test_trials_are_kept_before_all_are_done_and_the_choice_is_the_same(config):
    choose(config)
    chosen = paths.chosen(config).read_bytes()
    paths.chosen(config).unlink()
    runs = [run.id for run in config.trial_runs()]
    later = paths.results(config).parent / "later"
    for run in config.runs():
        if run not in runs[:5]:
            shutil.move(paths.run_folder(config, run), later / run)
    gather(config, finished=True)
    assert set(Gathered(config).runs) == {*runs[:5]}
    assert Gathered(config).scores.empty
    for run in runs[:5]:
        shutil.rmtree(paths.run_folder(config, run))
    with pytest.raises(InputError, match=f"trial {runs[5]} has not been trained yet"):
        choose(config)
    for run in runs[5:]:
        shutil.move(later / run, paths.run_folder(config, run))
    choose(config)
    assert paths.chosen(config).read_bytes() == chosen
    gather(config, finished=True)
    assert set(Gathered(config).runs) == {*runs}


def test_a_trial_that_is_not_done_is_named(config):
    run = config.trials("tuned")["tiny", "ArcCon"][0].runs[0]
    (paths.run_folder(config, run.id) / "run.json").unlink()
    with pytest.raises(InputError, match=f"trial {run.id} has not been trained yet"):
        choose(config)
    assert not paths.chosen(config).exists()


def test_results_whose_values_the_trials_do_not_choose_are_refused(config):
    choose(config)
    tuned = again(config)
    for run in tuned.runs().values():
        if run.id not in config.runs():
            made_runs.leave(tuned, run, 7)
    gather(tuned)
    results.load(tuned)
    choices = json.loads(paths.chosen(config).read_text())
    choices["tuned"]["tiny"]["NT-Xent"] |= {"trial": 1, "values": config.trials("tuned")["tiny", "NT-Xent"][0].values}
    paths.chosen(config).write_text(json.dumps(choices))
    other = again(config)
    for run in other.runs().values():
        if not paths.run_folder(other, run.id).exists():
            made_runs.leave(other, run, 7)
    with pytest.raises(InputError, match=r"chosen.json: 'NT-Xent' of study tuned and encoder tiny"):
        gather(other)


def test_values_chosen_among_other_trials_do_not_count(config, tmp_path):
    choose(config)
    more = made_runs.made_config(tmp_path, {"tuned": STUDY | {"tuning": STUDY["tuning"] | {"trials": 4}}})
    assert [row.label for row in more.rows("tuned")] == ["untrained", "NT-Xent", "ArcCon"]
    assert config.runs().keys() < more.runs().keys()


@pytest.mark.parametrize(
    ("tuning", "said"),
    [
        ({"seeds": [3]}, "tuning.seeds: 3 is a seed of the final runs as well"),
        ({"space": {"lerning_rate": {"log": [1, 2]}}}, "did you mean 'learning_rate'"),
        (
            {"space": {"learning_rate": {"linear": [-1, 2]}}},
            "tuning.space.learning_rate: input should be greater than 0",
        ),
        ({"space": {"learning_rate": {"log": [2, 1]}}}, "must rise"),
        ({"trials": 0}, "tuning.trials"),
    ],
)
def test_a_wrong_tuning_is_told_in_one_sentence(tmp_path, tuning, said):
    with pytest.raises(InputError, match=said):
        made_runs.made_config(tmp_path, {"tuned": STUDY | {"tuning": STUDY["tuning"] | tuning}})


def test_a_study_without_training_or_with_the_label_of_a_tuned_row_cannot_be_tuned(tmp_path):
    with pytest.raises(InputError, match="no variant that is trained"):
        made_runs.made_config(tmp_path, {"tuned": STUDY | {"variants": {"untrained": {"epochs": 0}}}})
    twice = {"A": {}, "A, tuned": {"objective": "arccon"}}
    with pytest.raises(InputError, match="'A, tuned' is what 'A' is called as tuned"):
        made_runs.made_config(tmp_path, {"tuned": STUDY | {"variants": twice}})
