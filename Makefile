# Every target is one idea; `make` alone lists them.
PYTHON ?= python3
BIN := .venv/bin

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

.venv/.run: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

.venv/.test: pyproject.toml .venv/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@

install: .venv/.run ## Make .venv and install fedsim in it

run: .venv/.run ## Install, then run the main scenario: does Krum survive Gaussian noise?
	$(BIN)/fedsim run scenarios/krum_noise.toml

# One arithmetic thread for each of the processes: more would wait for each other.
test: .venv/.test ## Install, then run the whole test suite, a process for each core
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not alone" -n auto --maxprocesses 8 --dist worksteal
	$(BIN)/python -m pytest -m alone

# byzpy goes without what it asks for: an older torch than the others take.
.venv/.bench: pyproject.toml .venv/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps byzpy
	@touch $@

bench: .venv/.bench ## Install the packages to compare with, then measure everything (half an hour and more)
	$(BIN)/fedsim bench --full --write benchmarks/RESULTS.md

# byzpy asks for an older torch than the others take, krum for a newer Python than its rules need.
.conform/.made: pyproject.toml
	test -x .conform/bin/python || $(PYTHON) -m venv .conform
	.conform/bin/python -m pip install --quiet --disable-pip-version-check -e .
	.conform/bin/python -m pip install --quiet --disable-pip-version-check byzfl flwr qora-fl
	.conform/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --ignore-requires-python byzpy krum
	@touch $@

conform: .conform/.made ## Install other packages by themselves, then compare every rule and attack that both have
	.conform/bin/fedsim conform --write docs/conformance.md

check: .venv/.test ## Lint, formatting, types and the import contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_architecture.py

format: .venv/.test ## Let ruff rewrite the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

soak: .venv/.test ## Ten minutes of kills, tampering and full disks, each run finished as if nothing had happened
	$(BIN)/python -m tests.soak --minutes 10

.venv/.docs: pyproject.toml .venv/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	@touch $@

# Figures are drawn once, for minutes; `make docs FIGURES=--no-figures` leaves them out.
docs: .venv/.docs ## Make the site: a page of every algorithm and the guides, in build/docs/index.html
	$(BIN)/python -m docs.site build/docs-source $(FIGURES)
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going --jobs auto -c docs/site build/docs-source build/docs

picture: .venv/.run ## Draw the picture in the README anew
	$(BIN)/python docs/draw_live_table.py

clean: ## Remove .venv, caches and results
	rm -rf .venv .conform build runs .pytest_cache .mypy_cache .ruff_cache

.PHONY: help install run test bench conform check format soak docs picture clean
