"""The `transfer` suite: SentEval's logistic regression on frozen embeddings, many trainings at a time.

The protocol is that of facebookresearch/SentEval at 5d6dc11 (Conneau & Kiela 2018), point by point in
docs/protocols.md. A task is up to 410 small trainings. All of them start from the same weights, those of one
fold differ in their regularisation alone, and those of one size draw the same permutations. So they are
trained together: `_fit_group` holds the rules (early stopping, best copy), `_epoch_cpu` and `_epoch_torch`
the arithmetic. tests/evaluation/plain_transfer.py is the same protocol without any of this.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numba import njit
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold

from arccse.errors import InputError, nearest
from arccse.evaluation.scores import Score

if TYPE_CHECKING:
    from arccse.data.readers import Labelled
    from arccse.data.sources import Source

SEED = 1111  # SentEval's params.seed: folds, first weights and permutations
REGULARISATION = (1e-5, 1e-4, 1e-3, 1e-2)  # as the optimiser's weight_decay
MAX_PASSES = 200  # a further epoch call begins while no more passes than this are done: 204 at most
HELD_OUT = 0.05  # part of the training rows that validates the refit


class Optimiser(NamedTuple):
    """Adam and RMSprop as torch defines them; RMSprop is Adam without momentum and bias correction."""

    rate: float
    momentum: float
    memory: float
    corrected: bool


ADAM = Optimiser(rate=1e-3, momentum=0.9, memory=0.999, corrected=True)  # torch.optim.Adam's defaults
RMSPROP = Optimiser(rate=1e-2, momentum=0.0, memory=0.99, corrected=False)  # torch.optim.RMSprop's
EPSILON = 1e-8  # of both


@dataclass(frozen=True)
class Settings:
    """What SimCSE's evaluation.py passes to SentEval; `_fit_group` explains `passes` and `tenacity`."""

    suite: str
    folds: int
    optimiser: Optimiser
    batch: int
    tenacity: int
    passes: int


FULL = Settings("transfer", folds=10, optimiser=ADAM, batch=64, tenacity=5, passes=4)
FAST = Settings("transfer-fast", folds=5, optimiser=RMSPROP, batch=128, tenacity=3, passes=2)


def evaluate(
    embed: Callable[[Sequence[str]], np.ndarray],
    source: "Source",
    tasks: Sequence[str],
    fast: bool = False,
    on_task: Callable[[Sequence[Score]], object] | None = None,
    device: str = "cpu",
) -> list[Score]:
    """SentEval's transfer scores of one encoder.

    embed: returns the encoder's raw, unnormalised vectors, (n, d) float32; `sentences` lists what it will be
    asked for. fast: SimCSE's quick settings, labelled suite "transfer-fast". on_task: called with each task's
    rows as the task ends. device: "cpu" or "cuda", where it pays only for wide
    embeddings.

    Returns rows with the metrics `accuracy`, `dev_accuracy` and, for sentence pairs (MRPC), `f1`.
    Raises InputError for an unknown task, a class too small for the folds, and embeddings that are not
    finite: for every task before the first classifier is trained.
    """
    settings = FAST if fast else FULL
    loaded = [_load(source, task, settings) for task in tasks]
    problems = [_embed(task, parts, embed) for task, parts in zip(tasks, loaded, strict=True)]
    scores: list[Score] = []
    for problem in problems:
        rows = _score(problem, settings, device)
        scores += rows
        if on_task is not None:
            on_task(rows)
    return scores


def sentences(source: "Source", tasks: Sequence[str]) -> list[str]:
    """Every distinct sentence that `evaluate` will embed for these tasks, in the order of first use."""
    loaded = (_load(source, task) for task in tasks)
    return list(dict.fromkeys(text for parts in loaded for part in parts.values() for text in part.texts()))


# ---- tasks -----------------------------------------------------------------------------------------------


class Part(NamedTuple):
    """One file or split of a task in SentEval's order."""

    first: list[str]
    second: list[str] | None
    labels: np.ndarray

    def texts(self) -> list[str]:
        return self.first + (self.second or [])


@dataclass(frozen=True)
class Problem:
    """One task, embedded: features (n, width), of which `dimension` are real, and labels (n,) of all parts.

    rows: each part's row numbers.
    """

    task: str
    features: np.ndarray
    dimension: int
    labels: np.ndarray
    rows: dict[str, np.ndarray]
    pairs: bool


