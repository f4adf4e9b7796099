"""SentEval's archive on the Hugging Face hub: fetched once, verified, and kept unpacked."""

import os
import posixpath
import shutil
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from arccse import hub
from arccse.data.readers import read_lines
from arccse.errors import InputError
from arccse.files import sha256

HUB_REPO, HUB_FILE = "princeton-nlp/datasets-for-simcse", "senteval.tar"
# "update senteval data", 3 September 2021, the last commit; the one before it held a damaged SUBJ
# (princeton-nlp/SimCSE issue 84).
HUB_REVISION = "e145e8bb659b2aa2669f32ef79cb4cdef6c58fef"
MANIFEST = Path(__file__).with_name("senteval.sha256")


def cache_home() -> Path:
    """Where arccse keeps what it downloads: $XDG_CACHE_HOME/arccse, or ~/.cache/arccse."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "arccse"


def hub_folder(cache: Path, manifest: Path = MANIFEST, endpoint: str | None = None) -> Path:
    """The verified folder in `cache` that holds `downstream`, filled from the hub on first use.

    Every file of the manifest is hashed on each call, which takes a fraction of a second: a file that was
    changed after it was unpacked is found too. Raises InputError (network, damaged archive, a file that
    differs from the manifest).
    """
    expected = read_manifest(manifest)
    folder = cache / f"senteval-{HUB_REVISION[:8]}"
    if not folder.exists():
        try:
            cache.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot create the cache folder {cache}: {error.strerror}.") from error
        with tempfile.TemporaryDirectory(dir=cache, prefix="senteval-") as temporary:
            # the archive has 90 MB, of which we keep 10: it goes away with the temporary folder
            where = Path(temporary)
            tar = hub.file(
                HUB_REPO, HUB_FILE, HUB_REVISION, "senteval:FOLDER as data source", where / "hub", endpoint
            )
            unpack(tar, where / "senteval", list(expected))
            verify(where / "senteval", expected, f"{HUB_FILE} of {HUB_REPO}; give the same command again")
            _publish(where / "senteval", folder)
    verify(folder, expected, f"the cache; delete {folder} to fetch it again")
    return folder


def _publish(new: Path, folder: Path) -> None:
    try:
        new.rename(folder)
    except OSError:
        if not folder.is_dir():  # else another process was faster; the caller verifies what it left
            raise


def unpack(tar: Path, folder: Path, wanted: Sequence[str]) -> None:
    """Write the files `wanted` (`downstream/…`) out of SentEval's archive, whose members start there or below it.

    Only regular files are written, and only under the names in `wanted`, wherever a member's own name or a link may
    point to. InputError where the archive is damaged or a wanted member is no regular file.
    """
    try:
        with tarfile.open(tar) as archive:
            for member in archive:
                name = f"downstream/{posixpath.normpath(member.name).rpartition('downstream/')[2]}"
                if name in wanted:
                    content = archive.extractfile(member) if member.isreg() else None
                    if content is None:
                        raise tarfile.TarError(f"{member.name} is no regular file")
                    (folder / name).parent.mkdir(parents=True, exist_ok=True)
                    with (folder / name).open("wb") as file:
                        shutil.copyfileobj(content, file)
    except (tarfile.TarError, EOFError) as error:
        raise InputError(
            f"{HUB_FILE} of {HUB_REPO} cannot be unpacked: {error}; give the same command again."
        ) from error


def read_manifest(path: Path) -> dict[str, str]:
    """A manifest as sha256sum writes it, `digest  name`: name → digest."""
    rows = [line.split("  ", 1) for line in read_lines(path)]
    return {name: digest for digest, name in rows}


def unlike_published(checksums: dict[str, str], manifest: Path = MANIFEST) -> list[str]:
    """The files among `checksums` (name → sha256) that are not as SentEval's archive on the hub has them.

    A file that the archive does not have is not compared.
    """
    expected = read_manifest(manifest)
    return [name for name, found in checksums.items() if expected.get(name, found) != found]


def verify(folder: Path, expected: dict[str, str], origin: str) -> None:
    """Raise InputError naming the first file of `expected` that is missing in `folder` or differs."""
    for name, digest in expected.items():
        path = folder / name
        if not path.is_file():
            raise InputError(f"{name} is missing in {origin}.")
        if (found := sha256(path)) != digest:
            raise InputError(f"{name} has sha256 {found}, not {digest} as expected, in {origin}.")
