"""The `transfer` suites: SentEval's logistic regression on frozen embeddings.

The protocol is that of facebookresearch/SentEval at 5d6dc11 (Conneau & Kiela 2018), point by point in
docs/protocols.md. A task is up to 410 small trainings, which evaluation.classifiers carries out.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold

from arccse.errors import InputError
from arccse.evaluation.classifiers import ADAM, RMSPROP, SEED, Data, Split, Training, fit_many, predict
from arccse.evaluation.scores import Score, Scored

if TYPE_CHECKING:
    from arccse.data.readers import Labelled
    from arccse.data.sources import Source
    from arccse.evaluation.scoring import Job

REGULARISATION = (1e-5, 1e-4, 1e-3, 1e-2)  # as the optimiser's weight_decay
HELD_OUT = 0.05  # part of the training rows that validates the refit


class Settings(NamedTuple):
    """What SimCSE's evaluation.py passes to SentEval."""

    folds: int
    training: Training


FULL = Settings(folds=10, training=Training(ADAM, batch=64, tenacity=5, passes=4))
FAST = Settings(folds=5, training=Training(RMSPROP, batch=128, tenacity=3, passes=2))
SETTINGS = {"transfer": FULL, "transfer-fast": FAST}


def sentences(source: "Source", tasks: Sequence[str]) -> list[str]:
    """Every distinct sentence that the tasks will embed, in the order of first use."""
    loaded = (load_parts(source, task) for task in tasks)
    return list(dict.fromkeys(text for parts in loaded for part in parts.values() for text in part.texts()))


def evaluate(job: "Job") -> Iterator[Scored]:
    """Yield each task's scores, and the predictions that its accuracy is taken over.

    The scores are `accuracy`, `dev_accuracy` and, for sentence pairs (MRPC), `f1`.

    Raises:
        InputError: for every task before the first classifier is trained: a class too small for the folds, or
            features of pairs too large for float32.
    """
    settings = SETTINGS[job.suite.name]
    parts = {task: load_parts(job.source, task) for task in job.tasks}
    for task in job.tasks:
        check_classes(task, parts[task], settings.folds)
    problems = [problem_of(task, parts[task], job.embed) for task in job.tasks]
    for problem in problems:
        yield scored(job.suite.name, problem, settings)


# ---- tasks -----------------------------------------------------------------------------------------------


class Part(NamedTuple):
    """One file or split of a task in SentEval's order."""

    first: list[str]
    second: list[str] | None
    labels: np.ndarray

    def texts(self) -> list[str]:
        return self.first + (self.second or [])


class Problem(NamedTuple):
    """One task, embedded: all parts in one, the row numbers of each, and whether it is of sentence pairs."""

    task: str
    data: Data
    rows: dict[str, np.ndarray]
    pairs: bool


def load_parts(source: "Source", task: str) -> dict[str, Part]:
    """A task's parts, sorted."""
    return {name: _sorted(part) for name, part in source.transfer(task).items()}


def _sorted(part: "Labelled") -> Part:
    """SentEval sorts by (tokens, label), pairs by (tokens, tokens, label), before folds are drawn.

    Ties keep the file's order. An empty sentence is encoded as "." but counts as no token.
    """
    sides = [part.first] if part.second is None else [part.first, part.second]
    lengths = [[len(text.split()) for text in side] for side in sides]
    order = sorted(range(len(part.labels)), key=lambda i: (*(side[i] for side in lengths), part.labels[i]))
    texts = [[side[i] if side[i].strip() else "." for i in order] for side in sides]
    return Part(texts[0], texts[1] if len(texts) > 1 else None, part.labels[order])


def check_classes(task: str, parts: dict[str, Part], folds: int) -> None:
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


