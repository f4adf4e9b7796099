import os
import subprocess
import sys

from arccse import config as configs
from arccse import paths
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


def all_scores(wildcards):
    """The scores of every run on every suite that its studies ask for."""
    return [f"{RESULTS}/runs/{run}/{suite}/scores.csv" for run in RUNS for suite in SUITES[run]]


def check_evaluation_data():
    """Read every file that the suites need; stop with the message of `arccse data` if one is not in order."""
    if subprocess.run(["arccse", "data", "--config", CONFIG_FILE]).returncode != 0:
        raise WorkflowError("The evaluation data are not in order; nothing was run.")
