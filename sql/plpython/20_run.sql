-- Running Python: migrations and hooks.

-- Runs a migration or a hook; with direction check it only looks at the source.
--
-- Does not pin search_path, as the other functions of Confiture do: its caller,
-- confiture_execute_python() in the library, has set the path of the session that asked
-- for the migration, and what the migration executes must see that path. So every name
-- in the SQL of this function is written out.
--
-- Returns an error instead of raising it: PL/Python would put a prefix before its message
-- and lose its context. The caller raises it.
CREATE OR REPLACE FUNCTION confiture_py._run(
    kind text, source text, label text, version text, name text, direction text, context jsonb,
    OUT statements integer, OUT rows_affected bigint,
    OUT error_sqlstate text, OUT error_message text, OUT error_detail text, OUT error_hint text,
    OUT error_query text, OUT error_position integer, OUT error_context text)
LANGUAGE plpython3u
AS $python$
import ast
import inspect
import json
import sys
import traceback
import types
from collections.abc import Callable, Sequence
from typing import Any

FILE = f"<{label}>"
BASE = {"migration": "Migration", "hook": "Hook"}.get(kind, "")
METHOD = "run" if kind == "hook" else "down" if direction == "down" else "up"
DATABASE_ERRORS = (plpy.SPIError, plpy.Error)
CANCELLED = "57014"

plpy.execute("SELECT confiture_py._values()")
values = GD["confiture_py.values"]


# What goes wrong


class Refused(Exception):
    """Something that Confiture itself has against a source."""

    def __init__(
        self,
        sqlstate: str,
        message: str,
        detail: str | None = None,
        hint: str | None = None,
        line: int | None = None,
        query: str | None = None,
        position: int | None = None,
    ) -> None:
        super().__init__(message)
        self.sqlstate, self.detail, self.hint = sqlstate, detail, hint
        self.line, self.query, self.position = line, query, position


class Cancelled(BaseException):
    """A statement was cancelled, or ran into statement_timeout: `except Exception` lets it pass."""


def explain(problem: Any, statement: str | None) -> None:
    """Give an error of the server its SQLSTATE, DETAIL and HINT, and the statement it is about."""
    code, detail, hint, query, position = getattr(problem, "spidata", (None,) * 5)[:5]
    state = None if code is None else "".join(chr((code >> 6 * i & 63) + 48) for i in range(5))
    message = str(problem)
    if message.endswith("SPI_ERROR_TRANSACTION"):
        state, message = "CF009", f"{commands(statement)} is not allowed in a {kind} in Python"
        detail = f"Confiture runs the {kind} in a transaction, and ends it."
        hint = "Remove the transaction command. To undo a part, use plpy.subtransaction()."
    elif message.endswith("SPI_ERROR_COPY"):
        state, message = "0A000", f"COPY from stdin or to stdout is not supported in a {kind} in Python"
        hint = "Use INSERT, or a migration in SQL, which may carry the data."
    elif state == "25001" and commands(statement, "s.needs_top_level"):
        state = "CF004"
        hint = "A migration in Python runs in one transaction: put this statement into one in SQL."
    problem.args = (message,)
    problem.sqlstate, problem.detail, problem.hint = state or "38000", detail, hint
    problem.query, problem.position = (query, position) if query else (statement, None)


def commands(sql: str | None, condition: str = "true") -> str:
    """Return the command tags of the statements in a text, for a message."""
    question = "SELECT s.command FROM confiture.statements($1) AS s WHERE " + condition
    try:
        rows = plpy.execute(plpy.prepare(question, ["pg_catalog.text"]), [sql])
    except DATABASE_ERRORS:
        return "this statement"
    return ", ".join(row["command"] for row in rows)


