"""ArcCon over θ and m, the max-margin objectives at known angles, and both against pytorch-metric-learning's."""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from embeddings import embeddings, in_the_plane
from pytorch_metric_learning.distances import BaseDistance, CosineSimilarity, LpDistance
from pytorch_metric_learning.losses import ArcFaceLoss, TripletMarginLoss
from pytorch_metric_learning.reducers import MeanReducer
from references import REFERENCES
from torch import Tensor

from arccse.objectives.margins import (
    arccon,
    cosine_of_widened_angle,
    max_margin_angle,
    max_margin_cosine,
    max_margin_distance,
    sine_of,
)
from arccse.objectives.softmax import nt_xent

TAU = 0.05
MARGINS = [0, 10, 45, 90, 133, 150, 179]  # degrees; ArcFace's own continuation jumps upwards from 133 on


def test_arccon_without_margin_is_nt_xent() -> None:
    z, z_pos = (x.requires_grad_() for x in embeddings(1, 16))
    ours, plain = arccon(z, z_pos, TAU, 0.0), nt_xent(z, z_pos, TAU)
    torch.testing.assert_close(ours, plain)
    torch.testing.assert_close(torch.autograd.grad(ours, (z, z_pos)), torch.autograd.grad(plain, (z, z_pos)))


@pytest.mark.parametrize("margin", MARGINS)
@pytest.mark.parametrize(
    ("at", "positives_at"),
    [
        ([0, 90], [30, 120]),
        ([0, 60], [-45, 200]),  # the second pair is at 140°
        ([10, 130, 250], [40, 100, 310]),
        ([0, 5, 175], [100, 5, -30]),  # a pair at 0°, one at 155°
    ],
)
def test_arccon_of_vectors_at_known_angles(at: list[float], positives_at: list[float], margin: float) -> None:
    z, z_pos = in_the_plane(at), in_the_plane(positives_at)
    expected = REFERENCES["arccon"](z.numpy(), z_pos.numpy(), None, 0.2, margin)
    # the guard of the sine shows where θ is 0: by 1.5e-8 · sin m / τ in double precision
    assert arccon(z, z_pos, 0.2, margin).item() == pytest.approx(expected, abs=2e-7)


def test_arccon_worked_out_by_hand() -> None:
    """Pairs at 60° and 0° with m = 30°: cosines of 90° and 30° for the positives, 0 and √3/2 for the negatives."""
    z, z_pos = in_the_plane([0, 90]), in_the_plane([60, 90])
    expected = (math.log(2) + math.log(1 + 1)) / 2  # e^0 against e^0, e^{√3} against e^{√3}
    assert arccon(z, z_pos, 0.5, 30.0).item() == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("margin", [0.0, 10.0, 28.6])
