/*-------------------------------------------------------------------------
 *
 * lexer.c
 *	  Tokens of PostgreSQL's SQL, as far as splitting a script needs them.
 *
 * Follows the rules of PostgreSQL's src/backend/parser/scan.l with
 * standard_conforming_strings on.  What must be exact is where quotes and
 * comments begin and end; operators come one character at a time, because
 * an operator never hides a comment or a quote.  psql's variables (:name) are
 * not known: they are left to the server to refuse.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "cf_core.h"
#include "cf_lexer.h"

/* Tells whether a byte can start an identifier, as scan.l's ident_start. */
static bool
is_ident_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
		   (unsigned char) c >= 0x80;
}

/* Tells whether a byte is an ASCII digit. */
static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Tells whether a byte can go on an identifier, as scan.l's ident_cont. */
static bool
is_ident_cont(char c)
{
	return is_ident_start(c) || is_digit(c) || c == '$';
}

/*
 * Returns the byte at an offset, or NUL past the end, so that callers can look
 * ahead without checks.  NUL is in no class of characters.
 */
static char
peek(const cf_lexer *lx, size_t pos)
{
	return pos < lx->len ? lx->text[pos] : '\0';
}

/* Notes that what opens at offset never ends, and takes the rest of the text. */
static void
unterminated(cf_lexer *lx, int code, size_t offset)
{
	lx->error = code;
	lx->error_offset = offset;
	lx->pos = lx->len;
}

/* Skips digits from pos, and returns where they end. */
static size_t
skip_digits(const cf_lexer *lx, size_t pos)
{
	while (is_digit(peek(lx, pos)))
		pos++;
	return pos;
}

/* Skips the rest of an identifier from pos, and returns where it ends. */
static size_t
skip_ident(const cf_lexer *lx, size_t pos)
{
	while (is_ident_cont(peek(lx, pos)))
		pos++;
	return pos;
}

/* Returns the end of a "--" comment: LF and CR both end one. */
static size_t
skip_line_comment(const cf_lexer *lx, size_t pos)
{
	while (pos < lx->len && lx->text[pos] != '\n' && lx->text[pos] != '\r')
		pos++;
	return pos;
}

/* Skips a C comment, which may hold others. */
static void
skip_block_comment(cf_lexer *lx)
{
	size_t open = lx->pos;
	size_t pos = open + 2;
	int depth = 1;

	while (depth > 0)
	{
		const char *at;

		if (pos + 1 >= lx->len)
		{
			unterminated(lx, CF_SCAN_UNTERMINATED_COMMENT, open);
			return;
		}
		at = lx->text + pos;
		if (at[0] == '/' && at[1] == '*')
		{
			depth++;
			pos += 2;
		}
		else if (at[0] == '*' && at[1] == '/')
		{
			depth--;
			pos += 2;
		}
		else
			pos++;
	}
	lx->pos = pos;
}

/* Skips blanks and comments. */
static void
skip_blanks(cf_lexer *lx)
{
	while (lx->pos < lx->len)
	{
		char c = lx->text[lx->pos];
		char after = peek(lx, lx->pos + 1);

		if (cf_is_blank(c))
			lx->pos++;
		else if (c == '-' && after == '-')
			lx->pos = skip_line_comment(lx, lx->pos);
		else if (c == '/' && after == '*')
			skip_block_comment(lx);
		else
			break;
	}
}

/*
 * Returns the offset after the quote that goes on a literal, given the offset
 * after its closing quote, or 0 if the literal is over.  SQL goes on after
 * blanks and "--" comments with at least one end of line among them.
 */
static size_t
string_goes_on(const cf_lexer *lx, size_t pos)
{
	bool newline = false;

	for (;;)
	{
		char c = peek(lx, pos);

		if (c == '\n' || c == '\r')
			newline = true;
		else if (c == '-' && peek(lx, pos + 1) == '-')
		{
			pos = skip_line_comment(lx, pos);
			continue;
		}
		else if (!cf_is_blank(c))
			break;
		pos++;
	}
	return newline && peek(lx, pos) == '\'' ? pos + 1 : 0;
}

/*
 * Takes a string, given the offset after its opening quote.  Only E'' knows
 * backslashes.
 */
static void
take_string(cf_lexer *lx, size_t pos, bool escapes)
{
	while (pos < lx->len)
	{
		char c = lx->text[pos++];

		if (escapes && c == '\\')
			pos++;
		else if (c == '\'')
		{
			size_t more;

			if (peek(lx, pos) == '\'')
			{
				pos++;
				continue;
			}
			more = string_goes_on(lx, pos);
			if (more == 0)
			{
				lx->pos = pos;
				return;
			}
			pos = more;
		}
	}
	unterminated(lx, CF_SCAN_UNTERMINATED_QUOTE, lx->start);
}

/* Takes a quoted identifier, given the offset after its opening quote. */
static void
take_quoted_ident(cf_lexer *lx, size_t pos)
{
	while (pos < lx->len)
	{
		if (lx->text[pos++] != '"')
			continue;
		if (peek(lx, pos) != '"')
		{
			lx->pos = pos;
			return;
		}
		pos++;
	}
	unterminated(lx, CF_SCAN_UNTERMINATED_QUOTE, lx->start);
}

/*
 * Returns the length of the dollar quote that starts at pos, both dollar signs
 * included, or 0 if there is none.
 */
static size_t
dollar_quote_len(const cf_lexer *lx, size_t pos)
{
	size_t end = pos + 1;

	if (is_ident_start(peek(lx, end)))
		while (is_ident_start(peek(lx, end)) || is_digit(peek(lx, end)))
			end++;
	return peek(lx, end) == '$' ? end + 1 - pos : 0;
}