def problem_of(task: str, parts: dict[str, Part], embed: Callable[[Sequence[str]], np.ndarray]) -> Problem:
    """Features of all parts, [u] or [|u−v|, u·v] of the encoder's raw, unnormalised (n, d) float32 vectors.

    Raises:
        InputError: features of pairs are too large for float32.
    """
    blocks = []
    for part in parts.values():
        u = embed(part.first)
        if part.second is not None:
            v = embed(part.second)
            with np.errstate(over="ignore"):  # said below
                u = np.hstack([np.abs(u - v), u * v])
        blocks.append(u)
    features = np.concatenate(blocks)
    if not np.isfinite(features).all():
        raise InputError(f"transfer task {task}: the embeddings are so large that products of two are infinite.")
    ends = np.cumsum([len(block) for block in blocks])
    rows = {name: np.arange(end - len(block), end) for name, block, end in zip(parts, blocks, ends, strict=True)}
    labels = np.concatenate([part.labels for part in parts.values()])
    return Problem(task, Data.of(features, labels), rows, any(part.second is not None for part in parts.values()))


def scored(suite: str, problem: Problem, settings: Settings) -> Scored:
    """A task's scores, by the protocol that its parts ask for, and the prediction for each tested example.

    An example's index is its place in the part that is tested ("test" or "all"), in the order of `load_parts`; its
    fold is the outer one in which it was tested, 0 where the test part is given.
    """
    data, rows = problem.data, problem.rows
    if "dev" in rows:
        tests, outcome = [rows["test"]], fixed_split(data, rows["train"], rows["dev"], rows["test"], settings)
    else:
        given = [(rows["train"], rows["test"])] if "test" in rows else list(_folds(data.labels, settings.folds))
        tests, outcome = [test for _, test in given], cross_validated(data, given, settings)
    tested = np.concatenate(tests)
    columns = {
        "fold": np.repeat(np.arange(len(tests)), [len(test) for test in tests]),
        "index": tested - tested.min(),
        "label": data.labels[tested],
        "prediction": np.concatenate(outcome.predicted),
    }
    examples = pd.DataFrame({"suite": suite, "task": problem.task, **columns}).sort_values("index", ignore_index=True)
    values = {"accuracy": outcome.accuracy, "dev_accuracy": outcome.dev_accuracy}
    if problem.pairs:
        values["f1"] = round(100 * f1_score(examples["label"], examples["prediction"]), 2)
    scores = [Score(suite, problem.task, metric, float(v), len(tested)) for metric, v in values.items()]
    return Scored(scores, examples)


# ---- protocols -------------------------------------------------------------------------------------------


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
    labels = data.labels
    inner = [
        Split(train[kept], train[left]) for train, _ in outer for kept, left in _folds(labels[train], settings.folds)
    ]
    grid = np.tile(REGULARISATION, (len(inner), 1))
    found = fit_many(data, inner, grid, settings.training)
    folded = found.accuracy.reshape(len(outer), settings.folds, len(REGULARISATION))
    search = np.array([[round(100 * np.mean(list(a)), 2) for a in part.T] for part in folded])
    best = search.argmax(axis=1)  # the first on ties

    chosen = [REGULARISATION[i] for i in best]
    refits = [_validation_split(train) for train, _ in outer]
    refit = fit_many(data, refits, np.array(chosen)[:, None], settings.training)
    predicted = [predict(data, w[0], test) for w, (_, test) in zip(refit.weights, outer, strict=True)]
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
    found = fit_many(data, [Split(train, dev)], np.array([REGULARISATION]), settings.training)
    search = np.array([[round(100 * a, 2) for a in found.accuracy[0]]])
    best = int(search[0].argmax())
    predicted = predict(data, found.weights[0, best], test)
    accuracy = round(100 * float((data.labels[test] == predicted).mean()), 2)
    return Outcome(search[0, best], accuracy, [predicted], [REGULARISATION[best]], search, found.calls)


def _folds(labels: np.ndarray, k: int) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    return StratifiedKFold(k, shuffle=True, random_state=SEED).split(labels, labels)


def _validation_split(train: np.ndarray) -> Split:
    """The refit validates on the first 5 % of a permutation, the first that the seeded generator draws."""
    order = np.random.RandomState(SEED).permutation(len(train))
    held = int(HELD_OUT * len(train))
    return Split(train[order[held:]], train[order[:held]], drawn=len(train))
