"""The rules of intents once more, slow and plain: what an intent claims, what that reaches, what collides.

Written from what the documentation says, not from the tables and functions that do the work; only the names
of the test's own schema are known here, so that nothing has to be looked up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

SCHEMA = """
CREATE SCHEMA app;
CREATE TYPE app.mood AS ENUM ('good', 'bad');
CREATE TABLE app.customers (id integer PRIMARY KEY, email text);
CREATE TABLE app.orders (id integer, customer_id integer CONSTRAINT orders_customer REFERENCES app.customers,
    total numeric, state app.mood);
CREATE TABLE app."Order Lines" (id integer, "a.b" text);
CREATE TABLE app.events (k integer, day date) PARTITION BY LIST (k);
CREATE TABLE app.events_1 PARTITION OF app.events FOR VALUES IN (1);
CREATE TABLE public.notes (id integer, body text);
CREATE INDEX orders_total ON app.orders (total);
CREATE SEQUENCE app.numbers;
CREATE VIEW app.unpaid AS SELECT id, total FROM app.orders;
CREATE VIEW app.report AS SELECT id FROM app.unpaid;
CREATE FUNCTION app.sum_of(integer) RETURNS numeric
    BEGIN ATOMIC SELECT sum(total) FROM app.orders WHERE customer_id = $1; END;
