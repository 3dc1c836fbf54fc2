/*-------------------------------------------------------------------------
 *
 * splitter.c
 *	  Splits a script into statements, psql commands and copy data.
 *
 * A statement ends where psql ends it: at a semicolon outside parentheses and
 * outside the BEGIN ATOMIC body of a function.  The rule for such bodies is
 * that of PostgreSQL's src/fe_utils/psqlscan.l, which counts words and parses
 * nothing.  Unlike psql, a backslash command takes the rest of its line
 * and ends the statement before it.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "cf_core.h"
#include "cf_lexer.h"

/* How far "COPY ... FROM STDIN" has been seen. */
typedef enum copy_state
{
	COPY_UNKNOWN, /* no token yet */
	COPY_NO,	  /* another command, or a COPY without STDIN */
	COPY_SEEN,
	COPY_FROM_SEEN,
	COPY_FROM_STDIN
} copy_state;

/* The statement being read. */
typedef struct statement
{
	bool empty; /* no token yet */
	size_t start;
	int paren_depth;
	int body_depth; /* of BEGIN and CASE in a function's body */
	size_t word_count;
	char words[4]; /* initials of the first ones, see in_routine() */
	copy_state copy;
} statement;

typedef struct scanner
{
	cf_lexer lx;
	cf_piece_fn fn;
	void *arg;
	cf_scan_error *err;
	size_t line_pos; /* line is that of this offset */
	int line;
	statement st;
} scanner;

/* Returns the line of an offset; offsets must not decrease. */
static int
line_of(scanner *sc, size_t offset)
{
	while (sc->line_pos < offset)
	{
		const char *from = sc->lx.text + sc->line_pos;
		const char *newline = memchr(from, '\n', offset - sc->line_pos);

		if (newline == NULL)
		{
			sc->line_pos = offset;
			break;
		}
		sc->line_pos += (size_t) (newline - from) + 1;
		sc->line++;
	}
	return sc->line;
}

/* Returns the offset of the LF that ends the line of pos, or the end of text. */
static size_t
end_of_line(const scanner *sc, size_t pos)
{
	const char *newline = NULL;

	if (pos < sc->lx.len)
		newline = memchr(sc->lx.text + pos, '\n', sc->lx.len - pos);
	return newline ? (size_t) (newline - sc->lx.text) : sc->lx.len;
}

/* Returns the end of what lies before an offset, without the blanks at its end. */
static size_t
trim_end(const scanner *sc, size_t end)
{
	while (end > 0 && cf_is_blank(sc->lx.text[end - 1]))
		end--;
	return end;
}

/* Fills in the caller's error, and returns its code. */
static int
fail(scanner *sc, int code, size_t offset)
{
	static const char *const messages[] = {
		[-CF_SCAN_OK] = "",
		[-CF_SCAN_UNTERMINATED_QUOTE] = "unterminated quoted string or identifier",
		[-CF_SCAN_UNTERMINATED_DOLLAR] = "unterminated dollar-quoted string",
		[-CF_SCAN_UNTERMINATED_COMMENT] = "unterminated comment",
		[-CF_SCAN_UNTERMINATED_COPY] = "COPY data without its last line \"\\.\"",
		[-CF_SCAN_COPY_LINE] = "COPY ... FROM STDIN must be the last statement on its line",
		[-CF_SCAN_NUL] = "NUL byte in a script",
	};

	if (sc->err != NULL)
	{
		int column;

		sc->err->code = code;
		sc->err->offset = offset;
		sc->err->message = messages[-code];
		cf_line_column(sc->lx.text, sc->lx.len, offset, &sc->err->line, &column);
	}
	return code;
}

/* Hands one piece to the caller. */
static int
report(scanner *sc, cf_piece_kind kind, cf_piece_end ended_by, size_t start, size_t end,
	   size_t next)
{
	cf_piece piece = {
		.kind = kind,
		.ended_by = ended_by,
		.start = start,
		.end = end,
		.next = next,
		.line = line_of(sc, start),
	};

	return sc->fn(&piece, sc->arg);
}

/* Forgets the statement just read. */
static void
begin_statement(scanner *sc)
{
	sc->st = (statement) {.empty = true};
}

/*
 * Reports the statement that the token just read ends, unless it is empty, and
 * begins another.
 */
static int
end_statement(scanner *sc, cf_piece_end ended_by, size_t next)
{
	int result = 0;

	if (!sc->st.empty)
		result = report(sc, CF_PIECE_STATEMENT, ended_by, sc->st.start, trim_end(sc, sc->lx.start),
						next);
	begin_statement(sc);
	return result;
}

/*
 * Notes a word as psql does, which looks at the initials of the first four to
 * see CREATE [OR REPLACE] {FUNCTION | PROCEDURE}.
 */
static void
note_word(scanner *sc)
{
	static const char *const words[] = {"create", "or", "replace", "function", "procedure"};

	if (sc->st.word_count < sizeof(sc->st.words))
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (cf_lexer_word_is(&sc->lx, words[i]))
				sc->st.words[sc->st.word_count] = words[i][0];
	sc->st.word_count++;
}

/* Tells whether the statement creates a function or a procedure. */
static bool
in_routine(const statement *st)
{
	const char *kind = &st->words[1];

	if (st->words[0] != 'c')
		return false;
	if (kind[0] == 'o' && kind[1] == 'r')
		kind += 2;
	return kind[0] == 'f' || kind[0] == 'p';
}

/*
 * Counts BEGIN, CASE and END outside parentheses in the statement that creates
 * a routine: its semicolons end nothing while the count is above zero.
 */
