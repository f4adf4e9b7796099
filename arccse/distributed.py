"""Several processes that train one run: each encodes its share of every batch, all compute the same loss.

`accelerate launch` starts them. A process alone passes through here without any communication.
"""

import os

import torch
from accelerate import PartialState
from accelerate.utils import gather, reduce
from torch import Tensor, nn

from arccse.errors import InputError


def is_first() -> bool:
    """Whether this process is alone, or the first of those that a launcher started; known before they have met."""
    return os.environ.get("RANK", "0") == "0"


class Processes:
    """This process among those that train a run together.

    Attributes:
        count: how many there are.
        rank: this one's number, from 0. Only process 0 writes files.
    """

    def __init__(self, device: torch.device):
        """Raises InputError where `accelerate launch --cpu` was to start several processes: it starts one."""
        state = PartialState(cpu=device.type == "cpu")
        # it tells several processes where to meet, and then leaves it to MPI to start more than one
        told = {"ACCELERATE_USE_CPU", "MASTER_PORT"} <= os.environ.keys() and "WORLD_SIZE" not in os.environ
        if told and state.num_processes == 1:
            raise InputError(
                "accelerate launch --cpu started one process of several; --multi_gpu starts all, on CPUs as well."
            )
        self.count, self.rank, self.device = state.num_processes, state.process_index, device

    def share(self, batch_size: int) -> range:
        """The rows of a batch that this process encodes.

        Raises:
            InputError: the batch can't be cut into equal shares.
        """
        if batch_size % self.count:
            raise InputError(f"batch_size = {batch_size} is not a multiple of the {self.count} processes.")
        own = batch_size // self.count
        return range(self.rank * own, (self.rank + 1) * own)

    def gather(self, z: Tensor) -> Tensor:
        """(k, N, d) of the whole batch from this process' (k, n, d); gradients flow into this process' rows alone.

        Every process then computes the loss of the whole batch, and the sum over the processes of its gradients is
        the gradient that one process would have (`sum_gradients`).
        """
        if self.count == 1:
            return z
        parts = list(gather(z.detach().unsqueeze(0)))
        parts[self.rank] = z
        return torch.cat(parts, dim=1)

    def sum_gradients(self, module: nn.Module) -> None:
        """Replace each gradient by its sum over the processes."""
        if self.count > 1:
            for parameter in module.parameters():
                if parameter.grad is not None:
                    parameter.grad = reduce(parameter.grad, "sum")

    def any(self, value: bool) -> bool:
        """Whether a value is true in any process; the answer is the same in all of them."""
        return value if self.count == 1 else bool(reduce(torch.tensor([float(value)], device=self.device), "max") > 0)
