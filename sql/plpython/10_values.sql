-- Values on their way between Python and the server.

-- Leaves functions for _run(), which calls it first, in the dictionary that PL/Python's
-- functions share.
CREATE OR REPLACE FUNCTION confiture_py._values() RETURNS void
LANGUAGE plpython3u
AS $python$
import datetime
import decimal
import json
import types
import uuid
from collections.abc import Callable, Sequence
from typing import Any

NUMBERS = ("int4", "int8", "numeric", "float8")
TYPES = (
    (bool, "bool"),
    (float, "float8"),
    (decimal.Decimal, "numeric"),
    (datetime.date, "date"),
    (datetime.timedelta, "interval"),
    (uuid.UUID, "uuid"),
    ((bytes, bytearray, memoryview), "bytea"),
    (dict, "jsonb"),
)


def type_of(value: Any) -> str | None:
    """Return the type that a value has in SQL; None where the server has to find it."""
    if isinstance(value, int) and not isinstance(value, bool):
        return "int4" if -(2**31) <= value < 2**31 else "int8" if -(2**63) <= value < 2**63 else "numeric"
    if isinstance(value, datetime.datetime):
        return "timestamptz" if value.tzinfo else "timestamp"
    if isinstance(value, datetime.time):
        return "timetz" if value.tzinfo else "time"
    if isinstance(value, (list, tuple)):
        return type_of_list(value)
    return next((sql for python, sql in TYPES if isinstance(value, python)), None)


def type_of_list(values: Sequence[Any]) -> str | None:
    """Return the array type of a list; a list with a dict in it is JSON."""
    found = {type_of(value) for value in values if value is not None}
    if "jsonb" in found:
        return "jsonb"
    if len(found) > 1 and found <= set(NUMBERS):
        found = {max(found, key=NUMBERS.index)}
    element = found.pop() if len(found) == 1 else None
    return element and (element if element.endswith("[]") else element + "[]")


def to_server(value: Any, sql_type: str) -> Any:
    """Turn a value into what PL/Python can hand over as a type."""
    if isinstance(value, str) or value is None:
        return value
    if sql_type in ("json", "jsonb") or (isinstance(value, (dict, list)) and sql_type == "text"):
        return json.dumps(value)
    if sql_type.endswith("[]") and isinstance(value, (list, tuple)):
        element = sql_type.removesuffix("[]")
        nested = element not in ("json", "jsonb")
        return [to_server(v, sql_type if nested and isinstance(v, (list, tuple)) else element) for v in value]
    if isinstance(value, datetime.timedelta):
        return f"{value.days} days {value.seconds} seconds {value.microseconds} microseconds"
    return bytes(value) if isinstance(value, (bytearray, memoryview)) else value


# By the OIDs of the types and of their arrays, which never change.
READERS: dict[int, Callable[[str], Any]] = {
    **dict.fromkeys((114, 3802, 199, 3807), json.loads),
    **dict.fromkeys((2950, 2951), uuid.UUID),
    **dict.fromkeys((1082, 1182), datetime.date.fromisoformat),
    **dict.fromkeys((1083, 1266, 1183, 1270), datetime.time.fromisoformat),
    **dict.fromkeys((1114, 1184, 1115, 1185), datetime.datetime.fromisoformat),
}


def from_server(value: Any, read: Callable[[str], Any]) -> Any:
    """Turn a text of the server into Python; what Python can't hold (infinity) stays text."""
    if isinstance(value, list):
        return [from_server(item, read) for item in value]
    try:
        return None if value is None else read(value)
    except ValueError:
        return value


def rows_of(result: Any) -> list[dict[str, Any]]:
    """Return the rows of a result as dictionaries."""
    rows = [dict(row) for row in result]
    if not rows:
        return rows
    readers = [
        (column, READERS[oid])
        for column, oid in zip(result.colnames(), result.coltypes(), strict=True)
        if oid in READERS
    ]
    for row in rows:
        row.update((column, from_server(row[column], read)) for column, read in readers)
    return rows


GD["confiture_py.values"] = types.SimpleNamespace(type_of=type_of, to_server=to_server, rows_of=rows_of)
$python$;
