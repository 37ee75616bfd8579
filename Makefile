# Two commands for a newcomer: `make demo` and `make test`. Both set everything up by themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CORE := $(VENV)/.core
STAMP := $(VENV)/.installed
FAULTS ?= 300

.PHONY: demo test test-slow test-faults check setup clean help

help:            ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

demo: $(CORE)    ## render the demo conversation and say where the video is
	$(BIN)/afgen demo

test: $(STAMP)   ## the whole test suite
	$(BIN)/python -m pytest -n 2

test-slow: $(STAMP)  ## storage on a real Ceph (Debian: ceph-mon ceph-osd ceph-mgr radosgw)
	$(BIN)/python -m pytest -m rgw -rs

test-faults: $(STAMP)  ## hurt a running service 300 times (FAULTS=n), an hour; writes docs/faults.md
	$(BIN)/python -m tests.faults.run --faults $(FAULTS)

check: $(STAMP)  ## the fast lane: lint, types, layers, unit tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n 2 -m "not slow"

setup: $(STAMP)  ## make the virtual environment only

$(CORE): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable .
	@# Slim images lack libGL: the headless build of the same OpenCV needs none.
	@$(BIN)/python -c 'import cv2' 2>/dev/null || \
		$(BIN)/pip install --quiet --force-reinstall --no-deps 'opencv-contrib-python-headless>=4.11,<4.12'
	@touch $(CORE)

$(STAMP): $(CORE)
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $(STAMP)

clean:           ## remove the environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache out
