rule gather:
    input:
        all_scores,
        expand(f"{RESULTS}/runs/{{run}}/history.csv", run=RUNS),
    output:
        captioned(str(paths.scores(CONFIG)), "scores", "Scores"),
        [str(path) for path in layout.gathered(CONFIG) if path != paths.scores(CONFIG)],
    params:
        config=CONFIG_FILE,
        # a score that is not there yet is no reason for Snakemake to run a rule again; a parameter is
        suites=SUITES,
    log:
        f"{RESULTS}/logs/gather.log",
    conda:
        "../../environment.yml"
    shell:
        "arccse gather --config {params.config:q} > {log} 2>&1"


rule report:
    input:
        [str(path) for path in layout.gathered(CONFIG)],
    output:
        captioned(report_files(".html"), "page", "Page"),
        captioned([str(paths.table(CONFIG, study, "csv")) for study in CONFIG.studies], "table", "Tables"),
        captioned(report_files("-comparisons.csv"), "comparisons", "Comparisons"),
        captioned(report_files(".svg"), "figure", "Figures"),
        report_files(".md", ".tex", ".pdf", ".png"),
    params:
        config=CONFIG_FILE,
        # captions and titles are part of what is rendered, and of nothing else
        text=[CONFIG.caveat, *(f"{name}: {study.title}" for name, study in CONFIG.studies.items())],
        rows={study: [(row.encoder, row.label, row.variant.id) for row in CONFIG.rows(study)] for study in CONFIG.studies},
    log:
        f"{RESULTS}/logs/report.log",
    conda:
        "../../environment.yml"
    shell:
        "arccse report --config {params.config:q} > {log} 2>&1"
