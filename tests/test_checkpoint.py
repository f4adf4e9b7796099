"""Trainings that are killed, stopped or run out of disk, and then go on as if nothing had happened."""

import copy
import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import tiny
import torch
import yaml
from safetensors.torch import load_file, save_file
from torch import Tensor

from arccse import checkpoint, cli, paths, training
from arccse import config as configs
from arccse.checkpoint import Best, State
from arccse.encoder import Encoder
from arccse.errors import InputError
from arccse.files import sha256


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return tiny.save_bert(tmp_path_factory.mktemp("models") / "bert")


def prepare(folder: Path, bert: Path, **settings: object) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "corpus.txt").write_text("\n".join(tiny.sentences(80)) + "\n")
    training = {"batch_size": 8, "epochs": 2, "max_length": 16, "learning_rate": 1e-3}
    arccse = {"objective": "arccon", "triplet_weight": 0.1}
    content: dict[str, object] = {
        "encoders": {"tiny": {"model": str(bert)}},
        "corpus": "file:corpus.txt",
        "data": "package:gensim",
        "suites": ["sts"],
        "seeds": [0],
        "save_minutes": 3,
        "training": training | {"eval_every": 5, "geometry_every": 4} | settings,
        "studies": {"main": {"title": "Tiny", "variants": {"ArcCSE": arccse}}},
    }
    (folder / "tiny.yaml").write_text(yaml.safe_dump(content))
    return folder


def train(folder: Path, fault: str = "none", at: int = 0) -> tuple[int, str]:
    """Exit status and stderr of `arccse train` in a process that a fault hits at the `at`-th step or save."""
    messages = folder / "stderr.txt"
    return status_of(start(folder, messages, fault, at)), messages.read_text()


def status_of(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def start(folder: Path, messages: Path, fault: str = "none", at: int = 0) -> int:
    """Start it, and return its process id. A fork spares the seconds that a new interpreter takes to import torch."""
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
    return child


def arrange(fault: str, at: int) -> None:
    """In the child: have the `at`-th step send a signal, or the `at`-th save or the model's break off half-way.

    A step takes a minute.
    """
    losses, save_file, seen = training.losses_of, checkpoint.save_file, {"steps": 0, "saves": 0}
    save_model = Encoder.save
    signals = {"kill": signal.SIGKILL, "term": signal.SIGTERM, "int": signal.SIGINT, "stop": signal.SIGSTOP}

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

    def faulty_model(encoder, path):
        path.mkdir()
        (path / "model.safetensors").write_bytes(b"half of a file")
        if fault == "kill at the model":
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(errno.ENOSPC, "No space left on device")

    training.time = SimpleNamespace(monotonic=lambda: 60 * seen["steps"])
    training.losses_of, checkpoint.save_file = faulty_losses, faulty_save
    Encoder.save = faulty_model if "the model" in fault else save_model


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
    """The saved states, and what kills have left of states and of files of runs."""
    results = folder / "results" / "tiny"
    left = [path for part in ("state", "runs") for path in (results / part).rglob(".*")]
    return [*(results / "state").glob("*/*.safetensors"), *(results / "state").glob("*/*.json"), *left]


def state_of(folder: Path) -> Path:
    (state,) = (folder / "results" / "tiny" / "state").rglob("seed0.safetensors")
    return state


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, bert):
    folder = prepare(tmp_path_factory.mktemp("uninterrupted"), bert)
    assert train(folder)[0] == 0
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
    assert train(folder)[0] == 0
    assert_same(folder, uninterrupted)


@pytest.mark.parametrize(("fault", "status"), [("term", 143), ("int", 130)])
def test_sigterm_and_ctrl_c_save_and_leave(tmp_path, bert, uninterrupted, fault, status):
    folder = prepare(tmp_path / "run", bert)
    stopped, message = train(folder, fault, 5)
    assert stopped == status
    assert "stopped after step 5 of 20" in message
    assert "Traceback" not in message
    assert train(folder)[0] == 0
    assert_same(folder, uninterrupted)


def test_a_full_disk_says_so_and_the_last_good_state_resumes(tmp_path, bert, uninterrupted):
    folder = prepare(tmp_path / "run", bert)
    status, message = train(folder, "full disk", 3)
    assert status == 2
    assert f"{state_of(folder).relative_to(folder)} can't be written: the disk is full" in message
    assert "Traceback" not in message
    assert "step 6/20  goes on" in resumed(folder, uninterrupted)


