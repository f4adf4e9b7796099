"""A model scored on suites: what `arccse evaluate` writes, what `arccse compare` reads, and the one way to it."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from arccse.data.sources import Source
from arccse.errors import InputError, nearest
from arccse.evaluation.embeddings import Embeddings
from arccse.evaluation.scores import Score, write_scores
from arccse.evaluation.suites import KEEPING, SUITES, by_pooling
from arccse.evaluation.suites import tasks as suite_tasks
from arccse.files import atomic_write, make_writable, sha256, sweep
from arccse.models import Origin, Precision, choose_pooling, on_hub, origin, resolve
from arccse.records import read_evaluations, read_kept, read_scores

if TYPE_CHECKING:
    from arccse.encoder import Encoder

# torch, transformers and mteb take seconds to import; each function imports what it uses.

SCORES, RECORD = "scores.csv", "evaluation.json"

Embed = Callable[[Origin, str | None, Sequence[str]], Embeddings]  # of a model at a revision and of sentences


def encode(made: Origin, revision: str | None, sentences: Sequence[str], precision: Precision = "fp32") -> Embeddings:
    """The embeddings of distinct sentences under a model and a pooling, with a progress bar.

    They are in float32, whatever the precision asked for, where the device is not fast at bfloat16.
    """
    from arccse.progress import Bar

    total = len(set(sentences))
    with (
        loaded(made, revision, precision) as (encoder, usable),
        Bar(f"encoding with {made.model}", "sentences") as bar,
    ):
        return Embeddings.of(encoder, sentences, lambda done: bar.update(done, total), usable)


@contextmanager
def loaded(made: Origin, revision: str | None, precision: Precision) -> Iterator[tuple["Encoder", Precision]]:
    """A model on a device that is nobody else's meanwhile, and the precision asked for or what the device can do."""
    from arccse import devices
    from arccse.encoder import load_encoder
    from arccse.process import keep_freed_memory, quiet_libraries

    keep_freed_memory()
    quiet_libraries()
    with devices.acquire() as device:
        encoder = load_encoder(made.model, made.pooling or None, revision=revision).to(device)
        yield encoder, devices.precision(precision, device)


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

    made = {suite: how for how, own in ways for suite in own}
    write(scores, provenance.of_scores(made, encoded, source, selection), out)
    return scores


def write(scores: Sequence[Score], made: dict[str, Any], out: Path) -> None:
    """Write scores.csv and evaluation.json, which says what they were made with; never the scores of one with the
    other's record.
    """
    (out / RECORD).unlink(missing_ok=True)  # of the scores that these replace
    write_scores(scores, out / SCORES)
    atomic_write(out / RECORD, json.dumps({"scores": sha256(out / SCORES), **made}, indent=1) + "\n")


def is_mtebs(suites: Sequence[str], source: Source, tasks: Sequence[str] | None) -> bool:
    """Whether tasks are asked for as mteb has them: by name, of suite `mteb` alone, from the hub."""
    return [*suites] == ["mteb"] and source.spec == "hub" and bool(tasks)


def evaluate_mteb(
    model: str,
    tasks: Sequence[str],
    out: Path,
    *,
    pooling: str | None = None,
    revision: str | None = None,
    name: str | None = None,
    precision: Precision = "fp32",
) -> list[Score]:
    """Score any encoder on any tasks of mteb, which runs them: write its JSON, scores.csv and evaluation.json.

    All data sets are fetched before the first text is encoded. A text is encoded once for all tasks of a call.

    Args:
        model, out, pooling, revision, name: as `evaluate` takes them.
        tasks: names of mteb's tasks and benchmarks.
        precision: to encode in, where the device is fast at it.

    Raises:
        InputError: an unknown task, benchmark, model or pooling, data that can't be had or read, embeddings that say
            nothing, or a folder that can't be written.
    """
    from arccse.process import quiet_libraries

    quiet_libraries()  # before datasets is imported
    from arccse import provenance
    from arccse.evaluation import mteb_tasks

    named = mteb_tasks.tasks(tasks)
    made = origin(model, pooling, revision)
    make_writable(out)
    scores: list[Score] = []
    with loaded(made, revision, precision) as (encoder, usable):  # first: data may be gigabytes
        chosen = [mteb_tasks.with_data(task) for task in named]
        called = mteb_tasks.meta(encoder, name or model_name(model), **identity(model, revision, encoder))
        for found in mteb_tasks.evaluate(mteb_tasks.OnDemand(encoder, usable, called), chosen, out):
            report_scores(found.scores)
            scores += found.scores
    write(scores, provenance.of_mteb(made, usable, chosen), out)
    return scores


def identity(model: str, revision: str | None, encoder: "Encoder") -> dict[str, Any]:
    """What tells a model from others in mteb's results: its commit and address on the hub, if it is pooled as its
    folder declares; otherwise the fingerprint, which another pooling changes.
    """
    folder = resolve(model, revision)
    published = on_hub(model) and choose_pooling(folder, model, None) == encoder.pooling
    return {
        "revision": folder.name if published else encoder.fingerprint()[:40],
        "page": f"https://huggingface.co/{model}" if published else None,
        "layout": "Sentence Transformers" if (folder / "modules.json").is_file() else "Transformers",
    }


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
