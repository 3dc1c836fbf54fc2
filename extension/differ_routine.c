/*-------------------------------------------------------------------------
 *
 * differ_routine.c
 *	  Functions, procedures, aggregates.
 *
 * CREATE OR REPLACE keeps a routine and all that depends on it, where PostgreSQL
 * allows it: what callers have been compiled for must stay what it is.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "parser/scanner.h"
#include "utils/builtins.h"

#include "differ.h"

/* Where the next name without a letter, "", begins in what the server has deparsed, or NULL. */
static const char *
find_empty_name(const char *at)
{
	while (*at != '\0')
	{
		char quote = *at;

		if (quote != '"' && quote != '\'')
			at++;
		else if (quote == '"' && at[1] == '"' && at[2] != '"')
			return at;
		else
		{
			/* To the quote that ends it; one within is written twice. */
			for (at++; *at != '\0' && (*at != quote || at[1] == quote); at++)
				if (*at == quote)
					at++;
			at += *at != '\0';
		}
	}
	return NULL;
}

/*
 * The definition with a parameter, $n, for each such name; with the name of the routine before it, where
 * a column could be meant.
 */
static char *
with_parameter(const CfdFact *fact, int number)
{
	const char *text = cfd_text(fact, "definition");
	const char *qualifier = psprintf("%s.", cfd_quote(fact->name));
	int len = strlen(qualifier);
	StringInfoData out;
	const char *at;

	initStringInfo(&out);
	while ((at = find_empty_name(text)) != NULL)
	{
		appendBinaryStringInfo(&out, text, at - text);
		if (out.len > len && memcmp(out.data + out.len - len, qualifier, len) == 0)
			out.len -= len;
		appendStringInfo(&out, "$%d", number);
		text = at + 2;
	}
	appendStringInfoString(&out, text);
	return out.data;
}

static CreateFunctionStmt *
parse(const char *text)
{
	return castNode(CreateFunctionStmt,
					linitial_node(RawStmt, raw_parser(text, RAW_PARSE_DEFAULT))->stmt);
}

static bool
is_input(const FunctionParameter *param)
{
	return param->mode != FUNC_PARAM_OUT && param->mode != FUNC_PARAM_TABLE;
}

/*
 * The definition. In a body that is no string PostgreSQL writes a parameter that has no name as "",
 * where others have one; which it is can be told as long as there is but one.
 */
static char *
definition_text(const CfdFact *fact)
{
	char *text = cfd_text(fact, "definition");
	int position = 0;
	int number = 0;
	ListCell *lc;

	if (strstr(text, "\"\"") == NULL || find_empty_name(text) == NULL)
		return text;
	foreach (lc, parse(with_parameter(fact, 1))->parameters)
	{
		const FunctionParameter *parameter = lfirst_node(FunctionParameter, lc);

		if (!is_input(parameter))
			continue;
		position++;
		if (parameter->name)
			continue;
		if (number)
			ereport(
				ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("what %s does can't be read", fact->identity),
				errdetail("PostgreSQL writes each of its parameters that have no name as \"\"."),
				errhint("Give names to all parameters of the function, or to none."));
		number = position;
	}
	return with_parameter(fact, number);
}

/* The definition as the grammar has it. */
CreateFunctionStmt *
cfd_parse_routine(const CfdFact *fact)
{
	return parse(definition_text(fact));
}

static bool
is_output(const FunctionParameter *param)
{
	return param->mode == FUNC_PARAM_OUT || param->mode == FUNC_PARAM_TABLE ||
		   param->mode == FUNC_PARAM_INOUT;
}

/* The parameters that go in, or those that come out. */
static List *
parameters_of(const CreateFunctionStmt *stmt, bool (*which)(const FunctionParameter *))
{
	List *list = NIL;
	ListCell *lc;

	foreach (lc, stmt->parameters)
		if (which(lfirst_node(FunctionParameter, lc)))
			list = lappend(list, lfirst(lc));
	return list;
}

