# A fresh machine needs Python 3.11 or newer, and make.
BIN := .venv/bin
LOCK := pyproject.toml uv.lock requirements/run.txt requirements/dev.txt scripts/environment
# One more than there are cores: much of the time a test waits, for a server, a browser or a killed process.
# Each begins with files that stand together (worksteal), so that what a file prepares is prepared once.
PYTEST_WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

.DEFAULT_GOAL := help
.PHONY: help run test lint format docs messages oracles bench soak lock wheel clean

help: ## what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

run: .venv/.run ## make a demo site, publish it, mail its digest, serve it on 127.0.0.1:8000 (PORT=8001 for another port)
	@$(BIN)/publisher demo $(if $(PORT),--listen 127.0.0.1:$(PORT)) demo

test: .venv/.dev lint ## lint, contracts, types, and every test
	@scripts/browser
	@scripts/postfix
	@scripts/dovecot
	@scripts/exim
	@scripts/servers
	@scripts/clients
	$(BIN)/pytest -n $(PYTEST_WORKERS) --dist worksteal

lint: .venv/.dev ## style, import contracts, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy
	$(BIN)/pyright

format: .venv/.dev ## put the code into its usual form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: .venv/.dev ## write what is generated from the code: settings in config/, docs/reference/
	$(BIN)/python scripts/write_reference.py

messages: .venv/.dev ## collect what mails and pages say into messages.pot, for translators
	$(BIN)/pybabel -q extract -F scripts/messages.cfg -k text -k plural:1,2 -k to_say --no-location --no-wrap -o messages.pot .

oracles: .venv/.dev ## have real generators, feed parsers, verifiers and spam filters judge what we write (WRITE=--write, ONLY=hugo)
	@$(BIN)/python tests/oracles/run.py $(WRITE) $(ONLY)

bench: .venv/.dev ## measure: start-up and throughput, against their limits
	@for name in $(filter-out __init__ making table,$(basename $(notdir $(wildcard benchmarks/*.py)))); do \
		$(BIN)/python -m benchmarks.$$name || exit 1; done

soak: .venv/.dev ## the long tests: many kills, posts and readers, thousands of examples
	$(BIN)/pytest -m soak --hypothesis-profile soak -n $(PYTEST_WORKERS) --durations=0

lock: .venv/.dev ## update uv.lock and requirements/ to pyproject.toml (needs uv; UPGRADE=--upgrade for newer)
	uv lock $(UPGRADE)
	uv export --quiet --frozen --no-emit-project --no-header --no-dev -o requirements/run.txt
	uv export --quiet --frozen --no-emit-project --no-header --all-groups -o requirements/dev.txt

clean: ## remove what was made, but not .venv
	rm -rf demo dist build test-artefacts benchmarks/out .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

.venv/.run: $(LOCK)
	@scripts/environment run
	@touch $@

.venv/.dev: $(LOCK)
	@scripts/environment dev
	@touch $@ .venv/.run
