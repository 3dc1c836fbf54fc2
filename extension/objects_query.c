/*-------------------------------------------------------------------------
 *
 * objects_query.c
 *	  The objects that queries name: SELECT, INSERT, UPDATE, DELETE, MERGE.
 *
 * Each level of a query has a CfNamespace: the WITH queries that hide
 * relations of the same name, and the items of FROM that a column can be
 * qualified with.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "objects.h"

/* Starts a level of names. */
void
cf_obj_push(CfCollector *c, bool in_query)
{
	CfNamespace *names = palloc0(sizeof(CfNamespace));

	names->outer = c->names;
	names->was_query = c->in_query;
	c->names = names;
	c->in_query = in_query;
}

/* Ends the level of names that was started last. */
void
cf_obj_pop(CfCollector *c)
{
	c->in_query = c->names->was_query;
	c->names = c->names->outer;
}

/* Lets the current level see an item; relation is NULL if it is none. */
void
cf_obj_see(CfCollector *c, const char *name, const RangeVar *relation, List *renamed)
{
	CfRangeItem *item = palloc(sizeof(CfRangeItem));

	item->name = name;
	item->relation = relation;
	item->renamed = renamed;
	c->names->items = lappend(c->names->items, item);
}

/* Finds the item of FROM that a name means, the innermost first. */
CfRangeItem *
cf_obj_seen(CfCollector *c, const char *name)
{
	for (CfNamespace *names = c->names; names != NULL; names = names->outer)
	{
		ListCell *lc;

		if (names->hidden)
			continue;
		foreach (lc, names->items)
		{
			CfRangeItem *item = (CfRangeItem *) lfirst(lc);

			if (item->name != NULL && strcmp(item->name, name) == 0)
				return item;
		}
	}
	return NULL;
}

/* Tells whether a WITH query of this name is in sight. */
static bool
is_with_query(CfCollector *c, const char *name)
{
	for (CfNamespace *names = c->names; names != NULL; names = names->outer)
	{
		ListCell *lc;

		foreach (lc, names->ctes)
		{
			if (strcmp((const char *) lfirst(lc), name) == 0)
				return true;
		}
	}
	return false;
}

/* Sees a relation under its alias or its own name. */
static void
see_relation(CfCollector *c, RangeVar *rel)
{
	if (rel->alias != NULL)
		cf_obj_see(c, rel->alias->aliasname, rel, rel->alias->colnames);
	else
		cf_obj_see(c, rel->relname, rel, NIL);
}

/* Sees something in FROM that is not a relation. */
static void
see_other(CfCollector *c, Alias *alias)
{
	cf_obj_see(c, alias ? alias->aliasname : NULL, NULL, NIL);
}

/* Adds a column of JOIN USING for a side that is a relation. */
static void
using_columns(CfCollector *c, Node *side, List *columns)
{
	RangeVar *rel;

	if (side == NULL || !IsA(side, RangeVar))
		return;
	rel = (RangeVar *) side;
	if (rel->alias != NULL && rel->alias->colnames != NIL)
		return;
	if (rel->schemaname != NULL || !is_with_query(c, rel->relname))
		cf_obj_columns(c, rel, columns, CF_READ);
}

/* Adds what one item of FROM names. */
void
cf_obj_from_item(CfCollector *c, Node *item)
{
	if (item == NULL)
		return;
	check_stack_depth();

	switch (nodeTag(item))
	{
		case T_RangeVar:
		{
			RangeVar *rel = (RangeVar *) item;

			if (rel->schemaname == NULL && is_with_query(c, rel->relname))
			{
				if (rel->alias != NULL)
					see_other(c, rel->alias);
				else
					cf_obj_see(c, rel->relname, NULL, NIL);
			}
			else
			{
				cf_obj_relation(c, "relation", rel, CF_READ);
				see_relation(c, rel);
			}
		}
		break;
		case T_RangeSubselect:
		{
			RangeSubselect *sub = (RangeSubselect *) item;
			CfNamespace *names = c->names;
			bool was_hidden = names->hidden;

			/* it sees what stands before it only when it is LATERAL */
			names->hidden = !sub->lateral;
			cf_obj_walk(c, sub->subquery);
			names->hidden = was_hidden;
			see_other(c, sub->alias);
		}
		break;
		case T_RangeFunction:
		{
			RangeFunction *func = (RangeFunction *) item;

			cf_obj_walk(c, (Node *) func->functions);
			cf_obj_walk(c, (Node *) func->coldeflist);
			see_other(c, func->alias);
		}
		break;
		case T_RangeTableSample:
		{
			RangeTableSample *sample = (RangeTableSample *) item;

			cf_obj_from_item(c, sample->relation);
			cf_obj_reference(c, "function", sample->method);
			cf_obj_walk(c, (Node *) sample->args);
			cf_obj_walk(c, sample->repeatable);
		}
		break;
		case T_JoinExpr:
		{
			JoinExpr *join = (JoinExpr *) item;

			cf_obj_from_item(c, join->larg);
			cf_obj_from_item(c, join->rarg);
			using_columns(c, join->larg, join->usingClause);
			using_columns(c, join->rarg, join->usingClause);
			cf_obj_walk(c, join->quals);
			if (join->alias != NULL)
				see_other(c, join->alias);
		}
		break;
		default:
			/* XMLTABLE, JSON_TABLE */
			cf_obj_walk(c, item);
			see_other(c, NULL);
			break;
	}
}

