"""Files that are either whole or absent, and their checksums."""

import errno
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from arccse.errors import InputError, first_line

# What a full, broken or read-only disk answers. Any other error while a file is written is not the disk's.
DISK = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the disk quota is used up", errno.EFBIG: "it grew too large"}
DISK |= {errno.EIO: "the disk reports an error", errno.EROFS: "the disk is read-only"}


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path of the same name; move it to `path` on success, remove it on failure.

    The body creates a file or a folder there. It stands in a hidden folder beside `path`, which also takes what a
    library writes beside its file, and which is all that a killed process leaves (see `sweep`): never a half-written
    `path`. Missing parent folders are created. A folder that already stands at `path` is moved there just before,
    since a rename cannot replace it.

    Raises:
        InputError: the disk is full, or the like; what stood at `path` stands there still.
        Exception: whatever else the body raises.
    """
    path = Path(path)
    make_writable(path.parent)
    folder = path.with_name(f".{path.stem}.{secrets.token_hex(4)}")
    try:
        folder.mkdir()
        temporary = folder / path.name
        yield temporary
        if temporary.is_dir() and path.is_dir():
            path.rename(folder / f"{path.name}.before")
        temporary.replace(path)
    except Exception as error:
        if (number := error_number(error)) in DISK:
            raise InputError(f"{path} can't be written: {DISK[number]}; what was there before is kept.") from error
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # `sweep` removes what a broken disk does not let go


def atomic_write(path: Path, content: str | bytes) -> None:
    """Write text (as UTF-8, line ends untouched) or bytes to `path`, whole or not at all.

    Raises InputError as `atomic_path` does.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def json_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        ValueError: the file holds something else; the message is a noun phrase that says what.
        OSError: it can't be read.
    """
    try:
        content = json.loads(path.read_bytes().decode("utf-8"))
    except (ValueError, RecursionError) as error:  # JSONDecodeError and UnicodeDecodeError
        raise ValueError(f"no JSON ({first_line(error).rstrip('.')})") from error
    if not isinstance(content, dict):
        raise ValueError("no JSON object")
    return content


def sweep(*paths: Path) -> None:
    """Remove what killed writers of these paths have left beside them. None may be being written at the time."""
    for path in paths:
        # a folder, or a file with a suffix, which older versions left
        pattern = re.compile(rf"\.{re.escape(path.stem)}\.[0-9a-f]{{8}}(\.|$)")
        for left in path.parent.glob(".*"):
            if pattern.match(left.name):
                _remove(left)


def error_number(error: BaseException) -> int:
    """The operating system's number of an error; 0 where it has none.

    The Rust libraries (safetensors, tokenizers) raise errors of their own, which have it in the text alone.
    """
    if isinstance(error, OSError) and error.errno:
        return error.errno
    said = re.search(r"os error (\d+)", str(error))
    return int(said[1]) if said else 0


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, as 64 lower-case hexadecimal digits. Raises InputError for no file."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} is not a file, so it has no checksum.")
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def is_folder(path: Path | str) -> bool:
    """Whether there is such a folder; False too for a name that no file system can hold."""
    try:
        return Path(path).is_dir()
    except OSError:
        return False


def make_writable(folder: Path) -> None:
    """Create a folder if it is missing. Raises InputError where that or writing into it is not possible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"Cannot create the output folder {folder}: {error.strerror}.") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"Cannot write into the output folder {folder}: permission denied.")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
