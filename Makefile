# Each target works on a fresh clone: it makes .venv and installs what it needs.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help demo test check bench bench-peers soak bulk limits docs clean
help:  ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11") if sys.version_info < (3, 11) else None'
	@$(PYTHON) -m venv .venv

.venv/.demo: pyproject.toml | $(BIN)/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[langchain,cli]'
	@touch $@

.venv/.dev: pyproject.toml | $(BIN)/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ .venv/.demo .venv/.docs

demo: .venv/.demo  ## Run the main job against the local sandbox (no key needed); ARGS=--live uses the live API
	@$(BIN)/python examples/demo.py $(ARGS)

test: .venv/.dev  ## Run all tests with the coverage gate
	$(BIN)/python -m pytest -n 2 --cov --cov-report=term $(ARGS)

check: .venv/.dev  ## Lint, types, layers and budgets
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PATH="$(CURDIR)/$(BIN):$$PATH" pyright
	PATH="$(CURDIR)/$(BIN):$$PATH" pyright --verifytypes maritaca_async --ignoreexternal
	PATH="$(CURDIR)/$(BIN):$$PATH" pyright --verifytypes langchain_maritaca --ignoreexternal
	$(BIN)/python -m pytest -q tests/shape

bench: .venv/.dev  ## Measure CPU per call and per event beside raw aiohttp
	$(BIN)/python benchmarks/run.py $(ARGS)

.venv-peers/.ready: | $(BIN)/python
	@$(PYTHON) -m venv .venv-peers
	@.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check langchain-maritaca==0.4.1 langchain-openai
	@touch $@

bench-peers: .venv/.dev .venv-peers/.ready  ## The same with langchain-maritaca, ChatOpenAI and openai beside it
	$(BIN)/python benchmarks/run.py --peers .venv-peers/bin/python $(ARGS)

soak: .venv/.dev  ## The storm of faults with 100,000 calls instead of CI's 1,500 (several minutes)
	STORM_CALLS=100000 $(BIN)/python -m pytest tests/chaos/test_storm.py -q $(ARGS)

bulk: .venv/.dev  ## A million calls and 120,000 requests in batches instead of CI's 50,000 and 5,000, killed and resumed (about 20 minutes)
	MAP_CALLS=1000000 BULK_REQUESTS=120000 $(BIN)/python -m pytest tests/chaos/test_bulk.py -q $(ARGS)

limits: .venv/.dev  ## 300 calls against the limits of a tier instead of CI's 75 (five minutes, which it only waits)
	LIMIT_CALLS=300 $(BIN)/python -m pytest tests/chaos/test_limits.py -q $(ARGS)

.venv/.docs: pyproject.toml | $(BIN)/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	@touch $@

docs: .venv/.docs  ## Build the documentation into site/
	$(BIN)/mkdocs build --strict

clean:  ## Remove what the other targets made
	rm -rf .venv .venv-peers .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage* dist build site