/* Adds what the items of FROM or USING name. */
static void
from_list(CfCollector *c, List *items)
{
	ListCell *lc;

	foreach (lc, items)
		cf_obj_from_item(c, (Node *) lfirst(lc));
}

/*
 * Adds what WITH names, and remembers the names of its queries.
 *
 * A query sees the ones before it; with RECURSIVE all, itself included.
 */
static void
with_clause(CfCollector *c, WithClause *with)
{
	ListCell *lc;

	if (with == NULL)
		return;

	if (with->recursive)
	{
		foreach (lc, with->ctes)
			c->names->ctes = lappend(c->names->ctes, lfirst_node(CommonTableExpr, lc)->ctename);
	}
	foreach (lc, with->ctes)
	{
		CommonTableExpr *cte = lfirst_node(CommonTableExpr, lc);

		cf_obj_walk(c, cte->ctequery);
		if (cte->cycle_clause != NULL)
		{
			cf_obj_walk(c, cte->cycle_clause->cycle_mark_value);
			cf_obj_walk(c, cte->cycle_clause->cycle_mark_default);
		}
		if (!with->recursive)
			c->names->ctes = lappend(c->names->ctes, cte->ctename);
	}
}

/* Adds the table of SELECT INTO or CREATE TABLE AS. */
void
cf_obj_into(CfCollector *c, IntoClause *into, const char *kind)
{
	cf_obj_relation(c, kind, into->rel, CF_CREATE);
	cf_obj_columns(c, into->rel, into->colNames, CF_CREATE);
	cf_obj_reference_name(c, "access method", into->accessMethod);
	cf_obj_reference_name(c, "tablespace", into->tableSpaceName);
}

/* Returns the names that a select list gives to its columns. */
static List *
labels_of(List *targets)
{
	List *labels = NIL;
	ListCell *lc;

	foreach (lc, targets)
	{
		ResTarget *target = (ResTarget *) lfirst(lc);

		if (target != NULL && IsA(target, ResTarget) && target->name != NULL)
			labels = lappend(labels, target->name);
	}
	return labels;
}

/* Adds what SELECT, VALUES or a set operation names. */
static void
select_query(CfCollector *c, SelectStmt *stmt)
{
	cf_obj_push(c, true);
	with_clause(c, stmt->withClause);

	if (stmt->op != SETOP_NONE)
	{
		/* its ORDER BY can only name columns of the result */
		cf_obj_walk(c, (Node *) stmt->larg);
		cf_obj_walk(c, (Node *) stmt->rarg);
	}
	else
	{
		if (stmt->intoClause != NULL)
			cf_obj_into(c, stmt->intoClause, "table");
		from_list(c, stmt->fromClause);
		cf_obj_walk(c, (Node *) stmt->targetList);
		cf_obj_walk(c, stmt->whereClause);
		cf_obj_walk(c, stmt->havingClause);
		cf_obj_walk(c, (Node *) stmt->windowClause);
		cf_obj_walk(c, (Node *) stmt->valuesLists);

		/* these can name columns of the result too */
		c->names->labels = labels_of(stmt->targetList);
		cf_obj_walk(c, (Node *) stmt->distinctClause);
		cf_obj_walk(c, (Node *) stmt->groupClause);
		cf_obj_walk(c, (Node *) stmt->sortClause);
		c->names->labels = NIL;
	}
	cf_obj_walk(c, stmt->limitOffset);
	cf_obj_walk(c, stmt->limitCount);
	cf_obj_pop(c);
}

/* Adds the columns that a list of assignments or of INSERT writes. */
static void
target_columns(CfCollector *c, RangeVar *rel, List *targets)
{
	ListCell *lc;

	foreach (lc, targets)
		cf_obj_part(c, "column", rel, lfirst_node(ResTarget, lc)->name, CF_WRITE);
}

/*
 * Adds what RETURNING names.
 *
 * It sees the row before and after, as in PostgreSQL 18, but in a rule OLD
 * and NEW are the rows of the rule.
 */
