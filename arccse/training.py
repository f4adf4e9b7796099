"""The training loop: SimCSE's recipe, with ArcCon and the triplet objective where a variant asks for them."""

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.stats import spearmanr
from torch import Tensor

from arccse import checkpoint, objectives
from arccse.checkpoint import Best, StopSignals
from arccse.config import Hyperparameters, Run
from arccse.encoder import Encoder, load, pick_device, without_dropout
from arccse.errors import Interrupted
from arccse.evaluation.sources import Pairs
from arccse.geometry import alignment, uniformity
from arccse.masking import nested_masks

# Streams of random numbers drawn from a run's seed, so that none depends on how much another has used.
ORDER, MASKS = 0, 1


@dataclass(frozen=True)
class Trained:
    """What a training leaves.

    Attributes:
        encoder: the checkpoint with the best dev score.
        history: a row for each measured step: step, loss, loss_pair, loss_triplet (means over the steps since the
            row before), learning_rate, dev_spearman (× 100), alignment, uniformity, sentences_per_second.
        selected_step: the step of that checkpoint.
        seconds: wall time in training steps and in dev evaluations.
    """

    encoder: Encoder
    history: pd.DataFrame
    selected_step: int
    seconds: dict[str, float]


Progress = Callable[[int, int, dict[str, float]], object]


def train(
    run: Run,
    sentences: list[str],
    dev: Pairs,
    progress: Progress | None = None,
    state: Path | None = None,
    save_every: int = 100,
    stop: StopSignals | None = None,
) -> Trained:
    """Train one run and keep the checkpoint with the best dev Spearman.

    Args:
        run: the variant and its seed; together with the corpus, the dev set and the number of threads they decide
            every number but the timings.
        sentences: the corpus.
        dev: rated pairs for selection and geometry.
        progress: called after each step with (step, steps, the latest measurements).
        state: where the training saves what it needs to go on after an interruption, and goes on from if it is
            there; the numbers are those of an uninterrupted training.
        save_every: steps between two saves.
        stop: signals to stop at: after the step under way, with the state saved.

    Raises:
        InputError: fewer sentences than a batch, or a state that can't be written or used.
        Interrupted: a signal came.
    """
    h = run.variant.hyperparameters
    steps = h.steps(len(sentences))
    torch.manual_seed(run.seed)
    encoder = load(
        run.variant.model, h.pooling, revision=run.variant.revision, head=h.head == "mlp", dropout=h.dropout
    ).to(pick_device())
    optimizer = torch.optim.AdamW(parameter_groups(encoder, h.weight_decay), lr=h.learning_rate, fused=True)
    factor = linear_decay(steps, math.ceil(h.warmup_ratio * steps))
    meter, best, done = Meter(encoder, dev, h), Best(), 0
    if state and state.is_file():
        done, best, log = checkpoint.load(state, encoder, optimizer)
        meter.resume(log)
    else:
        meter.measure(step=0, learning_rate=0.0)

    encoder.train()
    for step, rows in enumerate(batches(len(sentences), h.batch_size, run.seed, done, steps), start=done + 1):
        ids = encoder.token_ids([sentences[i] for i in rows], h.max_length)
        learning_rate = h.learning_rate * factor(step - 1)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate
        losses = losses_of_batch(encoder, ids, h, np.random.default_rng([run.seed, MASKS, step]))
        losses["loss"].backward()
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), h.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad()
        meter.add(losses)

        select = step % h.eval_every == 0 or step == steps
        if select or step % h.geometry_every == 0:
            dev_spearman = meter.measure(step, learning_rate)
            if select and dev_spearman > best.dev:
                best = Best(dev_spearman, step, copy.deepcopy(encoder.transformer.state_dict()))
        if progress:
            progress(step, steps, meter.latest)
        if state and (step % save_every == 0 or (stop and stop.received)):
            checkpoint.save(state, step, encoder, optimizer, best, meter.log())
        if stop and stop.received:
            raise Interrupted(f"{run.id} stopped after step {step} of {steps}.", status=128 + stop.received)
    if best.weights:
        encoder.transformer.load_state_dict(best.weights)
    return Trained(encoder.eval(), pd.DataFrame(meter.rows), best.step, meter.seconds)


def losses_of_batch(
    encoder: Encoder, ids: list[list[int]], h: Hyperparameters, rng: np.random.Generator
) -> dict[str, Tensor]:
    """ℓ_pair + λ ℓ_tri of one batch of token ids: {"loss", "loss_pair", "loss_triplet"}, scalars.

    Source: SimCSE section 3 for the two dropout views; ArcCSE for the sum.
    """
    input_ids, attention_mask = encoder.batch(ids)
    with torch.autocast(encoder.device.type, dtype=torch.bfloat16, enabled=h.precision == "bf16"):
        # Both views in one pass: every row of it has a dropout mask of its own.
        z, z_pos = encoder.project(encoder(input_ids.repeat(2, 1), attention_mask.repeat(2, 1))).chunk(2)
        if h.objective == "arccon":
            pair = objectives.arccon(z, z_pos, h.temperature, h.margin_radians)
        else:
            pair = objectives.nt_xent(z, z_pos, h.temperature)
        if h.triplet_weight == 0:
            return {"loss": pair, "loss_pair": pair}
        triplet = triplet_of_batch(encoder, input_ids, attention_mask, h, rng)
    return {"loss": pair + h.triplet_weight * triplet, "loss_pair": pair, "loss_triplet": triplet}


