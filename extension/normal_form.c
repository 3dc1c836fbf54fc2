/*-------------------------------------------------------------------------
 *
 * normal_form.c
 *	  Takes a text of the catalogs apart: the statement around it, and the
 *	  expressions in it, as a query that the server can write again.
 *
 * Whatever an expression belongs to, it is analysed as a column of a SELECT
 * from the relation that it sees, with OLD and NEW for a trigger, VALUE for a
 * domain. Nothing is made and nothing is written.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "parser/analyze.h"
#include "parser/parse_type.h"
#include "parser/parser.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"

#include "normal.h"

/* Expressions that were taken out of a statement. */
typedef struct Taken
{
	List *expressions; /* Node * */
	char *from;		   /* what they see, or NULL */
} Taken;

/* The texts that have a normal form. */
static const struct
{
	const char *kind;
	const char *key;
} forms[] = {
	{"constraint", "definition"},
	{"index", "definition"},
	{"view", "definition"},
	{"materialized view", "definition"},
	{"default", "expression"},
	{"column", "expression"},
	{"policy", "using"},
	{"policy", "check"},
	{"trigger", "definition"},
	{"rule", "definition"},
	{"statistics", "definition"},
	{"domain constraint", "definition"},
	{"domain", "default"},
	{"table", "partition_by"},
	{"publication table", "where"},
	{"function", "definition"},
	{"function", "arguments"},
	{"procedure", "definition"},
	{"procedure", "arguments"},
};

/* Tells whether a key of a kind of facts is such a text. */
bool
cf_normal_has_form(const char *kind, const char *key)
{
	for (int i = 0; i < lengthof(forms); i++)
		if (strcmp(forms[i].kind, kind) == 0 && strcmp(forms[i].key, key) == 0)
			return true;
	return false;
}

/* Takes an expression out of a statement; what is left says that there was one. */
static void
take(Taken *taken, Node **expression)
{
	if (*expression == NULL)
		return;
	taken->expressions = lappend(taken->expressions, *expression);
	*expression = (Node *) makeString("expression");
}

/* Takes the expressions of index columns out. */
static void
take_index_elements(Taken *taken, List *elements)
{
	ListCell *lc;

	foreach (lc, elements)
		take(taken, &lfirst_node(IndexElem, lc)->expr);
}

/* Parses a text that must be one statement. */
static Node *
parse_one(const char *text)
{
	List *parsed = raw_parser(text, RAW_PARSE_DEFAULT);

	if (list_length(parsed) != 1)
		ereport(ERROR, errcode(ERRCODE_SYNTAX_ERROR), errmsg("this is not one statement"));
	return linitial_node(RawStmt, parsed)->stmt;
}

/* Returns a relation as FROM names it. */
static char *
relation_name(const RangeVar *relation)
{
	return relation->schemaname
			   ? quote_qualified_identifier(relation->schemaname, relation->relname)
			   : pstrdup(quote_identifier(relation->relname));
}

/* An expression alone. */
static Node *
take_expression(Taken *taken, const char *text)
{
	SelectStmt *select = castNode(SelectStmt, parse_one(psprintf("SELECT (%s)", text)));

	if (list_length(select->targetList) != 1)
		ereport(ERROR, errcode(ERRCODE_SYNTAX_ERROR), errmsg("this is not one expression"));
	take(taken, &linitial_node(ResTarget, select->targetList)->val);
	return (Node *) select;
}

/* A constraint of a table or a domain. */
static Node *
take_constraint(Taken *taken, const char *definition, bool of_domain)
{
	Node *stmt = parse_one(
		psprintf("ALTER %s x ADD CONSTRAINT x %s", of_domain ? "DOMAIN" : "TABLE", definition));
	Constraint *constraint;
	ListCell *lc;

	if (of_domain)
		constraint = castNode(Constraint, castNode(AlterDomainStmt, stmt)->def);
	else
		constraint = castNode(
			Constraint, linitial_node(AlterTableCmd, castNode(AlterTableStmt, stmt)->cmds)->def);
	take(taken, &constraint->raw_expr);
	take(taken, &constraint->where_clause);
	foreach (lc, constraint->exclusions)
		take(taken, &linitial_node(IndexElem, lfirst_node(List, lc))->expr);
	return stmt;
}

/* The base type of a domain, as what VALUE stands for. */
static char *
domain_value(const char *schema, const char *name)
{
	Oid type = typenameTypeId(NULL, makeTypeNameFromNameList(list_make2(
										makeString(pstrdup(schema)), makeString(pstrdup(name)))));
	int32 typmod = -1;
	Oid base = getBaseTypeAndTypmod(type, &typmod);

	return psprintf("(VALUES (NULL::%s)) AS d (value)", format_type_with_typemod(base, typmod));
}

