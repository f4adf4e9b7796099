"""Masks: what holds for every batch, and how the positions are distributed."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2
from torch import Tensor

from arccse.masking import draw_masks

# A row of a batch: special tokens and padding on the left, word pieces, special tokens on the right (padding
# follows from the longest row).
Row = tuple[int, int, int]
ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40), st.integers(0, 2)), min_size=1, max_size=6)
RATIOS = (
    st.tuples(st.floats(0.01, 0.99), st.floats(0.01, 0.99)).map(sorted).filter(lambda ratios: ratios[0] < ratios[1])
)
SEEDS = st.integers(0, 2**63)


def batch(rows: list[Row]) -> Tensor:
    """(N, L) bool: True at the word pieces of each row."""
    maskable = torch.zeros(len(rows), max(sum(row) for row in rows), dtype=torch.bool)
    for i, (left, pieces, _) in enumerate(rows):
        maskable[i, left : left + pieces] = True
    return maskable


@settings(max_examples=200)
@given(rows=ROWS, ratios=RATIOS, seed=SEEDS)
def test_every_pair_of_masks(rows: list[Row], ratios: list[float], seed: int) -> None:
    maskable = batch(rows)
    untouched = maskable.clone()
    near, far = draw_masks(maskable, *ratios, np.random.default_rng(seed))
    assert torch.equal(maskable, untouched)
    assert near.dtype == far.dtype == torch.bool
    assert near.shape == far.shape == maskable.shape
    for row, near_row, far_row in zip(maskable, near, far, strict=True):
        pieces, in_near, in_far = (mask.nonzero().flatten().tolist() for mask in (row, near_row, far_row))
        assert set(in_near) <= set(in_far) <= set(pieces)  # so neither special tokens nor padding
        near_count, far_count = max(1, round(ratios[0] * len(pieces))), round(ratios[1] * len(pieces))
        if not near_count < far_count:
            near_count = far_count = 0
        assert (len(in_near), len(in_far)) == (near_count, far_count)
        for span in (in_near, in_far):
            assert span == list(range(span[0], span[0] + len(span))) if span else True


@settings(max_examples=200)
@given(rows=ROWS, ratios=RATIOS, seed=SEEDS, shape=st.sampled_from(["span", "scattered"]), nested=st.booleans())
def test_every_pair_of_masks_of_every_kind(
    rows: list[Row], ratios: list[float], seed: int, shape: str, nested: bool
) -> None:
    maskable = batch(rows)
    near, far = draw_masks(maskable, *ratios, np.random.default_rng(seed), shape, nested)
    article = draw_masks(maskable, *ratios, np.random.default_rng(seed))
    again = draw_masks(torch.nn.functional.pad(maskable, (0, 3)), *ratios, np.random.default_rng(seed), shape, nested)
    for mask, usual, padded in zip((near, far), article, again, strict=True):
        assert not (mask & ~maskable).any()
        assert torch.equal(mask.sum(1), usual.sum(1))  # shape and nesting change no size
        assert torch.equal(mask, padded[:, : maskable.shape[1]])
        if shape == "span":
            assert (mask.long().diff(dim=1, prepend=torch.zeros(len(rows), 1)).clamp(min=0).sum(1) <= 1).all()
    if nested:
        assert not (near & ~far).any()


def test_special_tokens_inside_a_row_are_no_word_pieces() -> None:
    # <s> a a a a a </s></s> b b b b b </s>: a run of word pieces goes over the gap and leaves the gap alone
    maskable = torch.tensor([[0, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 0]], dtype=torch.bool).repeat(50, 1)
    near, far = draw_masks(maskable, 0.4, 0.8, np.random.default_rng(0))
    assert not (far & ~maskable).any()
    for mask, count in ((near, 4), (far, 8)):
        among_pieces = mask[maskable].view(50, 10).long()
        assert (among_pieces.sum(1) == count).all()
        assert (among_pieces.diff(dim=1, prepend=torch.zeros(50, 1)).clamp(min=0).sum(1) == 1).all()  # one run


def test_rows_of_known_lengths() -> None:
    # of 3 word pieces 20 % and 40 % are both 1: too short; of 4, 1 and 2; of 10, 2 and 4; 12.5 and 25 round to even
    lengths = [0, 1, 3, 4, 10, 50]
    near, far = draw_masks(batch([(1, n, 1) for n in lengths]), 0.25, 0.5, np.random.default_rng(0))
    assert near.sum(1).tolist() == [0, 0, 1, 1, 2, 12]
    assert far.sum(1).tolist() == [0, 0, 2, 2, 5, 25]
    near, far = draw_masks(batch([(1, n, 1) for n in lengths]), 0.2, 0.4, np.random.default_rng(0))
    assert near.sum(1).tolist() == [0, 0, 0, 1, 2, 10]
    assert far.sum(1).tolist() == [0, 0, 0, 2, 4, 20]


# Distribution: 20 word pieces behind one special token, a near span of 4 and a far span of 8.

PIECES, NEAR, FAR, DRAWS = 20, 4, 8, 17_000


def starts(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the near and the far spans begin among the word pieces, over many rows."""
    near, far = draw_masks(batch([(1, PIECES, 1)] * DRAWS), 0.2, 0.4, np.random.default_rng(seed))
    return near.int().argmax(1).numpy() - 1, far.int().argmax(1).numpy() - 1


