"""Where human-rated data comes from: a SentEval folder, SentEval's archive on the hub, or gensim's test data.

A source hands out text and labels and nothing else: no embedding, no protocol. Sentences are split on white
space and joined with single blanks, as SentEval's readers do it, so a sentence is one line of text.
"""

import math
import os
import posixpath
import shutil
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from arccse.errors import InputError, nearest
from arccse.files import sha256

STS_TASKS = ("STS12", "STS13", "STS14", "STS15", "STS16", "STSB", "SICKR")
ORDER_TASK = "ORDER"  # held_out(), which every source offers
TRANSFER_TASKS = ("MR", "CR", "SUBJ", "MPQA", "SST2", "TREC", "MRPC")

# A year's subsets in the order of SentEval's senteval/sts.py. STS13 has a fourth one, SMT, whose text may not
# be given away; the papers' STS13 is the three others.
STS_SUBSETS = {
    "STS12": ("MSRpar", "MSRvid", "SMTeuroparl", "surprise.OnWN", "surprise.SMTnews"),
    "STS13": ("FNWN", "headlines", "OnWN"),
    "STS14": ("deft-forum", "deft-news", "headlines", "images", "OnWN", "tweet-news"),
    "STS15": ("answers-forums", "answers-students", "belief", "headlines", "images"),
    "STS16": ("answer-answer", "headlines", "plagiarism", "postediting", "question-question"),
}
SICK_FILES = {
    "train": "SICK/SICK_train.txt",
    "trial": "SICK/SICK_trial.txt",
    "test": "SICK/SICK_test_annotated.txt",
}
# label 1, label 0: SentEval stacks them in this order (for SUBJ, objective counts as positive)
BINARY_FILES = {
    "MR": ("MR/rt-polarity.pos", "MR/rt-polarity.neg"),
    "CR": ("CR/custrev.pos", "CR/custrev.neg"),
    "SUBJ": ("SUBJ/subj.objective", "SUBJ/subj.subjective"),
    "MPQA": ("MPQA/mpqa.pos", "MPQA/mpqa.neg"),
}
SPLIT_FILES = {
    "SST2": {s: f"SST/binary/sentiment-{s}" for s in ("train", "dev", "test")},
    "TREC": {"train": "TREC/train_5500.label", "test": "TREC/TREC_10.label"},
    "MRPC": {s: f"MRPC/msr_paraphrase_{s}.txt" for s in ("train", "test")},
}
STSB_DEV, STSB_TEST = "STS/STSBenchmark/sts-dev.csv", "STS/STSBenchmark/sts-test.csv"
STS_SCALE, SICK_SCALE, LEE_SCALE = (0.0, 5.0), (1.0, 5.0), (0.0, 1.0)
TREC_CLASSES = {"ABBR": 0, "DESC": 1, "ENTY": 2, "HUM": 3, "LOC": 4, "NUM": 5}

HUB_REPO, HUB_FILE = "princeton-nlp/datasets-for-simcse", "senteval.tar"
# "update senteval data", 3 September 2021, the last commit; the one before it held a damaged SUBJ
# (princeton-nlp/SimCSE issue 84).
HUB_REVISION = "e145e8bb659b2aa2669f32ef79cb4cdef6c58fef"
MANIFEST = Path(__file__).with_name("senteval.sha256")

LEE_DOCUMENTS, LEE_DEV_DOCUMENTS = 50, 25


@dataclass(frozen=True)
class Pairs:
    """One set of human-rated sentence pairs.

    `first` and `second` hold n sentences each, `scores` the (n,) float64 mean human ratings, `scale` their
    lowest and highest possible value.
    """

    first: list[str]
    second: list[str]
    scores: np.ndarray
    scale: tuple[float, float]

    @property
    def sentences(self) -> list[str]:
        """The distinct sentences of both sides, in order of appearance."""
        return list(dict.fromkeys(self.first + self.second))


@dataclass(frozen=True)
class Labelled:
    """One labelled split of a transfer task.

    `first` holds n sentences, `second` the other sentences of n pairs (MRPC) or None, `labels` (n,) int64
    classes from 0.
    """

    first: list[str]
    second: list[str] | None
    labels: np.ndarray


