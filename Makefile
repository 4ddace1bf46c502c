# `make demo` tells and sounds a story; `make test` checks the project.
# Both need only Python 3.11-3.13 with pip; everything is installed into .venv, once.

VENV   := .venv
BIN    := $(VENV)/bin
CORE   := $(VENV)/core.stamp
DEV    := $(VENV)/dev.stamp
PIP    := $(BIN)/python -m pip --disable-pip-version-check
DEMO   := demo
CHASE  := A suspenseful chase through a rainstorm: footsteps splash, thunder roars, a car skids, and a door slams shut

# The first of these that is a supported Python; `make demo PYTHON=/path/to/python` overrides.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	>/dev/null 2>&1 && { echo "$$python"; break; }; done)

.PHONY: help setup demo test check fix lint types layers pytest shape clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(DEV) ## install everything for development into .venv

demo: $(CORE) ## a 30 s story to demo/: the track, its plan and a picture of it
	@mkdir -p $(DEMO)
	@$(BIN)/audiostory generate "$(CHASE)" --duration 30 --seed 7 \
		-o $(DEMO)/chase.wav --picture --overwrite

test: check pytest ## lint, types, layers and the whole default test suite

check: lint types layers ## everything but the tests

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV)
	$(BIN)/pyright --pythonpath $(BIN)/python

layers: $(DEV)
	$(BIN)/lint-imports

pytest: $(DEV)
	$(BIN)/python -m pytest

fix: $(DEV) ## format, and mend what ruff can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

shape: ## the ten longest files and functions: a mirror, not a gate
	@$(PYTHON) tools/shape.py src/audiostory

clean: ## remove what `make` made; the next command installs again
	rm -rf $(VENV) $(DEMO) .pytest_cache .ruff_cache .import_linter_cache .hypothesis

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "needs Python 3.11, 3.12 or 3.13: install one, or name it: make PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# No byte-compiling at install time: it takes as long as the rest. What is used is compiled once, also
# where the environment forbids Python to keep what it compiles: every start would take twice as long.
COMPILE := env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -c "import audiostory.apps.cli, audiostory.generate.pipeline"

$(CORE): pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing into $(VENV): about two minutes and 1.2 GB, once"
	$(PIP) install --quiet --prefer-binary --no-compile -c constraints.txt -e .
	@$(COMPILE)
	@touch $@

$(DEV): pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing into $(VENV), tools included: about two minutes and 1.9 GB, once"
	$(PIP) install --quiet --prefer-binary --no-compile -c constraints.txt -e ".[dev,train,cluster,judge,captions]"
	@touch $(CORE) $@
