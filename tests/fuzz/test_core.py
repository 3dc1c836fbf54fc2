"""The splitter: extension/core/splitter.c through confiture.core."""

import nasty
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from confiture import core
from confiture.core import EndedBy, Fault, Kind, Piece, ScanError


def shape(text: str) -> list[tuple[Kind, str]]:
    return [(piece.kind, piece.text) for piece in core.scan(text)]


def scan_leniently(text: str) -> tuple[list[Piece], ScanError | None]:
    try:
        return core.scan(text), None
    except ScanError as error:
        return error.pieces, error


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("", []),
        (" ;;\n-- only\n/* blanks */;", []),
        ("\ufeffSELECT 1;", ["SELECT 1"]),
        ("-- head\nSELECT 1\n ;\n", ["SELECT 1"]),
        ("SELECT 1 -- tail", ["SELECT 1 -- tail"]),
        ("SELECT 1 /* tail */ ; SELECT 2", ["SELECT 1 /* tail */", "SELECT 2"]),
        ("SELECT 1 -- no end;\r;SELECT 2", ["SELECT 1 -- no end;", "SELECT 2"]),
        # Strings: only E'' knows backslashes, and goes on with them after a line end.
        (r"SELECT '\'; SELECT 2", [r"SELECT '\'", "SELECT 2"]),
        (r"SELECT e'\';'; SELECT 2", [r"SELECT e'\';'", "SELECT 2"]),
        ("SELECT E'a'\n'\\';'; S", ["SELECT E'a'\n'\\';'", "S"]),
        ("SELECT E'a' -- c\n\t'\\';'; S", ["SELECT E'a' -- c\n\t'\\';'", "S"]),
        ("SELECT E'a' '\\'; S", ["SELECT E'a' '\\'", "S"]),
        ("SELECT E'a' /*\n*/ '\\'; S", ["SELECT E'a' /*\n*/ '\\'", "S"]),
        (r"SELECT ne'\'; S", [r"SELECT ne'\'", "S"]),
        (r"SELECT 1e'\'; S", [r"SELECT 1e'\'", "S"]),
        (r"SELECT 1..e'\';'; S", [r"SELECT 1..e'\';'", "S"]),
        (r"SELECT U&'\'; S", [r"SELECT U&'\'", "S"]),
        ('SELECT U&"\\"; S', ['SELECT U&"\\"', "S"]),
        # Dollar quotes: a dollar sign inside a word opens nothing.
        ("SELECT a$b$; S$b$", ["SELECT a$b$", "S$b$"]),
        ("SELECT 1$b$;$b$; S", ["SELECT 1$b$;$b$", "S"]),
        ("SELECT $1$b$;$b$; S", ["SELECT $1$b$;$b$", "S"]),
        ("SELECT $1a$b$; S", ["SELECT $1a$b$", "S"]),
        ("SELECT $é$ $e$ ; $é$; S", ["SELECT $é$ $e$ ; $é$", "S"]),
        ("SELECT $a$ $a $aa$ ; $$a$; S", ["SELECT $a$ $a $aa$ ; $$a$", "S"]),
        # Operators hide no comment.
        ("SELECT 1 +/* ; */ 2; S", ["SELECT 1 +/* ; */ 2", "S"]),
        ("SELECT 1 *-- ;\n 2; S", ["SELECT 1 *-- ;\n 2", "S"]),
        ("SELECT 1 /*/ ; */ 2; S", ["SELECT 1 /*/ ; */ 2", "S"]),
        # Parentheses hold semicolons, brackets do not.
        ("SELECT (;(;);); S", ["SELECT (;(;);)", "S"]),
        ("SELECT ) ; S", ["SELECT )", "S"]),
        ("SELECT [; S", ["SELECT [", "S"]),
        # Bodies of functions, by psql's rule.
        ("CREATE TABLE begin (a int); S", ["CREATE TABLE begin (a int)", "S"]),
        ("BEGIN; CREATE FUNCTION f; END", ["BEGIN", "CREATE FUNCTION f", "END"]),
        (
            "CREATE FUNCTION f() BEGIN ATOMIC SELECT CASE WHEN a THEN b END; S; END; T",
            ["CREATE FUNCTION f() BEGIN ATOMIC SELECT CASE WHEN a THEN b END; S; END", "T"],
        ),
        (
            "create or replace procedure f() begin atomic s; end; T",
            ["create or replace procedure f() begin atomic s; end", "T"],
        ),
        ("CREATE OR FUNCTION f BEGIN; END", ["CREATE OR FUNCTION f BEGIN", "END"]),
        ("CREATE FUNCTION f(a int DEFAULT (case)); S", ["CREATE FUNCTION f(a int DEFAULT (case))", "S"]),
    ],
)
def test_statements(script: str, expected: list[str]) -> None:
    assert shape(script) == [(Kind.STATEMENT, text) for text in expected]


