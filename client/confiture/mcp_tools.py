"""What the tools of ``confiture mcp`` are called, take and mean: written for a language model."""

from __future__ import annotations

import difflib
import inspect
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from confiture.errors import UsageError

Json = dict[str, Any]


def prose(text: str) -> str:
    """Return text with the lines of each paragraph joined; those of a list stay."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(re.sub(r"\n(?!\d)\s*", " ", paragraph) for paragraph in paragraphs)


INSTRUCTIONS: Final = prose(
    """
    Confiture coordinates changes of a PostgreSQL schema between people, CI jobs and agents that work on it
    at the same time, and shows what a change would do before it runs.

    Before you write or run anything that changes the schema (CREATE, ALTER, DROP, a migration):
    1. intent_check with what you are about to touch. free = false: somebody else is at it. Read the
    conflicts, then narrow your change, intent_wait, or ask your user. Do not go on as if nothing was there.
    2. intent_register says to everybody what you will do. Keep the id; put it into the migration file as
    `-- confiture: intent=ID`.
    3. Write the change; try it with analyze (executes nothing), then with dry_run (runs it, rolls it back).
    4. intent_complete when the change is written, and again with merged = true when it has reached the main
    branch; intent_abandon when you give it up. An intent that is left open holds others up until it expires.
    """
)
NAMED: Final = prose(
    """You act as the agent "{}". Leave the argument `agent` out, unless several agents share this
    server."""
)
UNNAMED: Final = prose(
    """This server was given no name for you (--agent-id): you act as the role of the database. If other
    agents use the same role, pass a name of your own as `agent` in every call, always the same one: the
    intents of one agent never conflict with each other."""
)


@dataclass(frozen=True)
class Tool:
    """One tool: its JSON Schema is built from ``arguments``."""

    name: str
    title: str
    description: str
    arguments: Mapping[str, Json] = field(default_factory=dict)
    needed: tuple[str, ...] = ()
    reads_only: bool = False

    @property
    def schema(self) -> Json:
        """The JSON Schema of the arguments."""
        return {
            "type": "object",
            "properties": dict(self.arguments),
            "required": [*self.needed],
            "additionalProperties": False,
        }

    def as_dict(self) -> Json:
        """Return what ``confiture mcp --tools --format json`` prints."""
        return {
            "name": self.name,
            "title": self.title,
            "description": prose(self.description),
            "reads_only": self.reads_only,
            "input_schema": self.schema,
        }

    def read(self, arguments: Mapping[str, Any] | None) -> Json:
        """Return the arguments of a call, checked; null is the same as left out."""
        given = {name: value for name, value in (arguments or {}).items() if value is not None}
        for name, value in given.items():
            if name not in self.arguments:
                close = difflib.get_close_matches(name, self.arguments, n=1)
                raise UsageError(
                    f'{self.name} has no argument "{name}"',
                    hint=f'Did you mean "{close[0]}"?' if close else f"It takes: {self._listed()}.",
                )
            given[name] = _fitting(name, value, self.arguments[name])
        for name in self.needed:
            if name not in given:
                raise UsageError(
                    f'{self.name} needs the argument "{name}"', hint=str(self.arguments[name]["description"])
                )
        return given

    def _listed(self) -> str:
        return ", ".join(self.arguments) or "nothing"


_PYTHON: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "array": (list,),
    "object": (dict,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}


def _fitting(name: str, value: Any, schema: Json) -> Any:
    """Return a value that fits its schema; a list or object that came as JSON in a string is read."""
    kind = schema["type"]
    if isinstance(value, str) and kind in ("array", "object"):
        try:
            value = json.loads(value)
        except ValueError:
            value = [value] if kind == "array" else value
    fits = isinstance(value, _PYTHON[kind]) and (kind == "boolean" or not isinstance(value, bool))
    if kind == "array":
        fits = fits and all(isinstance(each, str) for each in value)
    if not fits:
        of = " of strings" if kind == "array" else ""
        raise UsageError(f'"{name}" must be of the type {kind}{of}, not {json.dumps(value)[:80]}')
    if "enum" in schema and value not in schema["enum"]:
        raise UsageError(f'"{name}" must be one of {", ".join(schema["enum"])}, not "{value}"')
    low, high = schema.get("minimum", value), schema.get("maximum", value)
    if kind in ("integer", "number") and not low <= value <= high:
        raise UsageError(f'"{name}" must be from {low} to {high}, not {value}')
    return value


def _text(description: str, **more: Any) -> Json:
    return {"type": "string", "description": prose(description), **more}


def _texts(description: str) -> Json:
    return {"type": "array", "items": {"type": "string"}, "description": prose(description)}


_AGENT: Final = _text(
    """Who is calling. Leave it out, unless several agents share this server: then a name of your own, always
    the same one."""
)
_ID: Final = _text("The id of the intent, as intent_register returned it: int_...")
_TOUCHES: Final[dict[str, Json]] = {
    "tables": _texts("Tables that you will change as a whole or create: users, app.profiles."),
    "objects": _texts(
        """Anything more precise: [ACTION ][KIND:]NAME. ACTION is read, reference, write, alter, create or
        drop (default alter). Examples: "users.email" (a column), "create orders", "drop view:totals",
        "index:idx_users_email", "constraint:users.users_email_key", "function:app.total(int)". The more
        precise the names, the fewer conflicts: name columns instead of the table where you can."""
    ),
    "schema_changes": _text(
        """The SQL that you are going to run, if you have it: the server's own parser reads out of it what it
        touches, and nothing is executed. Best of the three; they can be given together."""
    ),
}
_WHEN: Final[dict[str, Json]] = {
    "starts_at": _text("When it is going to run, if not now: 2026-05-01 14:00+00."),
    "estimated_duration": _text("How long it will take to run: 10 min, 2 h."),
}
_SQL: Final = """SQL, any number of statements. Leave it out to take the migrations of the project that are
    pending, in their order: those in its folder of migrations that are not applied in this database."""
_REPORT: Final = """

    Result: ok (no statement failed) and statements, in order, each with line, statement, command, locks
    (relation, mode, and blocks: what other sessions can't do meanwhile: nothing, writes, or reads and
    writes), rewrites (tables written anew: slow and blocking when large), scans (tables read from end to
    end), warnings (read them: they name the form that does not block), needs_top_level (can't run in a
    transaction), holders (who holds a lock that it would wait for) and error (sqlstate, message, detail,
    hint, line) of the statement that fails; those after it are not looked at."""

TOOLS: Final[tuple[Tool, ...]] = (
    Tool(
        "intent_check",
        "Is anybody else about to change this?",
        """Tells whether somebody else has announced a change that collides with what you are about to do.
        Writes nothing. Call it first, before you plan or write a change of the schema, and again when your
        plan grows.

        Say what you will touch with tables, objects or schema_changes; at least one.

        Result: free; severity (null, info, warning or error: the worst); objects (what your arguments were
        understood as: check that it is what you meant); unseen (parts of the SQL that can't be looked into,
        such as DO blocks); conflicts, each with agent, feature, branch, status and expires_at of the other
        side, type, severity, objects (action is yours, other_action theirs) and a suggestion.

        free = true: go on with intent_register. free = false: do not write the change yet. Follow the
        suggestion: choose another name or column, or intent_wait, or tell your user who is at it. Conflicts
        of severity info are only neighbours and need nothing.""",
        {**_TOUCHES, **_WHEN, "agent": _AGENT},
        reads_only=True,
    ),
    Tool(
        "intent_register",
        "Say what you are about to change",
        """Announces a change of the schema, so that everybody else is told of it. Call it once for each task,
        after intent_check and before you write the change.

        feature says what it is for, in a few words that a person understands. Say what you will touch with
        tables, objects or schema_changes; at least one.

        Result: intent, with its id (keep it), status (registered, or conflicted when somebody was there
        before), queued, expires_at, objects and conflicts. It is registered even when it is conflicted, so
        that the others learn of you. With on_conflict = refuse the call fails with CF003 instead, and
        nothing is registered. With queue it waits for its turn: call intent_wait with its id, and do not
        begin before.

        On a conflict: do not run anything that touches the same objects. Change your plan, wait, or ask
        your user. When you are done or give up, call intent_complete or intent_abandon.""",
        {
            "feature": _text("What it is for, in a few words: user search."),
            **_TOUCHES,
            "on_conflict": _text(
                """When somebody was there before: warn (register all the same; default), refuse (register
                nothing), queue (register, and wait for your turn).""",
                enum=["warn", "refuse", "queue"],
            ),
            "description": _text("More for the others to know."),
            "branch": _text("The branch that you work on; default the one that is checked out here."),
            "expires": _text("After which time nobody is told of it any more: 2 h, 3 days; default a day."),
            "metadata": {"type": "object", "description": 'Anything of your own: {"ticket": "SHOP-12"}.'},
            **_WHEN,
            "agent": _AGENT,
        },
        needed=("feature",),
    ),
    Tool(
        "intent_complete",
        "Say that the change is written",
        """Says that the change of an intent is written (or applied). Others are still told of it, since it is
        not in their branch yet. When it has reached the main branch, call it with merged = true: that ends
        the intent, and whoever waits for it goes on.

        Result: intent. Error CF003: it is queued, and its turn has not come (intent_wait). CF014: its status
        does not allow it, DETAIL says what it allows. CF015: there is no such intent.""",
        {
            "intent_id": _ID,
            "merged": {"type": "boolean", "description": "It has reached the main branch: end the intent."},
            "agent": _AGENT,
        },
        needed=("intent_id",),
    ),
    Tool(
        "intent_abandon",
        "Give a change up",
        """Ends an intent whose change will not be made, and lets whoever waits for it go on. Call it as soon
        as you drop a plan, also before you register a different one for the same task. Files and database
        stay as they are.

        Result: intent. Error CF014: it has ended already. CF015: there is no such intent.""",
        {"intent_id": _ID, "reason": _text("Why, for the history."), "agent": _AGENT},
        needed=("intent_id",),
    ),
    Tool(
        "intent_status",
        "Who is changing what",
        """Shows one intent in full, or the active ones with their conflicts. Call it to see whether your own
        intent is still free of conflicts before you run the change, to find an id that you have lost, or to
        see who else is at work.

        Result with intent_id: intent, with its objects and conflicts. Without: intents, the newest first
        (only those of `of_agent` and touching `object`, if given), and conflicts, all open ones of severity
        warning or error: agent is the newcomer, other_agent was there before.""",
        {
            "intent_id": _ID,
            "of_agent": _text("Only the intents of this agent."),
            "object": _text("Only intents that touch this: users, app.users, users.email."),
            "limit": {
                "type": "integer",
                "minimum": 1,
                "maximum": 1000,
                "description": "How many intents and conflicts at most; default 50.",
            },
        },
        reads_only=True,
    ),
    Tool(
        "intent_wait",
        "Wait until others are done",
        """Waits until nobody else claims something, or until an intent of yours that is queued or conflicted
        has its turn. Other calls go on meanwhile. Give either intent_id, or tables, objects or
        schema_changes.

        Result: free; intent (with intent_id, else null); conflicts. free = false: the time was over;
        conflicts say whose intents stand in the way and until when they last. Call it again, do something
        else first, or tell your user. free = true for names: register at once, others may wait for the
        same.""",
        {
            "intent_id": _ID,
            **_TOUCHES,
            "timeout_seconds": {
                "type": "number",
                "minimum": 0,
                "maximum": 3600,
                "description": "How long; default 45. 0 only looks. Many clients end a call after a minute.",
            },
            "agent": _AGENT,
        },
        reads_only=True,
    ),
    Tool(
        "analyze",
        "Predict what SQL would do",
        """Predicts locks, table rewrites and scans of SQL as the server itself would decide them. Executes
        nothing and takes no lock that anybody waits for: safe everywhere. Call it on every change before
        you propose it, and again after each correction."""
        + _REPORT,
        {"sql": _text(_SQL)},
        reads_only=True,
    ),
    Tool(
        "dry_run",
        "Run SQL, measure it, roll it back",
        """Runs SQL in a transaction that is always rolled back, and reports what each statement did. It finds
        what analyze can't: errors that depend on the data, how long it takes, how many rows. It takes the
        real locks while it runs, and sequences move on: use it on a copy or a development database, and on
        production only when your user wants it. Transaction commands (BEGIN, COMMIT) are refused."""
        + _REPORT
        + """ Also execution_time_ms, rows_affected, wal_bytes, and estimate: how long it takes at the size of
        target_rows.""",
        {
            "sql": _text(_SQL),
            "target_rows": {
                "type": "object",
                "description": "How large tables are where it will really run, for the estimate: "
                '{"public.orders": 50000000}. Only together with sql.',
            },
        },
    ),
    Tool(
        "migrate_status",
        "Which migrations are applied",
        """Lists the migrations of the project and the state of each in this database: applied, pending,
        blocked (one that it depends on is missing), modified (its file was changed after it was applied) or
        orphaned (applied, but its file is gone). Changes nothing. Call it before you write a migration, to
        see the newest version and whether anything is in disorder.

        Result: migrations, in the order of application, summary (how many in each state) and
        compared_with_files (false for a role that may only read).""",
        reads_only=True,
    ),
)
BY_NAME: Final = {tool.name: tool for tool in TOOLS}
