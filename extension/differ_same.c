/*-------------------------------------------------------------------------
 *
 * differ_same.c
 *	  Texts of the server that are equal but for names that were changed, word by
 *	  word as its lexer sees them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "mb/pg_wchar.h"
#include "parser/parser.h"
#include "parser/scanner.h"
#include "parser/scansup.h"
#include "utils/builtins.h"

#include "differ_rename.h"
#include "subtransaction.h"

typedef struct Token
{
	char kind;	/* w word, s string, or anything else */
	char *text; /* without quotes */
	int at;
	int end;
} Token;

typedef struct Lexing
{
	const char *text;
	List *tokens; /* Token * */
} Lexing;

/* What begins at a place: a word, a string, or something else. */
static char
kind_at(const char *at)
{
	if (*at == '"')
		return 'w';
	if (*at == '\'' || (*at == '$' && !isdigit((unsigned char) at[1])))
		return 's';
	if (!isalpha((unsigned char) *at) && *at != '_' && !IS_HIGHBIT_SET(*at))
		return 'o';
	if ((at[1] == '\'' && strchr("eEbBxXnN", *at) != NULL) ||
		(at[1] == '&' && (at[2] == '\'' || at[2] == '"')))
		return 's';
	return 'w';
}

static char *
word_text(const char *at, const core_YYSTYPE *value)
{
	int len = 0;

	if (*at == '"')
		return pstrdup(value->str);
	while (isalnum((unsigned char) at[len]) || at[len] == '_' || at[len] == '$' ||
		   IS_HIGHBIT_SET(at[len]))
		len++;
	return downcase_truncate_identifier(at, len, false);
}

static void
lex(void *arg)
{
	Lexing *lexing = (Lexing *) arg;
	core_yy_extra_type extra;
	core_YYSTYPE value;
	YYLTYPE at = 0;
	core_yyscan_t scanner = scanner_init(lexing->text, &extra, &ScanKeywords, ScanKeywordTokens);
	Token *token = NULL;

	lexing->tokens = NIL;
	while (core_yylex(&value, &at, scanner) != 0)
	{
		if (token)
			token->end = at;
		token = palloc0(sizeof(Token));
		token->kind = kind_at(lexing->text + at);
		token->at = at;
		if (token->kind == 'w')
			token->text = word_text(lexing->text + at, &value);
		else if (token->kind == 's')
			token->text = pstrdup(value.str);
		lexing->tokens = lappend(lexing->tokens, token);
	}
	if (token)
		token->end = strlen(lexing->text);
	scanner_finish(scanner);
}

/* Reads the tokens of a text; false when it is none that the lexer reads. */
static bool
read_tokens(const char *text, List **tokens)
{
	Lexing lexing = {.text = text};

	if (cf_try(lex, &lexing, CurrentMemoryContext) != NULL)
		return false;
	*tokens = lexing.tokens;
	return true;
}

/* Tells whether one word stands for the other. */
static bool
becomes(const char *old, const char *new, List *words)
{
	ListCell *lc;

	foreach (lc, words)
	{
		CfdWord *word = (CfdWord *) lfirst(lc);

		if (strcmp(word->old, old) == 0 && strcmp(word->new, new) == 0)
			return true;
	}
	return false;
}

static Token *
token_at(List *tokens, int n)
{
	return n < list_length(tokens) ? (Token *) list_nth(tokens, n) : NULL;
}

static bool
is_word(const Token *token, const char *word)
{
	return token && token->kind == 'w' && strcmp(token->text, word) == 0;
}

/* Whether the name of an object stands in the string, as in 's'::regclass. */
static bool
names_object(const char *text, List *tokens, int n)
{
	Token *cast = token_at(tokens, n + 1);
	Token *type = token_at(tokens, n + 2);

	return cast && type && strncmp(text + cast->at, "::", 2) == 0 && type->kind == 'w' &&
		   strncmp(type->text, "reg", 3) == 0;
}

/* The word after AS, behind a place, or NULL. */
static Token *
alias_at(List *tokens, int n)
{
	Token *alias = token_at(tokens, n + 2);

	return is_word(token_at(tokens, n + 1), "as") && alias && alias->kind == 'w' ? alias : NULL;
}

/*
 * A column of a query has AS behind when it has another name than what it shows. Where only
 * one of the texts has it, it is passed over if the column has the same name in both.
 */
static void
skip_alias(List *a, int *i, List *b, int *j, List *words)
{
	Token *x = alias_at(a, *i);
	Token *y = alias_at(b, *j);
	const char *old = (x ? x : token_at(a, *i))->text;
	const char *new = (y ? y : token_at(b, *j))->text;

	if ((x == NULL) == (y == NULL) || !(strcmp(old, new) == 0 || becomes(old, new, words)))
		return;
	*(x ? i : j) += 2;
}

