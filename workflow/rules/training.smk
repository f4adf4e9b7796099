rule train:
    input:
        # A run's hash covers its corpus; a newer copy of the file is no reason to train again.
        ancient(str(paths.corpus(CONFIG))),
    output:
        model=directory(f"{RESULTS}/runs/{{run}}/model"),
        history=f"{RESULTS}/runs/{{run}}/history.csv",
        record=f"{RESULTS}/runs/{{run}}/run.json",
    params:
        config=CONFIG_FILE,
    log:
        f"{RESULTS}/logs/{{run}}/train.log",
    benchmark:
        f"{RESULTS}/benchmarks/{{run}}/train.tsv"
    conda:
        "../../environment.yml"
    threads: asked("threads")
    resources:
        gpu=asked("gpu"),
        mem_mb=asked("mem_mb"),
        runtime=asked("runtime"),
    shell:
        # Snakemake deletes the log before each try; what every try said stays behind the link
        # status 3: it diverged, which is an outcome that the tables show
        "ln -sf train-tries.log {log}; "
        "arccse train --config {params.config:q} --run {wildcards.run} --threads {threads} >> {log} 2>&1 || [ $? -eq 3 ]"
