# What a newcomer needs is python3 (3.11 or later) and make: the targets bring the rest, at pinned versions, into a cache
# outside the checkout (REGSWEEP_CACHE). `CLUSTER=current` works on kubectl's current context: see docs/clusters.md.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

UV_VERSION := 0.13.9
export REGSWEEP_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/regsweep
export CLUSTER ?= built-in
export IMAGE_REPOSITORY
UV := $(REGSWEEP_CACHE)/uv/$(UV_VERSION)/bin/uv
# Importing TensorFlow takes 9 s without byte code and 3 s with it: it is compiled once, and never switched off.
export UV_COMPILE_BYTECODE := 1
unexport PYTHONDONTWRITEBYTECODE
# An environment that somebody has activated is not this project's.
unexport VIRTUAL_ENV
PYTHON := .venv/bin/python
SYNCED := .venv/.synced
CLUSTER_TOOL := PYTHONPATH=tests UV=$(UV) $(PYTHON) -m cluster
PYTEST := UV=$(UV) $(PYTHON) -m pytest -rsfE
# `make test` runs these beside all others, and they take about as long. Tests that share a cluster are in one lane.
LANE := tests/unit/bench tests/unit/kit tests/unit/trainer tests/integration/kit tests/integration/trainer tests/e2e tests/faults
ON_MINORS := $(addprefix tests/integration/test_,crd.py older_crds.py kube_api.py operator.py real_jobs.py refused_pods.py budget.py tenants.py)

##@ Try it
.PHONY: run
run: $(SYNCED) ## a sweep on this machine: no root, no cluster, no container
	.venv/bin/regsweep run manifests/samples/breast-cancer.yaml

.PHONY: demo
demo: $(SYNCED) ## the same sweep on a real Kubernetes that is brought along (needs root)
	@PYTHONPATH=tests UV=$(UV) $(PYTHON) -m cluster.demo

##@ Check it
.PHONY: test
test: lint programs ## everything that is checked but what is long: lint, then all tests below
	UV=$(UV) $(PYTHON) tests/lanes.py $(LANE) -- -rsfE -m "not long"

.PHONY: test-all
test-all: test ## all of it, what is long or runs beside other projects' controllers, an hour of faults, ten thousand runs
	$(PYTEST) -m long
	$(PYTEST) tests/third_party
	$(MAKE) test-minors
	$(MAKE) soak
	-$(MAKE) bench-scale # its page says which goals are missed

.PHONY: test-unit
test-unit: $(SYNCED) ## tests without a cluster
	$(PYTEST) tests/unit

.PHONY: test-python
test-python: $(SYNCED) ## what Python's version may break: unit tests, trainings and local runs, with the python3 that is found first
	$(PYTEST) tests/unit tests/integration/local tests/integration/kit tests/integration/trainer -m "not long"

.PHONY: fuzz
fuzz: $(SYNCED) ## the unit tests with Hypothesis examples that are new each time
	REGSWEEP_HYPOTHESIS=fuzz $(PYTEST) tests/unit -m hypothesis

.PHONY: coverage
coverage: $(SYNCED) ## branch coverage of the core and the API by their unit tests
	$(UV) run --frozen --with pytest-cov==7.1.0 pytest tests/unit/core tests/unit/api --cov=regsweep.core --cov=regsweep.api --cov-branch --cov-report=term-missing:skip-covered

.PHONY: test-integration
test-integration: $(SYNCED) ## tests on a real API server without a node (no root)
	$(PYTEST) tests/integration -m "not long"

.PHONY: test-minors
test-minors: $(SYNCED) ## the operator and its CRDs on the oldest and the newest Kubernetes (each is built: many minutes)
	REGSWEEP_KUBERNETES=oldest $(PYTEST) $(ON_MINORS)
	REGSWEEP_KUBERNETES=newest $(PYTEST) $(ON_MINORS)

.PHONY: test-e2e
test-e2e: $(SYNCED) ## tests on a real node with real training (needs root)
	$(PYTEST) tests/e2e $(wildcard tests/faults)

.PHONY: lint
lint: $(SYNCED) ## style, format, sizes, types, and the contracts between layers
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	$(PYTHON) tests/lint_sizes.py
	.venv/bin/mypy operator/src images/kit/src images/trainer/src tests manifests/monitoring charts
	.venv/bin/lint-imports

.PHONY: fmt
fmt: $(SYNCED) ## format the code and mend what ruff can mend
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

.PHONY: verify
verify: manifests test ## what a change must pass: generated files, everything above, and a clean tree
	@test -z "$$(git status --porcelain)" || { git status --short; echo "commit these, generated files among them"; exit 1; }

##@ Make it
.PHONY: manifests
manifests: $(SYNCED) ## write the generated files: CRDs, reference, dashboard, alerts, values, install.yaml
	$(PYTHON) -m regsweep.generate
	PYTHONPATH=manifests/monitoring $(PYTHON) -m grafana
	$(PYTHON) manifests/monitoring/rules.py
	helm="$$($(CLUSTER_TOOL) program helm)" && $(PYTHON) charts/render.py --helm "$$helm"

.PHONY: docs
docs: $(SYNCED) ## the site of the documentation, in .build/site
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build

.PHONY: images
images: $(SYNCED) ## build the images whose sources changed (CLUSTER=current: and push them; NAMES="..." for others)
	@$(CLUSTER_TOOL) images $(NAMES)

