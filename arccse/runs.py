"""Carry out one run of a config, and write the files that it leaves."""

import hashlib
import json
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch

from arccse import code, paths, provenance
from arccse.checkpoint import State, StopSignals
from arccse.config import Config
from arccse.data import corpus
from arccse.distributed import Processes
from arccse.errors import Diverged
from arccse.files import atomic_path, atomic_write, make_writable, sweep
from arccse.models import DIVERGED, NOT_KEPT, origin
from arccse.progress import TrainingProgress, write_history
from arccse.training import CPU
from arccse.training import train as train_encoder
from arccse.variants import Run


def train(config: Config, run: Run, device: torch.device = CPU) -> None:
    """Train a run on the config's corpus and write history.csv, model/ and, last, run.json into its folder.

    An interrupted run goes on where it last saved its state. One that diverges leaves the same files: its history, a
    model/ that holds diverged.json alone, and a run.json that says so. Of a trial, which is scored on nothing, the
    weights are not kept either.

    Raises:
        InputError: data are missing or damaged, or a file can't be written.
        Interrupted: a signal came; the state is saved.
        Diverged: there is no model, since the training's numbers are not finite.
    """
    folder, text, processes = paths.run_folder(config, run.id), paths.corpus(config), Processes(device)
    state, whereabouts = paths.state(config, run.id), paths.progress(config, run.id)
    model, history, finished = folder / "model", folder / "history.csv", folder / "run.json"
    make_writable(folder)
    writes = processes.rank == 0  # one of several processes
    if writes:
        sweep(model, history, finished, state, whereabouts)
    started, dev, data = time.time(), config.source.dev(), data_of(config)
    made_by = code.of_training(run.variant)
    identity = {"run": run.id, "code": made_by.digest} | {name: digest(part["sha256"]) for name, part in data.items()}

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
        atomic_write(finished, json.dumps(record, indent=1) + "\n")
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
            kept["model"] = origin(str(model), None).checksum
        else:
            leave_no_weights(model, NOT_KEPT, {"message": "It was a trial, of which the dev score alone is of use."})
        write_history(trained.history, history)
        finish(kept | {"selected_step": trained.selected_step}, trained.seconds)


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
