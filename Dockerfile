# The environment of constraints.txt and this package, for clusters that run containers: `make image`.
# Untried: there was no docker where it was written. As an Apptainer image: apptainer build arccse.sif docker-daemon://arccse:latest
FROM python:3.11-slim-bookworm
# git: a run records the commit that made it; procps: Snakemake looks at its jobs with ps
RUN apt-get update && apt-get install -y --no-install-recommends git procps && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/arccse
COPY pyproject.toml constraints.txt README.md LICENSE Snakefile environment.yml ./
COPY arccse arccse
COPY workflow workflow
COPY profiles profiles
COPY config config
# torch alone first, as in the Makefile; its wheels bring CUDA along, which needs nothing but the node's driver
RUN pip install --no-cache-dir -c constraints.txt "torch==$(sed -n 's/^torch==//p' constraints.txt)" \
    && pip install --no-cache-dir -c constraints.txt ".[workflow,cluster]"
