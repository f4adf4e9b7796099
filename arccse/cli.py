"""The command line. Each command is one step of the workflow: config → runs → train → evaluate → gather → report."""

import errno
import json
import os
import sys
from functools import partial
from importlib.metadata import version as installed
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from arccse.errors import Diverged, InputError, Interrupted, nearest
from arccse.evaluation.suites import SUITES
from arccse.models import POOLINGS, Precision
from arccse.process import keep_freed_memory, quiet_libraries, set_threads
from arccse.usage import add_examples

# torch, transformers and mteb take seconds to import; each command imports what it uses, so that a typo is
# answered at once.

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help=sys.modules[__name__].__doc__,
)
# 80 columns, rich's guess for a pipe, would cut the runs' names
console = Console(width=None if sys.stdout and sys.stdout.isatty() else 200)

ConfigFile = Annotated[Path, typer.Option("--config", help="A file under config/.")]
Model = Annotated[str, typer.Argument(help="A folder, package:NAME, or a name on the Hugging Face hub.")]
PoolingName = Annotated[str | None, typer.Option("--pooling", help=f"{', '.join(POOLINGS)}; if not its own.")]
SuiteNames = Annotated[list[str], typer.Option("--suite", help=f"{', '.join(SUITES)}; repeatable.")]
TaskNames = Annotated[list[str] | None, typer.Option("--task", help="Only this task; may be repeated.")]
MtebNames = Annotated[
    list[str] | None,
    typer.Option(
        "--task",
        help="Only this task; repeatable. With `--suite mteb --data hub` any task or benchmark of mteb, by its name.",
    ),
]
DataSource = Annotated[
    str, typer.Option("--data", help="senteval:FOLDER, hub, package:gensim, pairs:FILE, labelled:FILE.")
]
Revision = Annotated[str | None, typer.Option(help="Commit of a model on the hub.")]
PrecisionName = Annotated[
    Precision, typer.Option("--precision", help="Of matrix products; bf16 only where the machine is fast at it.")
]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads to compute with; default: all cores.")]


def main() -> None:
    """Entry point: what a user is meant to read becomes one message on stderr and an exit status.

    2 for an InputError or a full disk, 3 for a training that diverged, 130 or 143 for one that a signal stopped.
    """
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    try:
        app(standalone_mode=True)
    except Interrupted as interruption:
        leave(f"{interruption} The same command goes on from there.", interruption.status)
    except Diverged as divergence:
        leave(divergence.message, 3)
    except InputError as error:
        leave(str(error), 2)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        leave(f"The disk is full, so that {error.filename or 'the output'} can't be written.", 2)


def leave(message: str, status: int) -> None:
    """Print a message on stderr and exit, whatever state stdout and stderr are in."""
    try:
        print(f"arccse: {message}", file=sys.stderr, flush=True)
        sys.stdout.flush()
    except OSError:
        # They are files on a full disk. Python would try again at its end, and exit with a status of its own.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())
    sys.exit(status)


def print_version(wanted: bool) -> None:
    if wanted:
        print(f"arccse {installed('arccse')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", callback=print_version, is_eager=True)
    ] = False,
) -> None:
    """What stands before a command. typer's own says what the program is for: see `app`."""


@app.command()
def init(file: Annotated[Path, typer.Argument(help="A new file.")] = Path("config/config.yaml")) -> None:
    """Write a config to begin with, SimCSE against ArcCSE on a small encoder, and say what to do next."""
    from arccse import starting

    starting.write_config(file)
    starting.show_next_steps(file, console)


@app.command()
def plan(
    config: ConfigFile = Path("config/smoke.yaml"),
    measure: Annotated[bool, typer.Option("--measure", help="Time some steps of each encoder here.")] = False,
) -> None:
    """Show the studies, variants and runs of a config, what is shared, and an estimate of the work."""
    from arccse import paths, planning
    from arccse.config import load

    loaded = load(config)
    if measure:
        set_threads(1)
        quiet_libraries()
        if not paths.corpus(loaded).is_file():
            corpus(config)
    planning.show(loaded, console, measure)


@app.command()
def data(config: ConfigFile = Path("config/smoke.yaml")) -> None:
    """Read every evaluation file that a config's tasks need, and write down their checksums."""
    from arccse import paths
    from arccse.config import load
    from arccse.data.hub import unlike_published
    from arccse.evaluation import suites
    from arccse.files import atomic_write

    loaded = load(config)
    source = loaded.source
    tasks = suites.read(loaded.all_suites(), source)
    source.dev()
    checksums = source.checksums(tasks)
    if differing := unlike_published(checksums):
        warn(f"{source.spec} has files that are not SentEval's, so that numbers differ: {', '.join(differing)}.")
    content = {"source": source.spec, "sha256": checksums}
    atomic_write(paths.evaluation_data(loaded), json.dumps(content, indent=1) + "\n")
    console.print(f"{len(tasks)} tasks, {len(checksums)} files of {source.spec} are in order")


