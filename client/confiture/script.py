r"""A migration file as the text that the server gets, with a map back to the files.

Three of psql's meta-commands mean something in a migration: ``\i`` (a path from the project's
folder) and ``\ir`` (a path from the file itself) are replaced by the file they name, ``\copy
table from 'file'`` by COPY ... FROM STDIN and the file's lines. All others go to the server, which
ignores the harmless ones and refuses the rest.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from pathlib import Path

from confiture import copyline, textfile
from confiture.core import EndedBy, Fault, Kind, Piece, ScanError, scan
from confiture.errors import FileError
from confiture.textfile import shown

_FROM_ROOT = ("i", "include")
_FROM_FILE = ("ir", "include_relative")
# A jsonb string, which carries the text to the server, holds at most 256 MiB.
_LEXICAL = (Fault.QUOTE, Fault.DOLLAR_QUOTE, Fault.COMMENT)
_HINTS = {
    Fault.COPY_DATA: r"End the rows with a line that holds only \.",
    Fault.COPY_LINE: "Let the rows start on the line after the COPY statement.",
}
_LARGEST = 200 * 1024 * 1024


@dataclass(frozen=True)
class Span:
    """A stretch of the script that comes from one place: from ``first`` on, it is ``file``."""

    first: int
    file: str
    line: int


@dataclass(frozen=True)
class Script:
    """The text of one direction of a migration, and where each of its lines stands on disk.

    ``empty`` is one without any statement.
    """

    text: str
    file: str
    spans: tuple[Span, ...]
    empty: bool = False

    def locate(self, line: int) -> tuple[str, int]:
        """Return the file and line on disk of a line of the text."""
        at = bisect.bisect_right(self.spans, line, key=lambda span: span.first) - 1
        if at < 0:
            return self.file, line
        span = self.spans[at]
        return span.file, span.line + line - span.first


def plain(path: Path) -> Script:
    """Read a file as it is, a Python migration for example."""
    text = textfile.read(path).decode()
    return Script(text, shown(path), (Span(1, shown(path), 1),))


def load(path: Path, root: Path) -> Script:
    """Read a SQL file and replace its includes and copies; ``root`` is the project's folder."""
    expansion = _Expansion(root.resolve())
    expansion.file(path, [])
    text = b"".join(expansion.out)
    if len(text) > _LARGEST:
        raise FileError(
            f"the script is too large: {len(text)} bytes with the files it includes",
            file=shown(path),
            hint=f"At most {_LARGEST} bytes. Load large data outside of a migration.",
        )
    return Script(text.decode(), shown(path), tuple(expansion.spans), not expansion.found)


