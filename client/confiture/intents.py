"""Intents and what they run into, as the calls of Coordinator return them: frozen and typed.

What a check needs is here, apart from the rest, so that it starts quickly.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from confiture.row import Row


@dataclass(frozen=True)
class IntentObject(Row):
    """One object that an intent touches.

    ``column`` is the part that is meant: a column, constraint, trigger, policy or rule. ``action``
    is read, reference, write, affected, touch, alter, create or drop; ``source`` tells whether it
    was declared, parsed out of SQL, or depends on something that is.
    """

    kind: str
    name: str
    action: str
    source: str
    display: str
    schema: str | None = None
    column: str | None = None
    arguments: str | None = None


@dataclass(frozen=True)
class Unseen(Row):
    """A part of a script that nobody can look into: a DO block, for example."""

    what: str
    ordinal: int | None = None
    line: int | None = None


@dataclass(frozen=True)
class ConflictObject(Row):
    """One object on which two intents meet, with what each of them wants to do to it."""

    object: str
    kind: str
    action: str
    other_action: str
    severity: str


@dataclass(frozen=True)
class Conflict(Row):
    """A conflict as one side sees it: ``other``, ``agent``, ``feature``, ``status`` are the other side's.

    ``id`` and ``intent`` are None where nothing was registered. ``role`` says which side this is:
    the newcomer, who was told, or the holder, who was there before.
    """

    other: str
    agent: str
    feature: str
    type: str
    severity: str
    suggestion: str
    id: int | None = None
    intent: str | None = None
    branch: str | None = None
    status: str | None = None
    objects: tuple[ConflictObject, ...] = ()
    more_objects: int = 0
    state: str = "open"
    role: str | None = None
    detected_at: dt.datetime | None = None
    expires_at: dt.datetime | None = None
    note: str | None = None

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Build it from the server's jsonb."""
        return cls.from_row({**document, **moments(document), **split_objects(document.get("objects"))})


@dataclass(frozen=True)
class Intent(Row):
    """An intent in full, with the objects it touches and its open conflicts."""

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
    schema_changes: str | None = None
    estimated_duration: str | None = None
    starts_at: dt.datetime | None = None
    closed_at: dt.datetime | None = None
    registered_by: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    objects: tuple[IntentObject, ...] = ()
    unseen: tuple[Unseen, ...] = ()
    conflicts: tuple[Conflict, ...] = ()

    @property
    def in_conflict(self) -> bool:
        """Whether others come first: it is conflicted, or waits for its turn."""
        return self.queued or self.status == "conflicted"

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Build it from the server's jsonb."""
        return cls.from_row({**document, **moments(document), **_lists(document)})


@dataclass(frozen=True)
class IntentCheck(Row):
    """What an intent would run into; ``free`` without a conflict of severity warning or error."""

    free: bool
    severity: str | None
    agent: str
    objects: tuple[IntentObject, ...] = ()
    unseen: tuple[Unseen, ...] = ()
    conflicts: tuple[Conflict, ...] = ()

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Build it from the server's jsonb."""
        return cls.from_row({**document, **_lists(document)})


_MOMENTS = (
    "at",
    "closed_at",
    "detected_at",
    "expires_at",
    "registered_at",
    "starts_at",
    "updated_at",
)


def moments(document: Mapping[str, Any]) -> dict[str, dt.datetime]:
    """Return the times of a jsonb document, read."""
    return {
        name: dt.datetime.fromisoformat(value)
        for name in _MOMENTS
        if isinstance(value := document.get(name), str)
    }


def split_objects(objects: Iterable[Mapping[str, Any]] | None) -> dict[str, Any]:
    """Return the objects of a conflict, and how many more there are than the server has listed."""
    found = list(objects or ())
    return {
        "objects": tuple(ConflictObject.from_row(each) for each in found if "object" in each),
        "more_objects": sum(int(each["more"]) for each in found if "more" in each),
    }


def _lists(document: Mapping[str, Any]) -> dict[str, tuple[Row, ...]]:
    """Return the objects, what was not seen, and the conflicts of a jsonb document, typed."""
    return {
        "objects": tuple(IntentObject.from_row(each) for each in document.get("objects") or ()),
        "unseen": tuple(Unseen.from_row(each) for each in document.get("unseen") or ()),
        "conflicts": tuple(Conflict.from_json(each) for each in document.get("conflicts") or ()),
    }
