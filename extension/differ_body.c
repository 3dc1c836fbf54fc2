/*-------------------------------------------------------------------------
 *
 * differ_body.c
 *	  What the bodies of routines name.
 *
 * PostgreSQL records no dependency of a body in a string. The grammar reads that
 * of an SQL function; of PL/pgSQL the lexer reads the words, and each that is the
 * name of something may be meant. A routine comes after what it names where that
 * closes no circle.
 *
 * A body is checked when the routine is made: all of it in SQL, the declarations in
 * PL/pgSQL. What it names then has to be there, and to be found. Where that is not
 * sure, the plan turns the check off.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "parser/scanner.h"
#include "parser/scansup.h"

#include "confiture.h"
#include "differ.h"
#include "subtransaction.h"

/* While a body is read. */
typedef struct Reader
{
	CfdPlan *plan;
	CfdFact *routine;
	CfdAction *action; /* that makes it */
	HTAB *names;	   /* of the target */
	const char *body;
	List *path; /* char *: the search_path that it sets for itself */
	bool sets_path;
	bool unsure; /* whether a check would find all */
} Reader;

/* The routine comes after all that is done to what it names. */
static void
hope_for(Reader *reader, CfdFact *fact, int weight)
{
	ListCell *lc;

	if (fact == reader->routine)
		return;
	cfd_hope(reader->action, cfd_provider(fact), weight);
	foreach (lc, fact->children)
		if (cfd_is((CfdFact *) lfirst(lc), "column"))
			cfd_hope(reader->action, cfd_provider((CfdFact *) lfirst(lc)), weight);
	if (fact->twin == NULL || fact->created)
		return;
	foreach (lc, fact->twin->children)
		if (cfd_is((CfdFact *) lfirst(lc), "column"))
			cfd_hope(reader->action, ((CfdFact *) lfirst(lc))->drop, weight);
}

static bool
in_path(const Reader *reader, const char *schema)
{
	ListCell *lc;

	foreach (lc, reader->path)
		if (strcmp((char *) lfirst(lc), schema) == 0)
			return true;
	return false;
}

/* Notes a name, and tells whether it is one of something in the target. */
static bool
mention(Reader *reader, const char *schema, const char *name, int weight)
{
	bool found = false;
	ListCell *lc;

	foreach (lc, cfd_named(reader->names, name))
	{
		CfdFact *fact = (CfdFact *) lfirst(lc);

		if (schema ? strcmp(fact->schema, schema) != 0
				   : reader->sets_path && !in_path(reader, fact->schema))
			continue;
		hope_for(reader, fact, weight);
		found = true;
	}
	return found;
}

/* Whether a check finds what a name means, wherever the plan runs. */
static bool
is_surely_found(const Reader *reader, const char *schema, bool found)
{
	if (schema && (strcmp(schema, "pg_catalog") == 0 || strcmp(schema, "information_schema") == 0))
		return true;
	return found && (schema != NULL || reader->sets_path);
}

/* Reads a body in SQL. */
static void
read_sql(void *arg)
{
	Reader *reader = (Reader *) arg;
	ListCell *lc;
	ListCell *lo;

	foreach (lc, raw_parser(reader->body, RAW_PARSE_DEFAULT))
		foreach (lo, cf_objects_of(lfirst_node(RawStmt, lc)->stmt))
		{
			CfObject *object = (CfObject *) lfirst(lo);
			bool found;

			if (object->name == NULL || object->column != NULL || strcmp(object->kind, "role") == 0)
				continue;
			found = mention(reader, object->schema, object->name, CFD_CHECKS);
			if (!is_surely_found(reader, object->schema, found))
				reader->unsure = true;
		}
}

/*
 * Returns the word that begins at a place of a body, in lower case unless it is
 * quoted, or NULL when none does; E'...' is none.
 */
static char *
word_at(const char *at, const core_YYSTYPE *value)
{
	int len = 0;

	if (*at == '"')
		return pstrdup(value->str);
	if (!isalpha((unsigned char) *at) && *at != '_' && !IS_HIGHBIT_SET(*at))
		return NULL;
	while (isalnum((unsigned char) at[len]) || at[len] == '_' || at[len] == '$' ||
		   IS_HIGHBIT_SET(at[len]))
		len++;
	if (at[len] == '\'' || (at[len] == '&' && (at[len + 1] == '\'' || at[len + 1] == '"')))
		return NULL;
	return downcase_truncate_identifier(at, len, false);
}

