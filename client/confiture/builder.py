"""SchemaBuilder: databases built from the files of a project, as a small typed library.

    from confiture import SchemaBuilder

    builder = SchemaBuilder(env="test")
    with psycopg.connect("dbname=postgres", autocommit=True) as connection:
        builder.create_database(connection, "shop_test")

The connection is one to any database of the server that has the extension. An unchanged tree is
built once; every further database is a copy of a template.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import psycopg

from confiture import config, db, migrations, tree
from confiture.errors import ConfitureError, UsageError
from confiture.place import place
from confiture.row import Row
from confiture.tree import TreeFile

if TYPE_CHECKING:
    from confiture.results_drift import Drift
    from confiture.results_plan import Plan
    from confiture.sides import Side

PathLike: TypeAlias = str | os.PathLike[str]
# A jsonb value, which carries all files to the server, holds at most 256 MiB.
_LARGEST = 240 * 1024 * 1024


@dataclass(frozen=True)
class BuildResult(Row):
    """A database that was built.

    ``cached``: it is a copy of the template of an earlier build. ``moved``: statements that had to
    wait for a later file, each with path, line, missing and after.
    """

    database: str | None
    hash: str
    cached: bool
    template: str | None
    replaced: bool
    files_run: int
    statements: int
    elapsed_ms: float
    run_order: tuple[str, ...] | None = None
    moved: tuple[Mapping[str, Any], ...] = ()


class SchemaBuilder:
    """The files of a project's schema, and of its seeds, for one environment.

    ``env`` None means the default environment. ``root`` is the project's folder, by default the
    nearest one upwards with a configuration. ``seeds`` are taken instead of those of the
    environment.
    """

    def __init__(
        self,
        env: str | None = None,
        *,
        root: PathLike | None = None,
        schema_only: bool = False,
        seeds: Sequence[str] = (),
        project: config.Project | None = None,
    ) -> None:
        self.project = project or config.load(start=Path(root) if root else None)
        self.env = env
        self.schema_only = schema_only
        self.seeds = tuple(seeds)
        self._files: list[TreeFile] | None = None

    @property
    def files(self) -> list[TreeFile]:
        """The files, in the order in which they run; read once."""
        if self._files is None:
            self._files = tree.read(self.project, self.env, schema_only=self.schema_only, seeds=self.seeds)
        return self._files

    def build_schema(self) -> str:
        """Return the text of all files. Needs no server."""
        return tree.concatenate(self.files)

    def hash(self) -> str:
        """Return the hash of the files, as confiture.build_hash() does. Needs no server."""
        return tree.digest(self.files)

    def create_database(
        self,
        connection: psycopg.Connection[Any] | str,
        name: str | None = None,
        *,
        replace: str = "built",
        force: bool = False,
        cache: bool = True,
        ledger: bool = False,
        label: str | None = None,
        template: str | None = None,
    ) -> BuildResult:
        """Build a database; without a name, only the template that later ones are copies of.

        ``replace``: never, built (a database of that name is replaced if Confiture has built it) or
        any. ``force`` ends the sessions that are connected to it. ``ledger``: create the extension
        in it, and mark the project's migrations as applied.
        """
        options = {
            "database": name,
            "replace": replace,
            "force": force,
            "cache": None if cache else False,
            "label": label,
            "template": template,
            "extension": ledger,
            "migrations": self._migrations() if ledger else None,
        }
        files = [{"path": file.path, "text": file.text} for file in self.files]
        size = sum(len(file.text) for file in self.files)
        if size > _LARGEST:
            raise UsageError(
                f"the files are too large: {size} characters",
                hint=f"At most {_LARGEST}. Load large data after the build.",
            )
        arguments = (json.dumps(files), json.dumps(options))
        with _opened(connection) as opened:
            return self._create(opened, arguments)

    def snapshot(self, connection: psycopg.Connection[Any] | str) -> dict[str, Any]:
        """Return the snapshot of what the files of the schema make, in a scratch database.

        Any database of the server with the extension may be asked. Seeds are left out.
        """
        from confiture import planner

        with _opened(connection) as opened:
            return planner.snapshot(opened, self._side())

    def plan(
        self,
        connection: psycopg.Connection[Any] | str,
        source: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Plan:
        """Return what leads to the schema of the files, and back, proven on a copy.

        From the database of the connection, or from ``source``, a snapshot. ``options`` are those of
        ``confiture.plan_between()``: online, prove, down, renames, ignore and more.
        """
        from confiture import planner
        from confiture.sides import Side

        here = "the database"
        start = Side(here, database=here) if source is None else Side("a snapshot", value=json.dumps(source))
        with _opened(connection) as opened:
            return planner.between(opened, start, self._side(), options)

    def drift(self, connection: psycopg.Connection[Any] | str, **options: Any) -> Drift:
        """Compare a database with the files, and with what its last migration has left.

        ``options`` are those of ``confiture.drift()``: schemas, ignore and more.
        """
        from confiture import planner

        with _opened(connection) as opened:
            return planner.drift(opened, self._side(), **options)

    def _side(self) -> Side:
        from confiture import sides

        return sides.of_project(self.project, self.env)

    def _create(self, connection: psycopg.Connection[Any], arguments: tuple[str, str]) -> BuildResult:
        try:
            rows = db.fetch(connection, "SELECT * FROM confiture.build(%s::jsonb, %s::jsonb)", arguments)
        except ConfitureError as problem:
            self._place(problem)
            raise
        return self._located(BuildResult.from_row(rows[0]))

    def _migrations(self) -> list[dict[str, Any]] | None:
        """Return what is registered in the ledger; None where the project has no migrations."""
        folder = self.project.root / self.project.migrations_dir
        if not folder.is_dir() or not migrations.look(folder).files:
            return None
        return [each.registration() for each in migrations.load(folder, self.project.root)]

    def _place(self, problem: ConfitureError) -> None:
        """Give an error of the server its place in the files on disk."""
        for file in self.files:
            if file.path == problem.file:
                place(problem, file.script)

    def _located(self, result: BuildResult) -> BuildResult:
        """Give what had to wait its place on disk, also where it came in through an include."""
        scripts = {file.path: file.script for file in self.files}
        moved = []
        for each in result.moved:
            file, line = scripts[each["path"]].locate(each["line"])
            moved.append({**each, "file": file, "file_line": line})
        return replace(result, moved=tuple(moved))


def _opened(
    connection: psycopg.Connection[Any] | str,
) -> AbstractContextManager[psycopg.Connection[Any]]:
    """Open a connection that is closed in the end, or take the caller's, which stays open."""
    return db.connect(connection) if isinstance(connection, str) else nullcontext(connection)
