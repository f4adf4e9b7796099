"""A margin between a positive and the negatives: in the softmax (ArcCon), or to the nearest negative alone."""

import math
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor

from arccse.objectives.vectors import cosines, cross_entropy_of_positives, off_diagonal
from arccse.setting import Setting


def arccon(
    z: Tensor,
    z_pos: Tensor,
    temperature: float,
    margin: Annotated[
        float,
        Setting(10.0, linear=[1.0, 30.0], ge=0, lt=180, origin="three re-implementations of ArcCSE, ACL 2022, agree"),
    ],
) -> Tensor:
    """ArcCon: NT-Xent with cos(θ_ii + m) in place of the positive's cosine, above and below the line.

    There is no public code of the authors. UnderstandingCSE's takes cos(arccos p_i + m), whose slope is infinite at
    p_i = ±1 and which rises again past θ + m = 180°; see `cosine_of_widened_angle` for both.

    Args:
        z: (N, d) embeddings of N sentences.
        z_pos: (M, d) their positives, row by row; rows from N on are further negatives.
        temperature: τ > 0.
        margin: m in degrees, 0 ≤ m < 180. At 0 this is NT-Xent.

    Returns:
        The scalar loss, ≥ 0; it grows with m and with each θ_ii.

    Source: Zhang et al., "A Contrastive Framework for Learning Sentence Representations from Pairwise and
    Triple-wise Perspective in Angular Space", ACL 2022.
    """
    similarities = cosines(z, z_pos)
    positives = cosine_of_widened_angle(similarities.diagonal(), math.radians(margin))
    return cross_entropy_of_positives(torch.diagonal_scatter(similarities, positives) / temperature)


def max_margin_cosine(
    z: Tensor,
    z_pos: Tensor,
    cosine_margin: Annotated[
        float, Setting(0.23, linear=[0.05, 0.6], ge=0, le=2, origin="MPT in UnderstandingCSE's code, ACL 2024")
    ],
) -> Tensor:
    """MPT: the positive beats the nearest negative by a margin of cosine, mean of [max_{j≠i} s_ij − p_i + m]₊.

    Negatives that are equally near share the gradient, in all three of these; in the code the first has all of it.

    Args:
        z: (N, d) embeddings of N ≥ 2 sentences.
        z_pos: (N, d) their positives, row by row.
        cosine_margin: m ≥ 0.

    Returns:
        The scalar loss, 0 to 2 + m.

    Source: Li, Zhang and Nie, "Towards Better Understanding of Contrastive Sentence Representation Learning: A
    Unified Paradigm for Gradient", ACL 2024; BDBC-KG-NLP/UnderstandingCSE, isotropy/models.py.
    """
    similarities = cosines(z, z_pos)
    return F.relu(off_diagonal(similarities).amax(1) - similarities.diagonal() + cosine_margin).mean()


def max_margin_distance(
    z: Tensor,
    z_pos: Tensor,
    distance_margin: Annotated[
        float, Setting(0.45, linear=[0.1, 1.0], ge=0, le=2, origin="MET in UnderstandingCSE's code, ACL 2024")
    ],
) -> Tensor:
    """MET: the same in distances on the sphere, mean of [d_ii − min_{j≠i} d_ij + m]₊ with d = √(2 − 2s).

    d is at least 0.01, as in the code: nearer ones, where the slope goes to infinity, have no gradient.

    Args:
        z: (N, d) embeddings of N ≥ 2 sentences.
        z_pos: (N, d) their positives, row by row.
        distance_margin: m ≥ 0.

    Returns:
        The scalar loss, 0 to 2 + m.

    Source: as `max_margin_cosine`.
    """
    distances = (2 - 2 * cosines(z, z_pos)).clamp(min=1e-4).sqrt()
    return F.relu(distances.diagonal() - off_diagonal(distances).amin(1) + distance_margin).mean()


def max_margin_angle(
    z: Tensor,
    z_pos: Tensor,
    angle_margin: Annotated[
        float,
        Setting(27.0, linear=[5.0, 60.0], ge=0, le=180, origin="MAT in UnderstandingCSE's code, ACL 2024: 0.15π"),
    ],
) -> Tensor:
    """MAT: the same in angles, mean of [θ_ii − min_{j≠i} θ_ij + m]₊, in radians.

    The code takes arccos s, whose slope is infinite at ±1, where its gradient is not finite; here θ is the angle of
    (s, √(1 − s²)) with a guarded root (see `sine_of`), so that identical rows are √eps apart.

    Args:
        z: (N, d) embeddings of N ≥ 2 sentences.
        z_pos: (N, d) their positives, row by row.
        angle_margin: m ≥ 0 in degrees.

    Returns:
        The scalar loss, 0 to π + m.

    Source: as `max_margin_cosine`.
    """
    similarities = cosines(z, z_pos)
    angles = torch.atan2(sine_of(similarities), similarities)
    return F.relu(angles.diagonal() - off_diagonal(angles).amin(1) + math.radians(angle_margin)).mean()


def cosine_of_widened_angle(cosine: Tensor, margin: float) -> Tensor:
    """cos(θ + m) from cos θ, continued past θ + m = π so that it never rises with θ.

    cos(θ + m) = cos θ cos m − sin θ sin m avoids arccos, whose slope is infinite at ±1. Where θ + m > π the cosine
    would rise again: from there on it goes down with slope 1 in cos θ, as ArcFace's continuation cos θ − m sin m
    does, but shifted by a constant to meet cos(θ + m) at −1. ArcFace's own constant makes the value jump, upwards for
    m above 133°.

    Args:
        cosine: cos θ, any shape.
        margin: m in radians, 0 ≤ m < π.

    Source: Deng et al., "ArcFace", CVPR 2019, for the margin and the linear continuation.
    """
    sine = sine_of(cosine)
    widened = cosine * math.cos(margin) - sine * math.sin(margin)
    continued = cosine + math.cos(margin) - 1
    return torch.where(cosine >= -math.cos(margin), widened, continued)


def sine_of(cosine: Tensor) -> Tensor:
    """sin θ = √(1 − cos²θ) of an angle of 0 to π, at least √eps: at 0 its slope is infinite."""
    return (1 - cosine * cosine).clamp(min=torch.finfo(cosine.dtype).eps).sqrt()
