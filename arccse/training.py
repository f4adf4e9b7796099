"""The training loop: SimCSE's recipe, with ArcCon and the triplet objective where a variant asks for them."""

import copy
import math
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from arccse.batches import Views, drawn_negatives, rows_of_steps, seed_dropout, seed_of, views_of
from arccse.checkpoint import Best, State, StopSignals
from arccse.data import corpus
from arccse.data.readers import Pairs
from arccse.data.tokens import tokenised
from arccse.distributed import Processes
from arccse.encoder import Encoder, load_encoder, products_in, without_dropout
from arccse.errors import Interrupted
from arccse.hyperparameters import STREAMS, Hyperparameters
from arccse.meter import Meter, check_dev
from arccse.objectives import pair_loss
from arccse.objectives.triplets import triplet
from arccse.variants import Run
from arccse.whitening import whiten

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Trained:
    """What a training leaves.

    Attributes:
        encoder: the checkpoint with the best dev score, whitened where the variant says so; all else is of before.
        history: a row for each measured step: step, loss, loss_pair, loss_triplet (means over the steps since the
            row before), learning_rate, dev_spearman (× 100), alignment, uniformity, sentences_per_second.
        selected_step: the step of that checkpoint.
        seconds: wall time in training steps and in dev evaluations.
    """

    encoder: Encoder
    history: pd.DataFrame
    selected_step: int
    seconds: dict[str, float]


Progress = Callable[[int, int, Sequence[dict[str, Any]]], object]


