rule corpus:
    output:
        str(paths.corpus(CONFIG)),
    params:
        config=CONFIG_FILE,
    log:
        f"{RESULTS}/logs/corpus.log",
    conda:
        "../../environment.yml"
    shell:
        "arccse corpus --config {params.config:q} > {log} 2>&1"


rule evaluation_data:
    output:
        str(paths.evaluation_data(CONFIG)),
    params:
        config=CONFIG_FILE,
        # so that another source, or a suite more, is checked before anything is trained
        source=CONFIG.data,
        suites=CONFIG.all_suites(),
    log:
        f"{RESULTS}/logs/evaluation_data.log",
    conda:
        "../../environment.yml"
    shell:
        "arccse data --config {params.config:q} > {log} 2>&1"
