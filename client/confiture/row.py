"""What all results are: built from a row, and turned into plain values for JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Self


class Row:
    """A result that is built from one row of a function, whatever more columns it has."""

    @classmethod
    def from_row(cls, row: Mapping[str, Any], **more: Any) -> Self:
        """Take the columns that this class knows; arrays become tuples."""
        known = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
        values = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in row.items()
            if name in known
        }
        return cls(**{**values, **more})

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, for JSON."""
        return dataclasses.asdict(self)  # type: ignore[call-overload,no-any-return]
