"""Atomic files: whole or absent, whatever happens while they are written."""

import hashlib
import os
from pathlib import Path

import pytest

from arccse.errors import InputError
from arccse.files import atomic_path, atomic_write, sha256


def test_a_file_appears_only_once_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "scores.csv"
    with atomic_path(target) as temporary:
        assert temporary.parent == target.parent
        assert temporary.suffix == ".csv"
        temporary.write_text("half", encoding="utf-8")
        assert not target.exists()
    assert target.read_text(encoding="utf-8") == "half"
    assert list(target.parent.iterdir()) == [target]


def interrupted_write(target: Path, error: BaseException) -> None:
    with atomic_path(target) as temporary:
        temporary.write_text("new, but only half of it", encoding="utf-8")
        raise error


@pytest.mark.parametrize("error", [ValueError("bad value"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, error: BaseException) -> None:
    target = tmp_path / "scores.csv"
    target.write_text("old", encoding="utf-8")
    with pytest.raises(type(error)):
        interrupted_write(target, error)
    assert target.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_replaces_an_older_one_whole(tmp_path: Path) -> None:
    target = tmp_path / "model"
    for name in ("old.txt", "new.txt"):
        with atomic_path(target) as temporary:
            temporary.mkdir()
            (temporary / name).write_text(name, encoding="utf-8")
    assert [path.name for path in target.iterdir()] == ["new.txt"]
    assert list(tmp_path.iterdir()) == [target]


def interrupted_folder(target: Path) -> None:
    with atomic_path(target) as temporary:
        temporary.mkdir()
        (temporary / "weights").write_bytes(b"half")
        raise RuntimeError("stopped")


def test_a_failed_folder_is_removed_with_its_contents(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="stopped"):
        interrupted_folder(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_text_and_bytes_are_written_as_they_are(tmp_path: Path) -> None:
    atomic_write(tmp_path / "text", "θ ± 1\r\n\n")
    atomic_write(tmp_path / "bytes", b"\x00\xff")
    assert (tmp_path / "text").read_bytes() == "θ ± 1\r\n\n".encode()
    assert (tmp_path / "bytes").read_bytes() == b"\x00\xff"


def test_permissions_are_those_of_an_ordinary_file(tmp_path: Path) -> None:
    (tmp_path / "ordinary").write_text("x", encoding="utf-8")
    atomic_write(tmp_path / "atomic", "x")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_a_file_where_a_folder_should_be_is_the_users_to_mend(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("not a folder", encoding="utf-8")
    with pytest.raises(InputError, match="results"):
        atomic_write(tmp_path / "results" / "scores.csv", "x")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write into any folder")
def test_a_read_only_folder_is_the_users_to_mend(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="permission"):
        atomic_write(tmp_path / "scores.csv", "x")


def test_sha256_is_that_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    # The example of FIPS 180-2, appendix B.1.
    assert sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    path.write_bytes(bytes(3_000_000))
    assert sha256(path) == hashlib.sha256(bytes(3_000_000)).hexdigest()


def test_sha256_of_an_absent_file_names_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="absent"):
        sha256(tmp_path / "absent")
