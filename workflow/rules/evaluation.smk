# One job scores a run on all suites that it still lacks: a sentence is encoded once, and libraries are imported once.
rule evaluate:
    input:
        f"{RESULTS}/runs/{{run}}/run.json",
        model=f"{RESULTS}/runs/{{run}}/model",
    output:
        directory(f"{RESULTS}/runs/{{run}}/scores/{{suites}}"),
    params:
        suites=lambda wildcards: [f"--suite {suite}" for suite in wildcards.suites.split("+")],
        name=lambda wildcards: f"arccse/{RUNS[wildcards.run].variant.id}",
        source=CONFIG.data,
        precision=CONFIG.scoring_precision,
    log:
        f"{RESULTS}/logs/{{run}}/evaluate-{{suites}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/{{run}}/evaluate-{{suites}}.tsv"
    conda:
        "../../environment.yml"
    threads: asked("threads")
    resources:
        gpu=asked("gpu"),
        mem_mb=asked("mem_mb"),
        runtime=asked("runtime"),
    shell:
        # a training that diverged has left no model, and has no scores
        "if [ -e {input.model}/diverged.json ]; then mkdir {output}; else"
        " arccse evaluate {input.model} {params.suites} --data {params.source:q} --name {params.name} --out {output}"
        " --precision {params.precision}"
        " --threads {threads} > {log} 2>&1; fi"
