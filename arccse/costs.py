"""What a config will cost, in hours of one core and in bytes, from how fast each of its encoders was seen to be."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from statistics import median
from typing import Any, NamedTuple

from arccse import paths
from arccse.config import Config
from arccse.data.corpus import columns
from arccse.data.sources import open_source
from arccse.evaluation.scoring import sentences
from arccse.evaluation.suites import by_pooling, tasks
from arccse.models import WEIGHTS_AND_TOKENIZER, resolve
from arccse.standings import Standing
from arccse.variants import Run

STARTUP = 8.0  # seconds that a job takes to import what it needs, about
MEASURED_STEPS = 8


class Rates(NamedTuple):
    """How fast an encoder is, in seconds of one core.

    Attributes:
        training: for a sentence, forward and back.
        dev: for one measurement on the dev set.
        encoding: for encoding a sentence.
        origin: where that was seen.
    """

    training: float
    dev: float
    encoding: float
    origin: str


class Cost(NamedTuple):
    """Seconds of one core in training steps, in dev evaluations, and in scoring; bytes on the disk."""

    training: float = 0.0
    dev: float = 0.0
    scoring: float = 0.0
    disk: int = 0


def steps(run: Run, corpus_size: int | None) -> int:
    """Training steps of a run; 0 where that needs a corpus size that is not known."""
    return run.variant.hyperparameters.steps(corpus_size) if corpus_size else 0


def sentences_a_step(run: Run) -> int:
    """Rows that the encoder sees in a step: two views of each sentence, or a triplet's three sentences, and three
    more for the triplet objective."""
    h = run.variant.hyperparameters
    return h.batch_size * (max(2, len(columns(run.variant.corpus))) + (3 if h.triplet_weight else 0))


def measured_steps(run: Run, corpus_size: int) -> int:
    """How often a run encodes the dev set: at step 0, every eval_every and geometry_every steps, at the end."""
    h, last = run.variant.hyperparameters, steps(run, corpus_size)
    either = last // h.eval_every + last // h.geometry_every - last // math.lcm(h.eval_every, h.geometry_every)
    return 1 + either + (last % h.eval_every != 0 and last % h.geometry_every != 0)


def recorded(config: Config, records: Mapping[str, Mapping[str, Any]]) -> dict[str, Rates]:
    """Encoder → its rates by the records of its trainings, medians over them; without those that have none.

    Args:
        config: whose dev set the trainings were measured on.
        records: run id → run.json.
    """
    seen: dict[str, list[tuple[Run, Mapping[str, Any]]]] = {}
    for run in config.runs().values():
        record = records.get(run.id)
        if record and not run.variant.untrained and record.get("seconds", {}).get("training"):
            seen.setdefault(run.variant.model, []).append((run, record))
    dev_sentences = len(config.source.dev().sentences) if seen else 0
    found = {}
    for name, encoder in config.encoders.items():
        rates = [_rates(run, record, dev_sentences) for run, record in seen.get(encoder.model, [])]
        if rates:
            devices = sorted({rate.origin for rate in rates})
            found[name] = Rates(
                training=median(rate.training for rate in rates),
                dev=median(rate.dev for rate in rates),
                encoding=median(rate.encoding for rate in rates),
                origin=f"{len(rates)} runs on {' and '.join(devices)}",
            )
    return found


def _rates(run: Run, record: Mapping[str, Any], dev_sentences: int) -> Rates:
    seconds, threads = record["seconds"], record.get("threads", 1)
    per_core = {part: threads * seconds[part] for part in ("training", "dev")}
    origin = record.get("device", "an unknown device")
    return rates_of(run, per_core, record["data"]["corpus"]["sentences"], dev_sentences, origin)


def rates_of(run: Run, seconds: Mapping[str, float], corpus_size: int, dev_sentences: int, origin: str) -> Rates:
    """What a training's seconds of one core, in its steps ("training") and on its dev set ("dev"), come to."""
    dev = seconds["dev"] / measured_steps(run, corpus_size)
    training = seconds["training"] / (steps(run, corpus_size) * sentences_a_step(run))
    return Rates(training, dev, dev / dev_sentences, origin)


