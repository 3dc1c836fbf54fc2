"""Write new outputs into documents whose commands now print something else.

tests/cluster.sh env PYTHONPATH=tests .venv/bin/python -m e2e.refresh docs/guides/migrate.md ...

An output that leaves something out (``...``) is only named: it has to be written by hand. Read
the result before it is committed: what a command prints is not always what it should print.
"""

from __future__ import annotations

import sys
from pathlib import Path

from .blocks import matches, read
from .reader import make_template, reading


def refresh(path: Path, template: str) -> None:
    """Run one document and put the outputs that differ into it."""
    document = read(path)
    text = path.read_text(encoding="utf-8")
    with reading(document, template) as reader:
        for block in document.blocks:
            code, output = reader.follow(block)
            if code != int(block.notes.get("exit", "0")):
                print(f"{path}:{block.line}: exit code {code}\n{output}")
            if block.expected is None or matches(block.expected, output):
                continue
            lines = [line.rstrip() for line in output.strip("\n").splitlines()]
            new = "".join(f"{line}\n" for line in lines)
            if "..." in block.expected:
                print(f"{path}:{block.line}: by hand, the output is now\n{new}")
            else:
                text = text.replace(f"```text\n{block.expected}```", f"```text\n{new}```", 1)
    path.write_text(text, encoding="utf-8")


def main() -> None:
    """Refresh the documents that the command line names."""
    with make_template() as template:
        for name in sys.argv[1:]:
            refresh(Path(name).resolve(), template)


if __name__ == "__main__":
    main()
