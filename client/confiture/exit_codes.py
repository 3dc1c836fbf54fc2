"""What the command line returns to the shell: one table, SQLSTATE to exit code.

``docs/reference/exit-codes.md`` is this table for people; a test compares the two.
"""

from __future__ import annotations

from typing import Final

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
CONFIGURATION: Final = 3
CONNECTION: Final = 4
EXTENSION: Final = 5
CONFLICT: Final = 8
TIMEOUT_LOCK: Final = 19
FINDINGS: Final = 21
REFUSED: Final = 22
DIFFERENT: Final = 1
NOT_COMPARED: Final = 30
SIDES_DIFFER: Final = 45
INTERRUPTED: Final = 130

MEANINGS: Final[dict[int, str]] = {
    0: "success",
    1: "a migration or a statement failed; of migrate diff and drift: something differs",
    2: "wrong usage: an unknown command, option or value",
    3: "configuration or file error: confiture.yaml, a migration file, no migration at all",
    4: "cannot connect, or the connection was lost",
    5: "the extension is missing or of another version, or the server is too old",
    6: "another migration is running",
    7: "the text of an applied migration changed",
    8: "conflict with an intent",
    9: "a statement needs the top level and cannot run in a transaction",
    10: "a dependency is missing or circular",
    11: "a migration is out of order",
    12: "no way back: a migration has no down",
    13: "unknown version",
    14: "a transaction command in a migration",
    15: "a psql meta-command that is not supported",
    16: "a hook failed",
    17: "an interrupted statement is in doubt",
    18: "no free background worker",
    19: "a lock was not available in time",
    20: "a privilege is missing",
    21: "findings: migrate validate, migrate status --check, pending migrations before migrate generate",
    22: "refused by the person, or nobody was there to be asked",
    23: "a move that the status of the intent does not allow",
    24: "no such intent or conflict",
    25: "a database is in the way: it exists and is not to be replaced",
    26: "the schema has objects that Confiture does not know",
    27: "a plan could not be proven",
    28: "the schema has moved since a plan was made",
    29: "no schema is recorded to compare with: no migration has run yet",
    30: "migrate diff, drift: no comparison was made; there, 1 means that something differs",
    40: "a transition is refused",
    41: "a step that the state of the transition does not allow",
    42: "a transition of that name exists",
    43: "a write to a table that a transition is filling",
    44: "no such transition",
    45: "the two sides of a transition differ",
    46: "another session is at work on the transition",
    130: "cancelled (Ctrl-C)",
}

SQLSTATES: Final[dict[str, int]] = {
    "CF001": 6,
    "CF002": 7,
    "CF003": CONFLICT,
    "CF004": 9,
    "CF005": 10,
    "CF006": 11,
    "CF007": 12,
    "CF008": 13,
    "CF009": 14,
    "CF010": 15,
    "CF011": 16,
    "CF012": 17,
    "CF013": 18,
    "CF014": 23,
    "CF015": 24,
    "CF016": 10,
    "CF017": 25,
    "CF018": 26,
    "CF019": 27,
    "CF020": 28,
    "CF021": 29,
    "CF030": 40,
    "CF031": 41,
    "CF032": 42,
    "CF033": 43,
    "CF034": 44,
    "CF035": SIDES_DIFFER,
    "CF037": 46,
    "CF036": TIMEOUT_LOCK,
    "55P03": TIMEOUT_LOCK,
    "42501": 20,
    "57014": INTERRUPTED,
    "57P01": CONNECTION,
    "57P02": CONNECTION,
    "57P03": CONNECTION,
    "57P05": CONNECTION,
}


def exit_code(sqlstate: str | None) -> int:
    """Return the exit code for a SQLSTATE; class 08 is the connection, the rest 1."""
    if sqlstate is None:
        return FAILED
    if sqlstate.startswith(("08", "28")):
        return CONNECTION
    return SQLSTATES.get(sqlstate, FAILED)
