import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

# A config is read here, in Snakemake's own environment, which rules that have environments of their own do not change.
try:
    from arccse import config as configs
    from arccse import fetching, locks, paths, standings
    from arccse.errors import InputError
    from arccse.report import layout
    from arccse.results import Gathered
except ModuleNotFoundError as error:
    sys.exit(
        f"arccse: no {error.name} beside Snakemake in {sys.prefix}; there, run: pip install REPOSITORY-OF-ARCCSE"
    )

# Snakemake would merge --configfile into a default given by the `configfile:` directive, key by key; a config
# of ours is one whole file, read and validated by arccse. The directive is that of a workflow that uses this one as a
# module. The file's path is a parameter of rules, so the same file must have one name, from wherever it was given.
GIVEN = workflow.config_settings.configfiles or workflow.configfiles or ["config/config.yaml"]
CONFIG_FILE = os.path.relpath(GIVEN[-1])

try:
    CONFIG = configs.load(CONFIG_FILE)
    if len(GIVEN) > 1 or workflow.config_settings.config:
        raise InputError("--configfile takes one file and --config is not used: every key is read from that file.")
    STANDINGS = standings.standings(CONFIG)
    standings.refuse_other_code(CONFIG, STANDINGS.values())
except InputError as error:
    sys.exit(f"arccse: {error}")

RUNS = CONFIG.runs()
KNOWN = {}  # look → the runs that it looks at
TRIALS = [run.id for run in CONFIG.trial_runs()]
RESULTS = str(paths.results(CONFIG))


def take_in_choices(before=None):
    """Wait until tuning has chosen its values and looks have found the seeds enough; then know the runs that follow.

    before: a look, for whose seeds those before it are enough.

    How far the other runs are stays as it was found when the workflow started. Who reads CONFIG or RUNS for what depends
    on these choices calls this from an input function, since Snakemake makes such a job anew once they are there.
    """
    if TRIALS:
        checkpoints.choose.get()
        know_runs_of("choice")
    while CONFIG.to_look_at and (look := len(CONFIG.looks) + 1) != before:
        checkpoints.look.get(look=look)
        know_runs_of(look)


@cache
def know_runs_of(choice):
    """Read the config with a choice or look, once: several input functions ask, and it is not made again."""
    global CONFIG
    CONFIG = configs.load(CONFIG_FILE)
    results = Gathered(CONFIG)
    new = {name: standings.standing(CONFIG, run, results) for name, run in CONFIG.runs().items() if name not in RUNS}
    standings.refuse_other_code(CONFIG, new.values())
    STANDINGS.update(new)
    RUNS.update(CONFIG.runs())


# Seconds of work, or a download: on a cluster they run where Snakemake does.
localrules:
    all,
    corpus,
    choose,
    look,
    check_figures,


wildcard_constraints:
    run=r"[^/]+/seed\d+",
    suites=r"[^/]+",
    look=r"\d+",


def asked(resource):
    """A resource of a job that trains or scores a run: what the config says of the run's encoder."""
    return lambda wildcards: getattr(CONFIG.resources_of(wildcards.run), resource)


def report_files(*endings):
    """What `arccse report` writes: all of it, or the files with one of the endings."""
    return [str(path) for path in layout.files(CONFIG) if not endings or path.name.endswith(endings)]


def captioned(files, caption, category):
    """The files, marked for Snakemake's own `--report`."""
    return report(files, caption=f"../report/{caption}.rst", category=category)


def trials_to_read(wildcards):
    """The histories that the choice is made by: trials to be made, and those in their folders (see `to_gather`)."""
    histories = {run: f"{RESULTS}/runs/{run}/history.csv" for run in TRIALS}
    made = [history for run, history in histories.items() if STANDINGS[run].to_train]
    kept = [history for run, history in histories.items() if STANDINGS[run].in_folder and history not in made]
    return [*made, *map(before_update, kept)]


def to_make(runs):
    """The histories and scores of those of some runs that are neither in their folders nor gathered."""
    histories = [f"{RESULTS}/runs/{run}/history.csv" for run in runs if STANDINGS[run].to_train]
    to_score = {run: STANDINGS[run].to_score for run in runs if STANDINGS[run].to_score}
    return [*histories, *(str(paths.evaluation(CONFIG, run, suites)) for run, suites in to_score.items())]


def to_gather(wildcards):
    """What gathering reads."""
    take_in_choices()
    return to_read(RUNS)


def to_look_at(wildcards):
    """What a look reads: the same of the runs that are known before it."""
    look = int(wildcards.look)
    if look not in KNOWN:
        take_in_choices(before=look)
        KNOWN[look] = [*RUNS]
    return to_read(KNOWN[look])


def to_read(runs):
    """Of some runs, what is to be made, and what is in their folders and not made again.

    The latter is flagged before_update: Snakemake looks at its time and takes nobody to be its maker.
    """
    made = to_make(runs)
    kept = [run for run in runs if STANDINGS[run].in_folder and not STANDINGS[run].to_train]
    files = {f"{RESULTS}/runs/{run}/history.csv" for run in kept}
    files |= {str(folder) for run in kept for folder in paths.run_folder(CONFIG, run).glob("scores/*")}
    return [*made, *(before_update(file) for file in sorted(files - {*made}) if Path(file).exists())]


def gathered(wildcards):
    """What the report is made of, once it is known which runs that is."""
    take_in_choices()
    return [str(path) for path in layout.gathered(CONFIG)]


def hold_folder():
    """Let no other workflow of this config run beside this one, and remove the locks that a killed one has left.

    Snakemake's locks outlive a process that is killed, the kernel's do not. So whoever gets the kernel's lock knows that
    those of Snakemake on the same files are nobody's.
    """
    Path(".snakemake").mkdir(exist_ok=True)
    held = Path(f".snakemake/arccse-{CONFIG.name}.lock").open("a")
    if locks.lock_one([held]) is None:
        return held  # Snakemake says that the folder is locked
    for left in Path(".snakemake/locks").glob("*.lock"):
        if all(line.startswith(RESULTS) for line in left.read_text().splitlines()):
            left.unlink()
    return held


if workflow.is_main_process and not workflow.dryrun:
    HELD = hold_folder()  # until this process ends


def fetch():
    """Fetch what is on the hub, once, before hundreds of jobs would each ask for it, perhaps where there is no network."""
    if any(one.to_train or one.to_score for one in STANDINGS.values()) and fetching.parts(CONFIG):
        before_jobs("fetch", "The hub did not give what the config needs")


def check_evaluation_data():
    """Read every file that the suites need; stop with the message of `arccse data` if one is not in order."""
    before_jobs("data", "The evaluation data are not in order")


def before_jobs(command, failure):
    """Run a command of `arccse` on the config, and stop the workflow before its first job where it fails."""
    if shutil.which("arccse") is None:
        raise WorkflowError(
            "There is no command arccse on PATH, which rules call; activate .venv, or run: pip install ."
        )
    if subprocess.run(["arccse", command, "--config", CONFIG_FILE]).returncode != 0:
        raise WorkflowError(f"{failure}; nothing was run.")
