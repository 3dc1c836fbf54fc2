"""YAML files read with their positions, so that every complaint names a file and a line.

The parser is imported when there is a file: many projects have none.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from confiture.errors import ConfigurationError

if TYPE_CHECKING:
    import yaml

_VARIABLE = re.compile(
    r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|(?P<bad>\$\{)"
)


@dataclass(frozen=True)
class Entry:
    """One key of a mapping, with the node of its value."""

    key: str
    file: Path
    node: yaml.Node
    key_node: yaml.Node

    def complain(self, message: str, *, hint: str | None = None) -> ConfigurationError:
        """Return an error that points at the value."""
        return _complain(self.file, self.node, message, hint=hint)

    def text(self) -> str | None:
        """Return the value as it is written; None when there is none."""
        import yaml

        if not isinstance(self.node, yaml.ScalarNode):
            raise self.complain(f'"{self.key}" must be a single value')
        if self.node.tag == "tag:yaml.org,2002:null":
            return None
        return str(self.node.value)

    def texts(self) -> tuple[str, ...]:
        """Return the values of a list of single values."""
        import yaml

        if not isinstance(self.node, yaml.SequenceNode):
            raise self.complain(f'"{self.key}" must be a list', hint=f"Write {self.key}: [first, second].")
        return tuple(
            Entry(f"{self.key}, item {number}", self.file, node, self.key_node).text() or ""
            for number, node in enumerate(self.node.value, 1)
        )

    def expanded(self, variables: Mapping[str, str] | None = None) -> str | None:
        """Return the value with ``${VAR}`` and ``${VAR:-default}`` replaced."""
        written = self.text()
        if written is None:
            return None
        known = os.environ if variables is None else variables

        def replace(match: re.Match[str]) -> str:
            if match["bad"]:
                raise self.complain(
                    f'"{self.key}" has a "${{" that starts no variable',
                    hint="Write ${NAME} or ${NAME:-default}; a literal ${ is written $${.",
                )
            if match["name"] is None:
                return "${"
            value = known.get(match["name"], "")
            if value:
                return value
            if match["default"] is not None:
                return match["default"]
            if match["name"] in known:
                return ""
            raise self.complain(
                f'environment variable {match["name"]} is not set, but "{self.key}" needs it',
                hint=f"Set it, or give a default: ${{{match['name']}:-default}}.",
            )

        return _VARIABLE.sub(replace, written)


def read(path: Path, shown: Path) -> yaml.Node | None:
    """Parse a YAML file into nodes; None when it is empty. ``shown`` is its name in errors."""
    import yaml

    file = str(shown)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as problem:
        line = problem.object[: problem.start].count(b"\n") + 1
        raise ConfigurationError("file is not UTF-8", file=file, line=line) from problem
    except OSError as problem:
        raise ConfigurationError(f"cannot read {file}: {problem.strerror}", file=file) from problem
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        raise ConfigurationError(
            f"not valid YAML: {problem.problem}",
            file=file,
            line=mark.line + 1 if mark else None,
            column=mark.column + 1 if mark else None,
        ) from problem
    except yaml.YAMLError as problem:
        raise ConfigurationError(f"not valid YAML: {problem}", file=file) from problem


def entries(
    file: Path, node: yaml.Node | None, what: str, allowed: Iterable[str] | None = None
) -> dict[str, Entry]:
    """Return the entries of a mapping; a key that is not allowed or comes twice is an error."""
    import yaml

    if node is None or node.tag == "tag:yaml.org,2002:null":
        return {}
    if not isinstance(node, yaml.MappingNode):
        raise _complain(file, node, f"{what} must be a mapping of keys to values")
    known = None if allowed is None else list(allowed)
    found: dict[str, Entry] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value)
        if known is not None and key not in known:
            raise _complain(file, key_node, f'unknown key "{key}" in {what}', hint=_nearest(key, known))
        if key in found:
            raise _complain(file, key_node, f'key "{key}" is given twice in {what}')
        found[key] = Entry(key, file, value_node, key_node)
    return found


def _nearest(key: str, known: list[str]) -> str:
    import difflib

    close = difflib.get_close_matches(key.lower(), known, n=1, cutoff=0.5)
    if close:
        return f'Did you mean "{close[0]}"?'
    return f"Known keys: {', '.join(known)}."


def _complain(file: Path, node: yaml.Node, message: str, *, hint: str | None = None) -> ConfigurationError:
    mark = node.start_mark
    return ConfigurationError(
        message,
        hint=hint,
        file=str(file),
        line=mark.line + 1 if mark else None,
        column=mark.column + 1 if mark else None,
    )
