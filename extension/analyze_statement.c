/*-------------------------------------------------------------------------
 *
 * analyze_statement.c
 *	  Which statement is worked out where; statements that hold others.
 *
 * What is not in any list takes no lock on a relation.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/defrem.h"
#include "miscadmin.h"
#include "parser/parser.h"
#include "utils/guc.h"

#include "analyze.h"

/* Works out the queries of a function body, as far as CREATE looks at them. */
static void
body_queries(CfAnalysis *a, Node *node)
{
	ListCell *lc;

	if (node == NULL)
		return;
	if (IsA(node, List))
		foreach (lc, (List *) node)
			body_queries(a, (Node *) lfirst(lc));
	else if (IsA(node, ReturnStmt))
		cf_an_expression(a, ((ReturnStmt *) node)->returnval);
	else if (IsA(node, SelectStmt) || IsA(node, InsertStmt) || IsA(node, UpdateStmt) ||
			 IsA(node, DeleteStmt) || IsA(node, MergeStmt))
		cf_an_expression(a, node);
}

/* Parses the body of a function in SQL and works out its queries. */
static void
parse_body(CfAnalysis *a, void *arg)
{
	ListCell *lc;

	foreach (lc, raw_parser((char *) arg, RAW_PARSE_DEFAULT))
		body_queries(a, lfirst_node(RawStmt, lc)->stmt);
}

/* CREATE FUNCTION: a body in SQL is checked, which locks what it names. */
static void
create_function(CfAnalysis *a, CreateFunctionStmt *stmt)
{
	bool is_sql = false;
	const char *body = NULL;
	ListCell *lc;
	ErrorContextCallback *callbacks = error_context_stack;
	ErrorData *error;

	body_queries(a, stmt->sql_body);
	foreach (lc, stmt->options)
	{
		DefElem *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "language") == 0)
			is_sql = strcmp(strVal(option->arg), "sql") == 0;
		else if (strcmp(option->defname, "as") == 0)
			body = strVal(linitial((List *) option->arg));
	}
	if (!is_sql || body == NULL || !check_function_bodies)
		return;
	/* Positions in the body are not positions in the script. */
	error_context_stack = NULL;
	if (!cf_an_attempt(a, parse_body, unconstify(char *, body), &error))
		cf_an_warn(a, "%s, when the body of the function is checked", error->message);
	error_context_stack = callbacks;
}

/* CREATE SCHEMA with its elements, which the server sorts by kind */
static void
create_schema(CfAnalysis *a, CreateSchemaStmt *stmt)
{
	static const NodeTag order[] = {T_CreateSeqStmt, T_CreateStmt, T_ViewStmt, T_IndexStmt,
									T_CreateTrigStmt};
	const char *name = cf_an_new_schema(stmt);
	ListCell *lc;

	cf_world_learn_schema(a, name);
	a->world->in_schema = name;
	for (int i = 0; i < lengthof(order); i++)
		foreach (lc, stmt->schemaElts)
			if (nodeTag(lfirst(lc)) == order[i])
			{
				cf_an_statement(a, (Node *) lfirst(lc));
				cf_world_learn(a, (Node *) lfirst(lc));
			}
	a->world->in_schema = NULL;
}

/* EXPLAIN: the query is planned, and run with ANALYZE. */
static void
explain(CfAnalysis *a, ExplainStmt *stmt)
{
	cf_an_statement(a, stmt->query);
}

/* Works out the statements that hold a query; false for others. */
static bool
query_statement(CfAnalysis *a, Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_SelectStmt:
		case T_InsertStmt:
		case T_UpdateStmt:
		case T_DeleteStmt:
		case T_MergeStmt:
			cf_an_query(a, stmt);
			return true;
		case T_ExplainStmt:
			explain(a, (ExplainStmt *) stmt);
			return true;
		case T_DeclareCursorStmt:
			cf_an_query(a, ((DeclareCursorStmt *) stmt)->query);
			return true;
		case T_PrepareStmt:
			a->parse_only = true;
			cf_an_query(a, ((PrepareStmt *) stmt)->query);
			return true;
		default:
			return false;
	}
}

/* Notes code that can't be looked into; false for other statements. */
static bool
opaque_statement(CfAnalysis *a, Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_DoStmt:
			cf_an_opaque(a, "DO");
			return true;
		case T_CallStmt:
			cf_an_opaque(a, "CALL");
			return true;
		case T_ExecuteStmt:
			cf_an_opaque(a, "EXECUTE");
			return true;
		case T_CreateExtensionStmt:
			cf_an_opaque(a, "CREATE EXTENSION");
			return true;
		case T_AlterExtensionStmt:
			cf_an_opaque(a, "ALTER EXTENSION");
			return true;
		case T_ImportForeignSchemaStmt:
			cf_an_opaque(a, "IMPORT FOREIGN SCHEMA");
			return true;
		case T_DropOwnedStmt:
			cf_an_opaque(a, "DROP OWNED");
			return true;
		case T_ReassignOwnedStmt:
			cf_an_opaque(a, "REASSIGN OWNED");
			return true;
		case T_AlterTableMoveAllStmt:
			cf_an_opaque(a, "ALTER TABLE ALL");
			return true;
		default:
			return false;
	}
}

/* Works out one statement. */
void
cf_an_statement(CfAnalysis *a, Node *stmt)
{
	check_stack_depth();
	if (cf_an_create_statement(a, stmt) || query_statement(a, stmt) ||
		cf_an_alter_statement(a, stmt) || cf_an_object_statement(a, stmt) ||
		cf_an_maintain_statement(a, stmt) || cf_an_domain_statement(a, stmt) ||
		opaque_statement(a, stmt))
		return;
	if (IsA(stmt, CreateFunctionStmt))
		create_function(a, (CreateFunctionStmt *) stmt);
	else if (IsA(stmt, CreateSchemaStmt))
		create_schema(a, (CreateSchemaStmt *) stmt);
}
