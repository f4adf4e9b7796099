"""Trainings an hour on all cores: one after another on all threads, or as many at once as there are cores.

    python benchmarks/scheduling.py
    python benchmarks/scheduling.py --precision bf16

What the answer decides is `threads` of the rule `train` in workflow/rules/training.smk. A timing is a SimCSE training
of benchmarks/training.py, in a process of its own; the two ways alternate.
"""

import argparse
import os
import statistics
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import training

from arccse.provenance import cpu_name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=40, help="timed steps of each training")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    options = parser.parse_args()
    options.pooling = "cls"
    cores = len(os.sched_getaffinity(0))
    print(f"{cpu_name()}; {cores} cores; {options.precision}")
    rates: dict[str, list[float]] = {"one after another": [], "at once": []}
    with tempfile.TemporaryDirectory() as folder:
        options.folder = Path(folder)
        training.prepare(options)
        for _ in range(options.repeats):
            rates["one after another"].append(sentences_per_second(1, cores, options))
            rates["at once"].append(sentences_per_second(cores, 1, options))
            print("  ".join(f"{way} {rate[-1]:.1f} sentences/s" for way, rate in rates.items()), flush=True)
    median = {way: statistics.median(rate) for way, rate in rates.items()}
    print(f"median: one training on {cores} threads {median['one after another']:.1f} sentences/s")
    print(f"median: {cores} trainings on one thread each {median['at once']:.1f} sentences/s")
    print(f"ratio: {median['at once'] / median['one after another']:.2f}")


def sentences_per_second(jobs: int, threads: int, options: argparse.Namespace) -> float:
    """The sum over `jobs` trainings that run at once on so many threads each."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    with ThreadPoolExecutor(jobs) as pool:
        seconds = pool.map(lambda _: training.timed("simcse", options), range(jobs))
        return sum(training.BATCH / step for step in seconds)


if __name__ == "__main__":
    main()
