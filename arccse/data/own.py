"""A reader's own rated pairs or labelled sentences, in a file, as a source of one task that is called like the file.

`pairs:FILE` serves the suites that correlate cosines with ratings, `labelled:FILE` those that train classifiers. A
file is CSV, TSV, Parquet or JSON lines, as its name ends. Its columns are found by name; `?` and `column=name` behind
the file say where another name stands for one: `pairs:mine.csv?sentence1=question&sentence2=answer&score=rating`.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import parse_qsl

import numpy as np

from arccse.data.readers import Labelled, Pairs
from arccse.errors import InputError, first_line, nearest, shortened
from arccse.files import sha256

if TYPE_CHECKING:
    import pandas as pd

# pandas takes a second to import, and suites are named without it

FEWEST_PAIRS = 20  # with fewer, neither a rank correlation nor its bootstrap says anything
FEWEST_OF_CLASS = 12  # of which nine tenths fill ten folds: what nested 10-fold cross-validation takes
MOST_CLASSES = 100


def read_text(path: Path) -> "pd.DataFrame":
    """CSV or TSV, in which "NA" and "null" are words."""
    import pandas as pd

    return pd.read_csv(path, sep="\t" if path.suffix.lower() == ".tsv" else ",", dtype=str, keep_default_na=False)


def read_json_lines(path: Path) -> "pd.DataFrame":
    import pandas as pd

    return pd.read_json(path, lines=True, dtype=False)


def read_parquet(path: Path) -> "pd.DataFrame":
    import pandas as pd

    return pd.read_parquet(path)


READERS: dict[str, Callable[[Path], "pd.DataFrame"]] = {
    ".csv": read_text,
    ".tsv": read_text,
    ".parquet": read_parquet,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
}


class OwnFile:
    """A source of one file and one task; it has no dev set, so that nothing can be trained with it.

    Attributes:
        modules: of arccse.evaluation, those of the suites that it serves.
        columns: that its file has.
    """

    modules: ClassVar[tuple[str, ...]] = ()
    columns: ClassVar[tuple[str, ...]] = ()
    sts_tasks: tuple[str, ...] = ()
    transfer_tasks: tuple[str, ...] = ()
    dev_name = ""
    scale = (-np.inf, np.inf)

    def __init__(self, spec: str) -> None:
        """Look for the file that `pairs:FILE` or `labelled:FILE` names. Raises InputError where there is none."""
        self.spec = spec
        named, _, given = spec.partition(":")[2].partition("?")
        self.path = Path(named).expanduser().absolute()
        self.named = dict(parse_qsl(given, keep_blank_values=True))
        for key in self.named:
            if key not in self.columns:
                raise InputError(f"data source '{spec}': no column '{key}'; {nearest(key, list(self.columns))}")
        if self.path.suffix.lower() not in READERS:
            raise InputError(
                f"data source '{spec}': the file's name ends in '{self.path.suffix}'; valid: {', '.join(READERS)}."
            )
        if not self.path.is_file():
            raise InputError(f"data source '{spec}': {self.path} is not a file.")

    def dev(self) -> Pairs:
        """Always an InputError: nobody said which pairs would be dev."""
        raise InputError(f"data source '{self.spec}' has no dev set; sources that have: senteval:FOLDER, hub.")

    def held_out(self) -> list[str]:
        """Always an InputError, as `dev`."""
        raise InputError(f"data source '{self.spec}' has no held-out sentences; sources that have: senteval:FOLDER.")

    def sick_all(self) -> Pairs:
        """Always an InputError, as `dev`."""
        raise InputError(f"data source '{self.spec}' has no SICK; sources that have: senteval:FOLDER, hub.")

    def sts(self, task: str) -> dict[str, Pairs]:
        """Always an InputError, but for pairs."""
        raise InputError(f"data source '{self.spec}' has no rated pairs; pairs:FILE has.")

    def transfer(self, task: str) -> dict[str, Labelled]:
        """Always an InputError, but for labelled sentences."""
        raise InputError(f"data source '{self.spec}' has no labelled sentences; labelled:FILE has.")

    def checksums(self, tasks: Sequence[str]) -> dict[str, str]:
        """The file's name → sha256; with the columns that were named, since other ones are other data."""
        name = self.path.name + "".join(f"?{key}={value}" for key, value in sorted(self.named.items()))
        return {name: sha256(self.path)}

    @cached_property
    def table(self) -> "pd.DataFrame":
        """The file's columns under our names. Raises InputError where one is missing or the file can't be read."""
        try:
            table = READERS[self.path.suffix.lower()](self.path)
        except (OSError, ValueError) as error:  # pandas' and Arrow's errors are both
            raise InputError(f"{self.path} can't be read: {first_line(error)}") from error
        if table.empty:
            raise InputError(f"{self.path} has no row.")
        for ours in self.columns:
            theirs = self.named.get(ours, ours)
            if theirs not in table:
                raise InputError(
                    f"{self.path} has no column '{theirs}'; it has: {', '.join(map(str, table.columns))}. "
                    f"Name one behind the file: ?{ours}=COLUMN."
                )
        return table[[self.named.get(ours, ours) for ours in self.columns]].set_axis(self.columns, axis=1)

    def texts(self, column: str) -> list[str]:
        """The sentences of a column, as lines of text. Raises InputError for a row without one."""
        found = [" ".join(text.split()) if isinstance(text, str) else "" for text in self.table[column]]
        if "" in found:
            raise InputError(
                f"{self.path}, row {found.index('') + 1}: '{self.named.get(column, column)}' is blank or no text."
            )
        return found