static void
returning(CfCollector *c, RangeVar *rel, Node *list)
{
	if (list == NULL)
		return;
	cf_obj_push(c, true);
	if (cf_obj_seen(c, "old") == NULL)
		cf_obj_see(c, "old", rel, NIL);
	if (cf_obj_seen(c, "new") == NULL)
		cf_obj_see(c, "new", rel, NIL);
	cf_obj_walk(c, list);
	cf_obj_pop(c);
}

/* Adds what ON CONFLICT names. */
static void
on_conflict(CfCollector *c, RangeVar *rel, OnConflictClause *clause)
{
	if (clause == NULL)
		return;
	if (clause->infer != NULL)
	{
		cf_obj_part(c, "constraint", rel, clause->infer->conname, CF_REFERENCE);
		cf_obj_walk(c, (Node *) clause->infer->indexElems);
		cf_obj_walk(c, clause->infer->whereClause);
	}
	cf_obj_push(c, true);
	cf_obj_see(c, "excluded", rel, NIL);
	target_columns(c, rel, clause->targetList);
	cf_obj_walk(c, (Node *) clause->targetList);
	cf_obj_walk(c, clause->whereClause);
	cf_obj_pop(c);
}

/* Adds what INSERT names. */
static void
insert_query(CfCollector *c, InsertStmt *stmt)
{
	cf_obj_push(c, true);
	cf_obj_relation(c, "table", stmt->relation, CF_WRITE);
	target_columns(c, stmt->relation, stmt->cols);
	cf_obj_walk(c, (Node *) stmt->cols);
	with_clause(c, stmt->withClause);
	cf_obj_walk(c, stmt->selectStmt);

	/* the query does not see the table, what follows does */
	see_relation(c, stmt->relation);
	on_conflict(c, stmt->relation, stmt->onConflictClause);
	returning(c, stmt->relation, cf_returning(stmt));
	cf_obj_pop(c);
}

/* Adds what UPDATE names. */
static void
update_query(CfCollector *c, UpdateStmt *stmt)
{
	cf_obj_push(c, true);
	cf_obj_relation(c, "table", stmt->relation, CF_WRITE);
	target_columns(c, stmt->relation, stmt->targetList);
	with_clause(c, stmt->withClause);
	see_relation(c, stmt->relation);
	from_list(c, stmt->fromClause);
	cf_obj_walk(c, (Node *) stmt->targetList);
	cf_obj_walk(c, stmt->whereClause);
	returning(c, stmt->relation, cf_returning(stmt));
	cf_obj_pop(c);
}

/* Adds what DELETE names. */
static void
delete_query(CfCollector *c, DeleteStmt *stmt)
{
	cf_obj_push(c, true);
	cf_obj_relation(c, "table", stmt->relation, CF_WRITE);
	with_clause(c, stmt->withClause);
	see_relation(c, stmt->relation);
	from_list(c, stmt->usingClause);
	cf_obj_walk(c, stmt->whereClause);
	returning(c, stmt->relation, cf_returning(stmt));
	cf_obj_pop(c);
}

/* Adds what MERGE names. */
static void
merge_query(CfCollector *c, MergeStmt *stmt)
{
	ListCell *lc;

	cf_obj_push(c, true);
	cf_obj_relation(c, "table", stmt->relation, CF_WRITE);
	with_clause(c, stmt->withClause);
	see_relation(c, stmt->relation);
	cf_obj_from_item(c, stmt->sourceRelation);
	cf_obj_walk(c, stmt->joinCondition);
	foreach (lc, stmt->mergeWhenClauses)
	{
		MergeWhenClause *when = lfirst_node(MergeWhenClause, lc);

		target_columns(c, stmt->relation, when->targetList);
		cf_obj_walk(c, when->condition);
		cf_obj_walk(c, (Node *) when->targetList);
		cf_obj_walk(c, (Node *) when->values);
	}
	returning(c, stmt->relation, cf_merge_returning(stmt));
	cf_obj_pop(c);
}

/* Adds what a query names; false if the node is something else. */
bool
cf_obj_query(CfCollector *c, Node *query)
{
	switch (nodeTag(query))
	{
		case T_SelectStmt:
			select_query(c, (SelectStmt *) query);
			return true;
		case T_InsertStmt:
			insert_query(c, (InsertStmt *) query);
			return true;
		case T_UpdateStmt:
			update_query(c, (UpdateStmt *) query);
			return true;
		case T_DeleteStmt:
			delete_query(c, (DeleteStmt *) query);
			return true;
		case T_MergeStmt:
			merge_query(c, (MergeStmt *) query);
			return true;
		default:
			return false;
	}
}