def test_arccon_is_arcface_whose_classes_are_the_sentences(margin: float) -> None:
    z, z_pos = (x.requires_grad_() for x in embeddings(2, 8, dtype=torch.float64))
    z_pos.data = z.data + 0.5 * z_pos.data  # no pair beyond 180° − m, where the two go on differently
    peer = ArcFaceLoss(num_classes=8, embedding_size=6, margin=margin, scale=1 / TAU).double()
    peer.W.data = z_pos.detach().T.clone()
    theirs, ours = peer(z, torch.arange(8)), arccon(z, z_pos, TAU, margin)
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-8)
    (gradient, of_positives), (expected,) = (
        torch.autograd.grad(ours, (z, z_pos)),
        torch.autograd.grad(theirs, z, retain_graph=True),
    )
    torch.testing.assert_close(gradient, expected, rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(of_positives, torch.autograd.grad(theirs, peer.W)[0].T, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("margin", MARGINS)
def test_gradients_at_every_margin(margin: float) -> None:
    z, z_pos = (x.requires_grad_() for x in embeddings(3, 5))
    assert torch.autograd.gradcheck(lambda a, b: arccon(a, b, 0.2, margin), (z, z_pos))


# the shape of ArcCon over θ and m


def loss_and_slope(theta: float, margin: float) -> tuple[float, float]:
    """ArcCon and its derivative by the first pair's angle, in degrees, all other cosines fixed."""
    angle = torch.tensor(theta, dtype=torch.float64, requires_grad=True)
    first, _, third = torch.eye(3, dtype=torch.float64)
    positive = torch.stack([angle.deg2rad().cos(), angle.deg2rad().sin(), torch.zeros_like(angle)])
    loss = arccon(torch.stack([first, third]), torch.stack([positive, third]), TAU, margin)
    return loss.item(), torch.autograd.grad(loss, angle)[0].item()


@pytest.mark.parametrize("margin", MARGINS)
def test_the_loss_never_falls_as_the_angle_grows(margin: float) -> None:
    # every degree and, since a jump would show there, both sides of θ + m = 180°
    angles = sorted([float(a) for a in range(181)] + [180 - margin + e for e in (-1e-5, 1e-5) if margin > 0])
    losses, slopes = zip(*(loss_and_slope(theta, margin) for theta in angles), strict=True)
    rises = [after - before for before, after in pairwise(losses)]
    assert min(rises) > -1e-12
    assert min(slopes) > -1e-9
    assert losses[-1] - losses[0] > 1
    near_the_seam = [loss for theta, loss in zip(angles, losses, strict=True) if abs(theta - (180 - margin)) < 1e-4]
    assert max(near_the_seam) - min(near_the_seam) < 1e-3  # no jump there either


@pytest.mark.parametrize("theta", [0, 1, 30, 47, 90, 135, 179, 180])
def test_a_larger_margin_gives_a_larger_loss(theta: float) -> None:
    losses = [loss_and_slope(theta, m)[0] for m in range(180)]
    assert min(after - before for before, after in pairwise(losses)) > 0


def test_the_sine_is_guarded_at_both_ends_alone() -> None:
    cosines = torch.linspace(-1, 1, 41, dtype=torch.float64)
    np.testing.assert_allclose(sine_of(cosines).numpy(), np.sin(np.arccos(cosines.numpy())), atol=2e-8)
    assert sine_of(torch.tensor(1.0)) > 0
    assert cosine_of_widened_angle(torch.tensor(0.5, dtype=torch.float64), math.pi / 6).item() == pytest.approx(0)


# the nearest negative alone


def test_max_margins_worked_out_by_hand() -> None:
    """Pairs at 60° and 0°, negatives at 90° and 30°: one row violates each of these margins, or both do."""
    z, z_pos = in_the_plane([0, 90]), in_the_plane([60, 90])
    assert max_margin_cosine(z, z_pos, 0.23).item() == pytest.approx((math.sqrt(3) / 2 - 1 + 0.23) / 2)
    assert max_margin_cosine(z, z_pos, 1.0).item() == pytest.approx((0.5 + math.sqrt(3) / 2) / 2)
    assert max_margin_distance(z, z_pos, 0.45).item() == pytest.approx((1 - math.sqrt(2) + 0.45) / 2)
    assert max_margin_angle(z, z_pos, 45.0).item() == pytest.approx(math.radians(15 + 15) / 2, abs=1e-7)
    assert max_margin_angle(z, z_pos, 27.0).item() == 0


@pytest.mark.parametrize(
    ("ours", "distance", "margin"),
    [(max_margin_cosine, CosineSimilarity(), 0.23), (max_margin_distance, LpDistance(), 0.45)],
    ids=["cosine", "distance"],
)
def test_they_are_the_triplet_loss_of_the_nearest_negatives(
    ours: Callable[..., Tensor], distance: BaseDistance, margin: float
) -> None:
    z, z_pos = (x.requires_grad_() for x in embeddings(4, 12))
    rows = torch.arange(12)
    apart = z.detach() @ torch.nn.functional.normalize(z_pos.detach()).T - 1e9 * torch.eye(12)
    triplets = (rows, rows, apart.argmax(1))
    peer = TripletMarginLoss(margin, distance=distance, reducer=MeanReducer())
    theirs = peer(z, rows, triplets, ref_emb=z_pos, ref_labels=rows)
    mine = ours(z, z_pos, margin)
    assert mine > 0
    torch.testing.assert_close(mine, theirs)
    torch.testing.assert_close(torch.autograd.grad(mine, (z, z_pos)), torch.autograd.grad(theirs, (z, z_pos)))


def test_equally_near_negatives_share_the_gradient() -> None:
    z, z_pos = in_the_plane([0, 0, 0]), in_the_plane([10, 60, -60]).requires_grad_()
    (gradient,) = torch.autograd.grad(max_margin_cosine(z, z_pos, 0.5), z_pos)
    torch.testing.assert_close(gradient[1, 1], -gradient[2, 1])
    assert gradient[1, 1] != 0
