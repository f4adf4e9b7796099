"""The design of a tuning: the same points for every row, and only what has an effect on it."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import qmc

from arccse.errors import InputError
from arccse.hyperparameters import OBJECTIVES, Hyperparameters, own_settings
from arccse.ranges import Range
from arccse.tuning import Tuning, cube, read_choices

RATE, TEMPERATURE, MARGIN = Range(log=[1e-5, 1e-3]), Range(linear=[0.02, 0.1]), Range(linear=[0, 20])
NT_XENT, ARCCON = Hyperparameters(), Hyperparameters(objective="arccon")


def tuning(trials=8, **space):
    return Tuning(trials=trials, seeds=[100], space=space)


def test_every_row_has_the_same_values_of_what_is_shared():
    plain = tuning(learning_rate=RATE, temperature=TEMPERATURE, margin=MARGIN)
    of_nt_xent, of_arccon = plain.values(NT_XENT), plain.values(ARCCON)
    assert [v["learning_rate"] for v in of_nt_xent] == [v["learning_rate"] for v in of_arccon]
    assert [v["temperature"] for v in of_nt_xent] == [v["temperature"] for v in of_arccon]


def test_a_row_is_tried_with_what_has_an_effect_on_it():
    both = tuning(learning_rate=RATE, margin=MARGIN)
    assert {frozenset(v) for v in both.values(ARCCON)} == {frozenset({"learning_rate", "margin"})}
    assert {frozenset(v) for v in both.values(NT_XENT)} == {frozenset({"learning_rate"})}
    weighted = tuning(triplet_margin=Range(linear=[0, 0.2]))
    assert weighted.values(NT_XENT)[0] == {}
    assert set(weighted.values(NT_XENT.model_copy(update={"triplet_weight": 0.1}))[0]) == {"triplet_margin"}


def test_an_objectives_own_hyperparameters_come_on_top_over_their_own_ranges():
    plain = tuning(learning_rate=RATE)
    for objective in OBJECTIVES:
        own = own_settings(objective)
        values = plain.values(Hyperparameters(objective=objective))
        assert all(set(tried) == {"learning_rate", *own} for tried in values)
        assert [tried["learning_rate"] for tried in values] == [v["learning_rate"] for v in plain.values(NT_XENT)]
        for name, setting in own.items():
            ends = setting.choices or setting.log or setting.linear
            assert all(min(ends) <= tried[name] <= max(ends) for tried in values)
    narrow = tuning(margin=Range(linear=[9, 11])).values(ARCCON)
    assert all(9 <= tried["margin"] <= 11 for tried in narrow)


@pytest.mark.parametrize("temperatures", [{}, {"temperature": [0.02, 0.05]}, {"temperature": [0.02, 0.05, 0.1, 0.2]}])
def test_as_many_trials_as_choices_are_a_grid(temperatures):
    choices = {"learning_rate": [1e-5, 3e-5, 1e-4, 3e-4], **temperatures}
    grid = list(product(*choices.values()))
    design = tuning(len(grid), **{key: Range(choices=values) for key, values in choices.items()})
    assert sorted(tuple(tried.values()) for tried in design.values(NT_XENT)) == grid


@given(st.integers(1, 64), st.integers(1, 64))
def test_the_first_of_more_trials_are_the_same(few, more):
    assert cube(max(few, more))[: min(few, more)] == cube(min(few, more))


def test_trials_cover_the_cube_better_than_random_points_do():
    points = np.array(cube(64))
    random = np.random.default_rng(0).random(points.shape)
    assert points.min() >= 0
    assert points.max() < 1
    for pair in ([0, 1], [3, 7], [14, 15]):
        assert qmc.discrepancy(points[:, pair]) < qmc.discrepancy(random[:, pair])
    # each dimension has one point in each 64th: what makes a Sobol design one
    assert all(sorted(column.astype(int).tolist()) == list(range(64)) for column in np.floor(points * 64).T)


def test_a_design_has_so_many_dimensions():
    space = {f"key{number}": RATE for number in range(17)}
    with pytest.raises(InputError, match="17 hyperparameters are to be tuned"):
        Tuning(trials=2, seeds=[1], space=space).values(NT_XENT)


def test_a_damaged_file_of_choices_is_named(tmp_path):
    path = tmp_path / "chosen.json"
    assert read_choices(path) == {}
    for content in ("{", "[]", '{"main": {"tiny": {"NT-Xent": {"trial": 1}}}}'):
        path.write_text(content)
        with pytest.raises(InputError, match=r"chosen\.json can't be used"):
            read_choices(path)
