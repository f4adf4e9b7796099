"""One process a GPU. Real processes try the locks on files; the names of GPUs stand in for GPUs."""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from arccse import devices
from arccse.errors import InputError

# Prints the slot that it holds, and lets go when its standard input ends.
HOLDER = """
import sys
from pathlib import Path
from arccse import devices

devices.POLL = 0.02
with devices.hold_one(Path(sys.argv[1]), sys.argv[2:]) as held:
    print(held, flush=True)
    sys.stdin.read()
"""

# Takes a slot many times. While it holds one, no other process can make the slot's mark.
VISITOR = """
import os, sys, time
from pathlib import Path
from arccse import devices

devices.POLL = 0.005
folder, keys = Path(sys.argv[1]), sys.argv[2:]
for _ in range(25):
    with devices.hold_one(folder, keys) as held:
        mark = folder / f"mark-{held}"
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
        time.sleep(0.004)
        mark.unlink()
"""

# Forks a copy of itself inside the block, lets go of the slot, and says so while the copy lives.
FORKER = """
import os, sys
from pathlib import Path
from arccse import devices

with devices.hold_one(Path(sys.argv[1]), sys.argv[2:]):
    copy = os.fork()
    if copy == 0:
        sys.stdin.read()
        os._exit(0)
print("free", flush=True)
os.waitpid(copy, 0)
"""

