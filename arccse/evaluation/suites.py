"""The suites: one record each, with all that is said of it anywhere. Light: no torch, no mteb."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

from arccse.data.own import OwnFile
from arccse.data.sources import ORDER_TASK, STS_TASKS, TRANSFER_TASKS, Source
from arccse.errors import InputError, nearest
from arccse.models import POOLINGS

Selection = Mapping[str, Sequence[str]]  # suite → its tasks


@dataclass(frozen=True)
class Kind:
    """What suites that differ in their settings alone have in common.

    Attributes:
        module: of arccse.evaluation; `scoring.SuiteModule` says what it offers.
        tasks: those that a source has.
        read: reads all files of one of them; InputError where one is damaged.
    """

    module: str
    tasks: Callable[[Source], Sequence[str]]
    read: Callable[[Source, str], object]


@dataclass(frozen=True)
class Kept:
    """A file of what a suite's scores are taken over, a row for each pair, sentence or example.

    Attributes:
        stem: of the file's name.
        keys: the columns that tell its rows apart.
        given: the columns of what is known of a row, whatever the encoder.
        value: the column of what the encoder gives.
        low, high: the least and the greatest value that there can be.
        drawn: what its examples are called, of which others could have been drawn.
        dtype: of the values where those of all runs stand side by side.
    """

    stem: str
    keys: tuple[str, ...]
    given: tuple[str, ...]
    value: str
    low: float
    high: float
    drawn: str
    dtype: Literal["float32", "int8"] = "float32"

    @property
    def known(self) -> list[str]:
        """The columns that are the same of every run: keys and given."""
        return [*self.keys, *self.given]

    @property
    def example(self) -> tuple[str, ...]:
        """The keys that tell its examples apart; an example with several rows has others."""
        return self.keys[: self.keys.index("index") + 1]


@dataclass(frozen=True)
class Suite:
    """A way to score encoders, and how its scores are tabulated.

    The columns of its table are tasks scored by one metric, or the metrics of its one task. One who compares encoders
    is shown the `headlines`; "Avg" among them means that columns are averaged.

    Attributes:
        name: in configs, on the command line and in scores.csv.
        title: of its table.
        metric: the one that is tabulated; None: the columns are metrics.
        score: what a number is, for the caption.
        size: what `n` counts.
        columns: of the table, in the papers' order; published averages are taken over them.
        headlines: the columns whose comparisons are printed, in which one is better.
        measure: what a sentence calls its average.
        manner: how it differs from the suite that its measure is named for.
        pooling: the one that encoders are made to pool by; None: their own.
        lower_is_better: of all its columns.
        disjoint: whether it leaves out pairs of the dev set, and all but the first of equal ones.
        keeps: the file that it leaves of what its scores are taken over.
        repeats: the suite whose tasks it scores in another way.
    """

    name: str
    kind: Kind
    title: str
    metric: str | None
    score: str
    size: str
    columns: tuple[str, ...]
    headlines: tuple[str, ...] = ("Avg",)
    measure: str = ""
    manner: str = ""
    pooling: str | None = None
    lower_is_better: bool = False
    disjoint: bool = False
    keeps: Kept | None = None
    repeats: str | None = None

    def words(self, column: str) -> str:
        """What a sentence calls a column of its table."""
        if column != "Avg":
            return MEASURES.get(column, f"{self.title}, {column}")
        return f"{self.measure} with {self.manner}" if self.manner else self.measure

    def average(self, values: Mapping[str, float]) -> float | None:
        """The average that papers print of its tasks' values; None where one is missing, or where it has none."""
        if "Avg" not in self.headlines or not values.keys() >= {*self.columns}:
            return None
        return fmean(values[task] for task in self.columns)

    @property
    def keeps_pairs(self) -> bool:
        """Whether it leaves the cosine of every rated pair."""
        return self.keeps == COSINES

    @property
    def kept_file(self) -> str:
        """The name of the file with what it keeps: pairs.parquet, examples-transfer.parquet."""
        if self.keeps is None:
            raise ValueError(f"suite {self.name} keeps nothing")
        shared = "suite" in self.keeps.keys  # the stem is that of other suites too
        return f"{self.keeps.stem}-{self.name}.parquet" if shared else f"{self.keeps.stem}.parquet"


# Spearman of cosines with ratings. mteb has the pairs of all splits where a task is SICK.
PAIRS = Kind("sts", lambda source: source.sts_tasks, lambda source, task: (source.sts(task), source.dev()))
MTEB = Kind(
    module="mteb_suite",
    tasks=lambda source: source.sts_tasks,
    read=lambda source, task: source.sick_all() if task == "SICKR" else source.sts(task),
)
TRANSFER = Kind("transfer", lambda source: source.transfer_tasks, lambda source, task: source.transfer(task))
ORDER = Kind("order", lambda source: (ORDER_TASK,), lambda source, task: (source.held_out(), source.dev()))
GEOMETRY = Kind("geometry_suite", lambda source: (source.dev_name,), lambda source, task: source.dev())

COSINES = Kept("pairs", ("task", "subset", "index"), ("score",), "cosine", -1, 1, "sentence pairs")
EXAMPLE = ("suite", "task", "index")
PREDICTIONS = Kept("examples", EXAMPLE, ("fold", "label"), "prediction", 0, 100, "test examples", "int8")
SIMILARITIES = Kept("examples", (*EXAMPLE, "percent"), ("masked",), "similarity", -1, 1, "sentences")
DISTANCES = Kept("examples", EXAMPLE, (), "distance", 0, 4, "sentence pairs")  # squared, on the unit sphere

