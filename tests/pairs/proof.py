"""What the difference between two schemas must do: there, back, and from nothing."""

from __future__ import annotations

import contextlib
import fnmatch
import json
import re
import subprocess
from typing import Any

import psycopg

from .compare import Snapshot, compare_dumps
from .pair import EXPECTATIONS, Pair
from .server import EMPTY, Database, Failed, Kept, Server, Statement


class Report:
    """What happened with a pair."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.lines: list[str] = []
        self.failures: list[str] = []

    @property
    def ok(self) -> bool:
        return not self.failures

    def say(self, title: str, lines: list[Any]) -> None:
        self.lines.append(f"--- {title}")
        self.lines += [str(line) for line in lines] or ["  (nothing)"]

    def fail(self, title: str, lines: list[str] | None = None) -> None:
        self.failures.append(title)
        self.lines.append(f"*** {title}")
        self.lines += lines or []

    def __str__(self) -> str:
        head = f"=== {self.pair.name} ({self.pair.file}:{self.pair.line}): {'ok' if self.ok else 'FAILED'}"
        return "\n".join([head, *self.lines])


class Trial:
    """One pair, tried."""

    def __init__(self, server: Server, pair: Pair, full: bool = True) -> None:
        self.server = server
        self.pair = pair
        self.full = full  # or: pg_dump of the way there only, and the larger side from nothing
        self.report = Report(pair)

    def check(self) -> Report:
        """Only load both sides."""
        for which, text in (("from", self.pair.source), ("to", self.pair.target)):
            with self.server.database() as database:
                self._load(database, which, text)
        return self.report

    def _load(self, database: Database, which: str, text: str) -> bool:
        try:
            database.load(self.pair.base)
            database.load(text)
        except psycopg.Error as error:
            self.report.fail(f"{which} does not load: {str(error).strip()}")
            return False
        return True

    def run(self) -> Report:
        """There, back, and from nothing."""
        try:
            with self.server.database() as a, self.server.database() as b:
                if self._load(a, "from", self.pair.source) and self._load(b, "to", self.pair.target):
                    self._there_and_back(a, b)
        except (Failed, psycopg.Error, subprocess.CalledProcessError) as error:
            self.report.fail(f"{type(error).__name__}: {error} {getattr(error, 'stderr', '') or ''}")
        return self.report

    def _there_and_back(self, a: Database, b: Database) -> None:
        pair, report, major = self.pair, self.report, self.server.major
        source, target = a.snapshot(), b.snapshot()
        for which, snapshot in (("from", source), ("to", target)):
            if snapshot.unmodelled:
                report.fail(f"{which} has objects that no snapshot knows: {snapshot.unmodelled}")
        first_dump = "" if pair.skip_dump or not self.full else a.dump()
        same = self._equal(a, b, source, target)
        if self._step(a, "there", source, target, b, pair.options, pair.expected(False, major), same):
            if not pair.skip_dump:
                self._dumps("there", a.dump(), b.dump(), a, b)
            options = pair.options if pair.options_back is None else pair.options_back
            # The way back starts where the way there has led.
            start = a.snapshot() if pair.normal_form else target
            with contextlib.ExitStack() as stack:
                original: Database | None = None
                if pair.normal_form:
                    original = stack.enter_context(self.server.database())
                    self._load(original, "from", pair.source)
                    same = self._equal(a, original, start, source)
                good = not pair.no_way_back and self._step(
                    a, "back", start, source, original, options, pair.expected(True, major), same
                )
                if good and first_dump:
                    self._dumps("back", a.dump(), first_dump, a, original)
        with self.server.database() as c:
            small = len(source.facts) < len(target.facts)
            for side, snapshot, database in (("from", source, a), ("to", target, b)):
                if self.full or (side == "to") == small:
                    if not self._step(c, f"from nothing to {side}", None, snapshot, database, "{}", [], []):
                        break
                    if not self._step(c, f"from {side} back to nothing", snapshot, None, None, "{}", [], []):
                        break

    def _step(
        self,
        database: Database,
        title: str,
        source: Snapshot | None,
        target: Snapshot | None,
        example: Database | None,
        options: str,
        expectations: list[str],
        same: list[str],
    ) -> bool:
        """Plan, run, compare; example is a database that has the target."""
        report = self.report
        if same:
            options = json.dumps(json.loads(options) | {"equal": same})
        plan: list[Statement] = []
        refused = [e.removeprefix("refused ") for e in expectations if e.startswith("refused ")]
        try:
            plan = self.server.diff(
                source.text if source else EMPTY, target.text if target else EMPTY, options
            )
            report.say(f"plan {title}", plan)
            both = source.columns(target) if source and target else {}
            kept = database.kept() if source and target else {}
            rows = database.rows(both)
            database.run(plan)
        except Failed as error:
            if any(text in str(error) for text in refused):
                report.say(f"no plan {title}", [error])
                return False
            report.fail(f"{title}: {error}")
            return False
        if target is None and database.size() == self.server.size:
            return True
        if refused:
            report.fail(f"{title}: expected to be refused")
        found = database.snapshot()
        wanted = target or self.server.empty
        good = True
        if found != wanted:
            if self.pair.normal_form and example is not None:
                same = self._equal(database, example, found, wanted)
                left = [name for name in found.differing(wanted) if name not in same]
            else:
                left = found.differing(wanted)
            if self.pair.stays:
                left = [name for name in left if not found.equal_but(wanted, name, self.pair.stays)]
            if left:
                good = False
                report.fail(f"{title}: facts differ afterwards", found.differences(wanted))
        if source is None and found.unfilled() != wanted.unfilled():
            good = False
            report.fail(f"{title}: not filled are {found.unfilled()}, wanted {wanted.unfilled()}")
        try:
            second = self.server.diff(
                found.text,
                target.text if target else EMPTY,
                json.dumps(_without_renames(options) | {"equal": same}),
            )
            if second:
                good = False
                report.fail(f"{title}: the second plan is not empty", [str(s) for s in second])
        except Failed as error:
            good = False
            report.fail(f"{title}, the second plan: {error}")
        if source and target:
            self._survival(title, plan, source, target, kept, database.kept(), expectations)
            after = database.rows(both)
            lost = [
                f"  {table}: {rows[table]} before, {after[table]} afterwards"
                for table in both
                if rows[table] != after[table] and f"rows lost {table}" not in expectations
            ]
            if lost:
                report.fail(f"{title}: rows (count, digest) differ", lost)
            self._expectations(title, plan, expectations)
        return good

    def _survival(
        self,
        title: str,
        plan: list[Statement],
        source: Snapshot,
        target: Snapshot,
        before: Kept,
        after: Kept,
        expectations: list[str],
    ) -> None:
        hazards = [hazard for statement in plan for hazard in statement.hazards]
        renamed = set(json.loads(self.pair.options).get("renames", {}))
        wrong = []
        for name, (oid, node) in before.items():
            was, becomes = source.facts.get(name), target.facts.get(name)
            if was is None or becomes is None or name not in after or name in renamed:
                continue
            if was.get("parent") != becomes.get("parent"):
                continue  # of a table that became a foreign one
            must = name.startswith(("table ", "foreign table ", "column ", "sequence "))
            remade = any(_matches(name, e, "remade ") for e in expectations)
            if self.pair.may_remake and must and after[name][0] != oid:
                remade = True
            must = must or any(_matches(name, e, "kept ") for e in expectations)
            changed = after[name][0] != oid
            if remade and not changed:
                wrong.append(f"  {name} is kept, and was expected to be made anew")
            elif changed and must and not remade:
                wrong.append(f"  {name} was made anew")
            elif changed and remade and not hazards:
                wrong.append(f"  {name} was made anew, and no hazard says so")
            told = any(h.startswith(("rewrite:", "data loss:")) for h in hazards)
            if name.startswith("table ") and not changed and after[name][1] != node and not told:
                wrong.append(f"  {name} was written anew, and no hazard says so")
        if wrong:
            self.report.fail(f"{title}: not preserved", wrong)

    def _expectations(self, title: str, plan: list[Statement], expectations: list[str]) -> None:
        hazards = [hazard for statement in plan for hazard in statement.hazards]
        texts = [" ".join(statement.text.split()) for statement in plan]
        for expectation in expectations:
            word = max((e for e in EXPECTATIONS if (expectation + " ").startswith(e + " ")), key=len)
            what = expectation[len(word) :].strip()
            held = {
                "hazard": any(h.startswith(what + ":") for h in hazards),
                "no hazard": not any(h.startswith(what + ":") for h in hazards) if what else not hazards,
                "statement": any(what in text for text in texts),
                "no statement": not any(what in text for text in texts),
                "empty": not plan,
            }.get(word, True)
            if not held:
                self.report.fail(f"{title}: expected {expectation}")

    def _equal(self, a: Database, b: Database, mine: Snapshot, its: Snapshot) -> list[str]:
        """Return what differs only until both have gone through pg_dump: the normal form."""
        if not self.pair.normal_form:
            return []
        return normal_form(a, b, mine, its)

    def _dumps(self, title: str, found: str, wanted: str, a: Database, b: Database | None) -> None:
        different = compare_dumps(found, wanted, self.pair.reordered)
        if different and self.pair.normal_form and b is not None:
            different = compare_dumps(a.restored_dump(), b.restored_dump(), self.pair.reordered)
        if different:
            hint = ""
            if not self.pair.reordered and not compare_dumps(found, wanted, True):
                hint = " (only in the order of columns: -- columns: reordered)"
            self.report.fail(f"{title}: pg_dump differs{hint}", different)


def _matches(name: str, expectation: str, word: str) -> bool:
    return expectation.startswith(word) and fnmatch.fnmatchcase(name, expectation.removeprefix(word))


def _without_renames(options: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(options)
    value.pop("renames", None)
    return value


def rebuild(server: Server, database: Database) -> list[str]:
    """Make the schema of a database from nothing, take it away again; say what went wrong."""
    snapshot = database.snapshot()
    wrong = [f"  no snapshot knows {name}" for name in snapshot.unmodelled]
    with server.database() as copy:
        try:
            copy.run(server.diff(EMPTY, snapshot.text))
            found = copy.snapshot()
            if found != snapshot:
                left = set(found.differing(snapshot)) - set(normal_form(copy, database, found, snapshot))
                wrong += [line for line in found.differences(snapshot) if any(name in line for name in left)]
            if not wrong:
                wrong += compare_dumps(
                    without_secrets(copy.restored_dump()), without_secrets(database.restored_dump()), False
                )
            copy.run(server.diff(found.text, EMPTY))
            wrong += copy.snapshot().differences(server.empty)
        except Failed as error:
            wrong.append(str(error))
    return wrong


def without_secrets(dump: str) -> str:
    """Leave out what no snapshot has: options of user mappings, subscriptions, Confiture itself."""
    kept = [
        part
        for part in re.split(r"(?=^--\n-- Name: )", dump, flags=re.MULTILINE)
        if not re.search(
            r"^-- Name: .*(Type: (USER MAPPING|SUBSCRIPTION);|confiture_py; Type|EXTENSION confiture_py;)",
            part,
            re.MULTILINE,
        )
    ]
    return "".join(kept)


def normal_form(a: Database, b: Database, mine: Snapshot, its: Snapshot) -> list[str]:
    """Return what differs only until both have gone through pg_dump."""
    differing = mine.differing(its)
    if not differing:
        return []
    first = a.restored()
    try:
        second = b.restored()
        try:
            still = set(first.snapshot().differing(second.snapshot()))
        finally:
            second.drop()
    finally:
        first.drop()
    return [name for name in differing if name not in still]
