"""The workflow on a real SLURM on this machine, by profiles/slurm: to its page, and struck on the way."""

import copy
import warnings
from collections.abc import Iterator
from pathlib import Path

import cluster_faults
import pytest
from cluster_faults import CONFIG, Workflow, prepared
from loopback_slurm import INSTALL, Cluster, missing, slurm

LACKING = f"needs a SLURM on this machine ({', '.join(missing())} not found): {INSTALL}" if missing() else ""
pytestmark = pytest.mark.skipif(bool(LACKING), reason=LACKING)
if LACKING:
    warnings.warn(f"SKIPPED tests/cluster: {LACKING}", stacklevel=1)

TWO = copy.deepcopy(CONFIG)
TWO["training"]["max_steps"] = 100
TWO["studies"]["main"]["variants"]["ArcCSE"] = {"objective": "arccon", "triplet_weight": 0.1}
SCORES = "results/cluster/scores.csv"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with slurm(tmp_path_factory.mktemp("slurm") / "slurm") as running:
        yield running


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the workflow of two runs has run here, without a cluster, up to the gathered scores."""
    workflow = prepared(tmp_path_factory.mktemp("quiet") / "here", TWO)
    workflow.start(SCORES)
    workflow.finish()
    return workflow.folder


def test_jobs_that_are_cancelled_and_orphaned_come_to_the_page_and_the_scores_of_a_quiet_run(
    cluster: Cluster, quiet: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """One training is cancelled; then Snakemake is killed and started again while its jobs live."""
    workflow = prepared(tmp_path / "there", TWO, cluster)
    request.addfinalizer(workflow.kill)
    workflow.start()
    workflow.wait_for("both trainings", lambda: len(workflow.jobs(states="RUNNING")) == 2)
    first, second = workflow.jobs()
    given = {job: gpus_of(cluster, job) for job in (first, second)}
    assert len(set(given.values())) == 2, given  # neither waits for the other's GPU
    workflow.wait_for_state()
    cluster.ask("scancel", first)
    workflow.wait_for("another try", lambda: set(workflow.jobs()) - {first, second})
    workflow.kill()
    workflow.start()
    workflow.finish()
    assert cluster_faults.judged(workflow, (quiet / SCORES).read_bytes()) == "survived"
    assert (workflow.folder / "results" / "cluster" / "report.html").stat().st_size > 10_000
    assert_asked(cluster, workflow)


def gpus_of(cluster: Cluster, job: str) -> str:
    """The node of a running job, and its GPUs there: "Nodes=n1 GRES=gpu:1(IDX:0)"."""
    line = next(line for line in cluster.ask("scontrol", "-d", "show", "job", job).splitlines() if "(IDX:" in line)
    return " ".join(part for part in line.split() if part.startswith(("Nodes=", "GRES=")))


def assert_asked(cluster: Cluster, workflow: Workflow) -> None:
    """Jobs that compute asked for a GPU, the others for none; the small ones were no jobs at all."""
    fields = cluster.ask("sacct", "-X", "-n", "-P", "--format=WorkDir,Comment,ReqTRES").splitlines()
    asked: dict[str, set[bool]] = {}
    for folder, comment, resources in (line.split("|") for line in fields):
        if folder == str(workflow.folder):
            asked.setdefault(comment.removeprefix("rule_").partition("_wildcards")[0], set()).add(
                "gpu=1" in resources
            )
    assert asked["train"] == {True}
    assert asked["gather"] == asked["report"] == {False}
    assert not {"corpus", "check_figures", "all"} & asked.keys()