def number(value: object) -> float:
    """A score as a float, NaN where it is none."""
    try:
        return float(str(value))
    except ValueError:
        return np.nan


class PairsFile(OwnFile):
    """Sentence pairs rated by people, on any scale, as the one STS task."""

    modules = ("sts",)
    columns = ("sentence1", "sentence2", "score")

    def __init__(self, spec: str) -> None:
        super().__init__(spec)
        self.sts_tasks = (self.path.stem,)

    def sts(self, task: str) -> dict[str, Pairs]:
        """{task: the file's pairs}, in its order."""
        return {task: self.pairs}

    @cached_property
    def pairs(self) -> Pairs:
        """The file's pairs. Raises InputError for blank sentences, scores that are no numbers, and too few rows."""
        first, second = self.texts("sentence1"), self.texts("sentence2")
        scores = np.array([number(value) for value in self.table["score"]])
        if (wrong := ~np.isfinite(scores)).any():
            row = int(wrong.argmax())
            said = shortened(str(self.table["score"].iloc[row]))
            raise InputError(f"{self.path}, row {row + 1}: score '{said}' is not a number.")
        if len(scores) < FEWEST_PAIRS:
            raise InputError(f"{self.path} has {len(scores)} pairs; a correlation needs {FEWEST_PAIRS}.")
        if np.ptp(scores) == 0:
            raise InputError(f"{self.path}: every score is {scores[0]:g}; equal scores give no correlation.")
        return Pairs(first, second, scores, (float(scores.min()), float(scores.max())))


class LabelledFile(OwnFile):
    """Labelled sentences, as the one transfer task, which has MR's protocol: nested 10-fold cross-validation."""

    modules = ("transfer",)
    columns = ("text", "label")

    def __init__(self, spec: str) -> None:
        super().__init__(spec)
        self.transfer_tasks = (self.path.stem,)

    def transfer(self, task: str) -> dict[str, Labelled]:
        """{"all": the file's sentences}, in its order; classes are numbered in the order of their sorted names."""
        return {"all": self.labelled}

    @cached_property
    def labelled(self) -> Labelled:
        """The file's sentences. Raises InputError for blank ones, a row without label, and too few of a class."""
        texts, labels = self.texts("text"), self.table["label"]
        names = ["" if missing else str(label).strip() for label, missing in zip(labels, labels.isna(), strict=True)]
        if "" in names:
            raise InputError(f"{self.path}, row {names.index('') + 1} has no label.")
        classes, numbers, counts = np.unique(names, return_inverse=True, return_counts=True)
        if not 1 < len(classes) <= MOST_CLASSES:
            raise InputError(f"{self.path} has {len(classes)} classes; a classifier needs 2 to {MOST_CLASSES}.")
        if counts.min() < FEWEST_OF_CLASS:
            raise InputError(
                f"{self.path}: class '{shortened(str(classes[counts.argmin()]))}' has {counts.min()} rows; nested "
                f"10-fold cross-validation needs {FEWEST_OF_CLASS} of each."
            )
        return Labelled(texts, None, numbers.astype(np.int64))
