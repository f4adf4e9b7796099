"""Where a process computes: on a GPU of its own if there is one, otherwise on the CPU.

Several steps of a workflow run at once, and none knows of the others. Each GPU has a lock file that its user's
processes agree on; the kernel drops a lock with the process that held it, however that process ended, so there
are no stale locks and no file is ever removed.
"""

import fcntl
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from arccse.errors import InputError

if TYPE_CHECKING:
    import torch

POLL = 0.5  # seconds between two looks for a free slot


@contextmanager
def acquire() -> Iterator["torch.device"]:
    """A device to compute on inside the block: a GPU that no other process of this user holds, or the CPU.

    Waits while all GPUs are held, and says so once on stderr. The GPU is torch's current device inside the block.
    A process that `accelerate launch` started as one of several takes the GPU of its local rank and no other.
    Blocks must not be nested: on a machine with one GPU the inner one would wait for the outer one.

    Raises:
        InputError: more local ranks than GPUs, or a folder for the locks that can't be used.
    """
    import torch

    uuids = gpu_uuids()
    if not uuids:
        yield torch.device("cpu")
        return
    choice = [rank] if (rank := local_rank()) is not None else list(range(len(uuids)))
    if choice[-1] >= len(uuids):
        raise InputError(
            f"LOCAL_RANK is {rank} and must be below {len(uuids)}, the number of GPUs; start fewer processes."
        )
    with hold_one(lock_folder(), [uuids[index] for index in choice]) as held:
        device = torch.device("cuda", choice[held])
        torch.set_float32_matmul_precision("high")  # TF32 for the products of precision: fp32
        with torch.cuda.device(device):
            yield device


def gpu_uuids() -> list[str]:
    """The visible GPUs in torch's order, by names that do not change with CUDA_VISIBLE_DEVICES."""
    import torch

    if not torch.cuda.is_available():
        return []
    return [str(torch.cuda.get_device_properties(index).uuid) for index in range(torch.cuda.device_count())]


def local_rank() -> int | None:
    """This process' place among those that a launcher started together on this machine; None for a process alone."""
    if "LOCAL_RANK" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        return int(os.environ["LOCAL_RANK"])
    return None


def lock_folder() -> Path:
    """The folder of this user's lock files, made if it is missing, which other users may not enter.

    Raises:
        InputError: it can't be made, or it belongs to another user.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and Path(runtime).is_dir():  # a batch system may pass the variable on to machines without the folder
        folder = Path(runtime) / "arccse"
    else:
        folder = Path(tempfile.gettempdir()) / f"arccse-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise InputError(f"The folder {folder} for the GPUs' locks can't be made: {error.strerror}.") from error
    if folder.lstat().st_uid != os.getuid():  # anyone may make folders and links among the temporary files
        raise InputError(f"The folder {folder} for the GPUs' locks is another user's; set TMPDIR to one of yours.")
    return folder


@contextmanager
def hold_one(folder: Path, keys: Sequence[str]) -> Iterator[int]:
    """Hold one of several slots inside the block, and wait for it while others hold them all.

    A slot is an exclusive lock (flock) on folder/<key>.lock. It ends with the block or with the process. Programs
    that the holder starts do not inherit it; forked copies of the holder do, and keep it if the holder is killed.

    Args:
        folder: where the lock files are, or are made.
        keys: the slots' names, which the processes that share them agree on.

    Yields:
        The index in `keys` of the slot that is held.
    """
    with ExitStack() as stack:
        files = [stack.enter_context((folder / f"{key}.lock").open("a")) for key in keys]
        held = lock_one(files)
        if held is None:
            print(f"waiting for a free GPU: {len(keys)} in use", file=sys.stderr, flush=True)
        while held is None:
            time.sleep(POLL)
            held = lock_one(files)
        try:
            yield held
        finally:
            fcntl.flock(files[held], fcntl.LOCK_UN)  # closing alone would leave it to forked copies


def lock_one(files: Sequence[IO[str]]) -> int | None:
    """Lock the first file that nobody has locked, without waiting; its index, or None where all are locked."""
    for index, file in enumerate(files):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        return index
    return None
