rule embed:
    input:
        f"{RESULTS}/runs/{{run}}/run.json",
        model=f"{RESULTS}/runs/{{run}}/model",
    output:
        temp(f"{RESULTS}/runs/{{run}}/embeddings-{{pooling}}.parquet"),
    params:
        suites=lambda wildcards: [
            f"--suite {suite}" for suite in SUITES[wildcards.run] if pooling_of(wildcards.run, suite) == wildcards.pooling
        ],
        source=CONFIG.data,
    log:
        f"{RESULTS}/logs/{{run}}/embed-{{pooling}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/{{run}}/embed-{{pooling}}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
    shell:
        unless_diverged(
            "arccse embed {input.model} {params.suites} --pooling {wildcards.pooling} --data {params.source:q}"
            " --out {output} --threads {threads}"
        )


# Two kinds of suite leave a file more, of what their scores are taken over: below.
rule evaluate:
    wildcard_constraints:
        suite=keeping(None),
    input:
        model=f"{RESULTS}/runs/{{run}}/model",
        embeddings=lambda wildcards: (
            f"{RESULTS}/runs/{wildcards.run}/embeddings-{pooling_of(wildcards.run, wildcards.suite)}.parquet"
        ),
    output:
        scores=f"{RESULTS}/runs/{{run}}/{{suite}}/scores.csv",
        record=f"{RESULTS}/runs/{{run}}/{{suite}}/evaluation.json",
    params:
        out=lambda wildcards, output: str(Path(output.scores).parent),
        pooling=lambda wildcards: pooling_of(wildcards.run, wildcards.suite),
        name=lambda wildcards: f"arccse/{RUNS[wildcards.run].variant.id}",
        source=CONFIG.data,
    log:
        f"{RESULTS}/logs/{{run}}/evaluate-{{suite}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/{{run}}/evaluate-{{suite}}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
    shell:
        unless_diverged(
            "arccse evaluate {input.model} --suite {wildcards.suite} --pooling {params.pooling} --data {params.source:q}"
            " --name {params.name} --embeddings {input.embeddings} --out {params.out} --threads {threads}"
        )


use rule evaluate as evaluate_pairs with:
    wildcard_constraints:
        suite=keeping("pairs.parquet"),
    output:
        **rules.evaluate.output,
        kept=f"{RESULTS}/runs/{{run}}/{{suite}}/pairs.parquet",


use rule evaluate as evaluate_examples with:
    wildcard_constraints:
        suite=keeping("examples.parquet"),
    output:
        **rules.evaluate.output,
        kept=f"{RESULTS}/runs/{{run}}/{{suite}}/examples.parquet",
