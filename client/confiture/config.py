"""The project: where its folder is, what confiture.yaml says, which database is meant.

An environment is described in confiture.yaml under ``environments:``, or in a file of its own,
``db/environments/NAME.yaml``. The database is chosen in this order: ``--database-url``, the
environment's ``database_url``, the variable ``DATABASE_URL``, the project's private server.
Coordination has another database where ``coordination_url`` of the environment or the project names
one. A database URL is whatever libpq takes; it is handed over as it is and never taken apart here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from confiture import yamlfile
from confiture.errors import ConfigurationError, SettingError, UsageError

if TYPE_CHECKING:
    import yaml

CONFIG_FILE = "confiture.yaml"
ENVIRONMENTS_DIR = Path("db/environments")
LOCAL = "local"
PROJECT_KEYS = (
    "name",
    "migrations_dir",
    "schema_dir",
    "seeds_dir",
    "default_environment",
    "environments",
    "coordination_url",
    "agent",
)
ENVIRONMENT_KEYS = ("database_url", "coordination_url", "schema_dirs", "seeds", "settings")


@dataclass(frozen=True)
class Environment:
    """One environment; variables in its values are expanded only when it is used."""

    name: str
    file: Path | None = None
    line: int | None = None
    url: yamlfile.Entry | None = None
    options: Mapping[str, yamlfile.Entry] = field(default_factory=dict)
    schema_dirs: tuple[str, ...] | None = None
    seeds: tuple[str, ...] | None = None
    coordination: yamlfile.Entry | None = None

    def database_url(self) -> str | None:
        """Return the database URL with its variables expanded; None when none is given."""
        return (self.url.expanded() or None) if self.url else None

    def settings(self) -> dict[str, str]:
        """Return the server settings of this environment, ``SET`` after connecting."""
        return {name: entry.expanded() or "" for name, entry in self.options.items()}


@dataclass(frozen=True)
class Target:
    """The database that a command works on; ``url`` None means the private server."""

    url: str | None
    source: str
    settings: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, yamlfile.Entry] = field(default_factory=dict)

    def point_at(self, problem: SettingError) -> None:
        """Give a refused setting its place in the configuration."""
        entry = self.options.get(problem.setting)
        if entry is not None:
            place = entry.complain(problem.message)
            problem.file, problem.line, problem.column = place.file, place.line, place.column


@dataclass(frozen=True)
class Project:
    """The project's folders and environments."""

    root: Path
    name: str
    file: Path | None = None
    migrations_dir: Path = Path("db/migrations")
    schema_dir: Path = Path("db/schema")
    seeds_dir: Path = Path("db/seeds")
    default_environment: str = LOCAL
    environments: Mapping[str, Environment] = field(default_factory=dict)
    coordination: yamlfile.Entry | None = None
    agent: yamlfile.Entry | None = None

    @property
    def state_dir(self) -> Path:
        """The folder of the project's private state, ``.confiture``."""
        return self.root / ".confiture"

    def agent_name(self) -> str | None:
        """Return who works here, for coordination; None when the configuration does not say."""
        return (self.agent.expanded() or None) if self.agent else None

    def environment(self, name: str | None) -> Environment:
        """Return an environment by name; None means the default one."""
        wanted = name or self.default_environment
        if wanted in self.environments:
            return self.environments[wanted]
        if wanted == LOCAL:
            return Environment(LOCAL)
        known = sorted({*self.environments, LOCAL})
        import difflib

        close = difflib.get_close_matches(wanted, known, n=1)
        raise ConfigurationError(
            f'environment "{wanted}" is not configured',
            file=str(self.file) if self.file else None,
            hint=f'Did you mean "{close[0]}"?' if close else f"Known: {', '.join(known)}.",
        )

    def target(self, database_url: str | None = None, environment: str | None = None) -> Target:
        """Choose the database: the option, the environment, DATABASE_URL, the private server."""
        chosen = None if database_url and not environment else self.environment(environment)
        settings = chosen.settings() if chosen else {}
        options = chosen.options if chosen else {}
        if database_url is not None:
            if not database_url.strip():
                raise UsageError(
                    "--database-url is empty",
                    hint="Write postgresql:// to take everything from PGHOST, PGDATABASE, ...",
                )
            return Target(database_url, "--database-url", settings, options)
        assert chosen is not None  # noqa: S101
        url = chosen.database_url()
        if url:
            return Target(url, f'environment "{chosen.name}"', settings, options)
        url = os.environ.get("DATABASE_URL", "").strip()
        if url:
            return Target(url, "DATABASE_URL", settings, options)
        if chosen.name != LOCAL:
            raise ConfigurationError(
                f'environment "{chosen.name}" has no database_url, and DATABASE_URL is not set',
                file=str(chosen.file) if chosen.file else None,
                line=chosen.line,
                hint=f'Only the environment "{LOCAL}" uses the private server of the project.',
            )
        return Target(None, "private server", settings, options)

    def coordination_target(self, database_url: str | None = None, environment: str | None = None) -> Target:
        """Choose the database of intents: the option, a coordination_url, else the project's database.

        A coordination database of its own gets no settings of the environment, which are those of
        the project's database.
        """
        if database_url is None:
            chosen = self.environment(environment)
            for entry, whose in (
                (chosen.coordination, f'environment "{chosen.name}"'),
                (self.coordination, "the project"),
            ):
                url = entry.expanded() if entry else None
                if url:
                    return Target(url, f"coordination_url of {whose}")
        return self.target(database_url, environment)


