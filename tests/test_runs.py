"""The files that a run leaves, and that they are the same each time."""

import json
import os
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
import tiny
import torch
import yaml

from arccse import config as configs
from arccse import paths, runs
from arccse.data.sources import open_source
from arccse.encoder import load_encoder
from arccse.errors import Diverged, InputError
from arccse.evaluation import scoring, suites
from arccse.evaluation.embeddings import Embeddings
from arccse.files import sha256
from arccse.standings import standings

SPACE = {"learning_rate": {"log": [1e-4, 1e-2]}}


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tiny.save_bert(tmp_path / "bert")
    content = {
        "encoders": {"tiny": {"model": "bert"}},
        "corpus": "file:corpus.txt",
        "data": "package:gensim",
        "suites": ["sts"],
        "seeds": [0, 1],
        "training": {"batch_size": 8, "max_steps": 2, "max_length": 16, "learning_rate": 1e-3},
        "studies": {
            "main": {"title": "Tiny", "variants": {"ArcCSE": {"objective": "arccon", "triplet_weight": 0.1}}}
        },
    }
    Path("tiny.yaml").write_text(yaml.safe_dump(content))
    loaded = configs.load("tiny.yaml")
    paths.corpus(loaded).parent.mkdir(parents=True)
    paths.corpus(loaded).write_text("\n".join(tiny.sentences(40)) + "\n")
    return loaded


def test_run_json_says_everything_that_fed_the_result(config):
    run = next(iter(config.runs().values()))
    runs.train(config, run)
    folder = paths.run_folder(config, run.id)
    record = json.loads((folder / "run.json").read_text())
    assert record["run"] == run.id == f"arccon10-triplet20-40-{run.variant.hash}/seed0"
    assert record["hyperparameters"] == json.loads(json.dumps(run.variant.canonical()))
    assert record["data"]["corpus"]["sha256"] == sha256(paths.corpus(config))
    assert record["data"]["corpus"]["sentences"] == 40
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in record["data"]["dev"]["sha256"].values())
    assert record["weights"] == load_encoder(str(folder / "model")).fingerprint()
    assert record["packages"]["torch"].startswith("2.13.0")
    assert record["threads"] >= 1
    assert record["device"]
    assert record["selected_step"] in pd.read_csv(folder / "history.csv")["step"].tolist()


def test_the_geometry_suite_scores_what_the_training_logged(config, tmp_path):
    run = next(iter(config.runs().values()))
    runs.train(config, run)
    folder, source = paths.run_folder(config, run.id), open_source(config.data)
    selection = {"geometry": suites.tasks("geometry", source)}
    encoder = load_encoder(str(folder / "model"))
    embeddings = Embeddings.of(encoder, scoring.sentences(source, selection))
    scores = scoring.evaluate(embeddings, source, selection, tmp_path, "a/b", lambda _: None)
    history = pd.read_csv(folder / "history.csv").set_index("step")
    kept = history.loc[json.loads((folder / "run.json").read_text())["selected_step"]]
    assert {score.task for score in scores} == {"LEE-dev"}
    for score in scores:
        assert score.value == pytest.approx(100 * kept[score.metric], rel=1e-4)


def test_a_run_gives_the_same_files_again(config):
    first, other = config.runs().values()
    folder = paths.run_folder(config, first.id)

    def files() -> tuple[pd.DataFrame, str]:
        shutil.rmtree(paths.finished(config, first.id), ignore_errors=True)  # as gathering does
        runs.train(config, first)
        history = pd.read_csv(folder / "history.csv").drop(columns="sentences_per_second")
        return history, sha256(folder / "model" / "model.safetensors")

    history, weights = files()
    runs.train(config, other)
    again, weights_again = files()
    assert history.equals(again)
    assert weights == weights_again


def test_a_run_sweeps_what_kills_have_left_of_it_and_of_no_other(config):
    own, other = config.runs().values()
    folder, state = paths.run_folder(config, own.id), paths.state(config, own.id)
    swept = [folder / ".model.0123abcd", folder / ".history.0123abcd", state.with_name(".seed0.0123abcd")]
    swept += [state.with_name(".seed0.progress.0123abcd")]
    kept = [paths.run_folder(config, other.id) / ".model.0123abcd", state.with_name(".seed1.0123abcd")]
    for left in swept + kept:
        left.mkdir(parents=True)
        (left / "half").write_text("of a file")
    runs.train(config, own)
    assert not any(left.exists() for left in swept)
    assert all(left.exists() for left in kept)


