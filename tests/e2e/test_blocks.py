"""The rules of tests/e2e/blocks.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from .blocks import DocumentError, matches, new_names, read, renamed


def document(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "a.md"
    path.write_text(text, encoding="utf-8")
    return path


def test_output_belongs_to_the_block_before(tmp_path: Path) -> None:
    found = read(document(tmp_path, "Say\n\n<!-- exit: 3 -->\n```sh\nexit 3\n```\n\n```text\nout\n```\n"))
    (block,) = found.blocks
    assert (block.line, block.text, block.expected, block.notes) == (4, "exit 3\n", "out\n", {"exit": "3"})
    assert block.runs


def test_notes_of_the_document(tmp_path: Path) -> None:
    found = read(document(tmp_path, "<!-- test folder: examples/shop -->\n\n```yaml\na: 1\n```\n"))
    assert found.notes == {"test folder": "examples/shop"}
    assert not found.blocks[0].runs


@pytest.mark.parametrize(
    "text",
    [
        "```bash\nls\n```\n",
        "```\nls\n```\n",
        "```sh\nls\n",
        "```text\nout\n```\n",
        "```sh\nls\n```\n\nThen\n\n```text\nout\n```\n",
        "<!-- skip: lazy -->\n```sh\nls\n```\n",
        "<!-- not run: lazy -->\n\nText\n\n```sh\nls\n```\n",
        "<!-- exit: 1 -->\n```python\n1\n```\n",
    ],
)
def test_unclear_documents_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(DocumentError):
        read(document(tmp_path, text))


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        ("a\nb\n", "a\nb\n", True),
        ("a\n", "a\nb\n", False),
        ("b\n", "a\nb\n", False),
        ("a\n...\n", "a\n", True),
        ("a\n...\nd\n", "a\nb\nc\nd\n", True),
        ("a ... c\n", "a b b c\n", True),
        ("a ... c\n", "a b\nc\n", False),
        ("1.5 ms, 2 rows\n", "12 ms, 2 rows\n", True),
        ("1.5 ms, 2 rows\n", "12 ms, 3 rows\n", False),
        (" a | b\n---+---\n", " a   | b\n-----+---\n", True),
        ("on 2026-01-01 10:00:00+00\n", "on 2027-02-03 04:05:06.789+00\n", True),
        ("(a.b)\n", "(axb)\n", False),
    ],
)
def test_outputs_are_compared(expected: str, actual: str, same: bool) -> None:
    assert matches(expected, actual) is same


def test_ids_of_intents_stand_for_others() -> None:
    ada, bob = "int_0000000000aa", "int_0000000000bb"
    known = new_names(f"{ada}\n{ada} {bob}\n", "int_111111111111\nint_111111111111 int_222222222222\n", {})
    assert known == {ada: "int_111111111111", bob: "int_222222222222"}
    assert new_names(f"{bob} int_0000000000cc\n", "int_222222222222 int_333333333333\n", known) == {
        "int_0000000000cc": "int_333333333333"
    }
    assert new_names("none\n", "int_333333333333\n", known) == {}
    assert renamed(f"merge {bob} int_abcdef", known) == "merge int_222222222222 int_abcdef"
