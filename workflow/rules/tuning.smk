# The final runs of tuned rows have the values that their trials' dev scores choose, and are known from then on.
checkpoint choose:
    input:
        trials_to_read,
    output:
        update(str(paths.chosen(CONFIG))),
    params:
        config=CONFIG_FILE,
        trials=TRIALS,
    log:
        f"{RESULTS}/logs/choose.log",
    conda:
        "../../environment.yml"
    shell:
        "arccse choose --config {params.config:q} > {log} 2>&1"
