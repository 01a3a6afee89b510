# `make help` lists the targets. All that is installed goes into .venv, once: a stamp file says for which requirements.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run quick test test-all check format bench fuzz kernels mutants load architectures large-model presets lock clean

# Overridable on the command line: make run PORT=8600
PORT ?= 8501
# Another index for torch and torchvision alone. https://download.pytorch.org/whl/cpu has builds without CUDA: some
# 1.3 GB in all instead of 6.
TORCH_INDEX ?=
# More arguments for pytest: make test ARGS="-k saliency"
ARGS ?=
# How many processes run tests side by side: make test PROCESSES=1
PROCESSES ?= 2
# How long each format is corrupted at random, and each precision and batch is searched: make fuzz SECONDS=600
SECONDS ?= 60
# Where a search at random begins, and what is drawn: make kernels SEED=7
SEED ?= 0
# How many faults are written into the code, one at a time: make mutants COUNT=60
COUNT ?= 200
# The first of these that is 3.11 or newer and really starts; an installed name may be a stub that only fails.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	$$p -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
PASSES = $(BIN)/python -m tests.passes --processes $(PROCESSES)
WITH_CHROMIUM = CHROMIUM="$$($(BIN)/python scripts/find_chromium.py)" && export CHROMIUM &&
SOURCES := app.py navigation.py setup.py pages gradviz_core scripts tests $(sort $(dir $(wildcard benchmarks/*.py)))

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

run: .venv/run.stamp ## start the app on http://localhost:8501 (PORT= for another port)
	$(BIN)/python -m streamlit run app.py --server.port=$(PORT)

quick: .venv/dev.stamp ## run the unit tests that are not slow
	$(PASSES) quick

test: .venv/dev.stamp ## run the tests, the ones in a real browser too; with ARGS= only those that it selects
	$(WITH_CHROMIUM) $(if $(ARGS),$(BIN)/python -m pytest $(ARGS),$(PASSES))

test-all: .venv/dev.stamp ## run the tests, and the longer sweeps
	$(WITH_CHROMIUM) $(PASSES) --sweeps

check: .venv/dev.stamp ## format, lint, types, import rules
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy $(SOURCES)
	$(BIN)/python -m pytest --quiet tests/test_imports.py

format: .venv/dev.stamp ## format the code and fix what can be fixed by itself
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

bench: .venv/dev.stamp $(if $(filter models,$(ARGS)),.venv-sweep/sweep.stamp) ## measure, side by side with plain PyTorch
	$(BIN)/python -m benchmarks $(ARGS)

fuzz: .venv/dev.stamp ## corrupt files of every format at random, SECONDS=60 each
	$(BIN)/python -m tests.hostile.fuzz --seconds $(SECONDS) $(ARGS)

kernels: .venv/dev.stamp ## search PyTorch for gradients that depend on how numbers lie in memory, SECONDS=60 each
	$(BIN)/python -m tests.kernels.search --seconds $(SECONDS) --seed $(SEED) $(ARGS)

mutants: SEED = 1
mutants: .venv/dev.stamp ## write small faults into a copy of the code, one at a time: do the tests notice? SEED=1 COUNT=200
	$(BIN)/python -m tests.mutants.record
	$(BIN)/python -m tests.mutants --seed $(SEED) --count $(COUNT) $(ARGS)

load: SECONDS = 600
load: .venv/dev.stamp ## 50 sessions at once, three of them hostile, workers killed: is anything wrong or lost? SECONDS=600
	$(BIN)/python -m tests.load --seconds $(SECONDS) $(ARGS)

architectures: .venv/dev.stamp ## hold the gradients of 74 architectures against finite differences
	$(BIN)/python -m tests.architectures $(ARGS)

large-model: .venv/dev.stamp ## bring two models as large as VGG-16 to the app at once, and say what that takes
	$(BIN)/python -m tests.load.large_model

presets: .venv/dev.stamp ## train the preset models again
	$(BIN)/python scripts/train_presets.py $(ARGS)

# uv and not pip-compile: uv resolves for Linux on both processors (and for macOS and Windows) in one file, where
# pip-compile sees only the machine it runs on; and it copies nothing of this machine's pip settings into the file.
lock: .venv/dev.stamp ## pin requirements.txt, with hashes, into requirements.lock
	$(BIN)/uv pip compile requirements.txt --output-file requirements.lock --upgrade --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --quiet

clean: ## remove .venv and all caches
	rm -rf .venv .venv-sweep .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Debian's python3 has venv but not what puts pip into it: there the pip outside installs one.
.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer was found. Name one: make run PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv .venv || \
		{ $(PYTHON) -m venv --clear --without-pip .venv && $(PYTHON) -m pip --python .venv/bin/python install pip; }

.venv/run.stamp: requirements.txt | .venv/bin/python
	@echo "Installing what the app needs: 6 GB, mostly CUDA. This happens once."
ifneq ($(TORCH_INDEX),)
	$(PIP) install --no-deps --index-url $(TORCH_INDEX) $$(grep -E '^torch(vision)?>' requirements.txt)
endif
	$(PIP) install -r requirements.txt
	@touch $@

.venv/dev.stamp: requirements-dev.txt requirements-heic.txt requirements-batch.txt .venv/run.stamp
	$(PIP) install -r requirements-dev.txt
	@touch $@

# An environment that sees the packages of .venv, so that torch is the very same and is not installed twice.
.venv-sweep/sweep.stamp: requirements-sweep.txt .venv/dev.stamp
	$(BIN)/python -m venv .venv-sweep
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
		> "$$(.venv-sweep/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/packages_of_venv.pth"
	$(PIP) freeze --exclude-editable | grep -E '^(torch|torchvision|numpy|timm)==' > .venv-sweep/same.txt
	.venv-sweep/bin/python -m pip --disable-pip-version-check install -c .venv-sweep/same.txt -r requirements-sweep.txt
	@touch $@
