"""Results grow, nothing stale is taken for a result, and nothing is lost: the workflow on what was there before."""

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from snakemake_runs import ROOT, base_config, carry_out, planned, snakemake, write_config

GATHERED = ("scores.csv", "histories.csv", "pairs.parquet", "looks.json", "runs.json")


@pytest.fixture
def folder(small_workflow, tmp_path):
    """A copy of the folder in which the tiny config has run through."""
    return Path(shutil.copytree(small_workflow, tmp_path / "copy"))


@pytest.fixture
def clone(folder):
    """What somebody else gets of it: gathered files, tables, figures, page; nothing that Snakemake remembers."""
    for name in (
        ".snakemake",
        "results/tiny/runs",
        "results/tiny/data",
        "results/tiny/logs",
        "results/tiny/benchmarks",
    ):
        shutil.rmtree(folder / name)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """The files of results/tiny that are committed."""
    results = folder / "results" / "tiny"
    files = [*(results / name for name in GATHERED), results / "report.html", *(results / "tables").iterdir()]
    return {str(path.relative_to(results)): path.read_bytes() for path in files}


def test_a_clone_has_nothing_to_train_or_gather(clone):
    jobs = planned(clone, write_config(clone, base_config()))
    assert set(jobs) <= {"report", "check_figures", "all"}


def test_variants_more_are_trained_alone_and_join_the_others_and_one_that_diverges_costs_itself_alone(clone):
    before = pd.read_csv(clone / "results" / "tiny" / "scores.csv", dtype=str)
    pairs = pd.read_parquet(clone / "results" / "tiny" / "pairs.parquet")
    content = base_config()
    content["studies"]["margin"]["sweep"]["margin"] = [0, 5]
    content["studies"]["rate"] = {
        "title": "Learning rate",
        "suites": ["sts", "mteb"],
        "variants": {"SimCSE": {}, "too high": {"learning_rate": 1e30}},
    }
    config = write_config(clone, content)
    jobs = planned(clone, config)
    made = {rule: jobs[rule] for rule in ("train", "evaluate", "gather")}
    assert made == {"train": 2, "evaluate": 2, "gather": 1}
    carry_out(clone, config)
    after = pd.read_csv(clone / "results" / "tiny" / "scores.csv", dtype=str)
    assert after.iloc[: len(before)].equals(before)
    assert set(after["variant"].iloc[len(before) :]) == {"arccon5"}  # a run without a model has no scores
    assert pd.read_parquet(clone / "results" / "tiny" / "pairs.parquet")[list(pairs.columns)].equals(pairs)
    table = pd.read_csv(clone / "results" / "tiny" / "tables" / "margin.csv")
    assert {"margin=0", "margin=5"} <= set(table["method"])
    (log,) = clone.rglob("logs/simcse-*/seed0/train.log")
    said = log.read_text().splitlines()[-1]
    assert re.match(r"arccse: .*diverged at step \d", said)
    assert "learning_rate 1e+30" in said
    assert "diverged" in (clone / "results" / "tiny" / "tables" / "rate.md").read_text()
    assert "diverged" in (clone / "results" / "tiny" / "report.html").read_text()
    assert planned(clone, config) == {}


def test_a_suite_more_has_its_examples_gathered_beside_what_was_there(folder):
    results = folder / "results" / "tiny"
    pairs = (results / "pairs.parquet").read_bytes()
    content = base_config()
    content["studies"]["margin"]["suites"] = ["sts", "mteb", "order", "geometry"]
    config = write_config(folder, content)
    jobs = planned(folder, config)
    assert {rule: jobs.get(rule) for rule in ("train", "evaluate", "gather")} == {
        "train": None,
        "evaluate": 1,
        "gather": 1,
    }
    carry_out(folder, config)
    assert (results / "pairs.parquet").read_bytes() == pairs
    for suite, value in (("order", "similarity"), ("geometry", "distance")):
        gathered = pd.read_parquet(results / f"examples-{suite}.parquet")
        (path,) = results.glob(f"runs/*/seed0/scores/*/examples-{suite}.parquet")
        own, column = pd.read_parquet(path), "/".join(path.parts[-5:-3]).rpartition("-")[2]
        assert gathered[[*own.columns[:-1]]].equals(own[[*own.columns[:-1]]])
        assert gathered[column].equals(own[value].astype("float32"))
    assert planned(folder, config) == {}


def test_a_workflow_that_fails_deletes_no_result(clone):
    """A variant more whose corpus is gone: today's gather and report were deleted before their jobs failed."""
    before = contents(clone)
    content = base_config()
    content["studies"]["margin"]["sweep"]["margin"] = [0, 5]
    content["corpus"] = "file:nowhere.txt"
    result = snakemake(clone, "--cores", "2", "--configfile", write_config(clone, content))
    assert result.returncode != 0
    assert contents(clone) == before


@pytest.mark.parametrize("name", ["scores.csv", "pairs.parquet", "runs.json"])
def test_a_damaged_gathered_file_stops_the_workflow_by_name_and_stays(clone, name):
    path = clone / "results" / "tiny" / name
    path.write_bytes(path.read_bytes()[:-100])
    before = contents(clone)
    result = snakemake(clone, "--cores", "2", "--configfile", write_config(clone, base_config()))
    assert result.returncode != 0
    said = result.stdout + result.stderr + "".join(log.read_text() for log in clone.rglob("logs/*.log"))
    assert f"results/tiny/{name} can't be used" in said
    assert contents(clone) == before


def test_runs_of_other_code_are_refused_before_any_work(folder, tmp_path):
    for name in ("arccse", "workflow", "profiles"):
        shutil.copytree(ROOT / name, tmp_path / "edited" / name)
    shutil.copy(ROOT / "Snakefile", tmp_path / "edited")
    objectives = tmp_path / "edited" / "arccse" / "objectives" / "margins.py"
    text = objectives.read_text()
    body = "positives = cosine_of_widened_angle("
    assert body in text
    objectives.write_text(text.replace(body, "positives = 0.9 * cosine_of_widened_angle("))
    config = write_config(folder, base_config())
    before = contents(folder)
    result = snakemake(folder, "--cores", "2", "--configfile", config, root=tmp_path / "edited")
    assert result.returncode != 0
    said = result.stdout + result.stderr
    assert "1 runs of results/tiny, arccon10-triplet20-40-" in said
    assert "(changed: objectives.margins)" in said
    assert "Traceback" not in said
    assert contents(folder) == before
    objectives.write_text(text.replace("    return cross_entropy_of", "    # a remark\n    return cross_entropy_of"))
    assert planned(folder, config, root=tmp_path / "edited") == {}


def test_the_locks_of_a_killed_workflow_stop_nobody(folder):
    locks = folder / ".snakemake" / "locks"
    locks.mkdir(exist_ok=True)
    drawn = folder / "results" / "tiny" / "logs" / "figures-drawn"
    (locks / "0.output.lock").write_text("results/tiny/scores.csv\nresults/tiny/logs/figures-drawn\n")
    drawn.unlink()
    config = write_config(folder, base_config())
    carry_out(folder, config)
    assert drawn.is_file()


def test_the_locks_of_another_workflow_are_left_alone(folder):
    locks = folder / ".snakemake" / "locks"
    locks.mkdir(exist_ok=True)
    other = locks / "0.output.lock"
    other.write_text("results/other/scores.csv\n")
    (folder / "results" / "tiny" / "report.html").unlink()
    assert (
        snakemake(folder, "--cores", "2", "--configfile", write_config(folder, base_config()), "-n").returncode == 0
    )
    assert other.is_file()
