"""Pairs of schemas, and what the difference between the two must do.

A file NN_subject.sql has blocks:

    -- pair: name             begins a pair; the name is unique in all files
    -- options: {...}         options of diff() from one to the other
    -- options back: {...}    and of the way back
    -- expect: ...            what the plan must be (EXPECTATIONS)
    -- expect back: ...       the same of the way back
    -- columns: reordered     the physical order of columns may differ afterwards
    -- normal form            texts are no fixed point: compared after a dump and a restore
    -- no way back: REASON    the plan back is refused, or fails
    -- stays: KEY             no statement can change this key of a payload
    -- unsolved: REASON        the differ can't do it yet; when it can, this mark must go
    -- dump: skip, REASON     pg_dump can't be equal
    -- base:                  SQL that runs on both sides first; rows too
    -- from:                  the rest of the one side
    -- to:                    and of the other
"""
# ruff: noqa: E501

from __future__ import annotations

import contextlib
import fnmatch
import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

HERE = Path(__file__).resolve().parent
ROLES = ("pair_owner", "pair_reader", "pair_writer", 'pair "Quoted"')
TABLESPACE = "pair_space"
EMPTY = "{}"
# What a plan may be expected to have: "hazard data loss", "no hazard", "no hazard rewrite", "statement TEXT",
# "no statement TEXT", "empty", "kept IDENTITY", "remade IDENTITY" (an identity may have *), "rows lost TABLE",
# "refused TEXT": there is no plan, and the error says so.
EXPECTATIONS = (
    "hazard",
    "no hazard",
    "statement",
    "no statement",
    "empty",
    "kept",
    "remade",
    "rows lost",
    "refused",
)

Facts = dict[str, dict[str, Any]]


@dataclass
class Pair:
    """Two schemas."""

    name: str
    file: str
    line: int
    base: str = ""
    source: str = ""
    target: str = ""
    options: str = "{}"
    options_back: str | None = None
    expect: list[str] = field(default_factory=list)
    expect_back: list[str] = field(default_factory=list)
    reordered: bool = False
    normal_form: bool = False
    skip_dump: bool = False
    no_way_back: bool = False
    stays: str = ""
    unsolved: str = ""
    may_remake: bool = False  # anything may be made anew, if a hazard says so


def read_file(path: Path) -> list[Pair]:
    """Read the pairs of a file."""
    pairs: list[Pair] = []
    part: str | None = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        where = f"{path.name}:{number}"
        match = re.match(
            r"-- (pair|options back|options|expect back|expect|columns|dump|stays|unsolved|no way back|base|from|to):(.*)$",
            line,
        )
        word, value = (match[1], match[2].strip()) if match else ("", "")
        if word == "pair":
            pairs.append(Pair(name=value, file=path.name, line=number))
            part = None
            continue
        if not pairs:
            if line.strip() and not line.startswith("--"):
                raise ValueError(f"{where}: text before the first pair")
            continue
        pair = pairs[-1]
        if word in ("base", "from", "to"):
            part = {"base": "base", "from": "source", "to": "target"}[word]
        elif word == "options":
            pair.options = json.dumps(json.loads(value))
        elif word == "options back":
            pair.options_back = json.dumps(json.loads(value))
        elif word in ("expect", "expect back"):
            if not any(value == e or value.startswith(e + " ") for e in EXPECTATIONS):
                raise ValueError(f"{where}: unknown expectation {value!r}")
            (pair.expect if word == "expect" else pair.expect_back).append(value)
        elif word == "columns":
            if value != "reordered":
                raise ValueError(f"{where}: columns can only be reordered")
            pair.reordered = True
        elif word == "unsolved":
            pair.unsolved = value
        elif word == "stays":
            pair.stays = value
        elif word == "no way back":
            pair.no_way_back = True
        elif word == "dump":
            if not value.startswith("skip,"):
                raise ValueError(f"{where}: dump: skip, REASON")
            pair.skip_dump = True
        elif line.strip() == "-- normal form":
            pair.normal_form = True
        elif part is None:
            if line.strip():
                raise ValueError(f"{where}: text outside base, from and to")
        else:
            setattr(pair, part, getattr(pair, part) + line + "\n")
    return pairs


def read_all(folder: Path = HERE) -> list[Pair]:
    """Read all files; names must be unique."""
    pairs = [pair for path in sorted(folder.glob("[0-9]*.sql")) for pair in read_file(path)]
    seen: dict[str, Pair] = {}
    for pair in pairs:
        if pair.name in seen:
            raise ValueError(f"{pair.file}:{pair.line}: pair {pair.name} is in {seen[pair.name].file} too")
        if not pair.source.strip() and not pair.target.strip():
            raise ValueError(f"{pair.file}:{pair.line}: pair {pair.name} is empty")
        seen[pair.name] = pair
    return pairs


