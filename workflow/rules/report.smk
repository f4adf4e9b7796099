rule gather:
    input:
        to_gather,
    # updated, not made anew: Snakemake must not delete them before the job or when it fails, since they may be all that is
    # left of runs
    output:
        update(captioned(str(paths.scores(CONFIG)), "scores", "Scores")),
        update([str(path) for path in layout.gathered(CONFIG) if path != paths.scores(CONFIG)]),
    params:
        config=CONFIG_FILE,
        # a score that is not there yet is no reason for Snakemake to run a rule again; a parameter is
        suites=lambda wildcards: {run: CONFIG.suites_of(run) for run in sorted(RUNS)},
    log:
        f"{RESULTS}/logs/gather.log",
    conda:
        "../../environment.yml"
    resources:
        mem_mb=4000,
        runtime=60,
    shell:
        "arccse gather --config {params.config:q} > {log} 2>&1"


rule report:
    input:
        gathered,
    output:
        update(captioned(report_files(".html"), "page", "Page")),
        update(
            captioned([str(paths.table(CONFIG, table, "csv")) for table in layout.tables(CONFIG)], "table", "Tables")
        ),
        update(captioned(report_files("-comparisons.csv"), "comparisons", "Comparisons")),
        update(captioned(report_files(".svg"), "figure", "Figures")),
        update(report_files(".md", ".tex", ".pdf", ".png")),
        failed=str(paths.failed_figures(CONFIG)),
    params:
        config=CONFIG_FILE,
        # captions and titles are part of what is rendered, and of nothing else
        text=[CONFIG.caveat, *(f"{name}: {study.title}" for name, study in CONFIG.studies.items())],
        claims=[CONFIG.equivalence, *(claim.model_dump(mode="json") for claim in CONFIG.claims.values())],
        rows=lambda wildcards: {
            study: [(row.encoder, row.label, row.variant.id) for row in CONFIG.rows(study)]
            for study in CONFIG.studies
        },
    log:
        f"{RESULTS}/logs/report.log",
    conda:
        "../../environment.yml"
    threads: 4
    resources:
        mem_mb=4000,  # laptop's took 965, and 600 each process that draws
        runtime=60,
    shell:
        # status 3: a figure failed, and all else is there
        "LOKY_MAX_CPU_COUNT={threads} arccse report --config {params.config:q} > {log} 2>&1 || [ $? -eq 3 ]"


# Apart from the report, whose files Snakemake would take back if it failed.
rule check_figures:
    input:
        failed=str(paths.failed_figures(CONFIG)),
        page=str(paths.page(CONFIG)),
    output:
        touch(f"{RESULTS}/logs/figures-drawn"),
    log:
        f"{RESULTS}/logs/check_figures.log",
    conda:
        "../../environment.yml"
    shell:
        "if [ -s {input.failed} ]; then cp {input.failed} {log}; exit 1; fi"
