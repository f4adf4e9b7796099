"""What a run records of the code, packages and machine that made it."""

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from arccse import provenance


def git(folder: Path, *arguments: str) -> str:
    author = ["-c", "user.name=a", "-c", "user.email=a@b"]
    return subprocess.run(
        ["git", *author, *arguments], cwd=folder, capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit that the package seems to run from."""
    module = tmp_path / "arccse" / "provenance.py"
    module.parent.mkdir()
    module.write_text("code\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    git(tmp_path, "tag", "v1")  # names of tags must not stand for the commit
    monkeypatch.setattr(provenance, "__file__", str(module))
    return module


def test_the_commit_of_a_clean_checkout(checkout):
    assert provenance.git_commit() == git(checkout.parent, "rev-parse", "HEAD")


def test_changed_code_is_marked_and_a_new_file_is_not(checkout):
    commit = git(checkout.parent, "rev-parse", "HEAD")
    (checkout.parent / "notes.txt").write_text("not of the code\n")
    assert provenance.git_commit() == commit
    checkout.write_text("other code\n")
    assert provenance.git_commit() == f"{commit}-dirty"


def test_results_that_grew_are_no_other_code(checkout):
    top = checkout.parents[1]
    scores = top / "results" / "mine" / "scores.csv"
    scores.parent.mkdir(parents=True)
    scores.write_text("one\n")
    git(top, "add", "--all")
    git(top, "commit", "--quiet", "--message", "results")
    scores.write_text("two\n")
    commit = git(top, "rev-parse", "HEAD")
    assert provenance.git_commit() == commit
    checkout.write_text("other code\n")
    assert provenance.git_commit() == f"{commit}-dirty"


def test_an_installed_copy_has_no_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "provenance.py"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance.git_commit() is None


def test_a_machine_without_git(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance.git_commit() is None


def test_the_environment_is_what_computes():
    said = json.loads(json.dumps(provenance.environment(torch.device("cpu"))))
    assert said["python"] == ".".join(map(str, sys.version_info[:3]))
    assert said["threads"] == torch.get_num_threads()
    assert said["packages"]["torch"] == torch.__version__
    assert said["packages"]["arccse"] == importlib.metadata.version("arccse")
    assert said["device"] == provenance.cpu_name() != ""


@pytest.mark.skipif(not Path("/proc/cpuinfo").is_file(), reason="needs Linux")
def test_the_processor_is_the_kernels_name_for_it():
    assert provenance.cpu_name() in {*Path("/proc/cpuinfo").read_text().replace(": ", "\n").splitlines()} | {
        provenance.platform.machine()
    }
