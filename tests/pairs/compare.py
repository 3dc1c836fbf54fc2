"""Snapshots and dumps, and how two of them differ."""

from __future__ import annotations

import json
import re
from typing import Any

Facts = dict[str, dict[str, Any]]


class Snapshot:
    """A snapshot, as text and as facts."""

    def __init__(self, text: str) -> None:
        self.text = text
        value = json.loads(text)
        self.facts: Facts = value["facts"]
        self.unmodelled: list[str] = value["unmodelled"]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Snapshot) and not self.differences(other)

    __hash__ = None  # type: ignore[assignment]

    def differing(self, other: Snapshot) -> list[str]:
        """Return the identities that differ."""
        return sorted(
            name for name in self.facts.keys() | other.facts.keys() if self._of(name) != other._of(name)
        )

    def equal_but(self, other: Snapshot, name: str, key: str) -> bool:
        """Tell whether two facts are equal but for a key of their payload."""
        mine, its = self.facts.get(name), other.facts.get(name)
        if mine is None or its is None:
            return False
        return {**mine["payload"], key: None} == {**its["payload"], key: None}

    def differences(self, other: Snapshot) -> list[str]:
        """Say what differs: found (this), wanted (the other)."""
        found = []
        for name in self.differing(other):
            mine, its = self.facts.get(name), other.facts.get(name)
            if mine is None or its is None:
                found.append(f"  {name}: {'missing' if mine is None else 'unexpected'}")
            elif mine["payload"] != its["payload"]:
                found.append(f"  {name}: found {_less(mine['payload'], its['payload'])}")
            else:
                found.append(f"  {name}: depends on {_less(mine.get('depends', {}), its.get('depends', {}))}")
        return found

    def _of(self, name: str) -> tuple[Any, ...] | None:
        fact = self.facts.get(name)
        return fact and (fact["hash"], fact.get("depends"), fact.get("role"))

    def unfilled(self) -> list[str]:
        """Return the materialized views that have not been filled."""
        return [name for name, fact in self.facts.items() if fact.get("filled") is False]

    def columns(self, other: Snapshot) -> dict[str, list[str]]:
        """Return the columns of tables that are the same in both, so that their rows can be compared."""
        tables: dict[str, list[str]] = {
            name.removeprefix("table "): []
            for name, fact in self.facts.items()
            if fact["kind"] == "table" and name in other.facts
        }
        for name, fact in self.facts.items():
            if fact["kind"] != "column" or name not in other.facts:
                continue
            table = fact["parent"].split(" ", 1)[1]
            mine, its = fact["payload"], other.facts[name]["payload"]
            if table in tables and all(
                mine.get(k) == its.get(k) for k in ("type", "generated", "expression")
            ):
                tables[table].append("cf_row." + quote(fact["part"]))
        return tables


def quote(name: str) -> str:
    """Quote a name, always."""
    return '"' + name.replace('"', '""') + '"'


def _less(mine: Any, its: Any) -> str:
    """Say of two objects only what differs."""
    if not isinstance(mine, dict) or not isinstance(its, dict):
        return f"{mine!r}, wanted {its!r}"
    keys = [key for key in sorted(mine.keys() | its.keys()) if mine.get(key) != its.get(key)]
    return f"{ {k: mine.get(k) for k in keys} }, wanted { {k: its.get(k) for k in keys} }"


def entries(dump: str, reordered: bool = False) -> list[str]:
    """Cut a dump into its entries, in an order of their own."""
    kept = [
        line
        for line in dump.splitlines()
        if line
        and line != "-- PostgreSQL database dump complete"
        and not line.startswith(("\\restrict", "\\unrestrict", "SET default_table", "SET default_tablespace"))
    ]
    # Options have no order in a snapshot.
    text = re.sub(r"\bWITH \(([^()\n]*)\)", _sorted_options, "\n".join(kept))
    text = re.sub(r"(?<=OPTIONS \(\n)(.*?)(?=\n\))", _sorted_lines, text, flags=re.DOTALL)
    text = re.sub(r"(?<=TAG IN \()[^()\n]*(?=\))", lambda m: ", ".join(sorted(m[0].split(", "))), text)
    # Nor have grantees.
    text = re.sub(
        r"(?:^GRANT [^\n]*;\n)+", lambda m: "".join(sorted(m[0].splitlines(True))), text, flags=re.MULTILINE
    )
    parts = re.split(r"\n--\n(?=-- Name: )", text)
    if reordered:
        parts = [_in_any_order(part) for part in parts]
    return sorted(part.rstrip("-\n ") for part in parts)


def _sorted_options(match: re.Match[str]) -> str:
    return f"WITH ({', '.join(sorted(match[1].split(', ')))})"


def _sorted_lines(match: re.Match[str]) -> str:
    return "\n".join(sorted(line.rstrip(",") for line in match[1].split("\n")))


def _in_any_order(entry: str) -> str:
    """Sort the columns of a CREATE TABLE, what is said of each after it, and those of statistics."""
    entry = re.sub(
        r"(?:^ALTER TABLE ONLY [^\n]* ALTER COLUMN [^\n]*;\n)+",
        lambda match: "".join(sorted(match[0].splitlines(True))),
        entry,
        flags=re.MULTILINE,
    )
    entry = re.sub(
        r"(?<= ON )(\w+(?:, \w+)+)(?= FROM )",
        lambda match: ", ".join(sorted(match[1].split(", "))),
        entry,
    )
    match = re.match(r"(.*?\nCREATE [A-Z ]*TABLE [^\n]* \(\n)(.*?)(\n\).*)", entry, re.DOTALL)
    if not match:
        return entry
    lines = sorted(line.rstrip(",") for line in match[2].splitlines())
    return match[1] + "\n".join(lines) + match[3]


def compare_dumps(found: str, wanted: str, reordered: bool) -> list[str]:
    """Say how two dumps differ."""
    mine, its = entries(found, reordered), entries(wanted, reordered)
    if mine == its:
        return []
    extra, missing = list(mine), list(its)
    for entry in mine:
        if entry in missing:
            missing.remove(entry)
            extra.remove(entry)
    return ["  found:  " + entry.replace("\n", "\n          ") for entry in extra] + [
        "  wanted: " + entry.replace("\n", "\n          ") for entry in missing
    ]
