"""Options that several commands share, and the context they make."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from confiture.config import Project, Target
    from confiture.coordinator import Coordinator
    from confiture.db import Connection
    from confiture.migrator import Migrator
    from confiture.progress import Progress
    from confiture.terminal import Terminal

Command = Callable[..., Any]

VERSION_TARGET = click.option("--target", metavar="VERSION", help="The last version to go to.")
YES = click.option("--yes", "-y", is_flag=True, help="Answer yes to every question, in CI for example.")


@dataclass
class Session:
    """What a command works with: the output, the project, and, when asked for, the database."""

    terminal: Terminal
    config: Path | None = None
    environment: str | None = None
    database_url: str | None = None
    folder: Path | None = None
    agent: str | None = None
    label: str = ""
    _project: list[Project] = field(default_factory=list)

    @property
    def project(self) -> Project:
        """The project around the current folder; read once."""
        if not self._project:
            from confiture import config

            self._project.append(config.load(self.config))
        return self._project[0]

    @property
    def migrations_dir(self) -> Path:
        """The folder of migrations, from the option or the configuration."""
        return self.folder or self.project.root / self.project.migrations_dir

    @property
    def target(self) -> Target:
        """The database that is meant."""
        return self.project.target(self.database_url, self.environment)

    def url(self, target: Target | None = None) -> str:
        """Return its URL; the private server is started if it is the one."""
        return (target or self.target).url or self._private()

    def forget_project(self) -> None:
        """Read the configuration anew when it is next needed."""
        self._project.clear()

    def connect(self, target: Target | None = None, *, timeout: int | None = None) -> Connection:
        """Connect to the chosen database; the private server is started if it is the one."""
        from confiture import db, progress
        from confiture.errors import SettingError

        target = target or self.target
        try:
            connection = db.connect(self.url(target), target.settings, timeout=timeout)
        except SettingError as problem:
            target.point_at(problem)
            raise
        click.get_current_context().call_on_close(connection.close)
        progress.pass_warnings(connection, self.terminal.note)
        self.label = f"{connection.info.dbname} ({target.source})"
        return connection

    def _private(self) -> str:
        """Return the URL of the private server, started if need be."""
        from confiture import cluster

        return cluster.ensure(self.project, self.terminal.note)

    def coordinator(self) -> Coordinator:
        """Connect to the database of the intents."""
        from confiture.coordinator import Coordinator

        target = self.project.coordination_target(self.database_url, self.environment)
        return Coordinator(self.connect(target), agent=self.agent_name())

    def agent_name(self) -> str | None:
        """Return who works here: the option, the configuration; None leaves it to the server."""
        return self.agent or self.project.agent_name()

    def migrator(self, on_progress: Callable[[Progress], None] | None = None) -> Migrator:
        """Connect, and bring the folder of migrations along."""
        from confiture.migrator import Migrator

        return Migrator(self.connect(), self.migrations_dir, root=self.root(), on_progress=on_progress)

    def root(self) -> Path:
        """Return the folder that scripts may include files from."""
        folder = self.migrations_dir.resolve()
        root = self.project.root
        return root if folder.is_relative_to(root) else folder


def with_terminal(command: Command) -> Command:
    """Add --format, and hand the command a session."""

    @click.option(
        "--format",
        "output_format",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="json: standard output carries one JSON document, errors included.",
    )
    @functools.wraps(command)
    def wrapper(
        *args: Any, output_format: str, result: Path | None = None, config: Path | None = None, **kwargs: Any
    ) -> Any:
        from confiture.terminal import Terminal

        terminal = Terminal(output_format, result)
        session = Session(terminal, config=config)
        try:
            return command(session, *args, **kwargs)
        finally:
            terminal.finish()

    return wrapper


def with_output(command: Command) -> Command:
    """Add --format and --output, and hand the command a session."""
    return with_terminal(
        click.option(
            "--output",
            "result",
            type=click.Path(dir_okay=False, path_type=Path),
            help="Write the result to a file instead of standard output.",
        )(command)
    )


CONFIG = click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The configuration file; default confiture.yaml, here or in a folder above.",
)
DATABASE_URL = click.option(
    "--database-url",
    metavar="URL",
    help="The database: whatever libpq takes, a URL or key=value pairs.",
)
COORDINATION_URL = click.option(
    "--db-url",
    "--database-url",
    "database_url",
    metavar="URL",
    help="The database of the intents; default coordination_url, else the project's database.",
)
ENVIRONMENT = click.option(
    "--env", "environment", metavar="NAME", help="An environment of the configuration."
)


def with_plan(command: Command) -> Command:
    """Add the options of a difference, and hand them to the command as a dictionary."""

    @click.option(
        "--online/--no-online",
        default=True,
        show_default=True,
        help="Forms that keep others waiting as shortly as possible, or the plain ones.",
    )
    @click.option(
        "--rename",
        "renames",
        nargs=2,
        multiple=True,
        metavar="OLD NEW",
        help="What is called otherwise: 'column public.users.mail' 'column public.users.email'.",
    )
    @click.option(
        "--ignore",
        multiple=True,
        metavar="PATTERN",
        help="Leave alone what is LIKE this: 'table audit.%'.",
    )
    @functools.wraps(command)
    def wrapper(
        *args: Any, online: bool, renames: tuple[tuple[str, str], ...], ignore: tuple[str, ...], **kwargs: Any
    ) -> Any:
        given = {"online": online, "renames": dict(renames) or None, "ignore": list(ignore) or None}
        return command(
            *args, plan={name: value for name, value in given.items() if value is not None}, **kwargs
        )

    return wrapper


def with_project(command: Command) -> Command:
    """Add --config, on top of the output options."""
    return CONFIG(with_output(command))


def with_folder(command: Command) -> Command:
    """Add --migrations-dir, below what makes the session."""

    @click.option(
        "--migrations-dir",
        type=click.Path(file_okay=False, path_type=Path),
        help="The folder of migrations; default from the configuration, else db/migrations.",
    )
    @functools.wraps(command)
    def wrapper(session: Session, *args: Any, migrations_dir: Path | None, **kwargs: Any) -> Any:
        session.folder = migrations_dir
        return command(session, *args, **kwargs)

    return wrapper


def with_files(command: Command) -> Command:
    """Add --migrations-dir, on top of the options of the project."""
    return with_project(with_folder(command))


def with_database(command: Command) -> Command:
    """Add --database-url and --env, on top of the options of the files."""
    return with_files(_with_target(command))


def with_server(command: Command) -> Command:
    """Add --config, --database-url and --env: for commands that build databases."""
    return CONFIG(with_terminal(_with_target(command)))


def with_coordination(command: Command) -> Command:
    """Add --db-url and --env, on top of the options of the project."""
    return with_project(_with_target(command, COORDINATION_URL))


def _with_target(command: Command, url: Callable[[Command], Command] = DATABASE_URL) -> Command:
    @url
    @ENVIRONMENT
    @functools.wraps(command)
    def wrapper(
        session: Session, *args: Any, database_url: str | None, environment: str | None, **kwargs: Any
    ) -> Any:
        session.database_url, session.environment = database_url, environment
        return command(session, *args, **kwargs)

    return wrapper


def with_agent(command: Command) -> Command:
    """Add --agent-id, for commands that do something in somebody's name."""

    @click.option(
        "--agent-id",
        metavar="NAME",
        envvar="CONFITURE_AGENT",
        show_envvar=True,
        help="Who does this; default agent of the configuration, else what the server says: the role.",
    )
    @functools.wraps(command)
    def wrapper(session: Session, *args: Any, agent_id: str | None, **kwargs: Any) -> Any:
        session.agent = agent_id
        return command(session, *args, **kwargs)

    return wrapper


@dataclass(frozen=True)
class RunOptions:
    """The options that up and down share."""

    target: str | None
    dry_run: bool
    dry_run_execute: bool
    atomic: bool
    yes: bool


def with_run(command: Command) -> Command:
    """Add the options of a run, and hand them to the command as RunOptions."""

    @VERSION_TARGET
    @click.option("--dry-run", is_flag=True, help="Predict what would happen; execute nothing.")
    @click.option("--dry-run-execute", is_flag=True, help="Run, measure, roll back; then ask.")
    @click.option("--atomic", is_flag=True, help="All migrations in one transaction.")
    @YES
    @functools.wraps(command)
    def wrapper(
        *args: Any,
        target: str | None,
        dry_run: bool,
        dry_run_execute: bool,
        atomic: bool,
        yes: bool,
        **kwargs: Any,
    ) -> Any:
        options = RunOptions(target, dry_run, dry_run_execute, atomic, yes)
        return command(*args, options=options, **kwargs)

    return wrapper
