"""New projects and new migrations: files that are written once and never overwritten."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from pathlib import Path

from confiture import migrations
from confiture.config import CONFIG_FILE
from confiture.errors import FileError, UsageError
from confiture.textfile import shown

FOLDERS = ("db/schema", "db/migrations", "db/seeds")
IGNORED = ".confiture/"

CONFIGURATION = """\
# Confiture, the project's configuration.

migrations_dir: db/migrations
schema_dir: db/schema
seeds_dir: db/seeds

# Where `confiture coordinate` keeps who is about to change what; default the database itself.
# coordination_url: ${COORDINATION_URL}

# Each environment is a database. A database_url is whatever libpq takes: a URL, or key=value
# pairs. ${VAR} and ${VAR:-default} stand for environment variables: keep passwords there.
# An environment may also have a file of its own, db/environments/NAME.yaml.
environments:

  # Without a database_url: the variable DATABASE_URL if it is set, else a private server that
  # Confiture starts for this project when it is first needed.
  local: {}

  # production:
  #   database_url: ${PRODUCTION_DATABASE_URL}
  #   settings:                        # SET after connecting
  #     confiture.lock_timeout: 2s
  #     confiture.out_of_order: refuse

  # test:
  #   schema_dirs: [db/schema, db/test_helpers]    # what `confiture build` reads; default schema_dir
  #   seeds: [common, small]                       # folders of seeds_dir; default common and test
"""

UP = """\
{intent}-- Migration {version}: {words}

"""
DOWN = """\
-- The way back of migration {version}: {words}
-- Without a statement here, or without this file, there is no way back.

"""
PYTHON = '''\
{intent}"""Migration {version}: {words}."""

from confiture_py import Migration


class {camel}(Migration):
    """Runs inside of the server, by plpython3u: the standard library, nothing else."""

    def up(self):
        """Apply."""
        # rows = self.execute("SELECT id FROM users WHERE email = $1", [email])

    def down(self):
        """Take back."""
'''

# As the server reads it in a directive.
_INTENT = re.compile(r"int_[0-9A-Za-z]{1,60}")


@dataclass
class Created:
    """What has been written, and what was there already."""

    created: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


def create(folder: Path) -> Created:
    """Write confiture.yaml, the folders and an entry in .gitignore."""
    done = Created()
    for name in FOLDERS:
        path = folder / name
        (done.kept if path.is_dir() else done.created).append(f"{shown(path)}/")
        path.mkdir(parents=True, exist_ok=True)
        if not any(path.iterdir()):
            (path / ".gitkeep").touch()
    config = folder / CONFIG_FILE
    if config.exists():
        done.kept.append(shown(config))
    else:
        config.write_text(CONFIGURATION, encoding="utf-8")
        done.created.append(shown(config))
    _ignore(folder / ".gitignore", done)
    return done


def _ignore(path: Path, done: Created) -> None:
    """Add the private state to .gitignore, once."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if {IGNORED, IGNORED.rstrip("/"), f"/{IGNORED}"} & set(text.splitlines()):
        done.kept.append(shown(path))
        return
    separator = "" if not text or text.endswith("\n") else "\n"
    path.write_text(f"{text}{separator}{IGNORED}\n", encoding="utf-8")
    done.created.append(shown(path))


def words_of(name: str) -> str:
    """Return the words of a migration's name."""
    words = re.sub(r"[^0-9A-Za-z]+", " ", name).strip()
    if not words:
        raise UsageError(f'"{name}" has no letter or digit', hint="Name what the migration does: add_orders.")
    return words


def known_versions(folder: Path) -> list[str]:
    """Return the versions of a folder's migrations, which may not exist yet."""
    return [file.version for file in migrations.look(folder).files] if folder.is_dir() else []


def stem(folder: Path, version: str, words: str) -> str:
    """Return what the names of a migration's files begin with, if its version is good and free."""
    snake = words.lower().replace(" ", "_")
    if version in known_versions(folder):
        raise UsageError(f"version {version} exists already", hint="Choose another --version.")
    recognised = migrations.recognise(Path(f"{version}_{snake}.up.sql"))
    if recognised is None or recognised.version != version:
        raise UsageError(
            f'"{version}" cannot be a version', hint="Use letters, digits, points and dashes: 004, 2.1."
        )
    return f"{version}_{snake}"


def new_migration(
    folder: Path, name: str, *, python: bool = False, version: str | None = None, intent: str | None = None
) -> tuple[str, list[Path]]:
    """Write the files of a new migration; return its version and the files."""
    words = words_of(name)
    if intent is not None and not _INTENT.fullmatch(intent):
        raise UsageError(f'"{intent}" is not the id of an intent', hint="An id has the form int_k3v9x2.")
    chosen = version or next_version(known_versions(folder))
    name_of_files = stem(folder, chosen, words)
    mark = "#" if python else "--"
    facts = {
        "version": chosen,
        "words": words,
        "camel": "".join(word.title() for word in words.split()),
        "intent": f"{mark} confiture: intent={intent}\n" if intent else "",
    }
    texts = {".py": PYTHON} if python else {".up.sql": UP, ".down.sql": DOWN}
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for suffix, text in texts.items():
        path = folder / f"{name_of_files}{suffix}"
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text.format(**facts))
        except FileExistsError as problem:
            raise FileError("this file exists already", file=shown(path)) from problem
        written.append(path)
    return chosen, written


def next_version(known: list[str]) -> str:
    """Return the next version in the style of the known ones; a time in UTC when there are none."""
    now = dt.datetime.now(dt.UTC).strftime("%Y%m%d%H%M%S")
    numbers = [version for version in known if version.isdigit()]
    if not numbers:
        return now
    newest = max(numbers, key=int)
    if len(newest) == len(now):
        return max(now, str(int(newest) + 1))
    return str(int(newest) + 1).zfill(len(newest))