def _load(source: "Source", task: str, settings: Settings | None = None) -> dict[str, Part]:
    """A task's parts, sorted; with settings, also checked for classes too small for the folds."""
    if task not in source.transfer_tasks:
        raise InputError(f"unknown transfer task {task!r}; {nearest(task, list(source.transfer_tasks))}")
    parts = {name: _sorted(part) for name, part in source.transfer(task).items()}
    if settings is not None:
        _check_classes(task, parts, settings.folds)
    return parts


def _sorted(part: "Labelled") -> Part:
    """SentEval sorts by (tokens, label), pairs by (tokens, tokens, label), before folds are drawn.

    Ties keep the file's order. An empty sentence is encoded as "." but counts as no token.
    """
    sides = [part.first] if part.second is None else [part.first, part.second]
    lengths = [[len(text.split()) for text in side] for side in sides]
    order = sorted(range(len(part.labels)), key=lambda i: (*(side[i] for side in lengths), part.labels[i]))
    texts = [[side[i] if side[i].strip() else "." for i in order] for side in sides]
    return Part(texts[0], texts[1] if len(texts) > 1 else None, part.labels[order])


def _check_classes(task: str, parts: dict[str, Part], folds: int) -> None:
    """InputError where a class cannot be in every fold, or 5 % of the training rows are no row at all."""
    labels = np.concatenate([part.labels for part in parts.values()])
    train = parts["train" if "train" in parts else "all"].labels
    members = np.bincount(train, minlength=max(2, int(labels.max()) + 1))
    if "dev" in parts:
        needed, why = 1, "training"
    elif "test" in parts:
        needed, why = folds, f"{folds}-fold cross-validation"
    else:  # the smallest outer training part must still fill the inner folds
        needed = next(n for n in count(folds) if n - math.ceil(n / folds) >= folds)
        why = f"nested {folds}-fold cross-validation"
    for label, n in enumerate(members):
        if n < needed:
            raise InputError(f"transfer task {task}: class {label} has {n} examples; {why} needs {needed}.")
    smallest = len(train) - math.ceil(len(train) / folds) if "all" in parts else len(train)
    if "dev" not in parts and int(HELD_OUT * smallest) == 0:
        raise InputError(
            f"transfer task {task}: {smallest} training examples leave none for a validation split of 5 %; "
            f"at least {math.ceil(1 / HELD_OUT)} are needed."
        )