@dataclass
class Statement:
    """A row of diff()."""

    ordinal: int
    text: str
    kind: str
    object: str
    change: str
    hazards: list[str]
    lock: str | None
    top_level: bool
    group: int

    def __str__(self) -> str:
        lines = [f"  {self.group:3} {self.text};"]
        lines += [f"        {h}" for h in [*([self.lock] if self.lock else []), *self.hazards]]
        return "\n".join(lines)


class Failed(Exception):  # noqa: N818
    """A pair does not hold."""


# What must survive when both sides have it: OIDs, attnums, files.
KEPT = """
SELECT CASE c.relkind WHEN 'S' THEN 'sequence ' WHEN 'f' THEN 'foreign table ' WHEN 'v' THEN 'view '
        WHEN 'm' THEN 'materialized view ' WHEN 'i' THEN 'index ' WHEN 'I' THEN 'index ' ELSE 'table ' END
    || quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.oid::text, c.relfilenode::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'f', 'S', 'v', 'm', 'i', 'I') AND n.nspname !~ '^(pg_|confiture$)'
UNION ALL
SELECT 'column ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname) || '.' || quote_ident(a.attname),
    c.oid || ' ' || a.attnum, NULL
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'f') AND n.nspname !~ '^(pg_|confiture$)'
UNION ALL
SELECT CASE WHEN t.typtype = 'd' THEN 'domain ' ELSE 'type ' END || quote_ident(n.nspname) || '.' || quote_ident(t.typname),
    t.oid::text, NULL
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE t.oid >= 16384 AND n.nspname !~ '^(pg_|confiture$)'
UNION ALL
SELECT CASE p.prokind WHEN 'p' THEN 'procedure ' WHEN 'a' THEN 'aggregate ' ELSE 'function ' END
    || quote_ident(n.nspname) || '.' || quote_ident(p.proname) || '(' || oidvectortypes(p.proargtypes) || ')', p.oid::text, NULL
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE p.oid >= 16384 AND n.nspname !~ '^(pg_|confiture$)'
"""
Kept = dict[str, tuple[str, str | None]]

# How much there is in the catalogs: equal to that of an untouched database, or the database is not used again.
SIZE = """
SELECT (SELECT count(*) FROM pg_class WHERE relpersistence <> 't'), (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_type),
    (SELECT count(*) FROM pg_namespace), (SELECT count(*) FROM pg_cast), (SELECT count(*) FROM pg_language),
    (SELECT count(*) FROM pg_am), (SELECT count(*) FROM pg_operator), (SELECT count(*) FROM pg_opclass),
    (SELECT count(*) FROM pg_opfamily), (SELECT count(*) FROM pg_collation), (SELECT count(*) FROM pg_conversion),
    (SELECT count(*) FROM pg_transform), (SELECT count(*) FROM pg_extension), (SELECT count(*) FROM pg_foreign_data_wrapper),
    (SELECT count(*) FROM pg_foreign_server), (SELECT count(*) FROM pg_publication), (SELECT count(*) FROM pg_event_trigger),
    (SELECT count(*) FROM pg_default_acl), (SELECT count(*) FROM pg_description), (SELECT count(*) FROM pg_init_privs),
    (SELECT count(*) FROM pg_ts_config), (SELECT count(*) FROM pg_ts_dict), (SELECT count(*) FROM pg_ts_parser),
    (SELECT count(*) FROM pg_ts_template), (SELECT count(*) FROM pg_seclabel), (SELECT count(*) FROM pg_rewrite),
    (SELECT count(*) FROM pg_amop), (SELECT count(*) FROM pg_amproc), (SELECT count(*) FROM pg_statistic_ext),
    (SELECT count(*) FROM pg_proc WHERE proacl IS NOT NULL), (SELECT count(*) FROM pg_class WHERE relacl IS NOT NULL),
    (SELECT count(*) FROM pg_attribute WHERE attacl IS NOT NULL), (SELECT count(*) FROM pg_type WHERE typacl IS NOT NULL),
    (SELECT string_agg((nspname, nspacl, nspowner, obj_description(oid, 'pg_namespace'))::text, ' ' ORDER BY nspname)
     FROM pg_namespace WHERE nspname !~ '^pg_t'),
    (SELECT string_agg((lanname, lanacl, lanowner)::text, ' ' ORDER BY lanname) FROM pg_language)
"""

