"""Objectives without a softmax over the negatives of a sentence: each pair has a term of its own."""

import math
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor

from arccse.objectives.vectors import cosines, off_diagonal, unit
from arccse.setting import Setting


def align_uniform(
    z: Tensor,
    z_pos: Tensor,
    uniformity_weight: Annotated[
        float, Setting(1.0, log=[0.1, 10.0], ge=0, origin="align_uniform's code, ICML 2020")
    ],
    uniformity_scale: Annotated[float, Setting(2.0, log=[0.5, 10.0], gt=0, origin="Wang and Isola, ICML 2020")],
) -> Tensor:
    """Alignment and uniformity: E‖z − z⁺‖² + λ/2 ( log E_{i≠j} e^{−t‖z_i − z_j‖²} + the same of z⁺ ) of unit vectors.

    Args:
        z: (N, d) embeddings of N ≥ 2 sentences.
        z_pos: (N, d) their positives, row by row.
        uniformity_weight: λ ≥ 0.
        uniformity_scale: t > 0.

    Returns:
        The scalar loss, −4tλ to 4.

    Source: Wang and Isola, "Understanding Contrastive Representation Learning through Alignment and Uniformity on the
    Hypersphere", ICML 2020; ssnl/align_uniform, with α = 2.
    """

    def uniformity(x: Tensor) -> Tensor:
        exponents = -uniformity_scale * (2 - 2 * off_diagonal(cosines(x, x)))
        return exponents.logsumexp((0, 1)) - math.log(exponents.numel())

    alignment = (unit(z) - unit(z_pos)).square().sum(1).mean()
    return alignment + uniformity_weight * (uniformity(z) + uniformity(z_pos)) / 2


def sigmoid(
    z: Tensor,
    z_pos: Tensor,
    temperature: float,
    sigmoid_bias: Annotated[float, Setting(-10.0, linear=[-20.0, 0.0], origin="SigLIP, ICCV 2023, its start value")],
) -> Tensor:
    """SigLIP: each pair is classified for itself, −1/N Σ_ij log σ(y_ij (s_ij/τ + b)) with y_ii = 1, otherwise −1.

    The paper learns τ and b, from 0.1 and −10 on; here they are hyperparameters, as the encoder alone is trained.

    Args:
        z: (N, d) embeddings of N sentences.
        z_pos: (N, d) their positives, row by row.
        temperature: τ > 0.
        sigmoid_bias: b.

    Returns:
        The scalar loss, ≥ 0.

    Source: Zhai et al., "Sigmoid Loss for Language Image Pre-Training", ICCV 2023, algorithm 1; open_clip,
    src/open_clip/loss.py.
    """
    logits = cosines(z, z_pos) / temperature + sigmoid_bias
    signs = 2 * torch.eye(len(logits), dtype=logits.dtype, device=logits.device) - 1
    return -F.logsigmoid(signs * logits).sum() / len(logits)
