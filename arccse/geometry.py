"""Alignment and uniformity of embeddings on the unit sphere."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

ROWS = 512  # of the similarities that `uniformity` has at a time


def alignment(x: Tensor, y: Tensor) -> Tensor:
    """Mean squared distance of positive pairs, E‖x − y‖², after normalisation: 0 (best) to 4.

    Args:
        x: (n, d) embeddings.
        y: (n, d) their positives, row by row.

    Raises:
        ValueError: the shapes differ or there is no pair.

    Source: Wang and Isola, "Understanding Contrastive Representation Learning through Alignment and
    Uniformity on the Hypersphere", ICML 2020, with α = 2.
    """
    if x.shape != y.shape or len(x) == 0:
        raise ValueError(f"alignment needs two equal shapes (n, d) with n ≥ 1, got {x.shape} and {y.shape}")
    return (F.normalize(x, dim=-1) - F.normalize(y, dim=-1)).square().sum(-1).mean()


def positives(ratings: np.ndarray, scale: tuple[float, float]) -> np.ndarray:
    """Which pairs count as positive: (n,) bool, true for ratings in the top fifth of the scale.

    Source: SimCSE, section 3, whose positives are STS-B's pairs rated above 4 of 5.
    """
    lowest, highest = scale
    return ratings > lowest + 0.8 * (highest - lowest)


def uniformity(x: Tensor) -> Tensor:
    """log E e^{−2‖v − w‖²} over all pairs of distinct rows, after normalisation: 0 (worst), −8 at the lowest.

    Args:
        x: (n, d) embeddings of n ≥ 2 distinct sentences.

    Returns:
        A float64 scalar.

    Raises:
        ValueError: fewer than two rows.

    Source: Wang and Isola, ICML 2020, with t = 2.
    """
    if len(x) < 2:
        raise ValueError(f"uniformity needs at least two rows, got {len(x)}")
    x = F.normalize(x.double(), dim=-1)
    # ‖v − w‖² = 2 − 2 vᵀw; a row with all rows, itself among them at a distance of 0
    totals = torch.stack([torch.exp(4 * (rows @ x.T) - 4).sum() for rows in x.split(ROWS)])
    return torch.log((totals.sum() - len(x)) / (len(x) * (len(x) - 1)))
