# The commands of saltflow. Each makes the environment that it needs, once per content of the lock files.

PYTHON ?= python3
VENV := .venv
SNAKEMAKE := $(VENV)/bin/snakemake
DEMO := $(SNAKEMAKE) --profile profiles/local --directory build/demo --configfile config/presets/demo/config.yaml

# A sweep of your own: make plan SWEEP=my-sweep PROFILE=profiles/mysite
SWEEP := .
PROFILE := profiles/slurm
CONFIG := $(if $(filter-out .,$(SWEEP)),$(wildcard $(SWEEP)/config.yaml))
COMMAND = $(VENV)/bin/python scripts/$@.py --directory "$(SWEEP)"
PLANNED = $(COMMAND) $(if $(CONFIG),--configfile "$(CONFIG)") --profile "$(PROFILE)"

# The stamps carry what the environment was made from: the locks, the Python and, as scripts in an
# environment hold absolute paths, the folder.
fingerprint = $(shell { cat $(1); pwd; $(PYTHON) -V; } 2>&1 | cksum | cut -d ' ' -f 1)
RUNTIME := $(VENV)/made-from-$(call fingerprint,requirements/all.txt)
DEVELOPMENT := $(VENV)/tests-from-$(call fingerprint,requirements/all.txt requirements/dev.txt)

# Two processes that test on two cores, and one that waits for a cluster of virtual nodes.
SIDE_BY_SIDE := --numprocesses 3 --no-loadscope-reorder

# Caches of pip, Snakemake and matplotlib need a home; an account without one gets a folder here.
ifeq ($(strip $(HOME)),)
export HOME := $(CURDIR)/build/home
endif

# Installing without compiling saves half a minute: each module is compiled at its first import instead, and
# must then be kept for the next job.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help environment demo plan approve status ranking account resume tidy archive test lint bench lock

help:
	@echo "make environment  the environment in .venv, for a sweep of your own"
	@echo "make demo    two compositions from table to conductivity, in build/demo (minutes)"
	@echo "make plan    what a sweep would run, why, and what it would cost; runs nothing"
	@echo "make approve keep that plan, to compare the next one with"
	@echo "make status  how far each composition is"
	@echo "make ranking every composition with its status, those that are done by conductivity"
	@echo "make account what a sweep has cost, and what failed"
	@echo "make resume  go on after any accident"
	@echo "make tidy    what may be deleted; DELETE=yes deletes what nobody misses"
	@echo "make archive one composition with its provenance: COMPOSITION=id"
	@echo "             these take SWEEP=folder and PROFILE=profiles/mysite"
	@echo "make test    every test"
	@echo "make lint    style of the Python and Snakemake code, versions in step"
	@echo "make bench   the measurements of benchmarks/"
	@echo "make lock    resolve the versions of pyproject.toml anew"

environment: $(RUNTIME)

# After an accident the demonstration goes on, once the jobs that a killed run has left have ended.
demo: $(RUNTIME)
	@mkdir -p build/demo
	@$(VENV)/bin/python scripts/resume.py --directory build/demo -- $(DEMO)
	@$(DEMO) --quiet all --report report.html
	@cat build/demo/results/summary/conductivity.txt
	@echo "Report: $(CURDIR)/build/demo/report.html"

plan: $(RUNTIME)
	@$(PLANNED)

tidy: $(RUNTIME)
	@$(PLANNED) $(if $(DELETE),--delete)

status: $(RUNTIME)
	@$(COMMAND) $(if $(CONFIG),--configfile "$(CONFIG)") $(if $(ALL),--all)

ranking: $(RUNTIME)
	@$(COMMAND) $(if $(CONFIG),--configfile "$(CONFIG)")

approve account: $(RUNTIME)
	@$(COMMAND)

resume: $(RUNTIME)
	@$(COMMAND) $(if $(CANCEL),--cancel) $(if $(LOST_HOST),--lost-host "$(LOST_HOST)")

archive: $(RUNTIME)
	@$(PLANNED) --composition "$(COMPOSITION)"

test: $(DEVELOPMENT)
	@tests/setup.sh $(VENV)/bin/python
	@OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest $(SIDE_BY_SIDE) --durations 25 # one thread, as the rules run

lint: $(DEVELOPMENT)
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/snakefmt --check Snakefile rules
	@$(VENV)/bin/python requirements/lock.py --check

bench: $(DEVELOPMENT)
	@set -e; for benchmark in benchmarks/*/run.py; do echo "$$benchmark"; $(VENV)/bin/python "$$benchmark"; done

lock: $(DEVELOPMENT)
	@$(VENV)/bin/python requirements/lock.py

$(RUNTIME):
	@requirements/make_venv.sh "$(PYTHON)" $(VENV) requirements/all.txt
	@touch $@

$(DEVELOPMENT): $(RUNTIME)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-input --no-compile \
		--requirement requirements/all.txt --requirement requirements/dev.txt
	@touch $@
