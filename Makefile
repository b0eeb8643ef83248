# The house: everything that is done to this project, by name. `make help` lists it.
#
# A fresh machine needs Python 3.11 or newer, git and make. Everything else comes from the lock
# files (requirements/*.txt, checked by hash) and the asset lock (tools/assets/package-lock.json).
# No index address stands here or in any lock: pip and npm use the ones that this machine is set
# up with. After the first set-up nothing below needs the network, until a lock file changes.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
STATE := .demo
ARGS ?=

# The first Python that starts and is new enough; PYTHON=/path/to/python overrides the search.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
find_python = $(firstword $(foreach p,python3.13 python3.12 python3.11 python3 python3.14,\
	$(shell command -v $(p) >/dev/null 2>&1 && $(p) -c '$(NEW_ENOUGH)' >/dev/null 2>&1 && echo $(p))))

DEPS := $(VENV)/.deps-installed
READY := $(VENV)/.project-installed
ASSETS := tools/assets/.built
STATIC := tools/referral_ui/static
ASSET_SOURCES := $(shell find tools/assets -type f -not -path '*/node_modules/*' -not -name .built \
	-not -path '*/__pycache__/*' 2>/dev/null)

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

# --- set-up -------------------------------------------------------------------------------------

.PHONY: venv
venv: $(READY) ## Virtual environment with everything that is locked, and the project in it

$(BIN)/python:
	@python='$(or $(PYTHON),$(find_python))'; \
	if [ -z "$$python" ]; then \
	  echo "No Python 3.11 or newer found: install one, or name it: make PYTHON=/path/to/python3" >&2; \
	  exit 1; fi; \
	if ! "$$python" -c '$(NEW_ENOUGH)'; then \
	  echo "$$python does not start or is older than 3.11: name a newer one with PYTHON=" >&2; \
	  exit 1; fi; \
	if ! "$$python" -c 'import venv, ensurepip' 2>/dev/null; then \
	  echo "$$python lacks venv (on Debian and Ubuntu: apt install python3-venv)" >&2; exit 1; fi; \
	"$$python" -m venv $(VENV)

$(DEPS): requirements/dev.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	  -r requirements/dev.txt
	@touch $@

$(READY): $(DEPS) pyproject.toml $(wildcard hatch_build.py)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation \
	  --no-deps -e .
	@touch $@

.PHONY: lock
lock: | $(BIN)/python ## Write the lock files again, with the newest versions that pyproject.toml allows
	$(BIN)/python -m venv $(VENV)/lock
	$(VENV)/lock/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	  -r requirements/lock.txt
	$(COMPILE) pyproject.toml -o requirements/runtime.txt
	$(COMPILE) pyproject.toml --group dev -c requirements/runtime.txt -o requirements/dev.txt
	$(COMPILE) requirements/lock.in -o requirements/lock.txt

COMPILE := $(VENV)/lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
	--generate-hashes --no-header --no-annotate
