"""Locks on files, which end with the process that holds them, however it ended (flock).

The kernel drops such a lock with its holder, so there are no stale locks and no lock file is ever removed. Between
machines it holds as far as their shared file system passes it on (docs/cluster.md).
"""

import errno
import fcntl
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import IO

POLL = 0.5  # seconds between two looks for a lock that is free
# what a file system answers that knows no locks, such as Lustre mounted without them
UNKNOWN = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


@contextmanager
def hold_one(files: Sequence[Path], waiting: str) -> Iterator[int]:
    """Hold the lock of one of several files inside the block, and wait for it while others hold them all.

    It ends with the block or with the process. Programs that the holder starts do not inherit it; forked copies of
    the holder do, and keep it if the holder is killed. Where the file system knows no locks it says so and holds
    nothing.

    Args:
        files: which the processes that share the locks agree on; made where they are missing.
        waiting: what to say, once, on stderr, before it waits.

    Yields:
        The index of the file whose lock is held.
    """
    with ExitStack() as stack:
        opened = [stack.enter_context(path.open("a")) for path in files]
        held = lock_one(opened)
        if held is None:
            print(waiting, file=sys.stderr, flush=True)
        while held is None:
            time.sleep(POLL)
            held = lock_one(opened)
        try:
            yield held
        finally:
            flock(opened[held], fcntl.LOCK_UN)  # closing alone would leave it to forked copies


def lock_one(files: Sequence[IO[str]]) -> int | None:
    """Lock the first file that nobody has locked, without waiting; its index, or None where all are locked."""
    return next((i for i, file in enumerate(files) if flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)), None)


def flock(file: IO[str], operation: int) -> bool:
    """Whether an operation on a file's lock succeeded, without waiting; True where the file system knows no locks."""
    try:
        fcntl.flock(file, operation)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in UNKNOWN:
            raise
        say_once(f"{file.name} can't be locked ({error.strerror}): nothing keeps another process from the same work")
    return True


@cache
def say_once(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
