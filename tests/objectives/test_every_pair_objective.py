"""What holds for every pair objective, over the settings that a tuning tries."""

import inspect
import math
from importlib import import_module
from typing import Any

import numpy as np
import pytest
import torch
from embeddings import embeddings
from hypothesis import given, settings
from hypothesis import strategies as st
from references import REFERENCES
from torch import Tensor

from arccse.hyperparameters import OBJECTIVES, Hyperparameters, own_settings
from arccse.objectives import pair_loss

NAMES = sorted(OBJECTIVES)
TAU = 0.2
HOLDS_SOMETHING = {"dclw", "mixed_negatives"}  # without gradient, so that it is no derivative of the loss itself
IN_ORDER = {"mixed_negatives"}  # its negatives are mixed of neighbours in the batch
OF_FEATURES = {"vicreg", "barlow_twins", "dimension_wise"}  # not normalised row by row


def values(name: str, **changes: Any) -> dict[str, Any]:
    """The settings of an objective, at their defaults but for the changes."""
    chosen = {key: setting.default for key, setting in own_settings(name).items()}
    return chosen | ({"temperature": TAU} if "temperature" in OBJECTIVES[name].parameters else {}) | changes


def tried(name: str) -> list[dict[str, Any]]:
    """Settings of an objective: the defaults, and each of its own at both ends of what a tuning tries."""
    ends = [(key, setting.range.at(u)) for key, setting in own_settings(name).items() for u in (0.0, 0.999)]
    return [values(name), *(values(name, **{key: value}) for key, value in ends)]


def loss_of(name: str, z: Tensor, z_pos: Tensor, seed: int = 0, **chosen: Any) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return pair_loss(name, z, z_pos, (chosen or values(name)) | {"generator": generator})


def reference(name: str, z: np.ndarray, z_pos: np.ndarray, held: Any, chosen: dict[str, Any]) -> float:
    if name == "gaussian_negatives":
        count = chosen["gaussian_per_sentence"] * len(z)
        drawn = torch.randn(count, z.shape[1], generator=torch.Generator().manual_seed(0))
        chosen = chosen | {"drawn": drawn.double().numpy()}
    return REFERENCES[name](z, z_pos, held, **chosen)


def test_each_has_a_reference_and_takes_what_it_declares() -> None:
    assert sorted(REFERENCES) == NAMES
    common = {"temperature", "generator"}
    for objective in OBJECTIVES.values():
        assert set(objective.parameters) - common == set(objective.settings)


@pytest.mark.parametrize("name", NAMES)
def test_value_and_gradient_are_the_equations(name: str) -> None:
    """In float64, against loops in numpy and central differences of them."""
    for chosen in tried(name):
        z, z_pos = (x.requires_grad_() for x in embeddings(1, 5, 4))
        loss = loss_of(name, z, z_pos, **chosen)
        held = z.detach().numpy().copy(), z_pos.detach().numpy().copy()
        assert loss.dtype == torch.float64
        assert loss.item() == pytest.approx(reference(name, *held, held, chosen), rel=1e-7), chosen
        for which, gradient in enumerate(torch.autograd.grad(loss, (z, z_pos))):
            differences = np.zeros((5, 4))
            for place in np.ndindex(5, 4):
                step = np.zeros((5, 4))
                step[place] = 1e-5
                up, down = (
                    [x + sign * step if view == which else x for view, x in enumerate(held)] for sign in (1, -1)
                )
                rise = reference(name, *up, held, chosen) - reference(name, *down, held, chosen)
                differences[place] = rise / 2e-5
            scale = max(1.0, np.abs(differences).max())
            np.testing.assert_allclose(gradient.numpy(), differences, rtol=0, atol=1e-6 * scale, err_msg=str(chosen))


@pytest.mark.parametrize("name", sorted(set(NAMES) - HOLDS_SOMETHING))
def test_gradients_are_torchs_finite_differences(name: str) -> None:
    rows = tuple(x.requires_grad_() for x in embeddings(3, 5))
    assert torch.autograd.gradcheck(lambda z, z_pos: loss_of(name, z, z_pos), rows)


SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.integers(2, 7)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, n=SIZES, data=st.data())
def test_the_order_of_the_batch_does_not_matter(name: str, seed: int, n: int, data: st.DataObject) -> None:
    z, z_pos = embeddings(seed, n)
    turn = data.draw(st.integers(0, n - 1))
    order = torch.arange(n).roll(turn) if name in IN_ORDER else torch.tensor(data.draw(st.permutations(range(n))))
    torch.testing.assert_close(loss_of(name, z[order], z_pos[order]), loss_of(name, z, z_pos))


def test_the_neighbours_in_the_batch_matter_where_they_are_mixed() -> None:
    z, z_pos = embeddings(1, 5)
    order = torch.tensor([1, 0, 2, 3, 4])
    for name in IN_ORDER:
        assert not torch.allclose(loss_of(name, z[order], z_pos[order]), loss_of(name, z, z_pos))


