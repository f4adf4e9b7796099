"""Commands of `arccse`, each in a process forked from one that has imported everything, so that it starts at once.

Such a process is as real as any: it has its own working folder, its messages go to a file, and it can be killed or
run out of disk at any moment. What it spares is the seconds that torch, pandas and matplotlib take to import. Import
this module before numpy: it sets the number of threads to one.
"""

import contextlib
import ctypes
import importlib
import json
import multiprocessing
import os
import pkgutil
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import arccse
from arccse.process import set_threads

set_threads(1)
FORK = multiprocessing.get_context("fork")
SAID = "said.txt"  # beside results/: what a command says is read even if its disk is full
LIMIT = 300  # seconds after which a command is taken to hang; none of them takes ten
# What the commands import only once they need it.
LAZY = (
    "fontTools.subset",
    "gensim.models",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_pdf",
    "matplotlib.backends.backend_svg",
    "matplotlib.pyplot",
    "pandas.io.formats.csvs",
    "sentence_transformers",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
    "transformers.models.bert.modeling_bert",
    "transformers.models.bert.tokenization_bert",
)
CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000  # linux/sched.h
MS_REMOUNT, MS_REC, MS_PRIVATE = 0x20, 0x4000, 0x40000  # linux/mount.h


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        status: its exit status; -N where signal N ended it.
        said: what it wrote to stdout and stderr.
        seconds: from its start to its end.
        peak: bytes that results/ took at most, in whole blocks; 0 where nobody looked.
    """

    status: int
    said: str
    seconds: float
    peak: int = 0


def preload() -> float:
    """Import what the commands need, on one thread; return the seconds that it took.

    Raises:
        RuntimeError: an import started a thread, which a forked process would lack.
    """
    started = time.perf_counter()
    for module in pkgutil.walk_packages(arccse.__path__, "arccse."):
        if "mteb_" not in module.name:  # polars, which mteb imports, starts threads
            importlib.import_module(module.name)
    for name in LAZY:
        importlib.import_module(name)
    sys.modules["torch"].set_num_threads(1)
    threads = [thread.read_text().strip() for thread in Path("/proc/self/task").glob("*/comm")]
    if len([name for name in threads if name != "jemalloc_bg_thd"]) > 1:  # jemalloc starts its own again after a fork
        raise RuntimeError(f"Threads run after the imports, and a fork would lack them: {', '.join(threads)}.")
    return time.perf_counter() - started


def run(arguments: Sequence[str], folder: Path, strike: tuple[int, float] | None = None, look: bool = False) -> Ended:
    """Run `arccse ARGUMENTS` in a folder; send signal `strike[0]` once `strike[1]` seconds have passed.

    With `look`, the size of results/ is measured every few milliseconds. Raises TimeoutError for one that hangs.
    """
    said, started, peak = folder / SAID, time.perf_counter(), 0
    said.write_text("")  # a process may be killed before it opens it
    process = FORK.Process(target=command_line, args=(list(arguments), folder, said))
    process.start()
    pid = process.pid
    assert pid is not None, "it has been started"
    while look and process.is_alive():
        peak = max(peak, size(folder / "results"))
        process.join(0.002)
    if strike:
        process.join(strike[1])
        if process.is_alive():
            os.kill(pid, strike[0])
    process.join(LIMIT)
    if process.exitcode is None:
        process.kill()
        raise TimeoutError(f"arccse {' '.join(arguments)} did not end within {LIMIT} s")
    return Ended(process.exitcode, said.read_text(errors="replace"), time.perf_counter() - started, peak)


def command_line(arguments: list[str], folder: Path, said: Path) -> None:
    """Become `arccse ARGUMENTS > said 2>&1`, started in the folder."""
    os.chdir(folder)
    with said.open("w") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
    sys.argv = ["arccse", *arguments]
    sys.modules["arccse.cli"].main()


def size(folder: Path) -> int:
    """The bytes of the blocks that a folder's files take, while others write and remove some of them."""
    total = 0
    for parent, _, names in os.walk(folder):  # which passes over folders that were removed meanwhile
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += 512 * Path(parent, name).stat().st_blocks
    return total


def run_on_full_disk(arguments: Sequence[str], folder: Path, room: int) -> Ended:
    """Run `arccse ARGUMENTS` in a folder whose results/ is a disk with only `room` bytes free.

    The disk is a tmpfs that only the command's processes see; afterwards there is space again.
    """
    before, after, ended = folder / "before", folder / "after", folder / "ended.json"
    results = folder / "results"
    results.mkdir(exist_ok=True)
    results.rename(before)
    results.mkdir()

    def on_small_disk() -> None:
        mount_small_disk(results)
        shutil.copytree(before, results, dirs_exist_ok=True)
        used = os.statvfs(results)
        limit_disk(results, (used.f_blocks - used.f_bfree) * used.f_frsize + room)
        ended.write_text(json.dumps(asdict(run(arguments, folder))))
        shutil.copytree(results, after)

    checked(on_small_disk)
    shutil.rmtree(before)
    results.rmdir()
    after.rename(results)
    return Ended(**json.loads(ended.read_text()))


def can_fill_disks(folder: Path) -> bool:
    """Whether this user may mount a tmpfs in a name space of their own."""
    try:
        checked(lambda: mount_small_disk(folder))
    except RuntimeError:
        return False
    return True


def checked(work: Callable[[], None]) -> None:
    """Do some work in a process of its own; RuntimeError where it fails."""
    process = FORK.Process(target=work)
    process.start()
    process.join()
    if process.exitcode != 0:
        raise RuntimeError(f"{work.__qualname__} ended with status {process.exitcode}")


def mount_small_disk(folder: Path) -> None:
    """Mount a tmpfs on a folder, for this process and its children alone. Raises OSError where that is forbidden."""
    user, group = os.getuid(), os.getgid()
    system_call("unshare", CLONE_NEWNS | (CLONE_NEWUSER if user else 0))
    if user:  # root of a name space of one's own may mount
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    system_call("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    system_call("mount", b"tmpfs", os.fsencode(folder), b"tmpfs", 0, None)


def limit_disk(folder: Path, size: int) -> None:
    """Give a mounted tmpfs so many bytes; it counts in pages."""
    system_call("mount", b"tmpfs", os.fsencode(folder), b"tmpfs", MS_REMOUNT, f"size={size}".encode())


def system_call(name: str, *arguments: object) -> None:
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