# Everything that was made is dropped.
CLEAN = """
DO $clean$
DECLARE
    r record;
BEGIN
    FOR r IN SELECT evtname AS name FROM pg_event_trigger LOOP
        EXECUTE format('DROP EVENT TRIGGER %I', r.name);
    END LOOP;
    FOR r IN SELECT pubname AS name FROM pg_publication LOOP
        EXECUTE format('DROP PUBLICATION %I', r.name);
    END LOOP;
    FOR r IN SELECT extname AS name FROM pg_extension WHERE extname NOT IN ('plpgsql', 'confiture') LOOP
        EXECUTE format('DROP EXTENSION %I CASCADE', r.name);
    END LOOP;
    FOR r IN SELECT nspname AS name FROM pg_namespace
        WHERE oid >= 16384 AND nspname !~ '^pg_' AND nspname NOT IN ('public', 'confiture')
    LOOP
        EXECUTE format('DROP SCHEMA %I CASCADE', r.name);
    END LOOP;
    FOR r IN SELECT fdwname AS name FROM pg_foreign_data_wrapper LOOP
        EXECUTE format('DROP FOREIGN DATA WRAPPER %I CASCADE', r.name);
    END LOOP;
    FOR r IN SELECT i.type, i.identity
        FROM pg_depend AS d, pg_identify_object(d.classid, d.objid, 0) AS i
        WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = to_regnamespace('public')
            AND i.type IN ('table', 'view', 'materialized view', 'sequence', 'foreign table', 'type', 'function',
                'procedure', 'aggregate', 'operator', 'operator class', 'operator family', 'collation', 'conversion',
                'text search parser', 'text search template', 'text search dictionary', 'text search configuration',
                'composite type', 'statistics object')
        ORDER BY i.type NOT IN ('table', 'view')
    LOOP
        BEGIN
            EXECUTE format('DROP %s IF EXISTS %s CASCADE',
                CASE r.type WHEN 'composite type' THEN 'type' WHEN 'statistics object' THEN 'statistics' ELSE r.type END,
                r.identity);
        EXCEPTION WHEN undefined_object OR undefined_table OR undefined_function THEN
            NULL;
        END;
    END LOOP;
    FOR r IN SELECT i.identity FROM pg_cast AS c, pg_identify_object('pg_cast'::regclass, c.oid, 0) AS i WHERE c.oid >= 16384 LOOP
        EXECUTE format('DROP CAST %s', r.identity);
    END LOOP;
    FOR r IN SELECT lanname AS name FROM pg_language WHERE oid >= 16384 LOOP
        EXECUTE format('DROP LANGUAGE %I CASCADE', r.name);
    END LOOP;
    FOR r IN SELECT amname AS name FROM pg_am WHERE oid >= 16384 LOOP
        EXECUTE format('DROP ACCESS METHOD %I CASCADE', r.name);
    END LOOP;
END
$clean$
"""


