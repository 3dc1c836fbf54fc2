/*-------------------------------------------------------------------------
 *
 * analyze_opaque.c
 *	  Code that can't be looked into: DO, CALL, functions that may write.
 *
 * Functions of the server itself are taken as harmless, but for those of
 * sequences. A function of the database that is not VOLATILE may read, but
 * changes nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/varlena.h"

#include "analyze.h"

/* Notes that a statement runs code that can't be looked into. */
void
cf_an_opaque(CfAnalysis *a, const char *what)
{
	a->opaque = true;
	cf_an_warn(a, "%s is opaque: only a dry run can tell what it does", what);
}

/* Notes the lock on the sequence that a call of nextval('name') names. */
static void
sequence_call(CfAnalysis *a, FuncCall *call)
{
	Node *argument = call->args ? (Node *) linitial(call->args) : NULL;
	CfRel rel;

	if (argument && IsA(argument, TypeCast))
		argument = ((TypeCast *) argument)->arg;
	if (argument == NULL || !IsA(argument, A_Const) || ((A_Const *) argument)->isnull ||
		!IsA(&((A_Const *) argument)->val, String))
		return;
	if (cf_an_find_names(
			a, textToQualifiedNameList(cstring_to_text(strVal(&((A_Const *) argument)->val))),
			&rel))
		cf_an_lock_rel(a, &rel, RowExclusiveLock);
}

/* Works out one function call. */
static void
function_call(CfAnalysis *a, FuncCall *call, bool sequences_only)
{
	FuncCandidateList candidate;
	const char *name = strVal(llast(call->funcname));

	candidate = FuncnameGetCandidates(call->funcname, -1, NIL, false, false, false, true);
	if (candidate == NULL)
	{
		if (sequences_only)
			return;
		/* Not there: created by the script, or an error of the query. */
		if (cf_an_is_known(a, NULL, name) || a->world->opaque)
			cf_an_opaque(a, psprintf("function %s()", name));
		return;
	}
	for (; candidate; candidate = candidate->next)
	{
		switch (candidate->oid)
		{
			case F_NEXTVAL:
			case F_CURRVAL:
			case F_SETVAL_REGCLASS_INT8:
			case F_SETVAL_REGCLASS_INT8_BOOL:
				sequence_call(a, call);
				return;
			default:
				break;
		}
		if (!sequences_only && candidate->oid >= FirstNormalObjectId &&
			get_func_prokind(candidate->oid) != PROKIND_AGGREGATE &&
			func_volatile(candidate->oid) == PROVOLATILE_VOLATILE)
		{
			cf_an_opaque(
				a, psprintf("function %s()",
							quote_qualified_identifier(
								get_namespace_name(get_func_namespace(candidate->oid)), name)));
			return;
		}
	}
}

/* Walker: finds function calls. */
static bool
find_calls(Node *node, CfAnalysis *a)
{
	if (node == NULL)
		return false;
	if (IsA(node, FuncCall))
		function_call(a, (FuncCall *) node, false);
	return cf_raw_walker(node, find_calls, a);
}

/* Walker: finds calls of nextval() and its kind. */
static bool
find_sequences(Node *node, CfAnalysis *a)
{
	if (node == NULL)
		return false;
	if (IsA(node, FuncCall))
		function_call(a, (FuncCall *) node, true);
	return cf_raw_walker(node, find_sequences, a);
}

/* Notes the sequences that an expression takes numbers from. */
void
cf_an_sequences(CfAnalysis *a, Node *expr)
{
	(void) find_sequences(expr, a);
}

/* Works out the function calls of a query or an expression, as parsed. */
void
cf_an_functions(CfAnalysis *a, Node *node)
{
	if (!a->parse_only)
		(void) find_calls(node, a);
}
