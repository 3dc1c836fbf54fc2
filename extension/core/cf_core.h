/*-------------------------------------------------------------------------
 *
 * cf_core.h
 *	  What Confiture knows about script files without a server.
 *
 * This folder is plain C11: no postgres.h, no allocation, no global state.
 * The extension links it, the command line loads the same code through cffi,
 * and the fuzzer runs it alone.  Every text is UTF-8 given as pointer and
 * length; it need not end with a NUL.  Offsets are bytes from 0, an end is
 * exclusive, lines and columns count from 1.  A line ends with LF; the CR of
 * a CRLF counts as a blank.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CF_CORE_H
#define CF_CORE_H

#include <stddef.h>

/* ---------------------------------------------------------------------
 * Splitting a script: splitter.c
 * ------------------------------------------------------------------- */

typedef enum cf_piece_kind
{
	/* One SQL statement, without its semicolon. Never empty. */
	CF_PIECE_STATEMENT = 1,
	/* A psql command, from its backslash to the end of the line. */
	CF_PIECE_META = 2,
	/* The lines of data of the COPY ... FROM STDIN right before it. */
	CF_PIECE_COPY_DATA = 3
} cf_piece_kind;

/* What ends a statement. */
typedef enum cf_piece_end
{
	CF_END_NONE = 0, /* the piece is not a statement */
	CF_END_SEMICOLON = 1,
	CF_END_META = 2, /* a psql command comes before a semicolon */
	CF_END_TEXT = 3	 /* the end of the script */
} cf_piece_end;

typedef struct cf_piece
{
	cf_piece_kind kind;
	cf_piece_end ended_by;

	/*
	 * The piece itself.  A statement goes from its first token to the last
	 * character that is no blank before its semicolon, so that blanks and
	 * comments before it are left out.  Copy data is whole lines, may be
	 * empty, and is reported even then.
	 */
	size_t start;
	size_t end;

	/*
	 * Where scanning goes on: after the semicolon, or after the line "\." of
	 * copy data.
	 */
	size_t next;
	int line; /* of start */
} cf_piece;

/* Receives the pieces in order.  Returns 0, or a number above 0 to stop. */
typedef int (*cf_piece_fn)(const cf_piece *piece, void *arg);

/* Results of cf_scan(), all negative: a callback must return others. */
enum
{
	CF_SCAN_OK = 0,
	/* Lexical: the server's parser finds these too, and says it better. */
	CF_SCAN_UNTERMINATED_QUOTE = -1,  /* '...' or "..." */
	CF_SCAN_UNTERMINATED_DOLLAR = -2, /* $tag$...$tag$ */
	CF_SCAN_UNTERMINATED_COMMENT = -3,
	/* Of scripts: the server's parser never sees these. */
	CF_SCAN_UNTERMINATED_COPY = -4, /* copy data without the line "\." */
	CF_SCAN_COPY_LINE = -5,			/* something follows a COPY on its line */
	CF_SCAN_NUL = -6				/* a NUL byte, reported before any piece */
};

/* Tells whether an error is lexical. */
#define CF_SCAN_IS_LEXICAL(code) ((code) < 0 && (code) > CF_SCAN_UNTERMINATED_COPY)

typedef struct cf_scan_error
{
	int code;			 /* CF_SCAN_OK or one of the above */
	int line;			 /* of offset */
	size_t offset;		 /* where it opens, the COPY, or the NUL byte */
	const char *message; /* static, lower case, no full stop */
} cf_scan_error;

/*
 * Calls fn for each piece of a script, as psql would split it.
 *
 * Returns CF_SCAN_OK, what fn returned if that was not 0, or a negative
 * CF_SCAN_ code, which *err (may be NULL) then explains.  With a lexical
 * error, the statement it is in has been reported first, up to the end of the
 * text, so that a caller may let the server's parser complain; there is none
 * if only a comment is open.  Since errors come after pieces, collect the
 * pieces first and act on them once the scan is over.
 */
extern int cf_scan(const char *text, size_t len, cf_piece_fn fn, void *arg, cf_scan_error *err);

/* ---------------------------------------------------------------------
 * Positions: position.c
 * ------------------------------------------------------------------- */

/*
 * Line and column of a byte offset.  Columns count characters; a byte order
 * mark is none.  An offset past the end means the end.
 */
extern void cf_line_column(const char *text, size_t len, size_t offset, int *line, int *column);

/* ---------------------------------------------------------------------
 * What a checksum covers: checksum.c
 * ------------------------------------------------------------------- */

/*
 * Copies a text without its byte order mark and with CRLF turned into LF;
 * nothing else changes.  Returns the length of the copy, never more than len.
 * out may be in itself.  A checksum is the SHA-256 of this copy.
 */
extern size_t cf_normalise(const char *in, size_t len, char *out);

enum
{
	CF_UTF8_OK = 0,
	CF_UTF8_INVALID = 1, /* not UTF-8 as PostgreSQL accepts it */
	CF_UTF8_NUL = 2		 /* a NUL byte, which no SQL text may hold */
};

/*
 * Checks that a text can be stored in a UTF-8 database; else sets *bad_offset
 * (may be NULL) to the first offending byte.
 */
extern int cf_utf8_check(const char *text, size_t len, size_t *bad_offset);

/* ---------------------------------------------------------------------
 * Directives in the header of a script: directives.c
 * ------------------------------------------------------------------- */

typedef enum cf_directive_kind
{
	CF_DIRECTIVE_PAIR = 1,	   /* key and value, both trimmed */
	CF_DIRECTIVE_MALFORMED = 2 /* value is the text that is not key=value */
} cf_directive_kind;

typedef struct cf_directive
{
	cf_directive_kind kind;
	const char *key; /* letters, digits, _ and -; not NUL-ended */
	size_t key_len;
	const char *value; /* may be empty; not NUL-ended */
	size_t value_len;
	int line;
} cf_directive;

/* Receives the directives in order.  A result other than 0 stops. */
typedef int (*cf_directive_fn)(const cf_directive *directive, void *arg);

/*
 * Calls fn for each directive in the comments that open a script:
 *
 *		-- confiture: key=value; other=value
 *		# confiture: depends_on=001, 002 transaction=off
 *
 * Returns 0 or what fn returned.
 */
extern int cf_directives(const char *text, size_t len, cf_directive_fn fn, void *arg);

#endif /* CF_CORE_H */
