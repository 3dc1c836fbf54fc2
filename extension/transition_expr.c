/*-------------------------------------------------------------------------
 *
 * transition_expr.c
 *	  The expressions of a mapping: one value from one row.
 *
 * They obey the rules of generated columns: no subqueries, no aggregates, the
 * same result whenever they are computed. Names in them are looked up in
 * pg_catalog only, unless they are qualified.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "transition.h"

PG_FUNCTION_INFO_V1(confiture_transition_expression);
PG_FUNCTION_INFO_V1(confiture_transition_check_text);
PG_FUNCTION_INFO_V1(confiture_transition_definition);
PG_FUNCTION_INFO_V1(confiture_transition_column);

/* Parses the text of an expression; whatever else could stand in it is refused. */
static Node *
parse_one(const char *text)
{
	char *query = psprintf("SELECT (%s\n)", text);
	List *list = raw_parser(query, RAW_PARSE_DEFAULT);
	SelectStmt *select;

	if (list_length(list) == 1)
	{
		select = (SelectStmt *) linitial_node(RawStmt, list)->stmt;
		if (IsA(select, SelectStmt) && select->op == SETOP_NONE &&
			list_length(select->targetList) == 1 && !select->distinctClause &&
			!select->intoClause && !select->fromClause && !select->whereClause &&
			!select->groupClause && !select->havingClause && !select->windowClause &&
			!select->valuesLists && !select->sortClause && !select->limitOffset &&
			!select->limitCount && !select->lockingClause && !select->withClause)
		{
			ResTarget *target = linitial_node(ResTarget, select->targetList);

			if (target->name == NULL && target->indirection == NIL)
				return target->val;
		}
	}
	ereport(ERROR,
			(errcode(ERRCODE_SYNTAX_ERROR), errmsg("\"%s\" is not a single expression", text)));
}

/* Tells whether an expression checks the constraints of a domain, should it have any. */
static bool
checks_domain(Node *node, void *context)
{
	if (node == NULL)
		return false;
	return IsA(node, CoerceToDomain) || expression_tree_walker(node, checks_domain, context);
}

/*
 * Returns the expression, converted to a type as an assignment does it, ready
 * to be initialised. Sets domains, unless it is NULL, when it depends on one.
 */
Expr *
cf_route_expression(Relation rel, const char *alias, const char *text, Oid type, int32 typmod,
					bool *domains)
{
	ParseState *pstate = make_parsestate(NULL);
	ParseNamespaceItem *nsitem;
	Node *expr, *converted;
	int nest = NewGUCNestLevel();

	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	nsitem = addRangeTableEntryForRelation(pstate, rel, AccessShareLock, makeAlias(alias, NIL),
										   false, false);
	addNSItemToQuery(pstate, nsitem, false, true, true);
	expr = transformExpr(pstate, parse_one(text), EXPR_KIND_GENERATED_COLUMN);
	converted = coerce_to_target_type(pstate, expr, exprType(expr), type, typmod,
									  COERCION_ASSIGNMENT, COERCE_IMPLICIT_CAST, -1);
	if (converted == NULL)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("\"%s\" is of type %s, but the column is of type %s", text,
							   format_type_be(exprType(expr)), format_type_be(type))));
	assign_expr_collations(pstate, converted);
	if (domains && checks_domain(converted, NULL))
		*domains = true;
	free_parsestate(pstate);
	AtEOXact_GUC(true, nest);
	return expression_planner((Expr *) converted);
}

/*
 * Leaves out conversions between an enum and text: they are marked STABLE, but
 * nothing that a session can set changes them.
 */
static Node *
without_enum_labels(Node *node, void *context)
{
	if (node && IsA(node, CoerceViaIO))
	{
		CoerceViaIO *coerce = (CoerceViaIO *) node;

		if (type_is_enum(coerce->resulttype) || type_is_enum(exprType((Node *) coerce->arg)))
			return without_enum_labels((Node *) coerce->arg, context);
	}
	return expression_tree_mutator(node, without_enum_labels, context);
}

/*
 * confiture._transition_expression(rel, alias, text, column's type, typmod,
 * whose): raises an error when an expression can't serve; returns whether it
 * says anything about the row. It will be computed as the owner of a relation,
 * rel if whose is NULL: so it is looked at, and run in part, as that one.
 */
Datum
confiture_transition_expression(PG_FUNCTION_ARGS)
{
	Relation rel;
	char *alias, *expression;
	Oid type;
	Expr *expr;
	CfRights rights;

	for (int i = 0; i < 5; i++)
		if (PG_ARGISNULL(i))
			PG_RETURN_NULL();
	rel = table_open(PG_GETARG_OID(0), AccessShareLock);
	alias = text_to_cstring(PG_GETARG_TEXT_PP(1));
	expression = text_to_cstring(PG_GETARG_TEXT_PP(2));
	type = PG_GETARG_OID(3);
	if (pg_class_aclcheck(RelationGetRelid(rel), GetUserId(), ACL_SELECT) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, RelationGetRelationName(rel));
	cf_rights_enter(&rights, cf_rights_owner(PG_GETARG_OID(PG_ARGISNULL(5) ? 0 : 5)));
	expr = cf_route_expression(rel, alias, expression, type, PG_GETARG_INT32(4), NULL);
	if (contain_mutable_functions(without_enum_labels((Node *) expr, NULL)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("\"%s\" need not give the same result again", expression),
				 errhint("Use functions that are marked IMMUTABLE: to_char(t AT TIME ZONE 'UTC', "
						 "...) for example, instead of a function that looks at settings.")));
	cf_rights_leave(&rights);
	table_close(rel, NoLock);
	PG_RETURN_BOOL(contain_var_clause((Node *) expr));
}