def triplet_of_batch(
    encoder: Encoder, input_ids: Tensor, attention_mask: Tensor, h: Hyperparameters, rng: np.random.Generator
) -> Tensor:
    """ℓ_tri of the batch's sentences that are long enough for two distinct masks; 0 if none is."""
    special = torch.isin(input_ids, torch.tensor(encoder.tokenizer.all_special_ids, device=input_ids.device))
    near, far = nested_masks(attention_mask.bool() & ~special, *h.mask_ratios, rng)
    kept = near.any(1)
    if not kept.any():
        return torch.zeros((), device=input_ids.device)
    mask_id = encoder.tokenizer.mask_token_id
    views = torch.cat([input_ids, input_ids.masked_fill(near, mask_id), input_ids.masked_fill(far, mask_id)])
    rows = kept.repeat(3)
    if h.triplet_dropout:
        z = encoder.project(encoder(views[rows], attention_mask.repeat(3, 1)[rows]))
    else:
        with without_dropout(encoder):
            z = encoder.project(encoder(views[rows], attention_mask.repeat(3, 1)[rows]))
    whole, z_near, z_far = z.chunk(3)
    return objectives.triplet(whole, z_near, z_far, h.triplet_margin)


class Meter:
    """Losses since the last measurement, dev score and geometry, and the history they become."""

    def __init__(self, encoder: Encoder, dev: Pairs, h: Hyperparameters):
        self.encoder, self.h, self.dev = encoder, h, dev
        self.sentences = list(dict.fromkeys(dev.first + dev.second))
        index = {sentence: i for i, sentence in enumerate(self.sentences)}
        self.first = [index[sentence] for sentence in dev.first]
        self.second = [index[sentence] for sentence in dev.second]
        lowest, highest = dev.scale
        # The top fifth of the scale is STS-B's "above 4 of 5" (SimCSE, section 3).
        self.positive = torch.from_numpy(dev.scores > lowest + 0.8 * (highest - lowest))
        self.rows: list[dict[str, float]] = []
        self.latest: dict[str, float] = {}
        self.seconds = {"training": 0.0, "dev": 0.0}
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
        self.latest = self.rows[-1]

    def add(self, losses: dict[str, Tensor]) -> None:
        """Count one step; the sums stay on the device, so that nothing waits for it."""
        self.steps += 1
        for name, loss in losses.items():
            self.sums[name] = self.sums.get(name, 0) + loss.detach()

    def measure(self, step: int, learning_rate: float) -> float:
        """Append a row to the history and return its dev Spearman × 100."""
        row: dict[str, Any] = {"step": step}
        for name in ("loss", "loss_pair", "loss_triplet"):
            row[name] = self.sums[name].item() / self.steps if name in self.sums else math.nan
        elapsed = time.perf_counter() - self.started
        measuring = time.perf_counter()
        z = torch.nn.functional.normalize(torch.from_numpy(self.encoder.encode(self.sentences)).double())
        first, second = z[self.first], z[self.second]
        row |= {
            "learning_rate": learning_rate,
            "dev_spearman": 100 * float(spearmanr((first * second).sum(1), self.dev.scores).statistic),
            "alignment": alignment(first[self.positive], second[self.positive]).item(),
            "uniformity": uniformity(z).item(),
            "sentences_per_second": self.steps * self.h.batch_size / elapsed if self.steps else math.nan,
        }
        self.seconds["training"] += elapsed if self.steps else 0.0
        self.seconds["dev"] += time.perf_counter() - measuring
        self.rows.append(row)
        self.latest = row
        self.restart()
        return row["dev_spearman"]


def batches(corpus_size: int, batch_size: int, seed: int, done: int, steps: int) -> Iterator[np.ndarray]:
    """Arrays of `batch_size` row numbers for the steps after `done`, up to `steps`; (seed, epoch) decides an epoch's
    order."""
    per_epoch = corpus_size // batch_size
    for step in range(done, steps):
        epoch, position = divmod(step, per_epoch)
        if position == 0 or step == done:
            order = np.random.default_rng([seed, ORDER, epoch]).permutation(corpus_size)
        yield order[position * batch_size : (position + 1) * batch_size]


def parameter_groups(encoder: Encoder, weight_decay: float) -> list[dict[str, Any]]:
    """Weights decay, biases and layer norms do not, as in transformers' Trainer."""
    parameters = list(encoder.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def linear_decay(steps: int, warmup_steps: int) -> Callable[[int], float]:
    """Factor of the learning rate before step `done` + 1: up to 1 over the warm-up, then down to 0 at the end."""

    def factor(done: int) -> float:
        if done < warmup_steps:
            return done / warmup_steps
        return max(0.0, (steps - done) / max(1, steps - warmup_steps))

    return factor
