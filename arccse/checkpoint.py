"""What an interrupted training goes on from: everything that the next step depends on, in one safetensors file."""

import hashlib
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
from safetensors.torch import save_file
from torch import Tensor, nn

from arccse.errors import InputError, first_line
from arccse.files import atomic_path


@dataclass(frozen=True)
class Best:
    """The best checkpoint so far: its dev Spearman × 100, its step, the model's weights."""

    dev: float = -math.inf
    step: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class State:
    """The file that a training saves itself in.

    Attributes:
        path: of the file.
        identity: what the training is of (run, corpus, …), by name; a state that says otherwise is refused.
        minutes: between two saves; 0: after each step.
    """

    path: Path
    identity: Mapping[str, str]
    minutes: float

    def save(
        self, step: int, model: nn.Module, optimizer: torch.optim.Optimizer, best: Best, log: Mapping[str, Any]
    ) -> None:
        """Write the state after `step` steps, whole or not at all: a kill leaves the state before.

        Args:
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
        tensors = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
        content = {"step": step, "best_dev": best.dev, "best_step": best.step, "log": log, "identity": self.identity}
        said = json.dumps(content)
        with atomic_path(self.path) as temporary:
            save_file(tensors, temporary, {"state": said, "sha256": checksum(tensors, said)})

    def load(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[int, Best, dict[str, Any]]:
        """Put back what `save` wrote into a model and an optimizer; return (step, best, log).

        Both are left as they were unless all of the file is what it should be.

        Raises:
            InputError: the file is damaged, of another training, or does not fit the model or optimizer.
        """
        try:
            with safe_open(self.path, framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise self.unusable(f"it is damaged ({first_line(error).rstrip('.')})") from error
        if not {"state", "sha256"} <= metadata.keys():
            raise self.unusable("it is of another version of arccse")
        if checksum(tensors, metadata["state"]) != metadata["sha256"]:
            raise self.unusable("it is damaged (its checksum is another)")
        said = json.loads(metadata["state"])
        for name in {**said["identity"], **self.identity}:
            theirs, ours = (known.get(name, "not recorded") for known in (said["identity"], self.identity))
            if theirs != ours:
                raise self.unusable(f"its {name} is {theirs}, that of this training {ours}")
        best_weights, moments = part(tensors, "best."), part(tensors, "optimizer.")
        try:
            check_weights(part(tensors, "model."), model)
            if best_weights:
                check_weights(best_weights, model)
            check_moments(moments, optimizer)
        except ValueError as error:
            raise self.unusable(str(error)) from error

        model.load_state_dict(part(tensors, "model."))
        states: dict[int, dict[str, Tensor]] = {}
        for name, value in moments.items():
            i, _, key = name.partition(".")
            states.setdefault(int(i), {})[key] = value
        optimizer.load_state_dict({"state": states, "param_groups": optimizer.state_dict()["param_groups"]})
        return said["step"], Best(said["best_dev"], said["best_step"], best_weights), said["log"]

    def unusable(self, why: str) -> InputError:
        return InputError(f"The training state {self.path} can't be used: {why}. Delete it to start anew.")


def checksum(tensors: Mapping[str, Tensor], said: str) -> str:
    """sha256 of a text and of tensors on the CPU: names, types, shapes and bytes."""
    digest = hashlib.sha256(said.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def check_weights(found: Mapping[str, Tensor], model: nn.Module) -> None:
    """Raise ValueError unless these are the model's weights by name, shape and type, and finite."""
    check_shapes(found, model.state_dict(), "weight")
    for name, weight in found.items():
        if not weight.isfinite().all():
            raise ValueError(f"its weight '{name}' is not finite")


def check_moments(found: Mapping[str, Tensor], optimizer: torch.optim.Optimizer) -> None:
    """Raise ValueError unless these are AdamW's moments, `<i>.<name>`, of parameters that the optimizer has.

    A parameter that nothing reads, such as BERT's pooler, has none.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    count = torch.zeros((), dtype=torch.float32)
    expected = {f"{i}.step": count for i in range(len(parameters))}
    expected |= {f"{i}.{name}": p for i, p in enumerate(parameters) for name in ("exp_avg", "exp_avg_sq")}
    numbers = {name.partition(".")[0] for name in found}
    check_shapes(found, {k: v for k, v in expected.items() if k.partition(".")[0] in numbers}, "moment")


def check_shapes(found: Mapping[str, Tensor], expected: Mapping[str, Tensor], kind: str) -> None:
    for name in {**expected, **found}:
        if name not in found:
            raise ValueError(f"it lacks the {kind} '{name}'")
        if name not in expected:
            raise ValueError(f"its {kind} '{name}' is none of this model's")
        if (found[name].shape, found[name].dtype) != (expected[name].shape, expected[name].dtype):
            shapes = [f"{tuple(tensor.shape)} {tensor.dtype}" for tensor in (found[name], expected[name])]
            raise ValueError(f"its {kind} '{name}' is {shapes[0]} and must be {shapes[1]}")


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
