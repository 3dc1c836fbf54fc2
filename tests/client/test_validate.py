"""``confiture migrate validate`` and ``new``: names, versions, contents, repairs."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from confiture import naming, scaffold
from confiture.errors import FileError

from .conftest import Command, Project

PYTHON = "from confiture_py import Migration\nclass A(Migration):\n    def up(self):\n        pass\n"


def findings(confiture: Command, *arguments: str) -> list[tuple[str, str, str | None]]:
    result = confiture("migrate", "validate", "--format", "json", *arguments)
    found = result.json["findings"]
    errors = [each for each in found if each["severity"] == "error"]
    assert result.code == (21 if errors else 0)
    return [(each["severity"], each["code"], each["file"] and Path(each["file"]).name) for each in found]


def test_nothing_wrong(confiture: Command, project: Project) -> None:
    project.migration("001_a", "SELECT 1;", "SELECT 1;")
    project.write("db/migrations/002_b.py", PYTHON)
    project.write("db/migrations/README.md", "# no migration")
    project.write("db/migrations/__init__.py", "")
    project.write("db/migrations/.hidden.sql", "")
    assert findings(confiture) == []
    assert "No findings." in confiture("migrate", "validate").out


def test_no_folder_and_no_migration(confiture: Command, project: Project) -> None:
    assert findings(confiture) == [("error", "no-migration", "migrations")]
    result = confiture("migrate", "validate", "--migrations-dir", "nowhere")
    assert result.code == 3
    assert "there is no folder nowhere" in result.err


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["001_a.sql"], [("error", "orphaned-file", "001_a.sql")]),
        (["001_a.up.sql", "002_b.down.sql"], [("error", "down-without-up", "002_b.down.sql")]),
        (["001_a.up.sql", "001_b.down.sql"], [("error", "down-without-up", "001_b.down.sql")]),
        (["001_a.up.sql", "001_b.up.sql"], [("error", "duplicate-version", "001_b.up.sql")]),
        (["001_a.up.sql", "1_b.up.sql"], [("error", "duplicate-version", "1_b.up.sql")]),
        (["001_a b.up.sql"], [("warning", "bad-name", "001_a b.up.sql")]),
        (["001_a.up.sql", "003_b.up.sql", "004_c.up.sql"], [("warning", "gap", None)]),
        (["010_a.up.sql", "020_b.up.sql", "030_c.up.sql"], []),
        (["001_a.up.sql", "20260101120000_b.up.sql"], [("warning", "mixed-versions", None)]),
        (["001_a.up.sql", "v2_b.up.sql"], [("warning", "mixed-versions", None)]),
        (["001_a.UP.SQL"], [("error", "orphaned-file", "001_a.UP.SQL")]),
        (["users.sql"], [("error", "orphaned-file", "users.sql")]),
    ],
)
def test_names(
    confiture: Command, project: Project, files: list[str], expected: list[tuple[str, str, str | None]]
) -> None:
    for file in files:
        project.write(f"db/migrations/{file}", "SELECT 1;")
    assert findings(confiture) == expected


def test_the_gap_is_named(confiture: Command, project: Project) -> None:
    for number in ("001", "002", "005"):
        project.migration(f"{number}_x", "SELECT 1;")
    result = confiture("migrate", "validate")
    assert "warning: there is no migration 003 to 004" in result.out
    assert result.code == 0
    assert confiture("migrate", "validate", "--strict").code == 21


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        ("class A(:\n", "unreadable", 1),
        ("x = 1\n\n  y\n", "unreadable", 3),
        ("class A:\n    def up(self): pass\n", "python-class", None),
        ("class A(Migration):\n    pass\n", "python-class", None),
    ],
)
def test_python(confiture: Command, project: Project, content: str, code: str, line: int | None) -> None:
    project.write("db/migrations/001_a.py", content)
    found = confiture("migrate", "validate", "--format", "json").json["findings"]
    assert [(each["code"], each["line"]) for each in found] == [(code, line)]


def test_contents(confiture: Command, project: Project) -> None:
    project.migration("001_a", "SELECT 1;\n\\i nowhere.sql\n")
    result = confiture("migrate", "validate")
    assert result.code == 21
    assert 'db/migrations/001_a.up.sql:2:1: error: there is no file "nowhere.sql"' in result.out


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("001_a.sql", "001_a.up.sql"),
        ("001_a.UP.SQL", "001_a.up.sql"),
        ("001-create-users.up.sql", "001_create-users.up.sql"),
        ("001 create users.sql", "001_create_users.up.sql"),
        ("001. a.down.sql", "001_a.down.sql"),
        ("001_a b.up.sql", "001_a_b.up.sql"),
        ("001-fill.py", "001_fill.py"),
        ("users.sql", None),
        ("001.sql", None),
        ("001_a.up.sql", None),
    ],
)
def test_better_names(name: str, better: str | None) -> None:
    assert naming.better_name(name) == better


def test_fix_naming(confiture: Command, project: Project) -> None:
    project.write("db/migrations/001_a.sql", "SELECT 1;")
    project.write("db/migrations/001_a.down.sql", "SELECT 2;")
    dry = confiture("migrate", "validate", "--fix-naming", "--dry-run")
    assert "would rename db/migrations/001_a.sql -> db/migrations/001_a.up.sql" in dry.out
    assert dry.code == 21
    assert (project.migrations / "001_a.sql").exists()
    done = confiture("migrate", "validate", "--fix-naming", "--format", "json")
    assert done.code == 0
    assert done.json["renamed"] is True
    assert sorted(path.name for path in project.migrations.iterdir()) == ["001_a.down.sql", "001_a.up.sql"]


def test_fix_naming_overwrites_nothing(confiture: Command, project: Project) -> None:
    project.write("db/migrations/001_a.sql", "SELECT 1;")
    project.write("db/migrations/001_a.up.sql", "SELECT 2;")
    project.write("db/migrations/002 b.sql", "SELECT 1;")
    project.write("db/migrations/002-b.sql", "SELECT 2;")
    before = {path.name: path.read_text() for path in project.migrations.iterdir()}
    result = confiture("migrate", "validate", "--fix-naming", "--format", "json")
    assert result.json["renames"] == []
    assert {path.name: path.read_text() for path in project.migrations.iterdir()} == before


def test_a_rename_never_hits_a_file_that_has_come_meanwhile(project: Project) -> None:
    source = project.write("db/migrations/001_a.sql", "one")
    target = project.write("db/migrations/001_a.up.sql", "two")
    with pytest.raises(FileError, match="cannot rename"):
        naming.apply([naming.Rename(str(source), str(target))])
    assert (source.read_text(), target.read_text()) == ("one", "two")


def test_dry_run_needs_fix_naming(confiture: Command) -> None:
    assert confiture("migrate", "validate", "--dry-run").code == 2


@pytest.mark.parametrize(
    ("known", "following"),
    [
        (["001", "009"], "010"),
        (["1", "9"], "10"),
        (["0099"], "0100"),
        (["999"], "1000"),
        (["99990101000000"], "99990101000001"),
        (["v1"], None),
        ([], None),
        (["20200101000000"], None),
    ],
)
def test_next_version(known: list[str], following: str | None) -> None:
    found = scaffold.next_version(known)
    if following is None:
        assert dt.datetime.strptime(found, "%Y%m%d%H%M%S").year >= 2024  # noqa: DTZ007
    else:
        assert found == following


def test_new(confiture: Command, project: Project) -> None:
    project.migration("007_a", "SELECT 1;")
    result = confiture("migrate", "new", "Add  the-orders!", "--format", "json")
    assert result.json == {
        "version": "008",
        "files": ["db/migrations/008_add_the_orders.up.sql", "db/migrations/008_add_the_orders.down.sql"],
        "reserved": False,
    }
    assert confiture("migrate", "new", "fill", "--python").code == 0
    assert (project.migrations / "009_fill.py").exists()
    assert findings(confiture) == [
        ("warning", "empty", "008_add_the_orders.down.sql"),
        ("warning", "empty", "008_add_the_orders.up.sql"),
    ]


def test_new_refuses(confiture: Command, project: Project) -> None:
    project.migration("007_a", "SELECT 1;")
    assert confiture("migrate", "new", "!!").code == 2
    assert confiture("migrate", "new", "b", "--version", "007").code == 2
    assert confiture("migrate", "new", "b", "--version", "a_b").code == 2
