# Every target sets up what it needs by itself. PYTHON names another interpreter than python3 (3.11 or later).
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help demo test check format acceptance live packaged bench clean

help:
	@echo "make demo        six agent runs, judged: the whole path, no key needed"
	@echo "make test        unit and integration tests"
	@echo "make check       lint, format, types, import walls"
	@echo "make acceptance  tests against a real Collector, Jaeger and Chromium (needs Go and apt-get; gets them once)"
	@echo "make live        instrumentations that people use, run for real (needs Node.js; builds their environments once)"
	@echo "make packaged    the examples of the docs, with the wheel alone in a clean environment"
	@echo "make bench       the figures, each beside a peer or a limit"

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "otel-judge needs Python 3.11 or later; set PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt 'pip>=25.1' hatchling editables
	$(BIN)/pip install --quiet -c constraints.txt --no-build-isolation -e . --group dev
	@touch $@

demo: $(READY)
	$(BIN)/otel-judge demo

test: $(READY)
	$(BIN)/pytest

check: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

acceptance: $(READY)
	tests/acceptance/parts/build.sh
	$(BIN)/pytest tests/acceptance

live: $(READY)
	$(BIN)/pytest tests/live

# In a folder of its own: beside the sources, Python would import them in place of the wheel.
packaged: $(READY)
	rm -rf build/packaged && mkdir -p build/packaged
	$(BIN)/pip wheel --quiet --no-deps --no-build-isolation -w build/packaged .
	$(PYTHON) -m venv build/packaged/venv
	build/packaged/venv/bin/pip install --quiet -c constraints.txt build/packaged/*.whl pytest pytest-asyncio hypothesis
	cp -r tests docs README.md pyproject.toml build/packaged
	cd build/packaged && venv/bin/python -m pytest tests/integration/test_docs_examples.py

bench: $(READY)
	$(BIN)/python -m bench

clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis
