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


# Before the first job, not as jobs: an unreadable file must stop everything, and whatever else the data turn out to
# be (a suite more, other files) is no reason to train again. A dry run reads nothing and needs no network.
onstart:
    fetch()
    check_evaluation_data()
