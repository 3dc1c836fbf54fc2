"""Checksums, encodings, positions and directives: the rest of extension/core."""

import hashlib

import nasty
import pytest
from hypothesis import given
from hypothesis import strategies as st

from confiture import core
from confiture.core import Directive

BOM = b"\xef\xbb\xbf"
KEYS = st.text("abcdefghijklmnopqrstuvwxyz_-0123456789", min_size=1, max_size=8)
VALUES = st.lists(st.text("abcé01._", min_size=1, max_size=5), max_size=3).map(", ".join)
pairs = st.lists(st.tuples(KEYS, VALUES), min_size=1, max_size=4)


def test_checksum_is_sha256() -> None:
    assert core.checksum("SELECT 1;\n") == hashlib.sha256(b"SELECT 1;\n").hexdigest()


@given(st.binary() | nasty.anything.map(str.encode))
def test_normalise(data: bytes) -> None:
    assert core.normalise(data) == data.removeprefix(BOM).replace(b"\r\n", b"\n")


@given(st.text())
def test_checksum_ignores_the_system(text: str) -> None:
    unix = text.replace("\r", "").removeprefix("\ufeff")
    assert core.checksum("\ufeff" + unix.replace("\n", "\r\n")) == core.checksum("\ufeff" + unix)


@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_utf8_is_what_python_takes(data: bytes) -> None:
    valid = True
    try:
        data.decode()
    except UnicodeDecodeError as error:
        valid = False
        end = error.start
    else:
        end = len(data)
    nul = data.find(b"\0", 0, end)
    if nul >= 0:
        assert core.utf8_fault(data) == ("NUL byte", nul)
    else:
        assert core.utf8_fault(data) == (None if valid else ("not UTF-8", end))


@given(nasty.anything, st.integers(0, 200))
def test_line_column(text: str, position: int) -> None:
    before = text[:position]
    assert core.line_column(text, len(before.encode())) == (
        before.count("\n") + 1,
        len(before.removeprefix("\ufeff").rpartition("\n")[2]) + 1,
    )


@pytest.mark.parametrize("offset", [2, 3])
def test_line_column_inside_a_character(offset: int) -> None:
    assert core.line_column("a€b", offset) == (1, 2)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("-- confiture: transaction=off\nSELECT 1", [("transaction", "off", 1)]),
        ("--confiture:a=b", [("a", "b", 1)]),
        ("\ufeff\n  -- confiture: a = b ;; c=\r\n", [("a", "b", 2), ("c", "", 2)]),
        ("-- confiture: depends_on=001, 002", [("depends_on", "001, 002", 1)]),
        ("-- confiture: depends_on=1,2  b=3", [("depends_on", "1,2", 1), ("b", "3", 1)]),
        ("-- confiture: a=b=c", [("a", "b=c", 1)]),
        (
            "/* License\n /* nested */ */ -- confiture: a=1\n-- plain\n-- confiture: b=2",
            [("a", "1", 2), ("b", "2", 4)],
        ),
        ('#!/usr/bin/python3\n# confiture: a=1\n"""Text."""\n# confiture: b=2', [("a", "1", 2)]),
        ("-- confiture: a=1\nSELECT 1;\n-- confiture: b=2\n", [("a", "1", 1)]),
        ("/* confiture: a=1 */", []),
        ("/* never ends\n-- confiture: a=1", []),
        ("-- about confiture: a=1\n-- Confiture: a=1", []),
        ("-- confiture:", [(None, "", 1)]),
        ("-- confiture: adds; a=1; =2", [(None, "adds", 1), ("a", "1", 1), (None, "=2", 1)]),
        ("-- confiture: two words=1", [(None, "two words=1", 1)]),
    ],
)
def test_directives(header: str, expected: list[tuple[str | None, str, int]]) -> None:
    assert core.directives(header) == [Directive(*each) for each in expected]


@given(pairs, st.sampled_from(["--", "#", " -- "]), st.sampled_from([";", " ; ", "  "]))
def test_directives_round_trip(wanted: list[tuple[str, str]], mark: str, separator: str) -> None:
    line = f"{mark} confiture: " + separator.join(f"{key}={value}" for key, value in wanted)
    expected = [Directive(key, value, 3) for key, value in wanted]
    assert core.directives(f"\n/* a */\n{line}\r\n\nSELECT 1") == expected


@given(nasty.anything, st.text("confiture:=; -#/*\nab", max_size=60))
def test_directives_take_any_text(text: str, header: str) -> None:
    for found in core.directives(f"-- confiture: {header}{text}"):
        assert found.key is None or "=" not in found.key
        assert found.value == found.value.strip(" \t\n\r\f\v")
