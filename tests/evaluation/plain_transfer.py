"""SentEval's transfer protocol, plainly: one torch classifier at a time, each with its own rows and batches.

The tests compare the suite with it, benchmarks/transfer.py takes its time. It shares no code with
arccse/evaluation/transfer.py. Features come as (n, d) float32 and labels as (n,) int64, sorted already.
"""

import copy
from dataclasses import dataclass, field

import numpy as np
import torch
from sklearn.model_selection import StratifiedKFold

SEED = 1111
GRID = [1e-5, 1e-4, 1e-3, 1e-2]


@dataclass(frozen=True)
class Settings:
    folds: int
    optimiser: type[torch.optim.Optimizer]
    batch: int
    tenacity: int
    passes: int
    last_pass: int = 200


FULL = Settings(folds=10, optimiser=torch.optim.Adam, batch=64, tenacity=5, passes=4)
FAST = Settings(folds=5, optimiser=torch.optim.RMSprop, batch=128, tenacity=3, passes=2)


@dataclass
class Result:
    """Accuracies × 100; one entry a test part in chosen, search (4 dev accuracies) and predicted.

    calls: epoch calls of every training of the search, in the order of training.
    """

    dev_accuracy: float = 0.0
    accuracy: float = 0.0
    predicted: list[np.ndarray] = field(default_factory=list)
    chosen: list[float] = field(default_factory=list)
    search: list[list[float]] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)


class Classifier:
    def __init__(self, dimension: int, classes: int, decay: float, settings: Settings) -> None:
        np.random.seed(SEED)  # noqa: NPY002 (the official code's generator)
        torch.manual_seed(SEED)
        self.settings = settings
        self.model = torch.nn.Linear(dimension, classes)
        self.optimiser = settings.optimiser(self.model.parameters(), weight_decay=decay)
        self.passes = self.calls = 0

    def fit(self, x, y, dev=None) -> float:
        """Trains until the dev accuracy stops rising; without dev, 5 % of the rows are set aside."""
        if dev is None:
            order = np.random.permutation(len(x))  # noqa: NPY002
            held = int(0.05 * len(x))
            dev = x[order[:held]], y[order[:held]]
            x, y = x[order[held:]], y[order[held:]]
        best, failures, stop = -1.0, 0, False
        while not stop and self.passes <= self.settings.last_pass:
            self.epoch_call(x, y)
            accuracy = self.accuracy(*dev)
            if accuracy > best:
                best, kept = accuracy, copy.deepcopy(self.model)
            else:
                stop = failures >= self.settings.tenacity
                failures += 1
        self.model = kept
        return best

    def epoch_call(self, x, y) -> None:
        for _ in range(self.settings.passes):
            order = torch.from_numpy(np.random.permutation(len(x)))  # noqa: NPY002
            for rows in order.split(self.settings.batch):
                loss = torch.nn.functional.cross_entropy(self.model(x[rows]), y[rows])
                self.optimiser.zero_grad()
                loss.backward()
                self.optimiser.step()
        self.passes += self.settings.passes
        self.calls += 1

    def predict(self, x) -> torch.Tensor:
        with torch.no_grad():
            return self.model(x).max(dim=1)[1]

    def accuracy(self, x, y) -> float:
        return (self.predict(x) == y).sum().item() / len(y)


def cross_validated(x, y, outer, settings: Settings) -> Result:
    """outer: (train, test) rows. Ten outer folds for MR, CR, SUBJ, MPQA; one given test part else."""
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    classes, result, accuracies = int(y.max()) + 1, Result(), []
    for train, test in outer:
        scores = []
        for decay in GRID:
            fold_scores = []
            for kept, left in folds(y[train], settings.folds):
                classifier = Classifier(x.shape[1], classes, decay, settings)
                dev = x[train][left], y[train][left]
                fold_scores.append(classifier.fit(x[train][kept], y[train][kept], dev))
                result.calls.append(classifier.calls)
            scores.append(round(100 * np.mean(fold_scores), 2))
        result.search.append(scores)
        result.chosen.append(GRID[int(np.argmax(scores))])
        classifier = Classifier(x.shape[1], classes, result.chosen[-1], settings)
        classifier.fit(x[train], y[train])
        result.predicted.append(classifier.predict(x[test]).numpy())
        accuracies.append(round(100 * classifier.accuracy(x[test], y[test]), 2))
    result.dev_accuracy = round(np.mean([max(scores) for scores in result.search]), 2)
    result.accuracy = round(np.mean(accuracies), 2)
    return result


def fixed_split(x, y, train, dev, test, settings: Settings) -> Result:
    """SST2: the dev part chooses, and the chosen classifier is trained once more."""
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    classes, result, scores = int(y.max()) + 1, Result(), []
    for decay in GRID:
        classifier = Classifier(x.shape[1], classes, decay, settings)
        scores.append(round(100 * classifier.fit(x[train], y[train], (x[dev], y[dev])), 2))
        result.calls.append(classifier.calls)
    result.search.append(scores)
    result.chosen.append(GRID[int(np.argmax(scores))])
    classifier = Classifier(x.shape[1], classes, result.chosen[0], settings)
    classifier.fit(x[train], y[train], (x[dev], y[dev]))
    result.predicted.append(classifier.predict(x[test]).numpy())
    result.dev_accuracy = max(scores)
    result.accuracy = round(100 * classifier.accuracy(x[test], y[test]), 2)
    return result


def folds(labels, k: int) -> list[tuple[np.ndarray, np.ndarray]]:
    return list(StratifiedKFold(k, shuffle=True, random_state=SEED).split(labels, labels))