ORDERED = {
    "ordered_20_40": "share × 100 of sentences nearer with 20 % masked than with 40 %",
    "ordered_all": "share × 100 of all neighbouring levels of masking in order",
}
CLOSENESS = {name: f"{name} × 100 (the lower the better)" for name in ("alignment", "uniformity")}
MEASURES = ORDERED | CLOSENESS  # what sentences call the columns that are compared beside averages

STS: dict[str, Any] = {
    "kind": PAIRS,
    "metric": "spearman_all",
    "score": "Spearman × 100 over all pairs of a task",
    "size": "pairs",
    "columns": STS_TASKS,
    "measure": "STS average",
}
ACCURACY: dict[str, Any] = {
    "kind": TRANSFER,
    "metric": "accuracy",
    "size": "examples",
    "columns": TRANSFER_TASKS,
    "measure": "transfer average",
    "keeps": PREDICTIONS,
}

# in the order in which runs are scored and their scores gathered
SUITES: dict[str, Suite] = {
    suite.name: suite
    for suite in (
        Suite("sts", title="STS", keeps=COSINES, **STS),
        Suite(
            name="sts-disjoint",
            title="STS without overlaps",
            manner="no pair twice and none of dev",
            disjoint=True,
            repeats="sts",
            **STS | {"score": "Spearman × 100 over the pairs of a task that are neither in dev nor in a task before"},
        ),
        Suite(
            name="mteb",
            kind=MTEB,
            title="STS by MTEB",
            metric="cosine_spearman",
            score="Spearman × 100 by MTEB's protocol",
            size="pairs",
            columns=STS_TASKS,
            measure="STS by MTEB average",
            repeats="sts",
        ),
        Suite("transfer", title="Transfer", score="accuracy in %, SentEval protocol", **ACCURACY),
        Suite(
            name="transfer-fast",
            title="Transfer, fast mode",
            score="accuracy in %, SentEval's fast settings, not comparable with the full protocol",
            manner="fast mode",
            **ACCURACY,
        ),
        Suite(
            name="order",
            kind=ORDER,
            title="Order of masked sentences",
            metric=None,
            score="share × 100 in the right order, cosine × 100 to the whole sentence with 0 to 80 % of it masked",
            size="sentences or pairs of them",
            columns=(*ORDERED, *(f"similarity_{share}" for share in range(0, 90, 10))),
            headlines=tuple(ORDERED),
            keeps=SIMILARITIES,
        ),
        Suite(
            name="geometry",
            kind=GEOMETRY,
            title="Alignment and uniformity",
            metric=None,
            score="× 100 on the dev set, the lower the better",
            size="positive pairs, sentences",
            columns=tuple(CLOSENESS),
            headlines=tuple(CLOSENESS),
            lower_is_better=True,
            keeps=DISTANCES,
        ),
        *(
            Suite(
                name=f"sts-{pooling}",
                title=f"STS, {pooling} pooling",
                manner=f"{pooling} pooling",
                pooling=pooling,
                **STS,
            )
            for pooling in POOLINGS
        ),
    )
}

KEEPING: dict[str, Kept] = {name: suite.keeps for name, suite in SUITES.items() if suite.keeps}


def suite_named(name: str) -> Suite:
    """The suite of that name; InputError with the nearest name where there is none."""
    if name not in SUITES:
        raise InputError(f"Unknown suite '{name}'; {nearest(name, list(SUITES))}")
    return SUITES[name]


def tabulated(names: Iterable[str]) -> list[str]:
    """The suites in the order of tables: as in SUITES, but those of one kind side by side."""
    kinds = list(dict.fromkeys(suite.kind for suite in SUITES.values()))
    wanted = {*names}
    return sorted((name for name in SUITES if name in wanted), key=lambda name: kinds.index(SUITES[name].kind))


def tasks(suite: str, source: Source, only: Sequence[str] | None = None) -> list[str]:
    """The tasks of a suite that a source has, or those among them that were asked for.

    Raises:
        InputError: an unknown suite or task, or a suite that the source has no data for.
    """
    kind, disjoint = suite_named(suite).kind, SUITES[suite].disjoint
    if isinstance(source, OwnFile) and (disjoint or kind.module not in source.modules):
        serves = [name for name, spec in SUITES.items() if spec.kind.module in source.modules and not spec.disjoint]
        raise InputError(f"Suite {suite} needs other data than {source.spec}, which serves: {', '.join(serves)}.")
    offered = kind.tasks(source)
    for task in only or []:
        if task not in offered:
            more = " Any task of mteb: --suite mteb alone, --data hub." if kind is MTEB else ""
            raise InputError(
                f"Suite {suite} has no task '{task}' in {source.spec}; {nearest(task, [*offered])}{more}"
            )
    return [task for task in offered if not only or task in only]


def read(names: Iterable[str], source: Source) -> list[str]:
    """Read all files of the suites' tasks, so that a damaged one shows now (InputError); the tasks, sorted."""
    wanted = {(SUITES[name].kind, task) for name in names for task in tasks(name, source)}
    for kind, task in sorted(wanted, key=lambda pair: (pair[0].module, pair[1])):
        kind.read(source, task)
    return sorted({task for _, task in wanted})


def by_pooling(names: Iterable[str], pooling: str | None) -> dict[str | None, list[str]]:
    """Pooling → the suites that share embeddings under it: what they prescribe, otherwise `pooling` (None: the own).

    Raises:
        InputError: a suite prescribes another one than `pooling`.
    """
    found: dict[str | None, list[str]] = {}
    for name in names:
        own = SUITES[name].pooling
        if pooling and own and own != pooling:
            raise InputError(f"Suite {name} pools by {own}, not by --pooling {pooling}; call once for each pooling.")
        found.setdefault(own or pooling, []).append(name)
    return found