/* What goes in may get a name or a default, but lose none, and keeps how it is passed. */
static bool
inputs_fit(List *old, List *new)
{
	ListCell *lo;
	ListCell *ln;

	if (list_length(old) != list_length(new))
		return false;
	forboth(lo, old, ln, new)
	{
		FunctionParameter *was = lfirst_node(FunctionParameter, lo);
		FunctionParameter *is = lfirst_node(FunctionParameter, ln);

		if (was->name && (is->name == NULL || strcmp(was->name, is->name) != 0))
			return false;
		if (was->defexpr && is->defexpr == NULL)
			return false;
		if ((was->mode == FUNC_PARAM_VARIADIC) != (is->mode == FUNC_PARAM_VARIADIC))
			return false;
	}
	return true;
}

/* What comes out stays as it is, in name and type. */
static bool
outputs_fit(List *old, List *new)
{
	ListCell *lo;
	ListCell *ln;

	if (list_length(old) != list_length(new))
		return false;
	forboth(lo, old, ln, new)
	{
		FunctionParameter *was = lfirst_node(FunctionParameter, lo);
		FunctionParameter *is = lfirst_node(FunctionParameter, ln);

		if ((was->name == NULL) != (is->name == NULL) ||
			(was->name && strcmp(was->name, is->name) != 0) || !equal(was->argType, is->argType))
			return false;
	}
	return true;
}

static CfdChange
compare_routines(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	CreateFunctionStmt *was;
	CreateFunctionStmt *is;

	if (!cfd_equal(old, new, "result") || !cfd_equal(old, new, "window"))
		return CFD_REPLACE;
	if (cfd_equal(old, new, "arguments"))
		return CFD_ALTER;
	was = cfd_parse_routine(old);
	is = cfd_parse_routine(new);
	if (!inputs_fit(parameters_of(was, is_input), parameters_of(is, is_input)) ||
		!outputs_fit(parameters_of(was, is_output), parameters_of(is, is_output)))
		return CFD_REPLACE;
	return CFD_ALTER;
}

/* The definition without its end of line; PostgreSQL writes it with OR REPLACE. */
static char *
definition(const CfdFact *fact, bool replace)
{
	char *text = definition_text(fact);
	const char *begin = "CREATE OR REPLACE ";
	size_t len = strlen(text);

	Assert(strncmp(text, begin, strlen(begin)) == 0);
	while (len > 0 && text[len - 1] == '\n')
		text[--len] = '\0';
	return replace ? text : psprintf("CREATE %s", text + strlen(begin));
}

/* What was computed with a function, and is kept, stays as it was. */
static void
note_stored(CfdPlan *plan, const CfdFact *fact)
{
	ListCell *lc;

	foreach (lc, fact->dependents)
	{
		CfdFact *user = ((CfdDepend *) lfirst(lc))->fact;

		if (cfd_is(user, "index") || cfd_is(user, "constraint") ||
			cfd_is(user, "materialized view") ||
			(cfd_is(user, "column") && cfd_has(user, "generated")))
			cfd_hazard(plan, "changes results: %s keeps what it got from %s before", user->identity,
					   fact->identity);
	}
}

/*
 * Where the body of a definition by pg_get_functiondef() begins, one that is no string: the word
 * RETURN or BEGIN at the beginning of a line. Other lines begin with other words, or within a token.
 */
static size_t
body_begins(const char *text)
{
	core_yy_extra_type extra;
	core_YYSTYPE value;
	YYLTYPE at = 0;
	core_yyscan_t scanner = scanner_init(text, &extra, &ScanKeywords, ScanKeywordTokens);

	while (core_yylex(&value, &at, scanner) != 0)
		if (at > 0 && text[at - 1] == '\n' &&
			(strncmp(text + at, "RETURN ", 7) == 0 || strncmp(text + at, "BEGIN ATOMIC", 12) == 0))
			break;
	scanner_finish(scanner);
	return at;
}

