/*-------------------------------------------------------------------------
 *
 * position.c
 *	  Lines and columns of a text.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "cf_core.h"
#include "cf_lexer.h"

/* Tells whether a byte goes on a character of UTF-8. */
static bool
is_continuation(char c)
{
	return ((unsigned char) c & 0xC0) == 0x80;
}

/* Turns a byte offset into line and column; see cf_core.h. */
void
cf_line_column(const char *text, size_t len, size_t offset, int *line, int *column)
{
	size_t bol = cf_bom_len(text, len);
	size_t pos;

	if (offset > len)
		offset = len;

	*line = 1;
	while (bol < offset)
	{
		const char *newline = memchr(text + bol, '\n', offset - bol);

		if (newline == NULL)
			break;
		bol = (size_t) (newline - text) + 1;
		(*line)++;
	}

	/* an offset inside a character means the character */
	while (offset > bol && offset < len && is_continuation(text[offset]))
		offset--;

	*column = 1;
	for (pos = bol; pos < offset; pos++)
		if (!is_continuation(text[pos]))
			(*column)++;
}
