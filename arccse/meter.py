"""What is measured while a training goes on: losses, the dev score, geometry, and whether they are numbers at all."""

import math
import time
from collections.abc import Mapping
from typing import Any

import torch
from scipy.stats import spearmanr
from torch import Tensor

from arccse.data.readers import Pairs
from arccse.encoder import Encoder
from arccse.errors import Diverged, InputError
from arccse.geometry import alignment, positives, uniformity
from arccse.hyperparameters import Hyperparameters

LOSSES = ("loss", "loss_pair", "loss_triplet")


class Meter:
    """Losses since the last measurement, dev score and geometry, and the history they become.

    Attributes:
        rows: the history, a row for each measurement (`training.Trained`).
        seconds: wall time in training steps and in dev evaluations.
    """

    def __init__(self, encoder: Encoder, dev: Pairs, h: Hyperparameters):
        self.encoder, self.h, self.dev = encoder, h, dev
        self.ids = encoder.token_ids(dev.sentences)
        index = {sentence: i for i, sentence in enumerate(dev.sentences)}
        self.first = [index[sentence] for sentence in dev.first]
        self.second = [index[sentence] for sentence in dev.second]
        self.positive = torch.from_numpy(positives(dev.scores, dev.scale))
        self.rows: list[dict[str, Any]] = []
        self.seconds = {"training": 0.0, "dev": 0.0}
        self.step, self.learning_rate = 0, 0.0
        self.unmeasured: list[Tensor] = []
        self.restart()

    def restart(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.steps = 0
        self.started = time.perf_counter()

    def log(self) -> dict[str, Any]:
        """The history and the sums so far, for `resume`; JSON keeps every float as it is."""
        return {
            "rows": self.rows,
            "sums": {name: total.item() for name, total in self.sums.items()},
            "steps": self.steps,
            "elapsed": time.perf_counter() - self.started,
            "seconds": self.seconds,
        }

    def resume(self, log: dict[str, Any]) -> None:
        """Go on from what `log` gave."""
        self.rows, self.seconds, self.steps = log["rows"], log["seconds"], log["steps"]
        self.sums = {name: torch.tensor(total, device=self.encoder.device) for name, total in log["sums"].items()}
        self.started = time.perf_counter() - log["elapsed"]

    def add(self, step: int, learning_rate: float, losses: Mapping[str, Tensor], gradient_norm: Tensor) -> None:
        """Count one step; all numbers stay on the device, so that nothing waits for it."""
        self.step, self.learning_rate = step, learning_rate
        self.steps += 1
        for name, loss in losses.items():
            self.sums[name] = self.sums.get(name, 0) + loss.detach()
        self.unmeasured += [losses["loss"].detach(), gradient_norm]

    def fault(self) -> Diverged | None:
        """What is not finite: a loss or gradient since the last measurement, or the weights; None if all is.

        This waits for the device once.
        """
        if not self.unmeasured:
            return None
        with torch.no_grad():
            weights = torch.nn.utils.get_total_norm(self.encoder.parameters())
        *steps, weights_norm = torch.stack([*self.unmeasured, weights]).tolist()
        first = self.step - len(steps) // 2 + 1
        for i, value in enumerate(steps):
            if not math.isfinite(value):
                return self.diverged(first + i // 2, f"its {'gradient' if i % 2 else 'loss'} is {value}")
        if not math.isfinite(weights_norm):
            return self.diverged(self.step, f"the norm of its weights is {weights_norm}")
        return None

    def measure(self) -> float:
        """Append a row to the history and return its dev Spearman × 100.

        Raises:
            Diverged: it is not finite, or `fault` found something that is not.
        """
        if fault := self.fault():
            raise fault
        self.unmeasured = []
        row = self.row()
        elapsed = time.perf_counter() - self.started
        measuring = time.perf_counter()
        embeddings = self.encoder.encode_ids(self.ids, precision=self.h.precision)
        z = torch.nn.functional.normalize(torch.from_numpy(embeddings).double())
        first, second = z[self.first], z[self.second]
        cosines = (first * second).sum(1).numpy()
        constant = (cosines == cosines[0]).all()  # scipy would give NaN and print a warning
        row |= {
            "dev_spearman": math.nan if constant else 100 * float(spearmanr(cosines, self.dev.scores).statistic),
            "alignment": alignment(first[self.positive], second[self.positive]).item(),
            "uniformity": uniformity(z).item(),
            "sentences_per_second": self.steps * self.h.batch_size / elapsed if self.steps else math.nan,
        }
        if not math.isfinite(row["dev_spearman"]):
            why = "all dev pairs have the same cosine" if constant else "the embeddings are not finite"
            raise self.diverged(self.step, f"its dev score is not a number, since {why}", row)
        self.seconds["training"] += elapsed if self.steps else 0.0
        self.seconds["dev"] += time.perf_counter() - measuring
        self.rows.append(row)
        self.restart()
        return row["dev_spearman"]

    def row(self) -> dict[str, Any]:
        """What the history says of the steps since the row before."""
        losses = {name: self.sums[name].item() / self.steps if name in self.sums else math.nan for name in LOSSES}
        return {"step": self.step, **losses, "learning_rate": self.learning_rate}

    def diverged(self, step: int, found: str, row: dict[str, Any] | None = None) -> Diverged:
        return Diverged(step, found, self.h.suspects(), [*self.rows, row or self.row()])


def check_dev(dev: Pairs, name: str) -> None:
    """Raise InputError where rated pairs can't choose a checkpoint or have no positives.

    Args:
        dev: the pairs.
        name: what to call them.
    """
    if (dev.scores == dev.scores[0]).all():
        raise InputError(f"All pairs of {name} have the rating {dev.scores[0]:g}, so that they choose no checkpoint.")
    if not positives(dev.scores, dev.scale).any():
        low, high = dev.scale
        raise InputError(
            f"No pair of {name} has a rating in the top fifth of {low:g} to {high:g}: there are no positives."
        )
