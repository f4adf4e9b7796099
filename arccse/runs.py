"""Carry out one run of a config, and write the files that it leaves."""

import json
import time
from typing import Any

import torch

from arccse import code, paths, provenance
from arccse.checkpoint import StopSignals
from arccse.config import Config, Run
from arccse.distributed import Processes
from arccse.files import atomic_path, atomic_write, make_writable, sha256
from arccse.training import CPU, Progress
from arccse.training import train as train_encoder


def train(config: Config, run: Run, progress: Progress | None = None, device: torch.device = CPU) -> None:
    """Train a run on the config's corpus and write model/, history.csv and, last, run.json into its folder.

    An interrupted run goes on where it last saved its state.

    Raises:
        InputError: data are missing or damaged, or the folder can't be written.
        Interrupted: a signal came; the state is saved.
    """
    folder, source = paths.run_folder(config, run.id), config.source
    make_writable(folder)
    started = time.time()
    state = paths.state(config, run.id)
    with StopSignals() as stop:
        trained = train_encoder(
            run,
            paths.corpus(config),
            paths.tokens(config),
            source.dev(),
            progress,
            state,
            config.save_every,
            stop,
            device,
        )
    processes = Processes(device)
    if processes.rank > 0:  # one of them writes
        return
    with atomic_path(folder / "model") as temporary:
        trained.encoder.save(temporary)
    with atomic_path(folder / "history.csv") as temporary:
        trained.history.to_csv(temporary, index=False)
    record: dict[str, Any] = {
        "run": run.id,
        "hyperparameters": run.variant.canonical(),
        "seed": run.seed,
        "data": {
            "corpus": {
                "source": config.corpus,
                "sentences": trained.sentences,
                "sha256": sha256(paths.corpus(config)),
            },
            "dev": {
                "source": config.data,
                "name": source.dev_name,
                "sha256": source.checksums([]),
            },
        },
        "weights": trained.encoder.fingerprint(),
        "selected_step": trained.selected_step,
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(started)),
        "seconds": trained.seconds | {"total": time.time() - started},
        "code": code.of_training(run.variant)._asdict(),
        **provenance.environment(device),
        "processes": processes.count,
    }
    atomic_write(folder / "run.json", json.dumps(record, indent=1) + "\n")
    for finished_with in (state, *state.parent.glob(f".{state.stem}.*")):  # what a kill inside a save left as well
        finished_with.unlink(missing_ok=True)