/* The definition without what its body does, which needs what is not there yet, or goes before. */
static char *
hollow_definition(const CfdFact *fact, bool replace)
{
	char *text = definition(fact, replace);

	text[body_begins(text)] = '\0';
	return psprintf("%sAS ''", text);
}

static void
create_routine(CfdPlan *plan, CfdFact *fact)
{
	if (fact->twin && strcmp(fact->twin->hash, fact->hash) != 0)
		cfd_hazard(plan, "changes results: what calls of %s do", fact->identity);
	cfd_emit(plan, fact, "create", 0, NULL, "%s",
			 fact->finish ? hollow_definition(fact, false) : definition(fact, false));
}

static void
alter_routine(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	cfd_hazard(plan, "changes results: what calls of %s do", new->identity);
	note_stored(plan, old);
	cfd_emit(plan, new, "replace", 0, NULL, "%s",
			 new->finish ? hollow_definition(new, true) : definition(new, true));
}

static const char *
routine_word(const CfdFact *fact)
{
	return cfd_is(fact, "procedure")   ? "PROCEDURE"
		   : cfd_is(fact, "aggregate") ? "AGGREGATE"
									   : "FUNCTION";
}

/* The arguments by which a routine of any name is called in ALTER and DROP. */
static const char *
signature(const CfdFact *fact, const char *name)
{
	bool counts_rows = cfd_is(fact, "aggregate") && *fact->arguments == '\0';

	return psprintf("%s(%s)", quote_qualified_identifier(fact->schema, name),
					counts_rows ? "*" : cfd_arguments(fact));
}

/* Before it is dropped: it has another name, or does nothing any more. */
static void
leave_routine(CfdPlan *plan, CfdFact *twin, CfdFact *fact)
{
	if (fact->aside)
		cfd_emit(plan, fact, "alter", 0, NULL, "ALTER %s %s RENAME TO %s", routine_word(fact),
				 signature(fact, fact->name), cfd_quote(fact->aside));
	else
		cfd_emit(plan, fact, "drop", 0, NULL, "%s", hollow_definition(fact, true));
}

/* It has its body at last. */
static void
finish_routine(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	CfdAction *first = new->created ? new->create : new->alter;

	if (first->group_last < plan->group || plan->alone)
		cfd_hazard(plan, "changes results: %s has no body until this transaction", new->identity);
	cfd_emit(plan, new, "replace", 0, NULL, "%s", definition(new, true));
}

static void
drop_routine(CfdPlan *plan, CfdFact *fact)
{
	cfd_emit(plan, fact, "drop", 0, NULL, "DROP %s %s", routine_word(fact),
			 signature(fact, fact->aside ? fact->aside : fact->name));
}

/* The options of CREATE AGGREGATE, and what they are in the payload. */
typedef enum OptionForm
{
	AS_IS,
	A_LITERAL,
	A_FLAG,
	AN_OPERATOR
} OptionForm;

static const struct
{
	const char *key;
	const char *word;
	OptionForm form;
} aggregate_options[] = {{"sfunc", "SFUNC", AS_IS},
						 {"stype", "STYPE", AS_IS},
						 {"sspace", "SSPACE", AS_IS},
						 {"finalfunc", "FINALFUNC", AS_IS},
						 {"finalfunc_extra", "FINALFUNC_EXTRA", A_FLAG},
						 {"combinefunc", "COMBINEFUNC", AS_IS},
						 {"serialfunc", "SERIALFUNC", AS_IS},
						 {"deserialfunc", "DESERIALFUNC", AS_IS},
						 {"initcond", "INITCOND", A_LITERAL},
						 {"msfunc", "MSFUNC", AS_IS},
						 {"minvfunc", "MINVFUNC", AS_IS},
						 {"mstype", "MSTYPE", AS_IS},
						 {"msspace", "MSSPACE", AS_IS},
						 {"mfinalfunc", "MFINALFUNC", AS_IS},
						 {"mfinalfunc_extra", "MFINALFUNC_EXTRA", A_FLAG},
						 {"minitcond", "MINITCOND", A_LITERAL},
						 {"sortop", "SORTOP", AN_OPERATOR}};