def find_root(start: Path) -> Path:
    """Return the nearest folder upwards that has a configuration; else the start itself."""
    for folder in (start, *start.parents):
        if (folder / CONFIG_FILE).is_file() or (folder / ENVIRONMENTS_DIR).is_dir():
            return folder
    return start


def load(config: Path | None = None, start: Path | None = None) -> Project:
    """Read the configuration of the project around ``start`` (default: the current folder)."""
    if config is not None and not config.is_file():
        raise ConfigurationError(f"there is no file {config}", file=str(config))
    root = config.resolve().parent if config else find_root((start or Path.cwd()).resolve())
    file = config or root / CONFIG_FILE
    if not file.is_file():
        return Project(root, _plain_name(root), environments=_from_folder(root, {}))
    shown = Path(os.path.relpath(file)) if file.is_absolute() else file
    keys = yamlfile.entries(shown, yamlfile.read(file, shown), CONFIG_FILE, PROJECT_KEYS)

    def text(key: str, default: str) -> str:
        return (keys[key].expanded() or default) if key in keys else default

    environments = {}
    if "environments" in keys:
        named = yamlfile.entries(shown, keys["environments"].node, '"environments"')
        environments = {
            name: _environment(name, shown, entry.node, entry.key_node) for name, entry in named.items()
        }
    project = Project(
        root=root,
        name=text("name", _plain_name(root)),
        file=shown,
        migrations_dir=Path(text("migrations_dir", "db/migrations")),
        schema_dir=Path(text("schema_dir", "db/schema")),
        seeds_dir=Path(text("seeds_dir", "db/seeds")),
        default_environment=text("default_environment", LOCAL),
        environments=_from_folder(root, environments),
        coordination=keys.get("coordination_url"),
        agent=keys.get("agent"),
    )
    for entry in (project.coordination, project.agent):
        if entry is not None:
            entry.text()
    if "default_environment" in keys and project.default_environment != LOCAL:
        try:
            project.environment(None)
        except ConfigurationError as problem:
            raise keys["default_environment"].complain(problem.message, hint=problem.hint) from problem
    return project


def _environment(name: str, file: Path, node: yaml.Node | None, at: yaml.Node | None) -> Environment:
    keys = yamlfile.entries(file, node, f'environment "{name}"', ENVIRONMENT_KEYS)
    options: dict[str, yamlfile.Entry] = {}
    if "settings" in keys:
        options = yamlfile.entries(file, keys["settings"].node, '"settings"')
        for option in options.values():
            option.text()
    for key in ("database_url", "coordination_url"):
        if key in keys:
            keys[key].text()
    line = at.start_mark.line + 1 if at is not None else 1
    lists = {key: keys[key].texts() for key in ("schema_dirs", "seeds") if key in keys}
    return Environment(
        name,
        file,
        line,
        keys.get("database_url"),
        options,
        coordination=keys.get("coordination_url"),
        **lists,
    )


def _from_folder(root: Path, given: Mapping[str, Environment]) -> dict[str, Environment]:
    """Add the environments that have a file of their own to those of confiture.yaml."""
    environments = dict(given)
    for path in sorted((root / ENVIRONMENTS_DIR).glob("*.y*ml")):
        shown = Path(os.path.relpath(path))
        if path.stem in environments:
            other = environments[path.stem]
            raise ConfigurationError(
                f'environment "{path.stem}" is described twice',
                file=str(shown),
                line=1,
                detail=f"It is also in {other.file}, line {other.line}.",
                hint="Keep one of the two.",
            )
        environments[path.stem] = _environment(path.stem, shown, yamlfile.read(path, shown), None)
    return environments


def _plain_name(root: Path) -> str:
    """Return a database name made of the folder's name."""
    kept = "".join(char if char.isalnum() else "_" for char in root.name.lower()).strip("_")
    return kept or "confiture"