def report(problem: Any) -> dict[str, Any]:
    """Return the columns that describe an exception."""
    places = [
        (line, frame.f_code.co_name)
        for frame, line in traceback.walk_tb(problem.__traceback__)
        if frame.f_code.co_filename == FILE
    ]
    if isinstance(problem, Cancelled):
        problem = problem.__cause__
    if isinstance(problem, plpy.SPIError) and not hasattr(problem, "query"):
        explain(problem, None)  # of plpy, which the source has used itself
    state = getattr(problem, "sqlstate", None) or "38000"
    message, detail, hint = str(problem), getattr(problem, "detail", None), getattr(problem, "hint", None)
    if not isinstance(problem, (Refused, *DATABASE_ERRORS)):
        message = f"{type(problem).__qualname__}: {message}".removesuffix(": ")
        cause = problem.__cause__ or (None if problem.__suppress_context__ else problem.__context__)
        detail = f"It comes from {type(cause).__qualname__}: {cause}" if cause else None
        hint = "\n".join(getattr(problem, "__notes__", ())) or None
    line = getattr(problem, "line", None) or (places[-1][0] if places else None)
    text = source.split("\n")
    lines = [f"Python line {at} in {where}: {text[at - 1].strip()}" for at, where in reversed(places[-10:])]
    lines = lines if len(lines) > 1 else []
    return {
        # XX000 is what plpy.error() has by itself; nothing is wrong with the server.
        "error_sqlstate": "P0001" if state == "XX000" and isinstance(problem, plpy.Error) else state,
        "error_message": storable(message),
        "error_detail": storable(detail),
        "error_hint": storable(hint),
        "error_query": storable(getattr(problem, "query", None)),
        "error_position": getattr(problem, "position", None),
        "error_context": storable("\n".join([*lines, f"{label}, Python line {line}" if line else label])),
    }


def storable(text: str | None) -> str | None:
    """Return a text without what PostgreSQL can't store."""
    return text and text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode("utf-8")


# Executing


