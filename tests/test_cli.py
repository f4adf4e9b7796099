"""The command line as a user meets it: what it prints, what it writes, how it refuses."""

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import tiny
import torch
import yaml
from commands import arccse
from families import MINILM
from safetensors.torch import load_file, save_file

from arccse import cli, devices
from arccse.data.sources import STS_TASKS
from arccse.evaluation.scores import Score, as_table

ROOT = Path(__file__).parent.parent


def installed(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run `arccse ARGUMENTS` as a user does: in an interpreter of its own, with all that its libraries may say."""
    command = [str(Path(sys.executable).parent / "arccse"), *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def refused(result: subprocess.CompletedProcess[str], *parts: str) -> None:
    """Exit status 2 and one message with these parts, without a traceback."""
    assert result.returncode == 2, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    message = [line for line in result.stderr.splitlines() if line.strip()]
    assert len(message) == 1, result.stderr
    for part in parts:
        assert part in message[0]


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return tiny.save_bert(tmp_path_factory.mktemp("models") / "bert")


@pytest.fixture
def config(tmp_path, bert):
    (tmp_path / "corpus.txt").write_text("\n".join(tiny.sentences(40)) + "\n")
    content = {
        "encoders": {"tiny": {"model": str(bert)}},
        "corpus": f"file:{tmp_path / 'corpus.txt'}",
        "data": "package:gensim",
        "suites": ["sts"],
        "seeds": [0],
        "training": {"batch_size": 8, "max_steps": 2, "max_length": 16},
        "studies": {"main": {"title": "Tiny", "variants": {"SimCSE": {}}}},
    }
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def run_id(config: Path) -> str:
    from arccse.config import load

    return next(iter(load(config).runs()))


# ------------------------------------------------------------------------------------------------ what works


def test_plan_lists_runs_sharing_and_work(tmp_path):
    result = arccse("plan", "--config", ROOT / "config" / "smoke.yaml", folder=tmp_path)  # where nothing is done yet
    assert result.returncode == 0, result.stderr
    assert "18 different ones" in result.stdout
    assert "is shared by main (SimCSE), objective (NT-Xent), margin (margin=0)" in result.stdout
    assert "34 steps" in result.stdout


def test_plan_says_that_the_data_are_not_there(config):
    config.write_text(config.read_text().replace("package:gensim", "senteval:/nowhere"))
    refused(arccse("plan", "--config", config), "senteval:/nowhere", "downstream")


def test_plan_of_the_paper_works_offline():
    result = arccse("plan", "--config", "config/paper.yaml")
    assert result.returncode == 0, result.stderr
    assert "15625" in result.stdout


def test_evaluate_scores_any_encoder(tmp_path):
    out = tmp_path / "out"
    options = ("--suite", "sts", "--data", "package:gensim", "--precision", "bf16")
    result = installed("evaluate", MINILM, *options, "--out", out)
    assert result.returncode == 0, result.stderr
    assert ("encoded in float32" in result.stderr) == (devices.precision("bf16", torch.device("cpu")) == "fp32")
    made = json.loads((out / "evaluation.json").read_text())["suites"]["sts"]
    assert made["precision"] == devices.precision("bf16", torch.device("cpu"))
    scores = pd.read_csv(out / "scores.csv")
    assert list(scores.columns) == ["suite", "task", "metric", "value", "n"]
    assert list(scores["metric"]) == ["spearman_all", "spearman_mean", "spearman_wmean"]
    assert f"{scores['value'].iloc[0]:.2f}" in result.stdout
    pairs = pd.read_parquet(out / "pairs.parquet")
    assert list(pairs.columns) == ["task", "subset", "index", "score", "cosine"]
    assert len(pairs) == scores["n"].iloc[0] == 300


def test_evaluate_prints_the_average_of_a_suite_whose_tasks_are_all_there(capsys):
    values = dict(zip(STS_TASKS, (70.0, 80.0, 75.0, 76.0, 77.0, 78.0, 69.0), strict=True))
    sts = [Score("sts", task, metric, value, 9) for task, value in values.items() for metric in ("spearman_all", "x")]
    cli.console.print(as_table([*sts, Score("transfer", "MR", "accuracy", 50.0, 9)]))
    lines = [line.split() for line in capsys.readouterr().out.replace("│", " ").splitlines()]
    assert [line for line in lines if "Avg" in line] == [["sts", "Avg", "spearman_all", "75.00", "7", "tasks"]]
    cli.console.print(as_table(sts[:-2]))
    assert "Avg" not in capsys.readouterr().out


def test_a_config_that_needs_nothing_of_the_hub_says_so():
    result = installed("fetch", "--config", "config/smoke.yaml")
    assert (result.returncode, result.stdout) == (0, "config/smoke.yaml needs nothing of the hub\n")


def test_the_version_is_that_of_the_package():
    result = installed("--version")
    assert (result.returncode, result.stdout) == (0, f"arccse {importlib.metadata.version('arccse')}\n")


@pytest.mark.parametrize("closed", ["reader", "stdout"])
def test_scores_are_written_though_nobody_reads_them(tmp_path, bert, closed):
    common = (bert, "--suite", "sts", "--data", "package:gensim", "--pooling", "mean", "--out", tmp_path / "out")
    command = [str(Path(sys.executable).parent / "arccse"), "evaluate", *map(str, common)]
    if closed == "stdout":
        command = ["sh", "-c", '"$@" >&-', "sh", *command]
    read, write = os.pipe()
    os.close(read)  # as `| head -1` does, once it has its line
    result = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert "Traceback" not in result.stderr
    assert "Exception" not in result.stderr
    assert len(pd.read_csv(tmp_path / "out" / "scores.csv")) == 3


def test_an_encoder_of_zeros_is_refused_before_it_is_scored(tmp_path, bert):
    zeros = tmp_path / "zeros"
    shutil.copytree(bert, zeros)
    weights = load_file(zeros / "model.safetensors")
    save_file({name: 0 * weight for name, weight in weights.items()}, zeros / "model.safetensors", {"format": "pt"})
    common = ("--suite", "transfer", "--data", "package:gensim", "--pooling", "mean", "--out", tmp_path / "out")
    result = arccse("evaluate", zeros, *common)
    refused(result, "zeros can't be scored on suite transfer, task POLARITY", "are zero")
    assert not list((tmp_path / "out").iterdir())


def test_a_model_that_diverged_is_not_scored(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "diverged.json").write_text('{"step": 3, "message": "The training diverged at step 3."}')
    common = (tmp_path / "model", "--suite", "sts", "--data", "package:gensim", "--pooling", "cls")
    result = arccse("evaluate", *common, "--out", tmp_path / "out")
    refused(result, str(tmp_path / "model"), "The training diverged at step 3.")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]


def test_evaluate_prints_transfer_tasks_under_their_own_suite(tmp_path, bert):
    suites = ("--suite", "transfer", "--suite", "transfer-fast")
    result = arccse(*("evaluate", bert, *suites, "--pooling", "mean", "--data", "package:gensim", "--out", tmp_path))
    assert result.returncode == 0, result.stderr
    scores = pd.read_csv(tmp_path / "scores.csv")
    assert set(zip(scores["suite"], scores["task"], strict=True)) == {
        ("transfer", "POLARITY"),
        ("transfer-fast", "POLARITY"),
    }
    assert set(scores["metric"]) == {"accuracy", "dev_accuracy"}
    assert set(scores["n"]) == {200}
    told = [line for line in result.stderr.splitlines() if "POLARITY: accuracy " in line]  # as each task ends
    assert [line.split()[0] for line in told] == ["transfer", "transfer-fast"]


def test_train_then_report_without_snakemake(config):
    folder = config.parent
    run = run_id(config)
    trained = arccse("train", "--config", config, "--run", run, "--threads", 1, folder=folder)
    assert trained.returncode == 0, trained.stderr
    run_folder = folder / "results" / "tiny" / "runs" / run
    refused(arccse("gather", "--config", config, folder=folder), run, "has not been scored on suite sts")
    refused(arccse("report", "--config", config, folder=folder), "runs.json is not there", "arccse gather")
    scored = arccse(
        *("evaluate", run_folder / "model", "--suite", "sts", "--data", "package:gensim"),
        *("--out", run_folder / "scores" / "sts"),
    )
    assert scored.returncode == 0, scored.stderr
    assert arccse("gather", "--config", config, folder=folder).returncode == 0
    shutil.rmtree(folder / "results" / "tiny" / "runs")  # the report needs the gathered files alone
    reported = arccse("report", "--config", config, folder=folder)
    assert reported.returncode == 0, reported.stderr
    assert (folder / "results" / "tiny" / "report.html").is_file()
    assert (folder / "results" / "tiny" / "tables" / "main.md").is_file()


def test_compare_prints_writes_and_encodes_nothing_a_second_time(tmp_path, bert, monkeypatch):
    texts = tiny.sentences(60)
    rows = {"sentence1": texts[:30], "sentence2": texts[30:], "score": [i % 6 for i in range(30)]}
    pd.DataFrame(rows).to_csv(tmp_path / "mine.csv", index=False)
    other = shutil.copytree(bert, tmp_path / "other")
    weights = load_file(other / "model.safetensors")
    save_file({name: 1.5 * weight for name, weight in weights.items()}, other / "model.safetensors", {"format": "pt"})
    common = (
        "--suite",
        "sts",
        "--pooling",
        "mean",
        "--data",
        f"pairs:{tmp_path}/mine.csv",
        "--out",
        tmp_path / "out",
    )
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first = arccse("compare", bert, f"other={other}", *common)
    assert first.returncode == 0, first.stderr
    assert "other less bert" in first.stdout
    assert "it says nothing of other seeds" in first.stdout
    assert first.stderr.count("sts mine: spearman_all") == 2
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["comparisons.csv", "comparisons.md", "comparisons.tex", "index.html", "scores.csv"]
    (tmp_path / "out" / "index.html").unlink()
    command = ["sh", "-c", '"$@" >&-', "sh", str(Path(sys.executable).parent / "arccse"), "compare", str(bert)]
    closed = [*command, str(other), *map(str, common)]  # written though nobody reads what is printed
    subprocess.run(closed, capture_output=True, check=False)
    assert (tmp_path / "out" / "index.html").is_file()
    again = arccse("compare", bert, f"other={other}", *common)
    assert (again.returncode, again.stderr, again.stdout) == (0, "", first.stdout)
    refused(arccse("compare", bert, *common), "needs two models or more")
    refused(arccse("compare", bert, other, *common, "--suite", "geometry"), "which serves: sts")


# ------------------------------------------------------------------------------------------- what is refused


def test_unknown_suite_task_source_pooling_and_model(tmp_path, bert):
    def evaluate(model=bert, suite="sts", data="package:gensim", *more):
        return arccse("evaluate", model, "--suite", suite, "--data", data, "--out", tmp_path / "out", *more)

    refused(evaluate(suite="stss"), "'stss'", "did you mean 'sts'?")
    refused(evaluate(bert, "sts", "package:gensim", "--task", "LEEE"), "'LEEE'", "did you mean 'LEE'?")
    refused(evaluate(data="package:nltk"), "'package:nltk'", "package:gensim")
    refused(evaluate(bert, "sts", "package:gensim", "--pooling", "max"), "'max'", "cls, mean")
    refused(evaluate(model="package:no-such-thing"), "package:no-such-thing")
    refused(evaluate(model="./no/such/folder"), "./no/such/folder")
    refused(evaluate(bert), "does not say how it pools")
    assert not (tmp_path / "out" / "scores.csv").exists()


def test_an_unknown_run_is_named_with_the_nearest(config):
    run = run_id(config)
    refused(arccse("train", "--config", config, "--run", run[:-1] + "7"), f"did you mean '{run}'?")


def test_an_output_folder_that_cannot_be_written(tmp_path, bert):
    (tmp_path / "file").write_text("")
    result = arccse(
        "evaluate", bert, "--suite", "sts", "--data", "package:gensim", "--out", tmp_path / "file" / "out"
    )
    refused(result, str(tmp_path / "file"))


def test_an_empty_corpus_and_one_smaller_than_a_batch(config):
    corpus = config.parent / "corpus.txt"
    corpus.write_text("\n \n")
    train = ("train", "--config", config, "--run", run_id(config))
    refused(arccse(*train, folder=config.parent), str(corpus), "is empty")
    corpus.write_text("One sentence only.\n")
    refused(arccse(*train, folder=config.parent), "1 different sentences", "batch_size = 8")
    assert not list((config.parent / "results").rglob("model"))


def test_a_bad_config_names_file_key_and_remedy(config):
    config.write_text(config.read_text().replace("seeds:", "sedes:"))
    refused(arccse("plan", "--config", config), str(config), "sedes", "did you mean 'seeds'?")
    refused(arccse("plan", "--config", "config/nope.yaml"), "config/nope.yaml")


def test_a_truncated_model_file(tmp_path, bert):
    import shutil

    broken = shutil.copytree(bert, tmp_path / "broken")
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    common = ("--suite", "sts", "--data", "package:gensim", "--pooling", "cls", "--out", tmp_path / "out")
    refused(installed("evaluate", broken, *common), str(broken))


def test_evaluation_data_that_are_not_sentevals_are_named(config, senteval):
    downstream = config.parent / "mine" / "downstream"
    shutil.copytree(senteval / "downstream" / "STS", downstream / "STS")
    shutil.copytree(senteval / "downstream" / "SICK", downstream / "SICK")
    content = yaml.safe_load(config.read_text()) | {"data": f"senteval:{downstream.parent}"}
    config.write_text(yaml.safe_dump(content))
    assert "warning" not in arccse("data", "--config", config, folder=config.parent).stderr
    sick = downstream / "SICK" / "SICK_trial.txt"
    sick.write_text("".join(sick.read_text().splitlines(keepends=True)[:300]))
    result = arccse("data", "--config", config, folder=config.parent)
    assert result.returncode == 0, result.stderr
    assert "warning: " in result.stderr
    assert result.stderr.rstrip().endswith("that numbers differ: downstream/SICK/SICK_trial.txt.")


def test_a_corpus_of_repeats_is_warned_of_or_refused(config):
    corpus = config.parent / "corpus.txt"
    corpus.write_text(corpus.read_text() + "The same sentence again .\n" * 10)
    result = arccse("corpus", "--config", config, folder=config.parent)
    assert result.returncode == 0, result.stderr
    assert "warning: 9 of the corpus' 50 sentences (18.0%) repeat another one" in result.stderr
    shutil.rmtree(config.parent / "results")
    corpus.write_text("The same sentence again .\n" * 65)
    for command in ("plan", "corpus"):
        result = arccse(command, "--config", config, folder=config.parent)
        refused(result, "1 different sentences among 65", "batch_size = 8")
    assert not list((config.parent / "results").rglob("corpus-*"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("full", [("stdout",), ("stderr",), ("stdout", "stderr")], ids=str)
def test_an_output_that_is_a_file_on_a_full_disk(tmp_path, full):
    """As a log is. What is said is lost where stderr is on that disk, but the status is there."""
    with Path("/dev/full").open("w") as disk, (tmp_path / "log").open("w+") as log:
        config = "config/nope.yaml" if full == ("stderr",) else "config/smoke.yaml"
        streams = {name: disk if name in full else log for name in ("stdout", "stderr")}
        command = [str(Path(sys.executable).parent / "arccse"), "plan", "--config", config]
        status = subprocess.run(command, cwd=ROOT, check=False, **streams).returncode
        log.seek(0)
        said = log.read()
    assert status == 2
    assert said == ("arccse: The disk is full, so that the output can't be written.\n" if full == ("stdout",) else "")


def test_status_where_nothing_was_run_yet(config):
    result = arccse("status", "--config", config, folder=config.parent)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "1 runs: 1 waiting"