def statistic(counts: np.ndarray) -> float:
    """Pearson's χ² against equal frequencies."""
    expected = counts.sum() / len(counts)
    return float(((counts - expected) ** 2 / expected).sum())


def test_near_spans_start_anywhere_with_equal_probability() -> None:
    near, _ = starts(seed=1)
    possible = PIECES - NEAR + 1
    counts = np.bincount(near, minlength=possible)
    assert len(counts) == possible
    assert chi2.sf(statistic(counts), possible - 1) > 1e-3


def test_far_spans_start_wherever_they_hold_the_near_one_with_equal_probability() -> None:
    near, far = starts(seed=2)
    total, freedom = 0.0, 0
    for start in range(PIECES - NEAR + 1):
        possible = [f for f in range(PIECES - FAR + 1) if f <= start and start + NEAR <= f + FAR]
        drawn = far[near == start]
        assert set(drawn) == set(possible)
        total += statistic(np.array([(drawn == f).sum() for f in possible]))
        freedom += len(possible) - 1
    assert chi2.sf(total, freedom) > 1e-3


def test_rows_are_drawn_independently() -> None:
    near, _ = starts(seed=3)
    possible = PIECES - NEAR + 1
    pairs = np.bincount(near[::2] * possible + near[1::2], minlength=possible**2)
    assert chi2.sf(statistic(pairs), possible**2 - 1) > 1e-3


@pytest.mark.parametrize("nested", [True, False])
def test_scattered_masks_choose_every_set_with_equal_probability(nested: bool) -> None:
    # near: 2 of 5 tokens; far: 3 of 5, with nested masks one of the three others beside them
    near, far = draw_masks(batch([(1, 5, 1)] * DRAWS), 0.4, 0.6, np.random.default_rng(4), "scattered", nested)
    as_number = 2 ** torch.arange(near.shape[1])
    pairs, counts = np.unique(torch.stack([(m * as_number).sum(1) for m in (near, far)]), axis=1, return_counts=True)
    assert pairs.shape[1] == (10 * 3 if nested else 10 * 10)
    assert chi2.sf(statistic(counts), len(counts) - 1) > 1e-3


def test_independent_spans_start_anywhere_whatever_the_other_does() -> None:
    rows = batch([(1, PIECES, 1)] * DRAWS)
    near, far = draw_masks(rows, 0.2, 0.4, np.random.default_rng(5), nested=False)
    starts = (near.int().argmax(1) - 1) * (PIECES - FAR + 1) + far.int().argmax(1) - 1
    counts = np.bincount(starts.numpy(), minlength=(PIECES - NEAR + 1) * (PIECES - FAR + 1))
    assert chi2.sf(statistic(counts), len(counts) - 1) > 1e-3


# seeds


@given(rows=ROWS, ratios=RATIOS, seed=SEEDS)
def test_the_seed_decides_everything(rows: list[Row], ratios: list[float], seed: int) -> None:
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 - global state must not matter
    first = draw_masks(batch(rows), *ratios, np.random.default_rng(seed))
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    second = draw_masks(batch(rows), *ratios, np.random.default_rng(seed))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@given(rows=ROWS, padding=st.integers(0, 5), seed=SEEDS)
def test_padding_of_the_batch_does_not_move_a_mask(rows: list[Row], padding: int, seed: int) -> None:
    maskable = batch(rows)
    padded = torch.nn.functional.pad(maskable, (0, padding))
    for alone, wide in zip(
        draw_masks(maskable, 0.2, 0.4, np.random.default_rng(seed)),
        draw_masks(padded, 0.2, 0.4, np.random.default_rng(seed)),
        strict=True,
    ):
        assert torch.equal(alone, wide[:, : maskable.shape[1]])


def test_other_seeds_and_later_draws_give_other_masks() -> None:
    maskable = batch([(1, PIECES, 1)] * 20)
    rng = np.random.default_rng(0)
    draws = [draw_masks(maskable, 0.2, 0.4, rng)[0] for _ in range(2)]
    other = draw_masks(maskable, 0.2, 0.4, np.random.default_rng(1))[0]
    assert not torch.equal(*draws)
    assert not torch.equal(draws[0], other)
