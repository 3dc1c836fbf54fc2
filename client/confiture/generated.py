"""The files of a generated migration: their text, and how they are written, both or none."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from confiture import core, human
from confiture.errors import ConfigurationError, ConfitureError, FileError
from confiture.results_plan import DATA_LOSS, Plan, PlanStatement, hazard_class
from confiture.textfile import shown

NOT_REVERSIBLE = "not reversible"
_BLOCK = ("BEGIN", "COMMIT")


@dataclass(frozen=True)
class Heading:
    """What stands at the top of both files."""

    version: str
    words: str
    source: str
    target: str


def up_text(heading: Heading, plan: Plan) -> str:
    """Return the text of the up script."""
    head = [
        f"Migration {heading.version}: {heading.words}",
        f"Generated from the difference between {heading.source} and {heading.target}.",
        _proof("Proven", plan.proof, "the schema is the wanted one after it"),
    ]
    return _script(head, plan.directive, plan.up)


def down_text(heading: Heading, plan: Plan) -> str:
    """Return the text of the down script, with what it can't bring back."""
    head = [f"The way back of migration {heading.version}: {heading.words}"]
    if plan.down:
        head.append(_proof("Proven", plan.down_proof, "the schema is the one before after it"))
    else:
        head.append("There is none: without a statement here it can't be taken back.")
    if lost := list(irreversible(plan.up)):
        head += ["What it can't bring back:", *(f"  {each}" for each in lost)]
    return _script(head, None, plan.down)


def irreversible(statements: Sequence[PlanStatement]) -> Iterator[str]:
    """Yield what the way back can't bring back."""
    for statement in statements:
        for hazard in statement.hazards:
            if hazard_class(hazard) in (DATA_LOSS, NOT_REVERSIBLE):
                yield hazard.partition(":")[2].strip()


def stepwise(statements: Sequence[PlanStatement]) -> bool:
    """Tell whether statements need more than one transaction."""
    groups = {statement.transaction_group for statement in statements}
    return len(groups) > 1 or any(statement.needs_top_level for statement in statements)


def statement_lines(statement: PlanStatement) -> Iterator[str]:
    """Yield a statement with its hazards above it, the worst one first."""
    for hazard in sorted(statement.hazards, key=lambda each: hazard_class(each) != DATA_LOSS):
        name, colon, rest = hazard.partition(":")
        yield _comment(f"{name.upper() if name == DATA_LOSS else name}{colon}{rest}")
    yield from ended(statement.statement).split("\n")


def ended(statement: str) -> str:
    """Return a statement with its semicolon, which must not be a part of a comment at its end."""
    one = f"{statement};"
    return one if core.scan(one)[-1].ended_by is core.EndedBy.SEMICOLON else f"{statement}\n;"


def write(folder: Path, stem: str, up: str, down: str) -> list[Path]:
    """Write the two files of a migration: both, or none; never over others."""
    names = [folder / f"{stem}.up.sql", folder / f"{stem}.down.sql"]
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    placed: list[Path] = []
    try:
        for name, text in zip(names, (up, down), strict=True):
            written.append(_temporary(folder, name.name, text))
        # The up last: a down alone is never applied.
        for file, name in reversed(list(zip(written, names, strict=True))):
            os.link(file, name)  # fails where the name exists, a rename would not
            placed.append(name)
    except BaseException as problem:
        for name in placed:
            name.unlink(missing_ok=True)
        if isinstance(problem, FileExistsError):
            raise FileError(
                "this file exists already", file=shown(names[len(names) - 1 - len(placed)])
            ) from problem
        if isinstance(problem, OSError):
            raise ConfigurationError(
                f"cannot write {shown(folder)}: {problem.strerror}", file=shown(folder)
            ) from problem
        raise
    finally:
        for file in written:
            with suppress(OSError):
                file.unlink(missing_ok=True)
    return names


def check(text: str, statements: Sequence[PlanStatement]) -> None:
    """Make sure that a script is read as the statements that it was made of."""
    found = [each for each in core.statements(text) if each not in _BLOCK]
    if found != [each.statement.strip() for each in statements]:
        raise ConfitureError(
            "internal error: the script is not read as the statements of the plan",
            hint="This is a bug of Confiture: please report it with the two schemas.",
        )


def _temporary(folder: Path, name: str, text: str) -> Path:
    """Write a file under a name that no command looks at."""
    handle, path = tempfile.mkstemp(prefix=f".{name}.", suffix=".new", dir=folder)
    with open(handle, "w", encoding="utf-8", newline="\n") as file:  # noqa: PTH123
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    place = Path(path)
    mask = os.umask(0)
    os.umask(mask)
    place.chmod(0o666 & ~mask)
    return place


def _script(head: Sequence[str], directive: str | None, statements: Sequence[PlanStatement]) -> str:
    lines = [_comment(text) for text in head]
    given = (directive, "transaction=off" if stepwise(statements) else None)
    lines += [f"-- confiture: {each}" for each in given if each]
    for _, group in groupby(statements, lambda each: each.transaction_group):
        together = list(group)
        block = stepwise(statements) and len(together) > 1
        lines += ["", "BEGIN;"] if block else []
        for statement in together:
            lines += ["", *statement_lines(statement)]
        lines += ["", "COMMIT;"] if block else []
    return "".join(f"{line}\n" for line in lines)


def _comment(text: str) -> str:
    """Return a text as one comment; a name in it may hold anything, the end of a line as well."""
    return "-- " + text.replace("\r", "\\r").replace("\n", "\\n")


def _proof(word: str, proof: Mapping[str, object] | None, what: str) -> str:
    if proof is None:
        return "NOT PROVEN."
    if not proof.get("proven"):
        return f"NOT PROVEN: {unproven(proof)}."
    return f"{word} on a copy: {what}."


def unproven(proof: Mapping[str, object]) -> str:
    """Say in a few words why a proof failed."""
    failed = proof.get("failed")
    if isinstance(failed, Mapping):
        return f"statement {failed.get('ordinal')} fails: {failed.get('message')}"
    for key, noun in (("differences", "difference"), ("not_preserved", "object")):
        found = proof.get(key)
        if isinstance(found, list) and found:
            what = "left" if key == "differences" else "not preserved"
            return f"{human.count(len(found), noun)} {what}"
    return "no reason given"
