# accessdesk: what a person types. `make` alone lists the targets.

# Any Python from 3.11 on; PYTHON=/path/to/python chooses another.
ifndef PYTHON
PYTHON := $(shell for p in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
endif
python = $(or $(PYTHON),$(error accessdesk needs Python 3.11 or newer; install it, or name it: make $@ PYTHON=/path/to/python))
venv = .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help run test test-pythons lint format bench clean

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-14s%s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: ## Set up and run everything on http://127.0.0.1:8000 (PORT= changes it). Ctrl-C stops it.
	@$(python) tools/venv.py requirements.txt
	@exec $(venv) -m tools.run --stop-with-parent

test: ## Install what the tests need and run all of them (ARGS="-k door" narrows).
	@$(python) tools/parts.py
	@$(python) tools/venv.py requirements-dev.txt
	@exec $(venv) -m tools.test $(ARGS)

test-pythons: ## Run the fast tests on every newer Python that is found here (3.12, 3.13).
	@$(python) tools/test_pythons.py

lint: ## Check style, types, settings, migrations and dependencies.
	@$(python) tools/venv.py requirements-dev.txt
	@exec $(venv) -m tools.lint

format: ## Format the code and sort its imports.
	@$(python) tools/venv.py requirements-dev.txt
	@$(venv) -m ruff check --select I --fix --quiet
	@$(venv) -m ruff format

bench: ## Measure; the results land in bench/.
	@$(python) tools/venv.py requirements-dev.txt
	@exec $(venv) -m bench

clean: ## Remove what the tools made (never var/, which holds the record).
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis tools/fake-seam/node_modules
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
