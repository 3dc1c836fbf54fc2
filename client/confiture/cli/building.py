"""What ``confiture build`` does."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confiture import control, db, exit_codes, human, installed, tree
from confiture.builder import BuildResult, SchemaBuilder
from confiture.cli.options import Session
from confiture.errors import ConfigurationError, ConfitureError, ConnectionFailedError, DatabaseError
from confiture.interrupts import cancelling
from confiture.textfile import shown

_NOT_OURS = "CF017"
_POLL_SECONDS = 0.3
_MOST_MOVED = 20


@dataclass(frozen=True)
class BuildOptions:
    """The options of the command."""

    database: str | None
    schema_only: bool
    seeds: Sequence[str]
    output: Path | None
    cache: bool
    replace: bool
    force: bool
    ledger: bool


class Building:
    """One call of ``confiture build``."""

    def __init__(self, session: Session, options: BuildOptions) -> None:
        self.session = session
        self.terminal = session.terminal
        self.options = options

    def build(self) -> int:
        """Build once."""
        self._output()
        result = self._run()
        self._tell(result)
        output = self.options.output
        self.terminal.document(
            {**result.as_dict(), "server": self.session.label, "output": str(output) if output else None}
        )
        return exit_codes.OK

    def show_hash(self) -> int:
        """Print the hash, without a server."""
        digest = self._builder().hash()
        self.terminal.line(digest)
        self.terminal.document({"hash": digest})
        return exit_codes.OK

    def prune(self) -> int:
        """Drop templates and what dead builds have left."""
        rows = db.fetch(self._connect(None), "SELECT b AS database FROM confiture.build_prune() AS b")
        dropped = [row["database"] for row in rows]
        for name in dropped:
            self.terminal.line(f"dropped  {name}")
        self.terminal.line(f"{human.count(len(dropped), 'database')} dropped.")
        self.terminal.document({"dropped": dropped})
        return exit_codes.OK

    def watch(self) -> int:
        """Build, and build again when a file has changed, until Ctrl-C."""
        seen: dict[str, tuple[int, int]] | None = None
        while True:
            state = tree.watched(
                self.session.project,
                self.session.environment,
                schema_only=self.options.schema_only,
                seeds=self.options.seeds,
            )
            if state == seen:
                time.sleep(_POLL_SECONDS)
                continue
            seen = state
            try:
                self.build()
            except ConfitureError as problem:
                self._complain(problem)
            self.terminal.note("Watching for changes; Ctrl-C ends it.")

    def _complain(self, problem: ConfitureError) -> None:
        """Print an error and go on: the next change may mend it."""
        from confiture.render import errors

        if isinstance(problem, ConfigurationError):
            # Read anew next time.
            self.session.forget_project()
        for line, _ in errors.lines(problem):
            self.terminal.note(line)

    def _builder(self) -> SchemaBuilder:
        return SchemaBuilder(
            self.session.environment,
            project=self.session.project,
            schema_only=self.options.schema_only,
            seeds=self.options.seeds,
        )

    def _output(self) -> None:
        """Write the text of the files where it is wanted, before the server has a word."""
        path = self.options.output
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self._builder().build_schema(), encoding="utf-8")
        except OSError as problem:
            raise ConfigurationError(f"cannot write {path}: {problem.strerror}", file=str(path)) from problem
        self.terminal.note(f"Written to {shown(path)}.")

    def _run(self) -> BuildResult:
        """Build; a database that is in the way is asked about, where somebody is there."""
        builder = self._builder()
        _ = builder.files  # what is wrong with them shows before a server is looked for
        name = self.options.database or control.database_name(self._url())
        connection = self._connect(name)
        self.session.label = f"{name} ({self.session.target.source})"
        replace = "any" if self.options.replace else "built"
        try:
            return self._create(builder, connection, name, replace)
        except DatabaseError as problem:
            if problem.sqlstate != _NOT_OURS or not self._may_replace(problem, name):
                raise
        return self._create(builder, connection, name, "any")

    def _create(
        self, builder: SchemaBuilder, connection: db.Connection, name: str, replace: str
    ) -> BuildResult:
        options: dict[str, Any] = {
            "replace": replace,
            "force": self.options.force,
            "cache": self.options.cache,
            "ledger": self.options.ledger,
        }
        with cancelling(connection):
            return builder.create_database(connection, name, **options)

    def _may_replace(self, problem: DatabaseError, name: str) -> bool:
        """Tell whether a database has nothing in it, or a person lets it go."""
        from psycopg.conninfo import make_conninfo

        try:
            with db.connect(make_conninfo(self._url(), dbname=name)) as there:
                if installed.look(there).problem is None and _is_pristine(there):
                    return True
        except ConnectionFailedError:
            return False
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            return False
        question = f"{problem.message}. Drop it with all that is in it?"
        self.terminal.ask(question, yes=False, otherwise="nothing was built")
        return True

    def _url(self) -> str:
        return self.session.url()

    def _connect(self, name: str | None) -> db.Connection:
        import click

        connection = control.connect(self._url(), self.session.target, avoid=name)
        click.get_current_context().call_on_close(connection.close)
        return connection

    def _tell(self, result: BuildResult) -> None:
        """Print what was done."""
        facts = f"{human.count(result.files_run, 'file')}, {human.count(result.statements, 'statement')}"
        took = human.duration(result.elapsed_ms)
        done = "Copied from the template of an earlier build" if result.cached else "Built"
        verb = "Replaced" if result.replaced else "Made"
        self.terminal.line(f"{verb} {self.session.label}. {done}: {facts}, in {took}.")
        for each in result.moved[:_MOST_MOVED]:
            after = f", and ran after {each['after']}" if each.get("after") else ""
            self.terminal.line(f"  {each['file']}:{each['file_line']} had to wait{after}: {each['missing']}")
        if len(result.moved) > _MOST_MOVED:
            self.terminal.line(f"  and {len(result.moved) - _MOST_MOVED} more had to wait")


def _is_pristine(connection: db.Connection) -> bool:
    rows = db.fetch(connection, "SELECT confiture._build_is_pristine() AS pristine")
    return bool(rows[0]["pristine"])