static void
note_body(scanner *sc)
{
	statement *st = &sc->st;

	if (!in_routine(st) || st->paren_depth > 0)
		return;
	if (cf_lexer_word_is(&sc->lx, "begin"))
		st->body_depth++;
	else if (st->body_depth > 0 && cf_lexer_word_is(&sc->lx, "case"))
		st->body_depth++;
	else if (st->body_depth > 0 && cf_lexer_word_is(&sc->lx, "end"))
		st->body_depth--;
}

/* Looks for COPY as the first word, then FROM STDIN outside parentheses. */
static void
note_copy(scanner *sc, cf_token token)
{
	statement *st = &sc->st;
	bool word = token == CF_TOKEN_WORD && st->paren_depth == 0;

	switch (st->copy)
	{
		case COPY_UNKNOWN:
			st->copy = word && cf_lexer_word_is(&sc->lx, "copy") ? COPY_SEEN : COPY_NO;
			break;
		case COPY_SEEN:
			if (word && cf_lexer_word_is(&sc->lx, "from"))
				st->copy = COPY_FROM_SEEN;
			break;
		case COPY_FROM_SEEN:
			st->copy = word && cf_lexer_word_is(&sc->lx, "stdin") ? COPY_FROM_STDIN : COPY_NO;
			break;
		case COPY_NO:
		case COPY_FROM_STDIN:
			break;
	}
}

/* Takes a token into the statement. */
static void
add_token(scanner *sc, cf_token token)
{
	statement *st = &sc->st;

	if (st->empty)
	{
		st->empty = false;
		st->start = sc->lx.start;
	}

	note_copy(sc, token);
	if (token == CF_TOKEN_OPEN)
		st->paren_depth++;
	else if (token == CF_TOKEN_CLOSE && st->paren_depth > 0)
		st->paren_depth--;
	else if (token == CF_TOKEN_WORD)
	{
		note_word(sc);
		note_body(sc);
	}
}

/*
 * Reports the copy data that starts on the line after the semicolon just read.
 * psql would run the rest of that line after the data; here it may only hold
 * blanks and comments, so that pieces come in the order of the text.
 */
static int
scan_copy_data(scanner *sc, size_t copy_start)
{
	size_t eol = end_of_line(sc, sc->lx.pos);
	cf_lexer rest = sc->lx;
	size_t start;
	size_t pos;

	rest.len = eol;
	if (cf_lexer_next(&rest) != CF_TOKEN_END || rest.error != CF_SCAN_OK)
		return fail(sc, CF_SCAN_COPY_LINE,
					rest.error != CF_SCAN_OK ? rest.error_offset : rest.start);

	start = eol + 1;
	for (pos = start; pos < sc->lx.len; pos = eol + 1)
	{
		const char *at = sc->lx.text + pos;
		size_t len;

		eol = end_of_line(sc, pos);
		len = eol - pos;
		if (len > 0 && at[len - 1] == '\r')
			len--;
		if (len == 2 && at[0] == '\\' && at[1] == '.')
		{
			sc->lx.pos = eol < sc->lx.len ? eol + 1 : eol;
			return report(sc, CF_PIECE_COPY_DATA, CF_END_NONE, start, pos, sc->lx.pos);
		}
	}
	return fail(sc, CF_SCAN_UNTERMINATED_COPY, copy_start);
}

/* Ends the statement at the semicolon just read, and takes its copy data. */
static int
scan_semicolon(scanner *sc)
{
	bool copy = sc->st.copy == COPY_FROM_STDIN;
	size_t start = sc->st.start;
	int result = end_statement(sc, CF_END_SEMICOLON, sc->lx.pos);

	if (result == 0 && copy)
		result = scan_copy_data(sc, start);
	return result;
}

/* Reports the psql command whose backslash has just been read. */
static int
scan_meta(scanner *sc)
{
	size_t start = sc->lx.start;
	size_t next = end_of_line(sc, start);
	int result = end_statement(sc, CF_END_META, start);

	if (result != 0)
		return result;
	sc->lx.pos = next;
	return report(sc, CF_PIECE_META, CF_END_NONE, start, trim_end(sc, next), next);
}

/* Takes the end of the text, where a statement needs no semicolon. */
static int
scan_end(scanner *sc)
{
	bool copy = sc->st.copy == COPY_FROM_STDIN;
	size_t start = sc->st.start;
	int result = end_statement(sc, CF_END_TEXT, sc->lx.len);

	if (result != 0)
		return result;
	if (sc->lx.error != CF_SCAN_OK)
		return fail(sc, sc->lx.error, sc->lx.error_offset);
	if (copy)
		return fail(sc, CF_SCAN_UNTERMINATED_COPY, start);
	return CF_SCAN_OK;
}

/* Splits a script; see cf_core.h. */
int
cf_scan(const char *text, size_t len, cf_piece_fn fn, void *arg, cf_scan_error *err)
{
	scanner sc = {.fn = fn, .arg = arg, .err = err, .line = 1};
	const char *nul = len > 0 ? memchr(text, '\0', len) : NULL;
	int result = 0;

	cf_lexer_init(&sc.lx, text, len);
	if (err != NULL)
		*err = (cf_scan_error) {.message = ""};
	if (nul != NULL)
		return fail(&sc, CF_SCAN_NUL, (size_t) (nul - text));

	begin_statement(&sc);
	while (result == 0)
	{
		cf_token token = cf_lexer_next(&sc.lx);

		if (token == CF_TOKEN_END)
			return scan_end(&sc);
		if (token == CF_TOKEN_SEMICOLON && sc.st.paren_depth == 0 && sc.st.body_depth == 0)
			result = scan_semicolon(&sc);
		else if (token == CF_TOKEN_BACKSLASH)
			result = scan_meta(&sc);
		else
			add_token(&sc, token);
	}
	return result;
}