class Database:
    """A database with the extension, and one connection to it."""

    def __init__(self, server: Server, template: str | None = None) -> None:
        self.server = server
        self.name = server.new_name()
        server.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(self.name), sql.Identifier(template or server.template)
            )
        )
        self.connection = self._connect()

    def _connect(self) -> psycopg.Connection[Any]:
        options = (
            "-c client_min_messages=error -c synchronous_commit=off -c max_parallel_workers_per_gather=0"
        )
        connection = psycopg.connect(dbname=self.name, autocommit=True, options=options)
        connection.prepare_threshold = None
        return connection

    def load(self, text: str) -> None:
        """Run SQL as psql would, each statement by itself."""
        self.connection.execute("RESET ALL")
        self.connection.execute("SET client_min_messages = error")
        with self.connection.cursor() as cursor:
            if text.strip():
                cursor.execute(text.encode())  # several statements: one implicit transaction
        self.connection.execute("RESET SESSION AUTHORIZATION")

    def snapshot(self) -> Snapshot:
        row = self.connection.execute("SELECT confiture.snapshot()::text").fetchone()
        assert row is not None
        return Snapshot(row[0])

    def kept(self) -> Kept:
        return {row[0]: (row[1], row[2]) for row in self.connection.execute(KEPT)}

    def rows(self, columns: dict[str, list[str]]) -> dict[str, tuple[int, int]]:
        """Count the rows of tables, and add up hashes of the columns."""
        return {
            table: self.connection.execute(
                f"SELECT count(*), coalesce(sum(hashtext(ROW({', '.join(names)})::text)::bigint), 0)::bigint"
                f" FROM ONLY {table} AS cf_row"
            ).fetchone()
            or (0, 0)
            for table, names in columns.items()
        }

    def run(self, plan: list[Statement]) -> None:
        """Run a plan in its groups."""
        self.connection.execute("SET search_path = pg_catalog")
        group: int | None = None
        statement = None
        try:
            for statement in plan:
                if group is not None and statement.group != group:
                    self.connection.execute("COMMIT")
                    group = None
                if not statement.top_level and group is None:
                    self.connection.execute("BEGIN")
                    group = statement.group
                self.connection.execute(statement.text.encode())
            if group is not None:
                self.connection.execute("COMMIT")
        except psycopg.Error as error:
            self.connection.execute("ROLLBACK")
            raise Failed(
                f"{error.sqlstate} {str(error).strip()}\n  in: {statement.text if statement else ''}"
            ) from None
        finally:
            self.connection.execute("RESET search_path")

    def dump(self) -> str:
        """Return what pg_dump writes."""
        return subprocess.run(
            ["pg_dump", "--schema-only", "-d", self.name], capture_output=True, text=True, check=True
        ).stdout

    def restored(self) -> Database:
        """Return a copy by pg_dump and psql."""
        copy = Database(self.server)
        text = self.dump()
        result = subprocess.run(
            ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", copy.name],
            input=text,
            env=os.environ | {"PGOPTIONS": "-c client_min_messages=error"},
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            copy.drop()
            raise Failed(f"pg_dump can't be restored: {result.stderr}")
        return copy

    def restored_dump(self) -> str:
        """Return what pg_dump writes of a copy by pg_dump."""
        copy = self.restored()
        try:
            return copy.dump()
        finally:
            copy.drop()

    def clean(self) -> bool:
        """Take away everything; return whether the database is as good as new."""
        try:
            if self.connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                return False
            self.connection.execute("RESET ALL; RESET SESSION AUTHORIZATION; SET search_path = pg_catalog")
            self.connection.execute(CLEAN)
            self.connection.execute("RESET search_path")
            return self.size() == self.server.size
        except psycopg.Error:
            return False

    def size(self) -> tuple[Any, ...] | None:
        return self.connection.execute(SIZE).fetchone()

    def drop(self) -> None:
        with contextlib.suppress(psycopg.Error):
            for (name,) in self.connection.execute(
                "SELECT subname FROM pg_subscription WHERE subdbid ="
                " (SELECT oid FROM pg_database WHERE datname = current_database())"
            ).fetchall():
                self.connection.execute(sql.SQL("DROP SUBSCRIPTION {}").format(sql.Identifier(name)))
        self.connection.close()
        self.server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(self.name)))


class Snapshot:
    """A snapshot, as text and as facts."""

    def __init__(self, text: str) -> None:
        self.text = text
        value = json.loads(text)
        self.facts: Facts = value["facts"]
        self.unmodelled: list[str] = value["unmodelled"]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Snapshot) and not self.differences(other)

    __hash__ = None  # type: ignore[assignment]

    def differing(self, other: Snapshot) -> list[str]:
        """Return the identities that differ."""
        return sorted(
            name for name in self.facts.keys() | other.facts.keys() if self._of(name) != other._of(name)
        )

    def equal_but(self, other: Snapshot, name: str, key: str) -> bool:
        """Tell whether two facts are equal but for a key of their payload."""
        mine, its = self.facts.get(name), other.facts.get(name)
        if mine is None or its is None:
            return False
        return {**mine["payload"], key: None} == {**its["payload"], key: None}

    def differences(self, other: Snapshot) -> list[str]:
        """Say what differs: found (this), wanted (the other)."""
        found = []
        for name in self.differing(other):
            mine, its = self.facts.get(name), other.facts.get(name)
            if mine is None or its is None:
                found.append(f"  {name}: {'missing' if mine is None else 'unexpected'}")
            elif mine["payload"] != its["payload"]:
                found.append(f"  {name}: found {_less(mine['payload'], its['payload'])}")
            else:
                found.append(f"  {name}: depends on {_less(mine.get('depends', {}), its.get('depends', {}))}")
        return found

    def _of(self, name: str) -> tuple[Any, ...] | None:
        fact = self.facts.get(name)
        return fact and (fact["hash"], fact.get("depends"), fact.get("role"))

    def columns(self, other: Snapshot) -> dict[str, list[str]]:
        """Return the columns of tables that are the same in both, so that their rows can be compared."""
        tables: dict[str, list[str]] = {
            name.removeprefix("table "): []
            for name, fact in self.facts.items()
            if fact["kind"] == "table" and name in other.facts
        }
        for name, fact in self.facts.items():
            if fact["kind"] != "column" or name not in other.facts:
                continue
            table = fact["parent"].split(" ", 1)[1]
            mine, its = fact["payload"], other.facts[name]["payload"]
            if table in tables and all(
                mine.get(k) == its.get(k) for k in ("type", "generated", "expression")
            ):
                tables[table].append("cf_row." + quote(fact["part"]))
        return tables


