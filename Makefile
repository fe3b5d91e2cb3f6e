# make run    the product on this machine: http://localhost:8000, Ctrl-C ends it
# make test   the whole suite; ARGS="tests/events -k batch" for a part of it
# make check  format, lint, types, imports, templates, migrations
# make bench  the benchmarks; ARGS="ingest" for one of them
# make test-scale  the engines of analytics beside each other on EVENTS=10000000 made-up events; needs Java 17
#
# What they need is installed into .venv and node_modules once. docs/running.md says more.

PYTHON ?= python3
CHROMIUM ?= /usr/bin/chromium
ARGS ?=
EVENTS ?= 10000000

BIN := .venv/bin
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check --no-input
NPM := sh deploy/npm.sh $(CURDIR)/$(BIN)/python
# The build reads templates and Python files too: it collects the icons that they name.
NAMING_ICONS = $(shell find . -name '.?*' -prune -o \( -name node_modules -o -name var -o -name tests -o -name dist \) -prune \
	-o -type f \( -name '*.html' -o -name '*.py' \) -print)
SOURCES = package.json static/build.mjs $(shell find static/src -type f) $(NAMING_ICONS)

export PIP_ROOT_USER_ACTION := ignore
export CHROMIUM
MAKEFLAGS += --no-print-directory

.PHONY: run test test-scale check bench packages dev-packages scale-packages front-end chromium clean

run:
	@$(MAKE) -s -j2 packages front-end
	@exec $(BIN)/python -m growthplatform.launcher

test:
	@$(MAKE) -s -j2 dev-packages front-end chromium
	@exec $(BIN)/python -m pytest $(ARGS)

test-scale:
	@$(MAKE) -s -j2 dev-packages scale-packages front-end
	@SCALE_EVENTS=$(EVENTS) exec $(BIN)/python -m pytest tests/scale $(ARGS)

check:
	@$(MAKE) -s -j2 dev-packages front-end
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/djlint --quiet --check templates
	$(BIN)/djlint --quiet --lint templates
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check

bench:
	@$(MAKE) -s -j2 dev-packages front-end
	@exec $(BIN)/python -m bench $(ARGS)

# Keeps the data: that is in var/, or for root under /var/lib/growthplatform.
clean:
	rm -rf .venv node_modules static/dist var/static

packages: .venv/.installed
dev-packages: .venv/.installed-dev
scale-packages: .venv/.installed-scale
front-end: node_modules/.built

chromium:
	@case '$(ARGS)' in *'not browser'*) ;; *) sh deploy/chromium.sh $(CHROMIUM) ;; esac

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one that you have: make PYTHON=python3.12 run"; exit 1; }
	@$(PYTHON) -m venv .venv || \
		{ rm -rf .venv; echo "Python can't make virtual environments here; Debian: apt-get install python3-venv"; exit 1; }

.venv/.installed: requirements.txt | $(BIN)/pip
	@echo "Installing Python packages …"
	@$(PIP) install --requirement requirements.txt
	@touch $@

.venv/.installed-dev: requirements-dev.txt .venv/.installed
	@echo "Installing Python packages for the tests …"
	@$(PIP) install --requirement requirements-dev.txt
	@touch $@

.venv/.installed-scale: requirements-scale.txt .venv/.installed-dev
	@echo "Installing the other engines …"
	@$(PIP) install --requirement requirements-scale.txt
	@touch $@

node_modules/.installed: package-lock.json | $(BIN)/pip
	@echo "Installing front-end packages …"
	@$(NPM) ci --silent --ignore-scripts
	@touch $@

node_modules/.built: node_modules/.installed $(SOURCES) $(if $(wildcard static/dist/app.css),,rebuild)
	@echo "Building the front end …"
	@$(NPM) run --silent build >node_modules/.build.log 2>&1 || { cat node_modules/.build.log; exit 1; }
	@touch $@

.PHONY: rebuild
rebuild:
