"""Score embeddings on suites. Each suite's module does it, in one signature, and is imported where it is used."""

import math
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, Protocol, cast

import numpy as np
import pandas as pd

from arccse.data.sources import Source
from arccse.errors import InputError
from arccse.evaluation.embeddings import Embeddings
from arccse.evaluation.scores import Score, Scored, write_examples
from arccse.evaluation.suites import SUITES, Selection, Suite


class Job(NamedTuple):
    """What a suite's module is given to score.

    Attributes:
        suite: its record.
        source: where the data come from.
        tasks: names of those of the source.
        embed: the embeddings of every sentence that the module lists, under the suite's pooling.
        out: folder for what the suite's module writes itself: MTEB's `results/`.
        model: organisation/model, for MTEB's results and for messages.
    """

    suite: Suite
    source: Source
    tasks: Sequence[str]
    embed: Embeddings
    out: Path
    model: str


class SuiteModule(Protocol):
    """What the module of every kind of suite offers."""

    def sentences(self, source: Source, tasks: Sequence[str]) -> list[str]:
        """Every sentence that the tasks embed, repeats included. Raises InputError on damaged data."""

    def evaluate(self, job: Job) -> Iterator[Scored]:
        """Each task's scores as it ends, and what they are taken over.

        Raises InputError where a task has no score under these embeddings.
        """


def module_of(suite: str) -> SuiteModule:
    return cast("SuiteModule", import_module(f"arccse.evaluation.{SUITES[suite].kind.module}"))


def sentences(source: Source, selection: Selection) -> list[str]:
    """Every sentence that the selected tasks embed, repeats included."""
    return [text for suite, tasks in selection.items() for text in module_of(suite).sentences(source, tasks)]


def evaluate(
    embed: Embeddings,
    source: Source,
    selection: Selection,
    out: Path,
    model: str,
    on_scores: Callable[[Sequence[Score]], object],
) -> list[Score]:
    """Score the selected tasks, and write what their suites keep of each example.

    Args:
        embed: of every one of `sentences(source, selection)`, under the pooling that the suites share.
        source, model: as in `Job`.
        out: folder for the files that suites keep (`Suite.kept_file`).
        selection: suite → tasks.
        on_scores: called with the scores of a task as soon as they are there.

    Raises:
        InputError: embeddings that say nothing (`check_embeddings`), or a score that is not finite.
    """
    check_embeddings(embed, source, selection, model)
    scores: list[Score] = []
    for suite, tasks in selection.items():
        kept: list[pd.DataFrame] = []
        for found, examples in module_of(suite).evaluate(Job(SUITES[suite], source, tasks, embed, out, model)):
            for score in found:
                if not math.isfinite(score.value):
                    raise InputError(
                        f"Suite {suite}, task {score.task}: {score.metric} of model {model} is {score.value}, and no "
                        "such score is written."
                    )
            on_scores(found)
            scores += found
            if examples is not None and (keeps := SUITES[suite].keeps):
                kept.append(examples[[*keeps.keys, *keeps.given, keeps.value]])
        if kept:
            write_examples(kept, out / SUITES[suite].kept_file)
    return scores


def check_embeddings(embed: Embeddings, source: Source, selection: Selection, model: str) -> None:
    """InputError with model and task where embeddings are not finite, have no direction, or are all the same."""
    if fault(embed.matrix) is None:
        return
    for suite, tasks in selection.items():
        for task in tasks:
            found = fault(embed(module_of(suite).sentences(source, [task])))
            if found:
                raise InputError(
                    f"Model {model} can't be scored on suite {suite}, task {task}: {found}; was it trained to an end?"
                )


def fault(rows: np.ndarray) -> str | None:
    """Why (n, d) embeddings say nothing of their sentences; None where they do."""
    for wrong, what in (
        (~np.isfinite(rows).all(axis=1), "NaN or infinite"),
        (~rows.any(axis=1), "zero"),
    ):
        if wrong.any():
            return f"the embeddings of {wrong.sum()} of {len(rows)} sentences are {what}"
    return "the embeddings of all sentences are the same" if (rows == rows[:1]).all() else None
