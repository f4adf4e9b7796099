"""Embeddings for tests of what is computed from them."""

import math

import torch
from torch import Tensor


def embeddings(seed: int, n: int, d: int = 6, dtype: torch.dtype = torch.float64, count: int = 2) -> list[Tensor]:
    """`count` tensors of n standard normal rows."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(n, d, generator=generator, dtype=dtype) for _ in range(count)]


def in_the_plane(degrees: list[float]) -> Tensor:
    """Unit vectors at these angles."""
    return torch.tensor(
        [[math.cos(math.radians(a)), math.sin(math.radians(a))] for a in degrees], dtype=torch.float64
    )
