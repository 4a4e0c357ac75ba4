# make run: the whole pipeline on an embedded catalogue.  make test: the test suite.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
PEERS := .venv-peers
FASTFIT := .venv-fastfit
export PYTHONDONTWRITEBYTECODE := # what is compiled is kept: this saves 5 seconds in each process
PYTEST := $(BIN)/pytest -n 2 --dist worksteal

.PHONY: help setup run check test test-thorough docs notebook peers bench-rules bench-label-models bench-suggestion bench-train bench-busy bench-embed \
  bench-weak bench-money bench-strategies bench-stream bench-labels bench-rounds bench-annotation bench-predict fix clean
help: ## what there is to make
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 20

# --no-compile: modules are compiled when they are first imported, and most never are
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt -e ".[dev]"
	@touch $(READY)

setup: $(READY) ## a virtual environment in .venv with pinned dependencies

run: $(READY) ## rules to an exported model, beside random labels without rules
	$(BIN)/wsal run experiment=catalog_random
	$(BIN)/wsal run experiment=catalog
	@echo
	$(BIN)/wsal compare catalog catalog_random --out runs/compare.html

check: $(READY) ## lint, types, layers, documentation, fast tests
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache > .venv/layers.txt || (cat .venv/layers.txt; exit 1)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	$(PYTEST) -m "not slow"

test: $(READY) ## every test
	$(PYTEST)

test-thorough: $(READY) ## every test, with more random cases, other ones each time: half an hour
	WSAL_TESTS=thorough $(PYTEST)

$(PEERS)/ready: pyproject.toml constraints.txt benchmarks/peers.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[all]" -r benchmarks/peers.txt
	@touch $@

$(FASTFIT)/ready: benchmarks/fastfit.txt
	$(PYTHON) -m venv $(FASTFIT)
	$(FASTFIT)/bin/pip install --quiet --disable-pip-version-check -r benchmarks/fastfit.txt
	@touch $@

peers: $(PEERS)/ready ## a second environment in .venv-peers: wsal beside its peers

bench-rules: $(PEERS)/ready ## voting by rules, timed beside Snorkel
	$(PEERS)/bin/python benchmarks/rules.py

bench-label-models: $(PEERS)/ready ## label models, timed and scored beside their peers
	$(PEERS)/bin/python benchmarks/label_models.py

bench-suggestion: $(PEERS)/ready ## suggested rules beside hand-written ones, on the sets in WSAL_DATA
	$(PEERS)/bin/python benchmarks/suggestion.py

bench-train: $(PEERS)/ready ## training, timed and scored beside transformers' Trainer
	$(PEERS)/bin/python benchmarks/training.py

bench-busy: $(READY) ## training on two cores beside another busy process
	$(BIN)/python benchmarks/busy_machine.py

bench-embed: $(PEERS)/ready ## embedding and scoring a pool, beside sentence-transformers and pipeline
	$(PEERS)/bin/python benchmarks/embedding.py

bench-weak: $(READY) ## a model beside its own weak labels, and extra training; on the sets in WSAL_DATA
	$(BIN)/python benchmarks/weak_training.py

bench-money: $(PEERS)/ready ## quality against money: rules, a language model (recorded answers), people; goes on where it stopped
	$(PEERS)/bin/python benchmarks/money.py
	$(PEERS)/bin/python benchmarks/money_report.py --plots benchmarks/results/plots

bench-strategies: $(READY) ## query strategies on PriceRunner and BigBasket, with and without rules
	$(BIN)/python benchmarks/strategies.py

bench-stream: $(PEERS)/ready ## memory of training data of 1 and 10 million texts
	$(PEERS)/bin/python benchmarks/streaming.py

bench-labels: $(PEERS)/ready $(FASTFIT)/ready ## labels saved, beside random labels, small-text, SetFit, FastFit: days on two cores; goes on where it stopped
	$(PEERS)/bin/python benchmarks/labels.py
	$(PEERS)/bin/python benchmarks/label_report.py

bench-rounds: $(PEERS)/ready ## a round on millions of texts, and forecasts on real learning curves
	$(PEERS)/bin/python benchmarks/large_pool.py
	$(PEERS)/bin/python benchmarks/curves.py

bench-annotation: $(READY) ## eight people on the page, beside Label Studio if LABEL_STUDIO names its program
	$(BIN)/python benchmarks/annotation.py $(if $(LABEL_STUDIO),--label-studio $(LABEL_STUDIO))

bench-predict: $(READY) ## labelling tables and answering requests, beside transformers' pipeline
	$(BIN)/python benchmarks/prediction.py

docs: $(READY) ## the documentation as a site in build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

notebook: $(READY) ## run the notebook of the documentation, and keep its outputs
	$(BIN)/python docs/scripts/notebook.py

fix: $(READY) ## format, and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## away with the environment and caches; runs stay
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
