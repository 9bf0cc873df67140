# make run     chat: make the environment, start a server in the background if none runs, open the client
# make test    run all tests            ARGS='-k framing' passes options on to pytest
# make cluster a whole cluster: MariaDB, Redis, three nodes and nginx, until Ctrl+C    ARGS='--fresh' forgets the last
# make bench   how fast it is on this machine, beside a relay that does nothing    QUICK=1 in a minute, CHECK=1 compares
# make chaos   real clients on a real cluster while faults strike, and a verdict    ARGS='--seconds 60 --seed 7'
# make fuzz    damaged input for every door, until the time is over    ARGS='--seconds 600 --seed 7'
# make check   lint, format, types, import rules, generated documents
# make docs    write the generated documents again
# make lock    pin the newest versions that pyproject.toml allows
# make clean   remove the environment and every cache
#
# PYTHON=python3.12 VENV=.venv-3.12 makes another environment beside the first.

VENV ?= .venv
BIN := $(VENV)/bin
SOURCES := shared server tui_client tests tools
INPUTS := pyproject.toml requirements.lock tools/environment
export PYTHON

.PHONY: run test cluster bench chaos fuzz check docs lock clean help

run: $(VENV)/ready-run
	@exec $(BIN)/mrccsc-tui --local $(ARGS)

test: $(VENV)/ready-dev
	@tools/environment servers
	$(BIN)/python -m pytest -n auto --dist loadscope $(ARGS)

cluster: $(VENV)/ready-run
	@tools/environment servers
	@exec $(BIN)/python -m tools.cluster $(ARGS)

bench: $(VENV)/ready-run
	@tools/environment servers
	@exec $(BIN)/python -m tools.bench $(if $(QUICK),--quick) $(if $(CHECK),--check) $(ARGS)

chaos: $(VENV)/ready-dev
	@tools/environment servers
	@exec $(BIN)/python -m tests.chaos.run $(ARGS)

fuzz: $(VENV)/ready-dev
	@exec $(BIN)/python -m tests.fuzz $(ARGS)

check: $(VENV)/ready-dev
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.protocol_docs --check
	$(BIN)/python -m tools.client_docs --check

docs: $(VENV)/ready-dev
	$(BIN)/python -m tools.protocol_docs
	$(BIN)/python -m tools.client_docs

lock: $(VENV)/ready-dev
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --all-extras --group dev \
		--upgrade --no-emit-index-url --custom-compile-command 'make lock' --output-file requirements.lock

help:
	@sed -n 's/^# \{0,1\}//p' Makefile

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist

$(VENV)/ready-run: $(INPUTS)
	@tools/environment run $(VENV)

$(VENV)/ready-dev: $(INPUTS)
	@tools/environment dev $(VENV)
