"""`arccse status`, told from the files that trainings, evaluations and kills leave."""

import io
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tiny
import yaml
from made_runs import leave_all, record_of, score
from rich.console import Console

from arccse import config as configs
from arccse import paths, status
from arccse.config import Config
from arccse.errors import InputError
from arccse.gathering import gather
from arccse.progress import TrainingProgress
from arccse.standings import standings as all_standings


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """Two variants with two seeds in one study, one of them in another as well, which asks for a suite more."""
    monkeypatch.chdir(tmp_path)
    tiny.save_bert(tmp_path / "bert")
    content = {
        "encoders": {"tiny": {"model": "bert"}},
        "corpus": "file:corpus.txt",
        "data": "senteval:nowhere",  # status needs no data
        "suites": ["sts"],
        "seeds": [0, 1],
        "studies": {
            "main": {"title": "Main [of two]", "variants": {"SimCSE": {}, "ArcCSE [1]": {"objective": "arccon"}}},
            "more": {"title": "More", "suites": ["sts", "transfer"], "variants": {"again": {}}},
        },
    }
    Path("tiny.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    return configs.load("tiny.yaml")


def shown(config: Config) -> str:
    console = Console(file=io.StringIO(), width=200)
    status.show(config, console)
    return console.file.getvalue()


def write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def finish(config: Config, run: str, *suites: str, **record: object) -> None:
    """What a run leaves that was trained, and scored on suites."""
    folder = paths.run_folder(config, run)
    (folder / "model").mkdir(parents=True, exist_ok=True)
    write(folder / "run.json", record_of(config.runs()[run]) | record)
    for suite in suites:
        score(config, config.runs()[run], suite, 50.0)


def standings(config: Config) -> list[tuple[str, str]]:
    found = [status.state_of(config, run) for run in all_standings(config).values()]
    return [(state.kind, state.detail) for state in found]


def test_where_nothing_is_there_all_wait(config):
    text = shown(config)
    assert text.splitlines()[-1] == "4 runs: 4 waiting"
    assert "main: Main [of two]" in text
    assert "ArcCSE [1]" in text
    assert text.count("0, 1") == 3  # a line for the seeds that are equally far


def test_each_run_has_a_line_of_its_own_and_a_run_of_two_studies_is_counted_once(config):
    first, second, third, _ = config.runs()
    finish(config, first, "sts", "transfer")
    finish(config, second, "sts")
    finish(config, third, diverged={"step": 3, "message": "The training diverged at step 3: its loss is nan."})
    assert standings(config) == [
        ("done", ""),
        ("trained", "1 of 2 suites scored"),
        ("diverged", "The training diverged at step 3: its loss is nan."),
        ("waiting", ""),
    ]
    assert shown(config).splitlines()[-1] == "4 runs: 1 done, 1 diverged, 1 trained, 1 waiting"


def test_a_run_whose_gathered_results_alone_are_left_is_done(config):
    leave_all(config)
    gather(config)
    shutil.rmtree(paths.results(config) / "runs")
    assert standings(config) == [("done", "gathered")] * 4


def test_a_run_of_other_code_is_stale(config):
    first, *_ = config.runs()
    record = record_of(config.runs()[first])
    record["code"] = {"digest": "0" * 16, "parts": record["code"]["parts"] | {"objectives": "0" * 16}}
    finish(config, first, "sts", "transfer", code=record["code"])
    assert standings(config)[0] == ("stale", "made by other code (objectives)")


def test_a_training_is_under_way_as_long_as_its_process_lives(config):
    run = next(iter(config.runs()))
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        said = {"step": 125, "steps": 15625, "seconds_left": 2060, "host": socket.gethostname()}
        write(paths.progress(config, run), said | {"pid": process.pid, "updated": time.time() - 10})
        kind, detail = standings(config)[0]
        assert kind == "under way"
        assert detail.startswith("step 125 of 15625, 0:34:")
        assert "1 under way, 3 waiting; 0:34:" in shown(config).splitlines()[-1]
        process.kill()
    assert standings(config)[0] == ("failed", "stopped at step 125")
    write(paths.train_log(config, run), "step 0/15625  dev 64.00\nstep 125/15625  dev 65.00\n\n")
    assert standings(config)[0] == ("failed", "step 125/15625  dev 65.00")


def test_what_a_training_writes_is_what_status_reads(config, capsys):
    run = next(iter(config.runs()))
    telling = TrainingProgress(run, paths.run_folder(config, run) / "history.csv", paths.progress(config, run))
    assert standings(config)[0] == ("under way", "reads its corpus")
    telling(0, 50, [{"step": 0, "loss": 1.0, "dev_spearman": 70.0, "sentences_per_second": 9.0}])
    assert standings(config)[0] == ("under way", "step 0 of 50")


@pytest.mark.parametrize(("minutes", "kind"), [(1, "under way"), (60, "failed")])
def test_a_process_of_another_host_lives_if_it_wrote_lately(config, minutes, kind):
    said = {"step": 1, "steps": 2, "seconds_left": 5.0, "host": "elsewhere", "pid": os.getpid()}
    run = next(iter(config.runs()))
    write(paths.progress(config, run), said | {"updated": time.time() - 60 * minutes})
    assert standings(config)[0][0] == kind


def test_a_failure_shows_the_last_line_of_its_log(config):
    first, second, third, _ = config.runs()
    write(paths.train_log(config, first), "step 0/9  dev 1.00\narccse: the disk is full.\n\n")
    write(paths.train_log(config, second), "")
    finish(config, third)
    write(paths.train_log(config, third).with_name("evaluate-sts.log"), "Traceback …\nValueError: of no use\n")
    assert standings(config)[:3] == [
        ("failed", "arccse: the disk is full."),
        ("failed", "its log is empty, as of a process that was killed"),
        ("failed", "evaluate-sts: ValueError: of no use"),
    ]
    assert shown(config).splitlines()[-1] == "4 runs: 3 failed, 1 waiting"


def test_the_log_of_an_evaluation_that_goes_on_or_is_done_is_no_failure(config):
    third = list(config.runs())[2]
    finish(config, third)
    log = paths.train_log(config, third).with_name("evaluate-sts.log")
    write(log, "│ sts │ STS12 │\n")
    assert standings(config)[2][0] == "trained"
    write(log, "arccse: a failure of before\n")
    finish(config, third, "sts")
    assert standings(config)[2][0] == "done"


@pytest.mark.parametrize("content", ["{", "[]", "\udcff"])
def test_a_damaged_record_is_named(config, content):
    path = paths.run_folder(config, next(iter(config.runs()))) / "run.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=r"run\.json can't be used"):
        shown(config)