def measured(config: Config, encoder: str, corpus_size: int) -> Rates | None:
    """An encoder's rates by a few steps of its first training here, on one thread; None where nothing trains it.

    Raises:
        InputError: the encoder, the corpus or the dev set can't be read.
    """
    from arccse import provenance, training

    model = config.encoders[encoder].model
    runs = [run for run in config.runs().values() if run.variant.model == model and not run.variant.untrained]
    if not runs:
        return None
    few = dict.fromkeys(("max_steps", "eval_every", "geometry_every"), MEASURED_STEPS)
    h = runs[0].variant.hyperparameters.model_copy(update=few)
    run = Run(replace(runs[0].variant, hyperparameters=h), runs[0].seed)
    dev = config.source.dev()
    seconds = training.train(run, paths.corpus(config), paths.tokens(config), dev).seconds
    device = provenance.environment(training.CPU)["device"]
    return rates_of(run, seconds, corpus_size, len(dev.sentences), f"{MEASURED_STEPS} steps on {device}")


def estimate(
    config: Config, found: Mapping[str, Standing], rates: Mapping[str, Rates], corpus_size: int
) -> dict[str, Cost]:
    """Study → what is still to be spent on it; a run that studies share counts in the first.

    A tuned row whose values are not chosen yet counts as it would untuned.

    Args:
        config: the studies.
        found: how far each run is, by its id.
        rates: by encoder, all that the config trains or scores.
        corpus_size: sentences of the corpus.
    """
    seen: set[str] = set()
    costs = {}
    for study in config.studies:
        own = []
        for encoder, run in _runs(config, study):
            if run.id not in seen:
                one = found[run.id]
                own.append(_cost(config, run, one.to_train, one.to_score, rates[encoder], corpus_size))
            seen.add(run.id)
        suites = config.study_suites(study)
        own += [
            _cost(config, run, True, suites, rates[encoder], corpus_size)
            for encoder, run in runs_to_choose(config, study)
        ]
        costs[study] = Cost(*map(sum, zip(*own, strict=True))) if own else Cost()
    return costs


def runs_to_choose(config: Config, study: str) -> list[tuple[str, Run]]:
    """The untuned runs of a study's rows that are to be tuned and whose values are not chosen yet, by encoder."""
    chosen = {(row.encoder, row.untuned) for row in config.rows(study)}
    to_choose = config.trials(study).keys() - chosen
    return [
        (row.encoder, run) for row in config.rows(study) if (row.encoder, row.label) in to_choose for run in row.runs
    ]


def _runs(config: Config, study: str) -> Iterator[tuple[str, Run]]:
    """Each run of a study with its encoder, its trials' included."""
    for row in config.rows(study):
        yield from ((row.encoder, run) for run in row.runs)
    for (encoder, _), trials in config.trials(study).items():
        yield from ((encoder, run) for trial in trials for run in trial.runs)


def _cost(config: Config, run: Run, train: bool, score: Sequence[str], rates: Rates, corpus_size: int) -> Cost:
    training, dev, disk = 0.0, 0.0, 0
    if train:
        training = STARTUP + rates.training * steps(run, corpus_size) * sentences_a_step(run)
        dev = rates.dev * (1 if run.variant.untrained else measured_steps(run, corpus_size))
        disk = bytes_of(run.variant.model, run.variant.revision) if score else 0
    encoded = sum(sentences_of(config.data, tuple(sorted(own))) for own in by_pooling(score, None).values())
    return Cost(training, dev, STARTUP * bool(score) + rates.encoding * encoded, disk)


@cache
def sentences_of(data: str, suites: tuple[str, ...]) -> int:
    """Distinct sentences that some suites encode."""
    source = open_source(data)
    return len(set(sentences(source, {suite: tasks(suite, source) for suite in suites})))


@cache
def bytes_of(model: str, revision: str | None) -> int:
    """What a trained model takes on the disk, about: as much as the one it starts from."""
    folder = resolve(model, revision)
    return sum(path.stat().st_size for pattern in WEIGHTS_AND_TOKENIZER for path in folder.glob(pattern))