@pytest.mark.parametrize("name", sorted(set(NAMES) - OF_FEATURES))
@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, n=SIZES, data=st.data())
def test_the_length_of_a_row_does_not_matter(name: str, seed: int, n: int, data: st.DataObject) -> None:
    rows = embeddings(seed, n)
    lengths = data.draw(st.lists(st.floats(1e-3, 1e3), min_size=2 * n, max_size=2 * n))
    scaled = [x * c for x, c in zip(rows, torch.tensor(lengths, dtype=torch.float64).view(2, n, 1), strict=True)]
    torch.testing.assert_close(loss_of(name, *scaled), loss_of(name, *rows), atol=1e-8, rtol=1e-8)


@pytest.mark.parametrize("name", sorted(set(NAMES) - OF_FEATURES - {"gaussian_negatives"}))
def test_a_common_rotation_does_not_matter(name: str) -> None:
    z, z_pos = embeddings(5, 6)
    rotation = torch.linalg.qr(embeddings(6, 6)[0]).Q
    torch.testing.assert_close(loss_of(name, z @ rotation, z_pos @ rotation), loss_of(name, z, z_pos))


def unlike(rows: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    """Embeddings and positives where a root, an arccos or a division could have no finite slope."""
    return {
        "identical": (rows, rows),
        "opposite": (rows, -rows),
        "collapsed to one": (rows[:1].expand_as(rows), rows[:1].expand_as(rows)),
        "collapsed, positives opposite": (rows[:1].expand_as(rows), -rows[:1].expand_as(rows)),
        "positives of each other": (rows, rows.roll(1, dims=0)),
        "some rows alike": (torch.cat([rows[:3], rows[:3], rows[6:]]), rows),
        "zero": (torch.zeros_like(rows), torch.zeros_like(rows)),
    }


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", NAMES)
def test_value_and_gradient_are_finite_whatever_the_rows(name: str, dtype: torch.dtype) -> None:
    # unit vectors of the axes have a cosine of exactly ±1, random ones are off by rounding, to either side
    rows = torch.cat([torch.eye(6), embeddings(5, 10, dtype=torch.float32)[0]]).to(dtype)
    temperatures = (1e-4, 1e-2, 1.0) if "temperature" in OBJECTIVES[name].parameters else (None,)
    for case, (first, second) in unlike(rows).items():
        for chosen in tried(name):
            for temperature in temperatures:
                z, z_pos = first.clone().requires_grad_(), second.clone().requires_grad_()
                loss = loss_of(name, z, z_pos, **chosen | ({"temperature": temperature} if temperature else {}))
                assert loss.dim() == 0
                assert loss.dtype == torch.float32
                loss.backward()
                for found in (loss, z.grad, z_pos.grad):
                    assert found.isfinite().all(), (case, chosen, temperature)


@pytest.mark.parametrize("name", NAMES)
def test_bfloat16_loses_nothing_beyond_the_rounding_of_the_embeddings(name: str) -> None:
    z, z_pos = (x.bfloat16() for x in embeddings(6, 16))
    assert loss_of(name, z, z_pos) == loss_of(name, z.float(), z_pos.float())


@pytest.mark.parametrize("name", NAMES)
def test_going_down_its_gradient_brings_positives_together(name: str) -> None:
    z, noise = embeddings(8, 16)
    z, z_pos = z.clone().requires_grad_(), (z + noise).requires_grad_()
    optimizer = torch.optim.Adam([z, z_pos], lr=0.02)
    before = loss_of(name, z, z_pos).item(), torch.cosine_similarity(z, z_pos).mean().item()
    for _ in range(100):
        optimizer.zero_grad()
        loss_of(name, z, z_pos).backward()
        optimizer.step()
    after = loss_of(name, z, z_pos).item(), torch.cosine_similarity(z, z_pos).mean().item()
    assert after[0] < before[0]
    assert after[1] > before[1] + 0.1


@pytest.mark.parametrize("name", NAMES)
def test_settings_reach_the_loss_by_name_and_those_of_others_do_not(name: str) -> None:
    z, z_pos = embeddings(7, 8)
    everything = dict(Hyperparameters(objective=name, temperature=TAU))
    assert loss_of(name, z, z_pos, **everything) == loss_of(name, z, z_pos)
    for key, setting in own_settings(name).items():
        others = [setting.range.at(u) for u in (0.0, 0.5, 0.999)]
        assert any(
            loss_of(name, z, z_pos, **everything | {key: other}) != loss_of(name, z, z_pos) for other in others
        )


@pytest.mark.parametrize("name", NAMES)
def test_the_docstring_gives_shapes_settings_and_source(name: str) -> None:
    function = getattr(import_module(f"arccse.{OBJECTIVES[name].module}"), name)
    text = inspect.getdoc(function) or ""
    assert all(f"{parameter}: " in text for parameter in inspect.signature(function).parameters)
    assert "(N, d)" in text
    assert "Source: " in text
    for setting in own_settings(name).values():
        assert setting.origin
        ends = setting.range.ends or setting.choices
        assert min(ends) <= setting.default <= max(ends)
        assert all(math.isfinite(end) for end in ends)
