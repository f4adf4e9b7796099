"""The triplet objective of ArcCSE, which goes beside any pair objective."""

import torch.nn.functional as F
from torch import Tensor

from arccse.objectives.vectors import unit


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
