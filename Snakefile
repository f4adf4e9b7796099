"""config → runs → train → evaluate → gather → report. Each rule calls one command of `arccse`."""

from snakemake.utils import min_version

min_version("9.0")


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/tuning.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        to_make(),
        rules.choose.output if TRIALS else [],
        report_files(),
        rules.check_figures.output,


# With keep-going Snakemake calls it a success when no job is ready any more, whatever jobs are left (its issue 823). It
# has happened once in a thousand faults, after a kill.
onsuccess:
    if left := workflow.scheduler.remaining_jobs:
        raise WorkflowError(f"{len(left)} jobs were never started, {left[0]} among them. Give the same command again.")
