# Two commands matter: `make demo` and `make test`. Both set up what they need, once.
PYTHON ?= python3
VENV   ?= .venv
UV     ?= uv
REPORT ?= zhiyin-demo/report.html

BIN     := $(VENV)/bin
PIP     := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet
LOCK    := $(UV) pip compile pyproject.toml --quiet --group build --universal --python-version 3.11 \
           --fork-strategy fewest --generate-hashes --no-header --no-annotate --no-emit-index-url
EXTRAS  := --extra dev --extra otel --extra llm --extra tune
PACKAGE := src/zhiyin
CODE    := src tests bench examples docs conftest.py

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test train faults check lint types layout docs reference picture pictures bench tables setup lock clean

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 18

demo: $(VENV)/.base ## Fetch MovieLens 100K, fit, recommend with reasons, measure
	@$(BIN)/zhiyin demo

test: $(VENV)/.dev ## Run every test
	@$(BIN)/python -m pytest $(ARGS)

check: lint types layout docs ## Everything that is fast: lint, types, layout, docs

lint: $(VENV)/.dev ## Style and format
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/ruff format --check $(CODE)

types: $(VENV)/.dev ## Strict types; the scripts of bench/ ask the package for what it has
	@$(BIN)/mypy
	@cd bench && MYPYPATH=../src $(abspath $(BIN))/mypy --config-file mypy.ini *.py

layout: $(VENV)/.dev ## Who may import whom, how long a file may be
	@$(BIN)/python -m pytest tests/test_layout.py tests/test_style.py

docs: $(VENV)/.dev ## Links, twins and commands of the documents; `make test` also runs what they show
	@$(BIN)/python -m pytest tests/test_docs.py -k "not runs"

reference: $(VENV)/.dev ## Write docs/reference.md anew from the code
	@$(BIN)/python docs/build_reference.py

picture: ## Take the README's picture of an evaluation report (needs chromium; REPORT=shop/report.html)
	@chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=1100,900 \
	  --screenshot=docs/images/report.png "file://$(abspath $(REPORT))"

pictures: $(VENV)/.dev ## Take the README's pictures of the console from the demo (needs chromium and playwright)
	@$(BIN)/python docs/build_pictures.py $(ARGS)

faults: $(VENV)/.dev ## The fault tests in their long form: kills, crashes, full disks, swaps (an hour or more)
	@ZHIYIN_FAULTS=long $(BIN)/python -m pytest tests/store tests/serve $(ARGS)

bench: $(VENV)/.dev ## Run the measurements of bench/ (minutes; `make bench ONLY=name` for one)
	@for file in bench/bench_*$(ONLY)*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

tables: $(VENV)/.dev ## Make the public tables anew (`make tables SET=ml-100k`; needs the sets in ZHIYIN_DATA)
	@$(BIN)/zhiyin bench quality --set $(or $(SET),ml-100k) $(ARGS)

train: $(VENV)/.train ## Add torch and what else trains neural models, so that `make test` skips none of their tests

setup: $(VENV)/.dev ## Only set up, with the developers' tools

lock: ## Choose versions anew and pin them by hash (needs uv)
	@command -v $(UV) >/dev/null || { echo "make lock needs uv: pip install uv, or make lock UV=/path/to/uv"; exit 1; }
	@$(LOCK) --upgrade --output-file requirements.lock
	@$(LOCK) --upgrade $(EXTRAS) --constraints requirements.lock --output-file requirements-dev.lock

clean: ## Remove what the other commands made, but not downloaded data
	@rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis zhiyin-demo
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

# The stamps: a second run does nothing until a lock file or pyproject.toml changes.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "zhiyin needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)."; \
	  echo "Name another one: make $(firstword $(MAKECMDGOALS)) PYTHON=python3.12"; exit 1; }
	@echo "Setting up $(VENV) with $$($(PYTHON) --version) (about a minute, once)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "The module venv is missing; on Debian and Ubuntu: apt install python3-venv"; exit 1; }

$(VENV)/.base: requirements.lock pyproject.toml | $(BIN)/python
	@$(PIP) install --require-hashes --only-binary :all: -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.base
	@$(PIP) install --require-hashes --only-binary :all: -r requirements-dev.lock
	@touch $@

$(VENV)/.train: pyproject.toml | $(VENV)/.dev
	@$(PIP) install --no-build-isolation -e '.[train]'
	@touch $@
