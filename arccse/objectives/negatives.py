"""NT-Xent with its negatives corrected, weighted, or joined by others."""

from typing import Annotated

import torch
from torch import Tensor

from arccse.objectives.softmax import nt_xent
from arccse.objectives.vectors import cosines, cross_entropy_of_positives, off_diagonal, unit
from arccse.setting import Setting

Prior = Annotated[
    float, Setting(0.1, log=[0.005, 0.3], ge=0, lt=1, origin="DCL's and HCL's code, NeurIPS 2020 and ICLR 2021")
]


def debiased(z: Tensor, z_pos: Tensor, temperature: float, positive_prior: Prior) -> Tensor:
    """NT-Xent whose sum over negatives has the expected share of false ones taken out: `hard_negative` at β = 0.

    Args:
        z: (N, d) embeddings of N ≥ 2 sentences.
        z_pos: (N, d) their positives, row by row.
        temperature: τ > 0.
        positive_prior: τ⁺, the probability that a negative is a false one, 0 ≤ τ⁺ < 1. At 0 this is NT-Xent.

    Returns:
        The scalar loss, ≥ 0.

    Source: Chuang et al., "Debiased Contrastive Learning", NeurIPS 2020; chingyaoc/DCL, main.py.
    """
    return hard_negative(z, z_pos, temperature, positive_prior, hardness=0.0)


def hard_negative(
    z: Tensor,
    z_pos: Tensor,
    temperature: float,
    positive_prior: Prior,
    hardness: Annotated[float, Setting(1.0, log=[0.05, 2.0], ge=0, origin="HCL's code, ICLR 2021, at τ = 0.5")],
) -> Tensor:
    """`debiased` whose negatives weigh the more, the nearer they are: mean of −log( e^{p_i/τ} / (e^{p_i/τ} + G_i) ).

    G = max( (M Σ_j w_j e^{s_ij/τ} − τ⁺ M e^{p_i/τ}) / (1 − τ⁺), M e^{−1/τ} ) over the M negatives j ≠ i, with
    w = softmax_j(β s_ij/τ), whose gradient counts as in the code. The code has both views as anchors and the
    M = 2N − 2 negatives of both views; here M = N − 1 as for NT-Xent. All exponentials are taken relative to the
    largest of a row, so that none overflows at low temperatures.

    Args:
        z: (N, d) embeddings of N ≥ 2 sentences.
        z_pos: (N, d) their positives, row by row.
        temperature: τ > 0.
        positive_prior: τ⁺, the probability that a negative is a false one, 0 ≤ τ⁺ < 1.
        hardness: β ≥ 0. At 0 all negatives weigh the same.

    Returns:
        The scalar loss, ≥ 0.

    Source: Robinson et al., "Contrastive Learning with Hard Negative Samples", ICLR 2021; joshr17/HCL,
    image/main.py.
    """
    logits, m = cosines(z, z_pos) / temperature, len(z) - 1
    largest = logits.amax(1)
    positives = logits.diagonal() - largest
    negatives = off_diagonal(logits) - largest.unsqueeze(1)
    total = m * ((hardness * negatives).softmax(1) * negatives.exp()).sum(1)
    true = (total - positive_prior * m * positives.exp()) / (1 - positive_prior)
    floor = m * (-1 / temperature - largest).exp()
    return ((positives.exp() + torch.maximum(true, floor)).log() - positives).mean()


def focal(
    z: Tensor,
    z_pos: Tensor,
    temperature: float,
    focal_margin: Annotated[
        float, Setting(0.3, linear=[0.0, 0.6], ge=0, origin="Focal-InfoNCE's script, EMNLP Findings 2023")
    ],
) -> Tensor:
    """Focal-InfoNCE: cross-entropy over the logits p_i²/τ and s_ij(s_ij + m)/τ, mean over i.

    Neither is monotone: a positive at cosine −1 counts as one at 1, and a negative is best at cosine −m/2.

    Args:
        z: (N, d) embeddings of N sentences.
        z_pos: (N, d) their positives, row by row.
        temperature: τ > 0.
        focal_margin: m ≥ 0.

    Returns:
        The scalar loss, ≥ 0.

    Source: Hou and Li, "Improving Contrastive Learning of Sentence Embeddings with Focal-InfoNCE", EMNLP Findings
    2023; puerrrr/Focal-InfoNCE, focalNCE/models.py.
    """
    similarities = cosines(z, z_pos)
    focused = similarities * (similarities + focal_margin)
    return cross_entropy_of_positives(torch.diagonal_scatter(focused, similarities.diagonal().square()) / temperature)


