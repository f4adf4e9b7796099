"""The groups against all partitions, and their invariants."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arccse.padding import length_groups

LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=60).map(np.array)


def padded_tokens(lengths: np.ndarray, groups: list[np.ndarray]) -> int:
    return sum(int(lengths[rows].max()) * len(rows) for rows in groups)


@given(lengths=LENGTHS, count=st.integers(1, 6))
def test_groups_hold_each_row_once_and_are_no_more_than_asked(lengths, count):
    groups = length_groups(lengths, count)
    assert sorted(np.concatenate(groups)) == list(range(len(lengths)))
    assert len(groups) <= count
    assert all(a.size and lengths[a].min() > lengths[b].max() for a, b in itertools.pairwise(groups))


@given(lengths=LENGTHS, count=st.integers(1, 5))
def test_a_group_more_never_pads_more(lengths, count):
    fewer, more = (padded_tokens(lengths, length_groups(lengths, k)) for k in (count, count + 1))
    assert lengths.sum() <= more <= fewer <= len(lengths) * lengths.max()


@pytest.mark.parametrize("seed", range(20))
def test_no_partition_pads_less(seed):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 10, size=7)
    for count in (1, 2, 3):
        least = min(
            sum(max(lengths[i] for i in range(7) if group[i] == g) * group.count(g) for g in set(group))
            for group in itertools.product(range(count), repeat=7)
        )
        assert padded_tokens(lengths, length_groups(lengths, count)) == least


def test_as_many_groups_as_lengths_need_no_padding():
    lengths = np.array([3, 5, 3, 9])
    assert padded_tokens(lengths, length_groups(lengths, 3)) == lengths.sum()