def test_a_run_that_is_trained_again_keeps_its_files_until_there_are_others(config, monkeypatch):
    run = next(iter(config.runs().values()))
    folder = paths.run_folder(config, run.id)
    runs.train(config, run)
    shutil.rmtree(paths.finished(config, run.id))  # as gathering does
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    stop = InputError("a fault after the first step")
    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", lambda *_: (_ for _ in ()).throw(stop))
        with pytest.raises(InputError, match="after the first step"):
            runs.train(config, run)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_finished_run_takes_no_more_room_until_it_is_gathered_where_the_file_system_has_links(config, monkeypatch):
    first, second = config.runs().values()
    runs.train(config, first)
    with monkeypatch.context() as patch:
        patch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(PermissionError(1, "Operation not permitted")))
        runs.train(config, second)
    for run, links in ((first, 2), (second, 1)):
        weights = [at(config, run.id) / "model" / "model.safetensors" for at in (paths.run_folder, paths.finished)]
        assert [path.stat().st_nlink for path in weights] == [links, links]
        assert sha256(weights[0]) == sha256(weights[1])


def test_a_run_that_diverges_leaves_the_same_files_when_it_is_trained_again(config):
    Path("tiny.yaml").write_text(Path("tiny.yaml").read_text().replace("learning_rate: 0.001", "learning_rate: 1e30"))
    config = configs.load("tiny.yaml")
    paths.corpus(config).write_text("\n".join(tiny.sentences(40)) + "\n")
    run = next(iter(config.runs().values()))
    folder = paths.run_folder(config, run.id)
    said = set()
    for _ in range(2):
        with pytest.raises(Diverged) as caught:
            runs.train(config, run)
        shutil.rmtree(paths.finished(config, run.id))  # as gathering does
        record = json.loads((folder / "run.json").read_text())
        assert record["diverged"] == {"step": caught.value.step, "message": caught.value.message}
        said.add(caught.value.message)
        assert sorted(path.name for path in folder.rglob("*")) == [
            "diverged.json",
            "history.csv",
            "model",
            "run.json",
        ]
    assert len(said) == 1


def test_a_folder_that_cannot_be_written_is_refused_before_training(config, monkeypatch):
    run = next(iter(config.runs().values()))
    folder = paths.run_folder(config, run.id)
    folder.parent.mkdir(parents=True)
    folder.write_text("in the way")
    monkeypatch.setattr(runs, "train_encoder", lambda *_: pytest.fail("training began"))
    with pytest.raises(InputError, match=r"seed0"):
        runs.train(config, run)


def test_an_untrained_encoder_is_whitened_saved_and_scored(config, tmp_path):
    study = config.studies["main"].model_copy(update={"variants": {"untrained": {"epochs": 0}}})
    white = config.model_copy(update={"training": config.training | {"whitening": True}, "studies": {"main": study}})
    (run,) = white.runs().values()
    assert run.id == f"untrained-whitened-{run.variant.hash}/seed0"
    runs.train(white, run)
    folder = paths.run_folder(white, run.id)
    record, encoder = json.loads((folder / "run.json").read_text()), load_encoder(str(folder / "model"))
    assert record["hyperparameters"]["corpus"] == "file:corpus.txt"
    assert record["weights"] == encoder.fingerprint()
    assert "whitening" in record["code"]["parts"]
    source = open_source("package:gensim")
    selection = {"sts": suites.tasks("sts", source)}
    before, after = (
        scoring.evaluate(
            Embeddings.of(one, scoring.sentences(source, selection)), source, selection, tmp_path, "a/b", print
        )
        for one in (load_encoder("bert", "cls"), encoder)
    )
    assert before != after


def test_the_weights_of_a_trial_are_not_kept_and_are_made_again_once_they_are_needed(config):
    study = {"title": "T", "variants": {"A": {}}, "tuning": {"trials": 2, "seeds": [7], "space": SPACE}}
    content = yaml.safe_load(Path("tiny.yaml").read_text())
    Path("tuned.yaml").write_text(yaml.safe_dump(content | {"name": "tiny", "studies": {"tuned": study}}))
    tuned = configs.load("tuned.yaml")
    trial = tuned.trial_runs()[0]
    runs.train(tuned, trial)
    folder = paths.run_folder(tuned, trial.id)
    assert [file.name for file in (folder / "model").iterdir()] == ["not-kept.json"]
    with pytest.raises(InputError, match=r"has no weights\. It was a trial"):
        load_encoder(str(folder / "model"))
    one = standings(tuned)[trial.id]
    assert (one.to_train, one.missing, one.has_model) == (False, (), False)
    values = trial.variant.hyperparameters.learning_rate
    scored = {"title": "S", "variants": {"A": {"learning_rate": values}}, "seeds": [7]}
    Path("tuned.yaml").write_text(yaml.safe_dump(content | {"name": "tiny", "studies": {"scored": scored}}))
    assert standings(configs.load("tuned.yaml"))[trial.id].to_train
