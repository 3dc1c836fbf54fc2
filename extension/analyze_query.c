/*-------------------------------------------------------------------------
 *
 * analyze_query.c
 *	  SELECT, INSERT, UPDATE, DELETE, MERGE: the relations that they read.
 *
 * The query is not analysed by the server, since that would lock the table
 * to be written: relations are found in the tree that the grammar makes, and
 * views are followed by their rules.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"

#include "analyze.h"

/* What an expression sees. */
typedef struct Scope
{
	CfAnalysis *a;
	List *ctes; /* char *: names of WITH queries */
} Scope;

/* What FOR UPDATE and the like lock. */
typedef struct Locking
{
	bool everything;
	List *names; /* char * */
} Locking;

static void walk_query(CfAnalysis *a, Node *query, List *ctes, bool locked);

/* Walker: finds queries in expressions. */
static bool
walk_expression(Node *node, Scope *scope)
{
	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_SelectStmt:
		case T_InsertStmt:
		case T_UpdateStmt:
		case T_DeleteStmt:
		case T_MergeStmt:
			walk_query(scope->a, node, scope->ctes, false);
			return false;
		default:
			return cf_raw_walker(node, walk_expression, scope);
	}
}

/* Walks an expression or a list of them. */
static void
walk(CfAnalysis *a, Node *node, List *ctes)
{
	Scope scope = {.a = a, .ctes = ctes};

	(void) walk_expression(node, &scope);
}

/* Walks the queries of WITH; returns the names with those added. */
static List *
walk_with(CfAnalysis *a, WithClause *with, List *ctes)
{
	ListCell *lc;

	if (with == NULL)
		return ctes;
	ctes = list_copy(ctes);
	if (with->recursive)
		foreach (lc, with->ctes)
			ctes = lappend(ctes, lfirst_node(CommonTableExpr, lc)->ctename);
	foreach (lc, with->ctes)
	{
		CommonTableExpr *cte = lfirst_node(CommonTableExpr, lc);

		walk_query(a, cte->ctequery, ctes, false);
		ctes = lappend(ctes, cte->ctename);
	}
	return ctes;
}

/* Notes that a relation is read. */
void
cf_an_read(CfAnalysis *a, const CfRel *rel, LOCKMODE mode, bool recurse)
{
	cf_an_lock_rel(a, rel, mode);
	if (rel->created || a->parse_only)
		return;
	cf_an_may(a, rel, mode == AccessShareLock ? ACL_SELECT : ACL_SELECT_FOR_UPDATE);
	if (rel->relkind == RELKIND_VIEW)
		cf_an_view_sources(a, rel->relid, mode);
	else if (recurse)
		cf_an_lock_list(a, cf_an_descendants(rel->relid), mode);
}

/* Tells whether an item of FROM is locked by FOR UPDATE and the like. */
static bool
is_locked(const Locking *locking, const Alias *alias, const char *name)
{
	return locking->everything || cf_an_has_name(locking->names, alias	? alias->aliasname
																 : name ? name
																		: "");
}

/* Walks one item of FROM. */
static void
walk_from(CfAnalysis *a, Node *item, List *ctes, const Locking *locking)
{
	CfRel rel;

	if (item == NULL)
		return;
	switch (nodeTag(item))
	{
		case T_RangeVar:
		{
			RangeVar *rv = (RangeVar *) item;

			if (rv->schemaname == NULL && cf_an_has_name(ctes, rv->relname))
				return;
			cf_an_need(a, rv, &rel);
			cf_an_read(a, &rel,
					   is_locked(locking, rv->alias, rv->relname) ? RowShareLock : AccessShareLock,
					   rv->inh);
			return;
		}
		case T_JoinExpr:
			walk_from(a, ((JoinExpr *) item)->larg, ctes, locking);
			walk_from(a, ((JoinExpr *) item)->rarg, ctes, locking);
			walk(a, ((JoinExpr *) item)->quals, ctes);
			return;
		case T_RangeSubselect:
			walk_query(a, ((RangeSubselect *) item)->subquery, ctes,
					   is_locked(locking, ((RangeSubselect *) item)->alias, NULL));
			return;
		case T_RangeTableSample:
			walk_from(a, ((RangeTableSample *) item)->relation, ctes, locking);
			walk(a, (Node *) ((RangeTableSample *) item)->args, ctes);
			return;
		default:
			walk(a, item, ctes);
	}
}

