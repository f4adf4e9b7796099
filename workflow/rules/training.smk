rule train:
    input:
        # A run's hash covers corpus and dev set; newer copies of their files are no reason to train again.
        ancient(str(paths.corpus(CONFIG))),
        ancient(str(paths.evaluation_data(CONFIG))),
    output:
        model=directory(f"{RESULTS}/runs/{{run}}/model"),
        history=f"{RESULTS}/runs/{{run}}/history.csv",
        record=f"{RESULTS}/runs/{{run}}/run.json",
    log:
        f"{RESULTS}/logs/{{run}}/train.log",
    benchmark:
        f"{RESULTS}/benchmarks/{{run}}/train.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
    shell:
        f"arccse train --config {CONFIG_FILE!r} --run {{wildcards.run}} --threads {{threads}} > {{log}} 2>&1"
