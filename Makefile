# Two commands: `make run` and `make test`. The others: worker, browser, lint, schema, client, vendor, migrate, bench,
# drill, clean.

PYTHON ?= python3
VENV ?= .venv
HOST ?= 127.0.0.1
PORT ?= 8000
BIN = $(VENV)/bin
PIP_INSTALL = $(BIN)/python -m pip install -qq --disable-pip-version-check
# Checks look at the project, never at the developer's own .env.
CHECK_ENV = EMAIL_URL=memorymail:// ENV_FILE=/dev/null DEBUG=False USE_S3=False SECRET_KEY=only-for-checks-0123456789-0123456789-0123456789-abc

.PHONY: run worker test browser lint schema client vendor migrate bench drill clean

run: $(VENV)/.installed
	@$(BIN)/python -c 'import socket; s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("$(HOST)", $(PORT)))' 2>/dev/null \
	  || { echo "Port $(PORT) of $(HOST) is taken. Stop what uses it, or choose another: make run PORT=8001" >&2; exit 1; }
	@set -e; $(debug_by_default) \
	$(BIN)/python manage.py migrate --verbosity 0; \
	if [ "$$($(BIN)/python -c 'from config.settings import DEBUG; print(DEBUG)')" = True ]; then \
	  $(BIN)/python manage.py seed_demo --site http://$(HOST):$(PORT); \
	else \
	  echo "DEBUG is off: no demo content."; \
	  $(BIN)/python manage.py collectstatic --no-input --verbosity 0; \
	fi; \
	exec $(BIN)/python manage.py runserver $(HOST):$(PORT)

# DEBUG=True, unless the environment or the .env file says anything about it.
define debug_by_default
if [ -z "$${DEBUG+set}" ] && ! grep -Eqs '^[[:space:]]*(export[[:space:]]+)?DEBUG[[:space:]]*=' "$${ENV_FILE:-.env}"; then \
	  DEBUG=True; export DEBUG; \
	fi;
endef

# Cleans pictures and makes their variants, where CELERY_BROKER_URL names a broker.
worker: $(VENV)/.installed
	@$(debug_by_default) exec $(BIN)/celery -A config worker

# ARGS="artworks -x" chooses tests and options.
test: $(VENV)/.installed-dev
	@$(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 $(ARGS)

# The page for direct uploads, and photos as they are shown, in Chromium; on local disk and, with S3_TEST_ENDPOINT_URL and its keys, on S3.
# ARGS="-k cancel" chooses tests.
browser: $(VENV)/.installed-dev
	@$(BIN)/python -m pytest browser $(ARGS)

lint: $(VENV)/.installed-dev
	@echo "ruff check";      $(BIN)/ruff check .
	@echo "ruff format";     $(BIN)/ruff format --check .
	@echo "mypy";            $(CHECK_ENV) $(BIN)/mypy
	@echo "import layers";   PYTHONPATH=. $(BIN)/lint-imports
	@echo "Dockerfile";      $(BIN)/hadolint Dockerfile
	@echo "compose";         $(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec deploy/compose.yaml
	@echo "system checks";   $(CHECK_ENV) $(BIN)/python manage.py check
	@echo "migrations";      $(CHECK_ENV) $(BIN)/python manage.py makemigrations --check --dry-run
	@echo "OpenAPI";         $(CHECK_ENV) $(BIN)/python manage.py spectacular --format openapi-json --validate --fail-on-warn --file $(VENV)/openapi.json
	@diff -u docs/openapi.json $(VENV)/openapi.json \
	  || { echo "docs/openapi.json is not up to date. Run: make schema" >&2; exit 1; }

schema: $(VENV)/.installed-dev
	@$(CHECK_ENV) $(BIN)/python manage.py spectacular --format openapi-json --validate --fail-on-warn --file docs/openapi.json

# A TypeScript client generated from docs/openapi.json must compile, and the example that uses it; and the copy of Uppy
# that the site serves must be that of its package.
client:
	@cd clients/typescript && npm ci --loglevel=error && npm run --silent generate && npm run --silent check
	@cd clients/uppy && npm ci --loglevel=error && npm run --silent check

# Copies Uppy out of its package anew, in the version of clients/uppy/package.json.
vendor:
	@cd clients/uppy && npm ci --loglevel=error && npm run --silent vendor

migrate: $(VENV)/.installed
	@set -e; $(debug_by_default) $(BIN)/python manage.py migrate

bench: $(VENV)/.installed-dev
	@$(BIN)/python -m bench

# The switch from local disk to S3 under load. Needs nginx, Redis, PostgreSQL (DATABASE_URL) and an S3 server
# (S3_TEST_ENDPOINT_URL and its keys).
drill: $(VENV)/.installed-dev
	@$(BIN)/python -m drill $(MINUTES)

clean:
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache staticfiles
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or later is needed. Name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt constraints.txt | $(VENV)/bin/python
	@echo "Installing requirements.txt"
	@$(PIP_INSTALL) -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	@echo "Installing requirements-dev.txt"
	@$(PIP_INSTALL) -r requirements-dev.txt
	@touch $@
