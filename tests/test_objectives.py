"""The objectives against formulas written out by hand, a peer's loss, and what must hold for any embeddings."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from torch import Tensor

from arccse.objectives import arccon, nt_xent, triplet

TAU = 0.05
MARGINS = [0, 10, 45, 90, 133, 150, 179]  # degrees; ArcFace's own continuation jumps upwards from 133 on


def embeddings(seed: int, n: int, d: int = 6, dtype: torch.dtype = torch.float64, count: int = 2) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(n, d, generator=generator, dtype=dtype) for _ in range(count)]


def in_the_plane(degrees: list[float]) -> Tensor:
    return torch.tensor(
        [[math.cos(math.radians(a)), math.sin(math.radians(a))] for a in degrees], dtype=torch.float64
    )


# m = 0, and a peer


def test_arccon_without_margin_is_nt_xent() -> None:
    z, z_pos = (x.requires_grad_() for x in embeddings(1, 16))
    ours, plain = arccon(z, z_pos, TAU, 0.0), nt_xent(z, z_pos, TAU)
    torch.testing.assert_close(ours, plain)
    torch.testing.assert_close(torch.autograd.grad(ours, (z, z_pos)), torch.autograd.grad(plain, (z, z_pos)))


@pytest.mark.parametrize("tau", [0.05, 0.07, 1.0])
def test_nt_xent_is_multiple_negatives_ranking_at_scale_one_over_tau(tau: float) -> None:
    z, z_pos = (x.requires_grad_() for x in embeddings(2, 16))
    peer = MultipleNegativesRankingLoss(torch.nn.Identity(), scale=1 / tau)
    theirs, ours = peer.compute_loss_from_embeddings([z, z_pos], torch.empty(0)), nt_xent(z, z_pos, tau)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(torch.autograd.grad(ours, (z, z_pos)), torch.autograd.grad(theirs, (z, z_pos)))


# closed forms


def contrastive_by_hand(at: list[float], positives_at: list[float], tau: float, margin: float) -> float:
    """The loss of vectors in the plane, all angles in degrees."""

    def angle(i: int, j: int) -> float:
        difference = abs(at[i] - positives_at[j]) % 360
        return math.radians(min(difference, 360 - difference))

    m, total = math.radians(margin), 0.0
    for i in range(len(at)):
        theta = angle(i, i)
        widened = math.cos(theta + m)
        if theta + m > math.pi:  # from −1 on, as far down as cos θ itself goes
            widened = -1 - (math.cos(math.pi - m) - math.cos(theta))
        positive = math.exp(widened / tau)
        negatives = sum(math.exp(math.cos(angle(i, j)) / tau) for j in range(len(at)) if j != i)
        total -= math.log(positive / (positive + negatives))
    return total / len(at)


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
def test_contrastive_loss_of_vectors_at_known_angles(
    at: list[float], positives_at: list[float], margin: float
) -> None:
    z, z_pos = in_the_plane(at), in_the_plane(positives_at)
    expected = contrastive_by_hand(at, positives_at, 0.2, margin)
    # the guard of the sine shows where θ is 0: by 1.5e-8 · sin m / τ in double precision
    assert arccon(z, z_pos, 0.2, math.radians(margin)).item() == pytest.approx(expected, abs=2e-7)
    if margin == 0:
        assert nt_xent(z, z_pos, 0.2).item() == pytest.approx(expected, abs=1e-12)


def test_one_sentence_has_no_negatives_and_no_loss() -> None:
    assert nt_xent(in_the_plane([0]), in_the_plane([50]), TAU).item() == 0
    assert arccon(in_the_plane([0]), in_the_plane([50]), TAU, 0.5).item() == 0


def test_triplet_of_vectors_at_known_angles() -> None:
    z, near, far = in_the_plane([0, 90, 0]), in_the_plane([30, 150, 60]), in_the_plane([60, 100, 0])
    # row 0: the near one is closer by cos 30° − cos 60°; row 1: the far one is, by cos 10° − cos 60°; row 2 too
    violations = [
        math.cos(math.radians(60)) - math.cos(math.radians(30)),
        math.cos(math.radians(10)) - math.cos(math.radians(60)),
        1 - math.cos(math.radians(60)),
    ]
    for margin in (0.0, 0.2, 0.5):
        expected = sum(max(0, violation + margin) for violation in violations) / 3
        assert triplet(z, near, far, margin).item() == pytest.approx(expected, abs=1e-12)


# gradients


@pytest.mark.parametrize("margin", MARGINS)
def test_gradients_of_the_contrastive_losses(margin: float) -> None:
    z, z_pos = (x.requires_grad_() for x in embeddings(3, 5))
    assert torch.autograd.gradcheck(lambda a, b: arccon(a, b, 0.2, math.radians(margin)), (z, z_pos))
    assert torch.autograd.gradcheck(lambda a, b: nt_xent(a, b, 0.2), (z, z_pos))


def test_gradients_of_the_triplet_loss() -> None:
    rows = tuple(x.requires_grad_() for x in embeddings(4, 8, count=3))
    losses = [triplet(*(x[i : i + 1] for x in rows), 0.1).item() for i in range(8)]
    assert 0 in losses  # rows on either side of the hinge
    assert max(losses) > 0
    assert torch.autograd.gradcheck(lambda *x: triplet(*x, 0.1), rows)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("margin", MARGINS)
@pytest.mark.parametrize("factor", [1, -1, 3, -0.5], ids=["identical", "opposite", "zero angle", "straight angle"])
def test_values_and_gradients_are_finite_where_arccos_has_no_slope(
    factor: float, margin: float, dtype: torch.dtype
) -> None:
    # unit vectors of the axes have a cosine of exactly ±1, random ones are off by rounding, to either side
    rows = torch.cat([torch.eye(6), embeddings(5, 32, dtype=torch.float32)[0]]).to(dtype)
    z, z_pos, z_far = (x.clone().requires_grad_() for x in (rows, factor * rows, rows))
    for loss in (arccon(z, z_pos, TAU, math.radians(margin)), nt_xent(z, z_pos, TAU), triplet(z, z_pos, z_far, 0.1)):
        assert loss.dim() == 0
        assert loss.isfinite()
        z.grad = z_pos.grad = None
        loss.backward()
        assert z.grad.isfinite().all()
        assert z_pos.grad.isfinite().all()


def test_bfloat16_loses_nothing_beyond_the_rounding_of_the_embeddings() -> None:
    z, z_pos, far = (x.bfloat16() for x in embeddings(6, 16, count=3))
    assert arccon(z, z_pos, TAU, 0.2) == arccon(z.float(), z_pos.float(), TAU, 0.2)
    assert nt_xent(z, z_pos, TAU) == nt_xent(z.float(), z_pos.float(), TAU)
    assert triplet(z, z_pos, far, 0.2) == triplet(z.float(), z_pos.float(), far.float(), 0.2)


# the shape of ArcCon over θ and m


def loss_and_slope(theta: float, margin: float) -> tuple[float, float]:
    """ArcCon and its derivative by the first pair's angle, in radians, all other cosines fixed."""
    angle = torch.tensor(theta, dtype=torch.float64, requires_grad=True)
    first, _, third = torch.eye(3, dtype=torch.float64)
    positive = torch.stack([angle.cos(), angle.sin(), torch.zeros_like(angle)])
    loss = arccon(torch.stack([first, third]), torch.stack([positive, third]), TAU, margin)
    return loss.item(), torch.autograd.grad(loss, angle)[0].item()