def quote(name: str) -> str:
    """Quote a name, always."""
    return '"' + name.replace('"', '""') + '"'


def _less(mine: Any, its: Any) -> str:
    """Say of two objects only what differs."""
    if not isinstance(mine, dict) or not isinstance(its, dict):
        return f"{mine!r}, wanted {its!r}"
    keys = [key for key in sorted(mine.keys() | its.keys()) if mine.get(key) != its.get(key)]
    return f"{ {k: mine.get(k) for k in keys} }, wanted { {k: its.get(k) for k in keys} }"


def entries(dump: str, reordered: bool = False) -> list[str]:
    """Cut a dump into its entries, in an order of their own."""
    kept = [
        line
        for line in dump.splitlines()
        if line
        and line != "-- PostgreSQL database dump complete"
        and not line.startswith(("\\restrict", "\\unrestrict", "SET default_table", "SET default_tablespace"))
    ]
    # Options have no order in a snapshot.
    text = re.sub(r"\bWITH \(([^()\n]*)\)", _sorted_options, "\n".join(kept))
    text = re.sub(r"(?<=OPTIONS \(\n)(.*?)(?=\n\))", _sorted_lines, text, flags=re.DOTALL)
    text = re.sub(r"(?<=TAG IN \()[^()\n]*(?=\))", lambda m: ", ".join(sorted(m[0].split(", "))), text)
    # Nor have grantees.
    text = re.sub(
        r"(?:^GRANT [^\n]*;\n)+", lambda m: "".join(sorted(m[0].splitlines(True))), text, flags=re.MULTILINE
    )
    parts = re.split(r"\n--\n(?=-- Name: )", text)
    if reordered:
        parts = [_in_any_order(part) for part in parts]
    return sorted(part.rstrip("-\n ") for part in parts)


def _sorted_options(match: re.Match[str]) -> str:
    return f"WITH ({', '.join(sorted(match[1].split(', ')))})"


def _sorted_lines(match: re.Match[str]) -> str:
    return "\n".join(sorted(line.rstrip(",") for line in match[1].split("\n")))


def _in_any_order(entry: str) -> str:
    """Sort the columns of a CREATE TABLE, and those of statistics."""
    entry = re.sub(
        r"(?<= ON )(\w+(?:, \w+)+)(?= FROM )",
        lambda match: ", ".join(sorted(match[1].split(", "))),
        entry,
    )
    match = re.match(r"(.*?\nCREATE [A-Z ]*TABLE [^\n]* \(\n)(.*?)(\n\).*)", entry, re.DOTALL)
    if not match:
        return entry
    lines = sorted(line.rstrip(",") for line in match[2].splitlines())
    return match[1] + "\n".join(lines) + match[3]


def compare_dumps(found: str, wanted: str, reordered: bool) -> list[str]:
    """Say how two dumps differ."""
    mine, its = entries(found, reordered), entries(wanted, reordered)
    if mine == its:
        return []
    extra, missing = list(mine), list(its)
    for entry in mine:
        if entry in missing:
            missing.remove(entry)
            extra.remove(entry)
    return ["  found:  " + entry.replace("\n", "\n          ") for entry in extra] + [
        "  wanted: " + entry.replace("\n", "\n          ") for entry in missing
    ]


