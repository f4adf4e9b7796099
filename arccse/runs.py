"""Carry out one run of a config, and write the files that it leaves."""

import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch

from arccse import card, code, paths, provenance
from arccse.checkpoint import State, StopSignals
from arccse.config import Config
from arccse.data import corpus
from arccse.distributed import Processes, is_first
from arccse.errors import Diverged, InputError
from arccse.files import atomic_path, atomic_write, make_writable, sweep
from arccse.locks import hold_one
from arccse.models import DIVERGED, NOT_KEPT, origin
from arccse.progress import TrainingProgress, write_history
from arccse.records import damaged, read_history, read_run
from arccse.training import CPU
from arccse.training import train as train_encoder
from arccse.variants import Run

FINISHED = ("model", "history.csv", "run.json")  # what a finished run has in its folder


@contextmanager
def only_trainer(config: Config, run: Run) -> Iterator[None]:
    """Keep every other process from training this run inside the block, and wait while another trains it.

    Of several processes that a launcher started together, the first one stands for all.
    """
    lock = paths.training_lock(config, run.id)
    make_writable(lock.parent)
    if not is_first():
        yield
        return
    with hold_one([lock], f"waiting for another process, which trains {run.id}"):
        yield


def train(config: Config, run: Run, device: torch.device = CPU) -> None:
    """Train a run on the config's corpus and write history.csv, model/ and, last, run.json into its folder.

    An interrupted run goes on where it last saved its state. One that diverges leaves the same files: its history, a
    model/ that holds diverged.json alone, and a run.json that says so. Of a trial, which is scored on nothing, the
    weights are not kept either. A run that is finished, but not gathered yet, is not trained again: its files are put
    back where they are gone.

    Raises:
        InputError: data are missing or damaged, or a file can't be written.
        Interrupted: a signal came; the state is saved.
        Diverged: there is no model, since the training's numbers are not finite.
    """
    folder, text, processes = paths.run_folder(config, run.id), paths.corpus(config), Processes(device)
    state, whereabouts, done = (at(config, run.id) for at in (paths.state, paths.progress, paths.finished))
    model, history, finished = folder / "model", folder / "history.csv", folder / "run.json"
    make_writable(folder)
    writes = processes.rank == 0  # one of several processes
    if writes:
        sweep(model, history, finished, state, whereabouts, done)
    started, dev, data = time.time(), config.source.dev(), data_of(config)
    made_by = code.of_training(run.variant)
    identity = {"run": run.id, "code": made_by.digest} | {name: digest(part["sha256"]) for name, part in data.items()}
    if processes.any(writes and put_back(config, run, made_by.digest, data)):
        return

    def finish(outcome: dict[str, Any], seconds: dict[str, float]) -> None:
        record = {
            "run": run.id,
            "hyperparameters": run.variant.canonical(),
            "seed": run.seed,
            "data": data,
            **outcome,
            "started": time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(started)),
            "seconds": seconds | {"total": time.time() - started},
            "code": made_by._asdict(),
            **provenance.environment(device),
            "processes": processes.count,
        }
        said = json.dumps(record, indent=1) + "\n"
        keep([model, history], said, done)
        atomic_write(finished, said)
        for done_with in (state, whereabouts):
            done_with.unlink(missing_ok=True)

    # the history of a run that is trained again stays with its model and record until there are others
    as_it_goes = None if finished.exists() else history
    telling = TrainingProgress(run.id, as_it_goes, whereabouts) if writes else nullcontext()
    try:
        with StopSignals() as stop, telling as progress:
            saved = State(state, identity, config.save_minutes)
            trained = train_encoder(run, text, paths.tokens(config), dev, progress, saved, stop, device)
    except Diverged as divergence:
        if writes:
            said = {"step": divergence.step, "message": divergence.message}
            write_history(divergence.history, history)
            leave_no_weights(model, DIVERGED, said)
            finish({"diverged": said}, {})
        raise
    if writes:
        kept = {"weights": trained.encoder.fingerprint()}
        if config.suites_of(run.id):
            with atomic_path(model) as temporary:
                trained.encoder.save(temporary)
                known = {"data": data, "selected_step": trained.selected_step, **provenance.environment(device)}
                card.write(temporary, card.text(run, known))
            kept["model"] = origin(str(model), None).checksum
        else:
            leave_no_weights(model, NOT_KEPT, {"message": "It was a trial, of which the dev score alone is of use."})
        write_history(trained.history, history)
        finish(kept | {"selected_step": trained.selected_step}, trained.seconds)


def keep(files: Sequence[Path], record: str, place: Path) -> None:
    """Put finished files and their record into a folder, as links that take no room while the files are there."""
    with atomic_path(place) as temporary:
        temporary.mkdir()
        for file in files:
            link(file, temporary / file.name)
        (temporary / "run.json").write_text(record, encoding="utf-8")


def put_back(config: Config, run: Run, code_digest: str, data: dict[str, Any]) -> bool:
    """Whether a run was finished by this code on these data, and not gathered yet; then its files are there again."""
    done, folder = paths.finished(config, run.id), paths.run_folder(config, run.id)
    if not all((done / name).exists() for name in FINISHED):
        return False
    try:
        record = checked_record(done, run)
    except InputError as error:
        print(
            f"{run.id} is trained again, since what was kept of it is damaged: {error}", file=sys.stderr, flush=True
        )
        return False
    if (record["code"]["digest"], record["data"]) != (code_digest, data):
        return False
    if config.suites_of(run.id) and (done / "model" / NOT_KEPT).exists():
        return False
    for name in FINISHED:
        with atomic_path(folder / name) as temporary:
            link(done / name, temporary)
    for done_with in (paths.state(config, run.id), paths.progress(config, run.id)):
        done_with.unlink(missing_ok=True)
    print(f"{run.id} is trained already; delete {done} to train it again", file=sys.stderr, flush=True)
    return True


def checked_record(folder: Path, run: Run) -> dict[str, Any]:
    """The record in a folder of a finished run; InputError unless its history and model are those that it says."""
    record = read_run(folder / "run.json", run)
    read_history(folder / "history.csv", run, record)
    if "model" in record and origin(str(folder / "model"), None).checksum != record["model"]:
        raise damaged(folder / "model", "its files are others than run.json says")
    return record


def link(source: Path, target: Path) -> None:
    """A second name for a file, or for each file of a folder; a copy where the file system has no such links."""
    if source.is_dir():
        shutil.copytree(source, target, copy_function=lambda one, other: link(Path(one), Path(other)))
        return
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def leave_no_weights(model: Path, name: str, said: dict[str, Any]) -> None:
    """A model folder that holds one file, which says why."""
    with atomic_path(model) as temporary:
        temporary.mkdir()
        (temporary / name).write_text(json.dumps(said) + "\n", encoding="utf-8")


def data_of(config: Config) -> dict[str, Any]:
    """What a config's runs are trained on and selected by, with checksums."""
    text, source = paths.corpus(config), config.source
    checksum = corpus.checksum(text)
    with text.open("rb") as lines:
        sentences = sum(1 for _ in lines)
    return {
        "corpus": {"source": config.corpus, "sentences": sentences, "sha256": checksum},
        "dev": {"source": config.data, "name": source.dev_name, "sha256": source.checksums([])},
    }


def digest(checksums: Any) -> str:
    """16 hex digits for one or more checksums."""
    return hashlib.sha256(json.dumps(checksums, sort_keys=True).encode()).hexdigest()[:16]
