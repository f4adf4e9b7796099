"""What a result was made with: code, packages, machine."""

import hashlib
import importlib.metadata
import platform
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from arccse import code
from arccse.data.sources import Source
from arccse.evaluation.suites import Selection
from arccse.models import Origin, Precision

PACKAGES = (
    "torch",
    "transformers",
    "tokenizers",
    "sentence-transformers",
    "mteb",
    "numpy",
    "scipy",
    "scikit-learn",
)


def environment(device: torch.device) -> dict[str, Any]:
    """Git commit of the code (with "-dirty" where it was changed since), package versions, device and threads."""
    return {
        "git_commit": git_commit(),
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in ("arccse", *PACKAGES)},
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_name(),
        "threads": torch.get_num_threads(),
    }


def of_scores(
    made: Mapping[str, Origin], precision: Mapping[str, Precision], source: Source, selection: Selection
) -> dict[str, Any]:
    """What scores are made with: the model's files, the source of the data, packages and machine, and, under
    "suites", the pooling, the precision, the data and the code of each suite.

    Args:
        made: suite → the model and how it pools.
        precision: suite → that of its embeddings.
        source: of the evaluation data.
        selection: suite → its tasks.
    """
    return {
        "model": next(iter(made.values())).checksum,
        "source": source.spec,
        "suites": {
            suite: {
                "pooling": made[suite].pooling,
                "precision": precision[suite],
                "data": data_checksum(source, tasks),
                "code": code.of_evaluation(suite, source.spec)._asdict(),
            }
            for suite, tasks in selection.items()
        },
        **environment(torch.device("cpu")),
    }


def of_mteb(made: Origin, precision: Precision, tasks: Iterable[Any]) -> dict[str, Any]:
    """What scores on mteb's own tasks are made with, in the form of `of_scores`; the data are the data sets' commits.

    Args:
        made: the model and how it pools.
        precision: of its embeddings.
        tasks: of mteb, as they were scored.
    """
    revisions = {task.metadata.name: task.metadata.revision for task in tasks}
    suite = {
        "pooling": made.pooling,
        "precision": precision,
        "data": checksum_of(revisions),
        "code": code.of_mteb()._asdict(),
        "revisions": revisions,
    }
    return {
        "model": made.checksum,
        "source": "hub",
        "suites": {"mteb": suite},
        **environment(torch.device("cpu")),
    }


def data_checksum(source: Source, tasks: Iterable[str]) -> str:
    """sha256 of the names and checksums of the files of some tasks."""
    return checksum_of(source.checksums(sorted(tasks)))


def checksum_of(named: Mapping[str, str]) -> str:
    """sha256 of names and what tells their contents apart, checksums or commits."""
    lines = "".join(f"{content}  {name}\n" for name, content in sorted(named.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def git_commit() -> str | None:
    """The commit of the checkout that this package runs from; None for an installed copy without git.

    With "-dirty" where a file of it was changed since, unless it is of the results: a campaign's gathered files grow
    between its runs.
    """
    try:
        commit = _git("rev-parse", "HEAD").stdout.strip()
        changed = _git("diff", "--quiet", "HEAD", "--", ":/", ":(top,exclude)results").returncode if commit else 0
    except FileNotFoundError:  # no git on this machine
        return None
    return f"{commit}-dirty" if changed else commit or None


def _git(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *command], cwd=Path(__file__).parent, capture_output=True, text=True, check=False)


def cpu_name() -> str:
    """The processor's name as Linux tells it, otherwise the architecture."""
    info = Path("/proc/cpuinfo")
    names = (
        [line.partition(":")[2] for line in info.read_text().splitlines() if line.startswith("model name")]
        if (info.is_file())
        else []
    )
    return names[0].strip() if names else platform.processor() or platform.machine()
