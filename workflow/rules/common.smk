import fcntl
import os
import subprocess
import sys
from pathlib import Path

from arccse import config as configs
from arccse import paths, standings
from arccse.errors import InputError
from arccse.evaluation import suites
from arccse.models import POOLINGS
from arccse.report import layout

# Snakemake would merge --configfile into a default given by the `configfile:` directive, key by key; a config
# of ours is one whole file, read and validated by arccse. Its path is a parameter of rules, so the same file must
# have one name, from wherever it was given.
CONFIG_FILE = os.path.relpath(workflow.configfiles[-1] if workflow.configfiles else "config/smoke.yaml")

try:
    CONFIG = configs.load(CONFIG_FILE)
    if len(workflow.configfiles) > 1 or workflow.config_settings.config:
        raise InputError("--configfile takes one file and --config is not used: every key is read from that file.")
    STANDINGS = standings.standings(CONFIG)
    standings.refuse_other_code(CONFIG, STANDINGS.values())
except InputError as error:
    sys.exit(f"arccse: {error}")

RUNS = CONFIG.runs()
SUITES = {run: CONFIG.suites_of(run) for run in RUNS}
RESULTS = str(paths.results(CONFIG))


wildcard_constraints:
    run=r"[^/]+/seed\d+",
    suite="|".join(suites.SUITES),
    pooling="|".join(POOLINGS),


def report_files(*endings):
    """What `arccse report` writes: all of it, or the files with one of the endings."""
    return [str(path) for path in layout.files(CONFIG) if not endings or path.name.endswith(endings)]


def captioned(files, caption, category):
    """The files, marked for Snakemake's own `--report`."""
    return report(files, caption=f"../report/{caption}.rst", category=category)


def pooling_of(run, suite):
    """The pooling that a run's embeddings for a suite are made with: the suite's, otherwise the run's own."""
    return suites.SUITES[suite].pooling or RUNS[run].variant.hyperparameters.pooling


def keeping(file):
    """A pattern of the suites that leave a file of that name beside scores and record; None: of those that leave none."""
    return "|".join(name for name, suite in suites.SUITES.items() if (suite.keeps and suite.keeps.file) == file)


def to_make():
    """The histories and scores of runs that are neither in their folders nor gathered."""
    histories = [f"{RESULTS}/runs/{run}/history.csv" for run, standing in STANDINGS.items() if standing.to_train]
    scored = [(run, suite) for run, standing in STANDINGS.items() for suite in standing.to_score]
    return [*histories, *(f"{RESULTS}/runs/{run}/{suite}/scores.csv" for run, suite in scored)]


def to_gather(wildcards):
    """What gathering reads: what is to be made, and what is in the runs' folders and not made again.

    The latter is flagged before_update: Snakemake looks at its time and takes nobody to be its maker.
    """
    kept = [run for run, standing in STANDINGS.items() if standing.in_folder and not standing.to_train]
    files = [f"{RESULTS}/runs/{run}/{suite}/scores.csv" for run in kept for suite in SUITES[run]]
    files += [f"{RESULTS}/runs/{run}/history.csv" for run in kept]
    made = to_make()
    return [*made, *(before_update(file) for file in files if file not in made and Path(file).exists())]


def unless_diverged(command):
    """A command that scores a run's model, or, where the training diverged and left none, an empty file."""
    return f"if [ -e {{input.model}}/diverged.json ]; then touch {{output}}; else {command} > {{log}} 2>&1; fi"


def hold_folder():
    """Let no other workflow of this config run beside this one, and remove the locks that a killed one has left.

    Snakemake's locks outlive a process that is killed, the kernel's do not. So whoever gets the kernel's lock knows that
    those of Snakemake on the same files are nobody's.
    """
    Path(".snakemake").mkdir(exist_ok=True)
    held = Path(f".snakemake/arccse-{CONFIG.name}.lock").open("a")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return held  # Snakemake says that the folder is locked
    for left in Path(".snakemake/locks").glob("*.lock"):
        if all(line.startswith(RESULTS) for line in left.read_text().splitlines()):
            left.unlink()
    return held


if workflow.is_main_process and not workflow.dryrun:
    HELD = hold_folder()  # until this process ends


def check_evaluation_data():
    """Read every file that the suites need; stop with the message of `arccse data` if one is not in order."""
    if subprocess.run(["arccse", "data", "--config", CONFIG_FILE]).returncode != 0:
        raise WorkflowError("The evaluation data are not in order; nothing was run.")
