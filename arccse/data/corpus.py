"""Training sentences: where they come from."""

import re
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from arccse.data.hub import hub_file
from arccse.data.readers import read_lines
from arccse.data.wiki import wiki_sentences
from arccse.errors import InputError, nearest

WIKI_EXCERPT = "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
HUB_SPEC = re.compile(r"hub:([\w.-]+/[\w.-]+)/([\w./-]+)@([0-9a-f]{40})")


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


def sentences(spec: str, cache: Path | None = None) -> list[str]:
    """The sentences of a corpus in its order, with white space squeezed.

    The dump excerpt gives each sentence once; repetitions in a file stay, since published trainings saw them.
    `cache` is where a file from the hub is kept (default: the hub library's own cache). Raises InputError for a
    bad spec, a file that is missing, not UTF-8 or without sentences, or a download that fails.
    """
    check_spec(spec)
    if match := HUB_SPEC.fullmatch(spec):
        repo, name, revision = match.groups()
        lines: Iterable[str] = read_lines(hub_file(repo, name, revision, "file:PATH as corpus", cache))
    elif spec == "package:gensim":
        excerpt = Path(str(files("gensim"))) / "test" / "test_data" / WIKI_EXCERPT
        lines = dict.fromkeys(wiki_sentences(excerpt))  # a dict keeps the first occurrence
    else:
        lines = read_lines(Path(spec.removeprefix("file:")).expanduser())
    found = [squeezed for line in lines if (squeezed := " ".join(line.split()))]
    if not found:
        raise InputError(f"corpus '{spec}' has no sentences.")
    return found