@app.command()
def fetch(config: ConfigFile = Path("config/smoke.yaml")) -> None:
    """Fetch all that a config needs of the hub: models, corpus and evaluation data. What is there already stays."""
    from arccse import fetching
    from arccse.config import load

    quiet_libraries()
    parts = fetching.parts(load(config))
    if not parts:
        console.print(f"{config} needs nothing of the hub")
    for what, get in parts:
        path = get()
        console.print(f"{what}: {fetching.size(path):,} bytes in {path}", soft_wrap=True)


@app.command()
def corpus(config: ConfigFile = Path("config/smoke.yaml")) -> None:
    """Fetch and clean a config's training sentences, one a line."""
    from arccse import paths
    from arccse.config import load
    from arccse.data import corpus as corpora

    loaded = load(config)
    sentences = corpora.sentences(loaded.corpus)
    if warning := corpora.check_repeats(sentences, loaded.largest_batch):
        warn(warning)
    corpora.write(sentences, loaded.corpus, paths.corpus(loaded))
    unit = "triplets" if corpora.is_triplets(loaded.corpus) else "sentences"
    console.print(f"{len(sentences)} {unit} in {paths.corpus(loaded)}")


@app.command()
def train(
    run: Annotated[str, typer.Option(help="<variant>-<hash8>/seed<k>, as `arccse plan` lists them.")],
    config: ConfigFile = Path("config/smoke.yaml"),
    threads: Threads = None,
) -> None:
    """Train one run: model/, history.csv and run.json in results/<config>/runs/<run>/."""
    from arccse import devices, paths
    from arccse.config import load

    loaded = load(config)
    known = loaded.runs()
    if run not in known:
        raise InputError(f"--run: {config} has no run '{run}'; {nearest(run, list(known))}")
    set_threads(threads)
    keep_freed_memory()
    quiet_libraries()
    if not paths.corpus(loaded).is_file():
        corpus(config)
    from arccse import runs  # with torch, which reads the number of threads

    with runs.only_trainer(loaded, known[run]), devices.acquire() as device:
        devices.say_if_slow(known[run].variant.hyperparameters.precision, device)
        runs.train(loaded, known[run], device)


@app.command()
def status(config: ConfigFile = Path("config/smoke.yaml")) -> None:
    """Show how far each run of each study is: done, under way with the time left, failed and why, or waiting."""
    from arccse import status as standing
    from arccse.config import load

    standing.show(load(config), console)


@app.command()
def evaluate(
    model: Model,
    suite: SuiteNames,
    data: DataSource,
    out: Annotated[Path, typer.Option(help="The folder to write scores.csv into.")],
    task: MtebNames = None,
    pooling: PoolingName = None,
    revision: Revision = None,
    name: Annotated[str | None, typer.Option(help="The model's name in MTEB's results.")] = None,
    precision: PrecisionName = "fp32",
    threads: Threads = None,
) -> None:
    """Score any encoder: write scores.csv, their origin and what else the suites keep, and print the table.

    Sentences are encoded once for all suites that pool alike.
    """
    from arccse import evaluating
    from arccse.data.sources import open_source
    from arccse.evaluation.scores import as_table

    set_threads(threads)
    source = open_source(data)
    if task and evaluating.is_mtebs(suite, source, task):
        scores = evaluating.evaluate_mteb(
            model, task, out, pooling=pooling, revision=revision, name=name, precision=precision
        )
        from arccse.evaluation import mteb_tasks

        console.print(as_table(scores, mteb_tasks.means(task, scores)))
        return
    scores = evaluating.evaluate(
        *(model, suite, source, out),
        tasks=task,
        pooling=pooling,
        revision=revision,
        name=name,
        embed=partial(evaluating.encode, precision=precision),
    )
    console.print(as_table(scores))


@app.command()
def compare(
    models: Annotated[list[str], typer.Argument(help="Models, folders that evaluate wrote, NAME=MODEL, NAME=GLOB.")],
    suite: SuiteNames,
    data: DataSource,
    task: TaskNames = None,
    pooling: PoolingName = None,
    margin: Annotated[float, typer.Option(help="The largest difference that does not matter, in points.")] = 0.5,
    out: Annotated[Path | None, typer.Option(help="The folder to write tables and page into.")] = None,
    threads: Threads = None,
) -> None:
    """Compare models on the same examples: which is better, how sure that is, what could have been seen.

    What was encoded or scored once is kept (~/.cache/arccse) and costs nothing the next time.
    """
    from arccse import comparing
    from arccse.data.sources import open_source
    from arccse.report import compared

    set_threads(threads)
    found = comparing.compare(models, suite, open_source(data), tasks=task, pooling=pooling, margin=margin)
    if out is not None:
        compared.write(found, out, ["arccse", *sys.argv[1:]])  # first, as nobody may read what is printed
    compared.show(found, console)
    if out is not None:
        console.print(f"{out / 'index.html'}", soft_wrap=True)


