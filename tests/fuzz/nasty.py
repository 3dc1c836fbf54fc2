"""Scripts made to mislead a splitter, for the tests of this folder."""

from hypothesis import strategies as st

# Blanks and comments that hold what would end, or start, something elsewhere.
SEPARATORS = [
    " ",
    "\n",
    "\t",
    "\r\n",
    " \f ",
    "--\n",
    "-- it's ; $$ /* \"\n",
    "-- carriage return\r",
    "/**/",
    "/* ; ' \" $$ -- */",
    "/* one /* two; */ */",
    "/*/**/*/",
    "/***/",
]

# Whole tokens. Plain strings stand after an operator, or they would go on an E'' before them.
TOKENS = [
    "a",
    "begin",
    "case",
    "end",
    "copy",
    "from",
    "stdin",
    "été",
    "a$b$",
    "$1",
    "_$$x$$",
    "''",
    "= ';'",
    "= 'it''s'",
    "= '\\'",
    "= '\n;\n'",
    "= ''''",
    "= 'a'\n ';'",
    "= 'a' -- ';\n';'",
    "E''",
    "e'\\''",
    "E'\\\\'",
    "E'a\\';'",
    "E'a'\n'\\';'",
    "U&'\\0061;'",
    'U&"d\\0061t;"',
    "B'01;'",
    "x'1F'",
    "N';'",
    '""',
    '";"',
    '"a""b;"',
    '"\\"',
    "$$;$$",
    "$$ ' \" /* -- $$",
    "$a$ $$ ; $b$ $A$ $a$",
    "$é$;$é$",
    "$_1$ $_1 $_ $_1$",
    "$ $",
    "1",
    "1.5e+3",
    ".5",
    "1..2",
    "1e ",  # with the blank: in "1e-- x" psql's lexer takes "1e-" for a number
    "= 1e'\\'",
    "(;)",
    "(';' ; (;) ;)",
    "[1]",
    "*",
    "/",
    "-",
    "::",
    ":=",
    "<=>",
    "#",
    "@",
    "{",
    "\x01",
]

FIRST = ["SELECT", "select", "WITH", "(SELECT 1)", '"x"', "E''", "1", "$$$$", "copy", "COMMENT"]

BODIES = [
    "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END",
    "create or replace function f() returns int begin atomic select case when 1=1 then 2 end; end",
    "CREATE PROCEDURE p() BEGIN ATOMIC INSERT INTO t VALUES (';'); END",
    (
        "CREATE /* or */ FUNCTION f(a int DEFAULT (CASE WHEN true THEN 1 END)) RETURNS int\n"
        "BEGIN ATOMIC\n  SELECT (CASE a WHEN 1 THEN 2 END);\n  SELECT 1;\nEND"
    ),
    "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $f$ BEGIN RETURN 1; END; $f$",
    "DO $$ BEGIN PERFORM 1; END $$",
    "CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2)",
]

# Pieces of tokens, for texts with no grammar at all.
CHUNKS = [
    *"'\"$\\;()[]-/*.,:&@é1aEeUuBbXxNn_ \t\f\v",
    "\n",
    "\r",
    "\r\n",
    "''",
    "$$",
    "$a$",
    "--",
    "/*",
    "*/",
    "E'",
    "U&'",
    'U&"',
    "\\.",
    "\\.\n",
    "\n\\.\n",
    "\\echo x\n",
    "copy t from stdin;\n",
    "COPY (SELECT 1) FROM STDIN",
    "create function ",
    "create or replace procedure ",
    " begin ",
    " case ",
    " end ",
    "select ",
    "\ufeff",
    "\x00",
]

separators = st.lists(st.sampled_from(SEPARATORS), min_size=1, max_size=3).map("".join)
blanks = st.lists(st.sampled_from(SEPARATORS), max_size=2).map("".join)
anything = st.lists(st.sampled_from(CHUNKS), max_size=40).map("".join) | st.text(max_size=60)


@st.composite
def statements(draw: st.DrawFn) -> str:
    """Draw a statement: never blank at its ends, never a COPY ... FROM STDIN."""
    if draw(st.integers(0, 4)) == 0:
        return draw(st.sampled_from(BODIES))
    parts = [draw(st.sampled_from(FIRST))]
    for token in draw(st.lists(st.sampled_from(TOKENS), max_size=6)):
        # Two words more keep FROM away from STDIN.
        parts += [draw(separators), token, draw(separators), ","]
    return "".join(parts)


def outside_is_blank(text: str) -> bool:
    """Tell whether a text is only blanks, comments and semicolons."""
    position, depth = 0, 0
    while position < len(text):
        pair = text[position : position + 2]
        if pair == "/*":
            depth += 1
            position += 2
        elif pair == "*/" and depth:
            depth -= 1
            position += 2
        elif depth or text[position] in " \t\n\r\f\v;":
            position += 1
        elif pair == "--":
            while position < len(text) and text[position] not in "\n\r":
                position += 1
        else:
            return False
    return depth == 0
