# Every target creates what it needs: a virtual environment with uv, then the packages of uv.lock.
PYTHON ?= python3
UV := .venv/bin/uv
RUN := $(UV) run --locked --no-sync

.PHONY: help setup demo picture test test-matrix test-release conflicts lock reliability release sbom up down e2e breakages docs dashboards golden checkov bench bench-agent bench-operator lint format clean
help:  ## Show this list
	@sed -n 's/^\([a-z0-9-]*\):.*##/\1\t/p' Makefile | expand -t 16

setup: .venv/.ready  ## Create .venv and install the packages of uv.lock

.venv/.ready: uv.lock pyproject.toml deploy/setup
	@PYTHON="$(PYTHON)" deploy/setup

demo: setup  ## Run the whole stack on this machine (ARGS=--once exits after one round of requests)
	@$(RUN) spanloom-local $(ARGS)

picture: setup  ## Regenerate the picture of the README (takes two minutes)
	$(RUN) spanloom-local --picture docs/pictures/page.png

test: setup  ## Run every test that needs no cluster (ARGS="-k WORD" selects)
	$(RUN) python -m pytest $(ARGS)

test-matrix: setup  ## Test every version of docs/compatibility.md, and an exception in every hook
	$(RUN) python -m pytest tests/compatibility --whole $(ARGS)

conflicts: setup  ## Try pinned applications under the agent and the OpenTelemetry Operator's layout
	@PYTHONPATH=tests $(RUN) python -m compatibility.conflicts

lock: setup  ## Update uv.lock and the environments of the tests to the newest versions
	$(UV) lock --upgrade
	PYTHONPATH=tests $(RUN) python -m compatibility.lock
	PYTHONPATH=tests $(RUN) python -m bench.lock

up: setup  ## Install the whole stack into the current kind cluster, or into a new one
	deploy/up

down:  ## Remove what `make up` installed
	deploy/down

e2e: setup  ## Run the tests that need a cluster (the current context)
	$(RUN) python -m pytest tests/e2e $(ARGS)

test-release: setup  ## Release to a registry and install from it (REGISTRY=localhost:5001, the current context)
	REGISTRY="$(REGISTRY)" $(RUN) python -m pytest tests/release $(ARGS)

breakages: setup  ## Cause, follow and repair every breakage on a cluster (installs as make up does)
	$(RUN) python -m pytest tests/e2e/test_lessons.py tests/e2e/test_breakage_alerts.py -k breakage --whole $(ARGS)

docs: setup  ## Generate docs/configuration.md, docs/compatibility.md, the charts' READMEs and copied files
	PYTHONPATH=tests $(RUN) python docs/generator

dashboards: setup  ## Write the dashboards and rules of helm/prometheus from deploy/dashboards
	@PYTHONPATH=deploy $(RUN) python -m dashboards

golden: setup  ## Render every chart's cases to tests/charts/golden (needs helm)
	$(RUN) python -m pytest -q tests/charts --golden

checkov: setup  ## Check the rendered default values with checkov (needs helm; installs checkov temporarily)
	@mkdir -p build && helm template demo helm/spanloom --skip-tests --kube-version 1.34.0 \
	  --set postgres.existingSecret=database,users.database.existingSecret=database >build/default.yaml 2>/dev/null
	$(UV) run --no-project --with checkov checkov --config-file deploy/checkov.yaml --file build/default.yaml

reliability: setup  ## Cause every fault and write the measurements to docs/reliability.md
	$(RUN) python -m pytest tests/faults -m fault --reliability docs/reliability.md $(ARGS)

SBOM := build/sbom
sbom: setup  ## Write a CycloneDX SBOM of each image's Python packages to build/sbom
	@mkdir -p $(SBOM)
	@for image in users-api users-db-service spanloom-operator spanloom-local; do \
	  $(UV) export --quiet --locked --no-dev --no-editable --package "spanloom-$${image#spanloom-}" \
	    --format cyclonedx1.5 --preview-features sbom-export --output-file $(SBOM)/$$image.cdx.json; done
	@ls $(SBOM)

release: setup  ## Build and push a release (VERSION=1.2.3 REGISTRY=registry.example.org/team)
	@deploy/release "$(VERSION)" "$(REGISTRY)"

bench: setup  ## Measure the overhead of tracing (ARGS=--quick: under 3 minutes)
	@PYTHONPATH=tests $(RUN) python -m bench $(ARGS)

bench-agent: setup  ## Measure what telemetry adds to the start of a process
	@PYTHONPATH=tests $(RUN) python -m bench.boot

bench-operator: setup  ## Measure the operator against a loop of the same writes (the current context)
	@PYTHONPATH=tests $(RUN) python -m bench.operator

lint: setup  ## Run ruff and mypy --strict
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy

format: setup  ## Fix what ruff can fix
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

clean:  ## Remove the virtual environment and caches
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
