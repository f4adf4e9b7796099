"""NT-Xent and what differs from it in which similarities stand in the denominator."""

from typing import Annotated

import torch
from torch import Tensor

from arccse.objectives.vectors import cosines, cross_entropy_of_positives, off_diagonal
from arccse.setting import Setting


def nt_xent(z: Tensor, z_pos: Tensor, temperature: float) -> Tensor:
    """NT-Xent with in-batch negatives: mean over i of −log( e^{p_i/τ} / Σ_j e^{s_ij/τ} ).

    Args:
        z: (N, d) embeddings of N sentences.
        z_pos: (M, d) the same sentences encoded under other dropout masks, row i the positive of row i; rows from N
            on are further negatives.
        temperature: τ > 0.

    Returns:
        The scalar loss, ≥ 0.

    Source: Gao, Yao and Chen, "SimCSE", EMNLP 2021, equation 4.
    """
    return cross_entropy_of_positives(cosines(z, z_pos) / temperature)


def dcl(z: Tensor, z_pos: Tensor, temperature: float) -> Tensor:
    """Decoupled: NT-Xent without the positive in the denominator, mean over i of −p_i/τ + lse_{j≠i} s_ij/τ.

    The paper has both views as anchors and the negatives of both views in one sum, as has lightly's code (1.6;
    versions of before added a logarithm for each view). Here anchors and negatives are NT-Xent's, so that the two
    differ in the positive alone.

    Args:
        z: (N, d) embeddings of N ≥ 2 sentences.
        z_pos: (N, d) their positives, row by row.
        temperature: τ > 0.

    Returns:
        The scalar loss, of either sign.

    Source: Yeh et al., "Decoupled Contrastive Learning", ECCV 2022, equation 6; lightly, loss/dcl_loss.py.
    """
    logits = cosines(z, z_pos) / temperature
    return (off_diagonal(logits).logsumexp(1) - logits.diagonal()).mean()


def dclw(
    z: Tensor,
    z_pos: Tensor,
    temperature: float,
    weight_sigma: Annotated[float, Setting(0.5, log=[0.05, 5.0], gt=0, origin="DCL, ECCV 2022; lightly's DCLWLoss")],
) -> Tensor:
    """`dcl` whose positives weigh w_i = 2 − N softmax_i(p/σ), the more the further they are from their sentences.

    The weights have mean 1 and, as in lightly's code, no gradient. See `dcl` on the negatives.

    Args:
        z: (N, d) embeddings of N ≥ 2 sentences.
        z_pos: (N, d) their positives, row by row.
        temperature: τ > 0.
        weight_sigma: σ > 0. The larger, the more equal the weights.

    Returns:
        The scalar loss, of either sign.

    Source: Yeh et al., ECCV 2022, section 3 (negative von Mises–Fisher weights); lightly, loss/dcl_loss.py.
    """
    similarities = cosines(z, z_pos)
    positives, negatives = similarities.diagonal(), off_diagonal(similarities)
    weights = 2 - len(z) * (positives.detach() / weight_sigma).softmax(0)
    return ((negatives / temperature).logsumexp(1) - weights * positives / temperature).mean()


def symmetric(z: Tensor, z_pos: Tensor, temperature: float) -> Tensor:
    """Mean of NT-Xent from sentences to positives and from positives to sentences.

    Args:
        z: (N, d) embeddings of N sentences.
        z_pos: (N, d) their positives, row by row.
        temperature: τ > 0.

    Returns:
        The scalar loss, ≥ 0.

    Source: Radford et al., "CLIP", ICML 2021, figure 3.
    """
    return (nt_xent(z, z_pos, temperature) + nt_xent(z_pos, z, temperature)) / 2


def joint(z: Tensor, z_pos: Tensor, temperature: float) -> Tensor:
    """One softmax over four directions: mean of −p_i/τ + lse over s_ij, s_ji, cos(z_i, z_j) and cos(z_i⁺, z_j⁺).

    The last two are for j ≠ i; the first two for all j, so that the positive is in the denominator twice, in the
    paper as in sentence-transformers.

    Args:
        z: (N, d) embeddings of N sentences.
        z_pos: (N, d) their positives, row by row.
        temperature: τ > 0.

    Returns:
        The scalar loss, ≥ log 2.

    Source: Li et al., "Towards General Text Embeddings with Multi-stage Contrastive Learning" (GTE), 2023;
    sentence-transformers, MultipleNegativesRankingLoss with all directions.
    """
    across = cosines(z, z_pos)
    within = [off_diagonal(cosines(x, x)) for x in (z, z_pos)]
    return cross_entropy_of_positives(torch.cat([across, across.T, *within], dim=1) / temperature)
