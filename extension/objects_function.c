/*-------------------------------------------------------------------------
 *
 * objects_function.c
 *	  The objects that functions and procedures name.
 *
 * A body in BEGIN ATOMIC or RETURN is SQL that the grammar has parsed. A body
 * in a string is opaque, in whatever language.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "objects.h"

/* Tells whether a language has its code outside the database. */
static bool
is_compiled(const char *language)
{
	return language != NULL &&
		   (pg_strcasecmp(language, "c") == 0 || pg_strcasecmp(language, "internal") == 0);
}

/* Adds what the options of CREATE FUNCTION or ALTER FUNCTION name. */
static void
function_options(CfCollector *c, List *options, const char *body)
{
	const char *language = NULL;
	bool has_text = false;
	ListCell *lc;

	foreach (lc, options)
	{
		DefElem *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "as") == 0)
			has_text = true;
		else if (strcmp(option->defname, "language") == 0)
			language = strVal(option->arg);
		else if (strcmp(option->defname, "support") == 0)
			cf_obj_reference(c, "function", castNode(List, option->arg));
		else if (strcmp(option->defname, "transform") == 0)
			cf_obj_types(c, castNode(List, option->arg));
	}
	cf_obj_reference_name(c, "language", language);
	if (has_text && !is_compiled(language))
		cf_obj_opaque(c, body, CF_REFERENCE);
}

/* Adds what CREATE FUNCTION or CREATE PROCEDURE names. */
static void
create_function(CfCollector *c, CreateFunctionStmt *stmt)
{
	List *parameters = NIL;
	ListCell *lc;

	cf_obj_names(c, stmt->is_procedure ? "procedure" : "function", stmt->funcname, CF_CREATE);
	foreach (lc, stmt->parameters)
	{
		FunctionParameter *param = lfirst_node(FunctionParameter, lc);

		cf_obj_type(c, param->argType);
		cf_obj_walk(c, param->defexpr);
		if (param->name != NULL)
			parameters = lappend(parameters, param->name);
	}
	cf_obj_type(c, stmt->returnType);
	function_options(c, stmt->options, stmt->is_procedure ? "procedure body" : "function body");

	if (stmt->sql_body == NULL)
		return;
	cf_obj_push(c, true);
	c->names->labels = parameters;
	if (IsA(stmt->sql_body, List))
	{
		/* BEGIN ATOMIC: a list in a list */
		foreach (lc, linitial_node(List, (List *) stmt->sql_body))
			cf_obj_statement(c, (Node *) lfirst(lc));
	}
	else
		cf_obj_walk(c, stmt->sql_body);
	cf_obj_pop(c);
}

/* Adds what ALTER FUNCTION, PROCEDURE or ROUTINE names. */
static void
alter_function(CfCollector *c, AlterFunctionStmt *stmt)
{
	cf_obj_named(c, stmt->objtype, (Node *) stmt->func, CF_ALTER);
	function_options(c, stmt->actions, NULL);
}

/* Adds what CREATE LANGUAGE names. */
static void
create_language(CfCollector *c, CreatePLangStmt *stmt)
{
	cf_obj_add(c, "language", NULL, stmt->plname, CF_CREATE);
	cf_obj_reference(c, "function", stmt->plhandler);
	cf_obj_reference(c, "function", stmt->plinline);
	cf_obj_reference(c, "function", stmt->plvalidator);
}

/* Adds what CALL names. The procedure does what it does. */
static void
call_procedure(CfCollector *c, CallStmt *stmt)
{
	cf_obj_push(c, true);
	cf_obj_names(c, "procedure", stmt->funccall->funcname, CF_REFERENCE);
	cf_obj_walk(c, (Node *) stmt->funccall->args);
	cf_obj_pop(c);
}

/* Adds what DO names: the language. */
static void
do_block(CfCollector *c, DoStmt *stmt)
{
	ListCell *lc;

	cf_obj_opaque(c, "DO block", CF_WRITE);
	foreach (lc, stmt->args)
	{
		DefElem *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "language") == 0)
			cf_obj_reference_name(c, "language", strVal(option->arg));
	}
}

/* Adds what a statement about these names; false if it is about others. */
bool
cf_obj_function_statement(CfCollector *c, Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_CreateFunctionStmt:
			create_function(c, (CreateFunctionStmt *) stmt);
			return true;
		case T_AlterFunctionStmt:
			alter_function(c, (AlterFunctionStmt *) stmt);
			return true;
		case T_CreatePLangStmt:
			create_language(c, (CreatePLangStmt *) stmt);
			return true;
		case T_CallStmt:
			call_procedure(c, (CallStmt *) stmt);
			return true;
		case T_DoStmt:
			do_block(c, (DoStmt *) stmt);
			return true;
		default:
			return false;
	}
}
