"""The fenced blocks of a Markdown file, and the rules by which their output is compared.

A comment before a block tells what is to be done with it:

    <!-- not run: REASON -->   shown only
    <!-- file: PATH -->        the block is the content of a file in the folder of the test
    <!-- exit: CODE -->        the commands end with this exit code

A ``text`` block after one that is run is its output. And for a whole document:

    <!-- test folder: PATH -->      commands run in a copy of this folder of the repository
    <!-- test server: private -->   the private server of the client, no DATABASE_URL
    <!-- test database: empty -->   a database without the extension

Ids of intents are random. One that an output shows for the first time stands for the one that was
really made: later blocks may use it, and later outputs have to have the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

RUN = ("sh", "sql")
SHOWN = ("text", "python", "yaml", "json", "toml")
_FENCE = re.compile(r"(`{3,})\s*(\S*)\s*")
_COMMENT = re.compile(r"<!--\s*(?P<key>[a-z ]+):\s*(?P<value>.*?)\s*-->")
_DOCUMENT_KEYS = ("test folder", "test server", "test database")
_BLOCK_KEYS = ("not run", "file", "exit")
_INTENT = re.compile(r"\bint_[0-9a-f]{12}\b")
# Parts of an output that are never the same twice; a document may show those it had.
_VOLATILE = (
    (re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?([+-]\d\d)?"), "<time>"),
    (re.compile(r"\b[\d.,]+ (ms|s|min|h)( \d+ (s|min))?\b"), "<duration>"),
    (re.compile(r"\b[\d.,]+ (bytes?|kB|MB) of WAL\b"), "<size> of WAL"),
    (re.compile(r", [\d.,]+ (bytes?|kB|MB) read\b"), ""),
    (re.compile(r" {2,}"), " "),
    (re.compile(r"-{2,}"), "--"),
)


class DocumentError(Exception):
    """A document that cannot be tested as it is written."""


@dataclass
class Block:
    """One fenced block, what its comment says, and the output that follows it."""

    line: int
    language: str
    text: str
    notes: dict[str, str] = field(default_factory=dict)
    expected: str | None = None

    @property
    def runs(self) -> bool:
        """Tell whether the test runs it."""
        return self.language in RUN and not {"not run", "file"} & set(self.notes)


@dataclass
class Document:
    """A file, its notes and its blocks in order."""

    path: Path
    notes: dict[str, str]
    blocks: list[Block]


def read(path: Path) -> Document:
    """Take a Markdown file apart; whatever is unclear is an error with its line."""
    lines = path.read_text(encoding="utf-8").splitlines()
    document = Document(path, {}, [])
    notes: dict[str, str] = {}
    previous: Block | None = None
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if comment := _COMMENT.fullmatch(line.strip()):
            key, value = comment["key"], comment["value"]
            if key not in (*_DOCUMENT_KEYS, *_BLOCK_KEYS):
                raise DocumentError(f"{path}:{at}: unknown note {key!r}")
            (document.notes if key in _DOCUMENT_KEYS else notes)[key] = value
        elif fence := _FENCE.fullmatch(line):
            end = next((i for i in range(at, len(lines)) if lines[i].rstrip() == fence[1]), None)
            if end is None:
                raise DocumentError(f"{path}:{at}: the block has no end")
            block = Block(at, fence[2], "\n".join(lines[at:end]) + "\n", notes)
            _attach(document, block, previous)
            previous, notes, at = block, {}, end + 1
        elif line.strip():
            if notes:
                raise DocumentError(f"{path}:{at}: a note without a block: {notes}")
            previous = None
    return document


def _attach(document: Document, block: Block, previous: Block | None) -> None:
    """Add a block, or make it the output of the one before it."""
    where = f"{document.path}:{block.line}"
    if block.language not in (*RUN, *SHOWN):
        raise DocumentError(f"{where}: unknown language {block.language!r}")
    if block.language == "text" and not block.notes:
        if previous is None or previous.language not in RUN or "file" in previous.notes:
            raise DocumentError(f"{where}: an output that follows no command")
        previous.expected = block.text
        return
    if "exit" in block.notes and not block.runs:
        raise DocumentError(f"{where}: an exit code of something that is not run")
    document.blocks.append(block)


def renamed(text: str, names: Mapping[str, str]) -> str:
    """Give every intent in a text the id that stands for its own."""
    return _INTENT.sub(lambda found: names.get(found[0], found[0]), text)


def new_names(shown: str, actual: str, known: Mapping[str, str]) -> dict[str, str]:
    """Return which ids of a document stand for which in the output: those not yet known, in order."""
    new = [name for name in dict.fromkeys(_INTENT.findall(shown)) if name not in known]
    met = [name for name in dict.fromkeys(_INTENT.findall(actual)) if name not in known.values()]
    return dict(zip(new, met, strict=False))


def matches(expected: str, actual: str) -> bool:
    """Compare outputs: ``...`` stands for anything, on a line of its own for any lines."""
    pattern = []
    for line in expected.rstrip().splitlines():
        if line.strip() == "...":
            pattern.append(r"(?:.*\n)*?")
        else:
            parts = [re.escape(part) for part in _plain(line).split("...")]
            pattern.append(".*".join(parts) + r"\n")
    plain = "".join(f"{_plain(line)}\n" for line in actual.strip("\n").rstrip().splitlines())
    return re.fullmatch("".join(pattern), plain) is not None


def _plain(line: str) -> str:
    for pattern, word in _VOLATILE:
        line = pattern.sub(word, line)
    return line.strip()
