"""`arccse` in a process forked from the tests' own, which spares the seconds that a new one takes to import."""

import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from arccse import cli

ROOT = Path(__file__).parent.parent


def arccse(*arguments: object, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run `arccse ARGUMENTS` in a folder."""
    command = ["arccse", *map(str, arguments)]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        if (child := os.fork()) == 0:
            os._exit(status_of(command, folder, out, err))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(command, status, out.read(), err.read())


def status_of(command: Sequence[str], folder: Path, out: TextIO, err: TextIO) -> int:
    """In the child: become the command; return its exit status."""
    try:
        os.chdir(folder)
        for own, stream in ((1, out), (2, err)):
            os.dup2(stream.fileno(), own)
        # pytest's own streams, which the parent will read, must not be written to
        sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", 1, closefd=False)
        sys.argv = [*command]
        cli.main()
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0
