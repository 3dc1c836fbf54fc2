/*-------------------------------------------------------------------------
 *
 * transition_foreign.c
 *	  Whether code that is not the server's own runs when a row is written.
 *
 * Such code is run with a search_path of its own: to set that for each row
 * takes as long as to compute a few columns, and most tables do not need it.
 * What is not certain counts as foreign.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/transam.h"
#include "catalog/pg_proc.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"

#include "transition.h"

/* Tells whether a function is not the server's own, or one that could call others by their names. */
static bool
is_foreign_function(Oid func, void *context)
{
	return func >= FirstNormalObjectId || func_volatile(func) == PROVOLATILE_VOLATILE;
}

/* Tells whether values of a type may have constraints that are checked when they are made. */
static bool
is_foreign_type(Oid type)
{
	return type >= FirstNormalObjectId && !type_is_enum(type);
}

/* Tells whether a node makes a value that may be checked. */
static bool
makes_foreign_value(Node *node)
{
	switch (nodeTag(node))
	{
		case T_CoerceToDomain:
			return true;
		case T_CoerceViaIO:
		case T_FuncExpr:
		case T_OpExpr:
		case T_ArrayCoerceExpr:
		case T_ConvertRowtypeExpr:
			return is_foreign_type(exprType(node));
		default:
			return false;
	}
}

static bool
find_foreign_code(Node *node, void *context)
{
	if (node == NULL)
		return false;
	return check_functions_in_node(node, is_foreign_function, NULL) || makes_foreign_value(node) ||
		   expression_tree_walker(node, find_foreign_code, context);
}

/* Tells whether an expression runs code that is not the server's own. */
bool
cf_calls_foreign_code(Node *node)
{
	return find_foreign_code(node, NULL);
}

/* Tells whether the checks or the generated columns of a table do. */
static bool
constraints_do(Relation rel)
{
	TupleDesc desc = RelationGetDescr(rel);
	TupleConstr *constr = desc->constr;

	for (int i = 0; constr && i < constr->num_check; i++)
		if (cf_calls_foreign_code(stringToNode(constr->check[i].ccbin)))
			return true;
	for (int i = 0; constr && i < constr->num_defval; i++)
		if (TupleDescAttr(desc, constr->defval[i].adnum - 1)->attgenerated &&
			cf_calls_foreign_code(stringToNode(constr->defval[i].adbin)))
			return true;
	return false;
}

/* Tells whether writing a row of a table runs code that is not the server's own. */
bool
cf_checks_foreign_code(Relation rel)
{
	bool result = constraints_do(rel);
	ListCell *lc;

	foreach (lc, RelationGetIndexList(rel))
	{
		Relation index = index_open(lfirst_oid(lc), AccessShareLock);

		result = result || cf_calls_foreign_code((Node *) RelationGetIndexExpressions(index)) ||
				 cf_calls_foreign_code((Node *) RelationGetIndexPredicate(index));
		index_close(index, AccessShareLock);
	}
	return result;
}
