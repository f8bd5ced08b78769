# make demo and make test set everything up by themselves; both can be repeated.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: setup demo test lint clean

setup: $(VENV)/installed

$(VENV)/installed: requirements.txt requirements-dev.txt setup.py hybrid_tf/version.py
	$(PYTHON) -c 'import sys; sys.exit("hybrid-tf needs Python 3.10 to 3.12: make PYTHON=python3.11 $(MAKECMDGOALS)" if not (3, 10) <= sys.version_info < (3, 13) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements-dev.txt --editable .
	touch $@

demo: setup
	$(BIN)/python recipes/demo.py

test: setup
	$(BIN)/python -m pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

clean:
	rm -rf $(VENV) build dist *.egg-info
