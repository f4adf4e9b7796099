"""Runs an hour of a whole workflow, jobs to finished scores, beside an earlier commit's in the same run.

    python benchmarks/campaign.py --against 7259e3d
    python benchmarks/campaign.py --against 7259e3d --config config/smoke.yaml

Each commit runs its own config/smoke.yaml, or both the one that is named, in a new folder, from nothing to the page.
"""

import argparse
import io
import os
import re
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from arccse.provenance import cpu_name

ROOT = Path(__file__).parent.parent


class Measured(NamedTuple):
    """What a workflow did, and what it took: seconds by the clock and of all cores."""

    jobs: int
    runs: int
    wall: float
    cpu: float

    def __str__(self) -> str:
        an_hour = 3600 * self.runs / self.wall
        return f"{self.jobs} jobs, {self.runs} runs, {self.wall:.0f} s, {self.cpu:.0f} s of CPU, {an_hour:.0f} runs/h"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", required=True, metavar="COMMIT", help="the commit to compare with")
    parser.add_argument("--config", type=Path, help="for both; default: the config/smoke.yaml of each")
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--repeats", type=int, default=1)
    options = parser.parse_args()
    print(f"{cpu_name()}; {options.cores} cores")
    with tempfile.TemporaryDirectory(prefix="campaign-") as scratch:
        earlier = checkout(options.against, Path(scratch) / "earlier")
        pairs = []
        for number in range(options.repeats):
            pair = []
            for name, root in ((options.against, earlier), ("now", ROOT)):
                folder = Path(scratch) / f"{root.name}-{number}"
                folder.mkdir()
                pair.append(measured(root, options.config or root / "config" / "smoke.yaml", folder, options.cores))
                print(f"{name}: {pair[-1]}", flush=True)
            pairs.append(pair)
    before, now = (sum(pair[place].wall / pair[place].runs for pair in pairs) for place in (0, 1))
    print(f"ratio: {before / now:.2f}")


def checkout(commit: str, folder: Path) -> Path:
    """The files of a commit in a new folder."""
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    return folder


def measured(root: Path, config: Path, folder: Path, cores: int) -> Measured:
    """Run the workflow of a checkout in a new folder.

    Raises:
        RuntimeError: it did not come to its end; the message is what Snakemake said.
    """
    programs = Path(sys.executable).parent
    where = [
        "--snakefile",
        str(root / "Snakefile"),
        "--directory",
        str(folder),
        "--configfile",
        str(config.resolve()),
    ]
    started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [programs / "snakemake", "--cores", str(cores), *where],
        cwd=folder,
        env=os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    wall, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise RuntimeError(done.stdout)
    return Measured(
        jobs=int(re.findall(r"^(\d+) of \1 steps \(100%\) done", done.stdout, re.MULTILINE)[-1]),
        runs=len([*folder.glob("results/*/runs/*/*/run.json")]),
        wall=wall,
        cpu=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    )


if __name__ == "__main__":
    main()
