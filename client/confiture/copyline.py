r"""psql's ``\copy TABLE FROM 'file' ...``, taken apart as psql does it.

The words are split as psql splits them: quotes, parentheses, blanks. What is not plainly
``\copy table [(columns)] from 'file' [options]`` is refused.
"""

from __future__ import annotations

from dataclasses import dataclass


class CopyLineError(ValueError):
    """The line is not a copy that can be a part of a script; the hint says what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class CopyLine:
    """The parts of a copy line; ``table`` and ``options`` are SQL as it was written."""

    table: str
    file: str
    options: str

    @property
    def statement(self) -> str:
        """The statement that the server gets in its place."""
        return f"COPY {self.table} FROM STDIN{' ' if self.options else ''}{self.options};"


@dataclass(frozen=True)
class _Token:
    kind: str  # word, string, name (quoted), parens
    text: str
    start: int
    end: int


_FORM = r"Write \copy table [(columns)] from 'file' [with (options)]."


def parse(arguments: str) -> CopyLine:
    r"""Take apart what follows ``\copy``."""
    tokens = _tokens(arguments)
    at = next((i for i, token in enumerate(tokens) if _is(token, "from", "to")), None)
    if at is None or at == 0:
        raise CopyLineError(r"\copy without a table and FROM", _FORM)
    if _is(tokens[at], "to"):
        raise CopyLineError(r"\copy ... to writes a file, which a migration cannot", _FORM)
    if tokens[0].kind == "parens":
        raise CopyLineError(r"\copy from needs a table, not a query", _FORM)
    if at + 1 == len(tokens):
        raise CopyLineError(r"\copy without a file", _FORM)
    source, options = tokens[at + 1], tokens[at + 2 :]
    if _is(source, "stdin", "pstdin", "program"):
        raise CopyLineError(
            rf"\copy from {source.text.lower()} is not supported in a migration",
            "For rows in the migration itself write COPY table FROM stdin; the rows; and a "
            r"line that holds only \.",
        )
    if source.kind not in ("word", "string"):
        raise CopyLineError(r"\copy without a file", _FORM)
    _refuse_options([*tokens[:1], *options])
    rest = arguments[source.end :].strip().removesuffix(";").rstrip()
    file = source.text
    if source.kind == "string":
        file = source.text[1:-1].replace("''", "'")
    return CopyLine(arguments[: tokens[at].start].strip(), file, rest)


def _refuse_options(tokens: list[_Token]) -> None:
    """Refuse what the lines of a script cannot carry: binary rows, another encoding."""
    for token in tokens:
        if token.kind == "parens":
            inner = _tokens(token.text[1:-1])
            for name, value in zip(inner, [*inner[1:], None], strict=True):
                if _is(name, "format") and value and value.text.strip("',\"").lower() == "binary":
                    raise _binary()
            _refuse_encoding(inner)
        elif _is(token, "binary"):
            raise _binary()
    _refuse_encoding(tokens)


def _binary() -> CopyLineError:
    return CopyLineError("binary data cannot be a part of a script", "Use the text or the csv format.")


def _refuse_encoding(tokens: list[_Token]) -> None:
    if any(_is(token, "encoding") for token in tokens):
        raise CopyLineError(
            r"\copy with an encoding is not supported in a migration",
            "Save the file as UTF-8 and leave the option out.",
        )


def _is(token: _Token, *words: str) -> bool:
    return token.kind == "word" and token.text.strip(",").lower() in words


def _tokens(text: str) -> list[_Token]:
    tokens = []
    at = 0
    while at < len(text):
        char = text[at]
        if char.isspace():
            at += 1
            continue
        start = at
        if char in "'\"":
            at = _quoted(text, at)
            kind = "string" if char == "'" else "name"
        elif char == "(":
            at = _parenthesised(text, at)
            kind = "parens"
        else:
            while at < len(text) and not text[at].isspace() and text[at] not in "'\"(":
                at += 1
            kind = "word"
        tokens.append(_Token(kind, text[start:at], start, at))
    return tokens


def _quoted(text: str, start: int) -> int:
    """Return the end of a quoted string; a doubled quote stands for itself."""
    quote, at = text[start], start + 1
    while at < len(text):
        if text[at] == quote:
            if text[at + 1 : at + 2] != quote:
                return at + 1
            at += 1
        at += 1
    raise CopyLineError(rf"unterminated {quote} in \copy", _FORM)


def _parenthesised(text: str, start: int) -> int:
    depth, at = 0, start
    while at < len(text):
        if text[at] in "'\"":
            at = _quoted(text, at)
            continue
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        at += 1
        if depth == 0:
            return at
    raise CopyLineError(r"unterminated ( in \copy", _FORM)
