"""``confiture build`` and ``confiture testdb``, SchemaBuilder, the files of a tree."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.json import Jsonb

from confiture import SchemaBuilder, control, tree
from confiture.errors import (
    ConfigurationError,
    ConfitureError,
    DatabaseError,
    ExtensionError,
    FileError,
    UsageError,
)

from .conftest import Command, Project, wait_until

Query = Callable[..., list[tuple[Any, ...]]]
_numbers = itertools.count(1)


class Place:
    """A name for a database to be built, and what is in it."""

    def __init__(self, url: str) -> None:
        self.name = f"cf_built_{os.getpid()}_{next(_numbers)}"
        self.url = make_conninfo(url, dbname=self.name)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(query.encode()).fetchall()

    def tables(self) -> list[str]:
        query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        return [name for (name,) in self.rows(query)]


@pytest.fixture
def built(database: str) -> Iterator[Place]:
    """A database that is not there yet, and is dropped in the end."""
    place = Place(database)
    yield place
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(place.name))
        )
        connection.execute("SELECT confiture.build_prune()")


@pytest.fixture
def shop(project: Project) -> Project:
    """Two tables, the second file first, and seeds."""
    project.write("db/schema/10_orders.sql", "CREATE TABLE orders (\n  user_id int REFERENCES users\n);\n")
    project.write("db/schema/20_users.sql", "CREATE TABLE users (id int PRIMARY KEY, name text)")
    project.write("db/seeds/common/users.sql", "COPY users FROM stdin;\n1\tAda\n\\.\n")
    project.write("db/seeds/test/users.sql", "INSERT INTO users VALUES (2, 'Grace')")
    project.write("db/seeds/large/users.sql", "INSERT INTO users SELECT g FROM generate_series(10, 99) AS g")
    project.write("confiture.yaml", "environments:\n  test: {}\n")
    return project


def test_build(shop: Project, built: Place, confiture: Command) -> None:
    result = confiture("build", "--database", built.name)
    assert result.code == 0, result.err
    assert result.out.splitlines()[0].startswith(
        f"Made {built.name} (DATABASE_URL). Built: 3 files, 3 statements, in "
    )
    assert result.out.splitlines()[1] == (
        "  db/schema/10_orders.sql:1 had to wait, and ran after db/schema/20_users.sql: "
        'relation "users" does not exist'
    )
    assert built.tables() == ["orders", "users"]
    assert built.rows("SELECT * FROM users") == [(1, "Ada")]
    again = confiture("build", "--database", built.name)
    assert again.out.startswith(
        f"Replaced {built.name} (DATABASE_URL). Copied from the template of an earlier build: 3"
    )
    assert built.rows("SELECT * FROM users") == [(1, "Ada")]


def test_json(shop: Project, built: Place, confiture: Command) -> None:
    document = confiture("build", "--database", built.name, "--format", "json").json
    assert document["run_order"] == [
        "db/schema/20_users.sql",
        "db/schema/10_orders.sql",
        "db/seeds/common/users.sql",
    ]
    assert (document["cached"], document["replaced"], document["statements"]) == (False, False, 3)
    assert document["moved"][0]["file_line"] == 1
    again = confiture("build", "--database", built.name, "--format", "json").json
    assert (again["cached"], again["run_order"], again["template"]) == (True, None, document["template"])
    fresh = confiture("build", "--database", built.name, "--no-cache", "--format", "json").json
    assert (fresh["cached"], fresh["template"], fresh["hash"]) == (False, None, document["hash"])
    assert confiture("build", "--prune", "--format", "json").json["dropped"] == [document["template"]]


def test_seeds(shop: Project, built: Place, confiture: Command) -> None:
    def ids(*arguments: str) -> int:
        assert confiture("build", "--database", built.name, *arguments).code == 0
        return int(built.rows("SELECT count(*) FROM users")[0][0])

    assert ids("--env", "test") == 2
    assert ids("--env", "test", "--schema-only") == 0
    assert ids("--seed", "common", "--seed", "large") == 91
    shop.write("confiture.yaml", "environments:\n  test:\n    seeds: [large]\n")
    assert ids("--env", "test") == 90
    result = confiture("build", "--database", built.name, "--seed", "larg")
    assert result.code == 3
    assert 'there are no seeds "larg"' in result.err
    assert 'Did you mean "large"?' in result.err


def test_the_order_of_files(shop: Project) -> None:
    for name in (
        "b.sql",
        "B.sql",
        "a/z.sql",
        "a.sql",
        "é.sql",
        "x.SQL",
        ".hidden.sql",
        ".git/x.sql",
        "note.txt",
    ):
        shop.write(f"db/schema/{name}", "")
    builder = SchemaBuilder(schema_only=True)
    assert [file.path.removeprefix("db/schema/") for file in builder.files] == [
        "10_orders.sql",
        "20_users.sql",
        "B.sql",
        "a.sql",
        "a/z.sql",
        "b.sql",
        "x.SQL",
        "é.sql",
    ]
    shop.write("other/one.sql", "")
    shop.write(
        "confiture.yaml", "environments:\n  test:\n    schema_dirs: [other, ./db/schema/a, db/schema/b.sql]\n"
    )
    found = [file.path for file in SchemaBuilder("test", schema_only=True).files]
    assert found == ["other/one.sql", "db/schema/a/z.sql", "db/schema/b.sql"]


def test_includes(shop: Project, built: Place, confiture: Command) -> None:
    shop.write("db/schema/05_all.sql", "\\ir 20_users.sql\n\\i db/schema/10_orders.sql\n")
    shop.write("db/seeds/common/users.sql", "\\copy users from 'db/seeds/users.csv' with (format csv)\n")
    shop.write("db/seeds/users.csv", '7,"Alan, T."\n')
    assert [file.path for file in SchemaBuilder().files] == [
        "db/schema/05_all.sql",
        "db/seeds/common/users.sql",
    ]
    result = confiture("build", "--database", built.name)
    assert result.code == 0, result.err
    assert built.rows("SELECT * FROM users") == [(7, "Alan, T.")]
    shop.write("db/schema/20_users.sql", "CREATE TABLE users (id int PRIMARY KEY);\nSELECT nope;\n")
    result = confiture("build", "--database", built.name)
    assert result.code == 1
    assert "at db/schema/20_users.sql:2:8" in result.err


def test_hash_and_text_need_no_server(shop: Project, confiture: Command, query: Query) -> None:
    builder = SchemaBuilder()
    digest = builder.hash()
    files = {file.path: file.text for file in builder.files}
    assert query("SELECT confiture.build_hash(%s)", Jsonb(files)) == [(digest,)]
    os.environ.pop("DATABASE_URL")
    assert confiture("build", "--show-hash").out == f"{digest}\n"
    assert confiture("build", "--show-hash", "--format", "json").json == {"hash": digest}
    shop.write("db/schema/20_users.sql", b"\xef\xbb\xbfCREATE TABLE users (id int PRIMARY KEY, name text)")
    assert SchemaBuilder().hash() == digest
    shop.write("db/schema/30.sql", "-- more\r\nSELECT 1")
    assert SchemaBuilder().hash() != digest
    assert SchemaBuilder(schema_only=True).build_schema() == (
        "-- file: db/schema/10_orders.sql\nCREATE TABLE orders (\n  user_id int REFERENCES users\n);\n\n"
        "-- file: db/schema/20_users.sql\nCREATE TABLE users (id int PRIMARY KEY, name text)\n;\n\n"
        "-- file: db/schema/30.sql\n-- more\r\nSELECT 1\n;\n"
    )


def test_output(shop: Project, built: Place, confiture: Command) -> None:
    shop.write("db/schema/05_users.sql", (shop.root / "db/schema/20_users.sql").read_text())
    (shop.root / "db/schema/20_users.sql").unlink()
    result = confiture("build", "--database", built.name, "--output", "out/all.sql")
    assert result.code == 0
    assert "Written to out/all.sql." in result.err
    assert (shop.root / "out/all.sql").read_text() == SchemaBuilder().build_schema()
    with psycopg.connect(built.url, autocommit=True) as connection:
        connection.execute("DROP TABLE orders, users")
    subprocess.run(
        ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", built.url, "-f", "out/all.sql"], check=True
    )
    assert built.tables() == ["orders", "users"]


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("CREATE TABLE a ();\nCREATE TABEL b ();", "30.sql:2:8", 'syntax error at or near "TABEL"'),
        ("CREATE TABLE a ();\n\nSELECT nosuch(1);", "30.sql:3:8", "function nosuch(integer) does not exist"),
        ("CREATE EXTENSION nosuch", "30.sql:1:1", 'extension "nosuch" is not available'),
        ("SELECT 1;\nROLLBACK;", "30.sql:2:1", "ROLLBACK is not allowed here"),
        ("COPY users FROM stdin;\nx\ty\n\\.\n", "30.sql:1:1", "COPY users, line 1, column id"),
        ("\\gexec", "30.sql:1:1", 'meta-command "\\gexec"'),
    ],
)
def test_errors_have_a_place(
    shop: Project, built: Place, confiture: Command, text: str, place: str, words: str
) -> None:
    shop.write("db/schema/30.sql", text)
    result = confiture("build", "--database", built.name)
    assert result.code in (1, 14, 15)
    assert f"  at db/schema/{place}" in result.err
    assert words in result.err
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        built.tables()


def test_a_circle(shop: Project, built: Place, confiture: Command) -> None:
    shop.write(
        "db/schema/20_users.sql", "CREATE TABLE users (id int PRIMARY KEY, last int REFERENCES orders)"
    )
    result = confiture("build", "--database", built.name, "--format", "json")
    assert result.code == 10
    error = result.json["error"]
    assert error["sqlstate"] == "CF016"
    circle = "db/schema/10_orders.sql -> db/schema/20_users.sql -> db/schema/10_orders.sql"
    assert error["message"] == f"files need each other in a circle: {circle}"
    assert (error["file"], error["line"]) == ("db/schema/10_orders.sql", 1)


def test_files_that_cannot_be(shop: Project) -> None:
    def problem(env: str | None = None) -> ConfitureError:
        with pytest.raises(ConfitureError) as caught:
            SchemaBuilder(env).hash()
        return caught.value

    shop.write("db/schema/30.sql", b"SELECT '\xff'")
    assert isinstance(problem(), FileError)
    (shop.root / "db/schema/30.sql").unlink()
    odd = os.fsencode(shop.root) + b"/db/schema/\xff.sql"
    Path(os.fsdecode(odd)).write_text("")
    assert problem().file == f"{shop.root}/db/schema/\\xff.sql"
    Path(os.fsdecode(odd)).unlink()
    shop.write(
        "confiture.yaml", "environments:\n  a:\n    schema_dirs: [nowhere]\n  b:\n    schema_dirs: x\n"
    )
    assert (problem().message, problem().line) == ('"schema_dirs" must be a list', 5)
    shop.write("confiture.yaml", "environments:\n  a:\n    schema_dirs: [nowhere]\n")
    assert isinstance(problem("a"), ConfigurationError)
    assert problem("a").message == "there is no folder nowhere"
    for path in (shop.root / "db/schema").iterdir():
        path.unlink()
    assert problem().message == "there is no .sql file to build from"
    assert problem().exit_code == 3


def test_nothing_of_value_is_dropped(shop: Project, built: Place, database: str, confiture: Command) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(built.name)))
    with psycopg.connect(built.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE precious ()")
    result = confiture("build", "--database", built.name, "--format", "json")
    assert (result.code, result.json["error"]["sqlstate"]) == (25, "CF017")
    assert built.tables() == ["precious"]
    assert confiture("build", "--database", built.name, "--yes").code == 0
    assert built.tables() == ["orders", "users"]


def test_an_empty_database_may_go(shop: Project, built: Place, database: str, confiture: Command) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(built.name)))
    with psycopg.connect(built.url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION confiture")
        connection.execute("CREATE EXTENSION confiture_py CASCADE")
    assert confiture("build", "--database", built.name).code == 0
    assert built.tables() == ["orders", "users"]


def test_a_database_in_use(shop: Project, built: Place, confiture: Command) -> None:
    assert confiture("build", "--database", built.name).code == 0
    with psycopg.connect(built.url, application_name="my app"):
        result = confiture("build", "--database", built.name)
        assert result.code == 1
        assert "my app" in result.err
        assert "--force" in result.err
        assert confiture("build", "--database", built.name, "--force").code == 0


def test_the_ledger(shop: Project, built: Place, confiture: Command) -> None:
    shop.migration("001_users", "CREATE TABLE users (id int PRIMARY KEY)", "DROP TABLE users")
    shop.migration("002_orders", "CREATE TABLE orders ()")
    assert confiture("build", "--database", built.name).code == 0
    status = confiture("migrate", "status", "--check", "--database-url", built.url)
    assert status.code == 0, status.out + status.err
    assert "2 applied." in status.out
    assert confiture("build", "--database", built.name, "--no-ledger").code == 0
    assert built.rows("SELECT extname FROM pg_extension") == [("plpgsql",)]


def test_the_database_of_the_url(
    shop: Project, built: Place, confiture: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It need not exist; a database of our own is used to call from, and left for the next time."""
    monkeypatch.setenv("DATABASE_URL", built.url)
    assert confiture("build").code == 0
    assert confiture("build").code == 0
    assert built.tables() == ["orders", "users"]
    with psycopg.connect(make_conninfo(built.url, dbname=control.CONTROL), autocommit=True) as connection:
        connection.execute("DROP EXTENSION confiture")
    assert confiture("build").code == 0
    assert control.database_name(built.url) == built.name