class Source(Protocol):
    """What every source of human-rated data offers. All reading methods raise InputError on damaged files."""

    spec: str
    sts_tasks: tuple[str, ...]
    transfer_tasks: tuple[str, ...]
    dev_name: str
    scale: tuple[float, float]  # of the ratings of its STS tasks

    def sts(self, task: str) -> dict[str, Pairs]:
        """Subset → test pairs, in official order; a task without subsets has one, named like the task."""

    def sick_all(self) -> Pairs:
        """SICK's 9927 pairs of train, trial and test, which MTEB's SICK-R scores."""

    def dev(self) -> Pairs:
        """The pairs that choose checkpoints; none of them is in a test set."""

    def held_out(self) -> list[str]:
        """Sentences of a test set, repeats included: for scores that need text without ratings."""

    def transfer(self, task: str) -> dict[str, Labelled]:
        """The splits of one transfer task: {"all"}, {"train", "test"} or {"train", "dev", "test"}."""

    def checksums(self, tasks: Sequence[str]) -> dict[str, str]:
        """File name → sha256 (hex) of every file that these tasks and dev() read."""


def open_source(spec: str) -> Source:
    """The source that `senteval:FOLDER`, `hub` or `package:gensim` names. Does not use the network.

    Raises InputError on any other spec and where FOLDER holds no `downstream/`.
    """
    found = source_class(spec)
    if found is not SentEvalFolder:
        return found()
    folder = Path(spec.partition(":")[2]).expanduser().absolute()
    if not (folder / "downstream").is_dir():
        raise InputError(
            f"data source '{spec}': {folder / 'downstream'} is not a folder; senteval:FOLDER needs the "
            "folder that holds SentEval's 'downstream'."
        )
    return SentEvalFolder(spec, folder)


def source_class(spec: str) -> type[Any]:
    """The class of the source that a spec names; looks at no file. Raises InputError on an unknown spec."""
    if spec.startswith("senteval:") and spec != "senteval:":
        return SentEvalFolder
    classes = {"hub": SentEvalHub, "package:gensim": Gensim}
    if spec not in classes:
        raise InputError(f"unknown data source '{spec}'; {nearest(spec, ['senteval:FOLDER', *classes])}")
    return classes[spec]


class SentEvalFolder:
    """SentEval's `downstream` layout under a folder; the STS and transfer tasks of the papers."""

    sts_tasks: tuple[str, ...] = STS_TASKS
    transfer_tasks: tuple[str, ...] = TRANSFER_TASKS
    dev_name = "STSB-dev"
    scale = (0.0, 5.0)

    def __init__(self, spec: str, folder: Path) -> None:
        self.spec = spec
        self._folder = folder

    @property
    def folder(self) -> Path:
        """The folder that holds `downstream`."""
        return self._folder

    def sts(self, task: str) -> dict[str, Pairs]:
        """Test pairs by subset; scores in [0, 5], SICK-R in [1, 5]."""
        check_task(task, self.sts_tasks, self.spec)
        if task == "STSB":
            return {task: read_stsb(self._path(STSB_TEST))}
        if task == "SICKR":
            return {task: read_sick(self._path(SICK_FILES["test"]))}
        return {s: read_sts(*map(self._path, _sts_files(task, s))) for s in STS_SUBSETS[task]}

    def sick_all(self) -> Pairs:
        """SICK's train, trial and test pairs, in this order: 9927."""
        parts = [read_sick(self._path(name)) for name in SICK_FILES.values()]
        first = [s for part in parts for s in part.first]
        second = [s for part in parts for s in part.second]
        return Pairs(first, second, np.concatenate([p.scores for p in parts]), parts[0].scale)

    def dev(self) -> Pairs:
        """The 1500 dev pairs of STS-B."""
        return read_stsb(self._path(STSB_DEV))

    def held_out(self) -> list[str]:
        """The first sentences of STS-B's 1379 test pairs, then the second ones."""
        pairs = read_stsb(self._path(STSB_TEST))
        return pairs.first + pairs.second

    def transfer(self, task: str) -> dict[str, Labelled]:
        """The splits of one task, in SentEval's order of sentences and numbering of classes."""
        check_task(task, self.transfer_tasks, self.spec)
        if task in BINARY_FILES:
            positive, negative = map(self._path, BINARY_FILES[task])
            return {"all": read_binary(positive, negative)}
        read = {"SST2": read_sst, "TREC": read_trec, "MRPC": read_mrpc}[task]
        return {split: read(self._path(name)) for split, name in SPLIT_FILES[task].items()}

    def checksums(self, tasks: Sequence[str]) -> dict[str, str]:
        """`downstream/…` → sha256. SICKR counts all three SICK files, since MTEB's task reads them."""
        names = [STSB_DEV]
        for task in tasks:
            check_task(task, all_tasks(self), self.spec)
            names += senteval_files(task)
        return {f"downstream/{name}": sha256(self._path(name)) for name in sorted(set(names))}

    def _path(self, name: str) -> Path:
        return self.folder / "downstream" / name


