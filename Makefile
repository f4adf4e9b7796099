# `make run` and `make test` need nothing but Python ≥ 3.11; both begin with `make install`. CONFIG names another config.
PYTHON ?= python3
CONFIG ?= config/smoke.yaml
BIN := .venv/bin

.PHONY: install run test report lint

install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip setuptools
	# torch alone first: a plain requirement of another package must find it there
	$(BIN)/pip install --quiet -c constraints.txt "torch==$$(sed -n 's/^torch==//p' constraints.txt)"
	$(BIN)/pip install --quiet -c constraints.txt -e .[workflow,dev]
	touch $@

run: install
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/snakemake --cores all --configfile $(CONFIG)

test: install
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

# of the gathered scores, for which nothing is trained or read: those committed, or CONFIG's
report: CONFIG = config/laptop.yaml
report: install
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/arccse report --config $(CONFIG)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/snakemake --lint
