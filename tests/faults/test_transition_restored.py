"""A transition in a database that was restored from a dump: it goes on from there."""

from __future__ import annotations

import psycopg
import pytest

from .conftest import Database
from .load import TABLE, fill


def test_a_cutover_where_transactions_have_other_numbers(database: Database) -> None:
    """The mirror was made by a transaction of the other server, whose number is yet to come here."""
    database.execute("CREATE SCHEMA app; CREATE SCHEMA app_new")
    for schema in ("app", "app_new"):
        database.execute(TABLE.format(f"{schema}.items"))
    fill(database.connection, "app.items", 10, 1)
    database.execute(
        "SELECT confiture.transition_create('t', 'app', 'app_new',"
        """ options => '{"swap": "schema", "lock_retries": 1}')"""
    )
    database.execute("CALL confiture.transition_run('t')")
    number = database.value("SELECT mirrored_by FROM confiture.transition")
    with database.server.connect(database.name) as reader:
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM pg_class")
        database.execute(
            "UPDATE confiture.transition SET mirrored_by = (%s::text::bigint + 1000000)::text::xid8", number
        )
        database.execute("SELECT confiture.transition_cutover('t')")
        database.execute("SELECT confiture.transition_rollback('t')")
        database.execute("SELECT * FROM confiture.transition_validate('t')")
        # A number that this server has given does count.
        database.execute("UPDATE confiture.transition SET mirrored_by = pg_current_xact_id()")
        with pytest.raises(psycopg.Error) as problem:
            database.execute("SELECT confiture.transition_cutover('t')")
        assert problem.value.sqlstate == "CF036"
