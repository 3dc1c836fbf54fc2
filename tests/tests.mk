# Set-up, tests, checks and measurements. Included by the Makefile.

STAGE = build/stage$(MAJORVERSION)
PYTHON ?= python3
BIN = .venv/bin
PYTEST = $(BIN)/python -m pytest -q -p no:cacheprovider
C_FILES = $(wildcard extension/*.[ch] extension/core/*.[ch])

# How much is done at once; the tests wait some of the time.
CORES := $(shell nproc 2>/dev/null || echo 1)
JOBS ?= $(shell echo $$(($(CORES) + 1)))

# Each has a private server of its own, so that they can run side by side; the
# fault tests kill theirs. The longest come first.
TESTS = test-pairs test-client test-faults test-pgtap test-e2e test-fuzz test-isolation test-regress

.PHONY: deps stage demo test ci lint bench matrix fuzz test-sql test-python $(TESTS)

# What is missing on this machine: Debian packages, then Python packages.
deps: .venv/.stamp

.venv/.stamp: pyproject.toml tests/deps.sh client/build_backend.py client/confiture/_core_build.py \
		$(wildcard extension/core/*.[ch])
	tests/deps.sh $(PYTHON)
	@touch $@

# The extension, built and installed into a folder of the repository.
stage: deps
	@$(MAKE) -s --no-print-directory -j$(CORES) all
	@rm -rf $(STAGE)
	@$(MAKE) -s --no-print-directory install DESTDIR=$(CURDIR)/$(STAGE)

demo: deps
	@$(MAKE) -s --no-print-directory stage
	@examples/demo.sh

# All of them, whatever fails; the output of each comes when it has ended.
test: stage
	@$(MAKE) -s --no-print-directory -k -O -j$(JOBS) $(TESTS)

# What CI runs: the tests, and lint beside them.
ci: stage
	@$(MAKE) -s --no-print-directory -k -O -j$(JOBS) $(TESTS) lint

test-sql: test-pgtap test-regress test-isolation

test-python: test-pairs test-client test-e2e test-fuzz test-faults

test-pgtap test-regress test-isolation:
	tests/cluster.sh tests/run-sql.sh $(@:test-%=%)

test-pairs test-client test-e2e test-fuzz test-faults:
	tests/cluster.sh $(PYTEST) tests/$(@:test-%=%)

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
