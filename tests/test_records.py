"""Readers of a run's files: what is damaged is named."""

import json
from pathlib import Path

import pandas as pd
import pytest

from arccse.errors import InputError
from arccse.files import sha256
from arccse.records import read_kept, read_scores

SCORES = "suite,task,metric,value,n\norder,LEE,ordered_all,97.300000,481\norder,LEE,similarity_80,75.940000,69\n"


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    path = tmp_path / "order" / "scores.csv"
    path.parent.mkdir()
    path.write_text(SCORES)
    path.with_name("evaluation.json").write_text(json.dumps({"scores": sha256(path)}))
    return path


def test_whole_scores_are_read(scores):
    assert read_scores(scores, "order")["value"].tolist() == [97.3, 75.94]


def test_scores_that_are_cut_behind_a_line_are_refused(scores):
    scores.write_text("".join(SCORES.splitlines(keepends=True)[:2]))
    with pytest.raises(InputError, match=f"{scores} can't be used: it is not what .* Delete {scores.parent}"):
        read_scores(scores, "order")


def test_scores_without_a_checksum_are_taken_as_they_are(scores):
    scores.with_name("evaluation.json").write_text("{}")
    assert len(read_scores(scores, "order")) == 2


PREDICTED = {"suite": "transfer", "task": "MR", "index": [0, 1, 2], "fold": [0, 1, 0], "label": [1, 0, 0]}


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    path = tmp_path / "transfer" / "examples.parquet"
    path.parent.mkdir()
    pd.DataFrame(PREDICTED).assign(prediction=[1, 0, 1]).to_parquet(path)
    return path


def test_whole_examples_are_read(examples):
    assert read_kept(examples, "transfer")["prediction"].tolist() == [1, 0, 1]
    wide = pd.DataFrame(PREDICTED).assign(**{"a/seed0": [1, 0, 1], "b/seed1": [0, 0, 1]})
    wide.to_parquet(examples)
    pd.testing.assert_frame_equal(read_kept(examples, "transfer", ["a/seed0", "b/seed1"]), wide)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"prediction": [1, 0, float("nan")]}, "column 'prediction' has the value nan"),
        ({"prediction": [1, -1, 0]}, "column 'prediction' has the value -1, which is not from"),
        ({"prediction": ["1", "0", "0"]}, "column 'prediction' holds something that is no number"),
        ({"prediction": [1, 0.5, 0]}, "column 'prediction' holds something that is no whole number"),
        ({"index": [0, 1, 0]}, "a line lacks one of suite, task, index, fold, label, or stands there twice"),
        ({"task": ["MR", None, "MR"]}, "a line lacks one of suite, task, index, fold, label, or stands there twice"),
        ({"suite": ["transfer", "order", "order"]}, "it is of suite order, not of transfer alone"),
    ],
    ids=str,
)
def test_examples_that_are_damaged_are_named(examples, change, why):
    pd.read_parquet(examples).assign(**change).to_parquet(examples)
    with pytest.raises(InputError, match=f"{examples} can't be used: {why}.* Delete {examples.parent}"):
        read_kept(examples, "transfer")


def test_examples_that_are_missing_cut_or_lack_a_column_are_named(examples):
    whole = examples.read_bytes()
    pd.DataFrame(PREDICTED).to_parquet(examples)
    with pytest.raises(InputError, match="it lacks the column 'prediction'"):
        read_kept(examples, "transfer")
    examples.write_bytes(whole[:-20])
    with pytest.raises(InputError, match="it is no Parquet table"):
        read_kept(examples, "transfer")
    examples.unlink()
    with pytest.raises(InputError, match="it is missing"):
        read_kept(examples, "transfer")
