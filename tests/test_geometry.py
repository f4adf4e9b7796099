"""Alignment and uniformity against their definitions, and on point sets whose values are known."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from arccse.geometry import alignment, uniformity


def points(seed: int, n: int, d: int = 5) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def unit(row: list[float]) -> list[float]:
    length = math.sqrt(sum(value * value for value in row))
    return [value / length for value in row]


def squared_distance(a: list[float], b: list[float]) -> float:
    return sum((p - q) ** 2 for p, q in zip(unit(a), unit(b), strict=True))


@given(seed=st.integers(0, 2**32 - 2), n=st.integers(2, 8))
def test_both_are_what_their_definitions_say(seed: int, n: int) -> None:
    x, y = points(seed, n), points(seed + 1, n)
    rows, positives = x.tolist(), y.tolist()
    mean = sum(squared_distance(a, b) for a, b in zip(rows, positives, strict=True)) / n
    assert alignment(x, y).item() == pytest.approx(mean)
    kernel = [math.exp(-2 * squared_distance(rows[i], rows[j])) for i in range(n) for j in range(n) if i != j]
    assert uniformity(x).item() == pytest.approx(math.log(sum(kernel) / len(kernel)))


def regular_simplex(n: int) -> Tensor:
    """n points with equal distances around the origin; on the sphere, ‖v − w‖² = 2n/(n − 1)."""
    return torch.eye(n, dtype=torch.float64) - 1 / n


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (torch.ones(4, 3), 0),  # all in one place: the worst
        (torch.tensor([[1.0, 2.0], [-1.0, -2.0]]), -8),  # ‖v − w‖ = 2
        (torch.eye(5), -4),  # ‖v − w‖² = 2
        (regular_simplex(4), -16 / 3),
        (regular_simplex(9), -4.5),
    ],
    ids=["identical", "antipodal", "orthonormal", "simplex of 4", "simplex of 9"],
)
def test_uniformity_of_known_points(x: Tensor, expected: float) -> None:
    assert uniformity(x).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        (torch.eye(3), torch.eye(3), 0),
        (torch.eye(3), -torch.eye(3), 4),
        (torch.eye(3), torch.eye(3).roll(1, 0), 2),
        (torch.eye(2), torch.tensor([[1.0, 0.0], [0.0, -1.0]]), 2),  # one pair at 0°, one at 180°
    ],
    ids=["identical", "antipodal", "orthonormal", "half and half"],
)
def test_alignment_of_known_points(x: Tensor, y: Tensor, expected: float) -> None:
    assert alignment(x, y).item() == pytest.approx(expected, abs=1e-6)


@given(seed=st.integers(0, 2**32 - 2), lengths=st.lists(st.floats(1e-3, 1e3), min_size=6, max_size=6))
def test_the_length_of_a_row_does_not_matter(seed: int, lengths: list[float]) -> None:
    x, y = points(seed, 6), points(seed + 1, 6)
    scaled = x * torch.tensor(lengths, dtype=torch.float64).unsqueeze(1)
    torch.testing.assert_close(uniformity(scaled), uniformity(x))
    torch.testing.assert_close(alignment(scaled, y), alignment(x, y))
    torch.testing.assert_close(alignment(y, scaled), alignment(y, x))


def test_too_few_rows_and_unequal_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="at least two rows, got 1"):
        uniformity(torch.ones(1, 3))
    with pytest.raises(ValueError, match="n ≥ 1"):
        alignment(torch.ones(0, 3), torch.ones(0, 3))
    with pytest.raises(ValueError, match="equal shapes"):
        alignment(torch.ones(2, 3), torch.ones(1, 3))
