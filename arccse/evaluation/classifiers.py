"""Logistic regressions on given features, trained as SentEval trains them, many at a time.

All classifiers start from the same weights, and those of one split differ in their regularisation alone and see the
same permutations of its rows. So they are trained together, a thread a split: `fit` holds the rules (early stopping,
best copy), `_train_split` the arithmetic. tests/evaluation/plain_transfer.py does the same without any of this.
"""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from numba import njit

SEED = 1111  # SentEval's params.seed: folds, first weights and permutations
MAX_PASSES = 200  # a further epoch call begins while no more passes than this are done: 204 at most


class Optimiser(NamedTuple):
    """Adam and RMSprop as torch defines them; RMSprop is Adam without momentum and bias correction."""

    rate: float
    momentum: float
    memory: float
    corrected: bool


ADAM = Optimiser(rate=1e-3, momentum=0.9, memory=0.999, corrected=True)  # torch.optim.Adam's defaults
RMSPROP = Optimiser(rate=1e-2, momentum=0.0, memory=0.99, corrected=False)  # torch.optim.RMSprop's
EPSILON = 1e-8  # of both


class Training(NamedTuple):
    """How a classifier is trained; `fit` explains `tenacity` and `passes`."""

    optimiser: Optimiser
    batch: int
    tenacity: int
    passes: int