class Server:
    """The server: a template with the extension, roles, a tablespace, a connection that asks for plans."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0
        self._local = threading.local()
        self._open: list[psycopg.Connection[Any]] = []
        self.prefix = f"cf_pairs_{os.getpid()}"
        self.template = f"{self.prefix}_template"

    def __enter__(self) -> Server:
        for role in ROLES:
            self.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
        self.execute("SET allow_in_place_tablespaces = on")
        self.execute(f"CREATE TABLESPACE {TABLESPACE} LOCATION ''")
        self.execute(f"CREATE DATABASE {self.template} TEMPLATE template0")
        with psycopg.connect(dbname=self.template, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION confiture")
        self.asking = f"{self.prefix}_asking"
        self.execute(f"CREATE DATABASE {self.asking} TEMPLATE {self.template}")
        self._free: list[Database] = []
        database = Database(self)
        self.size = database.size()
        self.empty = database.snapshot()
        self._free.append(database)
        return self

    def __exit__(self, *_: object) -> None:
        for database in self._free:
            database.drop()
        for connection in self._open[1:]:
            connection.close()
        server = (
            self._open[0] if not self._open[0].closed else psycopg.connect(dbname="postgres", autocommit=True)
        )
        for name in (self.asking, self.template):
            server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        server.execute(f"DROP TABLESPACE {TABLESPACE}")
        for role in ROLES:
            server.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
        server.close()

    def new_name(self) -> str:
        with self._lock:
            self._number += 1
            return f"{self.prefix}_{self._number}"

    def _connection(self, name: str, dbname: str) -> psycopg.Connection[Any]:
        connection: psycopg.Connection[Any] | None = getattr(self._local, name, None)
        if connection is None or connection.closed:
            connection = psycopg.connect(dbname=dbname, autocommit=True)
            connection.execute("SET client_min_messages = error")
            setattr(self._local, name, connection)
            with self._lock:
                self._open.append(connection)
        return connection

    def execute(self, statement: Any) -> None:
        self._connection("server", "postgres").execute(statement)

    def diff(self, source: str, target: str, options: str = "{}") -> list[Statement]:
        """Ask for a plan."""
        connection = self._connection("asking", self.asking)
        try:
            rows = connection.execute(
                "SELECT ordinal, statement, kind, object, change, hazards, lock, needs_top_level, transaction_group"
                " FROM confiture.diff(%s::jsonb, %s::jsonb, %s::jsonb) ORDER BY ordinal",
                (source, target, options),
            ).fetchall()
        except psycopg.Error as error:
            raise Failed(f"no plan: {error.sqlstate} {str(error).strip()}") from None
        return [Statement(*row) for row in rows]

    @contextlib.contextmanager
    def database(self) -> Iterator[Database]:
        """Give an empty database, a used one where it has become as good as new."""
        with self._lock:
            database = self._free.pop() if self._free else None
        database = database or Database(self)
        try:
            yield database
        finally:
            if database.clean():
                self._free.append(database)
            else:
                database.drop()


class Report:
    """What happened with a pair."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.lines: list[str] = []
        self.failures: list[str] = []

    @property
    def ok(self) -> bool:
        return not self.failures

    def say(self, title: str, lines: list[Any]) -> None:
        self.lines.append(f"--- {title}")
        self.lines += [str(line) for line in lines] or ["  (nothing)"]

    def fail(self, title: str, lines: list[str] | None = None) -> None:
        self.failures.append(title)
        self.lines.append(f"*** {title}")
        self.lines += lines or []

    def __str__(self) -> str:
        head = f"=== {self.pair.name} ({self.pair.file}:{self.pair.line}): {'ok' if self.ok else 'FAILED'}"
        return "\n".join([head, *self.lines])


