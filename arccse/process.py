"""What a process settles before it computes: its threads, its memory, what its libraries print."""

import ctypes
import os
import platform
import sys
import threading
import time

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # glibc's malloc.h


def set_threads(threads: int | None) -> None:
    """Compute with so many threads in torch, numba and BLAS; None: all cores. The tokenizers' own are off.

    They read the environment when they are imported, which the commands do only after this, but for numpy.
    """
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    if threads:
        for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
            os.environ[variable] = str(threads)
        if "torch" in sys.modules:  # as in a test that calls several commands
            sys.modules["torch"].set_num_threads(threads)
        if "numpy" in sys.modules:  # the names of the suites' tasks come with it
            threadpool_limits(threads, user_api="blas")


def keep_freed_memory() -> None:
    """Have glibc keep the memory of a step for the next one.

    It gives large blocks back to the kernel otherwise, which clears every page anew: 7 % of a training step in
    float32 and 18 % in bfloat16 (benchmarks/README.md). Does nothing with another C library.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
        libc.mallopt(M_MMAP_MAX, 0)


def end_with(parent: int) -> None:
    """Have this process end with its parent, whose id is given, within a second, however that one has ended."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def quiet_libraries() -> None:
    """No progress bars but ours."""
    import transformers

    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"  # read when datasets is imported, which not all commands do