CREATE FUNCTION app.twice(integer) RETURNS integer LANGUAGE sql AS 'SELECT 2 * $1';
CREATE FUNCTION app.twice(text) RETURNS text LANGUAGE sql AS 'SELECT $1 || $1';
CREATE FUNCTION app.fire() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER on_note BEFORE INSERT ON public.notes EXECUTE FUNCTION app.fire();
SET LOCAL search_path = app, public;
"""

# Weak to strong: of two actions of one intent on one object the stronger one counts.
ACTIONS = ["read", "reference", "write", "affected", "touch", "alter", "create", "drop"]
SEVERITIES = ["info", "warning", "error"]
PARTS = ("column", "constraint", "trigger", "policy", "rule")
CHANGES = ("touch", "alter", "create", "drop")


class Thing(NamedTuple):
    """An object, or a part of one. Relations and types share their names."""

    schema: str | None
    name: str
    arguments: str | None = None
    part: str = ""
    part_kind: str = ""
    family: str = "relation"  # or routine, schema

    @property
    def anchor(self) -> tuple[str, str | None, str]:
        """What it is locked and looked up by: the whole, whatever its arguments are."""
        return (self.family, self.schema, self.name)

    @property
    def whole(self) -> Thing:
        """What it is a part of; or itself."""
        return self._replace(part="", part_kind="")

    @property
    def display(self) -> str:
        """What it is called."""
        names = [self.schema, self.name, self.part or None]
        return ".".join(quoted(name) for name in names if name)


def quoted(name: str) -> str:
    """A name as it is written in SQL."""
    return name if name.replace("_", "a").isalnum() and name.islower() else f'"{name}"'


def column(table: Thing, name: str) -> Thing:
    """A column of a table."""
    return table._replace(part=name, part_kind="column")


def routine(name: str, arguments: str | None) -> Thing:
    """A function."""
    return Thing("app", name, arguments, family="routine")


def schema(name: str) -> Thing:
    """A schema."""
    return Thing(None, name, family="schema")


CUSTOMERS, ORDERS = Thing("app", "customers"), Thing("app", "orders")
EVENTS, PARTITION = Thing("app", "events"), Thing("app", "events_1")
LINES, NOTES = Thing("app", "Order Lines"), Thing("public", "notes")
UNPAID, REPORT, INDEX = Thing("app", "unpaid"), Thing("app", "report"), Thing("app", "orders_total")
NUMBERS, MOOD = Thing("app", "numbers"), Thing("app", "mood")
SUM_OF, FIRE = routine("sum_of", "integer"), routine("fire", "")
TWICE = [routine("twice", "integer"), routine("twice", "text")]
ON_NOTE = NOTES._replace(part="on_note", part_kind="trigger")

KINDS = {
    **dict.fromkeys([CUSTOMERS, ORDERS, EVENTS, PARTITION, LINES, NOTES], "table"),
    **dict.fromkeys([UNPAID, REPORT], "view"),
    INDEX: "index",
    Thing("app", "customers_pkey"): "index",
    NUMBERS: "sequence",
    MOOD: "type",
    **dict.fromkeys([SUM_OF, FIRE, *TWICE], "function"),
    schema("app"): "schema",
    schema("public"): "schema",
}
COLUMNS = {
    CUSTOMERS: ["id", "email"],
    ORDERS: ["id", "customer_id", "total", "state"],
    EVENTS: ["k", "day"],
    PARTITION: ["k", "day"],
    LINES: ["id", "a.b"],
    NOTES: ["id", "body"],
    UNPAID: ["id", "total"],
    REPORT: ["id"],
}
KEY = CUSTOMERS._replace(part="customers_pkey", part_kind="constraint")
KEY_INDEX = Thing("app", "customers_pkey")
OTHER_PARTS = {ORDERS._replace(part="orders_customer", part_kind="constraint"), ON_NOTE, KEY}
# What depends on a thing; on the whole of a table is what depends on any of its columns.
DEPENDENTS = [
    (column(ORDERS, "id"), UNPAID),
    (column(ORDERS, "total"), UNPAID),
    (column(ORDERS, "total"), INDEX),
    (column(ORDERS, "total"), SUM_OF),
    (column(ORDERS, "customer_id"), SUM_OF),
    (column(UNPAID, "id"), REPORT),
    (MOOD, column(ORDERS, "state")),
    (FIRE, ON_NOTE),
    (KEY, KEY_INDEX),
]
# A foreign key depends on its columns, and on the key that it refers to.
FOREIGN_KEY = (column(ORDERS, "customer_id"), column(CUSTOMERS, "id"), KEY, KEY_INDEX)


def exists(thing: Thing) -> bool:
    """Tell whether something is there before a script runs."""
    if thing.part_kind == "column":
        return thing.part in COLUMNS.get(thing.whole, [])
    return thing in KINDS or thing in OTHER_PARTS


@dataclass(frozen=True)
class Claim:
    """What one intent says of one thing."""

    thing: Thing
    kind: str
    action: str
    source: str
    bare: bool = False  # the whole, and nothing is said of its parts


@dataclass
class _Item:
    """What was said of a thing so far."""

    kind: str
    declared: str | None = None
    parsed: str | None = None
    created: bool = False
    dropped: bool = False
    absent: bool = False
    replaced: bool = False  # as a whole: nothing of its parts is worth a word

    @property
    def action(self) -> str | None:
        return stronger(self.declared, self.parsed)


def stronger(a: str | None, b: str | None) -> str | None:
    """The stronger of two actions."""
    return max(a, b, key=ACTIONS.index) if a and b else a or b


def of_whole(action: str) -> str:
    """What an action on a part means for the whole: a change of a part touches it."""
    return "touch" if action in CHANGES else action


@dataclass
class Claims:
    """Collects the claims of one intent: of its script, statement by statement; then of its names."""

    items: dict[Thing, _Item] = field(default_factory=dict)

    def _item(self, thing: Thing, kind: str) -> _Item:
        return self.items.setdefault(thing, _Item(thing.part_kind or KINDS.get(thing, kind)))

    def _parsed(self, thing: Thing, kind: str, action: str) -> _Item:
        item = self._item(thing, kind)
        if thing.part:
            self._use(thing.whole, kind, of_whole(action))
        item.parsed = action
        return item

    def _use(self, thing: Thing, kind: str, action: str) -> None:
        """A statement does something with a thing that stays what it is."""
        item = self._item(thing, kind)
        # What the script has made and dropped again was never there.
        if not item.dropped or item.parsed:
            self._parsed(thing, kind, stronger(item.parsed, action) or action)

    def _skip_part(self, thing: Thing) -> bool:
        """What is said of the parts of something new or gone goes without saying."""
        return bool(thing.part) and thing.whole in self.items and self.items[thing.whole].replaced

    def use(self, action: str, thing: Thing, kind: str = "table") -> None:
        """A statement reads, references, writes, touches or alters."""
        if not self._skip_part(thing):
            self._use(thing, kind, action)

    def create(self, thing: Thing, kind: str = "table", clash: str = "fails") -> None:
        """A statement creates: fails, skips (IF NOT EXISTS) or replaces (OR REPLACE) when it is there."""
        if self._skip_part(thing):
            return
        item = self._item(thing, kind)
        if item.created:
            return
        if item.dropped:
            self._parsed(thing, kind, "create" if item.absent else "alter")
        elif clash == "replaces" and exists(thing):
            self._use(thing, kind, "alter")
            item.replaced = True
            return
        elif clash == "skips" and exists(thing):
            self._use(thing, kind, "reference")
            return
        else:
            item.absent = not exists(thing)
            self._parsed(thing, kind, "create")
        item.created, item.dropped, item.replaced = True, False, True

    def drop(self, thing: Thing, kind: str = "table", *, if_exists: bool = False) -> None:
        """A statement drops."""
        if self._skip_part(thing):
            return
        item = self._item(thing, kind)
        if item.created and item.absent:
            item.parsed = None
        else:
            if not item.created and not item.dropped and if_exists and not exists(thing):
                item.absent = True
            self._parsed(thing, kind, "drop")
        item.created, item.dropped, item.replaced = False, True, True

    def declare(self, action: str, thing: Thing, kind: str = "table") -> None:
        """The caller names it."""
        item = self._item(thing, kind)
        if thing.part:
            self.declare(of_whole(action), thing.whole, kind)
        elif action in ("create", "drop"):
            item.replaced = True
        item.declared = stronger(item.declared, action)

    def _imply(self, by: _Item, thing: Thing, kind: str, action: str) -> None:
        if by.declared and by.declared == by.action:
            self.declare(action, thing, kind)
        else:
            self._use(thing, kind, action)

    def _counts(self, thing: Thing) -> bool:
        owner = self.items.get(thing.whole) if thing.part else None
        return self.items[thing].action is not None and not (owner and owner.replaced)

    def finish(self) -> list[Claim]:
        """Return the claims, with what they imply and reach."""
        index = self.items.get(INDEX)
        if index and index.action in CHANGES:
            self._imply(index, ORDERS, "table", "touch")
        for thing in [thing for thing in self.items if self._counts(thing) and thing.schema]:
            self._imply(self.items[thing], schema(str(thing.schema)), "schema", "reference")
        claims = [
            Claim(
                thing, item.kind, str(item.action), "declared" if item.declared == item.action else "parsed"
            )
            for thing, item in self.items.items()
            if self._counts(thing)
        ]
        # What is only reached does not say which parts are meant.
        parted = {claim.thing.anchor for claim in claims if claim.thing.part}
        claims += affected(claims)
        return [
            Claim(c.thing, c.kind, c.action, c.source, not c.thing.part and c.thing.anchor not in parted)
            for c in claims
        ]


def _reached(changed: Thing) -> Iterator[Thing]:
    """What depends on a thing, at first hand."""
    for on, dependent in DEPENDENTS:
        if on == changed or (not changed.part and on == column(changed, on.part)):
            yield dependent
    if changed.whole == EVENTS:
        yield PARTITION
    if any(changed in (end, end.whole) for end in FOREIGN_KEY):
        yield from (ORDERS, CUSTOMERS)


def _overloads(thing: Thing) -> list[Thing]:
    """The routines that a name means: all of them, unless it is that of one."""
    if thing.family != "routine" or thing in KINDS:
        return []
    return [other for other in KINDS if other.anchor == thing.anchor]


def affected(claims: list[Claim]) -> list[Claim]:
    """What depends on the changed things that exist; a partition goes with its table."""
    found: dict[Thing, str] = {}
    for claim in claims:
        thing, action = claim.thing, claim.action
        if (thing.part_kind not in ("", "column") and thing != KEY) or not (
            exists(thing) or _overloads(thing)
        ):
            continue
        if action == "touch" and thing == EVENTS:
            found.setdefault(PARTITION, "affected")
        if action not in ("alter", "drop"):
            continue
        todo, done = _overloads(thing) or [thing], set[Thing]()
        while todo:
            node = todo.pop()
            for dependent in _reached(node):
                # A foreign key tells its two tables, and goes no further.
                if dependent in (ORDERS, CUSTOMERS):
                    found.setdefault(dependent, "affected")
                elif dependent not in done:
                    done.add(dependent)
                    todo.append(dependent)
        for dependent in done:
            gone = action == "drop" and thing == EVENTS and dependent == PARTITION
            if gone or dependent not in found:
                found[dependent] = "drop" if gone else "affected"
    return [
        Claim(thing, thing.part_kind or KINDS[thing], action, "affected")
        for thing, action in found.items()
        if not any(_says_it(c, thing, action) for c in claims)
    ]


def _says_it(claim: Claim, thing: Thing, action: str) -> bool:
    """Tell whether a claim on a thing, or on its whole, is more than that it is affected or goes."""
    if claim.thing.anchor != thing.anchor or claim.thing[3:5] not in (("", ""), thing[3:5]):
        return False
    if claim.action == "drop" or action == "drop":
        return claim.action == "drop"
    return claim.action == "alter" or (claim.action in ("touch", "create") and claim.thing[3:5] == thing[3:5])


class Verdict(NamedTuple):
    """How two actions on one thing get on with each other; type None: by the kind of the thing."""

    severity: str
    type: str | None


def verdict(kind: str, a: str, b: str) -> Verdict | None:
    """Two intents do something with the same thing."""
    both = {a, b}
    weaker = min(a, b, key=ACTIONS.index)
    if not both & set(CHANGES):
        # Only used on both sides: rows may be written twice.
        return Verdict("info", None) if both == {"write"} else None
    if "drop" in both:
        if both == {"drop"}:
            return Verdict("error", None)
        return Verdict("warning" if weaker == "affected" else "error", "drop_use")
    if "create" in both:
        if both == {"create"}:
            return Verdict("error", None)
        return Verdict("info" if weaker == "read" else "warning", "dependency")
    if "alter" in both:
        if both == {"alter"}:
            # Of a table nobody knows which columns.
            return Verdict("warning" if kind in ("table", "type", "domain") else "error", None)
        if weaker in ("write", "touch"):
            return Verdict("warning", None)
        return Verdict("info" if weaker == "read" else "warning", "dependency")
    if both == {"touch"}:
        return Verdict("info", None)
    return Verdict("info", "dependency") if weaker == "affected" else None


def part_verdict(change: str, use: str) -> Verdict | None:
    """One changes a column, the other uses the table and does not say which of its columns."""
    if change == "drop":
        severity = {"read": "warning", "write": "warning", "reference": "info"}.get(use)
    else:
        severity = {"read": "info", "write": "info"}.get(use) if change == "alter" else None
    return Verdict(severity, "dependency") if severity else None


def type_of(kind: str) -> str:
    """The type of a conflict about a thing."""
    if kind in ("column", "constraint", "trigger", "policy", "index", "sequence", "schema"):
        return kind
    return {"table": "table", "view": "view", "type": "type", "function": "function"}.get(kind, "object")


class Hit(NamedTuple):
    """One object in a conflict."""

    object: str
    action: str
    other_action: str
    severity: str


@dataclass(frozen=True)
class Conflict:
    """What one intent is told of another one, of one type."""

    other: int
    type: str
    severity: str
    hits: frozenset[Hit]


@dataclass(frozen=True)
class Intent:
    """What there is to know for the finder. The window is in minutes from now."""

    number: int
    agent: str
    claims: tuple[Claim, ...]
    starts: int | None = None
    lasts: int | None = None


def window_overlaps(a: Intent, b: Intent) -> bool:
    """Both have announced a time, and it is the same."""
    if a.lasts is None or b.lasts is None:
        return False
    return (a.starts or 0) < (b.starts or 0) + b.lasts and (b.starts or 0) < (a.starts or 0) + a.lasts


def _hits(new: Intent, old: Intent) -> Iterator[tuple[Claim, Thing, Claim, Verdict]]:
    for mine in new.claims:
        for theirs in old.claims:
            if mine.thing.anchor != theirs.thing.anchor:
                continue
            part, other_part = mine.thing[3:5], theirs.thing[3:5]
            found = None
            if part == other_part:
                found = verdict(mine.kind, mine.action, theirs.action)
                arguments = {mine.thing.arguments, theirs.thing.arguments}
                if found and None not in arguments and len(arguments) > 1:
                    found = Verdict("info", found.type)  # another overload is another function
                if (
                    not mine.thing.part
                    and {mine.action, theirs.action} <= set(CHANGES)
                    and window_overlaps(new, old)
                ):
                    yield mine, mine.thing, theirs, Verdict("warning", "timing")
            elif mine.kind == "column" and theirs.bare:
                found = part_verdict(mine.action, theirs.action)
            elif theirs.kind == "column" and mine.bare:
                found = part_verdict(theirs.action, mine.action)
            if found:
                yield mine, mine.thing if mine.thing.part else theirs.thing, theirs, found


def conflicts(new: Intent, others: Iterable[Intent]) -> list[Conflict]:
    """What an intent is told when it is registered after others: the worst first."""
    found: list[Conflict] = []
    for old in others:
        if old.agent == new.agent:
            continue
        hits = list(_hits(new, old))
        parted = {thing.anchor for _, thing, _, _ in hits if thing.part}
        by_type: dict[str, set[Hit]] = {}
        for mine, thing, theirs, how in hits:
            # That both change parts of a table is no news where a part is told of.
            if mine.action == theirs.action == "touch" and how.type is None and thing.anchor in parted:
                continue
            by_type.setdefault(how.type or type_of(mine.kind), set()).add(
                Hit(thing.display, mine.action, theirs.action, how.severity)
            )
        found += [
            Conflict(old.number, kind, worst(hit.severity for hit in group) or "", frozenset(group))
            for kind, group in by_type.items()
        ]
    return sorted(found, key=lambda c: (-SEVERITIES.index(c.severity), c.other, c.type))


def worst(severities: Iterable[str]) -> str | None:
    """The worst severity, or none."""
    return max(severities, key=SEVERITIES.index, default=None)
