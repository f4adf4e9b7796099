"""Readers of a run's files: what is damaged is named."""

import json
from pathlib import Path

import pytest

from arccse.errors import InputError
from arccse.files import sha256
from arccse.records import read_scores

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
