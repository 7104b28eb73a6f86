# make demo   sets up and shows the whole thing; nothing leaves this machine    (make demo ARGS=--once: unattended)
# make test   sets up and runs the tests
# make check  ruff, mypy and the tests: what a change must pass
# make bench  prints the benchmarks
# Another Python: make test PYTHON=python3.12

PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test check lint bench setup clean

demo: $(READY)
	@$(BIN)/perscom-bridge demo $(ARGS)

test: $(READY)
	@$(BIN)/python -m pytest $(ARGS)

check: lint test

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[bench]"
	@$(BIN)/python -m benchmarks $(ARGS)

setup: $(READY)

# Made anew when what must be installed has changed.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "perscom-receiver needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1 || echo not there)."; \
	  echo "Debian 12, Ubuntu 24.04 and newer: sudo apt-get install python3 python3-venv. Then, if it has another name: make $(MAKECMDGOALS) PYTHON=python3.12"; \
	  exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "Python's venv module is missing. Debian and Ubuntu: sudo apt-get install python3-venv"; \
	  exit 1; }
	@echo "Setting up in $(VENV) (half a minute the first time) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[all,dev]"
	@touch $(READY)

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis dist build
