"""The training loop: SimCSE's recipe, with ArcCon and the triplet objective where a variant asks for them."""

import copy
import math
import signal
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from scipy.stats import spearmanr
from torch import Tensor

from arccse import checkpoint, objectives
from arccse.batches import Views, rows_of_steps, seed_dropout, views_of
from arccse.checkpoint import Best, StopSignals
from arccse.config import Run
from arccse.data.readers import Pairs
from arccse.data.tokens import tokenised
from arccse.distributed import Processes
from arccse.encoder import Encoder, load_encoder, without_dropout
from arccse.errors import Interrupted
from arccse.geometry import alignment, positives, uniformity
from arccse.hyperparameters import Hyperparameters

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Trained:
    """What a training leaves.

    Attributes:
        encoder: the checkpoint with the best dev score.
        history: a row for each measured step: step, loss, loss_pair, loss_triplet (means over the steps since the
            row before), learning_rate, dev_spearman (× 100), alignment, uniformity, sentences_per_second.
        selected_step: the step of that checkpoint.
        seconds: wall time in training steps and in dev evaluations.
        sentences: in the corpus.
    """

    encoder: Encoder
    history: pd.DataFrame
    selected_step: int
    seconds: dict[str, float]
    sentences: int


Progress = Callable[[int, int, dict[str, float]], object]


def train(
    run: Run,
    text: Path,
    stores: Path,
    dev: Pairs,
    progress: Progress | None = None,
    state: Path | None = None,
    save_every: int = 100,
    stop: StopSignals | None = None,
    device: torch.device = CPU,
) -> Trained:
    """Train one run and keep the checkpoint with the best dev Spearman.

    Several processes that `accelerate launch` started train it together, each on its share of every batch.

    Args:
        run: the variant and its seed; together with the corpus, the dev set and the number of threads they decide
            every number but the timings.
        text: the corpus, a sentence a line.
        stores: folder for its token ids (`corpus.tokenised`).
        dev: rated pairs for selection and geometry.
        progress: called after each step with (step, steps, the latest measurements).
        state: where the training saves what it needs to go on after an interruption, and goes on from if it is
            there; the numbers are those of an uninterrupted training.
        save_every: steps between two saves.
        stop: signals to stop at: after the step under way, with the state saved.
        device: where to compute.

    Raises:
        InputError: fewer sentences than a batch, a batch that the processes can't share, or a state that can't be
            written or used.
        Interrupted: a signal came.
    """
    h, processes = run.variant.hyperparameters, Processes(device)
    torch.manual_seed(run.seed)
    encoder = load_encoder(
        run.variant.model, h.pooling, revision=run.variant.revision, head=h.head == "mlp", dropout=h.dropout
    ).to(device)
    corpus = tokenised(text, encoder.tokenizer, h.max_length, stores)
    steps, own = h.steps(len(corpus)), processes.share(h.batch_size)
    optimizer = torch.optim.AdamW(parameter_groups(encoder, h.weight_decay), lr=h.learning_rate, fused=True)
    factor = linear_decay(steps, math.ceil(h.warmup_ratio * steps))
    meter, best, done = Meter(encoder, dev, h), Best(), 0
    if state and state.is_file():
        done, best, log = checkpoint.load(state, encoder, optimizer)
        meter.resume(log)
    else:
        meter.measure(step=0, learning_rate=0.0)

    encoder.train()
    for step, rows in enumerate(rows_of_steps(len(corpus), h.batch_size, run.seed, done, steps), start=done + 1):
        learning_rate = h.learning_rate * factor(step - 1)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate
        views = views_of(encoder, corpus, rows, h, run.seed, step)
        losses = backward(encoder, views, own, h, partial(seed_dropout, run.seed, step), processes)
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
        stopping = processes.any(bool(stop and stop.received))
        if state and processes.rank == 0 and (step % save_every == 0 or stopping):
            checkpoint.save(state, step, encoder, optimizer, best, meter.log())
        if stopping:
            status = 128 + ((stop and stop.received) or signal.SIGTERM)
            raise Interrupted(f"{run.id} stopped after step {step} of {steps}.", status)
    if best.weights:
        encoder.transformer.load_state_dict(best.weights)
    return Trained(encoder.eval(), pd.DataFrame(meter.rows), best.step, meter.seconds, len(corpus))


