"""What the objectives have in common.

bfloat16 and float16 embeddings are widened to float32, since a temperature of 0.05 turns their rounding errors into
errors of the loss; float64 stays what it is.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def widened(z: Tensor) -> Tensor:
    """z in float32 at least."""
    return z if z.dtype == torch.float64 else z.float()


def unit(z: Tensor) -> Tensor:
    """The rows of z on the unit sphere, in float32 at least."""
    return F.normalize(widened(z), dim=-1)


def cosines(x: Tensor, y: Tensor) -> Tensor:
    """(n, m): the cosine of each row of x, (n, d), and each row of y, (m, d)."""
    return unit(x) @ unit(y).T


def off_diagonal(matrix: Tensor) -> Tensor:
    """(n, n − 1): each row of an (n, n) matrix without its entry on the diagonal."""
    n = len(matrix)
    return matrix.flatten()[1:].view(n - 1, n + 1)[:, :-1].reshape(n, n - 1)


def cross_entropy_of_positives(logits: Tensor) -> Tensor:
    """Mean cross-entropy of (N, M) logits whose row i has its positive in column i."""
    return F.cross_entropy(logits, torch.arange(len(logits), device=logits.device))


def standardised(z: Tensor) -> Tensor:
    """z, (N, d) of N ≥ 2 rows, with mean 0 and variance 1 over the batch in every dimension, in float32 at least.

    As a batch norm does it: the variance is divided by N and 10⁻⁵ added to it, so that a dimension in which all rows
    agree becomes 0.
    """
    return F.batch_norm(widened(z), None, None, training=True)
