# make book   install on first use, run the notebooks of a profile, build the site
# make test   the tests, of the library and of the site that was built last
# make lint   what CI checks before anything runs
PYTHON ?= python3
PROFILE ?= digits
LOCK ?= requirements.lock
VENV ?= .venv
BIN := $(VENV)/bin
SCHEMA := $(BIN)/check-jsonschema -q --builtin-schema vendor.github-
# Every profile's notebooks are run, except those of paper and large: a committed run of those is shown where it is unchanged.
RUN := $(if $(filter paper large,$(PROFILE)),,--run)

.PHONY: book test lint run report install lock clean

book: install
	$(BIN)/distill book --profile $(PROFILE) $(RUN)

run: install
	$(BIN)/distill run --profile $(PROFILE)

report: install
	$(BIN)/distill report --profile $(PROFILE)

test: install
	DISTILL_PROFILE=$(PROFILE) DISTILL_REQUIRE_SITE=1 $(BIN)/python -m pytest -n auto --maxprocesses 8 --dist worksteal

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/python .ci/sizes
	$(SCHEMA)workflows .github/workflows/*.yml
	$(SCHEMA)issue-forms .github/ISSUE_TEMPLATE/number.yml .github/ISSUE_TEMPLATE/proof.yml
	$(SCHEMA)issue-config .github/ISSUE_TEMPLATE/config.yml
	$(BIN)/check-jsonschema -q --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema -q --builtin-schema vendor.citation-file-format --force-filetype yaml CITATION.cff

install: $(VENV)/installed

# Made again when the lock changes. uv is used where it is; everything comes hashed from the lock, the build backend too. Compiled
# once here, as pip does, so that no kernel has to where Python is told not to write bytecode.
$(VENV)/installed: $(LOCK) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || \
	  { echo "make: $(PYTHON) is missing or not Python 3.11 to 3.13; name one, for example: make PYTHON=python3.12 book" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || command -v uv >/dev/null || \
	  { echo "make: $(PYTHON) has no venv; install it (Debian: apt-get install python3-venv)" >&2; exit 1; }
	@rm -f $@
	@if command -v uv >/dev/null; then \
	  { [ -x $(BIN)/python ] || uv venv -q --python "$$(command -v $(PYTHON))" $(VENV); } && \
	  uv pip install -q --compile-bytecode --python $(BIN)/python --no-deps --require-hashes -r $(LOCK) && \
	  uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e . ; \
	else \
	  { [ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV); } && \
	  $(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r $(LOCK) && \
	  $(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e . ; \
	fi
	@touch $@

# The lock is host-free, hashed and for every supported Python; see pyproject.toml for what is left out and why.
lock:
	uv pip compile --universal --generate-hashes --python-version 3.11 --no-header --no-annotate \
	  --extra book --group ntk --extra privacy --extra test --extra build pyproject.toml -o requirements.lock
	uv pip compile --universal --generate-hashes --python-version 3.11 --no-header --no-annotate \
	  --extra book --group ntk --extra privacy --extra test --extra build --extra cuda pyproject.toml -o requirements-cuda.lock

clean:
	rm -rf _build $(VENV)
