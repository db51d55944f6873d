# Needs python3 (3.11 or newer) and make. Everything else goes into .venv and .local.
PYTHON ?= python3
PORT ?= 8000
IN := .venv/bin/
export PORT
.DEFAULT_GOAL := help
.PHONY: help run dev shell reset demo test chaos contract bench bench-admin night mutants check lint schema migrations fmt lock

help:           ## show this list
	@sed -nE 's/^([a-z-]+):[^#]*## ?(.*)/  make \1 - \2/p' $(MAKEFILE_LIST)

# The stamp's name holds a digest of requirements-dev.txt and of this folder's path. It is missing,
# so that the packages are installed, after an interrupted install, a new lock or a moved folder.
DIGEST := $(shell { cksum < requirements-dev.txt; pwd; } | cksum | cut -d' ' -f1)
STAMP := .venv/.installed-$(DIGEST)

$(STAMP):
	@command -v $(PYTHON) >/dev/null \
	  || { echo "  $(PYTHON) was not found. Python 3.11 or newer is needed: PYTHON=/path/to/python3 make run"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "  Python 3.11 or newer is needed; $(PYTHON) is older. Try PYTHON=python3.12 make run"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
	  || { echo "  $(PYTHON) has no venv. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@rm -f .venv/.installed-*
	@$(PYTHON) -I ticketing/stack/install.py
	@touch $@

run: $(STAMP)   ## start the whole system on this machine; Ctrl-C stops it
	@exec $(IN)python -m ticketing.stack run --port $(PORT)

dev: $(STAMP)   ## as `make run`, with restarts on code changes and each request's queries in the log
	@exec $(IN)python -m ticketing.stack run --port $(PORT) --develop

shell: $(STAMP) ## open a Django shell with the data of the running `make run`
	@exec $(IN)python -m ticketing.stack shell

reset: $(STAMP) ## delete all data of `make run`
	@$(IN)python -m ticketing.stack reset

demo: $(STAMP)  ## sell tickets over HTTP, from the event to the scan at the door; starts a stack if none runs
	@$(IN)python -m ticketing.stack demo

# `loadfile` keeps the tests of one file, and of all of tests/browser, in one worker: they start the
# real processes that they need once. 3 workers even on 2 cores, because many tests wait.
test: $(STAMP)  ## run all tests, or T=path, on a real PostgreSQL and Valkey that they start themselves
	@$(IN)python -m pytest $(or $(T),-n 3 --dist loadfile --no-loadscope-reorder)

# Runs for SECONDS, or until ORDERS and FAULTS are reached. SEED repeats a schedule of faults.
chaos: $(STAMP) ## kill and cut off real processes under load, then check every promise (SECONDS=120)
	@$(IN)python -m tests.chaos $(if $(SECONDS),--seconds $(SECONDS)) $(if $(ORDERS),--orders $(ORDERS)) \
	  $(if $(FAULTS),--faults $(FAULTS)) $(if $(SEED),--seed $(SEED))

# SECONDS=60 is enough for a change, half an hour for a release.
contract: $(STAMP) ## test the running API against its own document, with valid and invalid requests
	@$(IN)python -m tests.contract $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED))

# SECONDS is the duration of each repeat. ONLY selects loads by a part of their name: "a. reserve".
bench: $(STAMP) ## measure requests per second, compared with minimal programs in the same run
	@$(IN)python -m tests.bench $(if $(SECONDS),--seconds $(SECONDS)) $(if $(ONLY),--only "$(ONLY)")

# DEVICES and TICKETS are 50 and 20000, unless you set them. VIEWERS watch the live door.
night: $(STAMP) ## scan a whole event at its gates, partly offline; each ticket must enter once
	@$(IN)python -m tests.bench.night $(if $(DEVICES),--devices $(DEVICES)) $(if $(TICKETS),--tickets $(TICKETS)) \
	  $(if $(VIEWERS),--viewers $(VIEWERS))

bench-admin: $(STAMP) ## measure pages of the admin with a million tickets of one event
	@$(IN)python -m tests.bench.back_office

# ONLY selects files by a part of their name, such as orders/reservation or lua/. FRESH=1 measures
# again which test runs which line: needed after tests were added.
mutants: $(STAMP) ## break the code on purpose, one line at a time; each change must fail a test
	@$(IN)python -m tests.mutation $(if $(ONLY),--only "$(ONLY)") $(if $(FRESH),--fresh)

check: $(STAMP) lint ## check formatting, lint, import contracts, types, migrations, deployment settings
	$(IN)ruff format --check .
	$(IN)ruff check .
	$(IN)lint-imports
	$(IN)mypy .
	@$(IN)python -m ticketing.stack check
	@$(IN)python -m tests.upgrading

lint: $(STAMP)  ## check the API's document with Spectral, Redocly and TypeScript
	@$(IN)python -m tests.linting

schema: $(STAMP) ## write the API's document, docs/openapi.yaml, from the code
	@DJANGO_SETTINGS_MODULE=config.settings.test $(IN)python -W ignore manage.py spectacular --fail-on-warn --file docs/openapi.yaml

migrations: $(STAMP) ## write the migrations for changed models
	@DJANGO_SETTINGS_MODULE=config.settings.test $(IN)python -W ignore manage.py makemigrations

fmt: $(STAMP)   ## format the code
	$(IN)ruff check --fix-only -q . && $(IN)ruff format -q .

# Resolves the direct dependencies in pyproject.toml into exact versions with hashes.
LOCK := $(IN)uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
  --no-header --no-emit-index-url -q
lock: $(STAMP)  ## upgrade the packages: write requirements.txt and requirements-dev.txt
	$(LOCK) --upgrade --group dev -o requirements-dev.txt
	$(LOCK) -c requirements-dev.txt -o requirements.txt
