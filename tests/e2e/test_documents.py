"""Every command and every query that README.md, docs/ and examples/ show is run here."""

from __future__ import annotations

import pytest

from .blocks import RUN, matches, read
from .reader import REPOSITORY, reading

# Generated from the comments on the functions; their examples are run by test_reference.py.
GENERATED = ("docs/reference/sql.md",)
DOCUMENTS = [
    str(path.relative_to(REPOSITORY))
    for path in [
        *sorted(REPOSITORY.glob("*.md")),
        *sorted((REPOSITORY / "docs").rglob("*.md")),
        *sorted((REPOSITORY / "examples").rglob("*.md")),
    ]
]


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name not in GENERATED])
def test_document(name: str, template: str, not_run: list[str]) -> None:
    document = read(REPOSITORY / name)
    not_run += [
        f"{name}:{block.line}: {block.notes['not run']}"
        for block in document.blocks
        if block.language in RUN and "not run" in block.notes
    ]
    if not any(block.runs for block in document.blocks):
        return
    with reading(document, template) as reader:
        for block in document.blocks:
            where = f"{name}:{block.line}"
            code, output = reader.follow(block)
            assert code == int(block.notes.get("exit", "0")), f"{where}: exit code {code}\n{output}"
            if block.language == "sql" and "ERROR:" not in (block.expected or ""):
                assert "ERROR:" not in output, f"{where}: {output}"
            if block.expected is not None:
                message = f"{where}: the output is\n\n{output}\nand not\n\n{block.expected}"
                assert matches(block.expected, output), message
