/*-------------------------------------------------------------------------
 *
 * intent_name.c
 *	  Claims that are declared by name: [ACTION ][KIND:]NAME.
 *
 * Names are written as in SQL. They mean what exists before the script of the
 * same intent, else what the script creates, else something that does not
 * exist yet.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "parser/parser.h"
#include "parser/scansup.h"

#include "intent.h"

/* A declared name, taken to pieces. */
typedef struct Declared
{
	const char *text; /* as given, for errors */
	CfClaimAction action;
	const char *kind;	   /* or NULL */
	List *names;		   /* char * */
	const char *arguments; /* in parentheses, or NULL */
} Declared;

static const CfClaimAction declarable[] = {CF_CLAIM_READ,  CF_CLAIM_REFERENCE, CF_CLAIM_WRITE,
										   CF_CLAIM_TOUCH, CF_CLAIM_ALTER,	   CF_CLAIM_CREATE,
										   CF_CLAIM_DROP};

/* Says how to write names. */
static int
hint_examples(void)
{
	return errhint(
		"Write [ACTION ][KIND:]NAME as in SQL: users, public.users.email, drop view:totals,"
		" function:app.total(integer), index:users_email_idx, constraint:users.users_email_key.");
}

/* Refuses a name; why is a sentence. */
static void
refuse(const Declared *d, const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_NAME), errmsg("invalid name of an object: \"%s\"", d->text),
			 errdetail("%s", why), hint_examples()));
}

/* Tells whether a byte can start a word or a name without quotes. */
static bool
starts_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || IS_HIGHBIT_SET(c);
}

/* Tells whether a byte can go on a name without quotes. */
static bool
continues_word(char c)
{
	return starts_word(c) || (c >= '0' && c <= '9') || c == '$';
}

/* Returns where the blanks end. */
static const char *
skip_blanks(const char *p)
{
	while (scanner_isspace(*p))
		p++;
	return p;
}

/* Returns the first colon that is not in quotes or parentheses, or NULL. */
static const char *
find_colon(const char *p)
{
	for (bool quoted = false; *p != '\0'; p++)
	{
		if (*p == '"')
			quoted = !quoted;
		else if (!quoted && *p == '(')
			return NULL;
		else if (!quoted && *p == ':')
			return p;
	}
	return NULL;
}

/* Returns words in lower case with one blank between them. */
static char *
words_of(const char *p, const char *end)
{
	char *words = palloc(end - p + 1);
	char *to = words;

	for (; p < end; p++)
	{
		if (!scanner_isspace(*p))
			*to++ = pg_ascii_tolower((unsigned char) *p);
		else if (to > words && to[-1] != ' ')
			*to++ = ' ';
	}
	if (to > words && to[-1] == ' ')
		to--;
	*to = '\0';
	return words;
}

/* Finds an action by its word. */
static bool
find_action(const char *word, int len, CfClaimAction *action)
{
	for (int i = 0; i < lengthof(declarable); i++)
	{
		const char *name = cf_claim_action_name(declarable[i]);

		if (strlen(name) == len && pg_strncasecmp(word, name, len) == 0)
		{
			*action = declarable[i];
			return true;
		}
	}
	return false;
}

/* Refuses a word that is no action. */
static void
refuse_action(const Declared *d, const char *word, int len)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown action \"%.*s\" in \"%s\"", len, word, d->text),
			 errhint("The actions are read, reference, write, touch, alter, create and drop; "
					 "put names with blanks or capitals in double quotes.")));
}

/* Reads [ACTION ]KIND, which stands before the colon. */
static void
read_kind(Declared *d, const char *start, const char *end)
{
	char *words = words_of(start, end);
	const char *rest = words;
	const char *blank = strchr(words, ' ');
	bool is_action = false;

	d->kind = cf_known_kind(words);
	if (d->kind != NULL)
		return;
	if (blank != NULL)
	{
		is_action = find_action(words, blank - words, &d->action);
		d->kind = cf_known_kind(blank + 1);
		if (is_action)
			rest = blank + 1;
	}
	if (d->kind != NULL && is_action)
		return;
	if (d->kind != NULL)
		refuse_action(d, words, blank - words);
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("unknown kind \"%s\" in \"%s\"", rest, d->text),
					errdetail("Kinds are words of SQL, as table, view, materialized view, column, "
							  "constraint, index, trigger, policy, rule, sequence, type, domain, "
							  "function, procedure, schema, extension or role."),
					hint_examples()));
}

