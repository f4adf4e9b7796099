"""Locks on files, between real processes."""

import contextlib
import errno
import fcntl
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from arccse import locks

# Prints the slot that it holds, and lets go when its standard input ends.
HOLDER = """
import sys
from pathlib import Path
from arccse import locks

locks.POLL = 0.02
with locks.hold_one([Path(sys.argv[1]) / key for key in sys.argv[2:]], "waiting") as held:
    print(held, flush=True)
    sys.stdin.read()
"""

# Takes a slot many times. While it holds one, no other process can make the slot's mark.
VISITOR = """
import os, sys, time
from pathlib import Path
from arccse import locks

locks.POLL = 0.005
folder = Path(sys.argv[1])
for _ in range(25):
    with locks.hold_one([folder / key for key in sys.argv[2:]], "waiting") as held:
        mark = folder / f"mark-{held}"
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
        time.sleep(0.004)
        mark.unlink()
"""

# Forks a copy of itself inside the block, lets go of the slot, and says so while the copy lives.
FORKER = """
import os, sys
from pathlib import Path
from arccse import locks

with locks.hold_one([Path(sys.argv[1]) / key for key in sys.argv[2:]], "waiting"):
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
    with (folder / key).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_two_slots_go_to_two_of_four_processes_and_then_to_the_others(start: Start) -> None:
    first, second = start(HOLDER, "a", "b"), start(HOLDER, "a", "b")
    assert {said(first), said(second)} == {"0", "1"}
    waiting = [start(HOLDER, "a", "b"), start(HOLDER, "a", "b")]
    assert [warned(process) for process in waiting] == ["waiting"] * 2
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
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_a_killed_holder_leaves_its_slot_to_the_one_that_waits(start: Start) -> None:
    holder = start(HOLDER, "a")
    assert said(holder) == "0"
    waiting = start(HOLDER, "a")
    assert warned(waiting) == "waiting"
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
        with locks.hold_one([tmp_path / "a"], "waiting"):
            assert not is_free(tmp_path, "a")
            raise ValueError("out of memory")

    with pytest.raises(ValueError, match="out of memory"):
        fail()
    assert is_free(tmp_path, "a")


def test_a_file_system_without_locks_says_so_once_and_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As Lustre answers where it is mounted without them."""

    def unknown(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", unknown)
    with locks.hold_one([tmp_path / "a"], "waiting") as held:
        assert held == 0
    said = capsys.readouterr().err
    assert said.count("a can't be locked (Function not implemented)") == 1
    assert "waiting" not in said
