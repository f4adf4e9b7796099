"""Training sentences: where they come from, what is kept of them, and their token ids on disk."""

import bz2
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from arccse.errors import InputError, first_line, nearest
from arccse.evaluation.sources import hub_file, read_lines
from arccse.files import atomic_path, atomic_write, sha256

WIKI_EXCERPT = "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
HUB_SPEC = re.compile(r"hub:([\w.-]+/[\w.-]+)/([\w./-]+)@([0-9a-f]{40})")
MIN_WORDS, MAX_WORDS = 5, 100
# Sentences tokenised at once, and rows of a record batch: fast from a thousand on, and memory grows with them.
BATCH = 1024


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


# From a Wikipedia dump to sentences. gensim takes templates, tables, references and link syntax away; what
# follows cuts the rest into sentences and drops what is not running prose or has lost words with its markup.

# Stands where gensim removes text without a trace, so that the sentence with the gap can be dropped.
HOLE = "\ufffc"
# Templates that put words into a sentence ({{convert|5|km}}) leave a hole; those that start so do not.
ANNOTATION = (
    "cite|citation|harv|sfn|rp|ref|efn|note|fact|cn|page|clarif|when|who|by whom|dubious|dead|verif|better"
    "|failed|according|update|vague|specify|disputed|undue|weasel|peacock|original|unreliable|wayback"
    "|webarchive|isbn"
)
# Formulas leave a hole as well, and so do pictures: their captions are mostly no sentences.
LEAVES_HOLE = re.compile(
    rf"\{{\{{(?!\s*(?:{ANNOTATION}))|<(?:math|chem|code|score|timeline)\b|\[\[(?:File|Image):", re.IGNORECASE
)
REDIRECT = re.compile(r"\s*#\s*redirect", re.IGNORECASE)

# A sentence ends at . ! or ? and what closes behind it, before white space and a capital or digit …
BOUNDARY = re.compile(r"""[.!?]["”’')\]]*\s+(?=["“‘'(\[]?[A-Z0-9])""")
# … unless the full stop belongs to an initial, to dotted letters (U.S., e.g.) or to one of these.
ABBREVIATION = re.compile(
    r"""(?:^|[\s(\["“'–-])(?:[A-Z]|(?:[A-Za-z]\.)+[A-Za-z]|Mr|Mrs|Ms|Dr|St|Ste|Prof|Rev|Hon|Gen|Lt|Col"""
    r"|Capt|Maj|Brig|Sgt|Adm|Gov|Sen|Rep|Pres|Jr|Sr|Mt|Ft|vs|v|c|ca|cf|al|no|No|Nos|Vol|vol|Ch|Fig|fig|pp|p|ed"
    r"|eds|trans|approx|est|fl|b|d|r|Inc|Ltd|Co|Corp|Bros|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec|Op|op"
    r"|lit|Lat|Gr|esp|viz)\.$"
)
# Prose begins with a capital (perhaps after a quote, a bracket or a number) and ends like a sentence.
PROSE = re.compile(r"""["“‘'(]?(?:[A-Z]|[0-9][^A-Za-z]{0,12}[A-Za-z]).*[A-Za-z0-9)%"”’']["”’')]*[.!?]["”’')]*""")
DEBRIS = re.compile(
    r"https?:|www\.|ISBN|^(?:File|Image):|[{}<>|=\[\]\\^~*#_•→]"
    r"|\(\s*[,;:)]|\(\s|[,;:(]\s*\)|\s[,.;:!?](?:\s|$)|,,|\.\.(?!\.)"
)


def wiki_sentences(dump: Path) -> Iterator[str]:
    """The sentences of the articles (namespace 0, no redirects) in a bz2-compressed MediaWiki XML dump.

    Raises InputError where the file is missing or damaged. Source of the tools: gensim.corpora.wikicorpus.
    """
    from xml.etree.ElementTree import ParseError

    from gensim.corpora.wikicorpus import extract_pages, filter_wiki

    try:
        with bz2.open(dump) as stream:
            for _, text, _ in extract_pages(stream, filter_namespaces=("0",)):
                if text and not REDIRECT.match(text):
                    yield from prose(filter_wiki(LEAVES_HOLE.sub(lambda m: HOLE + m[0], text)))
    except (OSError, EOFError, ParseError, StopIteration, ValueError) as error:
        raise InputError(f"{dump} is not a readable bz2-compressed Wikipedia dump: {error}.") from error


def prose(text: str) -> Iterator[str]:
    """The sentences of an article without markup. A line is a paragraph, a heading or a list item."""
    for line in text.replace("\xa0", " ").splitlines():
        line = re.sub("'{2,}", "", line)  # wiki's bold and italics
        if line[:1].isalnum() or line[:1] in "\"“‘'(":
            yield from filter(is_sentence, split_sentences(" ".join(line.split())))


def split_sentences(paragraph: str) -> list[str]:
    """Cut a paragraph behind its full stops, exclamation and question marks, except in abbreviations."""
    parts, start = [], 0
    for match in BOUNDARY.finditer(paragraph):
        if not ABBREVIATION.search(paragraph, start, match.start() + 1):
            parts.append(paragraph[start : match.end()].rstrip())
            start = match.end()
    return [*parts, paragraph[start:].rstrip()]


def is_sentence(text: str) -> bool:
    """Whether a piece of a paragraph is one whole sentence of running English."""
    words = text.split()
    letters = sum(c.isalpha() or c == " " for c in text)
    return (
        MIN_WORDS <= len(words) <= MAX_WORDS
        and PROSE.fullmatch(text) is not None
        and HOLE not in text
        and DEBRIS.search(text) is None
        and text.count("(") == text.count(")")
        and text.count('"') % 2 == 0
        and letters >= 0.7 * len(text)  # else a table, a formula or a reference
    )


