"""Scoring through the suites' modules: poolings, which embeddings are refused, and that every score is finite."""

import math
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from arccse.cli import app
from arccse.data.sources import open_source
from arccse.encoder import load_encoder
from arccse.errors import InputError
from arccse.evaluation import scoring, suites
from arccse.evaluation.embeddings import Embeddings
from arccse.evaluation.scores import Score, Scored
from arccse.evaluation.suites import SUITES
from arccse.models import POOLINGS
from arccse.records import read_kept

SOURCE = open_source("package:gensim")


def evaluate(model: Path, out: Path, *options: str) -> pd.DataFrame:
    arguments = ["evaluate", str(model), "--data", "package:gensim", "--out", str(out), *options]
    result = CliRunner().invoke(app, arguments)
    if result.exception:
        raise result.exception
    return pd.read_csv(out / "scores.csv")


@pytest.mark.parametrize("pooling", POOLINGS)
def test_sts_under_a_pooling_is_sts_of_the_encoder_that_pools_so(
    tiny_models: Path, tmp_path: Path, pooling: str
) -> None:
    # without --pooling: the suite says it
    prescribed = evaluate(tiny_models / "bert", tmp_path / "a", "--suite", f"sts-{pooling}")
    plain = evaluate(tiny_models / "bert", tmp_path / "b", "--suite", "sts", "--pooling", pooling)
    assert set(prescribed["suite"]) == {f"sts-{pooling}"}
    pd.testing.assert_frame_equal(prescribed.drop(columns="suite"), plain.drop(columns="suite"))
    assert (tmp_path / "b" / "pairs.parquet").is_file()
    assert not (tmp_path / "a" / "pairs.parquet").exists()


def test_poolings_give_scores_of_their_own(tiny_models: Path) -> None:
    sentences = scoring.sentences(SOURCE, {"sts": ["LEE"]})
    assert scoring.sentences(SOURCE, {"sts-mean": ["LEE"]}) == sentences
    encoders = [load_encoder(str(tiny_models / "bert"), pooling) for pooling in POOLINGS]
    matrices = [Embeddings.of(encoder, sentences).matrix for encoder in encoders]
    assert len({matrix.tobytes() for matrix in matrices}) == len(POOLINGS)


def test_the_command_refuses_another_pooling_than_a_suites_own(tiny_models: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--pooling cls"):
        evaluate(tiny_models / "bert", tmp_path, "--suite", "sts-mean", "--pooling", "cls")
    assert not list(tmp_path.iterdir())


# what says nothing is not scored


def embeddings(selection: dict[str, list[str]]) -> Embeddings:
    distinct = list(dict.fromkeys(scoring.sentences(SOURCE, selection)))
    matrix = np.random.default_rng(0).standard_normal((len(distinct), 8)).astype(np.float32)
    return Embeddings(distinct, matrix, "f" * 64)


def score(embed: Embeddings, selection: dict[str, list[str]], out: Path) -> list[Score]:
    return scoring.evaluate(embed, SOURCE, selection, out, "a/b", lambda _: None)


@pytest.mark.parametrize(
    ("fill", "why"),
    [
        (0.0, r"the embeddings of \d+ of \d+ sentences are zero"),
        (1.0, "the embeddings of all sentences are the same"),
        (math.nan, r"the embeddings of (\d+) of \1 sentences are NaN or infinite"),
        (-math.inf, r"the embeddings of (\d+) of \1 sentences are NaN or infinite"),
    ],
)
@pytest.mark.parametrize("suite", SUITES)
def test_an_encoder_that_says_nothing_is_refused_with_model_and_task(
    suite: str, fill: float, why: str, tmp_path: Path
) -> None:
    selection = {suite: suites.tasks(suite, SOURCE)}
    embed = embeddings(selection)
    embed.matrix[:] = fill
    (task,) = selection[suite]
    with pytest.raises(InputError, match=f"Model a/b can't be scored on suite {suite}, task {task}: {why}"):
        score(embed, selection, tmp_path)
    assert not list(tmp_path.iterdir())


def test_one_bad_row_is_enough_and_is_found_in_its_task_before_any_is_scored(tmp_path: Path) -> None:
    selection = {"sts": ["LEE"], "order": ["ORDER"]}
    embed = embeddings(selection)
    masked = scoring.sentences(SOURCE, {"order": ["ORDER"]})[1]  # which sts does not read
    embed.matrix[embed.row_of[masked]] = 0
    with pytest.raises(InputError, match=r"suite order, task ORDER: the embeddings of 1 of \d+ sentences are zero"):
        score(embed, selection, tmp_path)
    assert not list(tmp_path.iterdir())
    assert score(embed, {"sts": ["LEE"]}, tmp_path)  # a row that a task does not read is no matter of it


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_no_suite_gives_a_score_that_is_not_finite(
    value: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def evaluate(job: scoring.Job) -> Iterator[Scored]:
        scores = (
            Score("order", "ORDER", metric, v, 5) for metric, v in (("ordered_all", 3), ("ordered_20_40", value))
        )
        yield Scored([*scores])

    selection = {"order": ["ORDER"]}
    embed = embeddings(selection)
    monkeypatch.setattr(scoring, "module_of", lambda _: SimpleNamespace(evaluate=evaluate))
    with pytest.raises(InputError, match=f"Suite order, task ORDER: ordered_20_40 of model a/b is {value}"):
        score(embed, selection, tmp_path)


def test_scores_are_reported_task_by_task(tmp_path: Path) -> None:
    selection = {"sts": ["LEE"], "geometry": ["LEE-dev"]}
    said: list[list[Score]] = []
    scores = scoring.evaluate(embeddings(selection), SOURCE, selection, tmp_path, "a/b", said.append)
    assert [found[0].suite for found in said] == ["sts", "geometry"]
    assert [one for found in said for one in found] == scores


def test_each_suite_leaves_what_its_record_says(tmp_path: Path) -> None:
    """The same in a call of its own as in one for several suites."""
    selection = {suite: suites.tasks(suite, SOURCE) for suite in SUITES if suite not in ("mteb", "transfer")}
    embed = embeddings(selection)
    score(embed, selection, tmp_path)
    kept = {suites.SUITES[suite].kept_file for suite in selection if SUITES[suite].keeps}
    assert {path.name for path in tmp_path.iterdir()} == kept
    for suite, tasks in selection.items():
        (tmp_path / suite).mkdir()
        score(embed, {suite: tasks}, tmp_path / suite)
        keeps = SUITES[suite].keeps
        name = SUITES[suite].kept_file if keeps else None
        assert [path.name for path in (tmp_path / suite).iterdir()] == ([name] if keeps else [])
        if keeps:
            own = read_kept(tmp_path / suite / name, suite)
            assert list(own.columns) == [*keeps.keys, *keeps.given, keeps.value]
            pd.testing.assert_frame_equal(read_kept(tmp_path / name, suite), own)
