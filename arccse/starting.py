"""A config to begin with, and the workflow that runs it, also where only a wheel is installed.

A checkout has both beside the package. A wheel brings them along as data (`data-files` in pyproject.toml) and leaves
them under share/arccse of the environment.
"""

import re
import shlex
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console

from arccse.errors import InputError
from arccse.files import atomic_write
from arccse.validation import NAME

CONFIG, SNAKEFILE, SCHEMA = "config/config.yaml", "Snakefile", "workflow/schemas/config.schema.json"
SHARE = "share/arccse"


def shipped(name: str) -> Path:
    """A file that stands beside the package in a checkout, wherever this installation has it.

    Raises:
        InputError: neither a checkout nor a wheel's data are there.
    """
    checkout = Path(__file__).parents[1]
    if (checkout / "pyproject.toml").is_file():
        return checkout / name
    for file in distribution("arccse").files or []:
        if file.as_posix().endswith(f"{SHARE}/{name}"):
            return Path(str(file.locate())).resolve()
    raise InputError(f"This installation of arccse lacks {SHARE}/{name}; install its wheel again.")


def write_config(file: Path) -> None:
    """Write the config to begin with, with the schema's place on this machine, for editors.

    Raises:
        InputError: something stands there already, a name that no config can have, or a folder that can't be written.
    """
    if file.exists() or file.is_symlink():
        raise InputError(f"{file} is there already and stays as it is; name another file.")
    if file.suffix not in (".yaml", ".yml") or not NAME.fullmatch(file.stem):
        raise InputError(
            f"'{file.name}' names no config: NAME.yaml, with at most 64 letters, digits, '_', '-' and '.' in NAME, "
            "which its results are called by."
        )
    text = shipped(CONFIG).read_text(encoding="utf-8")
    atomic_write(file, re.sub(r"(?<=\$schema=)\S+", lambda _: str(shipped(SCHEMA)), text, count=1))


def show_next_steps(file: Path, console: Console) -> None:
    """Say what to do with a config that has been written."""
    console.print(f"{file}: to be edited; as it is, it takes minutes and no network. Next:", soft_wrap=True)
    for command in next_steps(file):
        console.print(f"  {command}", soft_wrap=True, markup=False, highlight=False)


def next_steps(file: Path) -> list[str]:
    """Shell commands that take a config from here to its report, and what has to be installed first, if anything."""
    snakefile = shipped(SNAKEFILE)
    named = [] if snakefile.parent == Path.cwd() else ["--snakefile", str(snakefile)]
    workflow = ["snakemake", "--cores", "all", *named, "--configfile", str(file)]
    commands = [["arccse", "plan", "--config", str(file)], workflow]
    if find_spec("snakemake") is None:
        commands.insert(1, ["pip", "install", snakemake_required()])
    return [shlex.join(command) for command in commands]


def snakemake_required() -> str:
    """The Snakemake that this package's extra `workflow` asks for."""
    required = distribution("arccse").requires or []
    return next(line.partition(";")[0].strip() for line in required if re.match(r"snakemake\b(?!-)", line))
