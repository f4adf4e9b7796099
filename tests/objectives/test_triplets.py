"""The triplet objective at known angles, against torch's own, and row by row."""

import math

import pytest
import torch
import torch.nn.functional as F
from embeddings import embeddings, in_the_plane
from hypothesis import given
from hypothesis import strategies as st

from arccse.objectives.triplets import triplet

SEEDS = st.integers(0, 2**32 - 1)


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


def test_it_is_torchs_triplet_loss_with_cosine_distances() -> None:
    rows = embeddings(1, 12, count=3)
    theirs = F.triplet_margin_with_distance_loss(
        *rows, distance_function=lambda x, y: 1 - F.cosine_similarity(x, y), margin=0.3
    )
    torch.testing.assert_close(triplet(*rows, 0.3), theirs)


def test_gradients() -> None:
    rows = tuple(x.requires_grad_() for x in embeddings(4, 8, count=3))
    losses = [triplet(*(x[i : i + 1] for x in rows), 0.1).item() for i in range(8)]
    assert 0 in losses  # rows on either side of the hinge
    assert max(losses) > 0
    assert torch.autograd.gradcheck(lambda *x: triplet(*x, 0.1), rows)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("factor", [1, -1, 0], ids=["identical", "opposite", "zero"])
def test_value_and_gradient_are_finite_whatever_the_rows(factor: float, dtype: torch.dtype) -> None:
    rows = torch.cat([torch.eye(6), embeddings(5, 32, dtype=torch.float32)[0]]).to(dtype)
    z, near, far = (x.clone().requires_grad_() for x in (rows, factor * rows, rows))
    loss = triplet(z, near, far, 0.1)
    loss.backward()
    assert loss.dtype == torch.float32
    assert all(found.isfinite().all() for found in (loss, z.grad, near.grad, far.grad))


@given(seed=SEEDS, n=st.integers(1, 6), margin=st.floats(0, 1), data=st.data())
def test_length_and_rotation_do_not_matter(seed: int, n: int, margin: float, data: st.DataObject) -> None:
    rows = embeddings(seed, n, count=3)
    lengths = data.draw(st.lists(st.floats(1e-3, 1e3), min_size=3 * n, max_size=3 * n))
    rotation = torch.linalg.qr(embeddings(seed + 1, 6)[0]).Q
    scales = torch.tensor(lengths, dtype=torch.float64).view(3, n, 1)
    moved = [x @ rotation * c for x, c in zip(rows, scales, strict=True)]
    torch.testing.assert_close(triplet(*moved, margin), triplet(*rows, margin), atol=1e-9, rtol=1e-9)


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
