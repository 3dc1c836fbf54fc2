"""diff('{}', snapshot) makes PostgreSQL's own regression database from nothing.

It needs the sources of the server that runs, unpacked, and the environment variable POSTGRES_SOURCES with
their folder; without them it is skipped. CLUSTER_CONF should give max_locks_per_transaction = 256: thousands
of objects are made in one transaction.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from .proof import rebuild
from .server import EMPTY, Database, Server

SOURCES = os.environ.get("POSTGRES_SOURCES")
PG_CONFIG = os.environ.get("PG_CONFIG", "/usr/lib/postgresql/15/bin/pg_config")
NAME = "regression"

pytestmark = pytest.mark.skipif(not SOURCES, reason="POSTGRES_SOURCES is not set")


def pg_config(what: str) -> Path:
    done = subprocess.run([PG_CONFIG, f"--{what}"], capture_output=True, text=True, check=True)
    return Path(done.stdout.strip())


def prepare(folder: Path) -> None:
    """Copy what pg_regress reads, and build its library."""
    tests = Path(SOURCES or "") / "src" / "test" / "regress"
    for name in ("sql", "expected", "data"):
        shutil.copytree(tests / name, folder / name)
    for name in ("parallel_schedule", "resultmap"):
        shutil.copy(tests / name, folder)
    library = str(folder / "regress.so")
    include = [f"-I{pg_config('includedir-server')}", f"-I{pg_config('includedir')}/internal"]
    subprocess.run(["cc", "-w", "-fPIC", "-shared", *include, "-o", library, tests / "regress.c"], check=True)
    for name in ("refint.so", "autoinc.so"):
        shutil.copy(pg_config("pkglibdir") / name, folder)
    (folder / "out").mkdir()
    # The server reads and writes there.
    subprocess.run(["chmod", "-R", "a+rwX", folder], check=True)


def leave_no_roles(server: Server) -> None:
    with psycopg.connect(dbname="postgres", autocommit=True) as connection:
        server.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
        rows = connection.execute("SELECT spcname FROM pg_tablespace WHERE spcname ~ '^regress'").fetchall()
        for (name,) in rows:
            connection.execute(sql.SQL("DROP TABLESPACE {}").format(sql.Identifier(name)))
        for (name,) in connection.execute(
            "SELECT rolname FROM pg_roles WHERE rolname ~ '^regress'"
        ).fetchall():
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server, tempfile.TemporaryDirectory(prefix="cf_regress", dir="/tmp") as name:
        folder = Path(name)
        prepare(folder)
        runner = pg_config("pgxs").parents[1] / "test" / "regress" / "pg_regress"
        command = [
            runner,
            f"--bindir={pg_config('bindir')}",
            "--inputdir=.",
            "--outputdir=out",
            f"--dlpath={folder}",
        ]
        where = [
            f"--host={os.environ['PGHOST']}",
            f"--port={os.environ['PGPORT']}",
            f"--user={os.environ['PGUSER']}",
        ]
        # That all of its tests pass is not asked for: what they leave is enough.
        subprocess.run(
            [*command, *where, f"--dbname={NAME}", "--schedule=parallel_schedule"],
            cwd=folder,
            check=False,
            stdout=subprocess.DEVNULL,
        )
        yield server
        leave_no_roles(server)


@pytest.fixture
def database(server: Server) -> Iterator[Database]:
    database = Database.of_name(server, NAME)
    database.connection.execute("CREATE EXTENSION IF NOT EXISTS confiture")
    yield database
    database.connection.close()


def test_there_is_much_in_it(database: Database) -> None:
    assert len(database.snapshot().facts) > 5000


def test_it_comes_back_from_nothing(server: Server, database: Database) -> None:
    wrong = rebuild(server, database)
    assert not wrong, "\n".join(wrong)


def test_nothing_differs_afterwards(server: Server, database: Database) -> None:
    snapshot = database.snapshot()
    with server.database() as copy:
        copy.run(server.diff(EMPTY, snapshot.text))
        assert copy.snapshot().differences(snapshot) == []
        assert server.diff(copy.snapshot().text, snapshot.text) == []
