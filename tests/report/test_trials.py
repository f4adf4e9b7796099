"""The table of all trials: every trial with its values, its dev scores, where it diverged, and which was chosen."""

import numpy as np
import pandas as pd
import pytest
from made_tuned import made_tuned

from arccse import choosing
from arccse.report import trials


def test_every_trial_has_its_values_and_scores_and_the_best_is_the_chosen(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config, results = made_tuned(tmp_path)
    found = trials.of_study(config, "tuned", results)
    assert list(found) == [*trials.KNOWN, "learning_rate", "margin", "dev_seed100", "dev_seed101"]
    assert [*zip(found["row"], found["trial"], strict=True)] == [
        (label, number) for label in ("NT-Xent", "ArcCon") for number in range(1, 5)
    ]
    for label, own in found.groupby("row"):
        tried = config.trials("tuned")["tiny", label]
        assert own["learning_rate"].tolist() == [trial.values["learning_rate"] for trial in tried]
        assert own["margin"].isna().all() == (label == "NT-Xent")
        assert own["chosen"].tolist() == (own["dev"] == own["dev"].max()).tolist()
        choice = config.choices["tuned"]["tiny"][label]
        assert own.loc[own["chosen"], "dev"].item() == pytest.approx(choice.dev)
        assert own["dev"].to_numpy() == pytest.approx(own[["dev_seed100", "dev_seed101"]].mean(axis=1).to_numpy())
    assert (found["diverged"] == "").all()


def test_a_trial_that_diverged_has_no_score_and_says_where(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config, _ = made_tuned(tmp_path)
    gone = config.trials("tuned")["tiny", "ArcCon"][2].runs[1]
    config, results = made_tuned(tmp_path, diverged={gone.id: 7})
    found = trials.of_study(config, "tuned", results)
    line = found[(found["row"] == "ArcCon") & (found["trial"] == 3)].iloc[0]
    assert (line["diverged"], line["chosen"]) == ("seed 101 at step 7", False)
    assert np.isnan([line["dev"], line["dev_seed101"]]).all()
    assert np.isfinite(line["dev_seed100"])


def test_the_mean_dev_of_a_row_is_that_of_the_kept_steps(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config, results = made_tuned(tmp_path)
    row = config.rows("tuned")[1]
    kept = results.histories[(results.histories["hash"] == row.variant.hash) & (results.histories["step"] == 10)]
    assert trials.mean_dev(row, results) == pytest.approx(kept["dev_spearman"].mean())
    assert len(kept) == len(row.runs) == 3
    results.runs[row.runs[0].id]["diverged"] = {"step": 1, "message": ""}
    assert np.isnan(trials.mean_dev(row, results))


def test_values_that_are_no_numbers_stand_as_a_config_has_them():
    assert [trials.plain(value) for value in (3e-5, 8, True, None, [0.2, 0.4], "mlp")] == [
        3e-5, 8, "true", "null", "0.2/0.4", "mlp"
    ]  # fmt: skip
    found = pd.DataFrame({"encoder": ["a"], "dev": [1.0], "dev_seed1": [1.0], "head": ["mlp"], "margin": [np.nan]})
    assert trials.tuned_over(found) == ["head"]


def test_the_choice_of_these_results_is_the_one_that_was_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config, results = made_tuned(tmp_path)
    choosing.require_best(config, results.histories, results.runs)
