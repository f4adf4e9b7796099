"""The workflow from end to end on a tiny encoder, and what makes it run again."""

import re
import shutil
import zipfile
from pathlib import Path

import mteb
import pandas as pd
import pytest
import tiny
from sentence_transformers import SentenceTransformer
from snakemake_runs import base_config, jobs, planned, snakemake, write_config


@pytest.fixture(scope="module")
def finished(small_workflow, tmp_path_factory):
    """A copy of the folder in which the tiny config has run through, for tests that change no result in it."""
    return Path(shutil.copytree(small_workflow, tmp_path_factory.mktemp("workflow") / "copy"))


def test_every_file_of_the_design_is_there(finished):
    results = finished / "results" / "tiny"
    runs = sorted((results / "runs").glob("*/seed*"))
    assert [re.sub(r"-[0-9a-f]{8}$", "", run.parent.name) for run in runs] == ["arccon10-triplet20-40", "simcse"]
    for run in runs:
        for name in ("run.json", "history.csv"):
            assert (run / name).is_file(), name
        (scored,) = run.glob("scores/*")
        assert {path.name for path in scored.iterdir()} >= {"scores.csv", "pairs.parquet", "evaluation.json"}
        assert not list((run / "model").rglob("*.bin"))
        SentenceTransformer(str(run / "model"), device="cpu").encode(["a dog"])
        assert mteb.ResultCache(scored).load_results(include_remote=False).model_results
    assert {path.suffix for path in (results / "state").glob("*/*")} == {".lock"}  # what was kept is gathered
    for kind in ("csv", "md", "tex"):
        assert (results / "tables" / f"main.{kind}").is_file()
        assert (results / "tables" / f"claims.{kind}").is_file()
    for kind in ("svg", "pdf", "png"):
        assert (results / "figures" / f"alignment_uniformity-main-tiny.{kind}").stat().st_size > 1000


def test_the_long_table_and_the_tables_agree(finished):
    results = finished / "results" / "tiny"
    scores = pd.read_csv(results / "scores.csv", dtype={"hash": str})
    assert list(scores.columns) == ["variant", "hash", "seed", "suite", "task", "metric", "value", "n"]
    assert set(scores["suite"]) == {"sts", "mteb"}
    table = pd.read_csv(results / "tables" / "main.csv", dtype={"hash": str})
    for row in table[(table["suite"] == "sts") & (table["task"] == "LEE")].itertuples():
        own = scores.query("hash == @row.hash and suite == 'sts' and metric == 'spearman_all'")
        assert own["value"].mean() == pytest.approx(row.mean, abs=1e-5)
    assert "not findings" in (results / "tables" / "main.md").read_text()


def test_mteb_and_sts_agree(finished):
    scores = pd.read_csv(finished / "results" / "tiny" / "scores.csv", dtype={"hash": str})
    values = scores[scores["metric"].isin(["spearman_all", "cosine_spearman"])].pivot_table(
        index=["hash", "seed", "task"], columns="suite", values="value"
    )
    both = values.dropna()
    assert len(both) == 2
    assert (both["sts"] - both["mteb"]).abs().max() < 0.01


STALLED = """
from snakemake.scheduling.job_scheduler import JobScheduler

ready = JobScheduler.open_jobs.fget
JobScheduler.open_jobs = property(lambda self: [] if self.finished_jobs else ready(self))
"""


def test_a_workflow_that_runs_out_of_ready_jobs_is_no_success(finished, tmp_path):
    """Snakemake's own exit status is 0 then, with keep-going."""
    (tmp_path / "sitecustomize.py").write_text(STALLED)
    for name in ("bert", "corpus.txt"):
        (tmp_path / name).symlink_to(finished / name)
    result = snakemake(
        tmp_path, "--cores", "1", "--configfile", write_config(tmp_path, base_config()), before=str(tmp_path)
    )
    assert result.returncode == 1
    assert re.search(r"\d+ jobs were never started, \w+ among them\. Give the same command again", result.stderr)
    assert not (tmp_path / "results" / "tiny" / "report.html").exists()


def test_a_finished_config_has_nothing_to_do_whatever_its_comments_and_path(finished):
    absolute = write_config(finished, base_config(), comment="# a remark\n")
    assert planned(finished, absolute) == {}
    assert planned(finished, Path(absolute).name) == {}


def test_a_title_or_caveat_renders_again_and_trains_nothing(finished):
    titled = base_config()
    titled["studies"]["main"]["title"] += "!"
    for content in (titled, base_config() | {"caveat": "Other words."}):
        assert planned(finished, write_config(finished, content)) == {"report": 1, "check_figures": 1, "all": 1}


def test_another_suite_is_scored_without_training(finished):
    content = base_config()
    content["studies"]["margin"]["suites"] = ["sts", "mteb", "transfer"]
    jobs = planned(finished, write_config(finished, content))
    assert jobs == {"evaluate": 1, "gather": 1, "report": 1, "check_figures": 1, "all": 1}