/* The key of a partitioned table. */
static Node *
take_partition_key(Taken *taken, const char *key)
{
	Node *stmt = parse_one(psprintf("CREATE TABLE x () PARTITION BY %s", key));
	ListCell *lc;

	foreach (lc, castNode(CreateStmt, stmt)->partspec->partParams)
		take(taken, &lfirst_node(PartitionElem, lc)->expr);
	return stmt;
}

/* A statement that makes something of a table. */
static Node *
take_statement(Taken *taken, const char *text)
{
	Node *stmt = parse_one(text);
	ListCell *lc;

	switch (nodeTag(stmt))
	{
		case T_IndexStmt:
		{
			IndexStmt *index = (IndexStmt *) stmt;

			take_index_elements(taken, index->indexParams);
			take(taken, &index->whereClause);
			taken->from = relation_name(index->relation);
			break;
		}
		case T_CreateTrigStmt:
		{
			CreateTrigStmt *trigger = (CreateTrigStmt *) stmt;
			char *table = relation_name(trigger->relation);

			take(taken, &trigger->whenClause);
			taken->from = psprintf("%s AS old, %s AS new", table, table);
			break;
		}
		case T_CreateStatsStmt:
		{
			CreateStatsStmt *statistics = (CreateStatsStmt *) stmt;

			foreach (lc, statistics->exprs)
				take(taken, &lfirst_node(StatsElem, lc)->expr);
			taken->from = relation_name(linitial_node(RangeVar, statistics->relations));
			break;
		}
		default:
			break;
	}
	return stmt;
}

/* Tells whether a function has anything that is written anew: defaults, or a body in SQL. */
static bool
function_has_expressions(const char *text)
{
	CreateFunctionStmt *function = castNode(CreateFunctionStmt, parse_one(text));
	ListCell *lc;

	if (function->sql_body)
		return true;
	foreach (lc, function->parameters)
		if (lfirst_node(FunctionParameter, lc)->defexpr)
			return true;
	return false;
}

/* Has a query analysed and written by the server. */
static char *
write_query(SelectStmt *select, const char *text)
{
	RawStmt *raw = makeNode(RawStmt);
	Query *query;

	raw->stmt = (Node *) select;
	raw->stmt_location = 0;
	query = parse_analyze_fixedparams(raw, text, NULL, 0, NULL);
	return pg_get_querydef(query, false);
}

/* Has a query that was written once written again. */
char *
cf_normal_again(const char *query)
{
	Node *stmt = parse_one(query);

	return write_query(castNode(SelectStmt, stmt), query);
}

/* Makes one query of the expressions, in a place where they mean what they mean. */
static char *
query_of(const Taken *taken)
{
	char *text = taken->from ? psprintf("SELECT FROM %s", taken->from) : pstrdup("SELECT");
	SelectStmt *select = castNode(SelectStmt, parse_one(text));
	ListCell *lc;

	foreach (lc, taken->expressions)
	{
		ResTarget *column = makeNode(ResTarget);

		column->name = psprintf("e%d", foreach_current_index(lc));
		column->val = (Node *) lfirst(lc);
		column->location = -1;
		select->targetList = lappend(select->targetList, column);
	}
	return write_query(select, text);
}

/*
 * Takes a text apart. Raises what the server says when the text means nothing
 * in this database.
 */
CfTextForm *
cf_normal_form(const CfTextPlace *place, const char *text)
{
	CfTextForm *form = palloc0(sizeof(CfTextForm));
	Taken taken = {0};
	const char *kind = place->kind;

	if (strcmp(kind, "view") == 0 || strcmp(kind, "materialized view") == 0)
	{
		form->query = cf_normal_again(text);
		return form;
	}
	if (strcmp(kind, "rule") == 0)
	{
		form->made = true;
		return form;
	}
	if (strcmp(kind, "function") == 0 || strcmp(kind, "procedure") == 0)
	{
		/* The arguments are part of the definition. */
		if (strcmp(place->key, "definition") != 0)
			return form;
		form->made = function_has_expressions(text);
		form->frame = (Node *) makeString(pstrdup(text));
		return form;
	}
	if (place->schema && place->name)
		taken.from = quote_qualified_identifier(place->schema, place->name);
	if (strcmp(kind, "constraint") == 0)
		form->frame = take_constraint(&taken, text, false);
	else if (strcmp(kind, "domain constraint") == 0)
	{
		taken.from = domain_value(place->schema, place->name);
		form->frame = take_constraint(&taken, text, true);
	}
	else if (strcmp(kind, "table") == 0)
		form->frame = take_partition_key(&taken, text);
	else if (strcmp(place->key, "definition") == 0)
		form->frame = take_statement(&taken, text);
	else
	{
		if (strcmp(kind, "default") == 0 || strcmp(kind, "domain") == 0)
			taken.from = NULL;
		else if (place->relation)
			taken.from = pstrdup(place->relation);
		form->frame = take_expression(&taken, text);
	}
	if (taken.expressions != NIL)
		form->query = query_of(&taken);
	return form;
}