/* FINALFUNC_MODIFY, unless it is what it is when nothing is said. */
static void
add_modify(StringInfo out, const CfdFact *fact, const char *key, const char *word)
{
	char *modify = cfd_text(fact, key);
	const char *usual = strcmp(cfd_text(fact, "kind"), "normal") == 0 ? "read_only" : "read_write";

	if (modify && strcmp(modify, usual) != 0)
		appendStringInfo(out, ",\n    %s = %s", word, modify);
}

static char *
aggregate_definition(const CfdFact *fact)
{
	char *arguments = cfd_text(fact, "arguments");
	char *parallel = cfd_text(fact, "parallel");
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfo(&out, "%s(%s) (", cfd_table(fact), *arguments ? arguments : "*");
	for (int i = 0; i < lengthof(aggregate_options); i++)
	{
		char *value = cfd_text(fact, aggregate_options[i].key);

		if (value == NULL)
			continue;
		appendStringInfo(&out, "%s\n    %s", i ? "," : "", aggregate_options[i].word);
		switch (aggregate_options[i].form)
		{
			case AS_IS:
				appendStringInfo(&out, " = %s", value);
				break;
			case A_LITERAL:
				appendStringInfo(&out, " = %s", cfd_literal(value));
				break;
			case AN_OPERATOR:
				appendStringInfo(&out, " = OPERATOR(%s)", value);
				break;
			case A_FLAG:
				break;
		}
	}
	add_modify(&out, fact, "finalfunc_modify", "FINALFUNC_MODIFY");
	add_modify(&out, fact, "mfinalfunc_modify", "MFINALFUNC_MODIFY");
	if (strcmp(cfd_text(fact, "kind"), "hypothetical set") == 0)
		appendStringInfoString(&out, ",\n    HYPOTHETICAL");
	if (strcmp(parallel, "unsafe") != 0)
		appendStringInfo(&out, ",\n    PARALLEL = %s", parallel);
	appendStringInfoString(&out, "\n)");
	return out.data;
}

static CfdChange
compare_aggregates(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	if (!cfd_equal(old, new, "kind") || !cfd_equal(old, new, "result") ||
		!cfd_equal(old, new, "direct_arguments") || !cfd_equal(old, new, "arguments"))
		return CFD_REPLACE;
	return CFD_ALTER;
}

static void
create_aggregate(CfdPlan *plan, CfdFact *fact)
{
	if (fact->twin && strcmp(fact->twin->hash, fact->hash) != 0)
		cfd_hazard(plan, "changes results: what calls of %s give", fact->identity);
	cfd_emit(plan, fact, "create", 0, NULL, "CREATE AGGREGATE %s", aggregate_definition(fact));
}

static void
alter_aggregate(CfdPlan *plan, CfdFact *old, CfdFact *new)
{
	cfd_hazard(plan, "changes results: what calls of %s give", new->identity);
	note_stored(plan, old);
	cfd_emit(plan, new, "replace", 0, NULL, "CREATE OR REPLACE AGGREGATE %s",
			 aggregate_definition(new));
}

const CfdKind cfd_routine_kinds[] = {{.name = "function",
									  .rank = 15,
									  .flags = CFD_ROUTINE,
									  .compare = compare_routines,
									  .create = create_routine,
									  .alter = alter_routine,
									  .drop = drop_routine,
									  .leave = leave_routine,
									  .finish = finish_routine},
									 {.name = "procedure",
									  .rank = 16,
									  .flags = CFD_ROUTINE,
									  .compare = compare_routines,
									  .create = create_routine,
									  .alter = alter_routine,
									  .drop = drop_routine,
									  .leave = leave_routine,
									  .finish = finish_routine},
									 {.name = "aggregate",
									  .rank = 18,
									  .flags = CFD_ROUTINE,
									  .compare = compare_aggregates,
									  .create = create_aggregate,
									  .alter = alter_aggregate,
									  .drop = drop_routine,
									  .leave = leave_routine},
									 {0}};