/* Notes a chain of words with dots: a name, or one with its schema, a column after it. */
static void
mention_chain(Reader *reader, List *chain, bool declares)
{
	char *first;
	bool qualified;

	if (chain == NIL)
		return;
	first = (char *) linitial(chain);
	qualified = list_length(chain) > 1 &&
				mention(reader, first, (char *) lsecond(chain), declares ? CFD_CHECKS : CFD_RUNS);
	if (!qualified && mention(reader, NULL, first, declares ? CFD_CHECKS : CFD_RUNS) && declares &&
		!reader->sets_path)
		reader->unsure = true;
}

/* Reads a body in PL/pgSQL, which has the lexer of SQL. */
static void
read_plpgsql(void *arg)
{
	Reader *reader = (Reader *) arg;
	core_yy_extra_type extra;
	core_YYSTYPE value;
	YYLTYPE at = 0;
	core_yyscan_t scanner;
	List *chain = NIL;
	bool dot = false;
	bool declares = false;

	scanner = scanner_init(reader->body, &extra, &ScanKeywords, ScanKeywordTokens);
	while (core_yylex(&value, &at, scanner) != 0)
	{
		char *word = word_at(reader->body + at, &value);

		if (word == NULL && reader->body[at] == '.')
		{
			dot = chain != NIL;
			continue;
		}
		if (!dot)
		{
			mention_chain(reader, chain, declares);
			chain = NIL;
		}
		dot = false;
		if (word == NULL)
		{
			mention_chain(reader, chain, declares);
			chain = NIL;
			continue;
		}
		if (strcmp(word, "declare") == 0)
			declares = true;
		else if (strcmp(word, "begin") == 0)
			declares = false;
		chain = lappend(chain, word);
	}
	mention_chain(reader, chain, declares);
	scanner_finish(scanner);
}

/* Reads what CREATE FUNCTION says besides the body: language, search_path. */
static void
read_options(Reader *reader, CreateFunctionStmt *stmt)
{
	ListCell *lc;
	ListCell *la;

	foreach (lc, stmt->options)
	{
		DefElem *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "as") == 0)
			reader->body = strVal(linitial((List *) option->arg));
		else if (strcmp(option->defname, "set") == 0)
		{
			VariableSetStmt *set = castNode(VariableSetStmt, option->arg);

			if (set->name == NULL || strcmp(set->name, "search_path") != 0)
				continue;
			reader->sets_path = true;
			foreach (la, set->args)
				reader->path =
					lappend(reader->path, strVal(&castNode(A_Const, lfirst(la))->val.node));
		}
	}
}

/* Reads the body of a routine that is made or replaced. */
static void
read_routine(CfdPlan *plan, HTAB *names, CfdFact *routine, CfdAction *action)
{
	Reader reader = {.plan = plan, .routine = routine, .action = action, .names = names};
	char *language = cfd_text(routine, "language");
	bool is_sql = strcmp(language, "sql") == 0;
	CreateFunctionStmt *stmt;

	if (!is_sql && strcmp(language, "plpgsql") != 0)
		return;
	stmt = cfd_parse_routine(routine);
	if (stmt->sql_body)
		return; /* its dependencies are known */
	read_options(&reader, stmt);
	if (reader.body == NULL)
		return;
	/* What can't be read can't be checked. */
	if (cf_try(is_sql ? read_sql : read_plpgsql, &reader, CurrentMemoryContext) != NULL ||
		reader.unsure)
		plan->unchecked = true;
}

/* Lets routines come after what their bodies name. */
void
cfd_hope_for_mentions(CfdPlan *plan)
{
	HTAB *names = NULL;
	ListCell *lc;

	foreach (lc, plan->new)
	{
		CfdFact *fact = (CfdFact *) lfirst(lc);
		CfdAction *action = cfd_provider(fact);

		if ((fact->kind->flags & CFD_ROUTINE) == 0 || action == NULL || cfd_is(fact, "aggregate"))
			continue;
		CHECK_FOR_INTERRUPTS();
		if (names == NULL)
			names = cfd_names(plan->new, false);
		read_routine(plan, names, fact, action);
	}
}
