# Confiture: the front door (deps demo test lint bench matrix), then PGXS.
#
# make deps    installs what is missing: Debian packages, and Python packages into .venv
# make demo    shows the main job on a private server
# make test    builds, stages, and runs every test on a private server
# make ci      make test and make lint side by side
# make lint    ruff, mypy --strict, clang-format, -Werror, pgspot
# make bench   ratios against plain PostgreSQL
# make matrix  the SQL and isolation suites and the pairs on PostgreSQL 17 and 18, in chroots
.DEFAULT_GOAL := all

SRC := $(or $(VPATH),.)
PG_CONFIG ?= /usr/lib/postgresql/15/bin/pg_config
EXTENSION = confiture confiture_py
CF_VERSION = $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" $(SRC)/confiture.control)

MODULE_big = confiture
OBJS = $(patsubst $(SRC)/%.c,%.o,$(sort $(wildcard $(SRC)/extension/*.c $(SRC)/extension/core/*.c)))
PG_CPPFLAGS = -I$(SRC)/extension -DCONFITURE_VERSION='"$(CF_VERSION)"'
PG_CFLAGS += -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers

SQL_PARTS = $(sort $(wildcard $(SRC)/sql/[0-9]*.sql))
PY_PARTS = $(sort $(wildcard $(SRC)/sql/plpython/*.sql))
BUILT = build/confiture--$(CF_VERSION).sql build/confiture_py--$(CF_VERSION).sql
DATA_built = $(BUILT)
DATA = $(wildcard $(SRC)/sql/updates/*.sql)
EXTRA_CLEAN = build

override with_llvm = no
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifneq ($(PGXS),)
include $(PGXS)
endif

# Out of tree, objects of the sources' own tree must not count: VPATH would find
# them, and nothing would be built.
ifneq ($(VPATH),)
$(OBJS): FORCE
.PHONY: FORCE
endif

# PGXS makes no folders for objects when the build is out of tree, and a rule
# for them would find those of the sources by VPATH.
OBJ_DIRS := $(shell mkdir -p $(sort $(dir $(OBJS))))

# Headers are few: every object depends on all of them.
$(OBJS): $(wildcard $(SRC)/extension/*.h $(SRC)/extension/core/*.h)

build/confiture--$(CF_VERSION).sql: $(SQL_PARTS) $(SRC)/confiture.control
	@mkdir -p build
	cat $(SQL_PARTS) > $@

build/confiture_py--$(CF_VERSION).sql: $(PY_PARTS) $(SRC)/confiture_py.control
	@mkdir -p build
	cat $(PY_PARTS) > $@

ifneq ($(MAKECMDGOALS),install)
include $(SRC)/tests/tests.mk
endif
