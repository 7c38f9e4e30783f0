# Kerya. Needs python3 (3.11 or later), make and git; everything else is installed into .venv by the first target that
# wants it, and nothing is downloaded again until a lock file changes.

SHELL := /bin/sh
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
export PYTHONPATH := $(CURDIR):$(CURDIR)/gen

# A stamp carries the checksum of its lock file: it is fresh exactly as long as the file stays the same.
sum = $(firstword $(shell cksum $(1)))
UV_STAMP := $(VENV)/.uv-$(call sum,requirements-bootstrap.lock)
RUN_STAMP := $(VENV)/.run-$(call sum,requirements.lock)
DEV_STAMP := $(VENV)/.dev-$(call sum,requirements-dev.lock)
INSTALL := $(VENV)/bin/uv pip install --quiet --python $(PY) --require-hashes --compile-bytecode

CODE := services edge deploy tests $(wildcard bench)
RELEASE := proto/release.binpb

.PHONY: help install install-dev run stop status demo test test-all lint format types gen gen-check breaking release envoy-config bench clean

help: ## Show this help
	@echo "Kerya — make TARGET"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(RUN_STAMP) ## Run the whole mesh in the foreground, until Ctrl-C (ARGS="--reload --only user")
	@exec ./kerya up $(ARGS)

stop: $(RUN_STAMP) ## Stop the mesh that runs on this machine
	@./kerya down

status: $(RUN_STAMP) ## Show what runs
	@./kerya status

demo: $(RUN_STAMP) ## Play a booking, from registration to refund, against the running mesh
	@./kerya demo $(ARGS)

test: $(DEV_STAMP) ## Run the tests on real engines (ARGS="tests/unit -k name")
	@$(PY) -m pytest -q -m "not slow" $(ARGS)

test-all: $(DEV_STAMP) ## Run the tests, the long ones too
	@$(PY) -m pytest -q $(ARGS)

lint: $(DEV_STAMP) types ## Check formatting, style, types and the contract's style
	@$(VENV)/bin/ruff format --check $(CODE)
	@$(VENV)/bin/ruff check $(CODE)
	@$(VENV)/bin/buf lint
	@$(VENV)/bin/buf format --diff --exit-code --path proto/kerya

format: $(DEV_STAMP) ## Format the code and the contract
	@$(VENV)/bin/ruff format $(CODE)
	@$(VENV)/bin/ruff check --fix $(CODE)
	@$(VENV)/bin/buf format --write --path proto/kerya

types: $(DEV_STAMP) ## Check the types
	@$(VENV)/bin/mypy

gen: $(DEV_STAMP) ## Write everything that is derived from proto/
	@$(PY) -m deploy.gen

gen-check: $(DEV_STAMP) ## Fail when what is derived from proto/ is not what is committed
	@$(PY) -m deploy.gen --check

breaking: $(DEV_STAMP) ## Fail when the contract breaks callers of the last release
	@$(VENV)/bin/buf build --exclude-source-info -o $(VENV)/contract.binpb
	@$(VENV)/bin/buf breaking $(VENV)/contract.binpb --against $(RELEASE)

release: $(DEV_STAMP) ## Make the contract as it is now the one that later changes must not break
	@$(VENV)/bin/buf build --exclude-source-info -o $(RELEASE)

envoy-config: $(RUN_STAMP) ## Print Envoy's configuration
	@$(PY) -m edge.envoy

bench: $(DEV_STAMP) ## Measure, side by side with peers (ONLY=edge,race)
	@$(PY) -m bench $(if $(ONLY),--only $(ONLY)) $(ARGS)

install: $(RUN_STAMP) ## Install what running needs

install-dev: $(DEV_STAMP) ## Install what developing needs

clean: ## Remove the virtual environment and caches (not .kerya; see kerya down --wipe)
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(UV_STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Kerya needs Python 3.11 or later; name one: make PYTHON=python3.12 …" >&2; exit 1; }
	@test -x $(PY) || $(PYTHON) -m venv $(VENV) \
	  || { echo "python3 -m venv failed; on Debian and Ubuntu the package python3-venv brings it" >&2; exit 1; }
	@echo "installing into $(VENV) …"
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bootstrap.lock
	@touch $@

$(RUN_STAMP): $(UV_STAMP)
	@$(INSTALL) -r requirements.lock
	@touch $@

$(DEV_STAMP): $(UV_STAMP)
	@$(INSTALL) -r requirements-dev.lock
	@touch $@ $(RUN_STAMP)
