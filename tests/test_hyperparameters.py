"""Hyperparameters: which of them a run's identity depends on, the objectives' names, the steps that they make."""

import inspect
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arccse import hyperparameters, objectives
from arccse.errors import InputError
from arccse.hyperparameters import Hyperparameters


def test_triplet_settings_count_only_with_a_triplet_objective():
    off, on = {"triplet_weight": 0.0}, {"triplet_weight": 0.1}
    settings = (
        {"mask_ratios": [0.1, 0.2]},
        {"triplet_margin": 0.1},
        {"triplet_dropout": True},
        {"mask_shape": "scattered"},
        {"mask_nested": False},
    )
    for setting in settings:
        assert Hyperparameters(**off, **setting).canonical() == Hyperparameters(**off).canonical()
        assert Hyperparameters(**on, **setting).canonical() != Hyperparameters(**on).canonical()


def test_margin_counts_only_for_arccon():
    assert Hyperparameters(margin=5.0).canonical() == Hyperparameters(margin=20.0).canonical()
    with_margin = [Hyperparameters(objective="arccon", margin=m).canonical() for m in (5.0, 20.0)]
    assert with_margin[0] != with_margin[1]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("temperature", 0.1),
        ("pooling", "mean"),
        ("head", "none"),
        ("dropout", 0.2),
        ("batch_size", 8),
        ("learning_rate", 1e-5),
        ("weight_decay", 0.1),
        ("warmup_ratio", 0.1),
        ("max_grad_norm", 2.0),
        ("epochs", 2),
        ("max_steps", 3),
        ("max_length", 16),
        ("eval_every", 2),
        ("geometry_every", 2),
        ("precision", "bf16"),
        ("noise", 0.1),
        ("whitening", True),
    ],
)
def test_every_hyperparameter_is_part_of_the_identity(key, value):
    assert Hyperparameters(**{key: value}).canonical() != Hyperparameters().canonical()


def test_objectives_are_the_functions_of_a_pair_in_the_objectives_module():
    assert hyperparameters.OBJECTIVES == {
        "nt_xent": ("temperature",),
        "arccon": ("temperature", "margin"),
    }
    for name, taken in hyperparameters.OBJECTIVES.items():
        assert tuple(inspect.signature(getattr(objectives, name)).parameters) == ("z", "z_pos", *taken)


@given(st.integers(2, 500), st.integers(2, 64), st.integers(1, 4))
def test_steps_are_whole_batches(corpus_size, batch_size, epochs):
    h = Hyperparameters(batch_size=batch_size, epochs=epochs)
    if corpus_size < batch_size:
        with pytest.raises(InputError, match="fewer than batch_size"):
            h.steps(corpus_size)
    else:
        assert h.steps(corpus_size) == epochs * math.floor(corpus_size / batch_size)


def test_max_steps_ends_a_training_early():
    assert Hyperparameters(max_steps=7).steps(6400) == 7
    assert Hyperparameters(max_steps=700).steps(6400) == 100
