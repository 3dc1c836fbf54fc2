"""Random tables through all states of a transition, in one database, split, merged, and to another one: what
is written on either side is on both, whatever the columns are called, hold, and become.

TRANSITION_EXAMPLES=500 in the environment tries more of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg
import pytest
from random_move import Move
from random_shared import SharedMove

EXAMPLES = int(os.environ.get("TRANSITION_EXAMPLES", "12"))
TYPES = """
CREATE EXTENSION IF NOT EXISTS confiture;
DROP SCHEMA IF EXISTS types CASCADE;
CREATE SCHEMA types;
CREATE TYPE types.mood AS ENUM ('sad', 'ok');
CREATE TYPE types.pair AS (a int, b text);
CREATE DOMAIN types.small AS int CHECK (VALUE > 0)"""


class Databases:
    """The database of the source, and the one of the target: the same, or another one."""

    def __init__(self, connections: list[psycopg.Connection]) -> None:
        self.connections = connections
        for connection in connections:
            connection.execute("SET client_min_messages = error")

    def execute(self, schema: str, statement: str) -> list[tuple[object, ...]]:
        """Run a statement where a schema is, and return its rows."""
        cursor = self.connections[-1 if schema == "new" else 0].execute(statement.encode())
        return cursor.fetchall() if cursor.description else []

    def step(self, name: str) -> None:
        """Take a step of the transition."""
        self.execute("app", f"SELECT confiture.transition_{name}('t')")

    def equal(self) -> None:
        """Let the transition itself compare both sides."""
        assert self.execute("app", "SELECT * FROM confiture.transition_validate('t')") == []

    def renew(self) -> None:
        """Begin again with empty schemas."""
        self.execute("app", "DROP SCHEMA IF EXISTS app CASCADE; CREATE SCHEMA app")
        self.execute("new", "DROP SCHEMA IF EXISTS new CASCADE; CREATE SCHEMA new")


@pytest.fixture(scope="module")
def names() -> Iterator[list[str]]:
    """Make two databases, the first one with a server that leads to the second."""
    made = ["transition_fuzz", "transition_fuzz_target"]
    with psycopg.connect(dbname="postgres", autocommit=True) as admin:
        for name in made:
            admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
            admin.execute(f"CREATE DATABASE {name}".encode())
            with psycopg.connect(dbname=name, autocommit=True) as connection:
                connection.execute(TYPES.encode())
        with psycopg.connect(dbname=made[0], autocommit=True) as connection:
            where = connection.info
            connection.execute("CREATE EXTENSION postgres_fdw")
            connection.execute(
                "CREATE SERVER target FOREIGN DATA WRAPPER postgres_fdw OPTIONS"
                f" (host '{where.host}', port '{where.port}', dbname '{made[1]}')".encode()
            )
            connection.execute("CREATE USER MAPPING FOR CURRENT_USER SERVER target")
        yield made
        for name in made:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def one(names: list[str]) -> Iterator[Databases]:
    """Connect to the first database: both schemas are there."""
    with psycopg.connect(dbname=names[0], autocommit=True) as here:
        yield Databases([here])


@pytest.fixture
def two(names: list[str]) -> Iterator[Databases]:
    """Connect to both databases: the new schema is in the second."""
    with (
        psycopg.connect(dbname=names[0], autocommit=True) as here,
        psycopg.connect(dbname=names[1], autocommit=True) as there,
    ):
        yield Databases([here, there])


def copied(both: Databases, move: Move) -> None:
    """Capture and copy, with writers before, after and in between."""
    both.step("capture")
    move.write("app", 6)
    both.execute("app", f"SELECT confiture.transition_copy('t', {move.random.randint(1, 3)})")
    move.write("app", 6)
    both.execute("app", "CALL confiture.transition_run('t', 'mirrored')")


def create(both: Databases, move: Move | SharedMove, options: str, more: str = "") -> None:
    """Make the tables and the transition."""
    both.renew()
    move.make()
    mapping = move.mapping().replace("'", "''")
    both.execute(
        "app",
        f"SELECT confiture.transition_create('t', 'app', 'new', '{mapping}', options => '{options}'{more})",
    )
    both.execute("app", "SELECT * FROM confiture.transition_plan('t', 10)")


@pytest.mark.parametrize("seed", range(EXAMPLES))
def test_in_one_database(one: Databases, seed: int) -> None:
    both, move = one, Move(seed, one.execute)
    swap = move.random.choice(["rename", "schema"])
    create(both, move, f'{{"swap": "{swap}", "chunk_ms": {move.random.choice([1, 100])}}}')
    copied(both, move)

    def written(times: int) -> None:
        for _ in range(2):
            move.write("app", times)
            move.write("new", times)
        assert move.rows("app") == move.rows("new")
        both.equal()

    written(4)
    both.step("cutover")
    move.swapped = True
    written(4)
    if move.random.random() < 0.5:
        both.step("rollback")
        move.swapped = False
        written(3)
        expected = move.rows("app")
        both.step("abort")
    else:
        expected = move.rows("app")
        both.step("contract")
    assert move.rows("app") == expected
    traces = both.execute("app", "SELECT tgname FROM pg_trigger WHERE tgname LIKE 'confiture%'")
    assert traces == []


@pytest.mark.parametrize("seed", range(1000, 1000 + EXAMPLES))
def test_to_another_server(two: Databases, seed: int) -> None:
    both, move = two, Move(seed, two.execute)
    mode = move.random.choice(["asynchronous", "asynchronous", "synchronous"])
    create(
        both,
        move,
        f'{{"mode": "{mode}", "chunk_ms": {move.random.choice([1, 100])}}}',
        ", server => 'target'",
    )
    copied(both, move)
    move.write("app", 10)
    both.equal()
    assert move.rows("app") == move.rows("new")
    both.step("cutover")
    # The view has the columns of the source.
    for schema in ("app", "new", "app"):
        move.write(schema, 5)
    expected = move.rows("new")
    assert move.rows("app") == expected
    both.equal()
    if move.random.random() < 0.7:
        both.step("rollback")
        assert move.rows("app") == expected
        move.write("app", 5)
        both.equal()
        expected = move.rows("app")
        assert move.rows("new") == expected
        both.step("abort")
        assert move.rows("app") == expected
    else:
        both.step("contract")
        assert move.rows("app") == expected
        both.execute(
            "app",
            "DO $$ DECLARE name text; BEGIN FOR name IN SELECT nspname FROM pg_namespace"
            " WHERE nspname LIKE 'confiture\\_remote\\_%' LOOP"
            " EXECUTE format('DROP SCHEMA %I CASCADE', name); END LOOP; END $$",
        )
    traces = both.execute("new", "SELECT tgname FROM pg_trigger WHERE tgname LIKE 'confiture%'")
    assert traces == []


@pytest.mark.parametrize("seed", range(2000, 2000 + EXAMPLES))
def test_split_and_merged(one: Databases, seed: int) -> None:
    move = SharedMove(seed, one.execute)
    create(one, move, f'{{"chunk_ms": {move.random.choice([1, 100])}}}')
    today = [move.wide] if move.split else [move.main, move.second]
    one.step("capture")
    move.write(today, 6)
    one.execute("app", f"SELECT confiture.transition_copy('t', {move.random.randint(1, 3)})")
    move.write(today, 6)
    one.execute("app", "CALL confiture.transition_run('t', 'mirrored')")

    def written(rounds: int) -> None:
        for _ in range(rounds):
            move.write([move.wide, move.main, move.second], 4)
            assert move.wrong() == []
            one.equal()

    written(4)
    one.step("cutover")
    move.exchange()
    written(3)
    if move.random.random() < 0.5:
        one.step("rollback")
        move.exchange()
        written(2)
        one.step("abort")
    else:
        one.step("contract")
    traces = one.execute("app", "SELECT tgname FROM pg_trigger WHERE tgname LIKE 'confiture%'")
    assert traces == []
