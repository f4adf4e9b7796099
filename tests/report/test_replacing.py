"""A report takes the place of the one before it whole, or leaves it whole: whatever fails, wherever it is killed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from arccse.report import replacing
from arccse.report.replacing import PARTS


def write(folder: Path, text: str) -> None:
    for part in ("tables", "figures"):
        (folder / part).mkdir()
        (folder / part / f"{text}.txt").write_text(text)
    (folder / "report.html").write_text(text)


def read(results: Path) -> dict[str, list[str] | str]:
    """What stands in a results folder; hidden names too."""
    return {
        path.name: sorted(inner.name for inner in path.iterdir()) if path.is_dir() else path.read_text()
        for path in sorted(results.iterdir())
    }


OLD = {"figures": ["old.txt"], "report.html": "old", "tables": ["old.txt"]}
NEW = {"figures": ["new.txt"], "report.html": "new", "tables": ["new.txt"]}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    folder.mkdir()
    write(folder, "old")
    return folder


def test_a_whole_report_replaces_the_old_one_and_its_stale_files(results: Path) -> None:
    with replacing.replacing(results) as folder:
        write(folder, "new")
        assert read(results) | OLD == read(results)  # until the end
    assert read(results) == NEW


def test_the_first_report(tmp_path: Path) -> None:
    with replacing.replacing(tmp_path / "a" / "results") as folder:
        write(folder, "new")
    assert read(tmp_path / "a" / "results") == NEW


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_report_that_fails_leaves_the_old_one(results: Path, error: type[BaseException]) -> None:
    def fail() -> None:
        with replacing.replacing(results) as folder:
            (folder / "tables").mkdir()
            raise error

    with pytest.raises(error):
        fail()
    assert read(results) == OLD


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("failing", range(1, 2 * len(PARTS) + 1))
def test_a_rename_that_fails_puts_the_old_parts_back(tmp_path: Path, monkeypatch, failing: int, first: bool) -> None:
    if not first:
        write(tmp_path, "old")
    calls = []

    def move(source: Path, target: Path) -> None:
        calls.append(source)
        if len(calls) == failing:
            raise OSError("no")
        if source.exists():
            source.rename(target)

    def fail() -> None:
        with replacing.replacing(tmp_path) as folder:
            write(folder, "new")

    monkeypatch.setattr(replacing, "_move", move)
    with pytest.raises(OSError, match="no"):
        fail()
    assert read(tmp_path) == ({} if first else OLD)


KILLED = """
import os, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_replacing import write
from arccse.report import replacing

move, calls = replacing._move, []

def killed(source, target):
    calls.append(source)
    if len(calls) == {after}:
        os._exit(9)
    move(source, target)

replacing._move = killed
with replacing.replacing(Path({results!r})) as folder:
    write(folder, "new")
    if {after} == 0:
        os._exit(9)
"""


@pytest.mark.parametrize("after", [0, 2, 5, 6])
def test_what_a_killed_report_left_is_put_in_order_by_the_next(results: Path, after: int) -> None:
    code = KILLED.format(tests=str(Path(__file__).parent), results=str(results), after=after)
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    assert any(name.startswith(".report.") for name in read(results))
    with pytest.raises(RuntimeError), replacing.replacing(results):
        raise RuntimeError
    assert read(results) == OLD
    with replacing.replacing(results) as folder:
        write(folder, "new")
    assert read(results) == NEW


def test_the_folder_of_a_report_under_way_is_left_alone(results: Path) -> None:
    live = results / f".report.{os.getppid()}.0123abcd"
    live.mkdir()
    with replacing.replacing(results) as folder:
        write(folder, "new")
    assert read(results) == NEW | {live.name: []}
