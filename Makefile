# make demo and make test do all the set-up on a fresh clone; they assume Python 3.11 or newer, and make.
PYTHON ?= python3
BIN := .venv/bin
DEMO := $(CURDIR)/instance-data/demo
DEMO_MINUTES ?= 5

.PHONY: demo test test-all lint format bench trajectories

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "photonvs needs Python 3.11 or newer; $(PYTHON) is older: run make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

# taming-transformers declares dependencies that its tested modules don't need.
.venv/installed-test: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[test]"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps taming-transformers
	@touch $@

test: .venv/installed-test
	$(BIN)/python -m pytest -m "not slow"

test-all: .venv/installed-test
	$(BIN)/python -m pytest

lint: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: .venv/installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The camera paths that the repository ships.
trajectories: .venv/installed
	for path in orbit spin hop dolly truck pedestal spiral pan tilt; do \
		$(BIN)/python src/scripts/make-trajectory.py $$path --force --json custom-trajectories/$$path.json || exit 1; \
	done

bench: .venv/installed
	for benchmark in benchmarks/*.py; do $(BIN)/python $$benchmark || exit 1; done
