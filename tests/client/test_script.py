"""Migration files as text: encodings, psql's includes and copies, and the way back to the files."""

from __future__ import annotations

from pathlib import Path

import pytest

from confiture import copyline, script
from confiture.errors import FileError

from .conftest import Project


def load(project: Project, text: str | bytes) -> script.Script:
    return script.load(project.write("db/migrations/001_a.up.sql", text), project.root)


def refused(project: Project, text: str | bytes) -> FileError:
    with pytest.raises(FileError) as caught:
        load(project, text)
    assert caught.value.exit_code == 3
    return caught.value


@pytest.mark.parametrize(
    ("data", "line", "column"),
    [
        (b"SELECT 1;\nSELECT '\xe9';\n", 2, 9),
        ("SELECT 'ä'; -- ".encode() + b"\xff", 1, 16),
        (b"\xff\xfeS\x00", 1, 1),
        (b"a\xed\xa0\x80", 1, 2),
    ],
)
def test_not_utf8(project: Project, data: bytes, line: int, column: int) -> None:
    problem = refused(project, data)
    assert "not UTF-8" in problem.message
    assert problem.location == f"db/migrations/001_a.up.sql:{line}:{column}"


def test_nul(project: Project) -> None:
    problem = refused(project, b"SELECT 1;\n--\0")
    assert "NUL" in problem.message
    assert problem.location == "db/migrations/001_a.up.sql:2:3"


def test_byte_order_mark_and_line_ends(project: Project) -> None:
    loaded = load(project, b"\xef\xbb\xbfSELECT 1;\r\nSELECT 2;\r\n")
    assert loaded.text == "SELECT 1;\r\nSELECT 2;\r\n"
    assert loaded.locate(2) == ("db/migrations/001_a.up.sql", 2)


def test_includes(project: Project) -> None:
    project.write("db/parts/types.sql", "CREATE TYPE a AS ENUM ();\n\\ir more/b.sql\n")
    project.write("db/parts/more/b.sql", "CREATE TABLE b ()")
    loaded = load(project, "SELECT 1;\n\\i db/parts/types.sql\nSELECT 2;\n\\ir '../parts/more/b.sql'\n")
    assert loaded.text == (
        "SELECT 1;\nCREATE TYPE a AS ENUM ();\nCREATE TABLE b ()\n;\n\n\nSELECT 2;\nCREATE TABLE b ()\n;\n\n"
    )
    own = "db/migrations/001_a.up.sql"
    assert [loaded.locate(line) for line in (1, 2, 3, 7, 8)] == [
        (own, 1),
        ("db/parts/types.sql", 1),
        ("db/parts/more/b.sql", 1),
        (own, 3),
        ("db/parts/more/b.sql", 1),
    ]


def test_include_after_a_statement_on_its_line(project: Project) -> None:
    project.write("b.sql", "SELECT 2;\n")
    loaded = load(project, "SELECT 1; \\i b.sql\nSELECT 3;\n")
    assert loaded.text == "SELECT 1; \nSELECT 2;\n\nSELECT 3;\n"
    assert loaded.locate(2) == ("b.sql", 1)
    assert loaded.locate(4) == ("db/migrations/001_a.up.sql", 2)


def test_backslashes_that_are_no_commands(project: Project) -> None:
    text = "SELECT E'\\\\i x', '\\i y', $$\n\\i z\n$$; -- \\i\n/*\n\\i a\n*/\n\\echo hello\n"
    assert load(project, text).text == text