@pytest.mark.parametrize(("fault", "status"), [("full disk at the model", 2), ("kill at the model", -signal.SIGKILL)])
def test_a_model_that_can_not_be_written_costs_no_step(tmp_path, bert, uninterrupted, fault, status):
    folder = prepare(tmp_path / "run", bert)
    config = folder / "tiny.yaml"
    config.write_text(config.read_text().replace("save_minutes: 3", "save_minutes: 100"))  # of 20
    stopped, message = train(folder, fault)
    assert stopped == status
    assert "Traceback" not in message
    assert ("model can't be written: the disk is full" in message) == (status == 2)
    assert "step 20/20" in resumed(folder, uninterrupted).splitlines()[0]


GROWING_DISK = """
import shutil, subprocess, sys
from pathlib import Path
import sentence_transformers
from arccse import runs
from commands import arccse

subprocess.run("mount -t tmpfs -o size=12k tmpfs results".split(), check=True)
for size in (12, 700, 64000):
    subprocess.run(f"mount -o remount,size={size}k results".split(), check=True)
    done = arccse(*"train --config tiny.yaml --threads 1 --run".split(), sys.argv[1], folder=Path.cwd())
    print(done.returncode, (done.stdout + done.stderr).splitlines()[-1], flush=True)
shutil.copytree("results", "kept/results")
"""


def test_a_training_on_a_disk_that_is_full_goes_on_when_there_is_room(
    tmp_path, bert, uninterrupted, private_mounts, monkeypatch
):
    """A real disk, too small for the corpus, then for a second state beside the first, then large enough."""
    folder = prepare(tmp_path / "run", bert)
    config = folder / "tiny.yaml"
    config.write_text(config.read_text().replace("save_minutes: 3", "save_minutes: 0"))
    (folder / "results").mkdir()
    monkeypatch.chdir(folder)
    (run,) = configs.load("tiny.yaml").runs()
    path = f"{Path(__file__).parent}:{os.environ.get('PYTHONPATH', '')}"
    command = [*private_mounts, sys.executable, "-c", GROWING_DISK, run]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    corpus, state, finished = done.stdout.splitlines()
    for line, name in ((corpus, "data/"), (state, f"state/{run}.safetensors")):
        assert line.startswith(f"2 arccse: results/tiny/{name}")
        assert line.endswith("can't be written: the disk is full; what was there before is kept.")
    assert finished.startswith("0 step 20/20  ")
    assert_same(folder / "kept", uninterrupted)


def resumed(folder: Path, uninterrupted: tuple[pd.DataFrame, str, int]) -> str:
    """Train to the end, compare, and return what was said."""
    status, said = train(folder)
    assert status == 0, said
    assert_same(folder, uninterrupted)
    return said


def test_the_log_says_how_far_it_is_at_each_measurement(tmp_path, bert):
    folder = prepare(tmp_path / "run", bert)
    assert train(folder, "kill", 11)[0] == -signal.SIGKILL
    lines = (folder / "stderr.txt").read_text().splitlines()
    assert [line.split("  ")[0] for line in lines] == [f"step {step}/20" for step in (0, 4, 5, 8, 10)]
    assert all(
        re.search(r"  loss [\d.]+  dev -?\d+\.\d\d  \d+ sentences/s  left 0:00:\d\d$", line) for line in lines[1:]
    )
    (history,) = (folder / "results" / "tiny" / "runs").rglob("history.csv")
    assert pd.read_csv(history)["step"].tolist() == [0, 4, 5, 8, 10]
    (whereabouts,) = (folder / "results" / "tiny" / "state").rglob("seed0.progress.json")
    said = json.loads(whereabouts.read_text())
    assert (said["step"], said["steps"]) == (10, 20)
    assert said["seconds_left"] > 0


def test_a_training_that_diverges_is_an_outcome(tmp_path, bert):
    """With a status, a sentence and files of its own, and nothing to go on from."""
    folder = prepare(tmp_path / "run", bert, learning_rate=1e30)
    status, message = train(folder)
    assert status == 3
    last = message.splitlines()[-1]
    assert last.startswith("arccse: The training diverged at step ")
    assert "learning_rate 1e+30" in last
    assert "Traceback" not in message
    assert states(folder) == []
    (run,) = (folder / "results" / "tiny" / "runs").glob("*/seed0")
    record = json.loads((run / "run.json").read_text())
    assert f"arccse: {record['diverged']['message']}" == last
    assert not {"weights", "selected_step"} & record.keys()
    assert record["data"]["corpus"]["sentences"] == 80
    assert [path.name for path in (run / "model").iterdir()] == ["diverged.json"]
    assert json.loads((run / "model" / "diverged.json").read_text()) == record["diverged"]
    history = pd.read_csv(run / "history.csv")
    assert history["step"].iloc[-1] >= record["diverged"]["step"] > 0
    assert history["dev_spearman"].isna().tolist() == [False] * (len(history) - 1) + [True]