/*
 * Parses a text as sessions do that have set standard_conforming_strings or
 * not: where a literal ends must not depend on who reads it.
 */
static void
parse_both_ways(void (*parse)(const char *text, void *context), const char *text, void *context)
{
	static const char *const settings[] = {"on", "off"};
	int ways = strchr(text, '\\') != NULL && PG_VERSION_NUM < 190000 ? 2 : 1;

	for (int i = 0; i < ways; i++)
	{
		int nest = NewGUCNestLevel();

		(void) set_config_option("standard_conforming_strings", settings[i], PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
		(void) set_config_option("escape_string_warning", "off", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
		parse(text, context);
		AtEOXact_GUC(true, nest);
	}
}

/* Raises an error unless a text is a single expression. */
static void
check_expression(const char *text, void *context)
{
	(void) parse_one(text);
}

/*
 * confiture._transition_check_text(text): raises an error unless it is a
 * single expression, whatever it may mean.
 */
Datum
confiture_transition_check_text(PG_FUNCTION_ARGS)
{
	parse_both_ways(check_expression, text_to_cstring(PG_GETARG_TEXT_PP(0)), NULL);
	PG_RETURN_BOOL(true);
}

/* Tells whether a statement adds a constraint that was taken off a table, and does nothing else. */
static bool
adds_constraint(Node *statement)
{
	AlterTableStmt *alter = (AlterTableStmt *) statement;
	AlterTableCmd *cmd;
	Constraint *constraint;

	if (!IsA(statement, AlterTableStmt) || list_length(alter->cmds) != 1)
		return false;
	cmd = linitial_node(AlterTableCmd, alter->cmds);
	constraint = (Constraint *) cmd->def;
	return cmd->subtype == AT_AddConstraint && IsA(constraint, Constraint) &&
		   (constraint->contype == CONSTR_UNIQUE || constraint->contype == CONSTR_EXCLUSION ||
			constraint->contype == CONSTR_FOREIGN) &&
		   constraint->indexname == NULL && constraint->indexspace == NULL;
}

/* Raises an error unless a text adds a constraint, or an index of the table whose OID is the context. */
static void
check_definition(const char *text, void *context)
{
	List *list = raw_parser(text, RAW_PARSE_DEFAULT);
	Oid relid = *(Oid *) context;
	Node *statement = list_length(list) == 1 ? linitial_node(RawStmt, list)->stmt : NULL;

	if (statement &&
		(adds_constraint(statement) ||
		 (IsA(statement, IndexStmt) && !((IndexStmt *) statement)->concurrent &&
		  ((IndexStmt *) statement)->tableSpace == NULL &&
		  RangeVarGetRelid(((IndexStmt *) statement)->relation, NoLock, true) == relid)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
			 errmsg("what is stored of table \"%s\" is neither an index of it nor a constraint",
					get_rel_name(relid)),
			 errdetail("It is: %s", text)));
}

/*
 * confiture._transition_definition(rel, constraint, definition): the statement
 * that gives a table a constraint, or, without the name of one, an index. It
 * was stored meanwhile: what else could stand there is refused, a tablespace
 * too, of which the server's own definitions say nothing.
 */
Datum
confiture_transition_definition(PG_FUNCTION_ARGS)
{
	Oid relid;
	char *statement;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	relid = PG_GETARG_OID(0);
	statement = text_to_cstring(PG_GETARG_TEXT_PP(2));
	if (!PG_ARGISNULL(1))
		statement = psprintf("ALTER TABLE %s ADD CONSTRAINT %s %s",
							 quote_qualified_identifier(
								 get_namespace_name(get_rel_namespace(relid)), get_rel_name(relid)),
							 quote_identifier(text_to_cstring(PG_GETARG_TEXT_PP(1))), statement);
	parse_both_ways(check_definition, statement, &relid);
	PG_RETURN_TEXT_P(cstring_to_text(statement));
}

/*
 * confiture._transition_column(text, alias): the column that an expression is,
 * and nothing else, quoted where it has to be; else the text as it is.
 */
Datum
confiture_transition_column(PG_FUNCTION_ARGS)
{
	char *expression = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Node *node = parse_one(expression);

	if (IsA(node, ColumnRef))
	{
		List *fields = ((ColumnRef *) node)->fields;

		if (list_length(fields) <= 2 && IsA(llast(fields), String) &&
			(list_length(fields) == 1 ||
			 (IsA(linitial(fields), String) &&
			  strcmp(strVal(linitial(fields)), text_to_cstring(PG_GETARG_TEXT_PP(1))) == 0)))
			expression = pstrdup(quote_identifier(strVal(llast(fields))));
	}
	PG_RETURN_TEXT_P(cstring_to_text(expression));
}
