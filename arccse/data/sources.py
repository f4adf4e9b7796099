"""Where human-rated data comes from: a SentEval folder, its archive on the hub, gensim's test data, own files."""

from collections.abc import Sequence
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from arccse.data.hub import MANIFEST, cache_home, hub_folder
from arccse.data.own import LabelledFile, OwnFile, PairsFile
from arccse.data.readers import (
    LEE_DOCUMENTS,
    LEE_SCALE,
    STS_SCALE,
    Labelled,
    Pairs,
    read_binary,
    read_lee,
    read_mrpc,
    read_polarity,
    read_sick,
    read_sst,
    read_sts,
    read_stsb,
    read_trec,
)
from arccse.data.wiki import split_sentences
from arccse.errors import InputError, nearest
from arccse.files import is_folder, sha256

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

LEE_DEV_DOCUMENTS = 25
WITH_DEV = "senteval:FOLDER, hub, package:gensim"  # what a config trains with


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
        """The pairs that choose checkpoints. Most of STS-B's are test pairs of another task (docs/protocols.md)."""

    def held_out(self) -> list[str]:
        """Sentences of a test set, repeats included: for scores that need text without ratings."""

    def transfer(self, task: str) -> dict[str, Labelled]:
        """The splits of one transfer task: {"all"}, {"train", "test"} or {"train", "dev", "test"}."""

    def checksums(self, tasks: Sequence[str]) -> dict[str, str]:
        """File name → sha256 (hex) of every file that these tasks and dev() read."""


def open_source(spec: str) -> Source:
    """The source that `senteval:FOLDER`, `hub`, `package:gensim`, `pairs:FILE` or `labelled:FILE` names.

    Does not use the network. Raises InputError on any other spec, where FOLDER holds no `downstream/`, and where
    there is no FILE.
    """
    found = source_class(spec)
    if issubclass(found, OwnFile):
        return found(spec)
    if found is not SentEvalFolder:
        return found()
    folder = Path(spec.partition(":")[2]).expanduser().absolute()
    if not is_folder(folder / "downstream"):
        raise InputError(
            f"data source '{spec}': {folder / 'downstream'} is not a folder; senteval:FOLDER needs the "
            "folder that holds SentEval's 'downstream'."
        )
    return SentEvalFolder(spec, folder)


def source_class(spec: str) -> type[Any]:
    """The class of the source that a spec names; looks at no file. Raises InputError on an unknown spec."""
    kind, _, where = spec.partition(":")
    if where and kind in FILED:
        return FILED[kind]
    classes = {"hub": SentEvalHub, "package:gensim": Gensim}
    if spec not in classes:
        valid = ["senteval:FOLDER", *classes, "pairs:FILE", "labelled:FILE"]
        raise InputError(f"unknown data source '{spec}'; {nearest(spec, valid)}")
    return classes[spec]


class SentEvalFolder:
    """SentEval's `downstream` layout under a folder; the STS and transfer tasks of the papers."""

    sts_tasks: tuple[str, ...] = STS_TASKS
    transfer_tasks: tuple[str, ...] = TRANSFER_TASKS
    dev_name = "STSB-dev"
    scale = STS_SCALE

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


FILED: dict[str, type[Any]] = {"senteval": SentEvalFolder, "pairs": PairsFile, "labelled": LabelledFile}


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
