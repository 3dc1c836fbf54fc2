"""Files read as text, with an exact complaint when they are not."""

from __future__ import annotations

import os
from pathlib import Path

from confiture.errors import FileError

_BOM = b"\xef\xbb\xbf"


def shown(path: Path) -> str:
    """Return a path as people write it: relative when it is below the current folder."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def read(path: Path) -> bytes:
    """Read a UTF-8 file without its byte order mark; not UTF-8 or a NUL byte is an error."""
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise FileError(
            f"cannot read file: {os.strerror(problem.errno or 0).lower()}", file=shown(path)
        ) from problem
    data = data.removeprefix(_BOM)
    nul = data.find(b"\0")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as problem:
        if nul < 0 or problem.start < nul:
            raise _at(
                path,
                data,
                problem.start,
                f"byte 0x{data[problem.start]:02x} is not UTF-8",
                "Save the file as UTF-8.",
            ) from problem
    if nul >= 0:
        raise _at(path, data, nul, "NUL byte in the file", "SQL text cannot hold a NUL byte: remove it.")
    return data


def position(data: bytes, offset: int) -> tuple[int, int]:
    """Return line and column, counted from 1 in characters, of a byte offset."""
    before = data[:offset]
    line_start = before.rfind(b"\n") + 1
    return before.count(b"\n") + 1, len(before[line_start:].decode("utf-8", "replace")) + 1


def _at(path: Path, data: bytes, offset: int, message: str, hint: str) -> FileError:
    line, column = position(data, offset)
    return FileError(message, hint=hint, file=shown(path), line=line, column=column)
