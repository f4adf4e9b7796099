"""Many classifiers at a time against torch's own, one at a time. Whole tasks: test_transfer.py."""

import sys
from pathlib import Path

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
import plain_transfer as plain
from blobs import blobs

from arccse.evaluation.classifiers import SEED, Data, Split, fit_many, predict
from arccse.evaluation.transfer import FAST, FULL, REGULARISATION


def test_data_have_a_column_for_the_bias_and_fill_lines_of_the_cache():
    x, y = blobs(20, 4, classes=3)
    data = Data.of(x, y)
    assert data.features.shape == (20, 16)
    np.testing.assert_array_equal(data.features[:, :4], x)
    assert (data.features[:, 4] == 1).all()
    assert not data.features[:, 5:].any()
    torch.manual_seed(SEED)
    layer = torch.nn.Linear(4, 3)
    np.testing.assert_array_equal(data.start[:, :4], layer.weight.detach())
    np.testing.assert_array_equal(data.start[:, 4], layer.bias.detach())
    assert not data.start[:, 5:].any()


def test_one_class_alone_is_told_from_another():
    assert Data.of(np.ones((3, 2), dtype=np.float32), np.zeros(3, dtype=np.int64)).start.shape[0] == 2


@given(st.integers(0, 2**32 - 1), st.integers(2, 6))
def test_the_first_of_the_largest_logits_is_predicted(seed, classes):
    rng = np.random.default_rng(seed)
    x = rng.integers(-2, 3, (9, 5)).astype(np.float32)  # so that logits tie
    weights = rng.integers(-2, 3, (classes, 16)).astype(np.float32)
    data = Data.of(x, np.arange(9) % classes)
    rows = rng.permutation(9)[:4]
    expected = [int(np.argmax([data.features[r].astype(float) @ w for w in weights])) for r in rows]
    assert predict(data, weights, rows).tolist() == expected


@settings(max_examples=15)
@given(st.data())
def test_a_classifier_does_not_depend_on_its_company(data):
    x, y = blobs(90, 6, seed=3)
    splits = [Split(*fold) for fold in plain.folds(y, 6)]
    decays = np.tile(REGULARISATION, (6, 1))
    together = fit_many(Data.of(x, y), splits, decays, FAST.training)
    chosen = data.draw(st.permutations(range(6)))[: data.draw(st.integers(1, 6))]
    columns = data.draw(st.permutations(range(4)))[: data.draw(st.integers(1, 4))]
    apart = fit_many(Data.of(x, y), [splits[i] for i in chosen], decays[np.ix_(chosen, columns)], FAST.training)
    assert apart.calls.tolist() == together.calls[np.ix_(chosen, columns)].tolist()
    assert apart.accuracy.tolist() == together.accuracy[np.ix_(chosen, columns)].tolist()
    expected = together.weights[chosen][:, columns]
    np.testing.assert_allclose(apart.weights, expected, rtol=1e-4, atol=1e-5)


def test_weights_are_those_of_torch():
    """Not only the answers: the weights agree after hundreds of steps, and padding stays 0."""
    x, y = blobs(150, 18, classes=3)
    split, dev = np.arange(120), np.arange(120, 150)
    for ours, theirs in ((FULL, plain.FULL), (FAST, plain.FAST)):
        fit = fit_many(Data.of(x, y), [Split(split, dev)], np.array([[1e-3]]), ours.training)
        one = plain.Classifier(18, 3, 1e-3, theirs)
        tensors = torch.from_numpy(x), torch.from_numpy(y)
        one.fit(tensors[0][split], tensors[1][split], (tensors[0][dev], tensors[1][dev]))
        weights = torch.from_numpy(fit.weights[0, 0])
        torch.testing.assert_close(weights[:, :18], one.model.weight.detach(), rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(weights[:, 18], one.model.bias.detach(), rtol=1e-3, atol=1e-4)
        assert not weights[:, 19:].any()