class SentEvalHub(SentEvalFolder):
    """SentEval's files from the hub, downloaded, verified and unpacked into the cache on the first read."""

    def __init__(self, cache: Path | None = None, manifest: Path = MANIFEST, endpoint: str | None = None) -> None:
        self.spec = "hub"
        self._fetch = lambda: hub_folder(cache or cache_home(), manifest, endpoint)

    @cached_property
    def folder(self) -> Path:
        """The folder in the cache that holds `downstream`."""
        return self._fetch()


class Gensim:
    """The small human-rated sets that the gensim package ships as test data.

    LEE: 50 news texts whose pairs were rated for similarity by people (Lee, Pincombe and Welsh 2005). Pairs
    among the first 25 texts are dev, pairs among the others the test; pairs across are not used, so no text
    is in both. POLARITY: 200 sentences of Pang and Lee's film reviews.
    """

    spec = "package:gensim"
    sts_tasks: tuple[str, ...] = ("LEE",)
    transfer_tasks: tuple[str, ...] = ("POLARITY",)
    dev_name = "LEE-dev"
    scale = LEE_SCALE

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or Path(str(files("gensim"))) / "test" / "test_data"

    def sts(self, task: str) -> dict[str, Pairs]:
        """{"LEE": the 300 pairs among documents 26 to 50}, scores in [0, 1]."""
        check_task(task, self.sts_tasks, self.spec)
        return {task: self._lee(range(LEE_DEV_DOCUMENTS, LEE_DOCUMENTS))}

    def sick_all(self) -> Pairs:
        """Always an InputError: gensim ships no SICK."""
        raise InputError(f"data source '{self.spec}' has no SICK; sources that have: senteval:FOLDER, hub.")

    def dev(self) -> Pairs:
        """The 300 pairs among the first 25 documents."""
        return self._lee(range(LEE_DEV_DOCUMENTS))

    def held_out(self) -> list[str]:
        """The sentences of documents 26 to 50."""
        from arccse.corpus import split_sentences  # corpus reads its files with this module

        pairs = self.sts("LEE")["LEE"]
        return [sentence for document in pairs.sentences for sentence in split_sentences(document)]

    def transfer(self, task: str) -> dict[str, Labelled]:
        """{"all": 100 positive sentences, then 100 negative ones}, in MR's order."""
        check_task(task, self.transfer_tasks, self.spec)
        return {"all": read_polarity(self.folder / "pang_lee_polarity.cor")}

    def checksums(self, tasks: Sequence[str]) -> dict[str, str]:
        """`gensim/test/test_data/…` → sha256."""
        names = ["lee.cor", "similarities0-1.txt"]
        for task in tasks:
            check_task(task, all_tasks(self), self.spec)
            names += ["pang_lee_polarity.cor"] if task == "POLARITY" else []
        return {f"gensim/test/test_data/{name}": sha256(self.folder / name) for name in names}

    def _lee(self, documents: range) -> Pairs:
        texts, ratings = read_lee(self.folder / "lee.cor", self.folder / "similarities0-1.txt")
        pairs = [(i, j) for i in documents for j in documents if i < j]
        scores = np.array([ratings[i, j] for i, j in pairs])
        return Pairs([texts[i] for i, _ in pairs], [texts[j] for _, j in pairs], scores, LEE_SCALE)


def all_tasks(source: Source) -> tuple[str, ...]:
    """Every task of a source's suites: rated pairs, transfer, and those of one task made of its other sentences."""
    return (*source.sts_tasks, *source.transfer_tasks, ORDER_TASK, source.dev_name)


