"""Objectives on the dimensions: worked out by hand, against pytorch-metric-learning, and what they do not see."""

import math

import pytest
import torch
from embeddings import embeddings
from pytorch_metric_learning.losses import VICRegLoss
from torch import Tensor

from arccse.objectives.features import barlow_twins, cross_correlations, dimension_wise, vicreg
from arccse.objectives.softmax import nt_xent


def matrix(rows: list[list[float]]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


Z, Z_POS = matrix([[1, 0], [-1, 0], [0, 0.5], [0, -0.5]]), matrix([[1, 1], [-1, -1], [0, 0], [0, 0]])


def test_vicreg_worked_out_by_hand() -> None:
    # squared differences 1, 1, 1/4, 1/4 over 8 entries; variances 2/3, 1/6 and 2/3, 2/3; covariances 0 and 2/3
    invariance = 2.5 / 8
    variance = sum(1 - math.sqrt(v + 1e-4) for v in (2 / 3, 1 / 6, 2 / 3, 2 / 3)) / 4
    covariance = 2 * (2 / 3) ** 2 / 2
    expected = 25 * invariance + 10 * variance + 1 * covariance
    assert vicreg(Z, Z_POS, 25.0, 10.0, 1.0).item() == pytest.approx(expected)


def test_vicreg_is_pytorch_metric_learnings() -> None:
    z, z_pos = (x.requires_grad_() for x in embeddings(1, 12))
    theirs = VICRegLoss(invariance_lambda=25, variance_mu=20, covariance_v=2)(z, ref_emb=z_pos)
    ours = vicreg(z, z_pos, 25.0, 20.0, 2.0)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(torch.autograd.grad(ours, (z, z_pos)), torch.autograd.grad(theirs, (z, z_pos)))


def test_correlations_are_torchs() -> None:
    z, z_pos = embeddings(2, 40)
    expected = torch.corrcoef(torch.cat([z, z_pos], dim=1).T)[:6, 6:]
    torch.testing.assert_close(cross_correlations(z, z_pos), expected, rtol=0, atol=1e-4)  # but for the 10⁻⁵


def test_barlow_twins_worked_out_by_hand() -> None:
    # Z's first dimension is Z_POS's both, its second is uncorrelated with either: C = (1 1; 0 0)
    expected = (0**2 + 1**2) + 0.1 * (1**2 + 0**2)
    assert barlow_twins(Z, Z_POS, 0.1).item() == pytest.approx(expected, abs=1e-4)


def test_dimension_wise_worked_out_by_hand() -> None:
    # at τ_d = 2 the logits of the dimensions are 1/2, 1/2 and 0, 0: log 2 for each
    expected = nt_xent(Z, Z_POS, 0.5).item() + 0.3 * math.log(2)
    assert dimension_wise(Z, Z_POS, 0.5, 0.3, 2.0).item() == pytest.approx(expected, abs=1e-5)


def test_scale_and_mean_of_a_dimension_do_not_matter_to_correlations() -> None:
    z, z_pos = embeddings(3, 20)
    scale, shift = torch.tensor([10.0, 1, 2, 3, 4, 5]).double(), torch.arange(6.0).double()
    moved = barlow_twins(z * scale + shift, z_pos * scale - shift, 0.005)
    torch.testing.assert_close(moved, barlow_twins(z, z_pos, 0.005), rtol=0, atol=1e-4)


def test_a_dimension_in_which_all_agree_is_uncorrelated() -> None:
    z, z_pos = embeddings(4, 10)
    z[:, 2] = 0.7
    torch.testing.assert_close(cross_correlations(z, z_pos)[2], torch.zeros(6, dtype=torch.float64))
