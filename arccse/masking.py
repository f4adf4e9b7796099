"""Nested masks: one contiguous span of a sentence, and a longer one that contains it."""

import numpy as np
import torch
from torch import Tensor


def nested_masks(
    maskable: Tensor, near_ratio: float, far_ratio: float, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Draw, for each row, a near span and a far span that contains it.

    The near span starts at any possible place with equal probability; then it is enlarged to the far span,
    whose start is drawn uniformly from those that keep the near span inside (the article's "then the masked
    region enlarged"). A row too short for two distinct spans gets two empty masks.

    Args:
        maskable: (N, L) bool, True at word pieces, False at special tokens and padding.
        near_ratio: share of the row's maskable tokens in the near span, 0 < near_ratio < far_ratio.
        far_ratio: the same for the far span, < 1.
        rng: decides every position.

    Returns:
        near, far: (N, L) bool on the device of `maskable`; near ⊂ far ⊂ maskable.

    Source: Zhang et al., ACL 2022, and the authors' article: one contiguous span of 20 %, then 40 %.
    """
    n = maskable.sum(1).cpu().numpy()
    near_length, far_length = span_lengths(n, near_ratio, far_ratio)
    near_start = rng.integers(0, n - near_length + 1)
    lowest = np.maximum(0, near_start + near_length - far_length)
    highest = np.minimum(near_start, n - far_length)
    far_start = rng.integers(lowest, highest + 1)
    return spans(maskable, near_start, near_length), spans(maskable, far_start, far_length)


def span_lengths(n: np.ndarray, near_ratio: float, far_ratio: float) -> tuple[np.ndarray, np.ndarray]:
    """Tokens in the near and the far span of sentences with n maskable tokens: (N,) and (N,) int64.

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
