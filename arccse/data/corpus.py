"""Training sentences: where they come from, and the file that they are kept in.

An example is a sentence or, of a CSV file, a triplet: a sentence, its positive and a hard negative.
"""

import csv
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path

from arccse import hub
from arccse.data.readers import read_lines
from arccse.data.wiki import wiki_sentences
from arccse.errors import InputError, nearest
from arccse.files import atomic_write, sha256

WIKI_EXCERPT = "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
WORTH_A_WARNING = 0.01  # share of sentences that are repeats
HUB_SPEC = re.compile(r"hub:([\w.-]+/[\w.-]+)/([\w./-]+)@([0-9a-f]{40})")


TRIPLET = ("sent0", "sent1", "hard_neg")  # columns of a CSV file, as SimCSE names them


def columns(spec: str) -> tuple[int | None, ...]:
    """What an example is made of: (None,) for a whole line of the corpus' file, (0, 1, 2) for columns of triplets.

    Triplets are the CSV files; the name alone says so.
    """
    match = HUB_SPEC.fullmatch(spec)
    return (0, 1, 2) if (match[2] if match else spec).endswith(".csv") else (None,)


def check_spec(spec: str) -> None:
    """Raise InputError unless `spec` is `package:gensim`, `file:PATH` or `hub:OWNER/NAME/FILE@REVISION`.

    REVISION must be a full commit hash: a branch may change between two runs. Reads nothing.
    """
    kind, _, rest = spec.partition(":")
    if spec == "package:gensim" or (kind == "file" and rest) or HUB_SPEC.fullmatch(spec):
        return
    if kind == "hub":
        raise InputError(f"corpus '{spec}': 'hub:OWNER/NAME/FILE@' and a commit hash of 40 hex digits is needed.")
    names = ["package:gensim", "file:PATH", "hub:OWNER/NAME/FILE@REVISION"]
    raise InputError(f"unknown corpus '{spec}'; {nearest(spec, names)}")


def is_triplets(spec: str) -> bool:
    """Whether a corpus' examples are triplets."""
    return len(columns(spec)) > 1


def sentences(spec: str, cache: Path | None = None) -> list[str]:
    """The sentences of a corpus in its order, with white space squeezed; of triplets, the three with tabs between.

    The dump excerpt gives each sentence once; repetitions in a file stay, since published trainings saw them.
    `cache` is where a file from the hub is kept (default: the hub library's own cache). Raises InputError for a
    bad spec, a file that is missing, not UTF-8 or without sentences, or a download that fails.
    """
    check_spec(spec)
    if is_triplets(spec):
        return triplets(fetch(spec, cache) if HUB_SPEC.fullmatch(spec) else local(spec))
    if HUB_SPEC.fullmatch(spec):
        lines: Iterable[str] = read_lines(fetch(spec, cache))
    elif spec == "package:gensim":
        excerpt = Path(str(files("gensim"))) / "test" / "test_data" / WIKI_EXCERPT
        lines = dict.fromkeys(wiki_sentences(excerpt))  # a dict keeps the first occurrence
    else:
        lines = read_lines(local(spec))
    found = [squeezed for line in lines if (squeezed := " ".join(line.split()))]
    if not found:
        raise InputError(f"corpus '{spec}' has no sentences.")
    return found


def local(spec: str) -> Path:
    """The file of a corpus `file:PATH`."""
    return Path(spec.removeprefix("file:")).expanduser()


def triplets(path: Path) -> list[str]:
    """The triplets of a CSV file with the columns of TRIPLET, a line each, with tabs between their sentences.

    Other columns are not looked at. An empty cell is an empty sentence, as in SimCSE's training.

    Raises:
        InputError: the file is missing, not UTF-8, or without one of the columns or any line.
    """
    rows = csv.DictReader(f"{line}\n" for line in read_lines(path, "utf-8-sig"))  # a cell may hold line ends
    absent = [name for name in TRIPLET if name not in (rows.fieldnames or [])]
    if absent:
        raise InputError(f"{path} has no column '{absent[0]}'; triplets take {', '.join(TRIPLET)}.")
    found: list[str] = []
    for row in rows:
        if any(row[name] is None for name in TRIPLET):
            raise InputError(f"{path}: row {len(found) + 1} ends before column {TRIPLET[-1]}.")
        found.append("\t".join(" ".join(row[name].split()) for name in TRIPLET))
    if not found:
        raise InputError(f"{path} has no triplets.")
    return found


def fetch(spec: str, cache: Path | None = None) -> Path:
    """The file of a corpus on the hub, `hub:OWNER/NAME/FILE@REVISION`; InputError where it can't be had whole."""
    if not (match := HUB_SPEC.fullmatch(spec)):
        raise InputError(f"corpus '{spec}' is not on the hub.")
    repo, name, revision = match.groups()
    path = hub.file(repo, name, revision, "file:PATH as corpus", cache)
    hub.check(path)
    return path


def check_repeats(sentences: Sequence[str], batch_size: int) -> str | None:
    """A warning where more than WORTH_A_WARNING of the sentences have been there before.

    Equal sentences in a batch are each other's negatives and positives at once. Raises InputError where that cannot
    be avoided: there are fewer different sentences than a batch of the largest `batch_size` holds.
    """
    different = len(set(sentences))
    if different < batch_size:
        raise InputError(
            f"The corpus has {different} different sentences among {len(sentences)}, fewer than batch_size = "
            f"{batch_size}: negatives would equal positives."
        )
    repeats = len(sentences) - different
    if repeats <= WORTH_A_WARNING * len(sentences):
        return None
    return (
        f"{repeats} of the corpus' {len(sentences)} sentences ({repeats / len(sentences):.1%}) repeat another one; "
        "where two meet in a batch, a negative equals its positive."
    )


def write(found: Sequence[str], spec: str, path: Path) -> None:
    """Write a corpus to a file, a sentence a line, and its checksum beside it.

    Args:
        found: what `sentences(spec)` gave.
        spec: where it comes from.
        path: of the file.

    Raises:
        InputError: a file can't be written.
    """
    text = "".join(f"{sentence}\n" for sentence in found).encode()
    record = {"source": spec, "sentences": len(found), "sha256": hashlib.sha256(text).hexdigest()}
    atomic_write(path.with_suffix(".json"), json.dumps(record, indent=1) + "\n")  # first: no text goes without
    atomic_write(path, text)


def checksum(path: Path) -> str:
    """The SHA-256 of a corpus' file; InputError where it is missing or no longer what `write` wrote.

    A text without a record beside it, as older versions left it, is taken as it is.
    """
    found, record = sha256(path), path.with_suffix(".json")
    if record.is_file() and found not in record.read_text(encoding="utf-8", errors="replace"):
        raise InputError(
            f"The corpus {path} is not what it was when it was written, as {record.name} beside it says. Delete "
            f"{path.stem}.* in {path.parent}, and the workflow makes it anew."
        )
    return found
