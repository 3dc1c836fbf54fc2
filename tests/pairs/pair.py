"""The files of pairs of schemas.

A file NN_subject.sql has blocks:

    -- pair: name             begins a pair; the name is unique in all files
    -- options: {...}         options of diff() from one to the other
    -- options back: {...}    and of the way back
    -- expect: ...            what the plan must be (EXPECTATIONS)
    -- expect back: ...       the same of the way back
    -- columns: reordered     the physical order of columns may differ afterwards
    -- normal form            texts are no fixed point: compared after a dump and a restore
    -- no way back: REASON    the plan back is refused, or fails
    -- stays: KEY             no statement can change this key of a payload
    -- unsolved: REASON        the differ can't do it yet; when it can, this mark must go
    -- dump: skip, REASON     pg_dump can't be equal
    -- server: from 17        only there; or: before 17
    -- base:                  SQL that runs on both sides first; rows too
    -- from:                  the rest of the one side
    -- to:                    and of the other
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
WORDS = (
    "pair|server|options back|options|expect back|expect|columns|dump|stays|unsolved|no way back|base|from|to"
)
# What a plan may be expected to have: "hazard data loss", "no hazard", "no hazard rewrite",
# "statement TEXT", "no statement TEXT", "empty", "kept IDENTITY", "remade IDENTITY" (an identity may have
# *), "rows lost TABLE", "refused TEXT": there is no plan, and the error says so. Each may end with
# [from 17] or [before 17].
EXPECTATIONS = (
    "hazard",
    "no hazard",
    "statement",
    "no statement",
    "empty",
    "kept",
    "remade",
    "rows lost",
    "refused",
)


@dataclass
class Pair:
    """Two schemas."""

    name: str
    file: str
    line: int
    base: str = ""
    source: str = ""
    target: str = ""
    options: str = "{}"
    options_back: str | None = None
    expect: list[str] = field(default_factory=list)
    expect_back: list[str] = field(default_factory=list)
    reordered: bool = False
    normal_form: bool = False
    skip_dump: bool = False
    no_way_back: bool = False
    stays: str = ""
    unsolved: str = ""
    server: str = ""
    may_remake: bool = False  # anything may be made anew, if a hazard says so

    def runs_on(self, major: int) -> bool:
        """Tell whether the pair is one for a major version of the server."""
        return _is_for(self.server, major)

    def expected(self, back: bool, major: int) -> list[str]:
        """Return what is expected of the plan on a server."""
        found = []
        for line in self.expect_back if back else self.expect:
            match = re.fullmatch(r"(.*?)(?: \[((?:from|before) \d+)\])?", line)
            if match and _is_for(match[2] or "", major):
                found.append(match[1])
        return found


def _is_for(server: str, major: int) -> bool:
    word, _, version = server.partition(" ")
    return not word or (major >= int(version)) == (word == "from")


def read_file(path: Path) -> list[Pair]:
    """Read the pairs of a file."""
    pairs: list[Pair] = []
    part: str | None = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        where = f"{path.name}:{number}"
        match = re.match(rf"-- ({WORDS}):(.*)$", line)
        word, value = (match[1], match[2].strip()) if match else ("", "")
        if word == "pair":
            pairs.append(Pair(name=value, file=path.name, line=number))
            part = None
            continue
        if not pairs:
            if line.strip() and not line.startswith("--"):
                raise ValueError(f"{where}: text before the first pair")
            continue
        pair = pairs[-1]
        if word in ("base", "from", "to"):
            part = {"base": "base", "from": "source", "to": "target"}[word]
        elif word == "options":
            pair.options = json.dumps(json.loads(value))
        elif word == "options back":
            pair.options_back = json.dumps(json.loads(value))
        elif word in ("expect", "expect back"):
            if not any(value == e or value.startswith(e + " ") for e in EXPECTATIONS):
                raise ValueError(f"{where}: unknown expectation {value!r}")
            (pair.expect if word == "expect" else pair.expect_back).append(value)
        elif word == "columns":
            if value != "reordered":
                raise ValueError(f"{where}: columns can only be reordered")
            pair.reordered = True
        elif word == "unsolved":
            pair.unsolved = value
        elif word == "server":
            if not re.fullmatch(r"(from|before) \d+", value):
                raise ValueError(f"{where}: server: from 17, or: before 17")
            pair.server = value
        elif word == "stays":
            pair.stays = value
        elif word == "no way back":
            pair.no_way_back = True
        elif word == "dump":
            if not value.startswith("skip,"):
                raise ValueError(f"{where}: dump: skip, REASON")
            pair.skip_dump = True
        elif line.strip() == "-- normal form":
            pair.normal_form = True
        elif part is None:
            if line.strip():
                raise ValueError(f"{where}: text outside base, from and to")
        else:
            setattr(pair, part, getattr(pair, part) + line + "\n")
    return pairs


def read_all(folder: Path = HERE) -> list[Pair]:
    """Read all files; names must be unique."""
    pairs = [pair for path in sorted(folder.glob("[0-9]*.sql")) for pair in read_file(path)]
    seen: dict[str, Pair] = {}
    for pair in pairs:
        if pair.name in seen:
            raise ValueError(f"{pair.file}:{pair.line}: pair {pair.name} is in {seen[pair.name].file} too")
        if not pair.source.strip() and not pair.target.strip():
            raise ValueError(f"{pair.file}:{pair.line}: pair {pair.name} is empty")
        seen[pair.name] = pair
    return pairs
