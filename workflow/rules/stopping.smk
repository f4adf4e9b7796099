# The seeds of studies that stop when decided are known look by look.
checkpoint look:
    input:
        to_look_at,
    output:
        f"{RESULTS}/looks/{{look}}.json",
    params:
        config=CONFIG_FILE,
    log:
        f"{RESULTS}/logs/look-{{look}}.log",
    conda:
        "../../environment.yml"
    shell:
        "arccse look --config {params.config:q} > {log} 2>&1"