.PHONY: release-dry-run
release-dry-run: $(SYNCED) ## build all that a release publishes into dist/, and publish nothing (needs root for the images)
	@PYTHONPATH=tests UV=$(UV) $(PYTHON) -m release build

.PHONY: release-notes
release-notes: $(SYNCED) ## print what CHANGELOG.md says of the version
	@PYTHONPATH=tests $(PYTHON) -m release notes

.PHONY: sign
sign: ## sign dist/ and IMAGES="NAME@sha256:..." with cosign: by a login in the browser, or KEY=cosign.key
	@command -v cosign >/dev/null || { echo "cosign is not here: https://docs.sigstore.dev/cosign/system_config/installation/"; exit 1; }
	cosign sign-blob --yes $(if $(KEY),--key $(KEY)) --bundle dist/SHA256SUMS.bundle dist/SHA256SUMS
	cosign sign-blob --yes $(if $(KEY),--key $(KEY)) --bundle dist/provenance.intoto.json.bundle dist/provenance.intoto.json
	@for image in $(IMAGES); do \
		case "$$image" in *@sha256:*) ;; *) echo "$$image: name it by its digest, which a tag may leave"; exit 1;; esac; \
		cosign sign --yes $(if $(KEY),--key $(KEY)) "$$image" || exit 1; \
	done

.PHONY: set-version
set-version: $(SYNCED) ## state VERSION=1.2.3 in all distributions, the chart and the lock file
	@PYTHONPATH=tests $(PYTHON) -m release set-version $(VERSION)

.PHONY: programs
programs: $(SYNCED)
	$(CLUSTER_TOOL) build
	@$(CLUSTER_TOOL) images

##@ The built-in Kubernetes
.PHONY: cluster-up
cluster-up: $(SYNCED) ## bring it up, or leave it when it is whole (needs root)
	@$(CLUSTER_TOOL) up

.PHONY: cluster-down
cluster-down: $(SYNCED) ## end it and remove all of it but its images
	@$(CLUSTER_TOOL) down

.PHONY: bench-control-loop
bench-control-loop: $(SYNCED) ## the operator against a shell loop of kubectl, on a trainer that sleeps (needs root)
	PYTHONPATH=tests UV=$(UV) $(PYTHON) -m bench.control_loop

.PHONY: bench-scale
bench-scale: $(SYNCED) ## the operator with up to 10,000 combinations, KWOK in place of the node: an hour
	PYTHONPATH=tests UV=$(UV) $(PYTHON) -m bench.scale

.PHONY: bench-calibration
bench-calibration: $(SYNCED) ## what the statistics promise, held against simulated sweeps: an hour on two cores
	OPENBLAS_NUM_THREADS=1 PYTHONPATH=tests $(PYTHON) -m bench.calibration

.PHONY: bench-local-overhead
bench-local-overhead: $(SYNCED) ## regsweep run against KerasTuner, Ray Tune and joblib on 40 small trainings, and the kit's own costs: half an hour
	PYTHONPATH=tests UV=$(UV) $(PYTHON) -m bench.overhead
	PYTHONPATH=tests $(PYTHON) -m bench.kit_overhead

.PHONY: soak
soak: $(SYNCED) ## sweeps on a real API server while everything goes wrong at random (MINUTES=60, SEED=)
	PYTHONPATH=tests UV=$(UV) $(PYTHON) -m bench.soak --minutes $(or $(MINUTES),60) $(if $(SEED),--seed $(SEED))

.PHONY: bench-kills
bench-kills: $(SYNCED) ## kill -9 of regsweep run and its processes at 50 random moments (KILLS=, SEED=)
	PYTHONPATH=tests $(PYTHON) -m bench.kills $(or $(KILLS),50) $(SEED)

.PHONY: clean
clean: ## end all clusters; remove the cache and the environment
	@test ! -x $(PYTHON) || $(CLUSTER_TOOL) down --all
	rm -rf $(REGSWEEP_CACHE) .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage

.PHONY: help
help:
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  make %-20s %s\n", $$1, $$2}' Makefile

$(SYNCED): uv.lock pyproject.toml operator/pyproject.toml images/kit/pyproject.toml images/trainer/pyproject.toml | $(UV)
	@echo "fetching and compiling the Python packages that uv.lock names"
	@$(UV) sync --frozen --quiet
	@touch $@

# The machine's python3 may lack the module that makes environments: Debian has it as a package.
$(UV):
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "python3 is $$(python3 --version 2>&1); 3.11 or later is needed"; exit 1; }
	@python3 -c 'import ensurepip' 2>/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv; } || \
		{ echo "python3 has no venv module; as root: apt-get install python3-venv"; exit 1; }
	@rm -rf $(REGSWEEP_CACHE)/uv/$(UV_VERSION).half && mkdir -p $(REGSWEEP_CACHE)/uv
	@echo "fetching uv $(UV_VERSION)"
	@python3 -m venv $(REGSWEEP_CACHE)/uv/$(UV_VERSION).half
	@$(REGSWEEP_CACHE)/uv/$(UV_VERSION).half/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@rm -rf $(REGSWEEP_CACHE)/uv/$(UV_VERSION) && mv $(REGSWEEP_CACHE)/uv/$(UV_VERSION).half $(REGSWEEP_CACHE)/uv/$(UV_VERSION)
