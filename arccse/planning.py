"""What a config will do, before it does it."""

from collections import Counter
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from arccse import costs, devices, paths
from arccse.config import Config
from arccse.costs import measured_steps, runs_to_choose, sentences_a_step, steps
from arccse.data import corpus
from arccse.standings import Standing, refuse_other_code, standings
from arccse.stopping import Growing


def show(config: Config, console: Console, measure: bool = False) -> None:
    """Print a table for each study, the runs that studies share, and an estimate of the work.

    Args:
        config: whose runs are planned.
        console: to print on.
        measure: whether to time each encoder, rather than to go by the records of runs that are done. Takes a corpus
            that is there.
    """
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
        if name in config.to_look_at and isinstance(study.seeds, Growing):
            looks = ", ".join(map(str, study.seeds.plan))
            console.print(f"{name} has more seeds where it is not decided: it is looked at with {looks}")
    show_shared(config, console)
    found = standings(config)
    refuse_other_code(config, found.values())
    show_work(config, found, size, console)
    if size is not None:
        show_costs(config, found, size, console, measure)


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
    if to_choose := sum(len(runs_to_choose(config, study)) for study in config.studies):
        console.print(f"{to_choose} more, of tuned rows, are known once their trials are done")


def show_work(config: Config, found: Mapping[str, Standing], size: int | None, console: Console) -> None:
    """What is still to be trained and scored, in steps, sentences and encodings of the dev set."""
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
    if any(run.variant.hyperparameters.precision == "bf16" for run in open_runs):
        import torch  # which takes seconds

        devices.say_if_slow("bf16", torch.device("cuda" if devices.gpu_uuids() else "cpu"))
    asked = sum(len(config.suites_of(run_id)) for run_id in found)
    scoring = Counter(suite for one in found.values() for suite in one.to_score)
    listed = ", ".join(f"{suite} {count}" for suite, count in sorted(scoring.items()))
    console.print(
        f"{scoring.total()} of {asked} evaluations are still to be made" + (f": {listed}" if listed else "")
    )


def show_costs(config: Config, found: Mapping[str, Standing], size: int, console: Console, measure: bool) -> None:
    """A table of hours and disk, study by study, where it is known how fast the encoders are."""
    if measure:
        timed = {encoder: costs.measured(config, encoder, size) for encoder in config.encoders}
        rates = {encoder: rate for encoder, rate in timed.items() if rate}
    else:
        rates = costs.recorded(config, {run: one.record for run, one in found.items() if one.record})
    trained = {row.encoder for study in config.studies for row in config.rows(study)}
    if unknown := sorted(trained - rates.keys()):
        console.print(
            f"How long it takes is not known: no run of {', '.join(unknown)} is timed; --measure times some steps"
        )
        return
    table = Table("study", "training", "dev scores", "test scores", "disk", title="Hours of one core, and GB")
    spent = costs.estimate(config, found, rates, size)
    for name, cost in [*spent.items(), ("all", costs.Cost(*map(sum, zip(*spent.values(), strict=True))))]:
        hours = (f"{seconds / 3600:.2f}" for seconds in (cost.training, cost.dev, cost.scoring))
        table.add_row(name, *hours, f"{cost.disk / 1e9:.2f}", end_section=name == list(spent)[-1])
    console.print(table)
    for encoder, rate in rates.items():
        speed = f"{1 / rate.training:.0f} sentences/s in training, {1 / rate.encoding:.0f} encoded"
        console.print(f"  {encoder}: {speed}, {rate.dev:.1f} s a dev score ({rate.origin})")
    console.print(f"  {costs.STARTUP:.0f} s for each job to start; transfer's classifiers are not counted")


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
