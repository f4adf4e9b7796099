"""The small workflow, run once for all files of tests that begin where it has ended."""

import fcntl
import os
from pathlib import Path

import pytest
from snakemake_runs import run_small_workflow


@pytest.fixture(scope="session")
def small_workflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the tiny config has run through, for copies. xdist's processes share it."""
    root = tmp_path_factory.getbasetemp()
    shared = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    folder, done = shared / "small-workflow", shared / "small-workflow-done"
    with (shared / "small-workflow.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            if not done.exists():
                folder.mkdir()  # fails where another process has failed
                run_small_workflow(folder)
                done.touch()
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)  # closing would not do: a process forked meanwhile has the file open
    return folder
