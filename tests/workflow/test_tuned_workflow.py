"""A tuned study through Snakemake: trials, the choice, final runs; killed in between it comes to the same numbers."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import tiny
from snakemake_runs import ROOT, base_config, carry_out, forked, planned, write_config

STUDY = {
    "title": "Tuned",
    "seeds": [0],
    "tuning": {"trials": 2, "seeds": [100], "space": {"learning_rate": {"log": [1e-4, 1e-2]}}},
    "variants": {"ArcCon": {"objective": "arccon"}},
}
CONTENT = base_config() | {"claims": {}, "studies": {"tuned": STUDY}}


def prepared(folder: Path) -> str:
    """A corpus and a config of a tuned study in a folder; the config's path."""
    (folder / "corpus.txt").write_text("\n".join(tiny.sentences(40)) + "\n")
    return write_config(folder, CONTENT)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder in which the config has run through."""
    folder = tmp_path_factory.mktemp("whole")
    tiny.save_bert(folder / "bert")
    carry_out(folder, prepared(folder))
    return folder


def scores(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "results" / "tiny" / "scores.csv", dtype={"hash": str})


def chosen(folder: Path) -> dict:
    return json.loads((folder / "results" / "tiny" / "chosen.json").read_text())["tuned"]["tiny"]


def test_final_runs_have_the_best_trials_values(finished):
    folder = finished / "results" / "tiny"
    histories = pd.read_csv(folder / "histories.csv", dtype={"hash": str})
    records = json.loads((folder / "runs.json").read_text())
    assert len(records) == 1 + 2 + 1
    choice, dev = chosen(finished)["ArcCon"], {}
    for run, record in records.items():
        if record["seed"] == 100:
            lines = histories[(histories["hash"] == run.split("-")[-1].split("/")[0]) & (histories["seed"] == 100)]
            kept = lines[lines["step"] == record["selected_step"]]["dev_spearman"].item()
            dev[record["hyperparameters"]["learning_rate"]] = kept
    assert choice["values"]["learning_rate"] == max(dev, key=dev.get)
    rates = {r["hyperparameters"]["learning_rate"] for r in records.values() if r["seed"] == 0}
    assert rates == {1e-3, choice["values"]["learning_rate"]}  # the encoder's own, and the chosen one


def test_trials_are_scored_on_nothing_and_leave_no_weights(finished):
    assert set(scores(finished)["seed"]) == {0}
    for run in (finished / "results" / "tiny" / "runs").glob("*/seed100"):
        assert sorted(file.name for file in run.iterdir()) == ["history.csv", "model", "run.json"]
        assert [file.name for file in (run / "model").glob("[!.]*")] == ["not-kept.json"]  # .snakemake_timestamp


def test_done_is_done_and_a_clone_of_what_is_gathered_has_nothing_to_do(finished, tmp_path):
    assert planned(finished, str(finished / "config.yaml")) == {}
    clone = Path(shutil.copytree(finished, tmp_path / "clone"))
    for name in (".snakemake", *(f"results/tiny/{part}" for part in ("runs", "data", "logs", "benchmarks", "state"))):
        shutil.rmtree(clone / name)
    assert {"corpus", "train", "choose", "evaluate", "gather"}.isdisjoint(planned(clone, str(clone / "config.yaml")))
    (clone / "results" / "tiny" / "chosen.json").unlink()
    assert planned(clone, str(clone / "config.yaml"))["choose"] == 1
    carry_out(clone, str(clone / "config.yaml"), "choose")
    choice, before = chosen(clone)["ArcCon"], chosen(finished)["ArcCon"]
    assert choice | {"dev": before["dev"]} == before
    assert choice["dev"] == pytest.approx(before["dev"], rel=1e-5)  # gathered histories are rounded


def killed_once(is_time: Callable[[], bool], folder: Path, config: str) -> None:
    """Start the workflow, and kill it and all of its jobs when it is time."""
    command = ["snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "1", "--configfile", config]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=forked(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while not is_time():
        assert process.poll() is None
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_killed_among_the_trials_and_after_the_choice_it_comes_to_the_same_numbers(finished, tmp_path):
    shutil.copytree(finished / "bert", tmp_path / "bert")  # a vocabulary that is trained again may be another
    config, results = prepared(tmp_path), tmp_path / "results" / "tiny"
    untuned = len(STUDY["variants"])  # whose runs do not wait for the choice
    killed_once(lambda: any(results.glob("runs/*/seed100/run.json")), tmp_path, config)
    assert not (results / "chosen.json").exists()
    killed_once(lambda: len([*results.glob("runs/*/seed0/run.json")]) > untuned, tmp_path, config)
    assert (results / "chosen.json").exists()
    assert not (results / "scores.csv").exists()
    carry_out(tmp_path, config, "results/tiny/scores.csv")
    assert chosen(tmp_path) == chosen(finished)
    assert (results / "scores.csv").read_bytes() == (finished / "results/tiny/scores.csv").read_bytes()
