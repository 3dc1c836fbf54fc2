/*-------------------------------------------------------------------------
 *
 * checksum.c
 *	  What the checksum of a script covers.
 *
 * A checkout on another system must not change a checksum: neither its line
 * ends nor the byte order mark of its editor count.  Anything else does.
 * The hash itself comes from the server's or Python's library.
 *
 *-------------------------------------------------------------------------
 */
#include "cf_core.h"
#include "cf_lexer.h"

/* Copies a text without byte order mark and CRLF; see cf_core.h. */
size_t
cf_normalise(const char *in, size_t len, char *out)
{
	size_t used = 0;

	for (size_t i = cf_bom_len(in, len); i < len; i++)
	{
		if (in[i] == '\r' && i + 1 < len && in[i + 1] == '\n')
			continue;
		out[used++] = in[i];
	}
	return used;
}

/*
 * Returns how many bytes the character that starts with this byte has, or 0
 * if none does.
 */
static size_t
utf8_len(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xC2)
		return 0;
	if (first < 0xE0)
		return 2;
	if (first < 0xF0)
		return 3;
	return first < 0xF5 ? 4 : 0;
}

/*
 * Tells whether the bytes after the first one are right: overlong forms,
 * surrogates and what lies past U+10FFFF are not.
 */
static bool
utf8_tail_ok(const unsigned char *s, size_t len)
{
	unsigned char low = 0x80;
	unsigned char high = 0xBF;

	for (size_t i = 2; i < len; i++)
		if (s[i] < low || s[i] > high)
			return false;

	if (s[0] == 0xE0)
		low = 0xA0;
	else if (s[0] == 0xED)
		high = 0x9F;
	else if (s[0] == 0xF0)
		low = 0x90;
	else if (s[0] == 0xF4)
		high = 0x8F;
	return len == 1 || (s[1] >= low && s[1] <= high);
}

/* Checks that a text is UTF-8 without NUL; see cf_core.h. */
int
cf_utf8_check(const char *text, size_t len, size_t *bad_offset)
{
	const unsigned char *s = (const unsigned char *) text;
	size_t pos = 0;
	int result = CF_UTF8_OK;

	while (pos < len)
	{
		size_t char_len = utf8_len(s[pos]);

		if (s[pos] == '\0')
			result = CF_UTF8_NUL;
		else if (char_len == 0 || char_len > len - pos || !utf8_tail_ok(s + pos, char_len))
			result = CF_UTF8_INVALID;
		if (result != CF_UTF8_OK)
			break;
		pos += char_len;
	}
	if (result != CF_UTF8_OK && bad_offset != NULL)
		*bad_offset = pos;
	return result;
}