class Trial:
    """One pair, tried."""

    def __init__(self, server: Server, pair: Pair, full: bool = True) -> None:
        self.server = server
        self.pair = pair
        self.full = full  # or: pg_dump of the way there only, and the larger side from nothing
        self.report = Report(pair)

    def check(self) -> Report:
        """Only load both sides."""
        for which, text in (("from", self.pair.source), ("to", self.pair.target)):
            with self.server.database() as database:
                self._load(database, which, text)
        return self.report

    def _load(self, database: Database, which: str, text: str) -> bool:
        try:
            database.load(self.pair.base)
            database.load(text)
        except psycopg.Error as error:
            self.report.fail(f"{which} does not load: {str(error).strip()}")
            return False
        return True

    def run(self) -> Report:
        """There, back, and from nothing."""
        try:
            with self.server.database() as a, self.server.database() as b:
                if self._load(a, "from", self.pair.source) and self._load(b, "to", self.pair.target):
                    self._there_and_back(a, b)
        except (Failed, psycopg.Error, subprocess.CalledProcessError) as error:
            self.report.fail(f"{type(error).__name__}: {error} {getattr(error, 'stderr', '') or ''}")
        return self.report

    def _there_and_back(self, a: Database, b: Database) -> None:
        pair, report = self.pair, self.report
        source, target = a.snapshot(), b.snapshot()
        for which, snapshot in (("from", source), ("to", target)):
            if snapshot.unmodelled:
                report.fail(f"{which} has objects that no snapshot knows: {snapshot.unmodelled}")
        first_dump = "" if pair.skip_dump or not self.full else a.dump()
        same = self._equal(a, b, source, target)
        if self._step(a, "there", source, target, b, pair.options, pair.expect, same):
            if not pair.skip_dump:
                self._dumps("there", a.dump(), b.dump(), a, b)
            options = pair.options if pair.options_back is None else pair.options_back
            # The way back starts where the way there has led.
            start = a.snapshot() if pair.normal_form else target
            with contextlib.ExitStack() as stack:
                original: Database | None = None
                if pair.normal_form:
                    original = stack.enter_context(self.server.database())
                    self._load(original, "from", pair.source)
                    same = self._equal(a, original, start, source)
                good = not pair.no_way_back and self._step(
                    a, "back", start, source, original, options, pair.expect_back, same
                )
                if good and first_dump:
                    self._dumps("back", a.dump(), first_dump, a, original)
        with self.server.database() as c:
            small = len(source.facts) < len(target.facts)
            for side, snapshot, database in (("from", source, a), ("to", target, b)):
                if self.full or (side == "to") == small:
                    if not self._step(c, f"from nothing to {side}", None, snapshot, database, "{}", [], []):
                        break
                    if not self._step(c, f"from {side} back to nothing", snapshot, None, None, "{}", [], []):
                        break

    def _step(
        self,
        database: Database,
        title: str,
        source: Snapshot | None,
        target: Snapshot | None,
        example: Database | None,
        options: str,
        expectations: list[str],
        same: list[str],
    ) -> bool:
        """Plan, run, compare; example is a database that has the target."""
        report = self.report
        if same:
            options = json.dumps(json.loads(options) | {"equal": same})
        plan: list[Statement] = []
        refused = [e.removeprefix("refused ") for e in expectations if e.startswith("refused ")]
        try:
            plan = self.server.diff(
                source.text if source else EMPTY, target.text if target else EMPTY, options
            )
            report.say(f"plan {title}", plan)
            both = source.columns(target) if source and target else {}
            kept = database.kept() if source and target else {}
            rows = database.rows(both)
            database.run(plan)
        except Failed as error:
            if any(text in str(error) for text in refused):
                report.say(f"no plan {title}", [error])
                return False
            report.fail(f"{title}: {error}")
            return False
        if target is None and database.size() == self.server.size:
            return True
        if refused:
            report.fail(f"{title}: expected to be refused")
        found = database.snapshot()
        wanted = target or self.server.empty
        good = True
        if found != wanted:
            if self.pair.normal_form and example is not None:
                same = self._equal(database, example, found, wanted)
                left = [name for name in found.differing(wanted) if name not in same]
            else:
                left = found.differing(wanted)
            if self.pair.stays:
                left = [name for name in left if not found.equal_but(wanted, name, self.pair.stays)]
            if left:
                good = False
                report.fail(f"{title}: facts differ afterwards", found.differences(wanted))
        try:
            second = self.server.diff(
                found.text,
                target.text if target else EMPTY,
                json.dumps(_without_renames(options) | {"equal": same}),
            )
            if second:
                good = False
                report.fail(f"{title}: the second plan is not empty", [str(s) for s in second])
        except Failed as error:
            good = False
            report.fail(f"{title}, the second plan: {error}")
        if source and target:
            self._survival(title, plan, source, target, kept, database.kept(), expectations)
            after = database.rows(both)
            lost = [
                f"  {table}: {rows[table]} before, {after[table]} afterwards"
                for table in both
                if rows[table] != after[table] and f"rows lost {table}" not in expectations
            ]
            if lost:
                report.fail(f"{title}: rows (count, digest) differ", lost)
            self._expectations(title, plan, expectations)
        return good

    def _survival(
        self,
        title: str,
        plan: list[Statement],
        source: Snapshot,
        target: Snapshot,
        before: Kept,
        after: Kept,
        expectations: list[str],
    ) -> None:
        hazards = [hazard for statement in plan for hazard in statement.hazards]
        renamed = set(json.loads(self.pair.options).get("renames", {}))
        wrong = []
        for name, (oid, node) in before.items():
            was, becomes = source.facts.get(name), target.facts.get(name)
            if was is None or becomes is None or name not in after or name in renamed:
                continue
            if was.get("parent") != becomes.get("parent"):
                continue  # of a table that became a foreign one
            must = name.startswith(("table ", "foreign table ", "column ", "sequence "))
            remade = any(_matches(name, e, "remade ") for e in expectations)
            if self.pair.may_remake and must and after[name][0] != oid:
                remade = True
            must = must or any(_matches(name, e, "kept ") for e in expectations)
            changed = after[name][0] != oid
            if remade and not changed:
                wrong.append(f"  {name} is kept, and was expected to be made anew")
            elif changed and must and not remade:
                wrong.append(f"  {name} was made anew")
            elif changed and remade and not hazards:
                wrong.append(f"  {name} was made anew, and no hazard says so")
            told = any(h.startswith(("rewrite:", "data loss:")) for h in hazards)
            if name.startswith("table ") and not changed and after[name][1] != node and not told:
                wrong.append(f"  {name} was written anew, and no hazard says so")
        if wrong:
            self.report.fail(f"{title}: not preserved", wrong)

    def _expectations(self, title: str, plan: list[Statement], expectations: list[str]) -> None:
        hazards = [hazard for statement in plan for hazard in statement.hazards]
        texts = [" ".join(statement.text.split()) for statement in plan]
        for expectation in expectations:
            word = max((e for e in EXPECTATIONS if (expectation + " ").startswith(e + " ")), key=len)
            what = expectation[len(word) :].strip()
            held = {
                "hazard": any(h.startswith(what + ":") for h in hazards),
                "no hazard": not any(h.startswith(what + ":") for h in hazards) if what else not hazards,
                "statement": any(what in text for text in texts),
                "no statement": not any(what in text for text in texts),
                "empty": not plan,
            }.get(word, True)
            if not held:
                self.report.fail(f"{title}: expected {expectation}")

    def _equal(self, a: Database, b: Database, mine: Snapshot, its: Snapshot) -> list[str]:
        """Return what differs only until both have gone through pg_dump: the normal form."""
        if not self.pair.normal_form:
            return []
        return normal_form(a, b, mine, its)

    def _dumps(self, title: str, found: str, wanted: str, a: Database, b: Database | None) -> None:
        different = compare_dumps(found, wanted, self.pair.reordered)
        if different and self.pair.normal_form and b is not None:
            different = compare_dumps(a.restored_dump(), b.restored_dump(), self.pair.reordered)
        if different:
            hint = ""
            if not self.pair.reordered and not compare_dumps(found, wanted, True):
                hint = " (only in the order of columns: -- columns: reordered)"
            self.report.fail(f"{title}: pg_dump differs{hint}", different)