def test_places() -> None:
    first, meta, second = core.scan("-- é\n  SELECT 1 ;\n\\echo a\r\nSELECT 2 -- b\n")
    assert (first.start, first.end, first.next, first.line) == (8, 16, 18, 2)
    assert first.ended_by is EndedBy.SEMICOLON
    assert (meta.text, meta.line, meta.ended_by) == ("\\echo a", 3, EndedBy.NONE)
    assert (second.line, second.ended_by) == (4, EndedBy.TEXT)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("\\set a b\nS;", [(Kind.META, "\\set a b"), (Kind.STATEMENT, "S")]),
        ("S;\n\\.\n", [(Kind.STATEMENT, "S"), (Kind.META, "\\.")]),
        ("S \\gset\nT", [(Kind.STATEMENT, "S"), (Kind.META, "\\gset"), (Kind.STATEMENT, "T")]),
        ("S ( \\g x; y", [(Kind.STATEMENT, "S ("), (Kind.META, "\\g x; y")]),
        ("S '\\a' -- \\b\n/* \\c */", [(Kind.STATEMENT, "S '\\a' -- \\b\n/* \\c */")]),
    ],
)
def test_meta_commands(script: str, expected: list[tuple[Kind, str]]) -> None:
    assert shape(script) == expected


def test_meta_command_ends_its_statement() -> None:
    assert [piece.ended_by for piece in core.scan("S \\g\n")] == [EndedBy.META, EndedBy.NONE]


@pytest.mark.parametrize(
    ("copy", "data"),
    [
        ("COPY t FROM STDIN;\n", "1\t2\n\\N\t;'\n"),
        ("copy t (a, b) from stdin with (format csv) ; -- comment\r\n", '"a;\n\\. "\n'),
        ("COPY t FROM /* here */ STDIN WHERE a > 0; /* done */\n", ""),
        ("COPY t FROM\nSTDIN\n;\n", "$$ '\n \\.\n\\.x\n"),
    ],
)
@pytest.mark.parametrize("terminator", ["\\.\n", "\\.\r\n", "\\."])
def test_copy_data(copy: str, data: str, terminator: str) -> None:
    statement, block, *rest = core.scan(copy + data + terminator)
    assert statement.kind is Kind.STATEMENT
    assert (block.kind, block.text) == (Kind.COPY_DATA, data)
    assert block.start == len(copy)
    assert block.next == len(copy + data + terminator)
    assert block.line == copy.count("\n") + 1
    assert rest == []


@pytest.mark.parametrize(
    "script",
    [
        "COPY t TO STDOUT; SELECT 1",
        "COPY t FROM 'stdin'; SELECT 1",
        'COPY t FROM "stdin"; SELECT 1',
        "COPY t FROM PROGRAM 'cat stdin'; SELECT 1",
        "COPY (SELECT a FROM stdin) TO STDOUT; SELECT 1",
        "(COPY t FROM STDIN); SELECT 1",
        "SELECT copy FROM stdin; SELECT 1",
    ],
)
def test_other_copies_have_no_data(script: str) -> None:
    assert [kind for kind, _ in shape(script)] == [Kind.STATEMENT, Kind.STATEMENT]


@pytest.mark.parametrize(
    ("script", "fault", "place"),
    [
        ("S;\nT 'a", Fault.QUOTE, "'a"),
        ("S;\nT e'a\\'", Fault.QUOTE, "e'a"),
        ('S;\nT "a""', Fault.QUOTE, '"a'),
        ("S;\nT $a$ $$ $A$ $a", Fault.DOLLAR_QUOTE, "$a$"),
        ("S;\n/* /* */", Fault.COMMENT, "/* /*"),
        ("S /*/", Fault.COMMENT, "/*/"),
        ("S;\nCOPY t FROM STDIN;\n1\n \\.\n", Fault.COPY_DATA, "COPY"),
        ("COPY t FROM STDIN;", Fault.COPY_DATA, "COPY"),
        ("COPY t FROM STDIN", Fault.COPY_DATA, "COPY"),
        ("COPY t FROM STDIN; S;\n\\.\n", Fault.COPY_LINE, "S;"),
        ("COPY t FROM STDIN; \\echo\n\\.\n", Fault.COPY_LINE, "\\echo"),
        ("COPY t FROM STDIN; /*\n*/\n\\.\n", Fault.COPY_LINE, "/*"),
        ("S;\n\x00", Fault.NUL, "\x00"),
    ],
)
def test_faults(script: str, fault: Fault, place: str) -> None:
    with pytest.raises(ScanError) as caught:
        core.scan(script)
    error = caught.value
    assert error.fault is fault
    assert error.offset == script.index(place)
    assert error.line == script.count("\n", 0, error.offset) + 1
    assert error.message