/* Reads an action that stands before a name; returns where that starts. */
static const char *
read_action(Declared *d, const char *p)
{
	const char *end = p;
	const char *next;

	while (continues_word(*end))
		end++;
	next = skip_blanks(end);
	/* the name itself, with its schema or its arguments */
	if (!starts_word(*p) || next == end || *next == '\0' || *next == '.' || *next == '(')
		return p;
	if (!find_action(p, end - p, &d->action))
		refuse_action(d, p, end - p);
	return next;
}

/* Reads an identifier; returns where it ends, or NULL when there is none. */
static const char *
read_identifier(const char *p, char **name)
{
	const char *start = p;
	char *to;

	if (starts_word(*p))
	{
		while (continues_word(*p))
			p++;
		*name = downcase_truncate_identifier(start, p - start, false);
		return p;
	}
	if (*p != '"')
		return NULL;
	*name = to = palloc(strlen(p));
	for (p++; *p != '"' || p[1] == '"'; p++)
	{
		if (*p == '\0')
			return NULL;
		/* two quotes stand for one */
		if (*p == '"')
			p++;
		*to++ = *p;
	}
	*to = '\0';
	if (to == *name)
		return NULL;
	truncate_identifier(*name, to - *name, false);
	return p + 1;
}

/* Reads the characters of an operator; returns where it ends, or NULL. */
static const char *
read_operator(const char *p, char **name)
{
	size_t len = strspn(p, "~!@#^&|`?+-*/%<>=");

	*name = pnstrdup(p, len);
	return len > 0 ? p + len : NULL;
}

/* Reads names with dots between them; returns where they end. */
static const char *
read_names(Declared *d, const char *p)
{
	bool is_operator = d->kind != NULL && strcmp(d->kind, "operator") == 0;

	for (;;)
	{
		const char *end;
		char *name;

		end = read_identifier(p, &name);
		if (end == NULL && is_operator)
			end = read_operator(p, &name);
		if (end == NULL)
			refuse(d, *p == '"' ? "An identifier in double quotes has no end, or is empty."
								: "A name is missing, or has characters that need double quotes.");
		d->names = lappend(d->names, name);
		end = skip_blanks(end);
		if (*end != '.')
			return end;
		p = skip_blanks(end + 1);
	}
}

/* Takes a declared name to pieces. */
static void
read_declared(Declared *d)
{
	const char *p = skip_blanks(d->text);
	const char *colon = find_colon(p);
	const char *end;

	d->action = CF_CLAIM_ALTER;
	if (*p == '\0')
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the name of an object is empty"), hint_examples()));
	if (colon != NULL)
	{
		read_kind(d, p, colon);
		p = skip_blanks(colon + 1);
	}
	else
		p = read_action(d, p);
	end = read_names(d, p);
	if (*end == '\0')
		return;
	if (*end != '(')
		refuse(d, "Something follows the name.");
	if (d->kind != NULL && !cf_is_routine_kind(d->kind))
		refuse(d, psprintf("A %s has no arguments.", d->kind));
	if (d->kind == NULL)
		d->kind = "routine";
	d->arguments = end;
}

/* Error context callback: the grammar does not like the arguments. */
static void
arguments_error(void *arg)
{
	const Declared *d = (const Declared *) arg;

	/* a notice, of a name that is cut */
	if (geterrcode() != ERRCODE_SYNTAX_ERROR)
		return;
	errcode(ERRCODE_INVALID_NAME);
	errmsg("invalid name of an object: \"%s\"", d->text);
	errdetail("The arguments are not a list of types.");
	hint_examples();
	errposition(0);
}

/* Returns the arguments as all claims have them; the grammar reads them. */
static char *
read_arguments(CfClaimSet *set, Declared *d)
{
	bool is_aggregate = strcmp(d->kind, "aggregate") == 0;
	char *sql = psprintf("DROP %s f%s", is_aggregate ? "AGGREGATE" : "FUNCTION", d->arguments);
	ErrorContextCallback callback = {
		.previous = error_context_stack, .callback = arguments_error, .arg = d};
	List *raws;
	DropStmt *stmt;

	error_context_stack = &callback;
	raws = raw_parser(sql, RAW_PARSE_DEFAULT);
	error_context_stack = callback.previous;

	if (list_length(raws) != 1)
		refuse(d, "Something follows the arguments.");
	stmt = castNode(DropStmt, linitial_node(RawStmt, raws)->stmt);
	if (list_length(stmt->objects) != 1 || sql[strlen(sql) - 1] != ')')
		refuse(d, "Something follows the arguments.");
	return cf_argument_text(set, linitial_node(ObjectWithArgs, stmt->objects)->objargs);
}