def backward(
    encoder: Encoder,
    views: Views,
    own: range,
    h: Hyperparameters,
    seed_dropout: Callable[[int], None],
    processes: Processes,
) -> dict[str, Tensor]:
    """Add the gradient of a batch's loss to the parameters; return the losses.

    In chunks, the embeddings are computed twice: without a graph for the loss and its gradient with respect to them,
    which needs the whole batch, then chunk by chunk with a graph that this gradient goes back through.

    Args:
        encoder: in training mode.
        views: of the whole batch.
        own: the rows that this process encodes.
        h: hyperparameters.
        seed_dropout: called with a chunk's first row before the chunk is encoded.
        processes: those that share the batch.

    Source: Gao et al., "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup", RepL4NLP 2021.
    """
    size = h.chunk_size or len(own)
    chunks = [slice(row, min(row + size, own.stop)) for row in range(own.start, own.stop, size)]

    def embed_chunk(rows: slice) -> Tensor:
        seed_dropout(rows.start)
        return embed(encoder, views.input_ids[:, rows], views.attention_mask[:, rows], h)

    with torch.set_grad_enabled(len(chunks) == 1):
        z = torch.cat([embed_chunk(rows) for rows in chunks], dim=1)
    if len(chunks) == 1:
        losses = losses_of(processes.gather(z), views.ordered, h)
        losses["loss"].backward()
    else:
        losses = losses_of(processes.gather(z.requires_grad_()), views.ordered, h)
        (gradient,) = torch.autograd.grad(losses["loss"], z)
        for rows in chunks:
            embed_chunk(rows).backward(gradient[:, rows.start - own.start : rows.stop - own.start])
    processes.sum_gradients(encoder)
    return losses


def embed(encoder: Encoder, input_ids: Tensor, attention_mask: Tensor, h: Hyperparameters) -> Tensor:
    """(k, n, d): k views of n sentences, (k, n, L) ids, through encoder and head.

    The pair's two views are under dropout; the triplet's three, if there are any, as `h` says.

    Source: SimCSE section 3 for the two dropout views.
    """

    def encode(views: slice) -> Tensor:
        ids, attended = input_ids[views], attention_mask[views]
        z = encoder.project(encoder.forward_in_groups(ids.flatten(0, 1), attended.flatten(0, 1)))
        return z.unflatten(0, ids.shape[:2])

    with torch.autocast(encoder.device.type, dtype=torch.bfloat16, enabled=h.precision == "bf16"):
        pair = encode(slice(0, 2))
        if len(input_ids) == 2:
            return pair
        with nullcontext() if h.triplet_dropout else without_dropout(encoder):
            return torch.cat([pair, encode(slice(2, 5))])


def losses_of(z: Tensor, ordered: Tensor | None, h: Hyperparameters) -> dict[str, Tensor]:
    """ℓ_pair + λ ℓ_tri of a batch: {"loss", "loss_pair", "loss_triplet"}, scalars.

    Args:
        z: (k, N, d) embeddings of the batch's views.
        ordered: (N,) bool, the sentences that take part in the triplet objective.
        h: hyperparameters.

    Source: ArcCSE for the sum.
    """
    pair = objectives.pair_loss(h.objective, z[0], z[1], dict(h) | {"margin": h.margin_radians})
    if h.triplet_weight == 0:
        return {"loss": pair, "loss_pair": pair}
    whole, near, far = z[2:, ordered]
    triplet = objectives.triplet(whole, near, far, h.triplet_margin)
    return {"loss": pair + h.triplet_weight * triplet, "loss_pair": pair, "loss_triplet": triplet}


class Meter:
    """Losses since the last measurement, dev score and geometry, and the history they become."""

    def __init__(self, encoder: Encoder, dev: Pairs, h: Hyperparameters):
        self.encoder, self.h, self.dev = encoder, h, dev
        self.sentences = dev.sentences
        index = {sentence: i for i, sentence in enumerate(self.sentences)}
        self.first = [index[sentence] for sentence in dev.first]
        self.second = [index[sentence] for sentence in dev.second]
        self.positive = torch.from_numpy(positives(dev.scores, dev.scale))
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