@app.command()
def choose(
    config: ConfigFile = Path("config/smoke.yaml"),
    finished: Annotated[
        bool, typer.Option("--finished", help="Leave out rows whose trials are not all there.")
    ] = False,
) -> None:
    """Choose the values of each tuned row by its trials' dev scores: chosen.json in results/<config>/."""
    from arccse import gathering
    from arccse.config import load

    gathering.choose(load(config), finished)


@app.command()
def look(config: ConfigFile = Path("config/smoke.yaml")) -> None:
    """Look at the studies whose seeds grow, and write down what is undecided: looks/ in results/<config>/."""
    from arccse import gathering
    from arccse.config import load

    gathering.look(load(config))


@app.command()
def gather(
    config: ConfigFile = Path("config/smoke.yaml"),
    finished: Annotated[
        bool, typer.Option("--finished", help="Leave out what is not finished; the workflow goes on from there.")
    ] = False,
) -> None:
    """Put the runs' files together: scores.csv, histories.csv, draws.parquet, runs.json, … in results/<config>/."""
    from arccse.config import load
    from arccse.gathering import gather

    gather(load(config), finished)


@app.command()
def stale(
    config: ConfigFile = Path("config/smoke.yaml"),
    accept: Annotated[
        str | None, typer.Option(help="Keep them: why the change has no effect on their numbers.")
    ] = None,
    set_aside: Annotated[bool, typer.Option("--set-aside", help="Move them away, to be made again.")] = False,
) -> None:
    """List the runs that other code made than the present one, and keep them or set them aside."""
    from arccse import stale
    from arccse.config import load

    loaded = load(config)
    if accept is not None and set_aside:
        raise InputError("--accept keeps the runs and --set-aside moves them away: give one of the two.")
    if accept is not None:
        console.print(f"{stale.accept(loaded, accept)} runs are accepted as the present code's")
    elif set_aside:
        console.print(f"set aside: {stale.set_aside(loaded) or 'nothing, since no run was made by other code'}")
    else:
        stale.show(loaded, console)


@app.command()
def report(
    config: ConfigFile = Path("config/smoke.yaml"),
    finished: Annotated[
        bool, typer.Option("--finished", help="Leave out studies, on encoders, of which not all runs are there.")
    ] = False,
) -> None:
    """Make tables, figures and the page of what `arccse gather` wrote. Needs neither the runs nor the data.

    What cannot be drawn is named, and the exit status is 3; everything else is there.
    """
    from arccse import results
    from arccse.config import load
    from arccse.report import build, layout

    loaded = load(config)
    gathered = results.Gathered(loaded)
    if finished:
        from arccse.finished import part_of

        part = part_of(loaded, gathered.runs)
        if part is None:
            raise InputError(f"No study of {config} is finished on any of its encoders yet.")
        loaded = part
    failed = build.write(loaded, results.load(loaded, gathered))
    for path in layout.files(loaded):
        console.print(str(path))
    for name, reason in failed.items():
        print(f"arccse: {name} could not be drawn: {reason}", file=sys.stderr)
    if failed:
        raise typer.Exit(3)


@app.command()
def export(
    run: Annotated[str, typer.Option(help="<variant>-<hash8>/seed<k>, as `arccse plan` lists them.")],
    out: Annotated[Path, typer.Option(help="The new folder.")],
    config: ConfigFile = Path("config/smoke.yaml"),
) -> None:
    """Copy a run's model to a new folder with a card that has its scores, ready to publish."""
    from arccse import card
    from arccse.config import load

    loaded = load(config)
    known = loaded.runs()
    if run not in known:
        raise InputError(f"--run: {config} has no run '{run}'; {nearest(run, list(known))}")
    scores = card.export(loaded, known[run], out)
    unscored = [suite for suite in loaded.suites_of(run) if suite not in {line.suite for line in scores}]
    console.print(f"{out}: {len(scores)} scores" + (f"; none of {', '.join(unscored)}" if unscored else ""))


@app.command()
def schema() -> None:
    """Print the JSON schema of a config, which workflow/schemas/config.schema.json holds."""
    from arccse.schema import config_schema

    print(json.dumps(config_schema(), indent=1, ensure_ascii=False))


add_examples(app)


def warn(message: str) -> None:
    print(f"arccse: warning: {message}", file=sys.stderr)
