"""The load test itself: it passes where nothing happens, and catches what loses writes."""

from __future__ import annotations

from .conftest import Database
from .load import TABLE, Load, fill

WRITERS = 4


def start(database: Database, rows: int = 300, **options: object) -> Load:
    """Make the table of the application, and writers for it."""
    database.execute("CREATE SCHEMA app")
    database.execute(TABLE.format("app.items"))
    fill(database.connection, "app.items", rows, WRITERS)
    return Load(database.server, database.name, *["app.items"] * WRITERS, rows=rows, **options)  # type: ignore[arg-type]


def test_nothing_is_reported_where_nothing_happens(database: Database) -> None:
    """Without a migration every row is as it was acknowledged."""
    load = start(database)
    with load.running():
        load.wait(40)
    assert load.errors == []
    assert load.damages(database.connection, "app.items") == []


def test_a_naive_copy_and_rename_is_caught(database: Database) -> None:
    """What is written between the copy and the renaming is lost, and the judge sees it."""
    load = start(database)
    with load.running():
        database.execute("CREATE TABLE app.items_new (LIKE app.items INCLUDING ALL)")
        database.execute("INSERT INTO app.items_new SELECT * FROM app.items")
        load.wait(20)
        database.execute(
            "BEGIN; ALTER TABLE app.items RENAME TO items_old;"
            " ALTER TABLE app.items_new RENAME TO items; COMMIT"
        )
        load.wait(5)
    kinds = {damage.kind for damage in load.damages(database.connection, "app.items")}
    assert {"lost", "corrupt", "phantom"} <= kinds, kinds


def test_a_late_trigger_is_caught(database: Database) -> None:
    """A dual write that begins after the copy misses what was written in between."""
    load = start(database)
    with load.running():
        database.execute("CREATE TABLE app.items_new (LIKE app.items INCLUDING ALL)")
        database.execute("INSERT INTO app.items_new SELECT * FROM app.items")
        load.wait(10)
        database.execute(
            """
            CREATE FUNCTION app.write_both() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF TG_OP <> 'INSERT' THEN DELETE FROM app.items_new WHERE id = OLD.id; END IF;
                IF TG_OP <> 'DELETE' THEN INSERT INTO app.items_new SELECT NEW.*; END IF;
                RETURN NULL;
            END $$;
            CREATE TRIGGER write_both AFTER INSERT OR UPDATE OR DELETE ON app.items
            FOR EACH ROW EXECUTE FUNCTION app.write_both()"""
        )
        load.wait(10)
    assert load.damages(database.connection, "app.items") == []
    assert load.damages(database.connection, "app.items_new") != []


def test_writers_outlive_a_crash(database: Database) -> None:
    """A writer that was cut off learns what was committed: nothing is in doubt."""
    load = start(database, faults=True)
    with load.running():
        database.server.crash()
        database.server.start()
        load.wait(10)
    assert load.errors == []
    database.reconnect()
    assert load.damages(database.connection, "app.items") == []
