# The way in: every target first brings what it needs into .venv, so each works as the first command in a fresh clone.
# Needed on the machine: make and Python 3.11 or newer. `make` alone lists the targets.

.DEFAULT_GOAL := help
.PHONY: help run test check lint e2e crash bench lock format clean
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet
# Faults in the desk's files, and in what is set, are told by what is run next.
LEARN := $(BIN)/relevo content learn >/dev/null 2>&1 || true
LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url --no-annotate --python-version 3.11

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1

help: ## list the targets
	@sed -n 's/^\([a-z0-9]*\):.*## \(.*\)/  make \1@\2/p' Makefile | awk -F@ '{printf "%-14s %s\n", $$1, $$2}'

run: $(VENV)/.run ## run the desk on http://127.0.0.1:8080/
	@exec $(BIN)/relevo run

test: lint ## every check, then every test that needs nothing but what pip brings
	@$(BIN)/python -m pytest --numprocesses auto --dist worksteal

check: lint ## format, lint, types, import rules, dead names, content, docs that match the code
	@$(BIN)/python -m pytest tests/test_shape.py tests/test_docs.py tests/test_infrastructure.py

lint: $(VENV)/.test
	@$(BIN)/ruff format --check --quiet . || { $(BIN)/ruff format --check .; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo --cache-dir .import_linter_cache >$(VENV)/.imports 2>&1 || { cat $(VENV)/.imports; exit 1; }
	@$(BIN)/vulture
	@$(BIN)/relevo content check

e2e: $(VENV)/.e2e ## the browser tests, in the system's Chromium
	@$(BIN)/mypy --no-error-summary tests/e2e/*.py
	@$(BIN)/python -m pytest -m e2e tests/e2e

crash: $(VENV)/.test ## kill the real process again and again; count what was lost or doubled
	@$(BIN)/python -m tests.crash

bench: $(VENV)/.test ## measure; prints a table and writes var/bench.json
	@$(BIN)/python -m benchmarks

lock: $(VENV)/.made ## pin requirements/*.in into *.txt with hashes; UPGRADE=1 takes newer versions
	@$(PIP) uv
	@$(LOCK) $(if $(UPGRADE),--upgrade) requirements/build.in -o requirements/build.txt
	@$(LOCK) $(if $(UPGRADE),--upgrade) requirements/run.in -o requirements/run.txt
	@$(LOCK) $(if $(UPGRADE),--upgrade) -c requirements/run.txt requirements/test.in -o requirements/test.txt
	@$(LOCK) $(if $(UPGRADE),--upgrade) -c requirements/test.txt requirements/e2e.in -o requirements/e2e.txt

format: $(VENV)/.test ## let ruff rewrite what it can
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format --quiet .

clean: ## remove .venv and every cache; the desk's data under var/ stays
	@rm -rf $(VENV) build relevo.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- what the targets stand on. A stamp is newer than the files it was made from, so a second call does nothing. ---

# `venv` leaves a half-made folder behind when ensurepip is missing (Debian splits it off), hence the look before.
# A working .venv that somebody made by hand is kept.
$(VENV)/.made:
	@found=; for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "Relevo needs Python 3.11 or newer and found none. Install one (Debian, Ubuntu: apt install python3 python3-venv)," >&2; \
	  echo "or name it: make PYTHON=/path/to/python3.12 $(or $(MAKECMDGOALS),run)" >&2; exit 1; \
	fi; \
	if $(BIN)/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11) or sys.prefix == sys.base_prefix)' >/dev/null 2>&1; then \
	  :; \
	elif ! "$$found" -c 'import ensurepip, venv' >/dev/null 2>&1; then \
	  echo "$$found cannot make virtual environments: its ensurepip module is missing." >&2; \
	  echo "On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; \
	else \
	  rm -rf $(VENV) && "$$found" -m venv $(VENV) || { rm -rf $(VENV); exit 1; }; \
	fi; \
	touch $@

$(VENV)/.run: $(VENV)/.made requirements/build.txt requirements/run.txt pyproject.toml
	@echo "Installing what the desk needs into $(VENV) ..." >&2
	@$(PIP) --require-hashes -r requirements/build.txt -r requirements/run.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@$(LEARN)
	@touch $@

$(VENV)/.test: $(VENV)/.made requirements/build.txt requirements/test.txt pyproject.toml
	@echo "Installing what the tests need into $(VENV) ..." >&2
	@$(PIP) --require-hashes -r requirements/build.txt -r requirements/test.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@$(LEARN)
	@touch $(VENV)/.run $@

$(VENV)/.e2e: $(VENV)/.test requirements/e2e.txt
	@echo "Installing what the browser tests need into $(VENV) ..." >&2
	@$(PIP) --require-hashes -r requirements/e2e.txt
	@touch $@
