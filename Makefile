# Two commands matter: `make try` and `make test`. Both need only Python 3.11 to 3.13; uv is used where it is found.

VENV   := .venv
BIN    := $(VENV)/bin
UV     := $(shell command -v uv 2>/dev/null)
# The first Python that will do, or nothing.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
            $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && echo $$p && break; done)

# Idle OpenMP threads that spin starve a small machine.
export OMP_WAIT_POLICY := passive

ifeq ($(UV),)
  CREATE  = $(PYTHON) -m venv $(VENV)
  INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
else
  CREATE  = $(UV) venv --quiet --seed --allow-existing --python '>=3.11,<3.14' $(VENV)
  INSTALL = $(UV) pip install --quiet --python $(BIN)/python -c constraints.txt
endif

# The extension of VS Code, and what npm writes when everything that it needs is there.
VSCODE  := editor-plugins/vscode
MODULES := $(VSCODE)/node_modules/.package-lock.json

.PHONY: help try test test-editors test-engines test-gpu setup setup-dev lint types pytest extension bench clean

help:
	@echo 'make try     set everything up and watch real completions stream into a source file'
	@echo 'make test    set up with the test tools and run every check but those in VS Code and Emacs'
	@echo 'make test-editors   run those: needs Node 20; on Debian it installs what else is missing'
	@echo 'make test-engines   run those of ExLlamaV2 on a processor: installs torch 2.13.0 (CPU build) apart'
	@echo 'make test-gpu       run those that need a CUDA GPU (docs/gpu.md)'
	@echo 'make setup   create .venv with the slipstream command in it'
	@echo 'make bench   run the benchmarks (docs/measurements.md says what they mean)'
	@echo 'make clean   remove .venv and caches (models stay: slipstream models remove)'

try: setup
	$(BIN)/slipstream models pull
	$(BIN)/slipstream try

test: setup-dev lint types pytest

test-editors: setup-dev extension
	tests/editors/emacs/install.sh
	tests/editors/vscode/install.sh
	$(BIN)/pytest -m editor tests/editors

test-engines: .venv-engines/.setup
	.venv-engines/bin/python -m pytest -m torch tests/copilot tests/engines

test-gpu:
	tests/gpu/run.sh

.venv-engines/.setup: tests/engines/install.sh pyproject.toml constraints.txt
	@echo 'Installing torch (CPU build) and ExLlamaV2 into .venv-engines ...'
	@PYTHON=$(PYTHON) tests/engines/install.sh
	@touch $@

setup: $(VENV)/.setup

setup-dev: $(VENV)/.setup-dev

$(BIN)/python:
ifeq ($(UV)$(PYTHON),)
	@echo 'Slipstream needs Python 3.11, 3.12 or 3.13, and none was found. Install one, or install uv.' >&2; exit 1
endif
	@echo 'Creating $(VENV) ...'
	@$(CREATE) || { rm -rf $(VENV); \
	  echo 'Could not create a virtual environment. On Debian and Ubuntu: apt install python3-venv' >&2; exit 1; }

$(VENV)/.setup: $(BIN)/python pyproject.toml constraints.txt
	@echo 'Installing Slipstream into $(VENV) ...'
	@$(INSTALL) -e '.[cpu]'
	@touch $@

$(VENV)/.setup-dev: $(VENV)/.setup tests/desktop/install.sh tests/copilot/audit/install.sh
	@echo 'Installing the test tools ...'
	@$(INSTALL) -e '.[cpu,desktop,dev]'
	@tests/desktop/install.sh
	@tests/copilot/audit/install.sh
	@touch $@

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup-dev
	$(BIN)/mypy

pytest: setup-dev
	$(BIN)/pytest -m 'not editor and not torch and not gpu'

# Checks the extension and packs it.
extension: setup-dev $(MODULES)
	cd $(VSCODE) && npm run --silent check && npm run --silent package

$(MODULES): $(VSCODE)/package.json $(VSCODE)/package-lock.json
	cd $(VSCODE) && npm ci --no-audit --no-fund
	@touch $@

bench: setup-dev
	$(BIN)/python -m benchmarks.keystroke
	$(BIN)/python -m benchmarks.lsp_start
	$(BIN)/python -m benchmarks.host_overhead
	$(BIN)/python -m benchmarks.kv_reuse
	$(BIN)/python -m benchmarks.storm
	$(BIN)/python -m benchmarks.speculation
	$(BIN)/python -m benchmarks.editor_neovim
	$(BIN)/python -m benchmarks.window_stream

clean:
	rm -rf $(VENV) .venv-engines .mypy_cache .ruff_cache .pytest_cache build dist
	rm -rf $(VSCODE)/node_modules $(VSCODE)/dist $(VSCODE)/server $(VSCODE)/slipstream.vsix