/* Returns the nth name from the end, or NULL. */
static const char *
name_at(const Declared *d, int from_end)
{
	int n = list_length(d->names);

	return from_end < n ? (const char *) list_nth(d->names, n - 1 - from_end) : NULL;
}

/* Tells whether a schema exists, or is to be created. */
static bool
schema_exists(CfClaimSet *set, const char *name)
{
	CfClaimed *claimed = cf_claimed_find(set, "schema", NULL, name, NULL);

	return OidIsValid(get_namespace_oid(name, true)) ||
		   (claimed != NULL && (claimed->is_declared || claimed->life == CF_LIFE_CREATED));
}

/* Finds what can have columns, or a domain; NULL when there is none. */
static CfClaimed *
find_owner(CfClaimSet *set, const char *schema, const char *name)
{
	CfClaimed *claimed = cf_resolve_existing(set, "relation", schema, name);

	return claimed ? claimed : cf_resolve_existing(set, "type", schema, name);
}

/* Finds whatever can be named without a kind; NULL when there is none. */
static CfClaimed *
find_any(CfClaimSet *set, const char *schema, const char *name)
{
	CfClaimed *claimed = find_owner(set, schema, name);

	return claimed ? claimed : cf_resolve_existing_routine(set, schema, name);
}

/* Returns a part of what exists, or will. */
static CfClaimed *
resolve_part(CfClaimSet *set, const char *kind, const char *schema, const char *owner,
			 const char *part)
{
	CfClaimed *claimed = find_owner(set, schema, owner);

	if (claimed == NULL)
		claimed = cf_resolve(set, strcmp(kind, "attribute") == 0 ? "type" : "table", schema, owner,
							 CF_SEARCH_EXISTING);
	return cf_claimed_part(set, claimed, kind, part);
}

/* Returns what a name without a kind means. */
static CfClaimed *
resolve_any(CfClaimSet *set, const Declared *d, CfSearch search)
{
	const char *last = name_at(d, 0);
	const char *second = name_at(d, 1);
	CfClaimed *claimed = NULL;

	if (list_length(d->names) > 3)
		refuse(d, "Without a kind, a name has up to three parts: schema, table and column.");
	if (list_length(d->names) == 3)
		return resolve_part(set, "column", name_at(d, 2), second, last);
	if (second == NULL)
	{
		if (search == CF_SEARCH_EXISTING)
			claimed = find_any(set, NULL, last);
		return claimed ? claimed : cf_resolve(set, "table", NULL, last, search);
	}

	claimed = find_any(set, second, last);
	if (claimed != NULL)
		return claimed;
	if (find_owner(set, NULL, second) == NULL && schema_exists(set, second))
		return cf_resolve(set, "table", second, last, search);
	return resolve_part(set, "column", NULL, second, last);
}

/* Refuses a name with more or less parts than its kind has. */
static void
check_length(const Declared *d, int min, int max)
{
	int n = list_length(d->names);

	if (n >= min && n <= max)
		return;
	if (max == 1)
		refuse(d, psprintf("The name of a %s has one part.", d->kind));
	if (min == 2)
		refuse(d, psprintf("The name of a %s is that of its table, a dot and its own.", d->kind));
	refuse(d, psprintf("The name of a %s has one part, or two: schema and name.", d->kind));
}

/* Returns what a name means. */
static CfClaimed *
resolve(CfClaimSet *set, const Declared *d, const char *arguments)
{
	CfSearch search = d->action == CF_CLAIM_CREATE ? CF_SEARCH_NEW : CF_SEARCH_EXISTING;

	if (d->kind == NULL)
		return resolve_any(set, d, search);
	if (cf_is_part_kind(d->kind))
	{
		check_length(d, 2, 3);
		return resolve_part(set, d->kind, name_at(d, 2), name_at(d, 1), name_at(d, 0));
	}
	check_length(d, 1, cf_kind_has_schema(d->kind) ? 2 : 1);
	if (cf_is_routine_kind(d->kind))
		return cf_resolve_routine(set, d->kind, name_at(d, 1), name_at(d, 0), arguments, search);
	return cf_resolve(set, d->kind, name_at(d, 1), name_at(d, 0), search);
}

/* Adds the claim of a declared name; that of a table when nothing else is said. */
void
cf_claims_add_name(CfClaimSet *set, const char *text, bool is_table)
{
	Declared d = {.text = text};
	char *arguments = NULL;

	read_declared(&d);
	if (d.arguments != NULL)
		arguments = read_arguments(set, &d);
	if (d.kind == NULL && is_table)
		d.kind = "table";
	set->declaring = true;
	cf_claim_declare(set, resolve(set, &d, arguments), d.action);
	set->declaring = false;
}