# ------------------------------------------------------------------------------------------ two trainers of a run


@pytest.fixture
def stopped(tmp_path, bert):
    """The folder of a training that stands still in step 8, with a state of step 6, and its process."""
    folder = prepare(tmp_path / "run", bert)
    child = start(folder, folder / "first.txt", "stop", 8)
    assert os.WIFSTOPPED(os.waitpid(child, os.WUNTRACED)[1])
    return folder, child


def second_comer(folder: Path) -> int:
    """Start the same training once more, and return its process id once it waits."""
    child = start(folder, folder / "second.txt")
    while not (folder / "second.txt").exists() or not (folder / "second.txt").read_text():
        assert os.waitpid(child, os.WNOHANG) == (0, 0)
        time.sleep(0.01)
    assert (folder / "second.txt").read_text().startswith("waiting for another process, which trains arccon10-")
    return child


def test_a_second_comer_leaves_what_the_first_has_finished(stopped, uninterrupted):
    folder, first = stopped
    second = second_comer(folder)
    (run,) = (folder / "results" / "tiny" / "runs").glob("*/seed0")
    shutil.rmtree(run)  # as Snakemake does when it starts the job again
    os.kill(first, signal.SIGCONT)
    assert (status_of(first), status_of(second)) == (0, 0)
    said = (folder / "second.txt").read_text()
    assert said.count("waiting") == 1
    assert "step" not in said
    assert "is trained already" in said
    assert_same(folder, uninterrupted)
    shutil.rmtree(run)
    assert train(folder)[0] == 0
    assert_same(folder, uninterrupted)


def test_a_second_comer_goes_on_where_a_killed_first_one_ended(stopped, uninterrupted):
    folder, first = stopped
    second = second_comer(folder)
    os.kill(first, signal.SIGKILL)
    assert (status_of(first), status_of(second)) == (-signal.SIGKILL, 0)
    assert "step 6/20  goes on" in (folder / "second.txt").read_text()
    assert_same(folder, uninterrupted)


def test_what_is_kept_of_a_finished_run_is_put_back_whole_or_not_at_all(tmp_path, bert, uninterrupted):
    folder = prepare(tmp_path / "run", bert)
    assert train(folder)[0] == 0
    (run,) = (folder / "results" / "tiny" / "runs").glob("*/seed0")
    (kept,) = (folder / "results" / "tiny" / "state").glob("*/seed0.finished")
    shutil.rmtree(run)
    weights = (kept / "model" / "model.safetensors").read_bytes()
    (kept / "model" / "model.safetensors").write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
    status, message = train(folder)
    assert status == 0
    assert "is trained again, since what was kept of it is damaged: " in message
    assert f"{kept.relative_to(folder)}/model can't be used: its files are others than run.json says" in message
    assert_same(folder, uninterrupted)


# ------------------------------------------------------------------------------- states that are not to be used


def refused(folder: Path, *parts: str) -> None:
    """`arccse train` stops with one sentence that names the state, what is wrong with it and the remedy."""
    before = state_of(folder).read_bytes()
    status, message = train(folder)
    assert status == 2
    (line,) = message.splitlines()
    for part in (str(state_of(folder).relative_to(folder)), "Delete it to start anew", *parts):
        assert part in line
    assert state_of(folder).read_bytes() == before


@pytest.fixture
def killed(tmp_path, bert):
    """The folder of a training that was killed at step 8 and has a state of step 6."""
    folder = prepare(tmp_path / "run", bert)
    assert train(folder, "kill", 8)[0] == -signal.SIGKILL
    return folder


