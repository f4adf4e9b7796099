"""Suites under a pooling of their own: what they score, what they leave, what can't go together."""

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from arccse.cli import app
from arccse.data.sources import open_source
from arccse.encoder import load
from arccse.errors import InputError
from arccse.evaluation import suites
from arccse.evaluation.embeddings import Embeddings
from arccse.models import POOLINGS


def test_there_is_an_sts_suite_for_every_pooling() -> None:
    assert [suites.pooling_of(suite) for suite in suites.SUITES if suites.pooling_of(suite)] == list(POOLINGS)
    source = open_source("package:gensim")
    assert all(suites.tasks(f"sts-{pooling}", source) == ["LEE"] for pooling in POOLINGS)


def test_one_pooling() -> None:
    assert suites.one_pooling(["sts", "mteb"], None) is None
    assert suites.one_pooling(["sts", "transfer-fast", "order"], "cls") == "cls"
    assert suites.one_pooling(["sts-top2-avg"], None) == "top2-avg"
    assert suites.one_pooling(["sts", "sts-mean"], "mean") == "mean"
    for asked, given in ((["sts-cls", "sts-mean"], None), (["sts", "sts-mean"], None), (["sts-mean"], "cls")):
        with pytest.raises(InputError, match=r"One call pools in one way, not .*sts-mean by mean"):
            suites.one_pooling(asked, given)


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
    source, selection = open_source("package:gensim"), {"sts": ["LEE"]}
    sentences = suites.sentences(source, selection)
    assert suites.sentences(source, {"sts-mean": ["LEE"]}) == sentences
    matrices = [Embeddings.of(load(str(tiny_models / "bert"), pooling), sentences).matrix for pooling in POOLINGS]
    assert len({matrix.tobytes() for matrix in matrices}) == len(POOLINGS)


def test_the_command_refuses_two_poolings(tiny_models: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--pooling cls"):
        evaluate(tiny_models / "bert", tmp_path, "--suite", "sts-mean", "--pooling", "cls")
    assert not list(tmp_path.iterdir())
    options = ["--data", "package:gensim", "--out", str(tmp_path / "e.parquet")]
    result = CliRunner().invoke(
        app, ["embed", str(tiny_models / "bert"), "--suite", "sts-mean", "--suite", "sts-cls", *options]
    )
    assert isinstance(result.exception, InputError)


@pytest.mark.parametrize("suite", [suite for suite in suites.SUITES if not suite.startswith("transfer")])
def test_every_suite_reads_and_names_the_files_of_its_tasks(suite: str) -> None:
    source = open_source("package:gensim")
    (task,) = suites.tasks(suite, source)
    suites.read(source, task)
    assert source.checksums([task])


def test_geometry_reads_the_dev_set(senteval: Path) -> None:
    source = open_source(f"senteval:{senteval}")
    assert suites.tasks("geometry", source) == ["STSB-dev"]
    assert list(source.checksums(["STSB-dev"])) == ["downstream/STS/STSBenchmark/sts-dev.csv"]
    assert len(suites.sentences(source, {"geometry": ["STSB-dev"]})) == len(
        {*source.dev().first, *source.dev().second}
    )
