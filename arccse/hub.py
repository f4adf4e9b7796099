"""The Hugging Face hub: files at a commit, whole and as the hub has them, or one sentence that says what to do.

What the hub library has in its cache is taken from there, so that a commit is asked for once on a machine.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from arccse.errors import InputError, first_line
from arccse.files import DISK, error_number, sha256

if TYPE_CHECKING:
    import httpx2

Kind = Literal["model", "dataset"]
CALLED = {
    "model": "Model '{}' (no folder here; the hub's revision {})",
    "dataset": "Data set '{}' (the hub's revision {})",
}
TOKEN = "give a token (`hf auth login`, or HF_TOKEN)"


def file(
    repo: str, name: str, revision: str, instead: str, cache: Path | None = None, endpoint: str | None = None
) -> Path:
    """One file of a data set; what is in it is for the caller to check (`check`, or a checksum of ours).

    Args:
        repo: OWNER/NAME.
        revision: a commit hash.
        instead: what needs no network, for the message.
        cache, endpoint: default to the hub library's own (HF_HOME, HF_ENDPOINT).

    Raises:
        InputError: it can't be had.
    """
    from huggingface_hub import hf_hub_download

    with in_one_sentence(f"{name} of the hub's data set {repo} at revision {revision}", f", or use {instead}"):
        path = hf_hub_download(repo, name, repo_type="dataset", revision=revision, cache_dir=cache, endpoint=endpoint)
    return Path(path)


def snapshot(repo: str, revision: str | None, kind: Kind, patterns: Sequence[str] | None = None) -> Path:
    """The folder of the cache with a repository's files at a revision.

    Args:
        repo: OWNER/NAME; of a model also NAME.
        revision: a commit hash; None: the newest one.
        patterns: of the files that are wanted; None: all of them.

    Raises:
        InputError: some can't be had, or what is in the cache is not what the hub has.
    """
    from huggingface_hub import snapshot_download

    with in_one_sentence(CALLED[kind].format(repo, revision or "main")):
        folder = Path(
            snapshot_download(
                repo, repo_type=kind, revision=revision, allow_patterns=list(patterns) if patterns else None
            )
        )
    for path in sorted(folder.rglob("*")):
        check(path)
    return folder


def check(path: Path) -> None:
    """InputError where a file of the cache has another checksum than the hub said.

    The cache has a file under what the hub calls its content, the sha256 or, of a small one, git's sha1, with a link
    to it. Where the file system has no links, nothing is known.
    """
    if not path.is_symlink():
        return
    expected = path.readlink().name  # where links go on from there, the names are others
    found = {40: git_sha1, 64: sha256}
    if re.fullmatch("[0-9a-f]+", expected) and len(expected) in found:
        digest = found[len(expected)](path)
        if digest != expected:
            raise InputError(
                f"{path.name} in {path.parent} is damaged: its checksum is {digest}, and on the hub {expected}. "
                f"Delete {path.resolve()} and give the same command again, which fetches it anew."
            )


def git_sha1(path: Path) -> str:
    """What git calls a file's content."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@contextmanager
def in_one_sentence(what: str, instead: str = "") -> Iterator[None]:
    """Whatever the hub, its library or the way there refuses becomes an InputError; no request waits for ever.

    Args:
        what: is fetched, as the beginning of a sentence.
        instead: the end of one, of what else can be done.
    """
    import httpx2
    from huggingface_hub import set_client_factory

    set_client_factory(client)
    try:
        yield
    except (OSError, ValueError, httpx2.HTTPError) as error:
        why, remedy = reason(error)
        raise InputError(f"{what} could not be fetched ({why}). {remedy}{instead}.") from error


def client() -> httpx2.Client:
    """The library's own client, with a limit on how long each answer may take: it lists repositories without one."""
    from huggingface_hub import constants
    from huggingface_hub.utils._http import default_client_factory

    def limit(request: httpx2.Request) -> None:
        limits = request.extensions["timeout"]
        for what, seconds in limits.items():
            limits[what] = seconds or constants.HF_HUB_DOWNLOAD_TIMEOUT

    made = default_client_factory()
    made.event_hooks = {**made.event_hooks, "request": [*made.event_hooks["request"], limit]}
    return made


def reason(error: BaseException) -> tuple[str, str]:
    """Why something can't be fetched, and what to do about it, a sentence without its full stop."""
    import httpx2
    from huggingface_hub import constants, errors

    chain = list(causes(error))

    def among(kind: type[BaseException] | tuple[type[BaseException], ...]) -> bool:
        return any(isinstance(one, kind) for one in chain)

    status = next((one.response.status_code for one in chain if isinstance(one, errors.HfHubHTTPError)), None)
    first = first_line(chain[-1]).rstrip(".")
    again = "Give the same command again"
    if (number := error_number(error)) in DISK:
        return DISK[number], "Make room, or name another folder in HF_HOME"
    if among(errors.OfflineModeIsEnabled):
        missing = "HF_HUB_OFFLINE is set, and the cache has nothing or only a part of it"
        return missing, "Where there is a network, `arccse fetch --config FILE` fills the cache"
    if among(errors.HFValidationError):
        return first, "Look at its name"
    if among(json.JSONDecodeError):
        return "what answered is no hub", "Look at HF_ENDPOINT and at what stands between"
    if among(errors.RevisionNotFoundError):
        return f"{status}: there is no such revision, or no longer", "Name one that the hub has"
    if among(errors.GatedRepoError):
        return f"{status}: its owner decides who may have it", f"Ask on its page of the hub, then {TOKEN}"
    if among(errors.RepositoryNotFoundError) or status in (401, 403):
        return f"{status}: there is no such repository, or not for you", f"Look at its name, or {TOKEN}"
    if among(errors.RemoteEntryNotFoundError) or status == 404:
        return f"{status}: there is no such file", "Look at its name and revision"
    if status == 429:
        return "429: too many requests", f"{again} in some minutes, or {TOKEN}, with which more are allowed"
    if status is not None:
        return f"{status}: {first}", f"{again} later"
    if among(httpx2.TimeoutException):
        limit = f"the hub did not answer within {constants.HF_HUB_DOWNLOAD_TIMEOUT} s"
        return limit, f"{again}, or allow more in HF_HUB_DOWNLOAD_TIMEOUT and HF_HUB_ETAG_TIMEOUT"
    return first, f"{again} once {constants.ENDPOINT} can be reached"


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, what caused it, and so on."""
    while error is not None:
        yield error
        error = error.__cause__
