"""What a config will do, before it does it."""

import math
from collections import Counter

from rich.console import Console
from rich.table import Table

from arccse import paths
from arccse.config import Config, Run
from arccse.data import corpus
from arccse.standings import refuse_other_code, standings


def show(config: Config, console: Console) -> None:
    """Print a table for each study, the runs that studies share, and an estimate of the work."""
    size, _ = corpus_size(config), config.source  # whose absence is to be known now, not when training starts
    if config.caveat:
        console.print(config.caveat)
    for name, study in config.studies.items():
        table = Table(
            "variant",
            "encoder",
            "run",
            "seeds",
            "steps",
            title=f"{name}: {study.title}",
            title_justify="left",
        )
        for row in config.rows(name):
            seeds = ", ".join(str(run.seed) for run in row.runs)
            table.add_row(row.label, row.encoder, row.variant.id, seeds, str(steps(row.runs[0], size)))
        for (encoder, label), trials in config.trials(name).items():
            first = trials[0].runs
            seeds = ", ".join(str(run.seed) for run in first)
            table.add_row(f"{label}: {len(trials)} trials", encoder, "", seeds, str(steps(first[0], size)))
        console.print(table)
    show_shared(config, console)
    show_work(config, size, console)


def show_shared(config: Config, console: Console) -> None:
    """List the variants that more than one row needs, with the rows."""
    users: dict[str, list[str]] = {}
    asked = 0
    for name in config.studies:
        for row in config.rows(name):
            users.setdefault(row.variant.id, []).append(f"{name} ({row.label})")
            asked += len(row.runs)
    asked += len(config.trial_runs())
    console.print(f"{asked} runs asked for, {len(config.runs())} different ones")
    for variant, rows in users.items():
        if len(rows) > 1:
            console.print(f"  {variant} is shared by {', '.join(rows)}")
    if to_choose := runs_to_choose(config):
        console.print(
            f"{to_choose} more, of tuned rows, are known once their trials are done; they are not in what follows"
        )


def runs_to_choose(config: Config) -> int:
    """Final runs of tuned rows whose values are not chosen yet."""
    count = 0
    for name, study in config.studies.items():
        chosen = {(row.encoder, row.untuned) for row in config.rows(name)}
        count += len(config.trials(name).keys() - chosen) * len(study.seeds or config.seeds)
    return count


def show_work(config: Config, size: int | None, console: Console) -> None:
    """What is still to be trained and scored, in steps, sentences and encodings of the dev set."""
    found = standings(config)
    refuse_other_code(config, found.values())
    open_runs = [one.run for one in found.values() if one.to_train]
    console.print(f"{len(open_runs)} of {len(found)} runs are still to train", end="")
    if size is None:
        console.print("; the corpus is not here yet and has no corpus_size, so their length is not known")
    else:
        training = sum(steps(run, size) * sentences_a_step(run) for run in open_runs)
        measurements = sum(measured_steps(run, size) for run in open_runs)
        console.print(
            f": {sum(steps(run, size) for run in open_runs):,} steps, {training:,.0f} sentences forward and back "
            f"(corpus of {size:,}), {measurements:,} encodings of the dev set"
        )
    asked = sum(len(config.suites_of(run_id)) for run_id in found)
    scoring = Counter(suite for one in found.values() for suite in one.to_score)
    listed = ", ".join(f"{suite} {count}" for suite, count in sorted(scoring.items()))
    console.print(
        f"{scoring.total()} of {asked} evaluations are still to be made" + (f": {listed}" if listed else "")
    )


def steps(run: Run, corpus_size: int | None) -> int:
    """Training steps of a run; 0 where that needs a corpus size that is not known."""
    return run.variant.hyperparameters.steps(corpus_size) if corpus_size else 0


def sentences_a_step(run: Run) -> int:
    """Rows that the encoder sees in a step: two views of each sentence, and three more for the triplet."""
    h = run.variant.hyperparameters
    return h.batch_size * (5 if h.triplet_weight else 2)


def measured_steps(run: Run, corpus_size: int) -> int:
    """How often a run encodes the dev set: at step 0, every eval_every and geometry_every steps, at the end."""
    h, last = run.variant.hyperparameters, steps(run, corpus_size)
    either = last // h.eval_every + last // h.geometry_every - last // math.lcm(h.eval_every, h.geometry_every)
    return 1 + either + (last % h.eval_every != 0 and last % h.geometry_every != 0)


def corpus_size(config: Config) -> int | None:
    """Sentences of the corpus: counted where it is on this machine, otherwise what the config says."""
    prepared = paths.corpus(config)
    if prepared.is_file():
        with prepared.open(encoding="utf-8") as lines:
            return sum(1 for _ in lines)
    if config.corpus.startswith("hub:"):
        return config.corpus_size
    sentences = corpus.sentences(config.corpus)
    corpus.check_repeats(sentences, config.largest_batch)  # its warning comes when the corpus is made
    return len(sentences)
