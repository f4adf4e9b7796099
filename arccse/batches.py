"""Which sentences make up a step, and the views of them that are encoded.

Everything drawn for a step follows from (seed, step) and nothing else, so that a training can go on at any step and
be cut into any number of processes.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from arccse.encoder import Encoder
from arccse.hyperparameters import Hyperparameters, Stream
from arccse.masking import draw_masks

# Streams of random numbers drawn from a run's seed, so that none depends on how much another has used.
ORDER, MASKS, DROPOUT, NOISE, NEGATIVES = 0, 1, 2, 3, 4


class Corpus(Protocol):
    """Token ids of sentences, as `corpus.TokenStore` keeps them."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: np.ndarray) -> Sequence[Sequence[int]]: ...


class Views(NamedTuple):
    """The k views of a batch: sentences, positives, hard negatives where there are any, and, for the triplet
    objective, sentences whole, less and more masked.

    Attributes:
        input_ids: (k, N, L), k = 2 or 3, or 3 more.
        attention_mask: (k, N, L), 0 at padding.
        ordered: (N,) bool: the rows whose two masks differ; None without a triplet.
    """

    input_ids: Tensor
    attention_mask: Tensor
    ordered: Tensor | None


def rows_of_steps(corpus_size: int, batch_size: int, seed: int, done: int, steps: int) -> Iterator[np.ndarray]:
    """Arrays of `batch_size` row numbers for the steps after `done`, up to `steps`; (seed, epoch) decides an epoch's
    order."""
    per_epoch = corpus_size // batch_size
    for step in range(done, steps):
        epoch, position = divmod(step, per_epoch)
        if position == 0 or step == done:
            order = np.random.default_rng([seed, ORDER, epoch]).permutation(corpus_size)
        yield order[position * batch_size : (position + 1) * batch_size]


def views_of(
    encoder: Encoder, columns: Sequence[Corpus], rows: np.ndarray, h: Hyperparameters, seed: int, step: int
) -> Views:
    """The views of the examples in `rows` at a step of a run with a seed, on the encoder's device.

    Args:
        encoder: whose tokens and device they are.
        columns: the sentences, which are their own positives; or sentences, positives and hard negatives.
        rows: the numbers of N examples.
        h: hyperparameters.
        seed: the run's.
        step: from 1 on.
    """
    noise, masks = rng(seed_of("noise", h, seed), NOISE, step), rng(seed_of("masks", h, seed), MASKS, step)
    of_positives = with_noise(rows, h.noise, len(columns[0]), noise) if h.noise else rows
    ids = [*columns[0][rows], *columns[:2][-1][of_positives], *(row for one in columns[2:] for row in one[rows])]
    input_ids, attention_mask = (x.unflatten(0, (-1, len(rows))) for x in encoder.batch(ids))
    if h.triplet_weight == 0:
        return Views(input_ids, attention_mask, None)
    whole, attended = input_ids[0], attention_mask[0]
    special = torch.isin(whole, torch.tensor(encoder.tokenizer.all_special_ids, device=whole.device))
    maskable = attended.bool() & ~special
    near, far = draw_masks(maskable, *h.mask_ratios, masks, h.mask_shape, h.mask_nested)
    mask_id = encoder.tokenizer.mask_token_id
    triplet = torch.stack([whole, whole.masked_fill(near, mask_id), whole.masked_fill(far, mask_id)])
    return Views(
        torch.cat([input_ids, triplet]),
        torch.cat([attention_mask, attended.expand(3, -1, -1)]),
        ordered=near.any(1),
    )


def with_noise(rows: np.ndarray, share: float, corpus_size: int, rng: np.random.Generator) -> np.ndarray:
    """`rows` with each one, with probability `share`, replaced by any other row of the corpus."""
    others = (rows + rng.integers(1, corpus_size, len(rows))) % corpus_size
    return np.where(rng.random(len(rows)) < share, others, rows)


def seed_of(stream: Stream, h: Hyperparameters, seed: int) -> int:
    """What a stream of random numbers follows from in a run with a seed: that, or 0 where the stream is fixed."""
    return seed if stream in h.streams else 0


def rng(seed: int, stream: int, step: int) -> np.random.Generator:
    """The generator of one stream at one step of a run."""
    return np.random.default_rng([seed, stream, step])


def seed_dropout(seed: int, step: int, row: int) -> None:
    """Have dropout draw what belongs to the rows of a step's batch from `row` on."""
    torch.manual_seed(torch_seed(seed, DROPOUT, step, row))


def drawn_negatives(seed: int, step: int) -> torch.Generator:
    """The generator of what an objective draws at a step: the CPU's, and the same in each of several processes."""
    return torch.Generator().manual_seed(torch_seed(seed, NEGATIVES, step))


def torch_seed(*entropy: int) -> int:
    """A seed for torch that follows from a run's seed, a stream and a place in the training."""
    return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0])
