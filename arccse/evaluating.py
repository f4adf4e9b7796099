"""A model scored on suites: what `arccse evaluate` writes, what `arccse compare` reads, and the one way to it."""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from arccse.data.sources import Source
from arccse.errors import InputError, nearest
from arccse.evaluation.embeddings import Embeddings
from arccse.evaluation.scores import Score, write_scores
from arccse.evaluation.suites import KEEPING, SUITES, by_pooling
from arccse.evaluation.suites import tasks as suite_tasks
from arccse.files import atomic_write, make_writable, sha256, sweep
from arccse.models import Origin, Precision, origin
from arccse.records import read_evaluations, read_kept, read_scores

# torch, transformers and mteb take seconds to import; each function imports what it uses.

SCORES, RECORD = "scores.csv", "evaluation.json"

Embed = Callable[[Origin, str | None, Sequence[str]], Embeddings]  # of a model at a revision and of sentences


def encode(made: Origin, revision: str | None, sentences: Sequence[str], precision: Precision = "fp32") -> Embeddings:
    """The embeddings of distinct sentences under a model and a pooling, with a progress bar.

    They are in float32, whatever the precision asked for, where the device is not fast at bfloat16.
    """
    from arccse import devices
    from arccse.encoder import load_encoder
    from arccse.process import keep_freed_memory, quiet_libraries
    from arccse.progress import Bar

    keep_freed_memory()
    quiet_libraries()
    total = len(set(sentences))
    with devices.acquire() as device, Bar(f"encoding with {made.model}", "sentences") as bar:
        encoder = load_encoder(made.model, made.pooling or None, revision=revision).to(device)
        usable = devices.precision(precision, device)
        return Embeddings.of(encoder, sentences, lambda done: bar.update(done, total), usable)


def evaluate(
    model: str,
    suites: Sequence[str],
    source: Source,
    out: Path,
    *,
    tasks: Sequence[str] | None = None,
    pooling: str | None = None,
    revision: str | None = None,
    name: str | None = None,
    embed: Embed = encode,
) -> list[Score]:
    """Score any encoder: write scores.csv, what else the suites keep, and evaluation.json, which says what made them.

    Sentences are encoded once for all suites that pool alike.

    Args:
        model: a folder, package:NAME, or a name on the Hugging Face hub.
        suites: names of evaluation.suites.SUITES.
        source: of the data, as data.sources.open_source gives it.
        out: folder to write into, made where it is missing.
        tasks: those of the suites; None: all that the source has.
        pooling: one of models.POOLINGS; None: what a suite prescribes, otherwise what the model's folder declares.
        revision: commit of a model on the hub.
        name: the model's in MTEB's results; None: after the model.
        embed: how embeddings are had.

    Raises:
        InputError: an unknown suite, task or model, a pooling that nobody names, damaged data or weights, embeddings
            that say nothing, or a folder that can't be written.
    """
    from arccse.evaluation import scoring

    selection = {suite: suite_tasks(suite, source, tasks) for suite in suites}
    shared = by_pooling(suites, pooling)
    ways = [(origin(model, chosen, revision), own) for chosen, own in shared.items()]  # each reads all weights
    make_writable(out)
    sweep(*(out / file for file in (SCORES, RECORD, *(SUITES[suite].kept_file for suite in KEEPING))))
    scores: list[Score] = []
    encoded: dict[str, Precision] = {}
    for how, own in ways:
        part = {suite: selection[suite] for suite in own}
        rows = embed(how, revision, scoring.sentences(source, part))
        encoded |= dict.fromkeys(own, rows.precision)
        scores += scoring.evaluate(rows, source, part, out, name or model_name(model), report_scores)
    from arccse import provenance  # with torch, which reads the number of threads

    (out / RECORD).unlink(missing_ok=True)  # of the scores that these replace
    write_scores(scores, out / SCORES)
    made = {suite: how for how, own in ways for suite in own}
    record = {"scores": sha256(out / SCORES), **provenance.of_scores(made, encoded, source, selection)}
    atomic_write(out / RECORD, json.dumps(record, indent=1) + "\n")
    return scores


class Evaluation(NamedTuple):
    """A model's scores on one suite.

    Attributes:
        scores: columns suite, task, metric, value, n.
        kept: what they are taken over, with the columns of the suite's `Kept`.
        made: what evaluation.json says of them: checksums of model, data and code, pooling, versions.
    """

    scores: pd.DataFrame
    kept: pd.DataFrame
    made: dict[str, Any]


def is_evaluation(folder: Path) -> bool:
    """Whether `evaluate` has written this folder."""
    return (folder / RECORD).is_file() and (folder / SCORES).is_file()


def read(folder: Path, suite: str, source: Source, tasks: Sequence[str]) -> Evaluation:
    """What `evaluate` wrote of some tasks of a suite, if it is of this data and the present code.

    Raises:
        InputError: the folder has no such suite or task, is of other data or code, or a file is damaged.
    """
    from arccse import code, provenance
    from arccse.results import require_as_many

    evaluations = read_evaluations(folder / RECORD)
    if suite not in evaluations:
        raise InputError(f"{folder} has no scores on suite {suite}; {nearest(suite, list(evaluations))}")
    made = evaluations[suite]
    scores = read_scores(folder / SCORES, suite)
    scored = list(dict.fromkeys(scores["task"]))
    absent = [task for task in tasks if task not in scored]
    if absent:
        raise InputError(f"{folder} has no scores on task {absent[0]} of suite {suite}; {nearest(absent[0], scored)}")
    offered = suite_tasks(suite, source)
    if {*scored} - {*offered} or made["data"] != provenance.data_checksum(source, scored):
        raise InputError(f"{folder} was scored on other data, of {made['source']}, than {source.spec} has.")
    present = code.of_evaluation(suite, source.spec)
    if made["code"]["digest"] != present.digest:
        changed = ", ".join(present.changed(made["code"]["parts"]))
        raise InputError(f"{folder} was scored by other code (changed: {changed}); evaluate its model again.")
    kept = read_kept(folder / SUITES[suite].kept_file, suite)
    require_as_many(kept, suite, scores, folder / SUITES[suite].kept_file)
    return Evaluation(
        scores[scores["task"].isin(tasks)].reset_index(drop=True),
        kept[kept["task"].isin(tasks)].reset_index(drop=True),
        made,
    )


def model_name(model: str) -> str:
    """organisation/model, the form that MTEB files results under."""
    name = model.removeprefix("package:").strip("/").replace("..", "").strip("/")
    return "/".join(name.split("/")[-2:]) if "/" in name else f"local/{name}"


def report_scores(scores: Sequence[Score]) -> None:
    """One line on stderr for a task that has ended; a suite of many can take hours."""
    measured = ", ".join(f"{score.metric} {score.value:.2f}" for score in scores)
    print(f"{scores[0].suite} {scores[0].task}: {measured}", file=sys.stderr)