def check_task(task: str, valid: tuple[str, ...], spec: str) -> None:
    """Raise InputError where `task` is none of the names in `valid`."""
    if task not in valid:
        raise InputError(f"data source '{spec}' has no task '{task}'; {nearest(task, list(valid))}")


def senteval_files(task: str) -> list[str]:
    """The files below `downstream/` that a task reads."""
    if task in STS_SUBSETS:
        return [name for subset in STS_SUBSETS[task] for name in _sts_files(task, subset)]
    if task in BINARY_FILES:
        return list(BINARY_FILES[task])
    if task in SPLIT_FILES:
        return list(SPLIT_FILES[task].values())
    return {
        "STSB": [STSB_TEST],
        "SICKR": list(SICK_FILES.values()),
        ORDER_TASK: [STSB_TEST],
        SentEvalFolder.dev_name: [STSB_DEV],
    }[task]


def _sts_files(task: str, subset: str) -> tuple[str, str]:
    return f"STS/{task}-en-test/STS.input.{subset}.txt", f"STS/{task}-en-test/STS.gs.{subset}.txt"


# Readers. Each takes full paths, so that every message can name the file; lines count from 1.


def read_lines(path: Path, encoding: str = "utf-8") -> list[str]:
    """The lines of a text file, without their ends. InputError where it is missing, empty or not `encoding`.

    Only line feeds end a line: some sentences hold characters at which str.splitlines would cut as well.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path.absolute()} is missing.") from None
    except OSError as error:
        raise InputError(f"{path.absolute()} cannot be read: {error.strerror}.") from error
    if not data.strip():
        raise InputError(f"{path} is empty.")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}, line {line}: byte 0x{data[error.start]:02x} is not valid {encoding.upper()}."
        ) from None
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


def read_sts(text: Path, gold: Path) -> Pairs:
    """One subset of STS 2012 to 2016: `first<TAB>second` lines and, in the other file, one score a line.

    From 2015 on a blank score marks a pair that was handed out but not rated; it is not in the benchmark.
    """
    table, golds = _table(text, 2), read_lines(gold)
    if len(table) != len(golds):
        raise InputError(f"{gold} has {len(golds)} lines, but {text} has {len(table)}; both need one per pair.")
    rows = [
        (_sentence(text, i, cells, 0), _sentence(text, i, cells, 1), _score(gold, i, score, STS_SCALE))
        for (i, cells), score in zip(table, golds, strict=True)
        if score.strip()
    ]
    if not rows:
        raise InputError(f"{gold} has no scores: all of its {len(golds)} lines are blank.")
    return _pairs(rows, STS_SCALE)


def read_stsb(path: Path) -> Pairs:
    """STS-B. Called csv, but tab-separated without quoting: genre, file, year, id, score, first, second.

    As first distributed, some rows carry licence notes in further columns; they are ignored.
    """
    rows = [
        (_sentence(path, i, cells, 5), _sentence(path, i, cells, 6), _score(path, i, cells[4], STS_SCALE))
        for i, cells in _table(path, 7)
    ]
    return _pairs(rows, STS_SCALE)


def read_sick(path: Path) -> Pairs:
    """SICK: a header, then id, first, second, relatedness from 1 to 5, entailment. The test file has CRLF."""
    rows = [
        (_sentence(path, i, cells, 1), _sentence(path, i, cells, 2), _score(path, i, cells[3], SICK_SCALE))
        for i, cells in _table(path, 5, "pair_ID\tsentence_A\tsentence_B\trelatedness_score")
    ]
    return _pairs(rows, SICK_SCALE)


def read_binary(positive: Path, negative: Path) -> Labelled:
    """MR, CR, SUBJ, MPQA: a sentence a line, positives (label 1) first.

    CR and MPQA have seven blank lines. SentEval counts them as (empty) sentences, and so do the published
    accuracies; whoever encodes them has to say how (SentEval encodes ".").
    """
    texts = [read_lines(path, "latin-1") for path in (positive, negative)]
    labels = np.repeat(np.array([1, 0], dtype=np.int64), [len(t) for t in texts])
    return Labelled([_squeeze(line) for t in texts for line in t], None, labels)


def read_sst(path: Path) -> Labelled:
    """SST2: sentence<TAB>label, label 0 or 1."""
    return _labelled(
        [(_sentence(path, i, cells, 0), _label(path, i, cells[1], {"0": 0, "1": 1})) for i, cells in _table(path, 2)]
    )


def read_trec(path: Path) -> Labelled:
    """TREC: `COARSE:fine question` in latin-1; only the coarse class counts."""
    rows = []
    for i, line in enumerate(read_lines(path, "latin-1"), 1):
        classes, _, question = line.partition(" ")
        coarse, colon, _ = classes.partition(":")
        if not colon or not question.strip():
            raise InputError(f"{path}, line {i}: 'LABEL:fine question' is needed, got '{line[:60]}'.")
        rows.append((_squeeze(question), _label(path, i, coarse, TREC_CLASSES)))
    return _labelled(rows)


def read_mrpc(path: Path) -> Labelled:
    """MRPC: a header (after a byte order mark), then label, id, id, first, second.

    Quote marks are text here, not quoting.
    """
    table = _table(path, 5, "Quality\t#1 ID\t#2 ID")
    first = [_sentence(path, i, cells, 3) for i, cells in table]
    second = [_sentence(path, i, cells, 4) for i, cells in table]
    labels = [_label(path, i, cells[0], {"0": 0, "1": 1}) for i, cells in table]
    return Labelled(first, second, np.array(labels, dtype=np.int64))


def read_polarity(path: Path) -> Labelled:
    """Pang and Lee's sentences in fastText's format, `__label__pos text`, put into MR's order.

    The file is Windows-1252 (0x97 is its dash).
    """
    rows = []
    for i, line in enumerate(read_lines(path, "cp1252"), 1):
        name, _, text = line.partition(" ")
        label = _label(path, i, name, {"__label__neg": 0, "__label__pos": 1})
        if not text.strip():
            raise InputError(f"{path}, line {i}: '__label__neg' or '__label__pos' is not followed by a sentence.")
        rows.append((_squeeze(text), label))
    return _labelled(sorted(rows, key=lambda row: -row[1]))  # sorted() is stable: file order within a class


def read_lee(text: Path, ratings: Path) -> tuple[list[str], np.ndarray]:
    """Lee's 50 documents and their (50, 50) similarities in [0, 1].

    The matrix has no header and only its upper triangle is filled. The texts are Windows-1252 (a pound sign).
    """
    documents = [_squeeze(line) for line in read_lines(text, "cp1252")]
    if len(documents) != LEE_DOCUMENTS or not all(documents):
        raise InputError(f"{text} has {sum(map(bool, documents))} documents, {LEE_DOCUMENTS} are needed, one a line.")
    rows = [line.split() for line in read_lines(ratings)]
    if len(rows) != LEE_DOCUMENTS:
        raise InputError(f"{ratings} has {len(rows)} lines, {LEE_DOCUMENTS} are needed, one a document.")
    for i, row in enumerate(rows, 1):
        if len(row) != LEE_DOCUMENTS:
            raise InputError(f"{ratings}, line {i}: {len(row)} columns, {LEE_DOCUMENTS} are needed, one a document.")
    matrix = [[_score(ratings, i, cell, LEE_SCALE) for cell in row] for i, row in enumerate(rows, 1)]
    return documents, np.array(matrix)


def _squeeze(text: str) -> str:
    return " ".join(text.split())


def _table(path: Path, columns: int, header: str = "") -> list[tuple[int, list[str]]]:
    """The numbered lines of a file, cut at tabs. With `header`, line 1 must start so, and is left out."""
    lines = read_lines(path)
    if not lines[0].removeprefix("\ufeff").startswith(header):
        raise InputError(f"{path}, line 1: the header '{header}…' is needed, got '{lines[0][:60]}'.")
    rows = [(i, line.split("\t")) for i, line in enumerate(lines, 1)][bool(header) :]
    if not rows:
        raise InputError(f"{path} has a header, but no lines after it.")
    for i, cells in rows:
        if len(cells) < columns:
            raise InputError(f"{path}, line {i}: {len(cells)} tab-separated columns, {columns} are needed.")
    return rows


def _sentence(path: Path, line: int, cells: list[str], column: int) -> str:
    sentence = _squeeze(cells[column])
    if not sentence:
        raise InputError(f"{path}, line {line}: column {column + 1} is blank where a sentence is needed.")
    return sentence


def _score(path: Path, line: int, text: str, scale: tuple[float, float]) -> float:
    try:
        score = float(text)
    except ValueError:
        score = math.nan
    if not scale[0] <= score <= scale[1]:  # false for NaN too
        raise InputError(
            f"{path}, line {line}: score '{text.strip()}' is not a number from {scale[0]:g} to {scale[1]:g}."
        )
    return score


def _label(path: Path, line: int, text: str, classes: dict[str, int]) -> int:
    if text.strip() not in classes:
        raise InputError(f"{path}, line {line}: unknown label '{text.strip()[:60]}'; valid: {', '.join(classes)}.")
    return classes[text.strip()]


def _pairs(rows: Sequence[tuple[str, str, float]], scale: tuple[float, float]) -> Pairs:
    scores = np.array([score for _, _, score in rows], dtype=np.float64)
    return Pairs([a for a, _, _ in rows], [b for _, b, _ in rows], scores, scale)


def _labelled(rows: Sequence[tuple[str, int]]) -> Labelled:
    return Labelled([s for s, _ in rows], None, np.array([label for _, label in rows], dtype=np.int64))


# The hub.


def cache_home() -> Path:
    """Where arccse keeps what it downloads: $XDG_CACHE_HOME/arccse, or ~/.cache/arccse."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "arccse"