/* Tells whether two texts are equal but for words that became others. */
static bool
same_text(const char *old, const char *new, List *words)
{
	List *a;
	List *b;
	int i = 0;
	int j = 0;

	if (strcmp(old, new) == 0)
		return true;
	if (!read_tokens(old, &a) || !read_tokens(new, &b))
		return false;
	while (i < list_length(a) && j < list_length(b))
	{
		Token *x = (Token *) list_nth(a, i);
		Token *y = (Token *) list_nth(b, j);

		if (x->kind != y->kind)
			return false;
		if (x->kind == 'o')
		{
			const char *p = old + x->at;
			const char *q = new + y->at;
			int p_len = x->end - x->at;
			int q_len = y->end - y->at;

			while (p_len > 0 && isspace((unsigned char) p[p_len - 1]))
				p_len--;
			while (q_len > 0 && isspace((unsigned char) q[q_len - 1]))
				q_len--;
			if (p_len != q_len || strncmp(p, q, p_len) != 0)
				return false;
		}
		else if (strcmp(x->text, y->text) != 0)
		{
			if (x->kind == 's' ? !(names_object(old, a, i) && same_text(x->text, y->text, words))
							   : !becomes(x->text, y->text, words))
				return false;
		}
		if (x->kind == 'w')
			skip_alias(a, &i, b, &j, words);
		i++;
		j++;
	}
	return i == list_length(a) && j == list_length(b);
}

/* Replaces the words before and after a dot that became others: for names with their schema. */
char *
cfd_replace_names(const char *text, List *names)
{
	List *tokens;
	StringInfoData out;
	int done = 0;

	if (!read_tokens(text, &tokens))
		return pstrdup(text);
	initStringInfo(&out);
	for (int i = 0; i + 2 < list_length(tokens); i++)
	{
		Token *schema = (Token *) list_nth(tokens, i);
		Token *dot = (Token *) list_nth(tokens, i + 1);
		Token *name = (Token *) list_nth(tokens, i + 2);
		char *qualified;
		ListCell *lc;

		if (schema->kind != 'w' || name->kind != 'w' || text[dot->at] != '.')
			continue;
		qualified = quote_qualified_identifier(schema->text, name->text);
		foreach (lc, names)
		{
			CfdWord *word = (CfdWord *) lfirst(lc);
			int end = name->end;

			if (strcmp(word->old, qualified) != 0)
				continue;
			while (end > name->at && isspace((unsigned char) text[end - 1]))
				end--;
			appendBinaryStringInfo(&out, text + done, schema->at - done);
			appendStringInfoString(&out, word->new);
			done = end;
			break;
		}
	}
	appendStringInfoString(&out, text + done);
	return out.data;
}

static bool
same_element(char *old, char *new, List *words)
{
	return old && new &&
		   (strcmp(old, new) == 0 || becomes(old, new, words) || same_text(old, new, words));
}

/* Tells whether two lists have the same names, the order of columns of a publication aside. */
static bool
same_lists(const CfdFact *old, const CfdFact *new, const char *key, List *words)
{
	List *a = cfd_list(old, key);
	List *b = cfd_list(new, key);
	bool any_order = cfd_is(old, "publication table");
	ListCell *la;
	ListCell *lb;

	if (list_length(a) != list_length(b) || a == NIL)
		return false;
	foreach (la, a)
	{
		int place = foreach_current_index(la);
		int found = -1;

		foreach (lb, b)
			if (found < 0 && (any_order || foreach_current_index(lb) == place) &&
				same_element((char *) lfirst(la), (char *) lfirst(lb), words))
				found = foreach_current_index(lb);
		if (found < 0)
			return false;
		if (any_order)
			list_nth_cell(b, found)->ptr_value = NULL;
	}
	return true;
}

/* Tells whether a key says the same in both payloads, but for names. */
static bool
same_value(const CfdFact *old, const CfdFact *new, const char *key, List *words)
{
	char *a;
	char *b;

	if (cfd_equal(old, new, key))
		return true;
	a = cfd_text(old, key);
	b = cfd_text(new, key);
	if (a && b)
		return becomes(a, b, words) || same_text(a, b, words);
	return a == NULL && b == NULL && same_lists(old, new, key, words);
}

/* Tells whether two payloads are equal but for names. */
bool
cfd_same_payload(const CfdFact *old, const CfdFact *new, List *words)
{
	ListCell *lc;

	if (strcmp(old->hash, new->hash) == 0)
		return true;
	foreach (lc, list_concat(cfd_pairs(old, NULL), cfd_pairs(new, NULL)))
		if (!same_value(old, new, ((CfdPair *) lfirst(lc))->key, words))
			return false;
	return true;
}

static JsonbValue *
find_value(JsonbContainer *payload, const char *key, JsonbValue *value)
{
	return getKeyJsonValueFromContainer(payload, key, strlen(key), value);
}

/*
 * Lets a fact of the source say with the names of the target what it says; what is really
 * different stays.
 */
void
cfd_take_names(CfdFact *old, const CfdFact *new, List *words)
{
	JsonbParseState *state = NULL;
	JsonbValue value;
	JsonbValue *result;
	bool all = true;
	ListCell *lc;

	if (strcmp(old->hash, new->hash) == 0)
		return;
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	foreach (lc, cfd_pairs(old, NULL))
	{
		char *name = ((CfdPair *) lfirst(lc))->key;
		bool same = same_value(old, new, name, words);
		JsonbValue key = {.type = jbvString};

		all = all && same;
		key.val.string.val = name;
		key.val.string.len = strlen(name);
		pushJsonbValue(&state, WJB_KEY, &key);
		pushJsonbValue(&state, WJB_VALUE,
					   find_value(same ? new->payload : old->payload, name, &value));
	}
	result = pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	old->payload = &JsonbValueToJsonb(result)->root;
	if (compareJsonbContainers(old->payload, new->payload) == 0)
		old->hash = new->hash;
}
