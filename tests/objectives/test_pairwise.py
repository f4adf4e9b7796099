"""Alignment and uniformity, and the sigmoid objective."""

import math

import pytest
import torch
import torch.nn.functional as F
from embeddings import embeddings, in_the_plane

from arccse import geometry
from arccse.objectives.pairwise import align_uniform, sigmoid

Z, Z_POS = in_the_plane([0, 90]), in_the_plane([60, 90])


def test_align_uniform_worked_out_by_hand() -> None:
    # squared distances: 1 and 0 of the pairs, 2 of the sentences, 2 − √3 of the positives
    expected = 0.5 + 3.0 * (-2 * 2 - 2 * (2 - math.sqrt(3))) / 2
    assert align_uniform(Z, Z_POS, 3.0, 2.0).item() == pytest.approx(expected)


def test_it_is_the_sum_of_what_is_measured() -> None:
    """By `geometry`, which says alignment and uniformity of an encoder with t = 2."""
    z, z_pos = (x.requires_grad_() for x in embeddings(1, 16))
    measured = geometry.alignment(z, z_pos) + 0.7 * (geometry.uniformity(z) + geometry.uniformity(z_pos)) / 2
    ours = align_uniform(z, z_pos, 0.7, 2.0)
    torch.testing.assert_close(ours, measured)
    torch.testing.assert_close(torch.autograd.grad(ours, (z, z_pos)), torch.autograd.grad(measured, (z, z_pos)))


def test_sigmoid_worked_out_by_hand() -> None:
    # logits 2 s_ij + b with b = −1: 0, −1 and √3 − 1, 1
    def softplus(x: float) -> float:
        return math.log1p(math.exp(x))

    expected = (softplus(0) + softplus(-1) + softplus(math.sqrt(3) - 1) + softplus(-1)) / 2
    assert sigmoid(Z, Z_POS, 0.5, -1.0).item() == pytest.approx(expected)


def test_sigmoid_is_binary_cross_entropy_with_logits() -> None:
    z, z_pos = embeddings(2, 12)
    logits = F.cosine_similarity(z.unsqueeze(1), z_pos.unsqueeze(0), dim=2) / 0.1 - 10
    expected = F.binary_cross_entropy_with_logits(logits, torch.eye(12, dtype=torch.float64), reduction="sum") / 12
    torch.testing.assert_close(sigmoid(z, z_pos, 0.1, -10.0), expected)
