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
    from confiture.coordinator import Coordinator
    from confiture.errors import ConfitureError
    from confiture.intents import Conflict, ConflictObject, Intent, IntentCheck, IntentObject, Unseen
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
    from confiture.results_drift import Difference, Drift
    from confiture.results_intent import (
        ConflictEntry,
        ConflictState,
        IntentChange,
        IntentEvent,
        IntentSummary,
    )
    from confiture.results_plan import Plan, PlanStatement

__all__ = [
    "BuildResult",
    "ConfitureError",
    "Conflict",
    "ConflictEntry",
    "ConflictObject",
    "ConflictState",
    "Coordinator",
    "Difference",
    "Drift",
    "HistoryEntry",
    "Intent",
    "IntentChange",
    "IntentCheck",
    "IntentEvent",
    "IntentObject",
    "IntentSummary",
    "Lock",
    "MigrationRun",
    "MigrationStatus",
    "Migrator",
    "Plan",
    "PlanStatement",
    "PlannedMigration",
    "Progress",
    "SchemaBuilder",
    "StatementReport",
    "Unseen",
    "__version__",
]

_HOMES = {
    "BuildResult": "confiture.builder",
    "ConfitureError": "confiture.errors",
    "Conflict": "confiture.intents",
    "ConflictEntry": "confiture.results_intent",
    "ConflictObject": "confiture.intents",
    "ConflictState": "confiture.results_intent",
    "Coordinator": "confiture.coordinator",
    "Difference": "confiture.results_drift",
    "Drift": "confiture.results_drift",
    "HistoryEntry": "confiture.results",
    "Intent": "confiture.intents",
    "IntentChange": "confiture.results_intent",
    "IntentCheck": "confiture.intents",
    "IntentEvent": "confiture.results_intent",
    "IntentObject": "confiture.intents",
    "IntentSummary": "confiture.results_intent",
    "Lock": "confiture.results",
    "MigrationRun": "confiture.results",
    "MigrationStatus": "confiture.results",
    "Migrator": "confiture.migrator",
    "Plan": "confiture.results_plan",
    "PlanStatement": "confiture.results_plan",
    "PlannedMigration": "confiture.results",
    "Progress": "confiture.progress",
    "SchemaBuilder": "confiture.builder",
    "StatementReport": "confiture.results",
    "Unseen": "confiture.intents",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
