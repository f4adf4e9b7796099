"""The files of human-rated data: one reader for each format, and what it returns.

A reader hands out text and labels and nothing else: no embedding, no protocol. Sentences are split on white
space and joined with single blanks, as SentEval's readers do it, so a sentence is one line of text. Each reader
takes full paths, so that every message can name the file; lines count from 1.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from arccse.errors import InputError

STS_SCALE, SICK_SCALE, LEE_SCALE = (0.0, 5.0), (1.0, 5.0), (0.0, 1.0)
TREC_CLASSES = {"ABBR": 0, "DESC": 1, "ENTY": 2, "HUM": 3, "LOC": 4, "NUM": 5}
LEE_DOCUMENTS = 50


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

    @property
    def keys(self) -> list[frozenset[str]]:
        """What tells pairs apart, n of them: the letters of their two sentences, whichever comes first."""
        return [frozenset(map(letters, pair)) for pair in zip(self.first, self.second, strict=True)]


@dataclass(frozen=True)
class Labelled:
    """One labelled split of a transfer task.

    `first` holds n sentences, `second` the other sentences of n pairs (MRPC) or None, `labels` (n,) int64
    classes from 0.
    """

    first: list[str]
    second: list[str] | None
    labels: np.ndarray


def letters(text: str) -> str:
    """A sentence's letters and digits in one case: the same however it is tokenised, punctuated or capitalised.

    Sets that share pairs do not share these: "egypt 's president" in STS13 is "egypt ' s president" in STS-B.
    """
    return "".join(character for character in text.casefold() if character.isalnum())


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
    if b"\0" in data:  # in latin-1 and often in UTF-8 a valid character, but of no sentence
        raise InputError(f"{path} holds zero bytes, as UTF-16 does; {encoding.upper()} is needed.")
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
    return _pairs(gold, rows, STS_SCALE)


def read_stsb(path: Path) -> Pairs:
    """STS-B. Called csv, but tab-separated without quoting: genre, file, year, id, score, first, second.

    As first distributed, some rows carry licence notes in further columns; they are ignored.
    """
    rows = [
        (_sentence(path, i, cells, 5), _sentence(path, i, cells, 6), _score(path, i, cells[4], STS_SCALE))
        for i, cells in _table(path, 7)
    ]
    return _pairs(path, rows, STS_SCALE)


def read_sick(path: Path) -> Pairs:
    """SICK: a header, then id, first, second, relatedness from 1 to 5, entailment. The test file has CRLF."""
    rows = [
        (_sentence(path, i, cells, 1), _sentence(path, i, cells, 2), _score(path, i, cells[3], SICK_SCALE))
        for i, cells in _table(path, 5, "pair_ID\tsentence_A\tsentence_B\trelatedness_score")
    ]
    return _pairs(path, rows, SICK_SCALE)


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


def _pairs(path: Path, rows: Sequence[tuple[str, str, float]], scale: tuple[float, float]) -> Pairs:
    scores = np.array([score for _, _, score in rows], dtype=np.float64)
    if np.ptp(scores) == 0:
        raise InputError(f"{path}: every score is {scores[0]:g}; no correlation can be had from equal scores.")
    return Pairs([a for a, _, _ in rows], [b for _, b, _ in rows], scores, scale)


def _labelled(rows: Sequence[tuple[str, int]]) -> Labelled:
    return Labelled([s for s, _ in rows], None, np.array([label for _, label in rows], dtype=np.int64))