def test_a_server_without_the_extension(
    shop: Project, built: Place, monkeypatch: pytest.MonkeyPatch, confiture: Command
) -> None:
    monkeypatch.setenv("DATABASE_URL", built.url)
    monkeypatch.setattr(control, "CONTROL", f"{built.name}_control")
    with psycopg.connect(make_conninfo(built.url, dbname="postgres"), autocommit=True) as connection:
        before = connection.execute("SHOW extension_destdir").fetchone()
        try:
            connection.execute("ALTER SYSTEM SET extension_destdir = ''")
            connection.execute("SELECT pg_reload_conf()")
            wait_until(lambda: connection.execute("SHOW extension_destdir").fetchone() != before)
            result = confiture("build", "--format", "json")
        finally:
            connection.execute("ALTER SYSTEM RESET extension_destdir")
            connection.execute("SELECT pg_reload_conf()")
            wait_until(lambda: connection.execute("SHOW extension_destdir").fetchone() == before)
            connection.execute(f"DROP DATABASE IF EXISTS {built.name}_control WITH (FORCE)".encode())
    assert result.code == ExtensionError.default_exit_code
    assert "not installed on this server" in result.json["error"]["message"]


def test_names(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGDATABASE", "PGUSER", "PGSERVICE"):
        monkeypatch.delenv(name, raising=False)
    assert control.database_name("postgresql://host/shop") == "shop"
    assert control.database_name("user=ada") == "ada"
    with pytest.raises(UsageError):
        control.database_name("service=x")
    monkeypatch.setenv("PGDATABASE", "env")
    assert control.database_name("host=x user=ada") == "env"


def test_without_the_right_to_create(shop: Project, built: Place, confiture: Command, query: Query) -> None:
    role = f"{built.name}_role"
    query(f"CREATE ROLE {role} LOGIN")
    try:
        query("SELECT confiture.grant_usage(%s, 'migrator')", role)
        url = make_conninfo(os.environ["DATABASE_URL"], user=role)
        result = confiture("build", "--database", built.name, "--database-url", url, "--no-ledger")
        assert result.code == 20
        assert f"ALTER ROLE {role} CREATEDB" in result.err
        query(f"ALTER ROLE {role} CREATEDB")
        assert confiture("build", "--database", built.name, "--database-url", url).code == 20
        result = confiture("build", "--database", built.name, "--database-url", url, "--no-ledger")
        assert result.code == 0, result.err
        assert built.rows("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'") == [
            (role,)
        ]
    finally:
        query(f"DROP DATABASE IF EXISTS {built.name}")
        for (name,) in query("SELECT database FROM confiture.builds() WHERE owner = %s", role):
            query(f"DROP DATABASE {name}")
        query(f"DROP OWNED BY {role}")
        query(f"DROP ROLE {role}")


def test_builder(shop: Project, built: Place, database: str) -> None:
    builder = SchemaBuilder("test", root=shop.root)
    result = builder.create_database(database, built.name, label="mine")
    assert (result.database, result.cached, result.hash) == (built.name, False, builder.hash())
    with psycopg.connect(database) as connection:  # in a transaction
        assert builder.create_database(connection, built.name).cached
        connection.rollback()
    assert len(built.rows("SELECT * FROM users")) == 2
    with pytest.raises(DatabaseError) as caught:
        builder.create_database(database, built.name, replace="never")
    assert caught.value.sqlstate == "CF017"
    shop.write("db/seeds/test/users.sql", "\n\nSELECT nope")
    with pytest.raises(DatabaseError) as caught:
        SchemaBuilder("test").create_database(database, built.name)
    assert caught.value.location == "db/seeds/test/users.sql:3:8"
    only_template = builder.create_database(database, None)
    assert (only_template.database, only_template.cached) == (None, True)


def test_many_at_once(shop: Project, built: Place, database: str) -> None:
    """Two builds and more of one tree: one builds, all others copy."""
    names = [f"{built.name}_{number}" for number in range(4)]
    results: list[bool] = []

    def work(name: str) -> None:
        results.append(SchemaBuilder().create_database(database, name).cached)

    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with psycopg.connect(database, autocommit=True) as connection:
        for name in names:
            connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
    assert sorted(results) == [False, True, True, True]


def test_ten_thousand_objects(project: Project, built: Place, database: str) -> None:
    tables = 2500
    text = "".join(
        f"CREATE TABLE t{n} (id int PRIMARY KEY, a int, b text UNIQUE);\nCREATE INDEX ON t{n} (a);\n"
        for n in range(tables)
    )
    project.write("db/schema/all.sql", text)
    result = SchemaBuilder().create_database(database, built.name, cache=False)
    assert result.statements == 2 * tables
    assert built.rows("SELECT count(*) FROM pg_class WHERE relname ~ '^t[0-9]'") == [(4 * tables,)]


def test_too_large(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("confiture.builder._LARGEST", 10)
    with pytest.raises(UsageError, match="too large"):
        SchemaBuilder().create_database("postgresql://nowhere.invalid/x", "y")


def test_testdb(shop: Project, built: Place, confiture: Command, query: Query) -> None:
    made = confiture("testdb", "create", "--env", "test", "--format", "json").json
    assert conninfo_to_dict(made["url"])["dbname"] == made["database"]
    with psycopg.connect(made["url"]) as connection:
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (2,)
    again = confiture("testdb", "create", built.name, "--env", "test", "--format", "json").json
    assert (again["database"], again["cached"]) == (built.name, True)
    assert confiture("testdb", "create", built.name, "--env", "test").out == f"{again['url']}\n"
    listed = confiture("testdb", "list", "--format", "json").json["databases"]
    assert {made["database"], built.name} <= {each["database"] for each in listed}
    assert "2 test databases." in confiture("testdb", "list").out
    (there,) = query("SELECT current_database()")[0]
    refused = confiture("testdb", "drop", built.name, there)
    assert refused.code == 2
    assert f'"{there}" is no test database of Confiture' in refused.err
    assert confiture("testdb", "drop").code == 2
    assert confiture("testdb", "drop", "--all").code == 22
    assert confiture("testdb", "drop", built.name, "--format", "json").json == {"dropped": [built.name]}
    assert made["database"] in confiture("testdb", "drop", "--all", "--yes").out
    assert confiture("testdb", "list").out == "0 test databases.\n"


def test_watch(shop: Project, built: Place) -> None:
    """It builds again at every change, lives through a mistake, and ends with Ctrl-C."""
    program = [sys.executable, "-m", "confiture", "build", "--watch", "--database", built.name, "--force"]
    environment = os.environ | {"PYTHONPATH": str(Path(tree.__file__).parents[1])}
    with (shop.root / "log").open("w+") as log:
        watching = subprocess.Popen(program, stdout=log, stderr=log, env=environment)

        def said(words: str) -> bool:
            assert watching.poll() is None, (shop.root / "log").read_text()
            return words in (shop.root / "log").read_text()

        def change(text: str) -> None:
            # At once: it could look when the file is there, and nothing in it.
            shop.write("30.sql", text).replace(shop.root / "db/schema/30.sql")

        try:
            wait_until(lambda: said("Watching for changes"))
            change("CREATE TABLE c (x nosuch)")
            wait_until(lambda: said('type "nosuch" does not exist'))
            assert built.tables() == ["orders", "users"]
            change("CREATE TABLE c (x int)")
            wait_until(lambda: said(f"Replaced {built.name}"))
            assert built.tables() == ["c", "orders", "users"]
        finally:
            watching.send_signal(signal.SIGINT)
        assert watching.wait() == 130
