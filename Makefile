# Two commands matter: `make demo` and `make test`. Both set themselves up first.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PY := .venv/bin/python
HOST ?= 127.0.0.1
PORT ?= 8000
export HOST PORT
# DATA_DIR comes from the environment; the default is var/.

.PHONY: setup demo test lint bench clean

setup: .venv/.installed

.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Parley needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(PY) || $(PYTHON) -m venv .venv
	@echo "Installing dependencies (a few minutes the first time)"
	@$(PY) -m pip install --disable-pip-version-check --progress-bar on -q -c constraints.txt -e ".[worker,dev]"
	@touch $@

demo: setup
	@exec $(PY) manage.py demo

test: setup
	@exec bash tests/run.sh

lint: setup
	@exec bash tests/run.sh lint

bench: setup
	@exec $(PY) -m benchmarks

clean:
	rm -rf .venv var build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
