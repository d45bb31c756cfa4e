# Two commands for a user: 'make report' and 'make test'. Everything else is below.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export DO_NOT_TRACK := 1
export DVC_NO_ANALYTICS := 1
export GX_ANALYTICS_ENABLED := false
export PREFECT_HOME ?= $(CURDIR)/.prefect
# A worker on each core, four at most as each holds a gigabyte, and one thread in each; 'make test WORKERS=0' has none.
WORKERS ?= auto
PYTEST := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 NUMBA_NUM_THREADS=1 \
  $(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 4 --dist worksteal

.PHONY: help setup system data report test test-all service browser lint format bench experiments docs clean

help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort

setup: system $(VENV)/.compiled data ## Install what runs, pinned, compile the solver, and extract the embedded data

system: ## Install the two system libraries that the PDF needs, where this user may
	@.ci/system-libraries

$(VENV)/.installed: requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the pinned packages into $(VENV) (about two minutes the first time)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps -r requirements.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.compiled: $(VENV)/.installed $(wildcard mmcore/information/solvers/kernel*.py mmcore/models/compiled/*.py)
	@$(BIN)/python -m mmcore.information.solvers.compiled
	@$(BIN)/python -m mmcore.models.compiled.loading
	@touch $@

data: $(VENV)/.installed ## Extract the embedded data into data/raw
	@$(BIN)/python -m mmcore.data.embedded --to data/raw

report: setup ## Set up, track, run the whole pipeline on the embedded data, stop what was started
	@$(BIN)/interplay run --track

test: setup ## Set up and test: minutes, no network, no GPU
	@$(PYTEST)

test-all: setup ## Every tier that this machine can run
	@.ci/system-libraries chromium
	@$(PYTEST) -m "not gpu"

service: setup ## Tests that start a real server and scheduler
	@$(PYTEST) -m service tests

browser: setup ## Tests that open the report in headless Chromium
	@.ci/system-libraries chromium
	@$(PYTEST) -m browser tests

lint: setup ## Style, layers and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(BIN)/mypy mmcore tasks flows experiments

format: setup ## Let ruff lay out the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: setup ## Time our solvers and models beside named peers, as ratios in one run
	@$(BIN)/python -m benchmarks

experiments: setup ## Compute the published tables and figures again; fails where a number is outside its tolerance
	@$(BIN)/dvc repro experiments/dvc.yaml

docs: setup ## Build the pages into site/
	@$(BIN)/mkdocs build --strict --quiet

clean: ## Remove what 'make setup' installed and what interrupted runs left; results and published reports stay
	@rm -rf $(VENV) .interplay/prepare .interplay/learn .prefect site
