# Everything a developer does. `make demo` and `make test` need Python >= 3.11, Git and make; they set up the rest in .venv.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo demo-planning test test-agents check lint format soak bench bench-short docs screenshots lock clean

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --no-input -qq
FAST := -m "not soak and not real"
SIDE_BY_SIDE := -n 2 --dist worksteal

help: ## Say what there is.
	@sed -n 's/^\([a-z-]*\):[^#]*## /  make \1	/p' Makefile | expand -t 20

demo: $(VENV)/base.stamp ## Play the example project in a temporary folder.
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" deespec demo

demo-planning: $(VENV)/base.stamp ## Play the other one: from an idea to merged code.
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" deespec demo --planning

test: $(VENV)/dev.stamp ## Run the tests, short seeds; two at a time.
	@$(PY) -m pytest $(FAST) $(SIDE_BY_SIDE) $(ARGS)

check: lint ## All that is judged without running the program: style, types, imports, tidiness.
	@$(PY) -m pytest tests/test_tidy.py tests/test_architecture.py tests/test_requirements.py

lint: $(VENV)/dev.stamp ## Style, types and imports.
	@$(VENV)/bin/ruff check --quiet .
	@$(VENV)/bin/ruff format --check --quiet .
	@$(VENV)/bin/mypy --no-error-summary
	@$(VENV)/bin/lint-imports --no-logo

format: $(VENV)/dev.stamp ## Put every file into its form.
	@$(VENV)/bin/ruff check --fix-only --quiet .
	@$(VENV)/bin/ruff format --quiet .

soak: $(VENV)/dev.stamp ## Run the tests that take hours: full numbers.
	@$(PY) -m pytest -m soak $(ARGS)

test-agents: $(VENV)/dev.stamp ## Install the real clients through npm, pinned, and drive them; ARGS="-k codex" for one.
	@$(PY) -m pytest -m "real and not soak" -rs tests/agents_real $(ARGS)

bench: $(VENV)/dev.stamp ## Measure, and draw the chart of the guide.
	@$(PY) -m benchmarks --chart docs/wal-benchmarks.svg $(ARGS)

bench-short: $(VENV)/dev.stamp ## Measure with small numbers.
	@$(PY) -m benchmarks --short $(ARGS)

docs: $(VENV)/dev.stamp ## Write docs/commands.md from the commands.
	@$(PY) scripts/make_docs.py

screenshots: $(VENV)/dev.stamp ## Take the pictures of the README, with chromium and tmux.
	@$(PY) scripts/make_screenshots.py

lock: $(VENV)/lock.stamp ## Pin the newest versions, with hashes; with the oldest Python, whose markers ask for the most.
	@CUSTOM_COMPILE_COMMAND="make lock" $(COMPILE) --all-build-deps -o requirements/base.txt pyproject.toml
	@CUSTOM_COMPILE_COMMAND="make lock" $(COMPILE) -o requirements/dev.txt requirements/dev.in

clean: ## Remove what these targets have made.
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage htmlcov
	@find src tests scripts benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# --- set-up -----------------------------------------------------------------------------------------------------------

# The first of these that is new enough; only asked when there is no virtual environment yet.
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)

COMPILE = $(VENV)/lock/bin/pip-compile --quiet --upgrade --generate-hashes --strip-extras \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links

$(VENV)/base.stamp: requirements/base.txt pyproject.toml | $(PY)
	@echo "Installing deespec into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements/base.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt pyproject.toml | $(PY)
	@echo "Installing deespec and its tools into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/base.stamp

$(VENV)/lock.stamp: Makefile | $(PY)
	@python3.11 -m venv --clear $(VENV)/lock
	@$(VENV)/lock/bin/python -m pip install -qq pip-tools==7.6.2
	@touch $@

$(PY):
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: install it, or say make PYTHON=/path/to/python3." >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); \
		echo "$(PYTHON) cannot make a virtual environment: install its venv module (Debian: python3-venv)." >&2; exit 1; }
