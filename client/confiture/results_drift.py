"""What a look for drift returns: the differences, where they come from, and who made them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from confiture.row import Row

SEVERITIES = ("critical", "warning", "info")
BY_HAND, NOT_APPLIED, BOTH, ADOPTED, UNKNOWN = "by hand", "not applied", "both", "adopted", "unknown"


@dataclass(frozen=True)
class Difference(Row):
    """One fact of the schema that is not as it was recorded, or not as the files say.

    ``origin``: by hand, not applied (only the files have it), both, adopted (the database and the
    files have it, the record does not), or unknown (nothing is recorded). ``details`` are the
    payloads, ``who`` is what the log of DDL knows about it.
    """

    identity: str
    kind: str
    object: str
    change: str
    origin: str
    severity: str
    details: Mapping[str, Any] = field(default_factory=dict)
    who: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Drift(Row):
    """The report of ``confiture.drift_report()``."""

    drifted: bool
    count: int
    severity: Mapping[str, int]
    origin: Mapping[str, int]
    ignored: int = 0
    highest: str | None = None
    record: Mapping[str, Any] | None = None
    live_hash: str | None = None
    target_hash: str | None = None
    differences: tuple[Difference, ...] = ()

    @classmethod
    def from_row(cls, row: Mapping[str, Any], **more: Any) -> Self:
        """Build the report, its differences included."""
        known = {name: value for name, value in row.items() if value is not None}
        found = [Difference.from_row(each) for each in row.get("differences") or ()]
        return super().from_row({**known, "differences": found}, **more)

    def at_least(self, severity: str) -> bool:
        """Tell whether a difference is as severe as that, or more."""
        return any(self.severity.get(each) for each in SEVERITIES[: SEVERITIES.index(severity) + 1])
