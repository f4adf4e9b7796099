"""Dropout and attention for training on a CPU, where torch's own take a large part of a step.

torch draws a dropout mask number by number; here four decisions come out of one 64-bit draw of the same generator.
Its fused attention has a backward pass that is slow in bfloat16 and none with dropout; at 32 tokens plain products
are faster.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

LANES, LEVELS = 4, 1 << 16  # a 64-bit number is four 16-bit ones


def dropout(x: Tensor, p: float) -> Tensor:
    """x with each element dropped with probability p and the others scaled to keep the mean.

    p is rounded to a multiple of 2⁻¹⁶; the scale is that of the rounded p.

    Args:
        x: any shape, on the CPU.
        p: 0 ≤ p < 1.

    Source: Srivastava et al., "Dropout", JMLR 2014.
    """
    if p == 0:
        return x
    dropped = min(round(p * LEVELS), LEVELS - 1)
    draws = torch.empty(math.ceil(x.numel() / LANES), dtype=torch.int64).random_(-(2**63), None)
    kept = draws.view(torch.int16)[: x.numel()].view(x.shape) >= dropped - LEVELS // 2
    return x * kept.to(x.dtype).mul_(LEVELS / (LEVELS - dropped))


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, p: float, scale: float | None) -> Tensor:
    """softmax(q kᵀ · scale + mask) v with dropout on the softmax: (…, L, d) for q, k, v of that shape.

    Args:
        mask: boolean (True attends) or additive, broadcast to (…, L, L).
        scale: default 1/√d.

    Source: Vaswani et al., "Attention Is All You Need", NeurIPS 2017, equation 1.
    """
    scores = (q * (q.shape[-1] ** -0.5 if scale is None else scale)) @ k.transpose(-2, -1)
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf")) if mask.dtype == torch.bool else scores + mask
    return dropout(scores.softmax(-1), p) @ v


class CPUKernels(TorchFunctionMode):
    """While active, dropout and attention of CPU tensors are the ones above."""

    def __torch_function__(
        self, func: Callable, types: Iterable[type], args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is F.dropout and args[0].device.type == "cpu":
            return functional_dropout(*args, **kwargs or {})
        if func is F.scaled_dot_product_attention and args[0].device.type == "cpu":
            return functional_attention(*args, **kwargs or {})
        return func(*args, **kwargs or {})


def functional_dropout(x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`dropout` under the signature of torch.nn.functional's; never in place."""
    return dropout(x, p) if training else x


def functional_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """`attention` under the signature of torch.nn.functional's, for encoders: not causal, as many keys as queries."""
    if is_causal:
        raise ValueError("attention of an encoder is not causal")
    return attention(query, key, value, attn_mask, dropout_p, scale)
