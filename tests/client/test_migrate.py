"""up, down, status, baseline, history against a real server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .conftest import Command, Project

Query = Callable[..., list[tuple[Any, ...]]]

USERS = "CREATE TABLE users (id bigint PRIMARY KEY);\nINSERT INTO users SELECT generate_series(1, 1000);\n"
ORDERS = "CREATE TABLE orders (user_id bigint REFERENCES users);\n"


@pytest.fixture
def shop(project: Project, database: str) -> Project:
    project.migration("001_users", USERS, "DROP TABLE users;")
    project.migration("002_orders", ORDERS, "DROP TABLE orders;")
    return project


def states(confiture: Command) -> dict[str, str]:
    found = confiture("migrate", "status", "--format", "json").json["migrations"]
    return {each["version"]: each["state"] for each in found}


def test_up_status_down(shop: Project, confiture: Command, query: Query) -> None:
    assert states(confiture) == {"001": "pending", "002": "pending"}
    up = confiture("migrate", "up")
    assert up.code == 0
    assert "001 users" in up.out
    assert "2/2 INSERT (line 2)" in up.out
    assert "2 migrations applied in" in up.out
    assert up.err == ""
    assert query("SELECT count(*) FROM users") == [(1000,)]
    assert states(confiture) == {"001": "applied", "002": "applied"}

    again = confiture("migrate", "up")
    assert (again.code, again.out) == (0, "Nothing to do: everything is applied.\n")

    down = confiture("migrate", "down")
    assert down.code == 0
    assert "1 migration taken back in" in down.out
    assert states(confiture) == {"001": "applied", "002": "pending"}
    assert confiture("migrate", "down", "--steps", "5").code == 0
    assert confiture("migrate", "down").out == "Nothing to do: nothing is applied.\n"


def test_status_as_text(shop: Project, confiture: Command) -> None:
    confiture("migrate", "up", "--target", "001")
    shop.migration("003_late", "-- confiture: depends_on=004\nSELECT 1;")
    result = confiture("migrate", "status")
    lines = result.out.splitlines()
    assert lines[0].split() == ["VERSION", "NAME", "STATE", "APPLIED", "TOOK", "NOTES"]
    assert lines[1].startswith("001      users   applied  20")
    assert "blocked" in lines[3]
    assert "004" in lines[3]
    assert "\x1b" not in result.out
    assert lines[-1].startswith("1 applied, 1 pending, 1 blocked")


def test_status_writes_nothing(shop: Project, confiture: Command, query: Query) -> None:
    confiture("migrate", "status")
    confiture("migrate", "up", "--target", "001", "--dry-run")
    assert query("SELECT count(*) FROM confiture.migration") == [(0,)]


def test_status_check(shop: Project, confiture: Command) -> None:
    assert confiture("migrate", "status", "--check").code == 21
    confiture("migrate", "up")
    assert confiture("migrate", "status", "--check").code == 0
    shop.migration("001_users", f"{USERS}-- changed\n", "DROP TABLE users;")
    assert states(confiture)["001"] == "modified"
    assert confiture("migrate", "status", "--check").code == 21


def test_target_and_steps(shop: Project, confiture: Command) -> None:
    up = confiture("migrate", "up", "--target", "001", "--format", "json")
    assert [each["version"] for each in up.json["migrations"]] == ["001"]
    assert up.json["migrations"][0]["statements"] == 2
    confiture("migrate", "up")
    down = confiture("migrate", "down", "--target", "001", "--format", "json")
    assert [each["version"] for each in down.json["migrations"]] == ["002"]
    unknown = confiture("migrate", "up", "--target", "009")
    assert unknown.code == 13
    assert "SQLSTATE: CF008" in unknown.err


def test_atomic(shop: Project, confiture: Command) -> None:
    shop.migration("003_bad", "CREATE TABLE ok ();\nSELECT 1 / 0;\n")
    result = confiture("migrate", "up", "--atomic")
    assert result.code == 1
    assert "STATE: All in one transaction, rolled back: nothing was applied." in result.err
    assert states(confiture) == {"001": "pending", "002": "pending", "003": "pending"}
    assert confiture("migrate", "up", "--atomic", "--target", "002").code == 0


def test_the_next_run_goes_on_after_a_failure(shop: Project, confiture: Command) -> None:
    shop.migration("003_bad", "CREATE TABLE ok ();\nSELECT 1 / 0;\n")
    result = confiture("migrate", "up", "--format", "json")
    assert result.code == 1
    assert [each["version"] for each in result.json["migrations"]] == ["001", "002"]
    assert result.json["error"]["state"] == (
        "001 and 002 were applied before and stay so. Nothing of 003 was applied."
    )
    assert states(confiture) == {"001": "applied", "002": "applied", "003": "pending"}
    shop.migration("003_bad", "CREATE TABLE ok ();\n")
    assert confiture("migrate", "up").code == 0


def test_a_changed_migration(shop: Project, confiture: Command) -> None:
    confiture("migrate", "up", "--target", "001")
    shop.migration("001_users", f"{USERS}-- changed\n", "DROP TABLE users;")
    result = confiture("migrate", "up")
    assert result.code == 7
    assert "SQLSTATE: CF002" in result.err
    assert confiture("migrate", "validate").code == 21
    assert confiture("migrate", "down").code == 0


def test_a_migration_whose_file_is_gone(shop: Project, confiture: Command) -> None:
    confiture("migrate", "up")
    for path in shop.migrations.glob("002*"):
        path.unlink()
    assert states(confiture) == {"001": "applied", "002": "orphaned"}
    found = confiture("migrate", "validate", "--format", "json")
    assert [each["code"] for each in found.json["findings"]] == ["applied-without-file"]
    assert found.json["database_checked"] is True
    assert confiture("migrate", "down").code == 12


def test_no_way_back(shop: Project, confiture: Command) -> None:
    shop.migration("003_one_way", "SELECT 1;")
    confiture("migrate", "up")
    result = confiture("migrate", "down")
    assert result.code == 12
    assert "SQLSTATE: CF007" in result.err


def test_an_empty_down_is_no_way_back(shop: Project, confiture: Command) -> None:
    confiture("migrate", "new", "third")
    confiture("migrate", "up")
    assert "no way back" in confiture("migrate", "status").out
    assert confiture("migrate", "down").code == 12


def test_out_of_order_asks(shop: Project, confiture: Command) -> None:
    confiture("migrate", "up")
    shop.migration("0015_late", "SELECT 1;")
    (shop.migrations / "0015_late.up.sql").rename(shop.migrations / "000_late.up.sql")
    refused = confiture("migrate", "up")
    assert refused.code == 22
    assert "000: older than what is applied" in refused.err
    assert "--yes" in refused.err
    assert states(confiture)["000"] == "pending"
    assert confiture("migrate", "up", "--yes").code == 0
    assert states(confiture)["000"] == "applied"


def test_out_of_order_refused_by_a_setting(shop: Project, confiture: Command, database: str) -> None:
    confiture("migrate", "up")
    shop.migration("000_late", "SELECT 1;")
    shop.write(
        "confiture.yaml",
        "environments:\n  strict:\n    settings: {confiture.out_of_order: refuse}\n",
    )
    result = confiture("migrate", "up", "--yes", "--env", "strict")
    assert result.code == 11
    assert "SQLSTATE: CF006" in result.err


def test_baseline(shop: Project, confiture: Command, query: Query) -> None:
    result = confiture("migrate", "baseline", "001")
    assert result.code == 0
    assert "1 migration marked as applied, none was run." in result.out
    assert states(confiture) == {"001": "applied", "002": "pending"}
    assert query("SELECT to_regclass('users')") == [(None,)]


def test_history(shop: Project, confiture: Command) -> None:
    assert "The log is empty" in confiture("migrate", "history").out
    shop.migration("003_bad", "SELECT 1 / 0;")
    confiture("migrate", "up")
    confiture("migrate", "down", "--steps", "1")
    entries = confiture("migrate", "history", "--format", "json").json["entries"]
    assert [(each["version"], each["direction"], each["state"]) for each in entries] == [
        ("002", "down", "done"),
        ("003", "up", "failed"),
        ("002", "up", "done"),
        ("001", "up", "done"),
    ]
    assert entries[1]["sqlstate"] == "22012"
    text = confiture("migrate", "history", "--limit", "2").out.splitlines()
    assert text[0].split()[-1] == "MESSAGE"
    assert len(text) == 3
    assert "22012 division by zero" in text[2]


def test_no_migration_at_all(project: Project, confiture: Command, database: str) -> None:
    for command in ("up", "down", "status"):
        result = confiture("migrate", command)
        assert result.code == 3
        assert "there is no migration in db/migrations" in result.err
        assert "confiture migrate new" in result.err
    project.migrations.rmdir()
    result = confiture("migrate", "up")
    assert result.code == 3
    assert "there is no folder db/migrations" in result.err


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("002_b.sql", "not a migration"),
        ("002_b.down.sql", "a down without an up"),
        ("001_b.up.sql", "used twice"),
    ],
)
def test_unclear_files_stop_everything(
    project: Project, confiture: Command, database: str, name: str, message: str
) -> None:
    project.migration("001_a", "SELECT 1;")
    project.write(f"db/migrations/{name}", "SELECT 1;")
    for command in ("up", "status"):
        result = confiture("migrate", command)
        assert result.code == 3
        assert message in result.err
        assert name in result.err


def test_includes_and_copies(project: Project, confiture: Command, database: str, query: Query) -> None:
    project.write("db/parts/t.sql", "CREATE TABLE t (a int, b text)")
    project.write("db/seeds/t.csv", 'a,b\n1,one\n2,"tw""o, or \\x"\n')
    project.migration(
        "001_t",
        "\\ir ../parts/t.sql\n\\copy t from 'db/seeds/t.csv' with (format csv, header)\n"
        "COPY t FROM stdin;\n3\tthree\n\\.\nCREATE VIEW v AS SELECT a FROM t;\n",
        "DROP VIEW v;\nDROP TABLE t;",
    )
    assert confiture("migrate", "up").code == 0
    assert query("SELECT * FROM t ORDER BY a") == [(1, "one"), (2, 'tw"o, or \\x'), (3, "three")]
    assert confiture("migrate", "validate").code == 0
    project.write("db/seeds/t.csv", "a,b\n")
    assert states(confiture) == {"001": "modified"}
    assert confiture("migrate", "down").code == 0


def test_output_goes_to_a_file(shop: Project, confiture: Command) -> None:
    result = confiture("migrate", "status", "--output", "out/status.txt")
    assert (result.code, result.out) == (0, "")
    assert "2 pending." in (shop.root / "out/status.txt").read_text()
    result = confiture("migrate", "up", "--format", "json", "--output", "up.json")
    assert (result.code, result.out) == (0, "")
    assert '"migrations": [' in (shop.root / "up.json").read_text()


def test_progress_goes_to_standard_error_with_json(shop: Project, confiture: Command) -> None:
    result = confiture("migrate", "up", "--format", "json")
    assert result.json["mode"] == "run"
    assert "1/2 CREATE TABLE (line 1)" in result.err


def test_a_long_migration_does_not_print_every_statement(
    project: Project, confiture: Command, database: str
) -> None:
    project.migration("001_t", "CREATE TABLE t (a int);\n" + "INSERT INTO t VALUES (1);\n" * 50)
    assert confiture("migrate", "up").out.count("\n") < 6


def test_notices_of_a_migration_are_shown(project: Project, confiture: Command, database: str) -> None:
    project.migration("001_t", "DO $$ BEGIN RAISE WARNING 'careful' USING HINT = 'look twice'; END $$;\n")
    result = confiture("migrate", "up")
    assert "WARNING: careful" in result.out
    assert "HINT: look twice" in result.out


def test_the_last_line_sums_what_the_lines_before_it_say(
    shop: Project, confiture: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("confiture.human.duration", lambda milliseconds: f"<{milliseconds:.6f}>")
    lines = confiture("migrate", "up").out.splitlines()
    parts = [float(line.split("<")[1].split(">")[0]) for line in lines if "applied in" in line]
    assert parts[-1] == pytest.approx(sum(parts[:-1]), abs=1e-4)
    took = confiture("migrate", "status", "--format", "json").json["migrations"][0]["execution_time_ms"]
    assert f"  {took} ms" in confiture("migrate", "status").out


def test_a_new_migration_in_python_uses_the_placeholders_of_the_server(
    project: Project, confiture: Command
) -> None:
    confiture("migrate", "new", "fill", "--python", "--version", "001")
    text = (project.migrations / "001_fill.py").read_text()
    assert "email = $1" in text
    assert "%s" not in text
