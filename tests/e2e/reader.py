"""Someone who does what the documents say: a folder, a database, a shell and psql."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from .blocks import Block, Document, new_names, renamed

REPOSITORY = Path(__file__).resolve().parents[2]
BINARIES = REPOSITORY / ".venv" / "bin"
_numbers = itertools.count(1)


@dataclass
class Reader:
    """Runs what the blocks of a document show."""

    folder: Path
    database: str
    environment: dict[str, str]
    # the ids of intents in the document, and here
    intents: dict[str, str] = field(default_factory=dict)

    def follow(self, block: Block) -> tuple[int, str]:
        """Do what a block says; return the exit code and the output, with the document's ids."""
        text = renamed(block.text, self.intents)
        if file := block.notes.get("file"):
            path = self.folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif block.runs:
            code, output = self.shell(text) if block.language == "sh" else self.psql(text)
            self.intents |= new_names(block.expected or "", output, self.intents)
            shown = renamed(output, {here: name for name, here in self.intents.items()})
            return code, shown.replace(self.database, "shop")
        return 0, ""

    def shell(self, text: str) -> tuple[int, str]:
        """Run commands; return the exit code and all of the output. A cd counts for what follows."""
        with tempfile.NamedTemporaryFile("r") as place:
            script = f"trap 'pwd >{place.name}' EXIT\nset -euo pipefail\n{text}"
            code, output = self._run(["bash", "-c", script], "")
            self.folder = Path(place.read().strip() or self.folder)
        return code, output

    def psql(self, text: str) -> tuple[int, str]:
        """Run SQL in psql, as if it was typed there."""
        return self._run(["psql", "-X", *self._private_url()], text)

    def _private_url(self) -> list[str]:
        """Return what leads psql to the private server, where that is used."""
        if "DATABASE_URL" in self.environment:
            return []
        _, output = self.shell("confiture server status --format json")
        return [json.loads(output)["url"]]

    def _run(self, command: list[str], given: str) -> tuple[int, str]:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout


@contextmanager
def reading(document: Document, template: str) -> Iterator[Reader]:
    """Make what a document starts from, and remove it afterwards."""
    empty = document.notes.get("test database") == "empty"
    with make_folder() as folder, make_database("template0" if empty else template) as database:
        reader = Reader(folder, database, environment(database))
        start = document.notes.get("test folder")
        if start is None and document.path.is_relative_to(REPOSITORY / "examples"):
            start = str(document.path.parent.relative_to(REPOSITORY))
        if start is not None:
            reader.folder = folder / Path(start).name
            shutil.copytree(REPOSITORY / start, reader.folder, ignore=shutil.ignore_patterns(".confiture"))
        if document.notes.get("test server") == "private":
            del reader.environment["DATABASE_URL"]
        try:
            yield reader
        finally:
            reader.shell("if [ -d .confiture ]; then confiture server destroy --yes; fi")


def environment(database: str) -> dict[str, str]:
    """Return what a reader's shell has set: the way to the server, and the programs."""
    kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "NO_COLOR")}
    host, port, user = (os.environ[name] for name in ("PGHOST", "PGPORT", "PGUSER"))
    return {
        **kept,
        "PATH": f"{BINARIES}:{os.environ['PATH']}",
        "PGDATABASE": database,
        "DATABASE_URL": f"host={host} port={port} user={user} dbname={database}",
        "PSQL_PAGER": "cat",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
    }


@contextmanager
def make_folder() -> Iterator[Path]:
    """Make a folder that the user postgres can enter too, unlike those of pytest."""
    path = Path(tempfile.mkdtemp(prefix="cf-e2e-"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path)


@contextmanager
def make_template() -> Iterator[str]:
    """Make a database with both extensions, to be copied."""
    name = f"cf_e2e_{os.getpid()}"
    with psycopg.connect(dbname="postgres", autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        with psycopg.connect(dbname=name, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION confiture")
            connection.execute("CREATE EXTENSION confiture_py CASCADE")
        yield name
        server.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


@contextmanager
def make_database(template: str) -> Iterator[str]:
    """Make a database; drop it afterwards, and the roles that were made meanwhile."""
    name = f"cf_e2e_{os.getpid()}_{next(_numbers)}"
    quoted = sql.Identifier(name)
    with psycopg.connect(dbname="postgres", autocommit=True) as server:
        roles = {role for (role,) in server.execute("SELECT rolname FROM pg_roles")}
        server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(quoted, sql.Identifier(template)))
        try:
            yield name
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(quoted))
            for (role,) in server.execute("SELECT rolname FROM pg_roles").fetchall():
                if role not in roles:
                    server.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
