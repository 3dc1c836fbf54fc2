"""What the client knows about script files without a server.

A thin wrapper of ``extension/core``: the very C code that the extension runs splits scripts, reads their
directives and prepares their checksums here. All offsets are bytes of the UTF-8 text, as in the server.
"""

import enum
import hashlib
from dataclasses import dataclass
from typing import Any

from confiture._core import ffi, lib


class Kind(enum.Enum):
    """What a piece of a script is."""

    STATEMENT = lib.CF_PIECE_STATEMENT
    META = lib.CF_PIECE_META
    COPY_DATA = lib.CF_PIECE_COPY_DATA


class EndedBy(enum.Enum):
    """What ends a statement; ``NONE`` for pieces that are not statements."""

    NONE = lib.CF_END_NONE
    SEMICOLON = lib.CF_END_SEMICOLON
    META = lib.CF_END_META
    TEXT = lib.CF_END_TEXT


class Fault(enum.Enum):
    """Why a script can't be split."""

    QUOTE = lib.CF_SCAN_UNTERMINATED_QUOTE
    DOLLAR_QUOTE = lib.CF_SCAN_UNTERMINATED_DOLLAR
    COMMENT = lib.CF_SCAN_UNTERMINATED_COMMENT
    COPY_DATA = lib.CF_SCAN_UNTERMINATED_COPY
    COPY_LINE = lib.CF_SCAN_COPY_LINE
    NUL = lib.CF_SCAN_NUL


@dataclass(frozen=True, slots=True)
class Piece:
    """One statement, psql command or block of copy data, at bytes ``start`` to ``end`` (exclusive)."""

    kind: Kind
    text: str
    line: int
    start: int
    end: int
    next: int
    ended_by: EndedBy


@dataclass(frozen=True, slots=True)
class Directive:
    """One ``key=value`` of a header; ``key`` is None if ``value`` is text that is not such a pair."""

    key: str | None
    value: str
    line: int


class ScanError(ValueError):
    """A script that can't be split, with the pieces before the place that is wrong."""

    def __init__(self, fault: Fault, message: str, line: int, offset: int, pieces: list[Piece]) -> None:
        """Keep the place, in lines from 1 and bytes from 0."""
        super().__init__(f"{message} at line {line}")
        self.fault = fault
        self.message = message
        self.line = line
        self.offset = offset
        self.pieces = pieces


@ffi.def_extern(error=1)  # type: ignore[untyped-decorator]
def cf_on_piece(piece: Any, arg: Any) -> int:
    """Note a piece that ``cf_scan`` found."""
    ffi.from_handle(arg).append((piece.kind, piece.line, piece.start, piece.end, piece.next, piece.ended_by))
    return 0


@ffi.def_extern(error=1)  # type: ignore[untyped-decorator]
def cf_on_directive(directive: Any, arg: Any) -> int:
    """Note a directive that ``cf_directives`` found."""
    key = None
    if directive.kind == lib.CF_DIRECTIVE_PAIR:
        key = _string(directive.key, directive.key_len)
    value = _string(directive.value, directive.value_len)
    ffi.from_handle(arg).append(Directive(key, value, directive.line))
    return 0


def scan(text: str) -> list[Piece]:
    """Split a script as psql would; raise ScanError where that is impossible."""
    data = text.encode()
    found: list[tuple[int, int, int, int, int, int]] = []
    error = ffi.new("cf_scan_error *")
    handle = ffi.new_handle(found)
    result = lib.cf_scan(ffi.from_buffer(data), len(data), lib.cf_on_piece, handle, error)
    _check_callback(result)
    pieces = [
        Piece(Kind(kind), data[start:end].decode(), line, start, end, after, EndedBy(ended_by))
        for kind, line, start, end, after, ended_by in found
    ]
    if result != lib.CF_SCAN_OK:
        message = ffi.string(error.message).decode()
        raise ScanError(Fault(error.code), message, error.line, error.offset, pieces)
    return pieces


def statements(text: str) -> list[str]:
    """Return the text of each SQL statement of a script."""
    return [piece.text for piece in scan(text) if piece.kind is Kind.STATEMENT]


def directives(text: str) -> list[Directive]:
    """Read the directives in the comments that open a script."""
    data = text.encode()
    found: list[Directive] = []
    handle = ffi.new_handle(found)
    _check_callback(lib.cf_directives(ffi.from_buffer(data), len(data), lib.cf_on_directive, handle))
    return found


def normalise(data: bytes) -> bytes:
    """Return what a checksum covers: no byte order mark, and LF for CRLF."""
    out = ffi.new("char[]", len(data) + 1)
    used = lib.cf_normalise(ffi.from_buffer(data), len(data), out)
    return bytes(ffi.buffer(out, used))


def checksum(text: str) -> str:
    """Return the checksum that the server keeps of a script, in hexadecimal digits."""
    return hashlib.sha256(normalise(text.encode())).hexdigest()


def utf8_fault(data: bytes) -> tuple[str, int] | None:
    """Return why bytes can't be the text of a script, and at which byte; None if they can."""
    offset = ffi.new("size_t *")
    result = lib.cf_utf8_check(ffi.from_buffer(data), len(data), offset)
    if result == lib.CF_UTF8_OK:
        return None
    return ("NUL byte" if result == lib.CF_UTF8_NUL else "not UTF-8", offset[0])


def line_column(text: str, offset: int) -> tuple[int, int]:
    """Return line and column of a byte offset, both from 1; columns count characters."""
    data = text.encode()
    line, column = ffi.new("int *"), ffi.new("int *")
    lib.cf_line_column(ffi.from_buffer(data), len(data), offset, line, column)
    return line[0], column[0]


def _string(start: Any, length: int) -> str:
    """Return a text of C that has a length."""
    return bytes(ffi.buffer(start, length)).decode()


def _check_callback(result: int) -> None:
    """Raise if a callback failed: its exception can't pass through C."""
    if result > 0:
        raise RuntimeError("reading the script was interrupted")
