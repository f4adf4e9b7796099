"""A small workflow on a tiny encoder, for tests that run Snakemake."""

import os
import re
import subprocess
import sys
from pathlib import Path

import command_server
import tiny
import yaml

ROOT = Path(__file__).parent.parent
TRAINING = {"batch_size": 8, "max_steps": 2, "eval_every": 1, "geometry_every": 1, "max_length": 16}


def snakemake(folder: Path, *arguments: str, root: Path = ROOT, before: str = "") -> subprocess.CompletedProcess[str]:
    """Run Snakemake in a folder, with the Snakefile and the package of the repository or of a copy of it.

    before: a folder of modules that Python finds first.
    """
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": f"{before}:{root}" if before else str(root),
    }
    command = ["snakemake", "--snakefile", str(root / "Snakefile"), "--directory", str(folder), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def carry_out(folder: Path, config: str, *targets: str) -> None:
    """Run Snakemake in a folder to the end, on two cores; its jobs are forked from this process."""
    command = ["snakemake", *targets, "--snakefile", str(ROOT / "Snakefile"), "--cores", "2", "--configfile", config]
    result = subprocess.run(command, cwd=folder, env=forked(), capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def forked() -> dict[str, str]:
    """The environment of a Snakemake whose jobs are forked from this process, and end when they are killed."""
    path = f"{command_server.folder()}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)}


def planned(folder: Path, config: str, root: Path = ROOT) -> dict[str, int]:
    """Rule → jobs that a dry run would start."""
    return jobs(snakemake(folder, "--dry-run", "--configfile", config, root=root))


def jobs(result: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """Rule → jobs that a dry run has announced."""
    assert result.returncode == 0, result.stdout + result.stderr
    stats = (result.stdout + result.stderr).partition("Job stats:")[2].partition("\n\n")[0]
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", stats, re.MULTILINE) if rule != "total"}


def base_config() -> dict:
    """A config for a folder that holds an encoder, bert, and a corpus, corpus.txt."""
    return {
        "name": "tiny",
        "caveat": "A test. These scores are not findings.",
        "encoders": {"tiny": {"model": "bert", "training": {"learning_rate": 1e-3}}},
        "corpus": "file:corpus.txt",
        "data": "package:gensim",
        "suites": ["sts"],
        "seeds": [0],
        "training": TRAINING,
        "claims": {
            "gain": {
                "claim": "ArcCSE is better",
                "source": "a test",
                "study": "main",
                "contrast": {"SimCSE": -1, "ArcCSE": 1},
            }
        },
        "studies": {
            "main": {
                "title": "Tiny",
                "suites": ["sts", "mteb"],
                "variants": {"SimCSE": {}, "ArcCSE": {"objective": "arccon", "triplet_weight": 0.1}},
            },
            "margin": {"title": "Margins", "training": {"objective": "arccon"}, "sweep": {"margin": [0]}},
        },
    }


def write_config(folder: Path, content: dict, name: str = "config.yaml", comment: str = "") -> str:
    path = folder / name
    path.write_text(comment + yaml.safe_dump(content, sort_keys=False))
    return str(path)


def run_small_workflow(folder: Path) -> None:
    """Run the tiny config in a folder, from nothing to its page."""
    tiny.save_bert(folder / "bert")
    (folder / "corpus.txt").write_text("\n".join(tiny.sentences(40)) + "\n")
    carry_out(folder, write_config(folder, base_config()))