/* Walks the items of FROM or USING. */
static void
walk_from_list(CfAnalysis *a, List *items, List *ctes, const Locking *locking)
{
	ListCell *lc;

	foreach (lc, items)
		walk_from(a, (Node *) lfirst(lc), ctes, locking);
}

/* Walks SELECT, VALUES, UNION. */
static void
walk_select(CfAnalysis *a, SelectStmt *stmt, List *ctes, bool locked)
{
	Locking locking = {.everything = locked};
	ListCell *lc, *name;

	ctes = walk_with(a, stmt->withClause, ctes);
	foreach (lc, stmt->lockingClause)
	{
		LockingClause *clause = lfirst_node(LockingClause, lc);

		locking.everything |= clause->lockedRels == NIL;
		foreach (name, clause->lockedRels)
			locking.names = lappend(locking.names, lfirst_node(RangeVar, name)->relname);
	}
	if (stmt->op != SETOP_NONE)
	{
		walk_select(a, stmt->larg, ctes, locking.everything);
		walk_select(a, stmt->rarg, ctes, locking.everything);
	}
	walk_from_list(a, stmt->fromClause, ctes, &locking);
	walk(a, (Node *) stmt->distinctClause, ctes);
	walk(a, (Node *) stmt->targetList, ctes);
	walk(a, stmt->whereClause, ctes);
	walk(a, (Node *) stmt->groupClause, ctes);
	walk(a, stmt->havingClause, ctes);
	walk(a, (Node *) stmt->windowClause, ctes);
	walk(a, (Node *) stmt->valuesLists, ctes);
	walk(a, (Node *) stmt->sortClause, ctes);
	walk(a, stmt->limitOffset, ctes);
	walk(a, stmt->limitCount, ctes);
}

/* Returns the names that a list of ResTarget assigns to. */
static List *
target_names(List *targets)
{
	List *names = NIL;
	ListCell *lc;

	foreach (lc, targets)
		if (lfirst_node(ResTarget, lc)->name)
			names = lappend(names, lfirst_node(ResTarget, lc)->name);
	return names;
}

/* Notes that every row of a table is written by UPDATE or DELETE. */
static void
writes_all_rows(CfAnalysis *a, const CfRel *rel, bool recurse, const char *verb)
{
	double rows;
	uint64 bytes;
	ListCell *lc;

	if (rel->created || a->parse_only)
		return;
	foreach (lc, cf_an_with_descendants(rel->relid, recurse))
		cf_an_scan(a, lfirst_oid(lc), psprintf("%s all rows of", verb), NULL);
	cf_an_size(rel->relid, &rows, &bytes);
	if (bytes > 0)
		cf_an_warn(
			a,
			"%s all rows of %s (%s): they stay locked until the transaction ends. Write in batches",
			verb, rel->name, cf_an_size_text(rows, bytes));
}

/* Walks INSERT. */
static void
walk_insert(CfAnalysis *a, InsertStmt *stmt, List *ctes)
{
	CfRel rel;
	SelectStmt *select = (SelectStmt *) stmt->selectStmt;

	cf_an_need(a, stmt->relation, &rel);
	ctes = walk_with(a, stmt->withClause, ctes);
	if (select)
	{
		walk_select(a, select, ctes, false);
		a->writes |= !a->parse_only && select->valuesLists == NIL;
	}
	cf_an_write(a, &rel, CMD_INSERT, target_names(stmt->cols), true);
	if (stmt->onConflictClause)
	{
		OnConflictClause *conflict = stmt->onConflictClause;

		walk(a, (Node *) conflict->targetList, ctes);
		walk(a, conflict->whereClause, ctes);
		if (conflict->action == ONCONFLICT_UPDATE)
			cf_an_write(a, &rel, CMD_UPDATE, target_names(conflict->targetList), true);
	}
	walk(a, cf_returning(stmt), ctes);
}

