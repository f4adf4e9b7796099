"""The code on a page of docs/, to be run as a reader would."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import command_server

RUN = re.compile(r"^```(\w+)\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and code of each block that has a language, in their order."""
    return RUN.findall(page.read_text(encoding="utf-8"))


def run(block: tuple[str, str], folder: Path, environment: Mapping[str, str] | None = None) -> str:
    """What a block of sh or Python prints in a folder; it has to succeed. `arccse` is forked from this process."""
    language, code = block
    command = {"sh": ["sh", "-e", "-c", code], "python": [sys.executable, "-c", code]}[language]
    path = f"{command_server.folder()}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    own = os.environ | {"PATH": path, "PYTHONPATH": str(Path(__file__).parents[1])} | (environment or {})
    done = subprocess.run(command, cwd=folder, env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
    return done.stdout
