"""examples/shop: what it promises, and that every way back leads back."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import psycopg
import pytest

from confiture import Migrator

from .reader import REPOSITORY, environment

SHOP = REPOSITORY / "examples" / "shop"
COUNTS = """
SELECT count(*) FILTER (WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition) AS tables,
    count(*) FILTER (WHERE c.relkind IN ('v', 'm')) AS views,
    count(*) FILTER (WHERE c.relkind = 'p') AS partitioned,
    (SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conparentid = 0) AS foreign_keys,
    (SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace) AS functions,
    (SELECT count(*) FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype = 'e') AS enums,
    (SELECT sum(n_live_tup) FROM pg_stat_user_tables WHERE schemaname = 'public') AS rows
FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace
"""


@pytest.fixture
def shop(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the example, as the current folder."""
    path = folder / "shop"
    shutil.copytree(SHOP, path, ignore=shutil.ignore_patterns(".confiture"))
    monkeypatch.chdir(path)
    return path


def dump(database: str) -> str:
    """Return the schema public as pg_dump writes it, without what changes from one dump to the next."""
    done = subprocess.run(
        ["pg_dump", "--schema-only", "--schema=public", database],
        env=environment(database),
        capture_output=True,
        text=True,
        check=True,
    )
    return "\n".join(line for line in done.stdout.splitlines() if not line.startswith(("--", "\\")))


def test_every_way_back_leads_back(shop: Path, database: str) -> None:
    with psycopg.connect(dbname=database, autocommit=True) as connection:
        migrator = Migrator(connection)
        versions = [each.version for each in migrator.plan()]
        assert len(versions) == 10
        for version in versions:
            before = dump(database)
            assert [run.version for run in migrator.up(version)] == [version]
            assert dump(database) != before or version == "005"
            assert [run.version for run in migrator.down()] == [version]
            assert dump(database) == before, f"the way back of {version}"
            migrator.up(version)
        everything = dump(database)
        assert len(migrator.down(10)) == 10
        assert "CREATE" not in dump(database).replace("CREATE SCHEMA", "")
        migrator.up()
        assert dump(database) == everything


def test_it_is_as_large_as_it_says(shop: Path, database: str) -> None:
    with psycopg.connect(dbname=database, autocommit=True) as connection:
        Migrator(connection).up()
        connection.execute("SELECT pg_stat_force_next_flush()")
        connection.execute("ANALYZE")
        row = connection.execute(COUNTS).fetchone()
    assert row is not None
    tables, views, partitioned, foreign_keys, functions, enums, rows = row
    said = re.search(
        r"^(\d+) tables .* some ([\d,]+) rows", (shop / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    assert said is not None
    assert tables == int(said[1]) >= 12
    assert (views, partitioned, enums) == (4, 1, 3)
    assert foreign_keys >= 12
    assert functions >= 4
    assert abs(int(rows) - int(said[2].replace(",", ""))) < 2000
    scripts = "".join(path.read_text() for path in (shop / "db" / "migrations").iterdir())
    for shown in ("INDEX CONCURRENTLY", "transaction=off", "depends_on=", "FROM stdin", "PARTITION BY"):
        assert shown in scripts


def test_the_slugs_are_what_they_should_be(shop: Path, database: str) -> None:
    with psycopg.connect(dbname=database, autocommit=True) as connection:
        Migrator(connection).up()
        found = connection.execute("SELECT slug FROM products WHERE sku IN ('SKU-10005', 'SKU-10003')")
        assert sorted(slug for (slug,) in found) == ["cafe-lamp-5", "senor-knife-3"]
        totals = connection.execute("SELECT count(*) FROM orders WHERE total <> order_total(id)").fetchone()
        assert totals == (0,)
        connection.execute("INSERT INTO order_lines VALUES (1, 9, 1, 2, 10.00)")
        connection.execute("UPDATE orders SET status = 'shipped' WHERE id = 1")
        kept = connection.execute(
            "SELECT total = order_total(id), (SELECT max(new_status) FROM order_events WHERE order_id = id"
            " AND old_status IS NOT NULL) FROM orders WHERE id = 1"
        ).fetchone()
        assert kept == (True, "shipped")


def test_no_file_of_the_examples_is_left_out() -> None:
    """Every script of examples/psql-only is run by its README, and nothing else lies about."""
    readme = (REPOSITORY / "examples" / "psql-only" / "README.md").read_text(encoding="utf-8")
    for path in (REPOSITORY / "examples" / "psql-only").glob("*.sql"):
        assert f"-f {path.name}" in readme
    known = ["demo.sh", "psql-only", "shop", "testing", "transition"]
    assert sorted(os.listdir(REPOSITORY / "examples")) == known
