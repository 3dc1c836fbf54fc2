"""Lists, events and changes of intents, as the calls of Coordinator return them: frozen and typed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from confiture.intents import ConflictObject, moments, split_objects
from confiture.row import Row


@dataclass(frozen=True, kw_only=True)
class ConflictState(Row):
    """A stored conflict: ``intent`` is the newcomer, who was told, ``other`` was there before."""

    id: int
    intent: str
    other: str
    type: str
    severity: str
    suggestion: str
    state: str
    detected_at: dt.datetime
    objects: tuple[ConflictObject, ...] = ()
    more_objects: int = 0
    closed_at: dt.datetime | None = None
    closed_by: str | None = None
    note: str | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any], **more: Any) -> Self:
        """Build it from a row of the function."""
        return super().from_row({**row, **moments(row), **split_objects(row.get("objects"))}, **more)


@dataclass(frozen=True, kw_only=True)
class ConflictEntry(ConflictState):
    """A stored conflict, and who is behind its two sides."""

    agent: str
    feature: str
    other_agent: str
    other_feature: str


@dataclass(frozen=True)
class IntentSummary(Row):
    """One row of a list of intents; ``objects`` are names, ``conflicts`` how many are open."""

    id: str
    agent: str
    feature: str
    status: str
    queued: bool
    registered_at: dt.datetime
    updated_at: dt.datetime
    expires_at: dt.datetime
    branch: str | None = None
    description: str | None = None
    objects: tuple[str, ...] = ()
    conflicts: int = 0
    closed_at: dt.datetime | None = None


@dataclass(frozen=True)
class IntentEvent(Row):
    """One entry of the audit trail; ``intent`` is None where a session without one overrode another."""

    at: dt.datetime
    intent: str | None
    event: str
    agent: str
    performed_by: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class IntentChange(Row):
    """A change that the server has told of, on the channel confiture_intents."""

    event: str
    at: dt.datetime | None = None
    intent: str | None = None
    agent: str | None = None
    status: str | None = None
    other: str | None = None

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Build it from the payload of a notification."""
        return cls.from_row({**document, **moments(document)})
