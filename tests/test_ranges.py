import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from arccse.ranges import Range


@given(st.floats(0, 1, exclude_max=True), st.floats(1e-6, 1), st.floats(1.5, 1e4))
def test_values_lie_between_the_ends_and_rise(u, low, factor):
    for one in (Range(log=[low, low * factor]), Range(linear=[low, low * factor])):
        assert low * (1 - 1e-3) <= one.at(u) <= low * factor * (1 + 1e-3)
        assert one.at(u / 2) <= one.at(u)


def test_half_way_is_the_geometric_or_arithmetic_mean():
    assert Range(log=[1e-5, 1e-3]).at(0.5) == pytest.approx(1e-4)
    assert Range(linear=[0, 20]).at(0.5) == 10


def test_choices_are_equally_likely():
    three = Range(choices=["a", "b", "c"])
    assert [three.at(k / 9) for k in range(9)] == list("aaabbbccc")


def test_values_have_four_digits():
    assert Range(linear=[0, 1]).at(1 / 3) == 0.3333
    assert Range(log=[1e-5, 1e-4]).at(0.25) == float(f"{math.exp(math.log(1e-5) + 0.25 * math.log(10)):.4g}")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "one of"),
        ({"log": [1, 2], "linear": [1, 2]}, "log and linear"),
        ({"linear": [2, 1]}, "must rise"),
        ({"log": [0, 1]}, "above 0"),
        ({"choices": ["one"]}, "at least 2"),
    ],
)
def test_what_is_no_range(given, said):
    with pytest.raises(ValidationError, match=said):
        Range(**given)