class Session:
    """What a run executes, and what it counts."""

    def __init__(self) -> None:
        self.statements = 0
        self.rows = 0
        self.cancelled: Cancelled | None = None
        self.plans: dict[tuple[str | None, ...], tuple[Any, list[str]]] = {}

    def execute(self, sql: str, params: Sequence[Any] | None = None) -> list[dict[str, Any]]:
        """Execute SQL; return the rows of its last statement."""
        if not isinstance(sql, str):
            raise TypeError(f"execute() takes SQL as a str, not as {type(sql).__name__}")
        if "\0" in sql:
            raise ValueError("SQL must not contain NUL")
        if params is None:
            rows: list[dict[str, Any]] = []
            for statement in self.split(sql):
                rows = self.run(statement, plpy.execute, statement)
            return rows
        if not isinstance(params, (list, tuple)):
            problem = TypeError(f"params must be a list or a tuple, not {type(params).__name__}")
            problem.add_note("Parameters are written $1, $2, ... and taken from the list in that order.")
            raise problem
        plan, sql_types = self.plan(sql, params)
        return self.run(
            sql, plan.execute, [values.to_server(*pair) for pair in zip(params, sql_types, strict=True)]
        )

    def split(self, sql: str) -> list[str]:
        """Return the statements of a text; the server counts and measures them one by one."""
        if ";" not in sql.rstrip().rstrip(";"):
            return [sql]
        question = "SELECT s.statement FROM confiture.statements($1) AS s ORDER BY s.ordinal"
        try:
            found = self.guard(sql, plpy.execute, plpy.prepare(question, ["pg_catalog.text"]), [sql])
        except DATABASE_ERRORS:
            return [sql]  # the server says what is wrong with it
        return [row["statement"] for row in found]

    def plan(self, sql: str, params: Sequence[Any]) -> tuple[Any, list[str]]:
        """Return a plan and the types of its parameters; made once for each statement."""
        guesses = [values.type_of(value) for value in params]
        key = (sql, *guesses)
        if key not in self.plans:
            if len(self.plans) >= 100:
                self.plans.clear()
            sql_types = self.find_types(sql, guesses, params)
            self.plans[key] = self.guard(sql, plpy.prepare, sql, sql_types), sql_types
        return self.plans[key]

    def find_types(self, sql: str, guesses: list[str | None], params: Sequence[Any]) -> list[str]:
        """Return the types of the parameters: as the values have them, else as the server finds them."""
        question = "SELECT confiture._parameter_types($1, $2) AS found"
        finder = plpy.prepare(question, ["pg_catalog.text", "pg_catalog.regtype[]"])
        certain = [
            guess or ("text[]" if isinstance(v, (list, tuple)) else "text")
            for guess, v in zip(guesses, params, strict=True)
        ]
        first: Any = None
        for attempt in (guesses, [None] * len(params), certain):
            known = [f"pg_catalog.{sql_type}" if sql_type else "-" for sql_type in attempt]
            try:
                found: list[str] = self.guard(sql, finder.execute, [sql, known])[0]["found"]
                break
            except DATABASE_ERRORS as problem:
                first = first or problem
        else:
            if "$1" not in sql:
                first.hint = first.hint or "Parameters are written $1, $2, ..."
            raise first.with_traceback(None)
        if len(found) != len(params):
            mismatch = TypeError(f"number of parameters ({len(found)}) and of values ({len(params)}) differ")
            mismatch.add_note("Parameters are written $1, $2, ..., without quotes.")
            raise mismatch
        return found

    def run(self, statement: str, function: Callable[..., Any], *arguments: Any) -> list[dict[str, Any]]:
        """Run one statement and count it."""
        result = self.guard(statement, function, *arguments)
        self.statements += 1
        self.rows += result.nrows()
        rows: list[dict[str, Any]] = values.rows_of(result)
        return rows

    def guard(self, statement: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call into the server. An error says which statement it is about; a cancel ends the run."""
        if self.cancelled:
            raise self.cancelled
        try:
            return function(*arguments)
        except DATABASE_ERRORS as problem:
            explain(problem, statement)
            if problem.sqlstate != CANCELLED:
                raise
            self.cancelled = Cancelled()
            raise self.cancelled from problem


session = Session()


# What a source finds in the module confiture


class Script:
    """What migrations and hooks have in common."""

    def execute(self, sql: str, params: Sequence[Any] | None = None) -> list[dict[str, Any]]:
        """Execute SQL, with params for $1, $2, ...; return its rows as dictionaries."""
        return session.execute(sql, params)

    def log(self, text: object) -> None:
        """Send a notice to the client."""
        plpy.notice(storable(f"{label}: {text}"))


class Migration(Script):
    """A migration: derive a class from it, with up(self) and down(self)."""

    version: str
    name: str
    direction: str

    def up(self) -> None:
        """Apply the migration."""
        raise missing(type(self).__name__)

    def down(self) -> None:
        """Take the migration back."""
        raise missing(type(self).__name__)


class Hook(Script):
    """A hook: derive a class from it, with run(self)."""

    context: dict[str, Any]

    def run(self) -> None:
        """Do what the hook is for; self.context says what goes on."""
        raise missing(type(self).__name__)


Migration.version, Migration.name, Migration.direction = version, name, direction
Hook.context = json.loads(context or "{}")
OFFERED: dict[str, Any] = {"Migration": Migration, "Hook": Hook, "DatabaseError": plpy.SPIError}


def missing(class_name: str, line: int | None = None) -> Refused:
    """Say that a class lacks the method it is run by."""
    if METHOD == "down":
        return Refused(
            "CF007",
            f'migration {version} "{name}" has no way back',
            f"Its class {class_name} has no method down().",
            "Undo it by hand, then SELECT confiture.forget(version).",
            line,
        )
    return Refused(
        "42P17", f"class {class_name} has no method {METHOD}()", None, f"Write: def {METHOD}(self): ...", line
    )


# From the source to its class


def parse() -> tuple[ast.Module, types.CodeType]:
    """Return the syntax tree of the source and its code."""
    text = source.removeprefix("\ufeff")
    try:
        tree = ast.parse(text, FILE)
        return tree, compile(tree, FILE, "exec", dont_inherit=True)
    except SyntaxError as problem:
        line = problem.lineno or 1
        start = sum(len(before) + 1 for before in text.split("\n")[: line - 1])
        position = min(start + (problem.offset or 1), len(text) + 1)
        raise Refused(
            "42601",
            f"syntax error in Python: {problem.msg}",
            line=line,
            query=text,
            position=max(position, 1),
        ) from None


def only_class(found: list[str], lines: dict[str, int]) -> str:
    """Return the one class of the found ones that none of the others derives from."""
    if not found:
        raise Refused(
            "42P17",
            f"there is no class that derives from {BASE}",
            hint=f"Write: class NAME({BASE}): def {METHOD}(self): ...",
        )
    if len(found) > 1:
        places = ", ".join(f"{each} (line {lines.get(each)})" for each in found)
        raise Refused(
            "42P17",
            f"{len(found)} classes derive from {BASE}",
            f"They are: {places}.",
            f"Keep one class in a {kind}.",
            lines.get(found[1]),
        )
    return found[0]


def run(tree: ast.Module, code: types.CodeType) -> None:
    """Run the source as a module, and then the method of its class."""
    module = types.ModuleType(f"confiture_{kind}")
    module.__file__ = FILE
    module.__dict__.update(OFFERED)
    offer = types.ModuleType("confiture")
    offer.__dict__.update(OFFERED)
    # The module stands in sys.modules like any other: dataclasses and pickle look for it.
    ours = {"confiture": offer, "confiture_py": offer, module.__name__: module}
    before = {key: sys.modules[key] for key in ours if key in sys.modules}
    sys.modules.update(ours)
    try:
        exec(code, module.__dict__)
        base, lines = OFFERED[BASE], class_lines(tree)
        classes = [
            value
            for value in module.__dict__.values()
            if isinstance(value, type) and issubclass(value, base) and value.__module__ == module.__name__
        ]
        leaves = {
            value.__name__: value
            for value in classes
            if not any(other is not value and issubclass(other, value) for other in classes)
        }
        chosen = leaves[only_class(list(leaves), lines)]
        if getattr(chosen, METHOD) is getattr(base, METHOD):
            raise missing(chosen.__name__, lines.get(chosen.__name__))
        result = getattr(chosen(), METHOD)()
        if inspect.isgenerator(result) or inspect.iscoroutine(result) or inspect.isasyncgen(result):
            raise Refused(
                "42P17",
                f"{METHOD}() has returned a {type(result).__name__}: nothing of it has run",
                hint="Write it as an ordinary method: without yield, without async.",
            )
    finally:
        for key in ours:
            sys.modules.pop(key, None)
        sys.modules.update(before)


def class_lines(tree: ast.Module) -> dict[str, int]:
    """Return the line of each class."""
    return {node.name: node.lineno for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}


def look(tree: ast.Module) -> None:
    """Check the source as far as that goes without running it."""
    names = {BASE} | {
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name == BASE and alias.asname
    }
    found: dict[str, tuple[set[str], set[str]]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            parents = {getattr(base, "attr", getattr(base, "id", "")) for base in node.bases}
            if parents & (names | set(found)):
                methods = {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
                found[node.name] = parents, methods.union(*(found[p][1] for p in parents if p in found))
    inherited = set().union(*(parents for parents, _ in found.values()))
    chosen = only_class([each for each in found if each not in inherited], class_lines(tree))
    if METHOD not in found[chosen][1]:
        raise missing(chosen, class_lines(tree)[chosen])


outcome = dict.fromkeys(
    (
        "error_sqlstate",
        "error_message",
        "error_detail",
        "error_hint",
        "error_query",
        "error_position",
        "error_context",
    )
)
try:
    if not BASE:
        raise Refused("22023", f"unknown kind {kind!r}", hint="The kinds are migration and hook.")
    look(parse()[0]) if direction == "check" else run(*parse())
    if session.cancelled:
        raise session.cancelled
except BaseException as problem:
    outcome = report(session.cancelled or problem)
session.plans.clear()
return {"statements": session.statements, "rows_affected": session.rows, **outcome}
$python$;
COMMENT ON FUNCTION confiture_py._run(text, text, text, text, text, text, jsonb) IS
'Internal: runs Python. Whoever may execute it can do whatever the account of the server can do on its machine: PUBLIC may not, superusers may.';
