"""Confiture: PostgreSQL schema evolution that lives inside PostgreSQL.

    from confiture import Migrator

    with Migrator("postgresql://localhost/shop") as migrator:
        for migration in migrator.status():
            print(migration.version, migration.state)

The names below are loaded when they are first used, so that the command line starts quickly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from confiture.builder import BuildResult, SchemaBuilder
    from confiture.errors import ConfitureError
    from confiture.migrator import Migrator
    from confiture.progress import Progress
    from confiture.results import (
        HistoryEntry,
        Lock,
        MigrationRun,
        MigrationStatus,
        PlannedMigration,
        StatementReport,
    )

__all__ = [
    "BuildResult",
    "ConfitureError",
    "HistoryEntry",
    "Lock",
    "MigrationRun",
    "MigrationStatus",
    "Migrator",
    "PlannedMigration",
    "Progress",
    "SchemaBuilder",
    "StatementReport",
    "__version__",
]

_HOMES = {
    "BuildResult": "confiture.builder",
    "ConfitureError": "confiture.errors",
    "HistoryEntry": "confiture.results",
    "Lock": "confiture.results",
    "MigrationRun": "confiture.results",
    "MigrationStatus": "confiture.results",
    "Migrator": "confiture.migrator",
    "PlannedMigration": "confiture.results",
    "Progress": "confiture.progress",
    "SchemaBuilder": "confiture.builder",
    "StatementReport": "confiture.results",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
