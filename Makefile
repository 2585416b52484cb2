# Everything a newcomer needs is Python 3.11 to 3.13, pip and make; the rest is set up below.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.ready
OUT    ?= demo
# A test file a process, so that what the tests of a file share is made once.
SPREAD := -n auto --maxprocesses 4 --dist loadfile

.PHONY: help setup demo test test-all test-slow coverage lint verify bench bench-search suites transcripts profiles models lock docs clean

help:            ## this list
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

setup: $(STAMP)  ## the virtual environment, from the lock file

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP)   ## two worlds, a tuned threshold, a graded report in $(OUT)/
	$(BIN)/biomatch demo --out "$(OUT)"

lint: $(STAMP)   ## ruff, mypy (strict), import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint       ## the default suite (under ten minutes on two cores)
	$(BIN)/python -m pytest -m "not slow" $(SPREAD)

test-all:        ## the default suite on every supported Python that this machine has
	@lacking=""; for version in 3.11 3.12 3.13; do \
	  python=$$(command -v python$$version || ls -d $(HOME)/.pyenv/versions/$$version.*/bin/python 2>/dev/null | tail -n 1); \
	  if [ -z "$$python" ]; then lacking="$$lacking $$version"; continue; fi; \
	  echo "== Python $$version"; \
	  $(MAKE) test PYTHON="$$python" VENV=.venv-$$version || exit 1; \
	done; \
	if [ -n "$$lacking" ]; then echo "not run, because this machine lacks them: Python$$lacking"; fi

coverage: $(STAMP) ## branch coverage of both packages by the default suite; fails below 90%
	$(BIN)/coverage run -m pytest -m "not slow"
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

test-slow: $(STAMP)  ## the longer verification
	$(BIN)/python -m pytest -m slow --timeout 3600 $(SPREAD)

verify: $(STAMP) ## published figures beside simulated ones
	$(BIN)/biomatch verify

profiles: $(STAMP) ## fit the built-in face profiles to published figures, print the residuals
	$(BIN)/python -m biomatch.training.profiles

models: $(STAMP) ## calibrators and fusion of fraud evidence, line of the stays' posterior, on reserved seeds (extra: train)
	$(BIN)/python -m biomatch.training.models

bench: $(STAMP)  ## speed and memory, as ratios in one run
	$(BIN)/python -m pytest benchmarks --benchmark-enable --benchmark-only

bench-search: $(STAMP)  ## search beside FAISS, hnswlib, usearch and Milvus Lite: table and picture
	$(BIN)/python -m pip install --quiet --no-build-isolation -e ".[peers,milvus]"
	$(BIN)/python benchmarks/search/compare.py --enrolled 100000 1000000
	$(BIN)/python benchmarks/search/report.py

suites: $(STAMP) ## the shipped suites, run here, and their tables in benchmarks/results/suites
	$(BIN)/python benchmarks/suites/suite_tables.py --out studies benchmarks/suites/*.toml

transcripts: $(STAMP) ## run what README and tutorials print, and put today's output there
	$(BIN)/python tests/docs/transcript.py --write README.md docs/engineer.md docs/researcher.md docs/analyst.md \
	  docs/tuning.md docs/twin.md

docs: $(STAMP)   ## the tutorials and the API reference as pages in site/; a warning is an error
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs site

lock:            ## renew requirements.lock (needs uv)
	uv pip compile --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
	  --group dev --extra train --extra images --extra milvus --extra dask --no-header -q pyproject.toml -o requirements.lock

clean:           ## what the targets above made
	rm -rf $(VENV) "$(OUT)" dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