class Data(NamedTuple):
    """features (n, width) float32, labels (n,) int64 and first weights (classes, width) float32."""

    features: np.ndarray
    labels: np.ndarray
    start: np.ndarray

    @staticmethod
    def of(rows: np.ndarray, labels: np.ndarray) -> "Data":
        """Data of the (n, d) rows of all parts: with a column of ones for the bias, and the weights to start from.

        Zero columns fill the width to a multiple of 16, a cache line of float32; they stay zero in training. Every
        classifier starts from torch.nn.Linear's weights under seed 1111.
        """
        n, d = rows.shape
        features = np.zeros((n, -(-(d + 1) // 16) * 16), dtype=np.float32)
        features[:, :d], features[:, d] = rows, 1
        classes = max(2, int(labels.max()) + 1)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            layer = torch.nn.Linear(d, classes)
        start = np.zeros((classes, features.shape[1]), dtype=np.float32)
        start[:, :d], start[:, d] = layer.weight.detach().numpy(), layer.bias.detach().numpy()
        return Data(features, labels, start)


class Split(NamedTuple):
    """Rows to train and to validate on; `drawn` is the size of a permutation drawn before training, or 0."""

    train: np.ndarray
    dev: np.ndarray
    drawn: int = 0


class Fits(NamedTuple):
    """weights (S, R, classes, width) of the best epoch call, its dev accuracy (S, R), epoch calls (S, R)."""

    weights: np.ndarray
    accuracy: np.ndarray
    calls: np.ndarray


def fit_many(data: Data, splits: Sequence[Split], decays: np.ndarray, training: Training) -> Fits:
    """Train one classifier for each of S splits and each of its weight decays (S, R), a thread a split."""
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        fits = list(pool.map(lambda split, decay: fit(data, split, decay, training), splits, decays))
    return Fits(*(np.stack(parts) for parts in zip(*fits, strict=True)))


def fit(data: Data, split: Split, decays: np.ndarray, training: Training) -> Fits:
    """Train the R classifiers of a split by SentEval's rules; the result's arrays have no dimension S.

    An epoch call is `passes` passes, each over a fresh permutation; then dev accuracy. Better than the best
    so far: keep a copy. Otherwise stop if that has happened `tenacity` times before, in all and not only in
    a row. No call begins after more than 200 passes.
    """
    generator = np.random.RandomState(SEED)
    if split.drawn:
        generator.permutation(split.drawn)
    weights = np.repeat(data.start[None], len(decays), axis=0)
    first, second, best = np.zeros_like(weights), np.zeros_like(weights), weights.copy()
    most, failures, calls = (np.full(len(decays), value) for value in (-1, 0, 0))
    active, correct = np.ones(len(decays), dtype=bool), np.zeros(len(decays), dtype=np.int64)
    optimiser, steps = training.optimiser, training.passes * math.ceil(len(split.train) / training.batch)
    while active.any() and calls.max() * training.passes <= MAX_PASSES:
        orders = np.stack([generator.permutation(len(split.train)) for _ in range(training.passes)])
        correct[:] = 0
        _train_split(
            data.features,
            data.labels,
            split.train[orders],
            split.dev,
            np.flatnonzero(active),
            decays.astype(np.float32),
            weights,
            first,
            second,
            training.batch,
            _step_sizes(optimiser, 1 + calls.max() * steps + np.arange(steps)).astype(np.float32),
            optimiser.momentum,
            optimiser.memory,
            correct,
        )
        calls += active
        better = active & (correct > most)
        most[better], best[better] = correct[better], weights[better]
        worse = active & ~better
        active &= ~(worse & (failures >= training.tenacity))
        failures += worse
    return Fits(best, most / len(split.dev), calls)


def predict(data: Data, weights: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(n,) classes of n rows under weights (classes, width)."""
    return (torch.from_numpy(data.features[rows]) @ torch.from_numpy(weights).T).argmax(dim=1).numpy()


def _step_sizes(optimiser: Optimiser, steps: np.ndarray) -> np.ndarray:
    """(2, steps) float64: the rate, and what divides the second moment's root, at steps counted from 1."""
    if not optimiser.corrected:
        return np.stack([np.full(len(steps), optimiser.rate), np.ones(len(steps))])
    return np.stack([optimiser.rate / (1 - optimiser.momentum**steps), np.sqrt(1 - optimiser.memory**steps)])


# ---- one epoch call, compiled ----------------------------------------------------------------------------
#
# A batch of 64 rows is too small for a tensor library: torch spends its time between the operations. One
# compiled call makes all passes over one split, whose weights and batch stay in the processor's cache.
# Weights enter the loss only through differences to class 0, so a binary classifier costs one product.

# Sums may be reordered and fused, so that loops use vector registers; NaN and infinity keep their meaning.
# error_model "numpy" leaves out the test of every divisor for 0, which would keep loops from doing so.
_FASTMATH = {"reassoc", "contract", "nsz"}


@njit(cache=True, nogil=True)
def _train_split(  # type: ignore[no-untyped-def]
    features, labels, train, dev, members, decay, weights, first, second,
    batch, sizes, momentum, memory, correct,
):  # fmt: skip
    """All passes, train (passes, n), over one split; changes weights, first, second and correct."""
    others = weights.shape[1] - 1
    shape = len(members) * others, features.shape[1]
    differences, gradient = np.empty(shape, np.float32), np.empty(shape, np.float32)
    error = np.empty((batch, shape[0]), np.float32)
    step = 0
    for rows in train:
        for start in range(0, len(rows), batch):
            part = rows[start : start + batch]
            _differences(weights, members, differences)
            _logits(features, part, differences, error)
            _errors(labels, part, others, error)
            _gradient(features, part, error, gradient)
            for a in range(len(members)):
                m, g = members[a], gradient[a * others : (a + 1) * others]
                rate, scale = sizes[0, step], sizes[1, step]
                _step(weights[m], first[m], second[m], g, decay[m], momentum, memory, rate, scale)
            step += 1
    _differences(weights, members, differences)
    for start in range(0, len(dev), batch):
        part = dev[start : start + batch]
        _logits(features, part, differences, error)
        _count_right(labels, part, members, others, error, correct)


@njit(cache=True)
def _differences(weights, members, differences):  # type: ignore[no-untyped-def]
    """weights (R, classes, width) → rows of class k − class 0, member by member."""
    others = weights.shape[1] - 1
    for a in range(len(members)):
        w = weights[members[a]]
        for k in range(others):
            for j in range(w.shape[1]):
                differences[a * others + k, j] = w[k + 1, j] - w[0, j]


@njit(cache=True, fastmath=_FASTMATH)
def _logits(features, rows, differences, logits):  # type: ignore[no-untyped-def]
    """logits[r, q] = features[rows[r]] · differences[q]; four at a time, so that a feature is read once."""
    fours = len(differences) // 4 * 4
    for r in range(len(rows)):
        x = features[rows[r]]
        for q in range(0, fours, 4):
            w0, w1, w2, w3 = differences[q], differences[q + 1], differences[q + 2], differences[q + 3]
            t0 = t1 = t2 = t3 = np.float32(0)
            for j in range(len(x)):
                t0 += x[j] * w0[j]
                t1 += x[j] * w1[j]
                t2 += x[j] * w2[j]
                t3 += x[j] * w3[j]
            logits[r, q], logits[r, q + 1], logits[r, q + 2], logits[r, q + 3] = t0, t1, t2, t3
        for q in range(fours, len(differences)):
            w = differences[q]
            total = np.float32(0)
            for j in range(len(x)):
                total += x[j] * w[j]
            logits[r, q] = total


@njit(cache=True, error_model="numpy")
def _errors(labels, rows, others, logits):  # type: ignore[no-untyped-def]
    """Turns logits, relative to class 0, into the mean cross-entropy's derivatives, in place."""
    size = np.float32(len(rows))
    for r in range(len(rows)):
        label = labels[rows[r]]
        for begin in range(0, logits.shape[1], others):
            z = logits[r, begin : begin + others]
            top = np.float32(0)
            for k in range(others):
                top = max(top, z[k])
            total = math.exp(-top)
            for k in range(others):
                z[k] = math.exp(z[k] - top)
                total += z[k]
            for k in range(others):
                z[k] = (z[k] / total - np.float32(label == k + 1)) / size


@njit(cache=True, fastmath=_FASTMATH)
def _gradient(features, rows, error, gradient):  # type: ignore[no-untyped-def]
    """gradient[q] = Σ_r error[r, q] features[rows[r]]; four rows at a time, so that sums are stored once."""
    gradient[:] = 0
    fours = len(rows) // 4 * 4
    for r in range(0, fours, 4):
        x0, x1, x2, x3 = (
            features[rows[r]], features[rows[r + 1]], features[rows[r + 2]], features[rows[r + 3]],
        )  # fmt: skip
        for q in range(len(gradient)):
            g = gradient[q]
            e0, e1, e2, e3 = error[r, q], error[r + 1, q], error[r + 2, q], error[r + 3, q]
            for j in range(len(g)):
                g[j] += e0 * x0[j] + e1 * x1[j] + e2 * x2[j] + e3 * x3[j]
    for r in range(fours, len(rows)):
        x0 = features[rows[r]]
        for q in range(len(gradient)):
            g = gradient[q]
            for j in range(len(g)):
                g[j] += error[r, q] * x0[j]


@njit(cache=True, fastmath=_FASTMATH, error_model="numpy")
def _step(weights, first, second, gradient, decay, momentum, memory, rate, scale):  # type: ignore[no-untyped-def]
    """One step of one classifier, (classes, width); class 0's gradient is minus the sum of the others'."""
    new, old, square = np.float32(1 - momentum), np.float32(memory), np.float32(1 - memory)
    epsilon = np.float32(EPSILON)
    for k in range(len(weights)):
        w, m, v = weights[k], first[k], second[k]
        g = gradient[k - 1] if k else -gradient.sum(axis=0)
        for j in range(len(w)):
            slope = g[j] + decay * w[j]
            m[j] += (slope - m[j]) * new
            v[j] = v[j] * old + square * slope * slope
            w[j] -= rate * m[j] / (math.sqrt(v[j]) / scale + epsilon)


@njit(cache=True)
def _count_right(labels, rows, members, others, logits, correct):  # type: ignore[no-untyped-def]
    """Adds each member's right answers among rows; the first class wins a tie, as torch's max does."""
    for r in range(len(rows)):
        for a in range(len(members)):
            top, answer = np.float32(0), 0
            for k in range(others):
                if logits[r, a * others + k] > top:
                    top, answer = logits[r, a * others + k], k + 1
            correct[members[a]] += answer == labels[rows[r]]