@pytest.mark.parametrize("margin", MARGINS)
def test_the_loss_never_falls_as_the_angle_grows(margin: float) -> None:
    m = math.radians(margin)
    # every degree and, since a jump would show there, both sides of θ + m = π
    angles = sorted([math.radians(a) for a in range(181)] + [math.pi - m + e for e in (-1e-6, 1e-6) if m > 1e-6])
    losses, slopes = zip(*(loss_and_slope(theta, m) for theta in angles), strict=True)
    rises = [after - before for before, after in pairwise(losses)]
    assert min(rises) > -1e-12
    assert min(slopes) > -1e-9
    assert losses[-1] - losses[0] > 1
    near_the_seam = [loss for theta, loss in zip(angles, losses, strict=True) if abs(theta - (math.pi - m)) < 2e-6]
    assert max(near_the_seam) - min(near_the_seam) < 1e-3  # no jump there either


@pytest.mark.parametrize("theta", [0, 1, 30, 47, 90, 135, 179, 180])
def test_a_larger_margin_gives_a_larger_loss(theta: float) -> None:
    losses = [loss_and_slope(math.radians(theta), math.radians(m))[0] for m in range(180)]
    assert min(after - before for before, after in pairwise(losses)) > 0


# invariance

SEEDS = st.integers(0, 2**32 - 1)


