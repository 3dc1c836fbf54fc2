/*-------------------------------------------------------------------------
 *
 * cf_lexer.h
 *	  Tokens of PostgreSQL's SQL, as far as splitting a script needs them.
 *
 * Internal to this folder.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CF_LEXER_H
#define CF_LEXER_H

#include <stdbool.h>
#include <stddef.h>

#define CF_BOM "\xEF\xBB\xBF"
#define CF_BOM_LEN 3

typedef enum cf_token
{
	CF_TOKEN_END,	/* no more text */
	CF_TOKEN_WORD,	/* keyword or unquoted identifier */
	CF_TOKEN_OPEN,	/* ( */
	CF_TOKEN_CLOSE, /* ) */
	CF_TOKEN_SEMICOLON,
	CF_TOKEN_BACKSLASH,
	CF_TOKEN_OTHER /* anything else, a quoted thing included */
} cf_token;

typedef struct cf_lexer
{
	const char *text;
	size_t len;
	size_t pos;			 /* end of the last token */
	size_t start;		 /* start of the last token */
	int error;			 /* 0, or CF_SCAN_ code of what never ends */
	size_t error_offset; /* where that opens */
} cf_lexer;

extern void cf_lexer_init(cf_lexer *lx, const char *text, size_t len);
extern cf_token cf_lexer_next(cf_lexer *lx);
extern bool cf_lexer_word_is(const cf_lexer *lx, const char *word);

/* The blanks of SQL: PostgreSQL 16 has \v among them. */
static inline bool
cf_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

/* The length of the byte order mark that opens a text, or 0. */
static inline size_t
cf_bom_len(const char *text, size_t len)
{
	return len >= CF_BOM_LEN && text[0] == CF_BOM[0] && text[1] == CF_BOM[1] && text[2] == CF_BOM[2]
			   ? CF_BOM_LEN
			   : 0;
}

#endif /* CF_LEXER_H */
