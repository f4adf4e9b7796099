"""The objectives: NT-Xent (SimCSE), ArcCon and the triplet objective (ArcCSE), as functions of tensors.

Embeddings need not be normalised; every similarity is a cosine. bfloat16 and float16 inputs are widened to
float32, since a temperature of 0.05 turns their rounding errors into errors of the loss.
"""

import inspect
import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def pair_loss(objective: str, z: Tensor, z_pos: Tensor, settings: Mapping[str, Any]) -> Tensor:
    """The loss of the pair objective of that name, a function f(z, z_pos, …) below.

    Args:
        objective: the function's name.
        z: (N, d) embeddings of N sentences.
        z_pos: (N, d) their positives, row by row.
        settings: values of the function's other parameters, by name; those that it does not have are left out.

    Returns:
        The scalar loss.
    """
    function = globals()[objective]
    taken = [name for name in inspect.signature(function).parameters if name in settings]
    return function(z, z_pos, **{name: settings[name] for name in taken})


def nt_xent(z: Tensor, z_pos: Tensor, temperature: float) -> Tensor:
    """NT-Xent with in-batch negatives: mean over i of −log( e^{cos θ(i,i⁺)/τ} / Σ_j e^{cos θ(i,j⁺)/τ} ).

    Args:
        z: (N, d) embeddings of N sentences.
        z_pos: (N, d) the same sentences encoded under other dropout masks; row i is the positive of row i.
        temperature: τ > 0.

    Returns:
        The scalar loss, ≥ 0.

    Source: Gao, Yao and Chen, "SimCSE", EMNLP 2021, equation 4.
    """
    cosines = unit(z) @ unit(z_pos).T
    return cross_entropy_of_positives(cosines / temperature)


def arccon(z: Tensor, z_pos: Tensor, temperature: float, margin: float) -> Tensor:
    """ArcCon: NT-Xent with cos(θ(i,i⁺) + m) in place of the positive's cosine, above and below the line.

    Args:
        z: (N, d) embeddings of N sentences.
        z_pos: (N, d) their positives, row by row.
        temperature: τ > 0.
        margin: m in radians, 0 ≤ m < π. At 0 this is NT-Xent.

    Returns:
        The scalar loss, ≥ 0; it grows with m and with each θ(i,i⁺).

    Source: Zhang et al., "A Contrastive Framework for Learning Sentence Representations from Pairwise and
    Triple-wise Perspective in Angular Space", ACL 2022.
    """
    cosines = unit(z) @ unit(z_pos).T
    positives = cosine_of_widened_angle(cosines.diagonal(), margin)
    return cross_entropy_of_positives(torch.diagonal_scatter(cosines, positives) / temperature)


def triplet(z: Tensor, z_near: Tensor, z_far: Tensor, margin: float) -> Tensor:
    """The triplet objective on nested masks: mean of max(0, cos(z, z_far) − cos(z, z_near) + m) over the rows.

    Args:
        z: (N, d) embeddings of whole sentences.
        z_near: (N, d) the same with the smaller share masked; must be the closer one.
        z_far: (N, d) the same with the larger share masked.
        margin: m ≥ 0, in units of cosine.

    Returns:
        The scalar loss, ≥ 0; 0 for N = 0, as in a batch of sentences too short to mask.

    Source: Zhang et al., ACL 2022.
    """
    z = unit(z)
    violation = (z * unit(z_far)).sum(-1) - (z * unit(z_near)).sum(-1) + margin
    return F.relu(violation).sum() / max(1, len(z))


def cosine_of_widened_angle(cosine: Tensor, margin: float) -> Tensor:
    """cos(θ + m) from cos θ, continued past θ + m = π so that it never rises with θ.

    cos(θ + m) = cos θ cos m − sin θ sin m avoids arccos, whose slope is infinite at ±1; so is the slope of
    sin θ = √(1 − cos²θ), hence its guard. Where θ + m > π the cosine would rise again: from there on it goes
    down with slope 1 in cos θ, as ArcFace's continuation cos θ − m sin m does, but shifted by a constant to
    meet cos(θ + m) at −1. ArcFace's own constant makes the value jump, upwards for m above 133°.

    Args:
        cosine: cos θ, any shape.
        margin: m in radians, 0 ≤ m < π.

    Source: Deng et al., "ArcFace", CVPR 2019, for the margin and the linear continuation.
    """
    sine = (1 - cosine * cosine).clamp(min=torch.finfo(cosine.dtype).eps).sqrt()
    widened = cosine * math.cos(margin) - sine * math.sin(margin)
    continued = cosine + math.cos(margin) - 1
    return torch.where(cosine >= -math.cos(margin), widened, continued)


def cross_entropy_of_positives(logits: Tensor) -> Tensor:
    """Mean cross-entropy of (N, M) logits whose row i has its positive in column i."""
    return F.cross_entropy(logits, torch.arange(len(logits), device=logits.device))


def unit(z: Tensor) -> Tensor:
    """The rows of z on the unit sphere, in float32 at least."""
    return F.normalize(z if z.dtype == torch.float64 else z.float(), dim=-1)