class _Expansion:
    """Collects the output and the spans while files include files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.out: list[bytes] = []
        self.spans: list[Span] = []
        self.line = 1
        self.found = False

    def emit(self, chunk: bytes, file: str, line: int) -> None:
        """Append a chunk that stands at ``line`` of ``file``."""
        if chunk:
            self.spans.append(Span(self.line, file, line))
            self.out.append(chunk)
            self.line += chunk.count(b"\n")

    def end_line(self, file: str, line: int) -> None:
        """Make what comes next start a line of its own."""
        if self.out and not self.out[-1].endswith(b"\n"):
            self.emit(b"\n", file, line)

    def file(self, path: Path, stack: list[Path]) -> None:
        """Append a file, its includes replaced."""
        data = textfile.read(path)
        name = shown(path)
        pieces = _pieces(data, name)
        self.found |= any(piece.kind is Kind.STATEMENT for piece in pieces)
        here = [*stack, path.resolve()]
        done, done_line = 0, 1
        for number, piece in enumerate(pieces):
            if piece.kind is not Kind.META:
                continue
            command, argument = _command(data, piece)
            if command not in (*_FROM_ROOT, *_FROM_FILE, "copy"):
                continue
            place = _Place(data, name, piece)
            if number and pieces[number - 1].ended_by is EndedBy.META:
                raise place.error(rf"\{command} inside of a statement", "End the statement before it with ;")
            self.emit(data[done : piece.start], name, done_line)
            self.end_line(name, piece.line)
            if command == "copy":
                self.copy(argument, place)
            else:
                base = path.parent if command in _FROM_FILE else self.root
                self.include(base, argument, place, here)
            done, done_line = piece.end, piece.line
        self.emit(data[done:], name, done_line)
        if stack and pieces and pieces[-1].ended_by is EndedBy.TEXT:
            line = data.count(b"\n") + 1
            self.end_line(name, line)
            self.emit(b";\n", name, line)

    def include(self, base: Path, argument: str, place: _Place, stack: list[Path]) -> None:
        r"""Append the file that ``\i`` or ``\ir`` names."""
        path = self.resolve(base, place.filename(argument), place)
        if path in stack:
            chain = " -> ".join(shown(each) for each in [*stack[stack.index(path) :], path])
            raise place.error("a file includes itself", "Break the circle.", chain)
        self.file(path, stack)
        self.end_line(shown(path), 1)

    def copy(self, argument: str, place: _Place) -> None:
        r"""Append COPY ... FROM STDIN and the lines of the file that ``\copy`` names."""
        try:
            parts = copyline.parse(argument)
        except copyline.CopyLineError as problem:
            raise place.error(str(problem), problem.hint) from problem
        path = self.resolve(self.root, parts.file, place)
        data = textfile.read(path)
        name = shown(path)
        lines = data.split(b"\n")
        if lines[-1]:
            data += b"\n"
        else:
            lines.pop()
        for number, line in enumerate(lines, 1):
            if line.rstrip(b"\r") == rb"\.":
                raise FileError(
                    r"a line that holds only \. would end the data",
                    file=name,
                    line=number,
                    column=1,
                    hint="Remove the line.",
                )
        self.found = True
        self.emit(f"{parts.statement}\n".encode(), place.name, place.piece.line)
        self.emit(data if lines else b"", name, 1)
        self.emit(b"\\.\n", place.name, place.piece.line)

    def resolve(self, base: Path, name: str, place: _Place) -> Path:
        """Return the file that is meant; it must be a file of the project."""
        path = (base / name).resolve()
        if not path.is_relative_to(self.root):
            raise place.error(
                f'"{name}" is outside of the project',
                "A migration may include files of the project only.",
            )
        if not path.is_file():
            raise place.error(
                f'there is no file "{name}"',
                r"\ir looks from the migration's own folder, \i and \copy from the project's.",
                f"Looked for {shown(path)}.",
            )
        return path


@dataclass(frozen=True)
class _Place:
    """Where a meta-command stands."""

    data: bytes
    name: str
    piece: Piece

    def error(self, message: str, hint: str, detail: str | None = None) -> FileError:
        line, column = textfile.position(self.data, self.piece.start)
        return FileError(message, hint=hint, detail=detail, file=self.name, line=line, column=column)

    def filename(self, argument: str) -> str:
        """Return the one file name that an argument is; psql's other forms are refused."""
        hint = r"Write \ir 'file' with one plain file name."
        if argument.startswith("'"):
            if len(argument) < 2 or not argument.endswith("'"):
                raise self.error("unterminated quoted file name", hint)
            inner = argument[1:-1]
            if "'" in inner.replace("''", "") or "\\" in inner:
                raise self.error("this file name is not understood", hint)
            return inner.replace("''", "'")
        if not argument:
            raise self.error("the file name is missing", hint)
        if any(char in "'\"`\\" or char.isspace() for char in argument) or argument[0] in ":|":
            raise self.error("this file name is not understood", hint)
        return argument


def _pieces(data: bytes, name: str) -> list[Piece]:
    """Split a script as psql does."""
    try:
        return scan(data.decode())
    except ScanError as problem:
        if problem.fault in _LEXICAL:
            return problem.pieces  # the server's parser says it better
        line, column = textfile.position(data, problem.offset)
        hint = _HINTS.get(problem.fault)
        raise FileError(problem.message, file=name, line=line, column=column, hint=hint) from problem


def _command(data: bytes, piece: Piece) -> tuple[str, str]:
    """Return the name of a meta-command and what follows it."""
    words = data[piece.start + 1 : piece.end].decode().strip()
    end = next((at for at, char in enumerate(words) if char.isspace() or char in "'\""), len(words))
    return words[:end], words[end:].strip()
