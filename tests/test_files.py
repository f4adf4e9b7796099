"""Atomic files: whole or absent, whatever happens while they are written."""

import errno
import hashlib
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from arccse.errors import InputError
from arccse.files import atomic_path, atomic_write, sha256, sweep


def test_a_file_appears_only_once_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "scores.csv"
    with atomic_path(target) as temporary:
        assert temporary.parent.parent == target.parent
        assert temporary.name == "scores.csv"
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


# --------------------------------------------------------------------------------------------------- full disks

# Every kind of writer that the package uses, onto a disk of 64 kB; each finds it empty.
WRITERS = """
import json, os, sys
from pathlib import Path
import matplotlib
matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np, pandas as pd, pyarrow as pa, pyarrow.parquet as pq, torch
from safetensors.torch import save_file
from arccse.encoder import load_encoder
from arccse.errors import InputError
from arccse.files import atomic_path, atomic_write

disk, model = Path(sys.argv[1]), sys.argv[2]
noise = np.random.default_rng(0).normal(size=(200, 200))
frame = pd.DataFrame(noise, columns=map(str, range(200)))
figure, axes = plt.subplots()
axes.imshow(noise)

def ids(path):
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, frame_schema) as writer:
        writer.write_table(pa.Table.from_pandas(frame))

frame_schema = pa.Table.from_pandas(frame).schema
writers = {
    "text": lambda path: path.write_text(frame.to_csv()),
    "csv": lambda path: frame.to_csv(path),
    "parquet": lambda path: pq.write_table(pa.Table.from_pandas(frame), path),
    "arrow": ids,
    "safetensors": lambda path: save_file({"w": torch.zeros(200, 200)}, path),
    "png": lambda path: figure.savefig(path, dpi=300),
    "pdf": lambda path: figure.savefig(path),
    "svg": lambda path: figure.savefig(path),
    "model": load_encoder(model, "cls").save,
    "tokenizer": load_encoder(model, "cls").tokenizer.save_pretrained,
}
said = {}
for name, write in writers.items():
    target = disk / f"file.{name}"
    (disk / "ballast").write_bytes(bytes(2**16 - 2**13 if name in ("tokenizer", "svg") else 2**14))
    try:
        with atomic_path(target) as temporary:
            write(temporary)
        said[name] = "written"
    except InputError as error:
        said[name] = str(error).removeprefix(str(target))
    (disk / "ballast").unlink()
    said[name] = [said[name], [path.name for path in disk.iterdir()]]
print(json.dumps(said))
"""


def test_every_writer_says_in_one_sentence_that_the_disk_is_full(
    tmp_path: Path, tiny_models: Path, private_mounts: list[str]
) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "writers.py").write_text(WRITERS, encoding="utf-8")
    mount = f"mount -t tmpfs -o size=64k tmpfs {tmp_path}/disk"
    script = f"{mount} && exec {sys.executable} {tmp_path}/writers.py {tmp_path}/disk {tiny_models}/bert"
    done = subprocess.run([*private_mounts, "sh", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert len(said) == 10
    for name, answer in said.items():
        assert answer == [" can't be written: the disk is full; what was there before is kept.", []], name


def test_a_file_that_grows_too_large_leaves_the_old_one(tmp_path: Path) -> None:
    """The kernel's limit on a file's size, which needs no rights, in place of a full disk."""
    target = tmp_path / "scores.csv"
    atomic_write(target, "old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(InputError, match=r"scores\.csv can't be written: it grew too large"):
            atomic_write(target, bytes(20_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert target.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_an_error_that_is_not_the_disks_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "copy") as temporary:
        temporary.write_bytes((tmp_path / "absent").read_bytes())
    with pytest.raises(OSError, match="odd") as caught, atomic_path(tmp_path / "copy"):
        raise OSError(errno.ENOTCONN, "odd")
    assert not isinstance(caught.value, InputError)


# ---------------------------------------------------------------------------------------- what kills have left

KILLED = """
import os, signal, sys
from pathlib import Path
from arccse.files import atomic_path
with atomic_path(Path(sys.argv[1])) as temporary:
    temporary.mkdir() if sys.argv[2] == "folder" else temporary.write_bytes(b"half")
    (temporary.parent / ".tmpA1b2C3").write_bytes(b"what a library writes beside its file")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_sweeping_removes_what_kills_have_left_of_these_files_and_no_others(tmp_path: Path, kind: str) -> None:
    own, other = tmp_path / "seed1.safetensors", tmp_path / "seed1.progress.json"
    for target in (own, other):
        subprocess.run([sys.executable, "-c", KILLED, target, kind], check=False)
    assert len(list(tmp_path.iterdir())) == 2
    (tmp_path / ".seed1.0123abcd.safetensors").write_bytes(b"as older versions left it")
    keep = [tmp_path / name for name in ("seed1.safetensors", ".seed1.mine", ".seed10.0123abcd", ".hidden")]
    for path in keep:
        path.write_bytes(b"keep")
    sweep(own)
    left = set(tmp_path.iterdir()) - set(keep)
    assert {path.name.rsplit(".", 1)[0] for path in left} == {".seed1.progress"}
    assert all(path.exists() for path in keep)
    sweep(own, other, tmp_path / "no such folder" / "file")
    assert set(tmp_path.iterdir()) == set(keep)
