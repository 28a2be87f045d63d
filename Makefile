# What a machine needs: Python 3.11 to 3.13, Java 17 or newer, Maven, a C++ compiler and make; for the tests chromium, kcat,
# jq, node and promtool as well. `make` lists what it does.
PYTHON ?= python3
BIN := .venv/bin
CAN_RUN := import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 14) else \
	"playfold needs Python 3.11 to 3.13, but $(PYTHON) is " + sys.version.split()[0] + \
	": name another one, as in `make setup PYTHON=python3.12`.")

.PHONY: help setup demo test test-processors unit lint types fix bench budget brokers screenshot evaluate docs lock clean
.DELETE_ON_ERROR:
.NOTPARALLEL:

help: ## Say what there is to make.
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' Makefile

setup: .venv/.dev .venv/.kernels ## Install everything into .venv: what playfold needs, and what its tests need.

demo: .venv/.runtime .venv/.kernels ## Show it on MovieLens-100K. DEMO_S=60 ends it by itself after that many seconds.
	@$(BIN)/playfold demo $(if $(DEMO_S),--seconds $(DEMO_S))

# Tests mostly wait, for Kafka or a browser, so there are more processes than cores; a file belongs to one process.
ALL_TESTS := --numprocesses=4 --dist=loadfile --no-loadscope-reorder --cov --cov-report=term:skip-covered
test: .venv/.dev .venv/.kernels ## Run all tests, with branch coverage; ARGS="tests/web -k token" runs some without it.
	@sh tests/programs.sh
	@$(BIN)/pytest $(or $(ARGS),tests/latency)
	@$(if $(ARGS),,$(BIN)/pytest --ignore=tests/latency $(ALL_TESTS))

test-processors: .venv/.dev ## Run the tests of the maths with kernels compiled for other processors.
	@$(BIN)/python -m tests.processors

unit: .venv/.dev .venv/.kernels ## Run the tests that need neither Kafka nor a browser nor other processes.
	@$(BIN)/pytest -m unit --numprocesses=2 --dist=loadfile $(ARGS)

lint: .venv/.dev types ## Check style, types, spelling and the direction of imports.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/codespell

types: .venv/.dev ## Check types.
	$(BIN)/mypy

fix: .venv/.dev ## Mend what ruff can mend, and format.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/.dev .venv/.kernels ## Run the benchmarks and write docs/benchmarks.md; give the machine to them alone.
	$(BIN)/python -m tests.benchmarks.table --write

budget: .venv/.dev .venv/.kernels ## Compare the figures of a play with the last release's; ARGS=group runs that benchmark alone.
	@$(BIN)/python -m tests.benchmarks.budget $(ARGS)

brokers: .venv/.dev .venv/.kernels ## Run tests with every supported version of Kafka and write docs/compatibility.md.
	$(BIN)/python -m tests.brokers.matrix --write

screenshot: .venv/.dev .venv/.kernels ## Take the README's picture of the live page.
	@sh tests/programs.sh
	SCREENSHOT=docs/images/live-page.png $(BIN)/pytest -q tests/acceptance/test_live_page.py

evaluate: .venv/.runtime ## Stream MovieLens-100K through all models, and FILE=plays.csv if given; OPTIONS= for its columns.
	@$(BIN)/playfold evaluate --ml100k --settings tuned --out var/evaluation/ml100k
	@$(if $(FILE),$(BIN)/playfold evaluate $(FILE) --settings tuned --out var/evaluation/file $(OPTIONS))

docs: .venv/.dev ## Write the parts of docs/ that are generated from the code and from examples/.
	$(BIN)/python -m streams.reference.schemas
	$(BIN)/python -m streams.reference.asyncapi
	$(BIN)/python -m web.openapi_document
	$(BIN)/python -m streams.reference.settings_table
	$(BIN)/python -m streams.reference.rights_table
	$(BIN)/python -m streams.reference.included_programs

# Versions that are locked stay as they are unless UPGRADE=--upgrade, or --upgrade-package NAME, asks for newer ones.
LOCK := UV_PYTHON_DOWNLOADS=never $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-strip-extras --no-header --no-annotate $(UPGRADE)
lock: .venv/.dev ## Lock the versions of all dependencies with their hashes.
	$(LOCK) --extra dev pyproject.toml --output-file requirements-dev.lock
	$(LOCK) --constraint requirements-dev.lock pyproject.toml --output-file requirements.lock

clean: ## Remove the environment and all caches; what playfold keeps in var/ stays.
	rm -rf .venv build *.egg-info .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c '$(CAN_RUN)'
	$(PYTHON) -m venv .venv

# The stamps say which lock file the environment holds. The larger one holds the smaller one, at the same versions.
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check
.venv/.runtime: requirements.lock pyproject.toml | $(BIN)/python
	$(INSTALL) --require-hashes -r requirements.lock
	$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: requirements-dev.lock requirements.lock pyproject.toml | $(BIN)/python
	$(INSTALL) --require-hashes -r requirements-dev.lock
	$(INSTALL) --no-deps --no-build-isolation -e .
	@touch .venv/.runtime $@

# numba keeps what it compiled beside the sources; so the first worker starts as quickly as any other.
.venv/.kernels: $(wildcard model/*.py model/*/*.py state/users/*.py state/lists/*.py agents/*/*.py) | .venv/.runtime
	@echo "Compiling the kernels, once."
	@$(BIN)/python -c 'from agents.worker import warm_up; warm_up()'
	@touch $@
