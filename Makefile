# The one entry to everything: `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help
help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

# uv installs the locked packages in seconds where pip needs a minute; pip brings uv, both by hash.
$(READY): requirements/uv.txt requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "make: Python 3.11 or newer is needed; '$(PYTHON)' is not. Install it, or name it: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "make: this Python has no venv module. Install it (Debian and Ubuntu: apt-get install python3-venv)." >&2; exit 1; }
	@echo "setup: the locked Python packages go into $(VENV)"
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: demo
demo: $(READY)  ## Run the samples on this machine and watch them (KEEP=1 leaves all up, CLUSTER=current uses your cluster)
	@$(BIN)/python -m seedjob_operator.devcluster demo $(if $(KEEP),--keep) $(if $(CLUSTER),--cluster $(CLUSTER))

.PHONY: test
test: lint control-plane  ## Check the code and run all tests
	$(BIN)/python -m pytest -n 3 --dist worksteal

.PHONY: fuzz
fuzz: $(READY)  ## Run the randomised unit tests on what they never saw
	TEST_SEED=random $(BIN)/python -m pytest -n 2 tests/unit/core tests/unit/seedapi tests/unit/controller --hypothesis-profile=fuzz

.PHONY: lint
lint: $(READY)  ## Check formatting, types, the rooms' imports and that crds/ is generated
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy operator tests benchmarks
	$(BIN)/lint-imports --no-cache

.PHONY: control-plane
control-plane: $(READY)  ## Find, fetch or build the local Kubernetes control plane (kube-apiserver, etcd, kubectl)
	@$(BIN)/python -m seedjob_operator.devcluster control-plane

.PHONY: crds
crds: $(READY)  ## Write crds/ anew from the models
	$(BIN)/python -m seedjob_operator.resources seedjobs > crds/seedjobs.yaml
	$(BIN)/python -m seedjob_operator.resources seedconnections > crds/seedconnections.yaml

.PHONY: docs
docs: $(READY)  ## Write docs/reference.md and the Argo CD ConfigMap anew
	$(BIN)/python -m seedjob_operator.resources reference > docs/reference.md
	$(BIN)/python deploy/gitops/argocd/render.py > deploy/gitops/argocd/argocd-cm.yaml

.PHONY: lock
lock: $(READY)  ## Renew the locked packages from pyproject.toml
	$(BIN)/uv pip compile -q --upgrade --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 pyproject.toml -o requirements/operator.txt
	$(BIN)/uv pip compile -q --upgrade --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 pyproject.toml --extra seed-server --extra demo --group dev -o requirements/dev.txt
	$(BIN)/uv pip compile -q --upgrade --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --group bench -c requirements/dev.txt -o requirements/bench.txt
	echo uv | $(BIN)/uv pip compile -q --upgrade --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 - -o requirements/uv.txt
	echo hatchling==1.27.0 | $(BIN)/uv pip compile -q --upgrade --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 - -o requirements/build.txt

BENCH_READY := $(VENV)/.bench-ready

$(BENCH_READY): $(READY) requirements/bench.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/bench.txt
	@touch $@

.PHONY: bench
bench: $(BENCH_READY) control-plane  ## Measure the operator beside its yardsticks (ROWS="converge life", N=100,1000, SUBJECTS=operator,floor)
	@$(BIN)/python -m compileall -q $(VENV)/lib operator benchmarks  # an image's modules are compiled; a start that compiles them takes 2 s of CPU
	$(BIN)/python -m benchmarks $(ROWS) $(if $(N),--n $(N)) $(if $(SUBJECTS),--subjects $(SUBJECTS)) $(BENCH_FLAGS)

.PHONY: bench-seed-server
bench-seed-server: $(READY)  ## Measure the local Seed server (ROWS="list runs followers memory clients")
	$(BIN)/python -m benchmarks.seed_server $(ROWS) $(BENCH_FLAGS)

.PHONY: clean
clean:  ## Remove what make created in this folder (the shared cache of the control plane stays)
	rm -rf $(VENV) .demo .bench dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
