"""The server's own parser as the oracle of the splitter.

confiture.statements() takes its statements from raw_parser; the client's splitter must agree with it
on every script that the server takes. Copy data and psql commands, which the parser never sees, are
left out here.
"""

import os
from collections.abc import Iterator

import nasty
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from confiture import core

pytestmark = pytest.mark.skipif("PGHOST" not in os.environ, reason="needs a server (PGHOST)")

VALUES = [
    "1",
    "1.5e+3",
    ".5",
    "a",
    "été",
    "a$b$",
    "$1",
    "';'",
    "'\\'",
    "'it''s'",
    "'\n;\n'",
    "'a'\n ';'",
    "'a' -- ';\n';'",
    "E''",
    "e'\\''",
    "E'a\\';'",
    "E'a'\n'\\';'",
    "U&'\\0061;'",
    'U&"d\\0061t;"',
    "B'01'",
    "x'1F'",
    "N';'",
    '";"',
    '"a""b;"',
    '"\\"',
    "$$;$$",
    "$$ ' \" /* -- $$",
    "$a$ $$ ; $b$ $A$ $a$",
    "$é$;$é$",
    "$_1$ $_1 $_ $_1$",
    "a[1:2]",
    "CASE WHEN a THEN 1 ELSE 2 END",
    "(SELECT 1)",
    "(';')",
]

OTHERS = [
    "BEGIN",
    "COMMIT",
    "END",
    "TABLE t",
    "COPY t TO STDOUT",
    "COPY t FROM 'stdin'",
    "CREATE TABLE \"begin;\" (a int DEFAULT 1, b text CHECK (b <> ';'))",
    "ALTER TABLE t ADD COLUMN c text DEFAULT $$;$$, ALTER a SET NOT NULL",
    *nasty.BODIES,
]

# Random texts are built of these; a backslash alone would be a psql command.
CHUNKS = [
    *[chunk for chunk in nasty.CHUNKS if not {"\\", "\0"} & set(chunk) and "stdin" not in chunk.lower()],
    *VALUES,
    "SELECT ",
    "SELECT 1;",
    ";",
    ", ",
    " + ",
]


@st.composite
def valid_statements(draw: st.DrawFn) -> str:
    """Draw a statement that the grammar takes."""
    if draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(OTHERS))
    values = draw(st.lists(st.sampled_from(VALUES), min_size=1, max_size=5))
    parts = [draw(st.sampled_from(["SELECT", "select", "VALUES (1), (", "EXPLAIN SELECT"]))]
    for value in values:
        parts += [draw(nasty.separators), value, draw(nasty.separators), ","]
    parts[-1] = ")" if parts[0].endswith("(") else "AS x"
    return "".join(parts)


@pytest.fixture(scope="module")
def server() -> Iterator[psycopg.Connection]:
    """A connection that has the extension, and leaves nothing behind."""
    with psycopg.connect() as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS confiture")
        yield connection
        connection.rollback()


def server_statements(server: psycopg.Connection, script: str) -> list[tuple[int, str]]:
    query = "SELECT line, statement FROM confiture.statements(%s) ORDER BY ordinal"
    with server.transaction():
        return server.execute(query, [script]).fetchall()


def client_statements(script: str) -> list[tuple[int, str]]:
    return [(piece.line, piece.text) for piece in core.scan(script)]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(nasty.blanks, valid_statements(), nasty.blanks), max_size=5))
def test_server_and_client_agree(server: psycopg.Connection, parts: list[tuple[str, str, str]]) -> None:
    script = ";".join("".join(part) for part in parts)
    assert client_statements(script) == server_statements(server, script)


@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(st.lists(st.sampled_from(CHUNKS), max_size=12).map("".join))
def test_what_the_server_takes_is_split_as_the_server_does(server: psycopg.Connection, script: str) -> None:
    try:
        expected = server_statements(server, script)
    except psycopg.errors.DatabaseError as error:
        # No SQL, or a backslash outside of quotes: a meta-command of psql.
        assert error.sqlstate in ("42601", "CF010"), error
        return
    assert client_statements(script) == expected
