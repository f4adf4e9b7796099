"""Masks for the triplet objective: a part of a sentence, and a larger part that contains it."""

from typing import Literal

import numpy as np
import torch
from torch import Tensor


def draw_masks(
    maskable: Tensor,
    near_ratio: float,
    far_ratio: float,
    rng: np.random.Generator,
    shape: Literal["span", "scattered"] = "span",
    nested: bool = True,
) -> tuple[Tensor, Tensor]:
    """Draw, for each row, a near and a larger far mask: by default spans, the near one inside the far one.

    The near span starts at any possible place with equal probability; then it is enlarged to the far span,
    whose start is drawn uniformly from those that keep the near span inside (the article's "then the masked
    region enlarged"). A row too short for two masks of different size gets two empty ones. Sizes depend on neither
    `shape` nor `nested`.

    Args:
        maskable: (N, L) bool, True at word pieces, False at special tokens and padding.
        near_ratio: share of the row's maskable tokens in the near mask, 0 < near_ratio < far_ratio.
        far_ratio: the same for the far mask, < 1.
        rng: decides every position.
        shape: "span" masks tokens that follow one another, "scattered" any tokens, drawn without replacement.
        nested: False draws the far mask without a look at the near one.

    Returns:
        near, far: (N, L) bool on the device of `maskable`, both ⊂ maskable; near ⊂ far where `nested`.

    Source: Zhang et al., ACL 2022, and the authors' article: one contiguous span of 20 %, then 40 %. Scattered and
    independent masks are ablations of ours.
    """
    n = maskable.sum(1).cpu().numpy()
    near_length, far_length = span_lengths(n, near_ratio, far_ratio)
    if shape == "scattered":
        order = random_order(maskable, rng)
        far_order = order if nested else random_order(maskable, rng)
        return first_in(order, near_length), first_in(far_order, far_length)
    near_start = rng.integers(0, n - near_length + 1)
    lowest = np.maximum(0, near_start + near_length - far_length) if nested else np.zeros_like(n)
    highest = np.minimum(near_start, n - far_length) if nested else n - far_length
    far_start = rng.integers(lowest, highest + 1)
    return spans(maskable, near_start, near_length), spans(maskable, far_start, far_length)


def span_lengths(n: np.ndarray, near_ratio: float, far_ratio: float) -> tuple[np.ndarray, np.ndarray]:
    """Tokens in the near and the far mask of sentences with n maskable tokens: (N,) and (N,) int64.

    The ratio of n, rounded (halves to even), the near one at least 1; both 0 where near < far ≤ n is impossible.
    """
    near = np.maximum(1, np.rint(near_ratio * n)).astype(np.int64)
    far = np.rint(far_ratio * n).astype(np.int64)
    possible = (near < far) & (far <= n)
    return np.where(possible, near, 0), np.where(possible, far, 0)


def spans(maskable: Tensor, start: np.ndarray, length: np.ndarray) -> Tensor:
    """(N, L) bool: the `length` maskable tokens of each row from the `start`-th maskable one on."""
    first = torch.from_numpy(start).to(maskable.device).unsqueeze(1)
    after = torch.from_numpy(start + length).to(maskable.device).unsqueeze(1)
    rank = maskable.long().cumsum(1) - 1
    return maskable & (rank >= first) & (rank < after)


def random_order(maskable: Tensor, rng: np.random.Generator) -> Tensor:
    """(N, L) int64: the place of each maskable token in a random order of its row's; L elsewhere.

    A number is drawn for each maskable token alone, so that padding moves no mask.
    """
    keys = np.full(maskable.shape, np.inf)
    inside = maskable.cpu().numpy()
    keys[inside] = rng.random(inside.sum())
    order = np.where(inside, keys.argsort(1).argsort(1), maskable.shape[1])
    return torch.from_numpy(order).to(maskable.device)


def first_in(order: Tensor, length: np.ndarray) -> Tensor:
    """(N, L) bool: the `length` tokens of each row that come first in `order`."""
    return order < torch.from_numpy(length).to(order.device).unsqueeze(1)
