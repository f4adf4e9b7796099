"""Trainings that are killed, stopped or run out of disk, and then go on as if nothing had happened."""

import errno
import json
import os
import signal
import sys
import traceback
from pathlib import Path

import pandas as pd
import pytest
import tiny
import torch
import yaml

from arccse import checkpoint, cli, paths, training
from arccse import config as configs
from arccse.errors import InputError
from arccse.files import sha256


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return tiny.save_bert(tmp_path_factory.mktemp("models") / "bert")


def prepare(folder: Path, bert: Path) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "corpus.txt").write_text("\n".join(tiny.sentences(80)) + "\n")
    training = {"batch_size": 8, "epochs": 2, "max_length": 16, "learning_rate": 1e-3}
    arccse = {"objective": "arccon", "triplet_weight": 0.1}
    content = {
        "encoders": {"tiny": {"model": str(bert)}},
        "corpus": "file:corpus.txt",
        "data": "package:gensim",
        "suites": ["sts"],
        "seeds": [0],
        "save_every": 3,
        "training": training | {"eval_every": 5, "geometry_every": 4},
        "studies": {"main": {"title": "Tiny", "variants": {"ArcCSE": arccse}}},
    }
    (folder / "tiny.yaml").write_text(yaml.safe_dump(content))
    return folder


def train(folder: Path, fault: str = "none", at: int = 0) -> tuple[int, str]:
    """Exit status and stderr of `arccse train` in a process of its own that a fault hits at the `at`-th step or save.

    The process is a fork, which spares the seconds that a new interpreter takes to import torch.
    """
    messages = folder / "stderr.txt"
    if (child := os.fork()) == 0:
        try:
            os.chdir(folder)
            sys.stderr = messages.open("w", buffering=1)
            arrange(fault, at)
            run = next(iter(configs.load("tiny.yaml").runs()))
            sys.argv = ["arccse", "train", "--config", "tiny.yaml", "--run", run]
            cli.main()
        except SystemExit as leaving:
            os._exit(leaving.code or 0)
        except BaseException:
            traceback.print_exc()
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), messages.read_text()


def arrange(fault: str, at: int) -> None:
    """In the child: have the `at`-th step send a signal, or the `at`-th save break off half-way."""
    losses, save_file, seen = training.losses_of, checkpoint.save_file, {"steps": 0, "saves": 0}
    signals = {"kill": signal.SIGKILL, "term": signal.SIGTERM, "int": signal.SIGINT}

    def faulty_losses(*arguments):
        seen["steps"] += 1
        if seen["steps"] == at and fault in signals:
            os.kill(os.getpid(), signals[fault])
        return losses(*arguments)

    def faulty_save(tensors, path, metadata):
        seen["saves"] += 1
        if seen["saves"] == at and fault in ("kill in save", "full disk"):
            path.write_bytes(b"half of a file")
            if fault == "kill in save":
                os.kill(os.getpid(), signal.SIGKILL)
            raise OSError(errno.ENOSPC, "No space left on device")
        save_file(tensors, path, metadata)

    training.losses_of, checkpoint.save_file = faulty_losses, faulty_save


def outcome(folder: Path) -> tuple[pd.DataFrame, str, int]:
    """History without timings, checksum of the weights, selected step."""
    (run,) = (folder / "results" / "tiny" / "runs").glob("*/seed0")
    history = pd.read_csv(run / "history.csv").drop(columns="sentences_per_second")
    return (
        history,
        sha256(run / "model" / "model.safetensors"),
        json.loads((run / "run.json").read_text())["selected_step"],
    )


def states(folder: Path) -> list[Path]:
    return [path for path in (folder / "results" / "tiny" / "state").rglob("*") if path.is_file()]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, bert):
    folder = prepare(tmp_path_factory.mktemp("uninterrupted"), bert)
    assert train(folder) == (0, "")
    assert states(folder) == []  # a finished run drops its state
    return outcome(folder)


def assert_same(folder: Path, uninterrupted: tuple[pd.DataFrame, str, int]) -> None:
    history, weights, selected = outcome(folder)
    assert history.equals(uninterrupted[0])
    assert (weights, selected) == uninterrupted[1:]
    assert states(folder) == []


@pytest.mark.parametrize(
    "faults",
    [
        [("kill", 2)],  # before the first save
        [("kill", 8)],  # between a save and a measurement
        [("kill in save", 3)],  # the save of step 6 stands
        [("kill", 11), ("kill in save", 2), ("kill", 4)],
    ],
    ids=str,
)
def test_a_killed_training_goes_on_to_the_same_result(tmp_path, bert, uninterrupted, faults):
    folder = prepare(tmp_path / "run", bert)
    for fault, at in faults:
        assert train(folder, fault, at)[0] == -signal.SIGKILL
        assert not list((folder / "results" / "tiny" / "runs").rglob("run.json"))
    assert train(folder) == (0, "")
    assert_same(folder, uninterrupted)


@pytest.mark.parametrize(("fault", "status"), [("term", 143), ("int", 130)])
def test_sigterm_and_ctrl_c_save_and_leave(tmp_path, bert, uninterrupted, fault, status):
    folder = prepare(tmp_path / "run", bert)
    stopped, message = train(folder, fault, 5)
    assert stopped == status
    assert "stopped after step 5 of 20" in message
    assert "Traceback" not in message
    assert train(folder) == (0, "")
    assert_same(folder, uninterrupted)


def test_a_full_disk_says_so_and_the_last_good_state_resumes(tmp_path, bert, uninterrupted):
    folder = prepare(tmp_path / "run", bert)
    status, message = train(folder, "full disk", 3)
    assert status == 2
    assert "the disk is full" in message
    assert "Traceback" not in message
    assert [path.name for path in states(folder)] == ["seed0.safetensors"]
    assert train(folder) == (0, "")
    assert_same(folder, uninterrupted)


def test_a_damaged_state_is_named_with_the_remedy(tmp_path, bert):
    folder = prepare(tmp_path / "run", bert)
    assert train(folder, "kill", 8)[0] == -signal.SIGKILL
    (state,) = states(folder)
    state.write_bytes(state.read_bytes()[:500])
    status, message = train(folder)
    assert status == 2
    assert state.name in message
    assert "Delete it to start anew" in message


def test_the_state_is_not_among_the_files_that_snakemake_deletes(tmp_path, bert, monkeypatch):
    monkeypatch.chdir(prepare(tmp_path / "run", bert))
    loaded = configs.load("tiny.yaml")
    run = next(iter(loaded.runs()))
    assert paths.run_folder(loaded, run) not in paths.state(loaded, run).parents


def test_a_state_of_another_model_is_refused(tmp_path):
    def parts(width: int) -> tuple[torch.nn.Module, torch.optim.Optimizer]:
        model = torch.nn.Linear(width, 1)
        return model, torch.optim.AdamW(model.parameters())

    checkpoint.save(tmp_path / "state.safetensors", 1, *parts(2), checkpoint.Best(), {})
    with pytest.raises(InputError, match="can't be used"):
        checkpoint.load(tmp_path / "state.safetensors", *parts(3))
