"""What a comparison of two schemas returns: statements with their hazards, and the proof."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from confiture.row import Row

DATA_LOSS = "data loss"


@dataclass(frozen=True)
class PlanStatement(Row):
    """One statement of a plan, one row of ``confiture.diff()``.

    ``hazards`` each begin with a class and a colon: data loss, rewrite, long lock, ...
    ``lock`` is the strongest one on what others use. Statements with the same ``transaction_group``
    belong into one transaction.
    """

    ordinal: int
    statement: str
    kind: str
    object: str
    change: str
    hazards: tuple[str, ...] = ()
    lock: str | None = None
    needs_top_level: bool = False
    transaction_group: int = 1

    @classmethod
    def from_row(cls, row: Mapping[str, Any], **more: Any) -> Self:
        """Take a row, in which no hazards may be null."""
        return super().from_row({**row, "hazards": row.get("hazards") or ()}, **more)

    @property
    def destructive(self) -> bool:
        """Whether it destroys data."""
        return any(hazard_class(hazard) == DATA_LOSS for hazard in self.hazards)


@dataclass(frozen=True)
class Plan(Row):
    """The way from one schema to another, and back.

    ``proof`` and ``down_proof`` are what ``confiture.prove()`` says of the two ways; None where
    they were not proven. ``changes`` are the facts that differ: identity, kind, change (added,
    removed or changed) and object, what each is a part of. ``basis`` is what the plan was made
    from, ``directive`` the same for the header of a migration.
    """

    equal: bool
    up: tuple[PlanStatement, ...] = ()
    down: tuple[PlanStatement, ...] = ()
    source_hash: str | None = None
    target_hash: str | None = None
    proof: Mapping[str, Any] | None = None
    down_proof: Mapping[str, Any] | None = None
    unmodelled: tuple[str, ...] = ()
    changes: tuple[Mapping[str, Any], ...] = ()
    basis: Mapping[str, Any] = field(default_factory=dict)
    directive: str | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any], **more: Any) -> Self:
        """Build the plan, its statements included."""
        known = {name: value for name, value in row.items() if value is not None}
        for way in ("up", "down"):
            known[way] = [PlanStatement.from_row(each) for each in row.get(way) or ()]
        return super().from_row(known, **more)

    @property
    def proven(self) -> bool:
        """Whether both ways are proven."""
        proofs = [self.proof, *([self.down_proof] if self.down else [])]
        return all(proof is not None and proof.get("proven") is True for proof in proofs)

    @property
    def destructive(self) -> tuple[PlanStatement, ...]:
        """The statements that destroy data."""
        return tuple(each for each in self.up if each.destructive)


def hazard_class(hazard: str) -> str:
    """Return what a hazard begins with."""
    return hazard.partition(":")[0]
