"""Negatives that are corrected, weighted, drawn or mixed: worked out by hand, and where they are NT-Xent."""

import math

import pytest
import torch
from embeddings import embeddings, in_the_plane

from arccse.objectives.negatives import debiased, focal, gaussian_negatives, hard_negative, mixed_negatives
from arccse.objectives.softmax import nt_xent

# Pairs at 60° and 0°; at τ = 1/2 the logits 2 s_ij are 1, 0 and √3, 2.
Z, Z_POS, TAU = in_the_plane([0, 90]), in_the_plane([60, 90]), 0.5
ROOT3, E = math.sqrt(3), math.e


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def test_debiased_worked_out_by_hand() -> None:
    # M = 1; G = (1 − e/10)/0.9 and (e^√3 − e²/10)/0.9, above the floor of e^−2
    first, second = (1 - E / 10) / 0.9, (math.exp(ROOT3) - E**2 / 10) / 0.9
    expected = (math.log(1 + first / E) + math.log(1 + second / E**2)) / 2
    assert debiased(Z, Z_POS, TAU, 0.1).item() == pytest.approx(expected)


def test_a_correction_beyond_what_cosines_allow_stops_at_the_floor() -> None:
    # at τ⁺ = 1/2 the first G would be 2 − e, below 0; the second, 2e^√3 − e², is above the floor
    second = 2 * math.exp(ROOT3) - E**2
    expected = (math.log(1 + E**-2 / E) + math.log(1 + second / E**2)) / 2
    assert debiased(Z, Z_POS, TAU, 0.5).item() == pytest.approx(expected)


def test_hard_negative_worked_out_by_hand() -> None:
    """A pair at 60° with negatives at 0° and 90°: logits 1, 2 and 0, weights e^2 and 1 of mean (e^2 + 1)/2."""
    z, z_pos = in_the_plane([0, 180, 180]), in_the_plane([60, 0, 90])
    weighted = 2 * (E**2 * E**2 + 1) / (E**2 + 1)
    first = math.log(1 + (weighted - 0.1 * 2 * E) / 0.9 / E)
    # rows 2 and 3: positives at 180° and 90°, negatives at (120°, 90°) and (120°, 180°)
    second = math.log(1 + (2 * (E**-1 * E**-1 + 1) / (E**-1 + 1) - 0.1 * 2 * E**-2) / 0.9 / E**-2)
    third = math.log(1 + max((2 * (E**-2 + E**-4) / (E**-1 + E**-2) - 0.1 * 2) / 0.9, 2 * E**-2))
    assert hard_negative(z, z_pos, TAU, 0.1, 1.0).item() == pytest.approx((first + second + third) / 3)


def test_without_prior_and_hardness_they_are_nt_xent() -> None:
    z, z_pos = (x.requires_grad_() for x in embeddings(1, 16))
    plain = nt_xent(z, z_pos, TAU)
    for loss in (debiased(z, z_pos, TAU, 0.0), hard_negative(z, z_pos, TAU, 0.0, 0.0)):
        torch.testing.assert_close(loss, plain)
        torch.testing.assert_close(
            torch.autograd.grad(loss, (z, z_pos)), torch.autograd.grad(plain, (z, z_pos), retain_graph=True)
        )


def test_harder_negatives_weigh_more() -> None:
    z, z_pos = embeddings(2, 16)
    losses = [hard_negative(z, z_pos, TAU, 0.1, hardness).item() for hardness in (0.0, 0.5, 1.0, 2.0)]
    assert losses == sorted(losses)
    assert losses[0] == pytest.approx(debiased(z, z_pos, TAU, 0.1).item())


def test_focal_worked_out_by_hand() -> None:
    # positives (1/4, 1)/τ, negatives 0 and √3/2 (√3/2 + m)
    negative = 2 * ROOT3 / 2 * (ROOT3 / 2 + 0.3)
    expected = (math.log(1 + math.exp(-0.5)) + math.log(1 + math.exp(negative - 2))) / 2
    assert focal(Z, Z_POS, TAU, 0.3).item() == pytest.approx(expected)


def test_gaussian_negatives_are_further_rows_of_nt_xent() -> None:
    drawn = torch.randn(3 * 2, 2, generator=generator()).double()
    expected = nt_xent(Z, torch.cat([Z_POS, drawn]), TAU)
    torch.testing.assert_close(gaussian_negatives(Z, Z_POS, TAU, 3, generator()), expected)
    assert expected > nt_xent(Z, Z_POS, TAU)


def test_the_draws_follow_from_the_generator_alone() -> None:
    z, z_pos = embeddings(1, 8)
    torch.manual_seed(0)
    before = torch.get_rng_state()
    once, source = gaussian_negatives(z, z_pos, TAU, 3, generator()), generator()
    again, next_draws = (gaussian_negatives(z, z_pos, TAU, 3, source) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert once == again != next_draws


def test_mixed_negatives_worked_out_by_hand() -> None:
    """Two sentences, each the other's neighbour: at λ = 1/2 both mixtures are one, at 75° and at 45°.

    Left out: row 1's cosine with mixture 2 of positives, row 2's with mixture 1, and positive 2 with mixture 1 of
    sentences, positive 1 with mixture 2.
    """
    first = math.log(E + 1 + math.exp(2 * cosine(75)) + math.exp(2 * cosine(15))) - 1
    second = math.log(E**2 + math.exp(ROOT3) + math.exp(2 * cosine(15)) + math.exp(2 * cosine(45))) - 2
    assert mixed_negatives(Z, Z_POS, TAU, 0.5).item() == pytest.approx((first + second) / 2)


def cosine(degrees: float) -> float:
    return math.cos(math.radians(degrees))
