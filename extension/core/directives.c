/*-------------------------------------------------------------------------
 *
 * directives.c
 *	  Reads the directives in the comments that open a script.
 *
 * A directive is a line comment, of SQL or of Python, whose first word is
 * "confiture:".  Pairs are separated by semicolons, or by blanks where the
 * next word is another key; so a list may have blanks after its commas.
 * The first statement ends the header.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "cf_core.h"
#include "cf_lexer.h"

#define PREFIX "confiture:"

/* The text of one directive line that is still to be read. */
typedef struct line_reader
{
	const char *pos;
	const char *end;
	int line;
	cf_directive_fn fn;
	void *arg;
} line_reader;

/* Tells whether a byte can be in a key. */
static bool
is_key_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
		   c == '-';
}

/* Skips blanks. */
static const char *
skip_blanks(const char *pos, const char *end)
{
	while (pos < end && cf_is_blank(*pos))
		pos++;
	return pos;
}

/* Skips what separates pairs. */
static const char *
skip_separators(const char *pos, const char *end)
{
	while (pos < end && (cf_is_blank(*pos) || *pos == ';'))
		pos++;
	return pos;
}

/* Returns the end of a text without the blanks at its end. */
static const char *
trim_end(const char *start, const char *end)
{
	while (end > start && cf_is_blank(end[-1]))
		end--;
	return end;
}

/*
 * Returns the end of the key at pos if it is one, with an equals sign after
 * it, and sets *equals to that sign; else returns NULL.
 */
static const char *
key_end(const char *pos, const char *end, const char **equals)
{
	const char *stop = pos;

	while (stop < end && is_key_char(*stop))
		stop++;
	*equals = skip_blanks(stop, end);
	return stop > pos && *equals < end && **equals == '=' ? stop : NULL;
}

/* Returns the end of a value: a semicolon, or blanks before another key. */
static const char *
value_end(const char *start, const char *end)
{
	const char *pos = start;

	while (pos < end && *pos != ';')
	{
		const char *word = skip_blanks(pos, end);
		const char *equals;

		if (word == pos)
			pos++;
		else if (key_end(word, end, &equals) != NULL)
			break;
		else
			pos = word;
	}
	return pos;
}

/* Reads one pair, and hands it to the caller. */
static int
read_pair(line_reader *rd)
{
	cf_directive directive = {.line = rd->line};
	const char *equals;
	const char *stop = key_end(rd->pos, rd->end, &equals);

	if (stop != NULL)
	{
		directive.kind = CF_DIRECTIVE_PAIR;
		directive.key = rd->pos;
		directive.key_len = (size_t) (stop - rd->pos);
		rd->pos = equals + 1;
		stop = value_end(rd->pos, rd->end);
	}
	else
	{
		directive.kind = CF_DIRECTIVE_MALFORMED;
		directive.key = rd->pos;
		stop = memchr(rd->pos, ';', (size_t) (rd->end - rd->pos));
		if (stop == NULL)
			stop = rd->end;
	}
	directive.value = skip_blanks(rd->pos, stop);
	directive.value_len = (size_t) (trim_end(directive.value, stop) - directive.value);
	rd->pos = stop;
	return rd->fn(&directive, rd->arg);
}

/* Reads what follows the comment mark of one line. */
static int
read_comment(line_reader *rd)
{
	size_t prefix_len = strlen(PREFIX);
	int result;

	rd->pos = skip_blanks(rd->pos, rd->end);
	rd->end = trim_end(rd->pos, rd->end);
	if ((size_t) (rd->end - rd->pos) < prefix_len || memcmp(rd->pos, PREFIX, prefix_len) != 0)
		return 0;

	/* at least once, so that a directive without any pair is malformed */
	rd->pos = skip_separators(rd->pos + prefix_len, rd->end);
	do
	{
		result = read_pair(rd);
		rd->pos = skip_separators(rd->pos, rd->end);
	} while (result == 0 && rd->pos < rd->end);
	return result;
}

/*
 * Returns the end of the C comment at pos, which may hold others, and counts
 * its lines; NULL if it never ends.
 */
static const char *
skip_block_comment(const char *pos, const char *end, int *line)
{
	int depth = 0;

	while (end - pos >= 2)
	{
		bool open = pos[0] == '/' && pos[1] == '*';
		bool close = pos[0] == '*' && pos[1] == '/';

		if (*pos == '\n')
			(*line)++;
		pos += open || close ? 2 : 1;
		if (open)
			depth++;
		else if (close && --depth == 0)
			return pos;
	}
	return NULL;
}

/* Reads the directives of a header; see cf_core.h. */
int
cf_directives(const char *text, size_t len, cf_directive_fn fn, void *arg)
{
	const char *end;
	const char *pos;
	int line = 1;
	int result = 0;

	if (len == 0)
		return 0;
	end = text + len;
	pos = text + cf_bom_len(text, len);

	while (pos != NULL && pos < end && result == 0)
	{
		char after = end - pos > 1 ? pos[1] : '\0';

		if (cf_is_blank(*pos))
		{
			if (*pos == '\n')
				line++;
			pos++;
		}
		else if (*pos == '/' && after == '*')
			pos = skip_block_comment(pos, end, &line);
		else if (*pos == '#' || (*pos == '-' && after == '-'))
		{
			const char *eol = memchr(pos, '\n', (size_t) (end - pos));
			line_reader rd = {.line = line, .fn = fn, .arg = arg};

			rd.pos = pos + (*pos == '#' ? 1 : 2);
			rd.end = eol != NULL ? eol : end;
			pos = rd.end;
			result = read_comment(&rd);
		}
		else
			break;
	}
	return result;
}
