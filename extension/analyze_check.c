/*-------------------------------------------------------------------------
 *
 * analyze_check.c
 *	  Errors that a query would raise: columns, functions, types that do not
 *	  exist, or do not fit.
 *
 * The server's parser looks at it, under ACCESS SHARE locks. It would lock
 * the table to be written with more: of UPDATE and DELETE it is shown what
 * they read, as a SELECT.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "parser/analyze.h"
#include "storage/lmgr.h"

#include "analyze.h"

/* Walker: removes FOR UPDATE and the like; true when the query can't be shown. */
static bool
prepare_walker(Node *node, void *context)
{
	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_InsertStmt:
		case T_UpdateStmt:
		case T_DeleteStmt:
		case T_MergeStmt:
		case T_SetToDefault:
		case T_MultiAssignRef:
		case T_CurrentOfExpr:
		case T_ParamRef:
			return true;
		case T_SelectStmt:
			((SelectStmt *) node)->lockingClause = NIL;
			((SelectStmt *) node)->intoClause = NULL;
			break;
		default:
			break;
	}
	return cf_raw_walker(node, prepare_walker, context);
}

/* Analyses a query, unless one of its relations can't be locked at once. */
static void
analyse_query(CfAnalysis *a, void *arg)
{
	RawStmt *raw = makeNode(RawStmt);
	ListCell *lc;

	foreach (lc, a->row->locks)
		if (OidIsValid(((CfRelationLock *) lfirst(lc))->relid) &&
			!ConditionalLockRelationOid(((CfRelationLock *) lfirst(lc))->relid, AccessShareLock))
			return;
	raw->stmt = (Node *) arg;
	(void) parse_analyze_fixedparams(raw, a->script->sql, NULL, 0, NULL);
}

/* Has a SELECT looked at; raises the error that the server finds. */
static void
check_select(CfAnalysis *a, SelectStmt *select)
{
	ErrorData *error;

	if (prepare_walker((Node *) select, NULL) || cf_an_attempt(a, analyse_query, select, &error))
		return;
	if (a->world->opaque == NULL && !a->world->code_changed && a->world->nknown == 0 &&
		error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE)
		ReThrowError(error);
}

/* Makes the SELECT that reads what UPDATE, DELETE read. */
static SelectStmt *
reading_part(RangeVar *relation, List *from, List *targets, Node *where, WithClause *with,
			 Node *returning)
{
	SelectStmt *select = makeNode(SelectStmt);
	ListCell *lc;

	foreach (lc, targets)
	{
		ResTarget *target = makeNode(ResTarget);

		target->val = lfirst_node(ResTarget, lc)->val;
		target->location = lfirst_node(ResTarget, lc)->location;
		select->targetList = lappend(select->targetList, target);
	}
	if (returning)
		select->targetList = list_concat(select->targetList, (List *) returning);
	select->fromClause = lcons(relation, from);
	select->whereClause = where;
	select->withClause = with;
	return select;
}

/* One row of VALUES may call functions that return sets: it is shown as SELECT. */
static SelectStmt *
as_select(SelectStmt *select)
{
	ListCell *lc;

	if (list_length(select->valuesLists) != 1)
		return select;
	foreach (lc, linitial_node(List, select->valuesLists))
	{
		ResTarget *target = makeNode(ResTarget);

		target->val = (Node *) lfirst(lc);
		target->location = -1;
		select->targetList = lappend(select->targetList, target);
	}
	select->valuesLists = NIL;
	return select;
}

/* Raises the server's error for a column that is assigned to and not there. */
static void
check_targets(CfAnalysis *a, const RangeVar *relation, List *targets)
{
	CfRel rel;
	ListCell *lc;

	cf_an_need(a, relation, &rel);
	foreach (lc, targets)
		if (lfirst_node(ResTarget, lc)->name)
			(void) cf_an_column(a, &rel, lfirst_node(ResTarget, lc)->name);
}

/* Raises the error that the server would raise for a query, if there is one. */
void
cf_an_check_query(CfAnalysis *a, Node *query)
{
	query = copyObject(query);
	switch (nodeTag(query))
	{
		case T_SelectStmt:
			check_select(a, (SelectStmt *) query);
			break;
		case T_InsertStmt:
		{
			InsertStmt *insert = (InsertStmt *) query;

			check_targets(a, insert->relation, insert->cols);
			if (insert->selectStmt && insert->withClause == NULL)
				check_select(a, as_select((SelectStmt *) insert->selectStmt));
			break;
		}
		case T_UpdateStmt:
		{
			UpdateStmt *update = (UpdateStmt *) query;

			check_targets(a, update->relation, update->targetList);
			check_select(a, reading_part(update->relation, update->fromClause, update->targetList,
										 update->whereClause, update->withClause,
										 cf_readable_returning(update)));
			break;
		}
		case T_DeleteStmt:
		{
			DeleteStmt *delete = (DeleteStmt *) query;

			check_select(a, reading_part(delete->relation, delete->usingClause, NIL,
										 delete->whereClause, delete->withClause,
										 cf_readable_returning(delete)));
			break;
		}
		default:
			break;
	}
}
