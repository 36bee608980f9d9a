# Every target sets itself up: a virtual environment with uv in it, then what the lock file names.
PYTHON ?= python3
UV := .venv/bin/uv
RUN := $(UV) run --locked --no-sync

.PHONY: help setup demo picture test test-matrix lock reliability sbom up down e2e docs golden checkov bench bench-operator lint format clean
help:  ## Show this list
	@sed -n 's/^\([a-z0-9-]*\):.*##/\1\t/p' Makefile | expand -t 12

setup: .venv/.ready  ## Make .venv and install what uv.lock names

.venv/.ready: uv.lock pyproject.toml deploy/setup
	@PYTHON="$(PYTHON)" deploy/setup

demo: setup  ## Run the whole stack on this machine (ARGS=--once ends by itself)
	@$(RUN) spanloom-demo $(ARGS)

picture: setup  ## Make the README's picture anew
	$(RUN) spanloom-demo --picture docs/pictures/waterfall.png

test: setup  ## Run every test that needs no cluster
	$(RUN) python -m pytest $(ARGS)

test-matrix: setup  ## Run the distribution with every version of docs/compatibility.md, and a fault in every hook
	$(RUN) python -m pytest tests/compatibility --whole $(ARGS)

lock: setup  ## Lock the newest versions: the project's, and those of the environments of tests/compatibility
	$(UV) lock --upgrade
	PYTHONPATH=tests $(RUN) python -m compatibility.lock

up: setup  ## Install the whole stack into the current cluster, or a new kind cluster
	deploy/up

down:  ## Take away what `make up` made
	deploy/down

e2e: setup  ## Run the tests that need a cluster (the current context)
	$(RUN) python -m pytest tests/e2e $(ARGS)

docs: setup  ## Write the generated pages: configuration, compatibility, the READMEs of charts
	PYTHONPATH=tests $(RUN) python docs/generator

golden: setup  ## Render every chart's cases anew
	$(RUN) python -m pytest -q tests/charts --golden

checkov: setup  ## Ask checkov about the rendered default (installs it for the moment)
	@mkdir -p build && helm template demo helm/spanloom --skip-tests --kube-version 1.34.0 \
	  --set postgres.existingSecret=database >build/default.yaml 2>/dev/null
	$(UV) run --no-project --with checkov checkov --config-file deploy/checkov.yaml --file build/default.yaml

reliability: setup  ## Cause every fault and write what was counted to docs/reliability.md
	$(RUN) python -m pytest tests/faults -m fault --reliability docs/reliability.md $(ARGS)

sbom: setup  ## Write a CycloneDX SBOM of what uv.lock puts into each image to build/sbom
	@mkdir -p build/sbom
	@for image in users-api users-db-service spanloom-operator spanloom-local; do \
	  $(UV) export --quiet --locked --no-dev --no-editable --package $$image \
	    --format cyclonedx1.5 --preview-features sbom-export --output-file build/sbom/$$image.cdx.json; done
	@ls build/sbom

bench: setup  ## Measure what tracing costs (ARGS=--quick: under 3 minutes)
	@PYTHONPATH=tests $(RUN) python -m bench $(ARGS)

bench-operator: setup  ## Measure the operator against a bare loop of the same writes (the current context)
	@PYTHONPATH=tests $(RUN) python -m bench.operator

lint: setup  ## ruff and mypy --strict
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy

format: setup  ## Rewrite what ruff can mend
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

clean:  ## Remove the virtual environment and caches
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