def _embed(task: str, parts: dict[str, Part], embed: Callable[[Sequence[str]], np.ndarray]) -> Problem:
    """Features of all parts in one matrix: [u] or [|u−v|, u·v], then a column of ones for the bias.

    Zero columns fill the width to a multiple of 16, a cache line of float32; they stay zero in training.
    """
    blocks = []
    for name, part in parts.items():
        u = _finite(task, name, embed(part.first))
        if part.second is not None:
            v = _finite(task, name, embed(part.second))
            u = np.hstack([np.abs(u - v), u * v])
        blocks.append(u)
    ends = np.cumsum([len(block) for block in blocks])
    d = blocks[0].shape[1]
    features = np.zeros((ends[-1], -(-(d + 1) // 16) * 16), dtype=np.float32)
    for end, block in zip(ends, blocks, strict=True):
        features[end - len(block) : end, :d] = block
    features[:, d] = 1
    rows = {
        name: np.arange(end - len(part.labels), end) for (name, part), end in zip(parts.items(), ends, strict=True)
    }
    labels = np.concatenate([part.labels for part in parts.values()])
    pairs = any(part.second is not None for part in parts.values())
    return Problem(task, features, d, labels, rows, pairs)


def _finite(task: str, part: str, embedded: np.ndarray) -> np.ndarray:
    embedded = np.asarray(embedded, dtype=np.float32)
    bad = np.flatnonzero(~np.isfinite(embedded).all(axis=1))
    if len(bad):
        raise InputError(
            f"transfer task {task}: the embeddings of {len(bad)} of {len(embedded)} sentences ({part}) are "
            "NaN or infinite; the encoder must return finite vectors."
        )
    return embedded


def _score(problem: Problem, settings: Settings, device: str) -> list[Score]:
    data = Data.of(problem, device)
    rows = problem.rows
    if "dev" in rows:
        outcome, test = fixed_split(data, rows["train"], rows["dev"], rows["test"], settings), rows["test"]
    elif "test" in rows:
        outcome, test = cross_validated(data, [(rows["train"], rows["test"])], settings), rows["test"]
    else:
        outer = list(_folds(problem.labels, settings.folds))
        outcome, test = cross_validated(data, outer, settings), rows["all"]
    values = {"accuracy": outcome.accuracy, "dev_accuracy": outcome.dev_accuracy}
    if problem.pairs:
        values["f1"] = round(100 * f1_score(problem.labels[test], outcome.predicted[0]), 2)
    return [Score(settings.suite, problem.task, metric, float(v), len(test)) for metric, v in values.items()]


# ---- protocols -------------------------------------------------------------------------------------------


class Data(NamedTuple):
    """features (n, width), labels (n,) and first weights (classes, width) on the device that trains."""

    features: torch.Tensor
    labels: torch.Tensor
    start: torch.Tensor

    @staticmethod
    def of(problem: Problem, device: str) -> "Data":
        """Every classifier starts from torch.nn.Linear's weights under seed 1111, drawn on the CPU."""
        d, classes = problem.dimension, max(2, int(problem.labels.max()) + 1)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            layer = torch.nn.Linear(d, classes)
        start = torch.zeros(classes, problem.features.shape[1])
        start[:, :d] = layer.weight.detach()
        start[:, d] = layer.bias.detach()
        features, labels = torch.from_numpy(problem.features), torch.from_numpy(problem.labels)
        return Data(features.to(device), labels.to(device), start.to(device))


class Split(NamedTuple):
    """Rows to train and to validate on; `drawn` is the size of a permutation drawn before training, or 0."""

    train: np.ndarray
    dev: np.ndarray
    drawn: int = 0


class Outcome(NamedTuple):
    """One task's result, and how it came about.

    accuracies × 100; predicted: the classes of each test part; chosen: the regularisation of each;
    search (parts, 4): dev accuracies × 100; calls (trainings, 4): epoch calls of the search's trainings.
    """

    dev_accuracy: float
    accuracy: float
    predicted: list[np.ndarray]
    chosen: list[float]
    search: np.ndarray
    calls: np.ndarray


def cross_validated(data: Data, outer: Sequence[tuple[np.ndarray, np.ndarray]], settings: Settings) -> Outcome:
    """For each (train, test) rows: choose the regularisation by k folds of train, refit, predict test.

    Ten outer folds make SentEval's InnerKFoldClassifier, one given test part its KFoldClassifier.
    """
    labels = data.labels.cpu().numpy()
    inner = [
        Split(train[kept], train[left]) for train, _ in outer for kept, left in _folds(labels[train], settings.folds)
    ]
    grid = np.tile(REGULARISATION, (len(inner), 1))
    found = fit_many(data, inner, grid, settings)
    folded = found.accuracy.reshape(len(outer), settings.folds, len(REGULARISATION))
    search = np.array([[round(100 * np.mean(list(a)), 2) for a in part.T] for part in folded])
    best = search.argmax(axis=1)  # the first on ties

    chosen = [REGULARISATION[i] for i in best]
    refits = [_validation_split(train) for train, _ in outer]
    refit = fit_many(data, refits, np.array(chosen)[:, None], settings)
    predicted = [_predict(data, w[0], test) for w, (_, test) in zip(refit.weights, outer, strict=True)]
    accuracies = [
        round(100 * float((labels[test] == classes).mean()), 2)
        for classes, (_, test) in zip(predicted, outer, strict=True)
    ]
    dev_accuracy = round(float(np.mean(search.max(axis=1))), 2)
    accuracy = round(float(np.mean(accuracies)), 2)
    return Outcome(dev_accuracy, accuracy, predicted, chosen, search, found.calls)


def fixed_split(data: Data, train: np.ndarray, dev: np.ndarray, test: np.ndarray, settings: Settings) -> Outcome:
    """Choose the regularisation by dev, predict test: SentEval's SplitClassifier.

    SentEval trains once more with the chosen regularisation, from the same seed on the same rows; that is
    the training the search has done already, so its weights are used.
    """
    found = fit_many(data, [Split(train, dev)], np.array([REGULARISATION]), settings)
    search = np.array([[round(100 * a, 2) for a in found.accuracy[0]]])
    best = int(search[0].argmax())
    predicted = _predict(data, found.weights[0, best], test)
    accuracy = round(100 * float((data.labels.cpu().numpy()[test] == predicted).mean()), 2)
    return Outcome(search[0, best], accuracy, [predicted], [REGULARISATION[best]], search, found.calls)


def _folds(labels: np.ndarray, k: int) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    return StratifiedKFold(k, shuffle=True, random_state=SEED).split(labels, labels)


def _validation_split(train: np.ndarray) -> Split:
    """The refit validates on the first 5 % of a permutation, the first that the seeded generator draws."""
    order = np.random.RandomState(SEED).permutation(len(train))
    held = int(HELD_OUT * len(train))
    return Split(train[order[held:]], train[order[:held]], drawn=len(train))


def _predict(data: Data, weights: torch.Tensor, rows: np.ndarray) -> np.ndarray:
    return (data.features[torch.from_numpy(rows)] @ weights.T).argmax(dim=1).cpu().numpy()


# ---- training --------------------------------------------------------------------------------------------


class Group(NamedTuple):
    """G splits of one size, trained together with R weight decays each.

    train (G, n), dev (G, m): row numbers; dev_size (G,): the rest of a line of dev is padding; decay (G, R).
    """

    train: torch.Tensor
    dev: torch.Tensor
    dev_size: torch.Tensor
    decay: torch.Tensor


class State(NamedTuple):
    """weights and the optimiser's two moments, (G, R, classes, width)."""

    weights: torch.Tensor
    first: torch.Tensor
    second: torch.Tensor


class Fits(NamedTuple):
    """weights (S, R, classes, width) of the best epoch call, its dev accuracy (S, R), epoch calls (S, R)."""

    weights: torch.Tensor
    accuracy: np.ndarray
    calls: np.ndarray


def fit_many(data: Data, splits: Sequence[Split], decays: np.ndarray, settings: Settings) -> Fits:
    """Train one classifier for each of S splits and each of its weight decays (S, R).

    A GPU trains all splits of one size at once. On the CPU each split is a group, one thread takes a group.
    """
    if _compiled(data):
        groups, workers = [[i] for i in range(len(splits))], torch.get_num_threads()
    else:
        sizes = [(len(split.train), split.drawn) for split in splits]
        groups = [[i for i, size in enumerate(sizes) if size == kind] for kind in sorted(set(sizes))]
        workers = 1

    def fit(group: list[int]) -> Fits:
        return _fit_group(data, [splits[i] for i in group], decays[group], settings)

    with ThreadPoolExecutor(workers) as pool:
        fits = list(pool.map(fit, groups))
    order = np.argsort(np.concatenate(groups))
    return Fits(
        torch.cat([fit.weights for fit in fits])[torch.from_numpy(order)],
        np.concatenate([fit.accuracy for fit in fits])[order],
        np.concatenate([fit.calls for fit in fits])[order],
    )


def _fit_group(data: Data, splits: Sequence[Split], decays: np.ndarray, settings: Settings) -> Fits:
    """Train splits of one size with SentEval's rules for each classifier.

    An epoch call is `passes` passes, each over a fresh permutation; then dev accuracy. Better than the best
    so far: keep a copy. Otherwise stop if that has happened `tenacity` times before, in all and not only in
    a row. No call begins after more than 200 passes.
    """
    generator = np.random.RandomState(SEED)
    if splits[0].drawn:
        generator.permutation(splits[0].drawn)
    group = _group(data, splits, decays)
    weights = data.start.repeat(*decays.shape, 1, 1)
    state = State(weights, torch.zeros_like(weights), torch.zeros_like(weights))
    best = weights.clone()
    most, failures, calls = (np.full(decays.shape, value) for value in (-1, 0, 0))
    active = np.ones(decays.shape, dtype=bool)
    epoch = _epoch_cpu if _compiled(data) else _epoch_torch
    n = group.train.shape[1]
    while active.any() and calls.max() * settings.passes <= MAX_PASSES:
        orders = np.stack([generator.permutation(n) for _ in range(settings.passes)])
        steps = settings.passes * math.ceil(n / settings.batch)
        sizes = _step_sizes(settings.optimiser, 1 + calls.max() * steps + np.arange(steps))
        correct = epoch(data, group, state, orders, sizes, active, settings)
        calls += active
        better = active & (correct > most)
        most[better] = correct[better]
        kept = torch.from_numpy(better).to(best.device)
        best[kept] = weights[kept]
        worse = active & ~better
        active &= ~(worse & (failures >= settings.tenacity))
        failures += worse
    return Fits(best, most / np.array([len(split.dev) for split in splits])[:, None], calls)


def _compiled(data: Data) -> bool:
    return data.features.device.type == "cpu"


def _group(data: Data, splits: Sequence[Split], decays: np.ndarray) -> Group:
    sizes = np.array([len(split.dev) for split in splits])
    dev = np.zeros((len(splits), sizes.max()), dtype=np.int64)
    for line, split in zip(dev, splits, strict=True):
        line[: len(split.dev)] = split.dev
    arrays = np.stack([split.train for split in splits]), dev, sizes, decays.astype(np.float32)
    return Group(*(torch.from_numpy(array).to(data.features.device) for array in arrays))


def _step_sizes(optimiser: Optimiser, steps: np.ndarray) -> np.ndarray:
    """(2, steps) float64: the rate, and what divides the second moment's root, at steps counted from 1."""
    if not optimiser.corrected:
        return np.stack([np.full(len(steps), optimiser.rate), np.ones(len(steps))])
    return np.stack([optimiser.rate / (1 - optimiser.momentum**steps), np.sqrt(1 - optimiser.memory**steps)])


# ---- one epoch call, with torch --------------------------------------------------------------------------


def _epoch_torch(
    data: Data,
    group: Group,
    state: State,
    orders: np.ndarray,
    sizes: np.ndarray,
    active: np.ndarray,
    settings: Settings,
) -> np.ndarray:
    """One pass for each of orders (passes, n); changes state; returns right dev answers (G, R).

    Splits of which all classifiers have stopped drop out.
    """
    left = np.flatnonzero(active.any(axis=1))
    at = torch.from_numpy(left).to(data.features.device)
    weights, first, second = state.weights[at], state.first[at], state.second[at]
    decay = group.decay[at, :, None, None]
    step = iter(sizes.T.tolist())
    for order in torch.from_numpy(orders).to(data.features.device):
        for rows in group.train[at][:, order].split(settings.batch, dim=1):
            rate, scale = next(step)
            gradient = _gradient_torch(data, rows, weights) + decay * weights
            first.lerp_(gradient, 1 - settings.optimiser.momentum)
            second.mul_(settings.optimiser.memory)
            second.addcmul_(gradient, gradient, value=1 - settings.optimiser.memory)
            weights.addcdiv_(first, (second.sqrt() / scale).add_(EPSILON), value=-rate)
    state.weights[at], state.first[at], state.second[at] = weights, first, second
    correct = np.zeros(active.shape, dtype=np.int64)
    correct[left] = _right_torch(data, group.dev[at], group.dev_size[at], weights)
    return correct


def _gradient_torch(data: Data, rows: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy's gradient (G, R, classes, width) for rows (G, b)."""
    batch = data.features[rows]
    logits = batch @ weights.flatten(1, 2).mT
    error = logits.unflatten(2, weights.shape[1:3]).softmax(dim=3)
    error -= torch.nn.functional.one_hot(data.labels[rows], weights.shape[2])[:, :, None, :]
    return (error.flatten(2).mT @ batch).div_(rows.shape[1]).view_as(weights)


def _right_torch(data: Data, dev: torch.Tensor, sizes: torch.Tensor, weights: torch.Tensor) -> np.ndarray:
    """Right answers (G, R) on each split's dev rows (G, m), padding left out."""
    logits = data.features[dev] @ weights.flatten(1, 2).mT
    right = logits.unflatten(2, weights.shape[1:3]).argmax(dim=3) == data.labels[dev][:, :, None]
    real = torch.arange(dev.shape[1], device=dev.device) < sizes[:, None]
    return (right & real[:, :, None]).sum(dim=1).cpu().numpy()


# ---- one epoch call, compiled for the CPU ----------------------------------------------------------------
#
# A batch of 64 rows is too small for a tensor library: torch spends its time between the operations. One
# compiled call makes all passes over one split, whose weights and batch stay in the processor's cache.
# Weights enter the loss only through differences to class 0, so a binary classifier costs one product.

# Sums may be reordered and fused, so that loops use vector registers; NaN and infinity keep their meaning.
# error_model "numpy" leaves out the test of every divisor for 0, which would keep loops from doing so.
_FASTMATH = {"reassoc", "contract", "nsz"}


def _epoch_cpu(
    data: Data,
    group: Group,
    state: State,
    orders: np.ndarray,
    sizes: np.ndarray,
    active: np.ndarray,
    settings: Settings,
) -> np.ndarray:
    """As `_epoch_torch`; the classifiers that have stopped drop out one by one."""
    correct = np.zeros(active.shape, dtype=np.int64)
    features, labels = data.features.numpy(), data.labels.numpy()
    float_sizes = sizes.astype(np.float32)
    for g in np.flatnonzero(active.any(axis=1)):
        _train_split(  # type: ignore[call-arg]
            features,
            labels,
            group.train[g].numpy()[orders],
            group.dev[g, : int(group.dev_size[g])].numpy(),
            np.flatnonzero(active[g]),
            group.decay[g].numpy(),
            *(part[g].numpy() for part in state),
            settings.batch,
            float_sizes,
            settings.optimiser.momentum,
            settings.optimiser.memory,
            correct[g],
        )
    return correct


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
