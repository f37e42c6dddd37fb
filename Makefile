# Heliostat. Python 3.10 or newer and make are all this needs: each target sets up what it uses.
#   make demo     the classifier example, from an empty machine to its last page
#   make test     every test
#   make check    what must hold before each commit: format, lint, types, floors, unit tests
#   make fix      lets the tools mend what they can
#   make bench    measures heliostat beside its peers on this machine
#   make clean    removes .venv and all caches

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Each process a session starts would compile the sources anew where Python may not write.
COMPILE := $(BIN)/python -m compileall -q src
PYTEST := $(BIN)/python -m pytest
T ?=

# The first Python found that Heliostat runs on. `make PYTHON=python3.12 test` asks for one.
SUITS := import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] < (3, 14))
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.10 python; do \
	$$python -c '$(SUITS)' 2>/dev/null && echo $$python && break; done)

.PHONY: help demo test check fix bench clean install

help:
	@sed -n 's/^#   //p' Makefile

demo: $(VENV)/.has-examples
	$(BIN)/python -m examples.classifier demo

# T selects, as in `make test T=tests/unit`.
test: $(VENV)/.has-dev
	$(PYTEST) $(T)

check: $(VENV)/.has-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(PYTEST) -q tests/unit tests/architecture

fix: $(VENV)/.has-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.has-dev
	$(BIN)/heliostat bench core

install: $(VENV)/.has-dev

clean:
	rm -rf $(VENV) .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist
	find src tests examples -name __pycache__ -type d -prune -exec rm -rf {} +

# What is installed is marked by a file, so that the second run of a target is quick. The tests
# and the bench also need the programs that Heliostat is compared with.
$(VENV)/.has-examples: pyproject.toml | $(BIN)/python
	@echo "installing Heliostat and what its examples use into $(VENV)"
	@$(PIP) install --editable '.[examples]'
	@$(COMPILE)
	@touch $@

$(VENV)/.has-dev: pyproject.toml | $(BIN)/python
	@echo "installing Heliostat, its tools and its peers into $(VENV): some minutes the first time"
	@$(PIP) install --editable '.[dev,peers]'
	@$(COMPILE)
	@touch $@ $(VENV)/.has-examples

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "make: no Python 3.10 to 3.13 with venv was found. Install one" \
		"(on Debian: apt install python3 python3-venv), or name it: make PYTHON=/path/to/python" \
		>&2; exit 1; }
	@echo "making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)
