# The commands of this project; CONTRIBUTING.md says when to use which.
# Nothing but Python 3.10-3.12, make and a package index is needed; npm's registry if it can be reached.

UV_VERSION := 0.13.8
UV := .build/uv-$(UV_VERSION)/bin/uv
BIN := .venv/bin
PY := $(BIN)/python
INSTALLED := .venv/.installed
VENDORED := _vendor/.filled
BROWSER_PARTS := static/vendor/zxing-wasm/reader/zxing_reader.wasm
LINK := .build/src/events
PORT ?=
ARGS ?=
URL ?= http://127.0.0.1:5000
EVENT ?=

# Scripts are run by naming the interpreter, so that a moved folder keeps working.
RUFF := $(BIN)/ruff
MYPY := $(PY) $(BIN)/mypy
PYTEST := $(PY) $(BIN)/pytest

# The first interpreter that runs, has a version the host supports and can make a venv.
# It is tried, not only looked up: version managers leave names that exist and fail.
define FIND_PYTHON
python=; \
for name in $(or $(PYTHON),python3.12 python3.11 python3.10 python3 python); do \
	python=$$($$name -c 'import sys, venv; \
	(3, 10) <= sys.version_info[:2] < (3, 13) and print(sys.executable)' 2>/dev/null) || python=; \
	if [ -n "$$python" ]; then break; fi; \
done; \
if [ -z "$$python" ]; then \
	echo "No Python 3.10, 3.11 or 3.12 found; install one, or name it: make install PYTHON=..." >&2; \
	exit 1; \
fi
endef

.PHONY: help install run demo check format test test-sqlite test-postgres test-upgrade test-kills test-histories benchmark ledger bundle clean

help:
	@echo "make install        .venv from uv.lock, modules from npm (every other target does it first)"
	@echo "make run            LNbits with this extension and a demo sale, PORT=5000"
	@echo "make demo           the demo sale again, against the running host"
	@echo "make check          ruff, mypy --strict, format, architecture"
	@echo "make format         put the code into the project's format"
	@echo "make test           all tests on SQLite and PostgreSQL, with coverage; ARGS= for pytest"
	@echo "make test-sqlite    one engine; also test-postgres; test-upgrade: both, upgrades only"
	@echo "make test-kills     SIGKILL at every single await, some minutes; make test does most of them"
	@echo "make test-histories the money of 1,000 random histories, both engines"
	@echo "make benchmark      speed of the sale against the host's own, in one run; ARGS=--write"
	@echo "make ledger         does the money of a wallet's events add up? URL= KEY= EVENT="
	@echo "make bundle         the release zip in dist/"
	@echo "make clean          remove what the targets made, except data/"

$(UV):
	@mkdir -p .build
	@$(FIND_PYTHON); \
	echo "Using $$python"; \
	if "$$python" -m venv .build/uv-$(UV_VERSION) >.build/venv.log 2>&1; then \
		.build/uv-$(UV_VERSION)/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); \
	elif "$$python" -m pip --version >/dev/null 2>&1; then \
		rm -rf .build/uv-$(UV_VERSION); \
		"$$python" -m pip install --quiet --target .build/uv-$(UV_VERSION) uv==$(UV_VERSION); \
	else \
		rm -rf .build/uv-$(UV_VERSION); \
		echo "$$python has neither venv with pip nor pip (Debian: apt install python3-venv)." >&2; \
		exit 1; \
	fi

$(INSTALLED): pyproject.toml uv.lock | $(UV)
	@$(FIND_PYTHON); \
	env -u VIRTUAL_ENV UV_PROJECT_ENVIRONMENT=.venv UV_PYTHON_DOWNLOADS=never \
		$(UV) sync --frozen --quiet --python "$$python"
	@touch $@

$(VENDORED): dev/vendor.py $(INSTALLED)
	@mkdir -p $(@D)
	@$(PY) dev/vendor.py packages
	@touch $@

$(BROWSER_PARTS): dev/vendor.py package.json package-lock.json | $(INSTALLED)
	@$(PY) dev/vendor.py browser || echo "Going on without them: the door reads codes where the browser can."

# The repository root is the package `events`, whatever its folder is called.
$(LINK):
	@mkdir -p $(@D)
	@ln -sfn ../.. $@

install: $(INSTALLED) $(VENDORED) $(BROWSER_PARTS) $(LINK)
	@:

run: install
	@exec $(PY) dev/run.py --port "$(PORT)"

demo: install
	@exec $(PY) dev/demo.py --port "$(PORT)"

check: install
	$(RUFF) check .
	$(RUFF) format --check .
	MYPYPATH=.build/src $(MYPY) -p events
	MYPYPATH=.build/src:tests $(MYPY) tests $(wildcard benchmarks)
	MYPYPATH=dev $(MYPY) dev
	$(PYTEST) tests/test_architecture.py

format: install
	$(RUFF) check --fix-only .
	$(RUFF) format .

test: install
	@$(PY) dev/engines.py sqlite postgres -- $(ARGS)

test-sqlite: install
	@$(PY) dev/engines.py sqlite -- $(ARGS)

test-postgres: install
	@$(PY) dev/engines.py postgres -- $(ARGS)

test-upgrade: install
	@$(PY) dev/engines.py sqlite postgres -- -k upgrade $(ARGS)

test-kills: install
	@EVENTS_TEST_EVERY_AWAIT=1 $(PY) dev/engines.py sqlite postgres -- tests/crashes tests/test_upgrade_crash.py

test-histories: install
	@EVENTS_TEST_HISTORIES=1000 $(PY) dev/engines.py sqlite postgres -- tests/journeys/test_histories.py

benchmark: install
	@$(PY) benchmarks/sale.py $(ARGS)

# The key goes by the environment: arguments are seen by everybody on the machine.
ledger: private export EVENTS_ADMIN_KEY := $(or $(KEY),$(EVENTS_ADMIN_KEY))
ledger: install
	@exec $(PY) dev/ledger.py --url "$(URL)" --event "$(EVENT)"

bundle: install
	@$(PY) dev/bundle.py

clean:
	rm -rf .venv .build _vendor static/vendor dist .hypothesis .mypy_cache .ruff_cache .pytest_cache