def test_lexical_errors_are_left_to_the_server(project: Project) -> None:
    text = "SELECT 'open;\n\\i nowhere.sql\n"
    assert load(project, text).text == text


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("SELECT 1;\n\\i nowhere.sql\n", "there is no file", 2),
        ("\\i ../../../../etc/passwd\n", "outside of the project", 1),
        ("\\i /etc/passwd\n", "outside of the project", 1),
        ("\\i\n", "missing", 1),
        ("\\i :file\n", "not understood", 1),
        ("\\i `ls`\n", "not understood", 1),
        ("\\i a b\n", "not understood", 1),
        ("\\i 'a\n", "unterminated", 1),
        ("\\i 'a' 'b'\n", "not understood", 1),
        ("SELECT 1\n\\i b.sql\n", "inside of a statement", 2),
        ("\\i db/migrations\n", "there is no file", 1),
        ("\\copy t to 'x'\n", "writes a file", 1),
        ("\\copy t from stdin\n", "not supported", 1),
        ("\\copy t from program 'ls'\n", "not supported", 1),
        ("\\copy t from 'x' with binary\n", "binary", 1),
        ("\\copy t from 'x' (format 'binary')\n", "binary", 1),
        ("\\copy t from 'x' with (encoding 'latin1')\n", "encoding", 1),
        ("\\copy (select 1) from 'x'\n", "not a query", 1),
        ("\\copy t\n", "without a table and FROM", 1),
        ("\\copy t from\n", "without a file", 1),
        ("\\copy t from 'x\n", "unterminated", 1),
        ("COPY t FROM stdin;\n1\n", "copy data", 1),
    ],
)
def test_refused(project: Project, text: str, message: str, line: int) -> None:
    problem = refused(project, text)
    assert message.lower() in problem.message.lower()
    assert problem.line == line
    assert problem.hint


def test_a_symbolic_link_does_not_lead_out(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "secret.sql"
    outside.write_text("SELECT 1;")
    (project.root / "link.sql").symlink_to(outside)
    assert "outside" in refused(project, "\\i link.sql\n").message


def test_circle(project: Project) -> None:
    project.write("a.sql", "\\i b.sql\n")
    project.write("b.sql", "SELECT 1;\n\\ir a.sql\n")
    problem = refused(project, "\\i a.sql\n")
    assert problem.message == "a file includes itself"
    assert problem.location == "b.sql:2:1"
    assert problem.detail == "a.sql -> b.sql -> a.sql"


def test_an_error_in_an_included_file_names_that_file(project: Project) -> None:
    project.write("bad.sql", b"SELECT 1;\n\xff")
    assert refused(project, "\\i bad.sql\n").location == "bad.sql:2:1"


def test_copy(project: Project) -> None:
    project.write("seed/t.csv", "a,b\n1,x\n2,y")
    loaded = load(
        project, "SELECT 1;\n\\copy t (a, b) from 'seed/t.csv' with (format csv, header)\nSELECT 2;\n"
    )
    assert loaded.text == (
        "SELECT 1;\nCOPY t (a, b) FROM STDIN with (format csv, header);\na,b\n1,x\n2,y\n\\.\n\nSELECT 2;\n"
    )
    own = "db/migrations/001_a.up.sql"
    assert loaded.locate(2) == (own, 2)
    assert loaded.locate(4) == ("seed/t.csv", 2)
    assert loaded.locate(8) == (own, 3)


def test_copy_of_an_empty_file(project: Project) -> None:
    project.write("t.csv", "")
    assert load(project, "\\copy t from t.csv\n").text == "COPY t FROM STDIN;\n\\.\n\n"


def test_copy_of_a_file_with_the_end_mark(project: Project) -> None:
    project.write("t.csv", "1\n\\.\n2\n")
    assert refused(project, "\\copy t from t.csv\n").location == "t.csv:2:1"


@pytest.mark.parametrize(
    ("arguments", "table", "file", "options"),
    [
        ("t from 'a'", "t", "a", ""),
        ("t FROM a.csv csv;", "t", "a.csv", "csv"),
        ("\"from\" from 'it''s' with (format csv)", '"from"', "it's", "with (format csv)"),
        ("s.t(a, \"b c\") from 'a' (delimiter ')')", 's.t(a, "b c")', "a", "(delimiter ')')"),
        ("t from 'a' with (null 'binary')", "t", "a", "with (null 'binary')"),
    ],
)
def test_copy_lines(arguments: str, table: str, file: str, options: str) -> None:
    parsed = copyline.parse(arguments)
    assert (parsed.table, parsed.file, parsed.options) == (table, file, options)


def test_locate_without_spans() -> None:
    assert script.Script("x", "f.sql", ()).locate(3) == ("f.sql", 3)


def test_a_file_that_is_not_there(project: Project) -> None:
    with pytest.raises(FileError, match="cannot read"):
        script.load(Path("nowhere.sql"), project.root)
