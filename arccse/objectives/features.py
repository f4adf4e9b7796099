"""Objectives on the dimensions of the embeddings: what each varies by, and what two of them have in common."""

from typing import Annotated

import torch.nn.functional as F
from torch import Tensor

from arccse.objectives.softmax import nt_xent
from arccse.objectives.vectors import cross_entropy_of_positives, off_diagonal, standardised, widened
from arccse.setting import Setting


def vicreg(
    z: Tensor,
    z_pos: Tensor,
    invariance_weight: Annotated[float, Setting(25.0, log=[1.0, 100.0], ge=0, origin="VICReg, ICLR 2022")],
    variance_weight: Annotated[float, Setting(25.0, log=[1.0, 100.0], ge=0, origin="VICReg, ICLR 2022")],
    covariance_weight: Annotated[float, Setting(1.0, log=[0.01, 10.0], ge=0, origin="VICReg, ICLR 2022")],
) -> Tensor:
    """VICReg: positives agree, every dimension varies, no two vary together. Embeddings are not normalised.

    λ · mean (z − z⁺)² + μ · ½ Σ mean_k [1 − √(var_k + 10⁻⁴)]₊ + ν · Σ (1/d) Σ_{k≠l} cov_kl², the outer sums over the
    two views, variances and covariances divided by N − 1. This is the code; the paper's equations sum the squared
    difference over the dimensions and do not halve the variance term.

    Args:
        z: (N, d) embeddings of N ≥ 2 sentences.
        z_pos: (N, d) their positives, row by row.
        invariance_weight: λ ≥ 0.
        variance_weight: μ ≥ 0.
        covariance_weight: ν ≥ 0.

    Returns:
        The scalar loss, ≥ 0.

    Source: Bardes, Ponce and LeCun, "VICReg", ICLR 2022; facebookresearch/vicreg, main_vicreg.py.
    """
    views = widened(z), widened(z_pos)
    invariance = F.mse_loss(*views)
    covariances = [x.T.cov() for x in views]
    variance = sum(F.relu(1 - (c.diagonal() + 1e-4).sqrt()).mean() for c in covariances) / 2
    covariance = sum(off_diagonal(c).square().sum() / len(c) for c in covariances)
    return invariance_weight * invariance + variance_weight * variance + covariance_weight * covariance


def barlow_twins(
    z: Tensor,
    z_pos: Tensor,
    redundancy_weight: Annotated[
        float, Setting(5e-3, log=[5e-4, 5e-2], ge=0, origin="Barlow Twins, ICML 2021; 0.0051 in its code")
    ],
) -> Tensor:
    """Barlow Twins: the dimensions' cross-correlations C of the two views become the identity.

    Σ_k (1 − C_kk)² + λ Σ_{k≠l} C_kl², a sum over dimensions, so that it grows with d.

    Args:
        z: (N, d) embeddings of N ≥ 2 sentences. Not normalised, but no dimension's scale or mean matters.
        z_pos: (N, d) their positives, row by row.
        redundancy_weight: λ ≥ 0.

    Returns:
        The scalar loss, ≥ 0.

    Source: Zbontar et al., "Barlow Twins", ICML 2021, equation 1; facebookresearch/barlowtwins, main.py.
    """
    correlations = cross_correlations(z, z_pos)
    own, others = correlations.diagonal(), off_diagonal(correlations)
    return (1 - own).square().sum() + redundancy_weight * others.square().sum()


def dimension_wise(
    z: Tensor,
    z_pos: Tensor,
    temperature: float,
    dimension_weight: Annotated[float, Setting(0.1, log=[0.01, 1.0], ge=0, origin="SimCSE++'s code, EMNLP 2023")],
    dimension_temperature: Annotated[
        float,
        Setting(10.0, log=[1.0, 50.0], gt=0, origin="SimCSE++'s models_vicreg.py; its other files have 5 and 20"),
    ],
) -> Tensor:
    """SimCSE++'s dimension-wise contrast: NT-Xent, and the same over dimensions, weighted.

    nt_xent + w · mean over k of −log( e^{C_kk/τ_d} / Σ_l e^{C_kl/τ_d} ), C the cross-correlations of the dimensions.
    The published number is with the paper's other idea as well, negatives without dropout, which is none of these.

    Args:
        z: (N, d) embeddings of N ≥ 2 sentences.
        z_pos: (N, d) their positives, row by row.
        temperature: τ > 0, of NT-Xent.
        dimension_weight: w ≥ 0. At 0 this is NT-Xent.
        dimension_temperature: τ_d > 0. Above 1, since correlations of different dimensions are far below 1.

    Returns:
        The scalar loss, ≥ 0.

    Source: Xu et al., "SimCSE++", EMNLP 2023; Jiahao004/SimCSE-plus-plus, simcse/models_vicreg.py.
    """
    over_dimensions = cross_entropy_of_positives(cross_correlations(z, z_pos) / dimension_temperature)
    return nt_xent(z, z_pos, temperature) + dimension_weight * over_dimensions


def cross_correlations(x: Tensor, y: Tensor) -> Tensor:
    """(d, d): the correlation over the batch of dimension k of x and dimension l of y, both (N, d) with N ≥ 2."""
    return standardised(x).T @ standardised(y) / len(x)