def train(
    run: Run,
    text: Path,
    stores: Path,
    dev: Pairs,
    progress: Progress | None = None,
    state: State | None = None,
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
        progress: called before the first step and after each with (steps done, steps, the rows of the history).
        state: where the training saves what it needs to go on after an interruption, and goes on from if it is
            there; the numbers are those of an uninterrupted training. It is saved after the last step as well, so
            that the training need not be done again if its model can't be written.
        stop: signals to stop at: after the step under way, with the state saved.
        device: where to compute.

    Raises:
        InputError: fewer sentences than a batch, a batch that the processes can't share, dev pairs that choose
            nothing, or a state that can't be written or used.
        Interrupted: a signal came.
        Diverged: losses, gradients, weights or a dev score are not finite. They are looked at when something is
            measured, so that no step waits for the device, and before a state is saved: none is that is not finite.
    """
    h, processes = run.variant.hyperparameters, Processes(device)
    check_dev(dev, run.variant.dev)
    seeds = {stream: seed_of(stream, h, run.seed) for stream in STREAMS}
    torch.manual_seed(seeds["head"])
    encoder = load_encoder(
        run.variant.model, h.pooling, revision=run.variant.revision, head=h.head == "mlp", dropout=h.dropout
    ).to(device)
    columns = [
        tokenised(text, encoder.tokenizer, h.max_length, stores, column)
        for column in corpus.columns(run.variant.corpus)
    ]
    steps, own = h.steps(len(columns[0])), processes.share(h.batch_size)
    if h.head == "kept" and steps:
        encoder.keep_head()
    optimizer = torch.optim.AdamW(parameter_groups(encoder, h.weight_decay), lr=h.learning_rate, fused=True)
    factor = linear_decay(steps, math.ceil(h.warmup_ratio * steps))
    meter, best, done = Meter(encoder, dev, h), Best(), 0
    if state and state.path.is_file():
        done, best, log = state.load(encoder, optimizer)
        meter.resume(log)
    else:
        meter.measure()
    if progress:
        progress(done, steps, meter.rows)

    encoder.train()
    saved = time.monotonic()
    for step, rows in enumerate(
        rows_of_steps(len(columns[0]), h.batch_size, seeds["order"], done, steps), start=done + 1
    ):
        learning_rate = h.learning_rate * factor(step - 1)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate
        views = views_of(encoder, columns, rows, h, run.seed, step)
        generator = drawn_negatives(seeds["negatives"], step)
        losses = backward(encoder, views, own, h, partial(seed_dropout, seeds["dropout"], step), processes, generator)
        gradient_norm = torch.nn.utils.clip_grad_norm_(encoder.parameters(), h.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad()
        meter.add(step, learning_rate, losses, gradient_norm)

        select = step % h.eval_every == 0 or step == steps
        if select or step % h.geometry_every == 0:
            dev_spearman = meter.measure()
            if select and dev_spearman > best.dev:
                best = Best(dev_spearman, step, copy.deepcopy(encoder.state_dict()))
        stopping = processes.any(bool(stop and stop.received))
        if state and processes.rank == 0:
            due = time.monotonic() - saved >= 60 * state.minutes
            if (due or step == steps or stopping) and not meter.fault():
                state.save(step, encoder, optimizer, best, meter.log())
                saved = time.monotonic()
        if progress:
            progress(step, steps, meter.rows)
        if stopping:
            status = 128 + ((stop and stop.received) or signal.SIGTERM)
            raise Interrupted(f"{run.id} stopped after step {step} of {steps}.", status)
    if best.weights:
        encoder.load_state_dict(best.weights)
    if h.whitening:
        whiten(encoder, text)
    return Trained(encoder.eval(), pd.DataFrame(meter.rows), best.step, meter.seconds)


def backward(
    encoder: Encoder,
    views: Views,
    own: range,
    h: Hyperparameters,
    seed_dropout: Callable[[int], None],
    processes: Processes,
    generator: torch.Generator,
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
        generator: of what the objective draws.

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
        losses = losses_of(processes.gather(z), views.ordered, h, generator)
        losses["loss"].backward()
    else:
        losses = losses_of(processes.gather(z.requires_grad_()), views.ordered, h, generator)
        (gradient,) = torch.autograd.grad(losses["loss"], z)
        for rows in chunks:
            embed_chunk(rows).backward(gradient[:, rows.start - own.start : rows.stop - own.start])
    processes.sum_gradients(encoder)
    return losses


def embed(encoder: Encoder, input_ids: Tensor, attention_mask: Tensor, h: Hyperparameters) -> Tensor:
    """(k, n, d): k views of n sentences, (k, n, L) ids, through encoder and head.

    The pair's views are under dropout; the triplet's three, if there are any, as `h` says.

    Source: SimCSE section 3 for the two dropout views.
    """

    def encode(views: slice) -> Tensor:
        ids, attended = input_ids[views], attention_mask[views]
        z = encoder.project(encoder.forward_in_groups(ids.flatten(0, 1), attended.flatten(0, 1)))
        return z.unflatten(0, ids.shape[:2])

    with products_in(h.precision, encoder.device):
        contrasted = len(input_ids) - masked_views(h)
        pair = encode(slice(0, contrasted))
        if not masked_views(h):
            return pair
        with nullcontext() if h.triplet_dropout else without_dropout(encoder):
            return torch.cat([pair, encode(slice(contrasted, None))])


def losses_of(z: Tensor, ordered: Tensor | None, h: Hyperparameters, generator: torch.Generator) -> dict[str, Tensor]:
    """ℓ_pair + λ ℓ_tri of a batch: {"loss", "loss_pair", "loss_triplet"}, scalars.

    Args:
        z: (k, N, d) embeddings of the batch's views.
        ordered: (N,) bool, the sentences that take part in the triplet objective.
        h: hyperparameters.
        generator: of what the objective draws.

    Source: ArcCSE for the sum.
    """
    contrasted = len(z) - masked_views(h)
    z_pos = z[1:contrasted].flatten(0, 1)  # and hard negatives below
    pair = pair_loss(h.objective, z[0], z_pos, dict(h) | {"generator": generator})
    if h.triplet_weight == 0:
        return {"loss": pair, "loss_pair": pair}
    whole, near, far = z[contrasted:, ordered]
    order = triplet(whole, near, far, h.triplet_margin)
    return {"loss": pair + h.triplet_weight * order, "loss_pair": pair, "loss_triplet": order}


def masked_views(h: Hyperparameters) -> int:
    """How many views, the last ones, are the triplet objective's."""
    return 3 if h.triplet_weight else 0


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
