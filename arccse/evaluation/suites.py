"""The suites side by side: which tasks each has, which sentences they read, how each is scored.

A suite's module is imported where it is used: a config only needs the names, and mteb takes seconds.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from arccse.data.sources import ORDER_TASK, Source
from arccse.errors import InputError, nearest
from arccse.files import atomic_path

if TYPE_CHECKING:
    from arccse.evaluation.embeddings import Embeddings
    from arccse.evaluation.scores import Score

# sts-<pooling> is sts of an encoder that is made to pool in that way, whatever way it was trained with.
Suite = Literal[
    "sts",
    "mteb",
    "transfer",
    "transfer-fast",
    "order",
    "geometry",
    "sts-cls",
    "sts-mean",
    "sts-first-last-avg",
    "sts-top2-avg",
]
SUITES: tuple[str, ...] = get_args(Suite)

Selection = Mapping[str, Sequence[str]]  # suite → its tasks


def tasks(suite: str, source: Source, only: Sequence[str] | None = None) -> list[str]:
    """The tasks of a suite that a source has, or those among them that were asked for.

    Raises:
        InputError: an unknown suite or task.
    """
    if suite not in SUITES:
        raise InputError(f"Unknown suite '{suite}'; {nearest(suite, list(SUITES))}")
    by_kind = {"transfer": source.transfer_tasks, "order": (ORDER_TASK,), "geometry": (source.dev_name,)}
    offered = by_kind.get(suite.partition("-")[0], source.sts_tasks)
    for task in only or []:
        if task not in offered:
            raise InputError(f"Suite {suite} has no task '{task}' in {source.spec}; {nearest(task, list(offered))}")
    return [task for task in offered if not only or task in only]


def pooling_of(suite: str) -> str | None:
    """The pooling that a suite prescribes; None where it takes the encoder's own."""
    return suite.removeprefix("sts-") if suite.startswith("sts-") else None


def one_pooling(suites: Sequence[str], pooling: str | None) -> str | None:
    """The pooling under which these suites share embeddings: what they prescribe, otherwise `pooling`.

    Raises:
        InputError: they don't share one.
    """
    wanted = {suite: pooling_of(suite) or pooling for suite in suites}
    if len({*wanted.values(), *([pooling] if pooling else [])}) > 1:
        asked = ", ".join(f"{suite} by {chosen or 'the own one'}" for suite, chosen in wanted.items())
        given = f" and --pooling {pooling}" if pooling else ""
        raise InputError(f"One call pools in one way, not {asked}{given}; call once for each pooling.")
    return next(iter(wanted.values()))


def read(source: Source, task: str) -> None:
    """Read all of a task's files, so that a damaged one shows now; raises InputError."""
    if task in source.sts_tasks:
        source.sts(task)
    elif task == ORDER_TASK:
        source.held_out()
    elif task == source.dev_name:
        source.dev()
    else:
        source.transfer(task)
    if task == "SICKR":
        source.sick_all()


def sentences(source: Source, selection: Selection) -> list[str]:
    """Every sentence that the selected tasks embed, repeats included."""
    found: list[str] = []
    for suite, names in selection.items():
        if suite == "sts" or pooling_of(suite):
            from arccse.evaluation import sts

            found += sts.sentences(source, names)
        elif suite == "mteb":
            from arccse.evaluation import mteb_suite

            found += mteb_suite.sentences(mteb_suite.tasks(source, names))
        elif suite == "order":
            from arccse.evaluation import order

            found += order.sentences(source)
        elif suite == "geometry":
            from arccse.evaluation import geometry_suite

            found += geometry_suite.sentences(source)
        else:
            from arccse.evaluation import transfer

            found += transfer.sentences(source, names)
    return found


def evaluate(
    embeddings: "Embeddings",
    source: Source,
    selection: Selection,
    out: Path,
    model: str,
    on_scores: Callable[[Sequence["Score"]], object],
) -> list["Score"]:
    """Score the selected tasks.

    Args:
        embeddings: of every one of `sentences(source, selection)`, under the pooling that the suites share.
        source: where the data come from.
        selection: suite → tasks.
        out: folder for what a suite keeps beside its scores: `pairs.parquet` of sts, MTEB's `results/`.
        model: organisation/model, for MTEB's results.
        on_scores: called with the scores of a suite, or of a transfer task, as soon as they are there.
    """
    scores: list[Score] = []
    for suite, names in selection.items():
        if suite == "sts" or pooling_of(suite):
            from arccse.evaluation import sts

            found, pairs = sts.evaluate(embeddings, source, names)
            found = [score._replace(suite=suite) for score in found]
            if suite == "sts":
                with atomic_path(out / "pairs.parquet") as temporary:
                    pairs.to_parquet(temporary, index=False)
            on_scores(found)
        elif suite == "mteb":
            from arccse.evaluation import mteb_suite

            found = mteb_suite.evaluate(embeddings, mteb_suite.tasks(source, names), names, model, out)
            on_scores(found)
        elif suite == "order":
            from arccse.evaluation import order

            found = order.evaluate(embeddings, source)
            on_scores(found)
        elif suite == "geometry":
            from arccse.evaluation import geometry_suite

            found = geometry_suite.evaluate(embeddings, source)
            on_scores(found)
        else:
            from arccse.evaluation import transfer

            found = transfer.evaluate(embeddings, source, names, fast=suite == "transfer-fast", on_task=on_scores)
        scores += found
    return scores