/* Takes what starts with a dollar sign: a quoted text, a parameter, or nothing. */
static void
take_dollar(cf_lexer *lx)
{
	const char *quote = lx->text + lx->start;
	size_t quote_len = dollar_quote_len(lx, lx->start);
	size_t pos = lx->start + quote_len;

	if (quote_len == 0)
	{
		pos = lx->start + 1;
		/* "$1a$" has the junk in one token, so its last $ starts nothing */
		if (is_digit(peek(lx, pos)))
			pos = skip_digits(lx, pos);
		if (pos > lx->start + 1 && is_ident_start(peek(lx, pos)))
			pos = skip_ident(lx, pos);
		lx->pos = pos;
		return;
	}

	while (pos < lx->len)
	{
		const char *dollar = memchr(lx->text + pos, '$', lx->len - pos);

		if (dollar == NULL)
			break;
		pos = (size_t) (dollar - lx->text);
		if (lx->len - pos < quote_len)
			break;
		if (memcmp(dollar, quote, quote_len) == 0)
		{
			lx->pos = pos + quote_len;
			return;
		}
		pos++;
	}
	unterminated(lx, CF_SCAN_UNTERMINATED_DOLLAR, lx->start);
}

/*
 * Takes a number and the letters that stick to it.  Exact, because of what may
 * come next: in "1e'x'" the e belongs to the number, so the string is a plain
 * one, but in "1..e'x'" it does not.
 */
static void
take_number(cf_lexer *lx)
{
	size_t pos = skip_digits(lx, lx->start);
	char c;
	char sign;

	if (peek(lx, pos) == '.')
	{
		if (peek(lx, pos + 1) == '.')
		{
			lx->pos = pos;
			return;
		}
		pos = skip_digits(lx, pos + 1);
	}

	/* an exponent without a sign is as good as letters */
	c = peek(lx, pos);
	sign = peek(lx, pos + 1);
	if ((c == 'e' || c == 'E') && (sign == '+' || sign == '-'))
	{
		size_t digits = pos + 2;

		pos = skip_digits(lx, digits);
		if (pos == digits)
		{
			lx->pos = pos;
			return;
		}
	}

	if (is_ident_start(peek(lx, pos)))
		pos = skip_ident(lx, pos);
	lx->pos = pos;
}

/* Takes a word, or the quoted thing that its single letter announces. */
static cf_token
take_word(cf_lexer *lx)
{
	size_t pos = lx->start;
	char after = peek(lx, pos + 1);

	switch (lx->text[pos])
	{
		case 'e':
		case 'E':
			if (after == '\'')
			{
				take_string(lx, pos + 2, true);
				return CF_TOKEN_OTHER;
			}
			break;
		case 'b':
		case 'B':
		case 'n':
		case 'N':
		case 'x':
		case 'X':
			if (after == '\'')
			{
				take_string(lx, pos + 2, false);
				return CF_TOKEN_OTHER;
			}
			break;
		case 'u':
		case 'U':
			if (after == '&' && peek(lx, pos + 2) == '\'')
			{
				take_string(lx, pos + 3, false);
				return CF_TOKEN_OTHER;
			}
			if (after == '&' && peek(lx, pos + 2) == '"')
			{
				take_quoted_ident(lx, pos + 3);
				return CF_TOKEN_OTHER;
			}
			break;
		default:
			break;
	}
	lx->pos = skip_ident(lx, pos);
	return CF_TOKEN_WORD;
}

/* Prepares to read the tokens of a text; a byte order mark is skipped. */
void
cf_lexer_init(cf_lexer *lx, const char *text, size_t len)
{
	lx->text = text;
	lx->len = len;
	lx->pos = cf_bom_len(text, len);
	lx->start = lx->pos;
	lx->error = CF_SCAN_OK;
	lx->error_offset = 0;
}

/*
 * Reads the next token, which then lies from lx->start to lx->pos.  One that
 * never ends takes the rest of the text and sets lx->error.
 */
cf_token
cf_lexer_next(cf_lexer *lx)
{
	char c;

	skip_blanks(lx);
	lx->start = lx->pos;
	if (lx->pos >= lx->len)
		return CF_TOKEN_END;

	c = lx->text[lx->pos];
	if (is_ident_start(c))
		return take_word(lx);
	if (is_digit(c) || (c == '.' && is_digit(peek(lx, lx->pos + 1))))
	{
		take_number(lx);
		return CF_TOKEN_OTHER;
	}

	switch (c)
	{
		case '\'':
			take_string(lx, lx->start + 1, false);
			return CF_TOKEN_OTHER;
		case '"':
			take_quoted_ident(lx, lx->start + 1);
			return CF_TOKEN_OTHER;
		case '$':
			take_dollar(lx);
			return CF_TOKEN_OTHER;
		case '.':
			lx->pos += peek(lx, lx->pos + 1) == '.' ? 2 : 1;
			return CF_TOKEN_OTHER;
		case '(':
			lx->pos++;
			return CF_TOKEN_OPEN;
		case ')':
			lx->pos++;
			return CF_TOKEN_CLOSE;
		case ';':
			lx->pos++;
			return CF_TOKEN_SEMICOLON;
		case '\\':
			lx->pos++;
			return CF_TOKEN_BACKSLASH;
		default:
			lx->pos++;
			return CF_TOKEN_OTHER;
	}
}

/* Tells whether the last token is this word, given in lower case ASCII. */
bool
cf_lexer_word_is(const cf_lexer *lx, const char *word)
{
	size_t len = lx->pos - lx->start;

	if (strlen(word) != len)
		return false;
	for (size_t i = 0; i < len; i++)
	{
		char c = lx->text[lx->start + i];

		if (c >= 'A' && c <= 'Z')
			c = (char) (c - 'A' + 'a');
		if (c != word[i])
			return false;
	}
	return true;
}
