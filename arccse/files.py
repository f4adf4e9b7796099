"""Files that are either whole or absent, and their checksums."""

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from arccse.errors import InputError


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` on success, remove it on failure.

    The body creates a file or a folder under the temporary name, which keeps the suffix of `path` (some
    writers choose their format by it). Missing parent folders are created. A killed process leaves at most a
    hidden `.<name>.<random>` file, never a half-written `path`. A folder that already stands at `path` is
    removed just before the rename, since a rename cannot replace it.

    Raises InputError where the parent folder cannot be created or written, and whatever the body raises.
    """
    path = Path(path)
    make_writable(path.parent)
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")
    try:
        yield temporary
        if temporary.is_dir() and path.is_dir():
            shutil.rmtree(path)
        temporary.replace(path)
    finally:
        _remove(temporary)  # there is nothing left to remove after a successful rename


def atomic_write(path: Path, content: str | bytes) -> None:
    """Write text (as UTF-8, line ends untouched) or bytes to `path`, whole or not at all.

    Raises InputError where the parent folder cannot be created or written.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


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
