# `make run` and `make test` need nothing but Python ≥ 3.11; both begin with `make install`. CONFIG names another config.
PYTHON ?= python3
CONFIG ?= config/smoke.yaml
BIN := .venv/bin

.PHONY: install run test report rehearsal lint docs image

install: .venv/installed

# Not compiled: most of 21,000 files are never imported, and Python compiles the others when they are first.
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip setuptools
	# torch alone first: a plain requirement of another package must find it there
	$(BIN)/pip install --quiet --no-compile -c constraints.txt "torch==$$(sed -n 's/^torch==//p' constraints.txt)"
	$(BIN)/pip install --quiet --no-compile -c constraints.txt -e .[workflow,dev,cluster,docs]
	touch $@

run: install
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/snakemake --cores all --configfile $(CONFIG)

test: install
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

# of the gathered scores, for which nothing is trained or read: those committed, or CONFIG's
report: CONFIG = config/laptop.yaml
report: install
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/arccse report --config $(CONFIG)

# paper.yaml, cut short, from stand-ins on a hub of this machine; docs/hub.md
rehearsal: install
	PATH="$(CURDIR)/$(BIN):$$PATH" ARCCSE_REHEARSE=2 $(BIN)/python tests/stand_ins.py build/rehearsal \
		snakemake --cores all --configfile config/paper.yaml

# for clusters that run containers; untried, as the Dockerfile says
image:
	docker build --tag arccse:$$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml) --tag arccse:latest .

# the site, in build/site; `python -m http.server -d build/site` serves it with its search
docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/snakemake --lint