def hub_file(
    repo: str, name: str, revision: str, instead: str, cache: Path | None = None, endpoint: str | None = None
) -> Path:
    """Download one file of a data set on the hub, unless it is in the hub library's cache already.

    `instead` says in the error what needs no network, `cache` and `endpoint` default to the hub library's own
    (HF_HOME, HF_ENDPOINT). Raises InputError where the file cannot be had.
    """
    import httpx2
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HFValidationError

    try:
        return Path(
            hf_hub_download(repo, name, repo_type="dataset", revision=revision, cache_dir=cache, endpoint=endpoint)
        )
    except (OSError, httpx2.HTTPError, HFValidationError) as error:
        cause = error.__cause__ or error  # the library wraps the plain reason ("Name or service not known")
        reason = (str(cause).strip() or type(cause).__name__).splitlines()[0]
        raise InputError(
            f"{name} of the hub's data set {repo} at revision {revision} could not be fetched ({reason}). "
            f"Without a network, use {instead}."
        ) from error


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
            tar = hub_file(
                HUB_REPO, HUB_FILE, HUB_REVISION, "senteval:FOLDER as data source", where / "hub", endpoint
            )
            unpack(tar, where / "senteval", list(expected))
            verify(where / "senteval", expected, f"{HUB_FILE} of {HUB_REPO}")
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
    """Write the files `wanted` (`downstream/…`) out of SentEval's archive, whose members start below it.

    Only regular files are written, and only under the names in `wanted`, wherever a member's own name or a link may
    point to. InputError where the archive is damaged or a wanted member is no regular file.
    """
    try:
        with tarfile.open(tar) as archive:
            for member in archive:
                name = posixpath.normpath(f"downstream/{member.name}")
                if name in wanted:
                    content = archive.extractfile(member) if member.isreg() else None
                    if content is None:
                        raise tarfile.TarError(f"{member.name} is no regular file")
                    (folder / name).parent.mkdir(parents=True, exist_ok=True)
                    with (folder / name).open("wb") as file:
                        shutil.copyfileobj(content, file)
    except (tarfile.TarError, EOFError) as error:
        raise InputError(f"{HUB_FILE} of {HUB_REPO} cannot be unpacked: {error}.") from error


def read_manifest(path: Path) -> dict[str, str]:
    """A manifest as sha256sum writes it, `digest  name`: name → digest."""
    rows = [line.split("  ", 1) for line in read_lines(path)]
    return {name: digest for digest, name in rows}


def verify(folder: Path, expected: dict[str, str], origin: str) -> None:
    """Raise InputError naming the first file of `expected` that is missing in `folder` or differs."""
    for name, digest in expected.items():
        path = folder / name
        if not path.is_file():
            raise InputError(f"{name} is missing in {origin}.")
        if (found := sha256(path)) != digest:
            raise InputError(f"{name} has sha256 {found}, not {digest} as expected, in {origin}.")
