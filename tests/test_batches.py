"""Batches: what noise replaces, which masks the views carry, and that each stream of random numbers is its own."""

from collections.abc import Iterator

import numpy as np
import pytest
import tiny
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, chi2

from arccse.batches import (
    DROPOUT,
    MASKS,
    NEGATIVES,
    NOISE,
    ORDER,
    drawn_negatives,
    rng,
    rows_of_steps,
    seed_dropout,
    views_of,
    with_noise,
)
from arccse.encoder import Encoder, load_encoder
from arccse.hyperparameters import Hyperparameters
from arccse.masking import draw_masks


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Encoder]:
    return load_encoder(str(tiny.save_bert(tmp_path_factory.mktemp("models") / "bert")), "cls")


class TokenIds:
    """Token ids of sentences, of which no two are equal."""

    def __init__(self, encoder: Encoder, count: int):
        self.ids = encoder.token_ids(tiny.sentences(count), 32)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, rows: np.ndarray) -> list[list[int]]:
        return [self.ids[row] for row in rows]


# noise

ROWS = st.lists(st.integers(0, 29), min_size=1, max_size=40).map(np.array)


@given(rows=ROWS, seed=st.integers(0, 2**32), share=st.floats(0, 1))
def test_noise_replaces_a_row_by_another_of_the_corpus(rows: np.ndarray, seed: int, share: float) -> None:
    before = rows.copy()
    drawn = with_noise(rows, share, 30, np.random.default_rng(seed))
    assert np.array_equal(rows, before)
    assert drawn.shape == rows.shape
    assert ((drawn >= 0) & (drawn < 30)).all()
    assert np.array_equal(drawn, with_noise(rows, share, 30, np.random.default_rng(seed)))
    assert np.array_equal(with_noise(rows, 0.0, 30, np.random.default_rng(seed)), rows)
    assert (with_noise(rows, 1.0, 30, np.random.default_rng(seed)) != rows).all()


@given(rows=ROWS, seed=st.integers(0, 2**32), shares=st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted))
def test_more_noise_replaces_the_same_rows_and_more(rows: np.ndarray, seed: int, shares: list[float]) -> None:
    # so that runs of one seed differ by the added noise alone
    less, more = (with_noise(rows, share, 30, np.random.default_rng(seed)) for share in shares)
    replaced = less != rows
    assert np.array_equal(less[replaced], more[replaced])


@pytest.mark.parametrize("share", [0.05, 0.2, 0.4])
def test_noise_replaces_its_share(share: float) -> None:
    rows = np.arange(64)
    drawn = [with_noise(rows, share, 1000, rng(0, NOISE, step)) for step in range(200)]
    replaced = int(np.sum(np.array(drawn) != rows))
    low, high = binom.interval(0.9999, 200 * 64, share)
    assert low <= replaced <= high


def test_noise_takes_every_other_row_with_equal_probability() -> None:
    drawn = with_noise(np.full(9000, 4), 1.0, 10, np.random.default_rng(0))
    counts = np.bincount(drawn, minlength=10)
    assert counts[4] == 0
    expected = 9000 / 9
    assert chi2.sf(((np.delete(counts, 4) - expected) ** 2 / expected).sum(), 8) > 1e-3


def test_positives_are_the_sentences_themselves_but_for_the_noise(encoder: Encoder) -> None:
    corpus, rows, length = TokenIds(encoder, 50), np.arange(16), 32
    clean = views_of(encoder, [corpus], rows, Hyperparameters(), seed=0, step=1)
    assert torch.equal(clean.input_ids[0], clean.input_ids[1])
    noisy = views_of(encoder, [corpus], rows, Hyperparameters(noise=0.4), seed=0, step=1)
    wanted = with_noise(rows, 0.4, len(corpus), rng(0, NOISE, 1))
    assert 0 < (wanted != rows).sum() < 16
    for view, numbers in ((noisy.input_ids[0], rows), (noisy.input_ids[1], wanted)):
        for row, number in zip(view, numbers, strict=True):
            ids = corpus.ids[number][:length]
            assert row[: len(ids)].tolist() == ids
            assert (row[len(ids) :] == encoder.tokenizer.pad_token_id).all()


def test_noise_follows_seed_and_step() -> None:
    rows = np.arange(1000)
    draws = [with_noise(rows, 0.5, 1000, rng(seed, NOISE, step)) for seed, step in ((0, 1), (0, 2), (1, 1), (0, 1))]
    assert np.array_equal(draws[0], draws[3])
    assert not np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


def test_drawn_negatives_follow_seed_and_step_and_are_a_stream_of_their_own() -> None:
    draws = [
        torch.randn(50, generator=drawn_negatives(seed, step)) for seed, step in ((0, 1), (0, 2), (1, 1), (0, 1))
    ]
    assert torch.equal(draws[0], draws[3])
    assert not torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    torch.manual_seed(5)
    before = torch.get_rng_state()
    drawn_negatives(0, 1)
    assert torch.equal(torch.get_rng_state(), before)  # dropout's
    seed_dropout(0, 1, 0)
    assert not torch.equal(torch.randn(50), draws[0])
    assert len({ORDER, MASKS, DROPOUT, NOISE, NEGATIVES}) == 5


def test_noise_moves_neither_order_nor_masks(encoder: Encoder) -> None:
    corpus = TokenIds(encoder, 50)
    first, second = (list(rows_of_steps(50, 8, seed=3, done=0, steps=6)) for _ in range(2))
    assert all(map(np.array_equal, first, second))  # noise is no argument of the order
    for step, rows in enumerate(first[:3], start=1):
        with_and_without = [
            views_of(encoder, [corpus], rows, Hyperparameters(triplet_weight=0.1, noise=noise), seed=3, step=step)
            for noise in (0.0, 0.4)
        ]
        (whole, *masked), (noisy_whole, *noisy_masked) = (views.input_ids[2:] for views in with_and_without)
        for view, noisy in zip((whole, *masked), (noisy_whole, *noisy_masked), strict=True):
            width = min(view.shape[1], noisy.shape[1])  # another positive may be longer
            assert torch.equal(view[:, :width], noisy[:, :width])
        assert torch.equal(with_and_without[0].ordered, with_and_without[1].ordered)


# masks


@pytest.mark.parametrize("shape", ["span", "scattered"])
@pytest.mark.parametrize("nested", [True, False])
def test_views_carry_the_masks_that_the_hyperparameters_ask_for(encoder: Encoder, shape: str, nested: bool) -> None:
    corpus, rows = TokenIds(encoder, 50), np.arange(20)
    h = Hyperparameters(triplet_weight=0.1, mask_ratios=(0.3, 0.6), mask_shape=shape, mask_nested=nested)
    views = views_of(encoder, [corpus], rows, h, seed=5, step=2)
    whole, near, far = views.input_ids[2:]
    special = torch.isin(whole, torch.tensor(encoder.tokenizer.all_special_ids))
    wanted = draw_masks(~special, 0.3, 0.6, np.random.default_rng([5, 1, 2]), shape, nested)
    for view, mask in zip((near, far), wanted, strict=True):
        assert torch.equal(view == encoder.tokenizer.mask_token_id, mask)
        assert torch.equal(view[~mask], whole[~mask])
    assert torch.equal(views.ordered, wanted[0].any(1))