/* Walks UPDATE. */
static void
walk_update(CfAnalysis *a, UpdateStmt *stmt, List *ctes)
{
	CfRel rel;
	Locking none = {0};

	cf_an_need(a, stmt->relation, &rel);
	ctes = walk_with(a, stmt->withClause, ctes);
	walk_from_list(a, stmt->fromClause, ctes, &none);
	walk(a, (Node *) stmt->targetList, ctes);
	walk(a, stmt->whereClause, ctes);
	walk(a, cf_returning(stmt), ctes);
	a->writes |= !a->parse_only;
	cf_an_write(a, &rel, CMD_UPDATE, target_names(stmt->targetList), stmt->relation->inh);
	if (stmt->whereClause == NULL && stmt->fromClause == NIL)
		writes_all_rows(a, &rel, stmt->relation->inh, "updating");
}

/* Walks DELETE. */
static void
walk_delete(CfAnalysis *a, DeleteStmt *stmt, List *ctes)
{
	CfRel rel;
	Locking none = {0};

	cf_an_need(a, stmt->relation, &rel);
	ctes = walk_with(a, stmt->withClause, ctes);
	walk_from_list(a, stmt->usingClause, ctes, &none);
	walk(a, stmt->whereClause, ctes);
	walk(a, cf_returning(stmt), ctes);
	a->writes |= !a->parse_only;
	cf_an_write(a, &rel, CMD_DELETE, NIL, stmt->relation->inh);
	if (stmt->whereClause == NULL && stmt->usingClause == NIL)
		writes_all_rows(a, &rel, stmt->relation->inh, "deleting");
}

/* Walks MERGE. */
static void
walk_merge(CfAnalysis *a, MergeStmt *stmt, List *ctes)
{
	CfRel rel;
	Locking none = {0};
	ListCell *lc;

	cf_an_need(a, stmt->relation, &rel);
	ctes = walk_with(a, stmt->withClause, ctes);
	walk_from(a, stmt->sourceRelation, ctes, &none);
	walk(a, stmt->joinCondition, ctes);
	a->writes |= !a->parse_only;
	cf_an_lock_rel(a, &rel, RowExclusiveLock);
	foreach (lc, stmt->mergeWhenClauses)
	{
		MergeWhenClause *when = lfirst_node(MergeWhenClause, lc);

		walk(a, when->condition, ctes);
		walk(a, (Node *) when->targetList, ctes);
		walk(a, (Node *) when->values, ctes);
		if (when->commandType != CMD_NOTHING)
			cf_an_write(a, &rel, when->commandType, target_names(when->targetList),
						stmt->relation->inh);
	}
	walk(a, cf_merge_returning(stmt), ctes);
}

/* Walks a query of any kind. */
static void
walk_query(CfAnalysis *a, Node *query, List *ctes, bool locked)
{
	if (query == NULL)
		return;
	check_stack_depth();
	switch (nodeTag(query))
	{
		case T_SelectStmt:
			walk_select(a, (SelectStmt *) query, ctes, locked);
			break;
		case T_InsertStmt:
			walk_insert(a, (InsertStmt *) query, ctes);
			break;
		case T_UpdateStmt:
			walk_update(a, (UpdateStmt *) query, ctes);
			break;
		case T_DeleteStmt:
			walk_delete(a, (DeleteStmt *) query, ctes);
			break;
		case T_MergeStmt:
			walk_merge(a, (MergeStmt *) query, ctes);
			break;
		default:
			walk(a, query, ctes);
	}
}

/* Works out a query: the relations that it reads and writes. */
void
cf_an_query(CfAnalysis *a, Node *query)
{
	walk_query(a, query, NIL, false);
	cf_an_check_query(a, query);
	cf_an_functions(a, query);
}

/* Works out the queries in an expression that is only stored. */
void
cf_an_expression(CfAnalysis *a, Node *expr)
{
	bool parse_only = a->parse_only;

	a->parse_only = true;
	walk(a, expr, NIL);
	a->parse_only = parse_only;
}
