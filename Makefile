# Needs python3 (3.11 or newer) and make. Everything else goes into .venv and .local.
PYTHON ?= python3
PORT ?= 8000
IN := .venv/bin/
export PORT
.DEFAULT_GOAL := help
.PHONY: help run dev shell reset demo test chaos contract bench mutants check lint schema migrations fmt lock

help:           ## this list
	@sed -nE 's/^([a-z]+):[^#]*## ?(.*)/  make \1 - \2/p' $(MAKEFILE_LIST)

# The stamp holds the digest of the lock that was installed whole, and of the folder. An
# interrupted install leaves none; a new lock or a moved folder has another.
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

run: $(STAMP)   ## the whole system on this machine; Ctrl-C stops it
	@exec $(IN)python -m ticketing.stack run --port $(PORT)

dev: $(STAMP)   ## as `make run`; code is loaded again when it changes, each request logs what it asked
	@exec $(IN)python -m ticketing.stack run --port $(PORT) --develop

shell: $(STAMP) ## a Django shell with the data of the stack that runs
	@exec $(IN)python -m ticketing.stack shell

reset: $(STAMP) ## delete the data of `make run`
	@$(IN)python -m ticketing.stack reset

demo: $(STAMP)  ## walk one order from the event to the door, against a running or a fresh stack
	@$(IN)python -m ticketing.stack demo

# A file's tests stay together: those of real processes start their stack once. Many of them wait.
test: $(STAMP)  ## all tests, or those that T names, on real PostgreSQL and Valkey
	@$(IN)python -m pytest $(or $(T),-n 3 --dist loadfile --no-loadscope-reorder)

# As long as SECONDS says, or till ORDERS and FAULTS are reached. SEED repeats a schedule.
chaos: $(STAMP) ## real processes under load, killed and cut off; then every promise is checked
	@$(IN)python -m tests.chaos $(if $(SECONDS),--seconds $(SECONDS)) $(if $(ORDERS),--orders $(ORDERS)) \
	  $(if $(FAULTS),--faults $(FAULTS)) $(if $(SEED),--seed $(SEED))

# As long as SECONDS says: a minute is enough for a change, half an hour for a release.
contract: $(STAMP) ## the running API against its own schema: every operation, good input and bad
	@$(IN)python -m tests.contract $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED))

# SECONDS of each of the repeats; ONLY what has this in its name, such as "a. reserve".
bench: $(STAMP) ## how fast it is, as a ratio to floors measured in the same run
	@$(IN)python -m tests.bench $(if $(SECONDS),--seconds $(SECONDS)) $(if $(ONLY),--only "$(ONLY)")

# ONLY what has this in its name, such as orders/reservation or lua/; FRESH=1 after tests were added.
mutants: $(STAMP) ## change the engine on purpose, a line at a time; each change must fail a test
	@$(IN)python -m tests.mutation $(if $(ONLY),--only "$(ONLY)") $(if $(FRESH),--fresh)

check: $(STAMP) lint ## formatting, lint, import contracts, types, migrations, deployment settings
	$(IN)ruff format --check .
	$(IN)ruff check .
	$(IN)lint-imports
	$(IN)mypy .
	@$(IN)python -m ticketing.stack check
	@$(IN)python -m tests.upgrading

lint: $(STAMP)  ## the API's document by Spectral and Redocly: no finding, no warning
	@$(IN)python -m tests.linting

schema: $(STAMP) ## write the API's document, docs/openapi.yaml, as the code has it
	@DJANGO_SETTINGS_MODULE=config.settings.test $(IN)python -W ignore manage.py spectacular --fail-on-warn --file docs/openapi.yaml

migrations: $(STAMP) ## write the migrations that the models ask for
	@DJANGO_SETTINGS_MODULE=config.settings.test $(IN)python -W ignore manage.py makemigrations

fmt: $(STAMP)   ## format the code
	$(IN)ruff check --fix-only -q . && $(IN)ruff format -q .

# Resolve the direct needs in pyproject.toml into exact versions with hashes.
LOCK := $(IN)uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
  --no-header --no-emit-index-url -q
lock: $(STAMP)  ## new exact versions of the packages
	$(LOCK) --upgrade --group dev -o requirements-dev.txt
	$(LOCK) -c requirements-dev.txt -o requirements.txt
