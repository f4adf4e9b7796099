"""What a process settles before it computes, seen in processes of their own."""

import os
import subprocess
import sys

import pytest
import torch

from arccse.process import keep_freed_memory

THREADS = """
{first}
from arccse.process import set_threads
set_threads({threads})
import numba, os, torch
from threadpoolctl import threadpool_info
import numpy
print(torch.get_num_threads(), numba.get_num_threads(), *(pool["num_threads"] for pool in threadpool_info()))
print(os.environ["TOKENIZERS_PARALLELISM"])
"""


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core: every number of threads is 1")
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("first", ["", "import arccse.cli"])
def test_every_library_computes_with_the_threads_that_were_asked_for(threads, first):
    variables = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    environment = {name: value for name, value in os.environ.items() if name not in variables}
    code = THREADS.format(threads=threads, first=first)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    counts, tokenizers = done.stdout.splitlines()
    assert set(counts.split()) == {str(threads)}
    assert tokenizers == "false"


def test_keeping_memory_changes_no_number():
    a = torch.arange(1 << 20, dtype=torch.float64)
    before = (a * 3).sum()
    keep_freed_memory()
    assert (a * 3).sum() == before


PARENT = """
import os, time
from joblib import Parallel, delayed
from arccse.process import end_with

def work(_):
    print(os.getpid(), flush=True)
    time.sleep(600)

Parallel(n_jobs=2, initializer=end_with, initargs=(os.getpid(),))(delayed(work)(place) for place in range(2))
"""


def test_processes_that_draw_end_with_the_one_that_was_killed():
    """joblib's stay for good otherwise, each with half a gigabyte."""
    command = [sys.executable, "-c", PARENT]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    for _ in range(2):
        os.kill(int(parent.stdout.readline()), 0)  # it is there
    parent.kill()
    parent.communicate(timeout=60)  # comes to an end once no worker holds the pipe open any more