def test_a_training_asks_for_what_its_encoder_needs(tmp_path):
    tiny.save_bert(tmp_path / "bert")
    content = base_config()
    content["encoders"]["tiny"]["resources"] = {"gpu": 0, "threads": 2, "mem_mb": 9000, "runtime": 3}
    config = write_config(tmp_path, content)
    result = snakemake(tmp_path, "--dry-run", "--printshellcmds", "--cores", "2", "--configfile", config)
    trainings = re.findall(r"^rule train:$.*?(?=^rule |\Z)", result.stdout + result.stderr, re.DOTALL | re.MULTILINE)
    assert len(trainings) == 2
    for said in trainings:
        assert {"gpu=0", "mem_mb=9000", "runtime=3"} <= set(re.split(r"[,\s]+", said))
        assert "--threads 2 " in said


def test_one_job_scores_a_run_on_what_it_lacks_whatever_the_pooling(finished):
    content = base_config()
    suites = ["sts", "sts-cls", "sts-mean", "order"]
    content["studies"]["pooling"] = {"title": "Poolings", "suites": suites, "variants": {"SimCSE": {}}}
    config = write_config(finished, content)
    assert planned(finished, config) == {"evaluate": 1, "gather": 1, "report": 1, "check_figures": 1, "all": 1}
    result = snakemake(finished, "--dry-run", "--printshellcmds", "--configfile", config)
    (command,) = re.findall(r"arccse evaluate .*", result.stdout + result.stderr)
    assert re.findall(r"--suite (\S+)", command) == ["order", "sts-cls", "sts-mean"]
    assert re.search(r"--out (\S+)", command)[1].endswith("/scores/order+sts-cls+sts-mean")


def test_a_study_of_runs_that_exist_trains_nothing(finished):
    content = base_config()
    content["studies"]["again"] = {"title": "Again", "variants": {"baseline": {}}}
    assert planned(finished, write_config(finished, content)) == {"report": 1, "check_figures": 1, "all": 1}


def test_another_hyperparameter_trains_what_it_concerns(finished):
    content = base_config()
    content["studies"]["margin"]["sweep"]["margin"] = [0, 5]
    jobs = planned(finished, write_config(finished, content))
    assert jobs == {
        "train": 1,
        "evaluate": 1,
        "gather": 1,
        "report": 1,
        "check_figures": 1,
        "all": 1,
    }


def test_studies_train_a_shared_run_once_and_a_configfile_replaces_the_default_whole(tmp_path):
    tiny.save_bert(tmp_path / "bert")
    (tmp_path / "corpus.txt").write_text("\n".join(tiny.sentences(40)) + "\n")
    result = snakemake(tmp_path, "--dry-run", "--configfile", write_config(tmp_path, base_config()))
    assert jobs(result)["train"] == 2  # SimCSE of `main` is the margin 0 of `margin`
    assert "results/smoke" not in result.stdout + result.stderr
    assert "mask_ratio" not in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"sedes": [0]}, "did you mean 'seeds'?"),
        ({"data": "senteval:/nowhere"}, "/nowhere"),
    ],
)
def test_a_bad_config_stops_the_workflow_before_any_work(tmp_path, change, expected):
    tiny.save_bert(tmp_path / "bert")
    config = write_config(tmp_path, base_config() | change)
    result = snakemake(tmp_path, "--cores", "1", "--configfile", config)
    assert result.returncode != 0
    assert expected in result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    assert not (tmp_path / "results").exists()


def test_config_overrides_are_refused(tmp_path):
    tiny.save_bert(tmp_path / "bert")
    config = write_config(tmp_path, base_config())
    result = snakemake(tmp_path, "-n", "--configfile", config, "--config", "seeds=[1]")
    assert result.returncode != 0
    assert "--config is not used" in result.stdout + result.stderr


def test_damaged_evaluation_data_stops_the_workflow_before_any_training(tmp_path):
    tiny.save_bert(tmp_path / "bert")
    (tmp_path / "corpus.txt").write_text("\n".join(tiny.sentences(40)) + "\n")
    (tmp_path / "senteval" / "downstream").mkdir(parents=True)
    content = base_config() | {"data": f"senteval:{tmp_path / 'senteval'}"}
    result = snakemake(tmp_path, "--cores", "1", "--configfile", write_config(tmp_path, content))
    assert result.returncode != 0
    said = result.stdout + result.stderr
    assert "arccse: " in said
    assert "is missing" in said
    assert "Traceback" not in said
    assert not (tmp_path / "results" / "tiny" / "runs").exists()


def test_snakemakes_own_report_has_the_results_with_captions(finished):
    config = write_config(finished, base_config())
    result = snakemake(finished, "--configfile", config, "--report", "report.zip")
    assert result.returncode == 0, result.stdout + result.stderr
    with zipfile.ZipFile(finished / "report.zip") as report:
        page = report.read("report/report.html").decode()
        shown = {Path(name).name for name in report.namelist()}
    tables = {f"{study}{kind}.csv" for study in ("main", "margin") for kind in ("", "-comparisons")}
    assert {"report.html", "scores.csv", "alignment_uniformity-main-tiny.svg", *tables} <= shown
    captions = re.findall(r'"caption": "(.*?)", "', page)
    assert len(captions) == len(shown)  # the page of arccse and Snakemake's own have one name
    for caption in ("Every score", "A study's table", "Paired comparisons", "A figure", "The results page"):
        assert any(text.startswith(f"<p>{caption}") for text in captions), caption
