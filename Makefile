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
find_python = $(firstword $(foreach name,python3.13 python3.12 python3.11 python3 python3.14,\
	$(shell $(name) -c '$(NEW_ENOUGH)' >/dev/null 2>&1 && echo $(name))))

PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
DEPS := $(VENV)/.deps-installed
READY := $(VENV)/.project-installed

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

# --- use ----------------------------------------------------------------------------------------

.PHONY: demo
demo: $(READY) assets ## A directory and three organisations on this machine; ARGS=--scripted plays a referral
	@$(BIN)/referral demo --state $(STATE) $(ARGS)

.PHONY: demo-code
demo-code: $(READY) ## The code of six digits with which the demo's registrar signs in now
	@$(BIN)/referral demo --state $(STATE) --code

.PHONY: demo-clean
demo-clean: ## Remove the demo's state: its keys, its databases, its cases
	rm -rf $(STATE)

.PHONY: bench
bench: $(READY) ## Measure; ARGS='exchange --help' for what and how
	@$(BIN)/referral bench $(or $(ARGS),exchange)

# --- proof --------------------------------------------------------------------------------------

.PHONY: test
test: check browser ## Checks, then every test, the stories in a browser included
	@$(BIN)/python -m pytest $(ARGS)

CHAOS_SECONDS ?= 300
CHAOS_SEED ?=

.PHONY: chaos
chaos: $(READY) assets ## Break a small exchange for CHAOS_SECONDS from CHAOS_SEED; tests/chaos/README.md
	@CHAOS_SECONDS='$(CHAOS_SECONDS)' CHAOS_SEED='$(CHAOS_SEED)' PYTHONPATH=tests \
	  $(BIN)/python -m chaos

.PHONY: mutants
mutants: $(READY) assets ## Break one rule after another in a copy: the tests must notice; ARGS='words of names'
	@$(BIN)/python tests/mutants.py $(ARGS)

.PHONY: check
check: $(READY) assets ## Lint, format, types (strict), layers
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

.PHONY: format
format: $(READY) ## Put all code into the common format, repair what ruff can repair
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

.PHONY: browser
browser: $(READY) ## Find a Chromium for the stories, or install one
	@$(BIN)/python tests/browser.py --install

# --- set-up -------------------------------------------------------------------------------------

.PHONY: venv
venv: $(READY) ## Virtual environment with everything that is locked, and the project in it

$(BIN)/python:
	@python='$(or $(PYTHON),$(find_python))'; \
	if [ -z "$$python" ]; then \
	  echo "No Python 3.11 or newer found. Install one, or name it: make PYTHON=/path/to/python3" >&2; \
	  exit 1; fi; \
	if ! "$$python" -c '$(NEW_ENOUGH)' 2>/dev/null; then \
	  echo "$$python does not start, or is older than 3.11. Name another one: PYTHON=..." >&2; \
	  exit 1; fi; \
	if ! "$$python" -c 'import venv, ensurepip' 2>/dev/null; then \
	  echo "$$python has no venv module. On Debian and Ubuntu: apt install python3-venv" >&2; \
	  exit 1; fi; \
	echo "setting up $(VENV) with $$("$$python" --version)"; \
	"$$python" -m venv $(VENV)

$(DEPS): requirements/dev.txt | $(BIN)/python
	@$(PIP_INSTALL) --require-hashes -r requirements/dev.txt
	@touch $@

# The project itself, in place: again only when its entry points or its build change.
$(READY): $(DEPS) pyproject.toml hatch_build.py
	@$(PIP_INSTALL) --no-build-isolation --no-deps -e .
	@touch $@

.PHONY: assets
assets: $(READY) ## The pages' style sheets; quick when nothing changed
	@$(BIN)/python tools/assets/build.py

.PHONY: wheel
wheel: $(READY) assets ## The wheel, into dist/
	$(BIN)/python -m build --wheel --no-isolation

LOCKER := $(VENV)/locker
COMPILE = $(LOCKER)/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
	--generate-hashes --no-header --no-annotate

.PHONY: lock
lock: | $(BIN)/python ## Lock again, at the newest versions that pyproject.toml allows
	$(BIN)/python -m venv $(LOCKER)
	$(LOCKER)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	  -r requirements/lock.txt
	$(COMPILE) pyproject.toml -o requirements/runtime.txt
	$(COMPILE) pyproject.toml --group dev -c requirements/runtime.txt -o requirements/dev.txt
	$(COMPILE) requirements/lock.in -o requirements/lock.txt

.PHONY: clean
clean: ## Remove everything that this file has made, but for the demo's state
	rm -rf $(VENV) dist build tools/referral_ui/static tools/assets/node_modules tools/assets/out
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache tests/stories/shots
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