def gaussian_negatives(
    z: Tensor,
    z_pos: Tensor,
    temperature: float,
    gaussian_per_sentence: Annotated[
        int,
        Setting(3, choices=[1, 2, 3, 5, 8], ge=1, le=64, origin="GS-InfoNCE's script, COLING 2022: 192 at batch 64"),
    ],
    generator: torch.Generator,
) -> Tensor:
    """GS-InfoNCE: NT-Xent with K further negatives of a normal distribution, the same for each i.

    The code gives the distribution a standard deviation, 0.5 for BERT-base, which cosines do not see.

    Args:
        z: (N, d) embeddings of N sentences.
        z_pos: (N, d) their positives, row by row.
        temperature: τ > 0.
        gaussian_per_sentence: K/N ≥ 1.
        generator: of the CPU; the K draws follow from its state alone, whatever the device.

    Returns:
        The scalar loss, ≥ 0.

    Source: Wu et al., "Smoothed Contrastive Learning for Unsupervised Sentence Embedding", COLING 2022;
    caskcsg/sentemb, gsInfoNCE/gsInfoNCE/models.py.
    """
    drawn = torch.randn(gaussian_per_sentence * len(z), z.shape[1], generator=generator)
    return nt_xent(z, torch.cat([z_pos, drawn.to(z.device)]), temperature)


def mixed_negatives(
    z: Tensor,
    z_pos: Tensor,
    temperature: float,
    mix_share: Annotated[float, Setting(0.2, linear=[0.05, 0.5], ge=0, le=1, origin="MixCSE, AAAI 2022")],
) -> Tensor:
    """MixCSE: NT-Xent with further negatives mixed of each sentence and its neighbour in the batch.

    With x̃_i = λ x_i + (1 − λ) x_{i+1}, without gradient, after the last one the first, the denominator of row i has
    also cos(z_i, z̃⁺_j) for j ≠ i − 1 and cos(z̃_i, z⁺_j) for j ≠ i + 1. The two left out would push a sentence from
    a mixture that is mostly its own positive; the code sets their logits to 0, which leaves a constant in the
    denominator. The paper has one mixed negative for a row. The code mixes embeddings as they are; here
    unit vectors are mixed, so that lengths do not matter.

    Args:
        z: (N, d) embeddings of N ≥ 2 sentences. The order of the batch decides which are neighbours.
        z_pos: (N, d) their positives, row by row.
        temperature: τ > 0.
        mix_share: λ, 0 to 1, of the sentence itself.

    Returns:
        The scalar loss, ≥ 0.

    Source: Zhang et al., "Unsupervised Sentence Representation via Contrastive Learning with Mixing Negatives", AAAI
    2022; BDBC-KG-NLP/MixCSE_AAAI2022, mixcse/models_mix.py.
    """

    def mixed(x: Tensor) -> Tensor:
        x = unit(x).detach()
        return mix_share * x + (1 - mix_share) * x.roll(-1, dims=0)

    own = torch.eye(len(z), dtype=torch.bool, device=z.device)
    with_positives = cosines(z, mixed(z_pos)).masked_fill(own.roll(-1, dims=1), -torch.inf)
    with_sentences = cosines(mixed(z), z_pos).masked_fill(own.roll(1, dims=1), -torch.inf)
    return cross_entropy_of_positives(
        torch.cat([cosines(z, z_pos), with_positives, with_sentences], dim=1) / temperature
    )
