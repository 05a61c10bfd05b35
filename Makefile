# What a newcomer and a developer type; each makes the environment that it needs, once per content of the lock files.
# What people type about a sweep is the command .venv/bin/saltflow.

PYTHON ?= python3
VENV := .venv
SALTFLOW := $(VENV)/bin/saltflow
DEMO := $(VENV)/bin/snakemake --profile profiles/local --directory build/demo --configfile config/presets/demo/config.yaml

# The stamps carry what the environment was made from: the locks, the Python and, as scripts in an
# environment hold absolute paths, the folder.
fingerprint = $(shell { cat $(1); pwd; $(PYTHON) -V; } 2>&1 | cksum | cut -d ' ' -f 1)
RUNTIME := $(VENV)/made-from-$(call fingerprint,requirements/all.txt requirements/make_venv.sh)
DEVELOPMENT := $(VENV)/tests-from-$(call fingerprint,requirements/all.txt requirements/make_venv.sh requirements/dev.txt)

# Two processes that test on two cores, and one that waits for a cluster of virtual nodes.
SIDE_BY_SIDE := --numprocesses 3 --no-loadscope-reorder

# As the rules run. numba would give OpenMP, and with it torch, a thread for each core from its first loop on.
ONE_THREAD := OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1

# Caches of pip, Snakemake and matplotlib need a home; an account without one gets a folder here.
ifeq ($(strip $(HOME)),)
export HOME := $(CURDIR)/build/home
endif

# Installing without compiling saves half a minute: each module is compiled at its first import instead, and
# must then be kept for the next job.
unexport PYTHONDONTWRITEBYTECODE

UNIVERSAL := .venv-universal/made-from-$(call fingerprint,requirements/universal.txt requirements/make_venv.sh)

.PHONY: help environment universal demo test lint bench lock

help:
	@echo "make environment  the environment in .venv, with the command .venv/bin/saltflow"
	@echo "make universal    universal potentials as teachers, in .venv-universal"
	@echo "make demo         two compositions from table to conductivity, in build/demo (minutes)"
	@echo "make test         every test"
	@echo "make lint         style, direction of imports, versions in step"
	@echo "make bench        the measurements of benchmarks/"
	@echo "make lock         resolve the versions of pyproject.toml anew"

environment: $(RUNTIME)

universal: $(UNIVERSAL)

# After an accident the demonstration goes on, once the jobs that a killed run has left have ended.
demo: $(RUNTIME)
	@mkdir -p build/demo
	@$(SALTFLOW) resume build/demo -- $(DEMO)
	@$(DEMO) --quiet all --report report.html
	@cat build/demo/results/summary/conductivity.txt build/demo/results/summary/ranking.txt
	@echo "Results: $(CURDIR)/build/demo/results/summary/index.html"
	@echo "Report: $(CURDIR)/build/demo/report.html"

test: $(DEVELOPMENT)
	@tests/setup.sh $(VENV)/bin/python
	@$(ONE_THREAD) $(VENV)/bin/python -m pytest $(SIDE_BY_SIDE) --durations 25

lint: $(DEVELOPMENT)
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/snakefmt --check Snakefile rules
	@PYTHONPATH=scripts $(VENV)/bin/lint-imports
	@$(VENV)/bin/python requirements/lock.py --check

bench: $(DEVELOPMENT)
	@set -e; for benchmark in benchmarks/*/run.py; do echo "$$benchmark"; $(VENV)/bin/python "$$benchmark"; done

lock: $(DEVELOPMENT)
	@$(VENV)/bin/python requirements/lock.py

$(RUNTIME):
	@requirements/make_venv.sh "$(PYTHON)" $(VENV) requirements/all.txt
	@touch $@

$(UNIVERSAL):
	@requirements/make_venv.sh "$(PYTHON)" .venv-universal requirements/universal.txt
	@touch $@

$(DEVELOPMENT): $(RUNTIME)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-input --no-compile \
		--requirement requirements/all.txt --requirement requirements/dev.txt
	@touch $@