@pytest.mark.parametrize("change", [lambda lines: lines[::-1], lambda lines: lines[: len(lines) // 2]])
def test_a_state_of_another_corpus_is_refused(killed, change):
    (corpus,) = (killed / "results" / "tiny" / "data").glob("corpus-*.txt")
    corpus.write_text("".join(change(corpus.read_text().splitlines(keepends=True))))
    corpus.with_suffix(".json").unlink()  # with its checksum beside it, the corpus itself would be refused
    refused(killed, "its corpus is ")


def test_a_state_of_another_run_is_refused(killed, monkeypatch):
    state, config = state_of(killed), killed / "tiny.yaml"
    config.write_text(config.read_text().replace("learning_rate: 0.001", "learning_rate: 0.002"))
    monkeypatch.chdir(killed)
    loaded = configs.load("tiny.yaml")
    (run,) = loaded.runs()
    other = paths.state(loaded, run)
    other.parent.mkdir()
    state.rename(other)
    refused(killed, f"its run is {state.parent.name}/seed0, that of this training {run}")


@pytest.mark.parametrize("damage", ["cut", "flipped bytes", "empty"])
def test_a_damaged_state_is_refused(killed, damage):
    state = state_of(killed)
    content = bytearray(state.read_bytes())
    if damage == "flipped bytes":
        middle = len(content) // 2
        content[middle : middle + 64] = bytes(255 - byte for byte in content[middle : middle + 64])
    state.write_bytes({"cut": content[:500], "flipped bytes": content, "empty": b""}[damage])
    refused(killed, "it is damaged")


def parts(width: int = 2) -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    """A model and an optimizer that has made a step."""
    torch.manual_seed(width)
    model = torch.nn.Linear(width, 1)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, width)).sum().backward()
    optimizer.step()
    return model, optimizer


def state_at(folder: Path, change: Callable[[dict[str, Tensor]], object] = lambda tensors: None) -> State:
    """A state of such a model whose tensors were changed, with the checksum that belongs to them."""
    state = State(folder / "state.safetensors", {"run": "a/seed0"}, minutes=0)
    model, optimizer = parts()
    state.save(1, model, optimizer, Best(70.0, 1, copy.deepcopy(model.state_dict())), {})
    tensors = load_file(state.path)
    with checkpoint.safe_open(state.path, framework="pt") as file:
        said = file.metadata()["state"]
    change(tensors)
    save_file(tensors, state.path, {"state": said, "sha256": checkpoint.checksum(tensors, said)})
    return state


def test_a_state_gives_back_what_was_saved(tmp_path):
    model, optimizer = parts()
    other = torch.nn.Linear(2, 1)
    fresh = torch.optim.AdamW(other.parameters())
    step, best, log = state_at(tmp_path).load(other, fresh)
    assert (step, best.dev, best.step, log) == (1, 70.0, 1, {})
    for name, weight in model.state_dict().items():
        assert torch.equal(other.state_dict()[name], weight)
        assert torch.equal(best.weights[name], weight)
    for i, moments in optimizer.state_dict()["state"].items():
        for name, value in moments.items():
            assert torch.equal(fresh.state_dict()["state"][i][name], value)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda t: t.pop("optimizer.0.exp_avg"), "lacks the moment '0.exp_avg'"),
        (
            lambda t: t.update({"optimizer.0.exp_avg": torch.zeros(3)}),
            "'0.exp_avg' is (3,) torch.float32 and must be",
        ),
        (lambda t: t.update({"optimizer.5.exp_avg": torch.zeros(3)}), "'5.exp_avg' is none of this model's"),
        (lambda t: t.update({"optimizer.1.step": torch.zeros(1)}), "'1.step' is (1,)"),
        (lambda t: t.pop("model.bias"), "lacks the weight 'bias'"),
        (lambda t: t.pop("best.bias"), "lacks the weight 'bias'"),
        (
            lambda t: t.update({"model.weight": torch.zeros(1, 2).double()}),
            "is (1, 2) torch.float64 and must be (1, 2)",
        ),
        (lambda t: t["model.weight"].fill_(torch.nan), "weight 'weight' is not finite"),
        (lambda t: t["best.bias"].fill_(torch.inf), "weight 'bias' is not finite"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_before_anything_is_loaded(tmp_path, change, why):
    state, (model, optimizer) = state_at(tmp_path, change), parts()
    with torch.no_grad():
        model.weight.fill_(5.0)
    with pytest.raises(InputError, match=re.escape(why)):
        state.load(model, optimizer)
    assert torch.equal(model.weight, torch.full((1, 2), 5.0))


def test_a_state_of_another_model_or_version_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"'weight' is \(1, 2\) .* must be \(1, 3\)"):
        state_at(tmp_path).load(*parts(3))
    with pytest.raises(InputError, match="its code is not recorded, that of this training 1f"):
        State(tmp_path / "state.safetensors", {"run": "a/seed0", "code": "1f"}, minutes=0).load(*parts())
    save_file({"model.weight": torch.zeros(1, 2)}, tmp_path / "state.safetensors", {"state": "{}"})
    with pytest.raises(InputError, match="another version of arccse"):
        State(tmp_path / "state.safetensors", {}, minutes=0).load(*parts())


def test_the_state_is_not_among_the_files_that_snakemake_deletes(tmp_path, bert, monkeypatch):
    monkeypatch.chdir(prepare(tmp_path / "run", bert))
    loaded = configs.load("tiny.yaml")
    run = next(iter(loaded.runs()))
    assert paths.run_folder(loaded, run) not in paths.state(loaded, run).parents
