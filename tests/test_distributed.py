"""Two processes that `accelerate launch` starts, talking over gloo, against one process."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tiny
import torch
import yaml
from safetensors.torch import load_file

from arccse import cli
from arccse import config as configs
from arccse.distributed import Processes
from arccse.errors import InputError

# With dropout off a positive would be its sentence, at whose angle 0 the slope is infinite: other sentences instead.
ARCCSE = {"objective": "arccon", "triplet_weight": 0.5, "triplet_margin": 0.2, "noise": 1.0}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tiny.save_bert(tmp_path / "bert")
    (tmp_path / "corpus.txt").write_text("\n".join(tiny.sentences(80)) + "\n")
    return tmp_path


def config(name: str, **training) -> str:
    """Write a config of one run; return the run's id."""
    settings = {"batch_size": 8, "max_steps": 5, "max_length": 16, "learning_rate": 1e-3, "eval_every": 5}
    content = {
        "encoders": {"tiny": {"model": "bert"}},
        "corpus": "file:corpus.txt",
        "data": "package:gensim",
        "suites": ["sts"],
        "seeds": [0],
        "training": settings | ARCCSE | training,
        "studies": {"main": {"title": "Tiny", "variants": {"ArcCSE": {}}}},
    }
    Path(f"{name}.yaml").write_text(yaml.safe_dump(content))
    (run,) = configs.load(f"{name}.yaml").runs()
    return run


def train_alone(name: str, run: str) -> None:
    cli.app(["train", "--config", f"{name}.yaml", "--run", run], standalone_mode=False)


def train_as_two(name: str, run: str, on: str = "--multi_gpu") -> subprocess.CompletedProcess[str]:
    """By accelerate's launcher for several GPUs: where there are none its processes are on the CPU and use gloo."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launch = [sys.executable, "-m", "accelerate.commands.launch", on, "--num_processes", "2"]
    launch += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]
    launch += ["--main_process_ip", "127.0.0.1", "--main_process_port", str(port)]
    arccse = Path(sys.executable).with_name("arccse")
    command = [*launch, str(arccse), "train", "--config", f"{name}.yaml", "--run", run, "--threads", "1"]
    return subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, timeout=600
    )


def outcome(name: str, run: str) -> tuple[pd.DataFrame, dict[str, torch.Tensor], dict]:
    files = Path("results") / name / "runs" / run
    history = pd.read_csv(files / "history.csv").drop(columns="sentences_per_second")
    return history, load_file(files / "model" / "model.safetensors"), json.loads((files / "run.json").read_text())


@pytest.mark.parametrize(
    ("settings", "one_process"),
    [
        pytest.param({"dropout": 0.2}, {"chunk_size": 4}, id="with dropout, in two chunks"),
        pytest.param({"dropout": 0.0, "objective": "gaussian_negatives"}, {}, id="the whole batch at once"),
    ],
)
def test_two_processes_train_as_one(folder, settings, one_process):
    run, same = config("two", **settings), config("one", **settings, **one_process)
    finished = train_as_two("two", run)
    assert finished.returncode == 0, finished.stderr
    train_alone("one", same)
    (history, weights, record), (expected, weights_of_one, record_of_one) = outcome("two", run), outcome("one", same)
    assert (record["processes"], record_of_one["processes"]) == (2, 1)
    np.testing.assert_allclose(history, expected, rtol=2e-4, atol=2e-4)
    for name, weight in weights_of_one.items():
        # the keys' bias moves by rounding errors alone, since a softmax does not see it
        tolerance = 1e-2 if name.endswith("key.bias") else 1e-4
        torch.testing.assert_close(weights[name], weight, rtol=0, atol=tolerance, msg=name)


def test_a_launch_that_starts_one_process_of_two_is_refused(folder):
    run = config("two")
    refused = train_as_two("two", run, "--cpu")
    assert refused.returncode != 0
    assert "arccse: accelerate launch --cpu started one process of several; --multi_gpu starts" in refused.stderr
    assert not (Path("results") / "two" / "runs" / run / "history.csv").exists()


def test_a_batch_that_the_processes_can_not_share_is_refused():
    processes = Processes(torch.device("cpu"))
    assert processes.share(7) == range(7)
    processes.count, processes.rank = 2, 1
    assert processes.share(8) == range(4, 8)
    with pytest.raises(InputError, match="batch_size = 7 is not a multiple of the 2 processes"):
        processes.share(7)
