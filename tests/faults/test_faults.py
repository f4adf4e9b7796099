"""benchmarks/faults.py, each fault once: no kill, signal, full disk or cut file changes a number; how it judges."""

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent.parent
HISTORY = "hash,seed,step,loss,sentences_per_second\nab12cd34,0,1,0.5,20.25\n"


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import faults

    return faults


def test_whatever_interrupts_the_workflow_its_results_are_the_same():
    command = [sys.executable, str(ROOT / "benchmarks" / "faults.py"), "--trials", "6", "--verbose"]
    path = f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "; 6 trials, " in done.stdout
    assert "wrong: 0" in done.stdout
    for fault in ("SIGKILL", "SIGTERM", "cut input", "killed, then cut", "SIGKILL of Snakemake"):
        assert f": {fault}, " in done.stdout
    if "SKIPPED" in done.stderr:
        warnings.warn(done.stderr, stacklevel=1)
    else:
        assert ": full disk, " in done.stdout


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("histories.csv", HISTORY, HISTORY.replace("20.25", "19.75")),
        ("runs.json", '{"a": {"started": "2026-01-01", "seed": 0}}', '{"a": {"started": "2026-01-02", "seed": 0}}'),
        ("tables/main.md", "Runs of 2026-01-01.", "Runs of 2026-01-01 to 2026-01-02."),
    ],
)
def test_times_and_dates_are_no_results(faults, tmp_path, file, before, after):
    assert contents(faults, tmp_path / file, before, after) == (True, True)


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("histories.csv", HISTORY, HISTORY.replace("0.5,", "0.6,")),
        ("histories.csv", HISTORY, HISTORY.splitlines(keepends=True)[0]),
        ("runs.json", '{"a": {"weights": "1"}}', '{"a": {"weights": "2"}}'),
        ("tables/main.md", "76.25", "76.26"),
        ("scores.csv", "value\n76.250000\n", "value\n76.25000"),
    ],
)
def test_another_number_is_another_result(faults, tmp_path, file, before, after):
    assert contents(faults, tmp_path / file, before, after) == (True, False)


def contents(faults: ModuleType, path: Path, before: str, after: str) -> tuple[bool, bool]:
    """Whether a file counts as equal to itself, and to itself with other text."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(before)
    first, again = faults.content(path), faults.content(path)
    path.write_text(after)
    return first == again, first == faults.content(path)


@pytest.mark.parametrize(
    ("status", "said", "right"),
    [
        (2, "arccse: results/a/scores.csv is damaged: no column value. Delete it.\n", True),
        (2, "arccse: The pair results/a/scores.* is damaged.\n", True),
        (2, "arccse: something is damaged.\n", False),
        (1, "arccse: results/a/scores.csv is damaged.\n", False),
        (2, "Traceback (most recent call last):\narccse: scores.csv\n", False),
        (0, "", False),
    ],
)
def test_a_refusal_is_one_sentence_that_names_the_file(faults, status, said, right):
    assert faults.is_refusal(faults.Ended(status, said, 0.0), "results/a/scores.csv") == right


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (1, "Traceback (most recent call last):\nOSError: [Errno 28] No space left on device\n", "traceback"),
        (1, "arccse: The disk is full.\n", "no sentence"),
        (-11, "", "no sentence"),
    ],
)
def test_a_disturbed_command_ends_without_a_traceback(faults, status, said, kind):
    with pytest.raises(faults.Wrong) as wrong:
        faults.said_of(faults.Ended(status, said, 0.0))
    assert wrong.value.args[0] == kind


def test_an_exit_of_0_with_an_output_missing_is_wrong(faults, tmp_path):
    command = faults.Command("gather", ["gather"], [], ["results/a/scores.csv"], "log")
    with pytest.raises(faults.Wrong, match="output missing"):
        faults.check(faults.Ended(0, "", 0.0), command, tmp_path)


def test_results_are_missing_other_or_more(faults, tmp_path):
    undisturbed = faults.Undisturbed(tmp_path / "undisturbed", [], 0.0)
    undisturbed.maker = {"results/a/scores.csv": 0, "results/a/runs.json": 1}
    folder = tmp_path / "trial"
    for each in (undisturbed.folder, folder):
        (each / "results" / "a").mkdir(parents=True)
        (each / "results" / "a" / "scores.csv").write_text("value\n1\n")
    (undisturbed.folder / "results" / "a" / "runs.json").write_text(json.dumps({}))
    faults.check_results(undisturbed, folder, last=0)
    with pytest.raises(faults.Wrong, match="file missing"):
        faults.check_results(undisturbed, folder, last=1)
    (folder / "results" / "a" / ".scores.1234.csv").write_text("")
    with pytest.raises(faults.Wrong, match="files left behind"):
        faults.check_results(undisturbed, folder, last=0)
    (folder / "results" / "a" / "scores.csv").write_text("value\n2\n")
    with pytest.raises(faults.Wrong, match="other numbers"):
        faults.check_results(undisturbed, folder, last=0)


def test_the_seed_decides_the_trials_and_every_pair_has_its_turn(faults, tmp_path):
    commands = [faults.Command(rule, [], [], [], "") for rule in ("corpus", "train", "gather")]
    undisturbed = faults.Undisturbed(tmp_path, commands, 0.0, reads=[[], ["corpus.txt"], ["scores.csv"]])
    drawn = faults.draws(40, 3, undisturbed)
    assert drawn == faults.draws(40, 3, undisturbed)
    assert {each.fault for each in faults.draws(6, 3, undisturbed)} == {each.fault for each in drawn}
    forked = [(each.fault, each.rule) for each in drawn if each.fault in faults.FAULTS]
    assert len(drawn) - len(forked) == 2
    pairs = {(fault, rule) for fault in faults.FAULTS for rule in ("corpus", "train", "gather")}
    if faults.forked.can_fill_disks(tmp_path):
        assert set(forked) == pairs - {("cut input", "corpus")}
