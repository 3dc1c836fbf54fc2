"""The files of a generated migration: their text, and that both are written or none."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from confiture import core, generated
from confiture.errors import ConfitureError
from confiture.generated import Heading
from confiture.results_plan import Plan

from .conftest import Project

HEADING = Heading("002", "add age", "shop (private server)", "db/schema")
PROOF = {"proven": True, "differences": [], "not_preserved": [], "elapsed_ms": 12.5}


def row(statement: str, **more: Any) -> dict[str, Any]:
    facts = {"ordinal": 1, "kind": "column", "object": "column public.a.b", "change": "alter", "hazards": []}
    return {**facts, "statement": statement, **more}


def plan(*up: dict[str, Any], down: tuple[dict[str, Any], ...] = (), **more: Any) -> Plan:
    return Plan.from_row(
        {
            "equal": False,
            "up": up,
            "down": down,
            "proof": PROOF,
            "down_proof": PROOF if down else None,
            **more,
        }
    )


def test_text() -> None:
    made = plan(
        row(
            "ALTER TABLE public.a DROP COLUMN b",
            hazards=["long lock: all of a is read", "data loss: all values of column public.a.b"],
        ),
        down=(row("ALTER TABLE public.a ADD COLUMN b integer"),),
    )
    assert generated.up_text(HEADING, made) == (
        "-- Migration 002: add age\n"
        "-- Generated from the difference between shop (private server) and db/schema.\n"
        "-- Proven on a copy: the schema is the wanted one after it.\n"
        "\n"
        "-- DATA LOSS: all values of column public.a.b\n"
        "-- long lock: all of a is read\n"
        "ALTER TABLE public.a DROP COLUMN b;\n"
    )
    assert generated.down_text(HEADING, made) == (
        "-- The way back of migration 002: add age\n"
        "-- Proven on a copy: the schema is the one before after it.\n"
        "-- What it can't bring back:\n"
        "--   all values of column public.a.b\n"
        "\n"
        "ALTER TABLE public.a ADD COLUMN b integer;\n"
    )


def test_what_needs_several_transactions_says_so() -> None:
    together = plan(row("SELECT 1", transaction_group=1), row("SELECT 2", transaction_group=1))
    apart = plan(row("SELECT 1", transaction_group=1), row("SELECT 2", transaction_group=2))
    alone = plan(row("CREATE INDEX CONCURRENTLY i ON a (b)", needs_top_level=True))
    assert core.directives(generated.up_text(HEADING, together)) == []
    for each in (apart, alone):
        (directive,) = core.directives(generated.up_text(HEADING, each))
        assert (directive.key, directive.value) == ("transaction", "off")


def test_what_is_not_proven_says_so() -> None:
    failed = {"proven": False, "failed": {"ordinal": 2, "message": 'column "b" contains null values'}}
    differs = {"proven": False, "differences": [{}, {}], "not_preserved": [{}]}
    for proof, said in (
        (None, "-- NOT PROVEN."),
        (failed, '-- NOT PROVEN: statement 2 fails: column "b" contains null values.'),
        (differs, "-- NOT PROVEN: 2 differences left."),
        ({"proven": False, "not_preserved": [{}]}, "-- NOT PROVEN: 1 object not preserved."),
    ):
        made = plan(row("SELECT 1"), proof=proof)
        assert generated.up_text(HEADING, made).splitlines()[2] == said
        assert not made.proven


def test_no_way_back() -> None:
    made = plan(row("SELECT 1", hazards=["not reversible: a value of an enum stays"]))
    assert generated.down_text(HEADING, made) == (
        "-- The way back of migration 002: add age\n"
        "-- There is none: without a statement here it can't be taken back.\n"
        "-- What it can't bring back:\n"
        "--   a value of an enum stays\n"
    )


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 'a;b', $$;$$, \"c;d\" -- the end; of it",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END",
        "COMMENT ON TABLE a IS 'two\n\nlines\r\nand -- confiture: transaction=off\n\\.\n'",
        'ALTER TABLE "odd\n-- name" ADD COLUMN "x;y" integer',
    ],
)
def test_a_script_is_read_as_its_statements(statement: str) -> None:
    made = plan(
        row(statement, hazards=['data loss: all rows of table public."x\nDROP TABLE users; --"']),
        row("SELECT 2"),
    )
    text = generated.up_text(HEADING, made)
    generated.check(text, made.up)
    assert core.statements(text) == [statement, "SELECT 2"]
    assert core.directives(text) == []


def test_a_script_that_is_read_otherwise_is_refused() -> None:
    with pytest.raises(ConfitureError, match="not read as the statements"):
        generated.check("SELECT 1; SELECT 2;", plan(row("SELECT 1; SELECT 2")).up)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_both_files_or_none(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = project.root / "new" / "migrations"
    written = generated.write(folder, "001_a", "SELECT 'é';\r\n", "SELECT 2;\n")
    assert [path.name for path in written] == ["001_a.up.sql", "001_a.down.sql"]
    assert written[0].read_bytes() == "SELECT 'é';\r\n".encode()
    assert names(folder) == ["001_a.down.sql", "001_a.up.sql"]
    mask = os.umask(0)
    os.umask(mask)
    assert written[0].stat().st_mode & 0o777 == 0o666 & ~mask
    for taken in ("002_b.up.sql", "003_c.down.sql"):
        (folder / taken).write_text("mine")
        with pytest.raises(ConfitureError) as caught:
            generated.write(folder, taken[:5], "SELECT 1;\n", "SELECT 2;\n")
        assert caught.value.message == "this file exists already"
        assert caught.value.file == f"new/migrations/{taken}"
        assert (folder / taken).read_text() == "mine"
    assert names(folder) == ["001_a.down.sql", "001_a.up.sql", "002_b.up.sql", "003_c.down.sql"]


@pytest.mark.parametrize("fails_at", [1, 2])
def test_a_disk_that_is_full(project: Project, monkeypatch: pytest.MonkeyPatch, fails_at: int) -> None:
    calls = []

    def full(source: Path, target: Path) -> None:
        calls.append(target)
        if len(calls) == fails_at:
            raise OSError(28, "No space left on device")
        target.write_text(source.read_text())

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(ConfitureError) as caught:
        generated.write(project.migrations, "001_a", "SELECT 1;\n", "SELECT 2;\n")
    assert caught.value.message == "cannot write db/migrations: No space left on device"
    assert names(project.migrations) == []
