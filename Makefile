# Lienthong: plain make, a virtual environment of its own, nothing else on the machine.
PYTHON ?= python3
VENV := .venv
TEST_VENV := .venv-test
BIN := $(VENV)/bin
UV := UV_PYTHON_DOWNLOADS=never UV_NO_CONFIG=1 $(BIN)/uv
SOURCES := hub connectors schemas topics
# Everything that goes into the wheel: a change of any of them builds it anew.
WHEEL_INPUTS := pyproject.toml README.md LICENSE $(shell find $(SOURCES) -type f -not -path '*/__pycache__/*' 2>/dev/null)
PYTEST_ARGS ?=

.PHONY: help setup demo test check bench fault format schemas docs clean

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: $(VENV)/.ready ## Create .venv with everything pinned by hash

$(VENV)/.ready: pyproject.toml requirements/bootstrap.txt requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Lienthong needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@$(UV) pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements/dev.txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q $(SOURCES)
	@touch $@

demo: setup ## Run the main job: 20,000 events through a real Kafka and both national simulators
	@$(BIN)/lienthong demo $(DEMO_ARGS)

build/.wheel: $(VENV)/.ready $(WHEEL_INPUTS)
	@rm -rf build/dist && mkdir -p build/dist
	@$(UV) build --quiet --wheel --no-build-isolation --python $(BIN)/python --out-dir build/dist .
	@touch $@

$(TEST_VENV)/.ready: build/.wheel requirements/dev.txt
	@test -x $(TEST_VENV)/bin/python || $(UV) venv --quiet --python $(BIN)/python $(TEST_VENV)
	@$(UV) pip sync --quiet --compile-bytecode --python $(TEST_VENV)/bin/python --require-hashes requirements/dev.txt
	@$(UV) pip install --quiet --compile-bytecode --python $(TEST_VENV)/bin/python --no-deps --reinstall build/dist/*.whl
	@touch $@

test: $(TEST_VENV)/.ready ## Run all tests against the installed wheel, on a real Kafka
	@$(TEST_VENV)/bin/python -m pytest $(PYTEST_ARGS)

check: setup ## Format, lint (docstrings included), types, import arrows, docs
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest --quiet tests/docs tests/packaging

bench: setup ## Measure against the raw limits, other hubs and crashes; writes build/bench.json
	@$(BIN)/python -m scripts.bench

fault: setup ## Break everything once under load and prove that nothing is lost; FAULT_ARGS="--full" for the long form
	@$(BIN)/python -m scripts.fault $(FAULT_ARGS)

format: setup ## Format and mend what ruff can mend
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

schemas: setup ## Export the JSON Schemas and generated reference pages
	@$(BIN)/lienthong schemas export && $(BIN)/lienthong reference

clean: ## Remove everything that was built here
	@rm -rf $(VENV) $(TEST_VENV) build .lienthong .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
