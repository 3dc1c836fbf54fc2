# Set-up, tests, checks and measurements. Included by the Makefile.

STAGE = build/stage$(MAJORVERSION)
PYTHON ?= python3
BIN = .venv/bin
C_FILES = $(wildcard extension/*.[ch] extension/core/*.[ch])

.PHONY: deps stage demo test test-sql test-python lint bench matrix fuzz

# What is missing on this machine: Debian packages, then Python packages.
deps: .venv/.stamp

.venv/.stamp: pyproject.toml tests/deps.sh client/build_backend.py client/confiture/_core_build.py \
		$(wildcard extension/core/*.[ch])
	tests/deps.sh $(PYTHON)
	@touch $@

# The extension, built and installed into a folder of the repository.
stage: deps
	@$(MAKE) -s --no-print-directory all
	@rm -rf $(STAGE)
	@$(MAKE) -s --no-print-directory install DESTDIR=$(CURDIR)/$(STAGE)

demo: deps
	@$(MAKE) -s --no-print-directory stage
	@examples/demo.sh

test: deps
	@$(MAKE) -s --no-print-directory stage
	@$(MAKE) -s --no-print-directory test-sql test-python

# pgTAP, pg_regress, isolation tester.
test-sql:
	tests/cluster.sh tests/run-sql.sh

# The fault tests kill their server: they get one of their own.
test-python:
	tests/cluster.sh $(BIN)/python -m pytest -q -p no:cacheprovider tests/client tests/fuzz tests/e2e tests/pairs
	tests/cluster.sh $(BIN)/python -m pytest -q -p no:cacheprovider tests/faults

lint: deps
	$(BIN)/ruff check client tests bench examples
	$(BIN)/ruff format --check client tests bench examples
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run -Werror $(C_FILES)
	@rm -rf build/werror && mkdir -p build/werror
	$(MAKE) -s --no-print-directory -C build/werror -f $(CURDIR)/Makefile VPATH=$(CURDIR) \
		PG_CFLAGS='-Werror -DUSE_ASSERT_CHECKING' all
	@test -e build/werror/confiture.so # or nothing was compiled
	@$(MAKE) -s --no-print-directory $(BUILT)
	tests/pgspot.sh build

bench: deps
	@$(MAKE) -s --no-print-directory stage
	CLUSTER_FSYNC=on tests/cluster.sh $(BIN)/python bench/run.py

matrix:
	tests/matrix.sh

fuzz:
	tests/fuzz/run.sh
