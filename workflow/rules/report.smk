rule report:
    input:
        all_scores,
        histories=expand(f"{RESULTS}/runs/{{run}}/history.csv", run=RUNS),
    output:
        report_files(),
    params:
        config=CONFIG_FILE,
        # captions and titles are part of what is rendered, and of nothing else
        text=[CONFIG.caveat, *(f"{name}: {study.title}" for name, study in CONFIG.studies.items())],
        # a score that is not there yet is no reason for Snakemake to run a rule again; a parameter is
        suites=SUITES,
        rows={study: [(row.encoder, row.label, row.variant.id) for row in CONFIG.rows(study)] for study in CONFIG.studies},
    log:
        f"{RESULTS}/logs/report.log",
    conda:
        "../../environment.yml"
    shell:
        "arccse report --config {params.config:q} > {log} 2>&1"