# A process that nobody lets go, since a test went wrong, ends: the test then fails instead of waiting for it.
DEADLINE = "import signal\nsignal.alarm(600)\n"

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a script on slots of one folder; what still runs at the end is killed."""
    with contextlib.ExitStack() as stack:

        def start(script: str, *keys: str) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, "-c", DEADLINE + script, str(tmp_path), *keys],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield start


def said(process: subprocess.Popen[str]) -> str:
    """The next line of its output, once it is there; empty where the process ended without one."""
    assert process.stdout
    return process.stdout.readline().strip()


def warned(process: subprocess.Popen[str]) -> str:
    assert process.stderr
    return process.stderr.readline().strip()


def let_go(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.close()
    assert process.wait() == 0


def is_free(folder: Path, key: str) -> bool:
    with (folder / f"{key}.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_two_slots_go_to_two_of_four_processes_and_then_to_the_others(start: Start) -> None:
    first, second = start(HOLDER, "a", "b"), start(HOLDER, "a", "b")
    assert {said(first), said(second)} == {"0", "1"}
    waiting = [start(HOLDER, "a", "b"), start(HOLDER, "a", "b")]
    assert [warned(process) for process in waiting] == ["waiting for a free GPU: 2 in use"] * 2
    let_go(first)
    let_go(second)
    assert {said(process) for process in waiting} == {"0", "1"}
    for process in waiting:
        let_go(process)
        assert process.stderr
        assert process.stderr.read() == ""  # the wait was announced once, above


def test_processes_that_come_and_go_never_meet_in_a_slot(start: Start, tmp_path: Path) -> None:
    visitors = [start(VISITOR, "a", "b") for _ in range(5)]
    for visitor in visitors:
        _, errors = visitor.communicate()
        assert visitor.returncode == 0, errors
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.lock", "b.lock"]


def test_a_killed_holder_leaves_its_slot_to_the_one_that_waits(start: Start) -> None:
    holder = start(HOLDER, "a")
    assert said(holder) == "0"
    waiting = start(HOLDER, "a")
    assert warned(waiting) == "waiting for a free GPU: 1 in use"
    holder.send_signal(signal.SIGKILL)
    assert said(waiting) == "0"
    assert holder.wait() == -signal.SIGKILL


def test_a_slot_is_free_after_the_block_though_a_forked_copy_lives(start: Start, tmp_path: Path) -> None:
    forker = start(FORKER, "a")
    assert said(forker) == "free"
    assert is_free(tmp_path, "a")
    assert forker.poll() is None
    let_go(forker)


def test_an_error_in_the_block_gives_the_slot_back(tmp_path: Path) -> None:
    def fail() -> None:
        with devices.hold_one(tmp_path, ["a"]):
            assert not is_free(tmp_path, "a")
            raise ValueError("out of memory")

    with pytest.raises(ValueError, match="out of memory"):
        fail()
    assert is_free(tmp_path, "a")


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's runtime folder, in a process that no launcher started."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    return tmp_path


@pytest.fixture
def two_gpus(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """torch as on a machine with the GPUs "x" and "y"; a list of the current devices it was told to have."""
    current: list[int | None] = []

    @contextlib.contextmanager
    def make_current(device: torch.device) -> Iterator[None]:
        current.append(device.index)
        yield
        current.append(None)

    monkeypatch.setattr(devices, "gpu_uuids", lambda: ["x", "y"])
    monkeypatch.setattr(torch.cuda, "device", make_current)
    return current


def test_without_a_gpu_it_is_the_cpu_and_no_lock(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with devices.acquire() as outer, devices.acquire() as inner:
        assert (outer, inner) == (torch.device("cpu"), torch.device("cpu"))
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with devices.acquire() as device:
        assert device == torch.device("cpu")
    assert list(runtime.iterdir()) == []


def test_the_first_free_gpu_is_taken_and_made_current(runtime: Path, two_gpus: list[int | None]) -> None:
    folder = runtime / "arccse"
    with devices.acquire() as first:
        assert first == torch.device("cuda", 0)
        assert (is_free(folder, "x"), is_free(folder, "y")) == (False, True)
        with devices.hold_one(folder, ["y", "x"]) as other:
            assert other == 0
    assert two_gpus == [0, None]
    with devices.hold_one(folder, ["x"]), devices.acquire() as second:
        assert second == torch.device("cuda", 1)
    assert (is_free(folder, "x"), is_free(folder, "y")) == (True, True)


def test_a_launched_process_takes_the_gpu_of_its_rank(
    runtime: Path, two_gpus: list[int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with devices.acquire() as device:
        assert device == torch.device("cuda", 1)
        assert not is_free(runtime / "arccse", "y")
    assert sorted(path.name for path in (runtime / "arccse").iterdir()) == ["y.lock"]


def test_a_launched_process_waits_for_its_own_gpu_though_another_is_free(start: Start, tmp_path: Path) -> None:
    holder = start(HOLDER, "x", "y")
    assert said(holder) == "0"
    launched = start(HOLDER, "x")  # what acquire asks for in rank 0
    assert warned(launched) == "waiting for a free GPU: 1 in use"
    assert is_free(tmp_path, "y")
    let_go(holder)
    assert said(launched) == "0"


def test_a_launch_of_one_process_is_a_process_alone(
    two_gpus: list[int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "1")
    with devices.acquire() as device:
        assert device == torch.device("cuda", 0)


def test_more_ranks_than_gpus_are_the_users_to_mend(
    two_gpus: list[int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_RANK", "2")
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(InputError, match="LOCAL_RANK is 2 and must be below 2"), devices.acquire():
        pass


def test_the_folder_is_the_users_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    temporary = tmp_path / f"arccse-{os.getuid()}"
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    assert devices.lock_folder() == devices.lock_folder() == temporary
    assert temporary.stat().st_mode & 0o777 == 0o700
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "logged out"))
    assert devices.lock_folder() == temporary
    (tmp_path / "logged in").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "logged in"))
    assert devices.lock_folder() == tmp_path / "logged in" / "arccse"
    assert (tmp_path / "logged in" / "arccse").stat().st_mode & 0o777 == 0o700


def test_a_folder_that_can_not_be_used_is_the_users_to_mend(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (runtime / "arccse").write_text("not a folder", encoding="utf-8")
    with pytest.raises(InputError, match="can't be made: File exists"):
        devices.lock_folder()
    (runtime / "arccse").unlink()
    monkeypatch.setattr(os, "getuid", lambda: runtime.stat().st_uid + 1)
    with pytest.raises(InputError, match="another user's"):
        devices.lock_folder()