def test_open_statement_is_reported_before_its_fault() -> None:
    pieces, error = scan_leniently("S; T 'a ;  ")
    assert error is not None
    assert [piece.text for piece in pieces] == ["S", "T 'a ;"]


@given(nasty.anything)
def test_pieces_are_in_order_and_exact(script: str) -> None:
    data = script.encode()
    pieces, _ = scan_leniently(script)
    position = 0
    for piece in pieces:
        assert position <= piece.start <= piece.end <= piece.next <= len(data)
        assert data[piece.start : piece.end].decode() == piece.text
        assert piece.line == data.count(b"\n", 0, piece.start) + 1
        position = piece.next if piece.kind is not Kind.META else piece.end
        if piece.kind is Kind.STATEMENT:
            assert piece.text == piece.text.strip(" \t\n\r\f\v") != ""
        elif piece.kind is Kind.META:
            assert piece.text.startswith("\\")
            assert "\n" not in piece.text
        else:
            assert data[piece.end : piece.next].rstrip(b"\r\n") == b"\\."


@given(nasty.anything)
def test_nothing_is_left_out(script: str) -> None:
    pieces, error = scan_leniently(script)
    assume(error is None)
    data, position = script.encode(), 0
    outside = b""
    for piece in pieces:
        outside += data[position : piece.start] + b"\n"
        position = piece.next if piece.kind is Kind.COPY_DATA else piece.end
    outside += data[position:]
    assert nasty.outside_is_blank(outside.decode().removeprefix("\ufeff"))


@given(nasty.anything)
def test_statement_alone_is_the_same_statement(script: str) -> None:
    pieces, _ = scan_leniently(script)
    for piece in pieces:
        if piece.ended_by is not EndedBy.SEMICOLON or piece.text.startswith("\ufeff"):
            continue
        alone, error = scan_leniently(piece.text + ";")
        assert [each.text for each in alone] == [piece.text]
        assert error is None or error.fault is Fault.COPY_DATA


@given(nasty.anything, nasty.anything)
def test_what_follows_changes_nothing(script: str, more: str) -> None:
    assume("\x00" not in more)
    pieces, error = scan_leniently(script)
    assume(error is None)
    # Only what the end of the text ended may go on.
    ended = [piece for piece in pieces if piece.ended_by is not EndedBy.TEXT]
    assume(not script or script.endswith("\n") or ended[-1:] != pieces[-1:])
    assert scan_leniently(script + more)[0][: len(ended)] == ended


@given(st.lists(st.tuples(nasty.blanks, nasty.statements(), nasty.blanks), max_size=6))
def test_generated_statements_are_found(parts: list[tuple[str, str, str]]) -> None:
    script = "".join(f"{before}{text}{after};" for before, text, after in parts)
    found = core.statements(script)
    assert len(found) == len(parts)
    for piece, (_, text, after) in zip(found, parts, strict=True):
        assert piece == (text + after).rstrip(" \t\n\r\f\v")


@given(st.data())
def test_generated_scripts_are_split(data: st.DataObject) -> None:
    script = ""
    expected: list[tuple[Kind, str]] = []
    for kind in data.draw(st.lists(st.sampled_from(Kind), max_size=6)):
        script += data.draw(nasty.blanks)
        if kind is Kind.STATEMENT:
            text = data.draw(nasty.statements())
            script += text + ";"
            expected.append((kind, text))
        elif kind is Kind.META:
            text = data.draw(st.sampled_from(["\\echo ';", "\\if", "\\.", "\\\\ x"]))
            script += text + "\n"
            expected.append((kind, text))
        else:
            lines = data.draw(st.lists(st.sampled_from(["", "'", "$$", "\\N", "\\..", "/*"])))
            text = "".join(line + "\n" for line in lines)
            script += "COPY t FROM STDIN;\n" + text + "\\.\n"
            expected += [(Kind.STATEMENT, "COPY t FROM STDIN"), (kind, text)]
    assert shape(script) == expected
