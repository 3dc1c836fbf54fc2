"""Snapshots: what pg_dump writes comes back as the same schema; their JSON Schema; many objects."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from jsonschema import Draft202012Validator
from psycopg import sql

from .conftest import REPOSITORY

ZOO = REPOSITORY / "tests" / "pgtap" / "lib" / "zoo.psql"
SCHEMA = REPOSITORY / "docs" / "reference" / "json" / "snapshot.schema.json"
ROLES = ("zoo_owner", "zoo_reader", 'zoo "Writer"')
# The text of this check is no fixed point: PostgreSQL writes ANY (ARRAY[...]::text[]), and reads that
# as another expression. The differ compares normal forms.
NO_FIXED_POINT = "constraint zoo.animal.animal_kind_check"

Facts = dict[str, dict[str, Any]]


def psql(database: str, *arguments: str, text: str | None = None) -> str:
    command = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database, *arguments]
    environment = os.environ | {"PGOPTIONS": "-c client_min_messages=error"}
    result = subprocess.run(command, input=text, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def snapshot(database: str) -> tuple[str, dict[str, Any]]:
    """Return the hash of a database's snapshot, and the snapshot."""
    with psycopg.connect(dbname=database) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS confiture")
        row = connection.execute(
            "SELECT confiture.snapshot_hash(s), s FROM confiture.snapshot() AS s"
        ).fetchone()
        assert row is not None
        return row[0], row[1]


def hashes(facts: Facts) -> dict[str, str]:
    return {identity: fact["hash"] for identity, fact in facts.items()}


def restore(source: str, target: str) -> None:
    """Copy a schema as pg_dump writes it; the extension of its own is made anew."""
    with psycopg.connect(dbname=source, autocommit=True) as connection:
        connection.execute("DROP EXTENSION IF EXISTS confiture")
    dump = subprocess.run(
        ["pg_dump", "--schema-only", "-d", source], capture_output=True, text=True, check=True
    ).stdout
    psql(target, text=dump)


@pytest.fixture
def databases() -> Iterator[list[str]]:
    """Three empty databases, and the roles of the zoo."""
    names = [f"cf_zoo_{os.getpid()}_{number}" for number in range(3)]
    with psycopg.connect(dbname="postgres", autocommit=True) as server:
        for role in ROLES:
            server.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
        for name in names:
            server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield names
        for name in names:
            # A subscription would keep its database.
            with psycopg.connect(dbname=name, autocommit=True) as connection:
                connection.execute("DROP SUBSCRIPTION IF EXISTS zoo_subscription")
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        for role in ROLES:
            server.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def test_pg_dump_and_restore_give_the_same_snapshot(databases: list[str]) -> None:
    first, second, third = databases
    psql(first, "-f", str(ZOO))
    restore(first, second)
    restore(second, third)
    (_, one), (hash_two, two), (hash_three, three) = map(snapshot, databases)
    assert one["unmodelled"] == two["unmodelled"] == []
    expected, found = hashes(one["facts"]), hashes(two["facts"])
    differs = {name for name in expected | found if expected.get(name) != found.get(name)}
    assert differs == {NO_FIXED_POINT}
    for name, fact in one["facts"].items():
        assert two["facts"][name].get("depends") == fact.get("depends"), name
    assert hash_two == hash_three
    assert two == three


def test_a_snapshot_is_as_its_json_schema_says(databases: list[str]) -> None:
    psql(databases[0], "-f", str(ZOO))
    _, found = snapshot(databases[0])
    schema = json.loads(Path(SCHEMA).read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    assert [error.message for error in validator.iter_errors(found)] == []
    kinds = set(schema["$defs"]["fact"]["properties"]["kind"]["enum"])
    # A label needs a provider, which PostgreSQL does not come with: tests/pgtap has one.
    assert {fact["kind"] for fact in found["facts"].values()} == kinds - {"security label"}


def test_two_thousand_tables(databases: list[str]) -> None:
    text = "".join(
        f"CREATE TABLE many_{i} (id integer PRIMARY KEY, a text DEFAULT 'x', b integer REFERENCES many_{i});"
        f"CREATE INDEX ON many_{i} (a);\n" + ("" if i % 100 else "COMMIT; BEGIN;\n")
        for i in range(2000)
    )
    psql(databases[0], text=f"BEGIN;\n{text}COMMIT;\n")
    _, found = snapshot(databases[0])
    kinds = [fact["kind"] for fact in found["facts"].values()]
    counts = {kind: kinds.count(kind) for kind in ("table", "column", "default", "index")}
    assert counts == {"table": 2000, "column": 6000, "default": 2000, "index": 2000}
    assert found["unmodelled"] == []


def test_while_others_change_the_schema(databases: list[str]) -> None:
    stop = threading.Event()

    def change(number: int) -> None:
        with psycopg.connect(dbname=databases[0], autocommit=True) as connection:
            while not stop.is_set():
                connection.execute(
                    f"CREATE SCHEMA s{number}; CREATE TYPE s{number}.e AS ENUM ('a');"
                    f"CREATE TABLE s{number}.t (id integer PRIMARY KEY CHECK (id > 0), "
                    f"e s{number}.e DEFAULT 'a');"
                    f"CREATE INDEX i ON s{number}.t (id) WHERE id > 1;"
                    f"CREATE VIEW s{number}.v AS SELECT * FROM s{number}.t"
                )
                connection.execute(f"DROP SCHEMA s{number} CASCADE")

    snapshot(databases[0])
    threads = [threading.Thread(target=change, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    refused = 0
    try:
        end = time.monotonic() + 3
        with psycopg.connect(dbname=databases[0], autocommit=True) as connection:
            while time.monotonic() < end:
                try:
                    row = connection.execute("SELECT confiture.snapshot() -> 'unmodelled'").fetchone()
                except psycopg.errors.SerializationFailure:
                    refused += 1
                else:
                    assert row == ([],)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    _, found = snapshot(databases[0])
    assert found["unmodelled"] == []
    assert not any(identity.startswith("table ") for identity in found["facts"]), refused
