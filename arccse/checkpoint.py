"""What an interrupted training goes on from: everything that the next step depends on, in one safetensors file."""

import errno
import json
import math
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from arccse.errors import InputError, first_line
from arccse.files import atomic_path


@dataclass(frozen=True)
class Best:
    """The best checkpoint so far: its dev Spearman × 100, its step, its weights."""

    dev: float = -math.inf
    step: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)


def save(
    path: Path, step: int, model: nn.Module, optimizer: torch.optim.Optimizer, best: Best, log: Mapping[str, Any]
) -> None:
    """Write the state after `step` steps, whole or not at all: a kill leaves the state before.

    Args:
        path: the file.
        step: steps done. Batches, masks and dropout follow from it and the seed.
        model: with every trained weight.
        optimizer: over the model's parameters.
        best: the best checkpoint so far.
        log: JSON: what else the training needs to go on with.

    Raises:
        InputError: the file can't be written, as on a full disk; the state before stays.
    """
    moments = {
        f"optimizer.{i}.{name}": value
        for i, state in optimizer.state_dict()["state"].items()
        for name, value in state.items()
    }
    tensors = {
        **{f"model.{name}": weight for name, weight in model.state_dict().items()},
        **{f"best.{name}": weight for name, weight in best.weights.items()},
        **moments,
    }
    said = json.dumps({"step": step, "best_dev": best.dev, "best_step": best.step, "log": dict(log)})
    try:
        with atomic_path(path) as temporary:
            save_file(tensors, temporary, {"state": said})
    except (OSError, SafetensorError) as error:
        full = getattr(error, "errno", None) == errno.ENOSPC or "No space left" in str(error)
        why = "the disk is full" if full else first_line(error).rstrip(".")
        raise InputError(
            f"The training state {path} can't be written: {why}; the state before it is kept."
        ) from error


def load(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[int, Best, dict[str, Any]]:
    """Put back what `save` wrote into a model and an optimizer; return (step, best, log).

    Raises:
        InputError: the file is damaged or of another model.
    """
    try:
        with safe_open(path, framework="pt") as file:
            said = json.loads(file.metadata()["state"])
        tensors = load_file(path)
        model.load_state_dict(part(tensors, "model."))
    except (OSError, SafetensorError, RuntimeError, KeyError, TypeError, ValueError) as error:
        why = first_line(error)
        raise InputError(f"The training state {path} can't be used: {why} Delete it to start anew.") from error
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in part(tensors, "optimizer.").items():
        i, _, key = name.partition(".")
        moments.setdefault(int(i), {})[key] = value
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
    return said["step"], Best(said["best_dev"], said["best_step"], part(tensors, "best.")), said["log"]


def part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with a prefix, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


class StopSignals:
    """While active, SIGINT and SIGTERM are noted in `received` instead of breaking into a step."""

    def __init__(self) -> None:
        self.received: int | None = None

    def __enter__(self) -> "StopSignals":
        self.before = {number: signal.signal(number, self.note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def note(self, number: int, _frame: FrameType | None) -> None:
        self.received = number

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)
