/*-------------------------------------------------------------------------
 *
 * fuzz_core.c
 *	  A libFuzzer target for everything in extension/core.
 *
 * The input is copied to memory of its exact size, so that the sanitizers see
 * any read past its end, and what cf_core.h promises of the results is
 * checked.
 *
 *		clang -std=c11 -g -O1 -fsanitize=fuzzer,address,undefined \
 *			-Iextension/core tests/fuzz/fuzz_core.c extension/core/?*.c
 *
 *-------------------------------------------------------------------------
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cf_core.h"

/* Ends the run when a promise is broken; assert() may be compiled away. */
#define CHECK(condition) \
	do { \
		if (!(condition)) \
		{ \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort(); \
		} \
	} while (0)

typedef struct scan_check
{
	const char *text;
	size_t		len;
	size_t		pos;			/* where the next piece may start */
	int			line;			/* of the last piece */
	int			pieces;
	int			stop_after;		/* pieces, or -1 */
	int			copy_due;		/* the last piece was a COPY FROM STDIN */
} scan_check;

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Checks one piece of a scan. */
static int
on_piece(const cf_piece *piece, void *arg)
{
	scan_check *check = arg;
	int			line;
	int			column;

	CHECK(check->pos <= piece->start && piece->start <= piece->end);
	CHECK(piece->end <= piece->next && piece->next <= check->len);
	CHECK(check->line <= piece->line);
	cf_line_column(check->text, check->len, piece->start, &line, &column);
	CHECK(line == piece->line && column >= 1);

	switch (piece->kind)
	{
		case CF_PIECE_STATEMENT:
			CHECK(piece->start < piece->end);
			CHECK(piece->ended_by != CF_END_NONE);
			if (piece->ended_by == CF_END_SEMICOLON)
				CHECK(check->text[piece->next - 1] == ';');
			break;
		case CF_PIECE_META:
			CHECK(check->text[piece->start] == '\\');
			CHECK(memchr(check->text + piece->start, '\n',
						 piece->end - piece->start) == NULL);
			break;
		case CF_PIECE_COPY_DATA:
			CHECK(check->pieces > 0);
			CHECK(check->text[piece->start - 1] == '\n');
			CHECK(memcmp(check->text + piece->end, "\\.", 2) == 0);
			break;
	}
	check->pos = piece->next;
	check->line = piece->line;
	return ++check->pieces == check->stop_after;
}

/* Checks one directive. */
static int
on_directive(const cf_directive *directive, void *arg)
{
	scan_check *check = arg;

	CHECK(directive->line >= check->line);
	CHECK(directive->key >= check->text + check->pos);
	CHECK(directive->value >= directive->key + directive->key_len);
	CHECK(directive->value + directive->value_len <= check->text + check->len);
	CHECK((directive->kind == CF_DIRECTIVE_PAIR) == (directive->key_len > 0));
	check->line = directive->line;
	check->pos = (size_t) (directive->value - check->text);
	return ++check->pieces == check->stop_after;
}

/* Splits the text, whole and up to its second piece. */
static void
try_scan(const char *text, size_t len)
{
	scan_check	check = {.text = text,.len = len,.stop_after = -1};
	scan_check	two = {.text = text,.len = len,.stop_after = 2};
	cf_scan_error error;
	int			result = cf_scan(text, len, on_piece, &check, &error);

	CHECK(result <= 0 && result == error.code);
	CHECK(error.message != NULL && error.offset <= len);
	CHECK((result == CF_SCAN_OK) == (error.line == 0));
	if (result == CF_SCAN_NUL)
		CHECK(check.pieces == 0 && text[error.offset] == '\0');

	result = cf_scan(text, len, on_piece, &two, NULL);
	CHECK((result == 1) == (check.pieces >= 2));
}

/* Normalises the text, into other memory and in place. */
static void
try_normalise(const char *text, size_t len)
{
	char	   *out = malloc(len + 1);
	char	   *copy = malloc(len + 1);
	size_t		used = cf_normalise(text, len, out);

	CHECK(used <= len);
	memcpy(copy, text, len);
	CHECK(cf_normalise(copy, len, copy) == used);
	CHECK(memcmp(copy, out, used) == 0);
	free(copy);
	free(out);
}

/* Runs everything on one input. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *text = malloc(size > 0 ? size : 1);
	scan_check	check = {.text = text,.len = size,.stop_after = -1};
	size_t		bad = 0;
	int			line;
	int			column;

	if (size > 0)
		memcpy(text, data, size);
	try_scan(text, size);
	try_normalise(text, size);
	CHECK(cf_directives(text, size, on_directive, &check) == 0);
	if (cf_utf8_check(text, size, &bad) != CF_UTF8_OK)
		CHECK(bad < size);
	cf_line_column(text, size, size > 0 ? data[0] : 0, &line, &column);
	CHECK(line >= 1 && column >= 1);
	free(text);
	return 0;
}
