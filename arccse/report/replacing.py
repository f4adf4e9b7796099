"""A report of several files that takes the place of the one before it whole, or leaves it whole."""

import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from arccse.files import make_writable

PARTS = ("tables", "figures", "report.html")


@contextmanager
def replacing(results: Path, parts: Sequence[str] = PARTS) -> Iterator[Path]:
    """Yield an empty folder for a report's parts, which take the place of those in `results` when the body ends.

    Where the body or one of the renames fails, the old parts stand where they stood. A killed process leaves a folder
    `.report.<process>.<random>`; the next call puts back what such a folder has of the old report, and removes it.

    Raises InputError for a folder that cannot be written, and whatever the body raises.
    """
    make_writable(results)
    for leftover in results.glob(".report.*.*"):
        process = leftover.name.split(".")[2]
        if process.isdigit() and not _is_alive(int(process)):
            _put_back(leftover, results, parts)
            shutil.rmtree(leftover)
    folder = results / f".report.{os.getpid()}.{secrets.token_hex(4)}"
    new, whole, old = (folder / name for name in ("new", "whole", "old"))
    for path in (new, old):
        path.mkdir(parents=True)
    try:
        yield new
        new.rename(whole)
        for part in parts:
            _move(results / part, old / part)
            _move(whole / part, results / part)
    except BaseException:
        _put_back(folder, results, parts)  # should this fail too, the next call does it
        shutil.rmtree(folder)
        raise
    shutil.rmtree(folder)


def _put_back(folder: Path, results: Path, parts: Sequence[str]) -> None:
    """Undo an exchange that has begun and has not come to its end."""
    whole, old = folder / "whole", folder / "old"
    if not any(whole.glob("*")):
        return
    for part in parts:
        if not (whole / part).exists():
            _move(results / part, whole / part)
        _move(old / part, results / part)


def _move(source: Path, target: Path) -> None:
    if source.exists():
        source.rename(target)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        pass
    return True