# Token ids of a corpus, made once and mapped into memory. Plain pyarrow rather than `datasets`: the same Arrow file,
# without a cache and fingerprints of its own.


class TokenStore:
    """Token ids of a corpus' sentences in an Arrow file; only what is being read of it takes memory.

    `len(store)` is the number of sentences; `store[rows]` gives the ids of some of them, special ones included.

    Attributes:
        sha256: of the text that was tokenised.
        tokens: ids in all sentences together.
    """

    def __init__(self, path: Path, text_sha256: str):
        """Map the ids in `path`. Raises InputError where they are not what the record beside them says."""
        import pyarrow as pa

        self.sha256 = text_sha256
        try:
            record = json.loads(path.with_suffix(".json").read_bytes())
            if not path.is_file() or sha256(path) != record["sha256"]:
                raise ValueError(f"{path.name} is missing or has changed since it was written")
            reader = pa.ipc.open_file(pa.memory_map(str(path)))
            columns = [reader.get_batch(i).column("ids") for i in range(reader.num_record_batches)]
        except (OSError, ValueError, KeyError, TypeError) as error:  # Arrow's errors are ValueErrors and KeyErrors
            raise InputError(
                f"The token store {path} is damaged: {first_line(error)} Delete {path.stem}.* in {path.parent}, and "
                "it is made anew."
            ) from error
        # numpy's views of the mapped file. 64 rows of a million take 0.1 ms so; Arrow's own Table.take took 9 ms.
        self.batches = [(column.offsets.to_numpy(), column.values.to_numpy()) for column in columns]
        self.starts = np.cumsum([0, *map(len, columns)])
        self.tokens = sum(len(ids) for _, ids in self.batches)

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __getitem__(self, rows: np.ndarray | Sequence[int]) -> list[list[int]]:
        """Ids of the sentences with the given numbers, counted from 0, in the order given; IndexError for others."""
        rows = np.asarray(rows, dtype=np.int64)
        if rows.size and not 0 <= rows.min() <= rows.max() < len(self):
            raise IndexError(f"rows {rows.min()} to {rows.max()} of a store with {len(self)}")
        numbers = np.searchsorted(self.starts, rows, side="right") - 1
        found = []
        for number, row in zip(numbers.tolist(), (rows - self.starts[numbers]).tolist(), strict=True):
            offsets, ids = self.batches[number]
            found.append(ids[offsets[row] : offsets[row + 1]].tolist())
        return found


def tokenised(text: Path, tokenizer: Any, max_length: int, folder: Path) -> TokenStore:
    """The token ids of a text's lines as `Encoder.token_ids` gives them, from `folder` if they are there already.

    A store is two files: <name>.arrow with the ids and, written last, <name>.json, which says what they were made
    from and their checksum. The name is a hash of the text, the tokenizer and `max_length`. Trainings that start at
    once may each write the store: to the same names, and the same bytes. They would have to wait as long for one
    of them, and need no lock, which not every network file system has.

    Args:
        text: UTF-8, one sentence a line; only line feeds end a line. An empty line is a sentence.
        tokenizer: a fast tokenizer of transformers.
        max_length: the longest row in tokens, special ones included; what is longer is cut.
        folder: where stores are kept.

    Raises:
        InputError: the text is missing or not UTF-8, the store is damaged or can't be written.
    """
    text_sha256 = sha256(text)
    made_from = {"text": text_sha256, "tokenizer": tokenizer_sha256(tokenizer), "max_length": max_length}
    name = hashlib.sha256(json.dumps(made_from).encode()).hexdigest()[:16]
    path = folder / f"{name}.arrow"
    if not path.with_suffix(".json").is_file():
        try:
            with atomic_path(path) as temporary:
                write_ids(text, tokenizer, max_length, temporary)
            record = made_from | {"sha256": sha256(path)}
            atomic_write(path.with_suffix(".json"), json.dumps(record, indent=1) + "\n")
        except UnicodeDecodeError as error:
            raise InputError(f"{text} is not valid UTF-8: {first_line(error)}") from error
        except OSError as error:
            raise InputError(f"The token store {path} can't be written: {first_line(error)}") from error
    return TokenStore(path, text_sha256)


def write_ids(text: Path, tokenizer: Any, max_length: int, path: Path) -> None:
    """Tokenise a text line by line into an Arrow file with one column, `ids`; memory does not grow with the text."""
    import pyarrow as pa

    small = max(tokenizer.get_vocab().values()) < 2**16
    ids = pa.list_(pa.uint16() if small else pa.int32())
    schema = pa.schema([pa.field("ids", ids)])
    with (
        text.open(encoding="utf-8", newline="\n") as stream,
        pa.OSFile(str(path), "wb") as sink,
        pa.ipc.new_file(sink, schema) as writer,
    ):
        lines = (line.removesuffix("\n").removesuffix("\r") for line in stream)
        while batch := list(islice(lines, BATCH)):
            encoded = tokenizer(
                batch,
                truncation=True,
                max_length=max_length,
                return_attention_mask=False,
                return_token_type_ids=False,
            )
            writer.write_batch(pa.record_batch([pa.array(encoded["input_ids"], ids)], schema))


def tokenizer_sha256(tokenizer: Any) -> str:
    """A hash of all that decides which ids a fast tokenizer gives, but for the length at which it cuts.

    The tokenizer's own JSON also says how it last padded and truncated, which each call sets anew.
    """
    import tokenizers

    said = json.loads(tokenizer.backend_tokenizer.to_str())
    del said["truncation"], said["padding"]
    python_side = [tokenizer.truncation_side, tokenizer.split_special_tokens, tokenizers.__version__]
    return hashlib.sha256(json.dumps([said, python_side], sort_keys=True).encode()).hexdigest()