def _matches(name: str, expectation: str, word: str) -> bool:
    return expectation.startswith(word) and fnmatch.fnmatchcase(name, expectation.removeprefix(word))


def _without_renames(options: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(options)
    value.pop("renames", None)
    return value


def rebuild(server: Server, database: Database) -> list[str]:
    """Make the schema of a database from nothing, take it away again; say what went wrong."""
    snapshot = database.snapshot()
    wrong = [f"  no snapshot knows {name}" for name in snapshot.unmodelled]
    with server.database() as copy:
        try:
            copy.run(server.diff(EMPTY, snapshot.text))
            found = copy.snapshot()
            if found != snapshot:
                left = set(found.differing(snapshot)) - set(normal_form(copy, database, found, snapshot))
                wrong += [line for line in found.differences(snapshot) if any(name in line for name in left)]
            if not wrong:
                wrong += compare_dumps(
                    without_secrets(copy.restored_dump()), without_secrets(database.restored_dump()), False
                )
            copy.run(server.diff(found.text, EMPTY))
            wrong += copy.snapshot().differences(server.empty)
        except Failed as error:
            wrong.append(str(error))
    return wrong


def without_secrets(dump: str) -> str:
    """Leave out what no snapshot has: options of user mappings, subscriptions, Confiture itself."""
    kept = [
        part
        for part in re.split(r"(?=^--\n-- Name: )", dump, flags=re.MULTILINE)
        if not re.search(
            r"^-- Name: .*(Type: (USER MAPPING|SUBSCRIPTION);|confiture_py; Type|EXTENSION confiture_py;)",
            part,
            re.MULTILINE,
        )
    ]
    return "".join(kept)


def normal_form(a: Database, b: Database, mine: Snapshot, its: Snapshot) -> list[str]:
    """Return what differs only until both have gone through pg_dump."""
    differing = mine.differing(its)
    if not differing:
        return []
    first = a.restored()
    try:
        second = b.restored()
        try:
            still = set(first.snapshot().differing(second.snapshot()))
        finally:
            second.drop()
    finally:
        first.drop()
    return [name for name in differing if name not in still]