def all_losses(z: Tensor, z_pos: Tensor, far: Tensor, margin: float) -> Tensor:
    return torch.stack([nt_xent(z, z_pos, TAU), arccon(z, z_pos, TAU, margin), triplet(z, z_pos, far, margin)])


@given(seed=SEEDS, n=st.integers(1, 6), margin=st.floats(0, 3.1), data=st.data())
def test_the_length_of_a_row_does_not_matter(seed: int, n: int, margin: float, data: st.DataObject) -> None:
    rows = embeddings(seed, n, count=3)
    lengths = data.draw(st.lists(st.floats(1e-3, 1e3), min_size=3 * n, max_size=3 * n))
    scaled = [x * c for x, c in zip(rows, torch.tensor(lengths, dtype=torch.float64).view(3, n, 1), strict=True)]
    torch.testing.assert_close(all_losses(*scaled, margin), all_losses(*rows, margin), atol=1e-9, rtol=1e-9)


@given(seed=SEEDS, n=st.integers(1, 6), margin=st.floats(0, 3.1))
def test_a_common_rotation_does_not_matter(seed: int, n: int, margin: float) -> None:
    rows = embeddings(seed, n, count=3)
    rotation = torch.linalg.qr(embeddings(seed + 1, 6)[0]).Q
    rotated = [x @ rotation for x in rows]
    torch.testing.assert_close(all_losses(*rotated, margin), all_losses(*rows, margin), atol=1e-9, rtol=1e-9)


@given(seed=SEEDS, n=st.integers(1, 6), margin=st.floats(0, 1))
def test_triplet_is_the_mean_of_the_rows_own_losses(seed: int, n: int, margin: float) -> None:
    rows = embeddings(seed, n, count=3)
    alone = torch.stack([triplet(*(x[i : i + 1] for x in rows), margin) for i in range(n)])
    torch.testing.assert_close(triplet(*rows, margin), alone.mean())


def test_a_row_of_the_triplet_loss_does_not_see_the_others() -> None:
    z, near, far = embeddings(8, 6, count=3)
    z.requires_grad_()
    shuffled = torch.tensor([0, 3, 1, 5, 2, 4])  # all but row 0 change places
    before = torch.autograd.grad(triplet(z, near, far, 2.0), z)[0]  # at m = 2 no row is off the hinge
    after = torch.autograd.grad(triplet(z, near[shuffled], far[shuffled], 2.0), z)[0]
    torch.testing.assert_close(before[0], after[0])
    assert not torch.allclose(before[1], after[1])


def test_triplet_of_no_sentences_is_zero_with_a_gradient() -> None:
    weight = torch.ones(4, 4, requires_grad=True)
    nothing = torch.empty(0, 4) @ weight
    loss = triplet(nothing, nothing, nothing, 0.1)
    loss.backward()
    assert loss.item() == 0
    assert weight.grad is not None
    assert (weight.grad == 0).all()
