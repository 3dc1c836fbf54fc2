/*-------------------------------------------------------------------------
 *
 * analyze_write.c
 *	  What writing rows locks beyond the table: partitions, the other side of
 *	  foreign keys, sequences of defaults, what views and rules lead to.
 *
 * Which partitions and which keys the rows meet can't be known: all of them
 * are noted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "analyze.h"

/* What the relations of a stored query are locked with. */
typedef struct SourceScan
{
	CfAnalysis *a;
	LOCKMODE mode; /* at least */
	Oid skip;	   /* the relation that the rule belongs to */
} SourceScan;

static void
write_rows(CfAnalysis *a, Oid relid, CmdType event, List *columns, bool recurse, List *seen);

/* Walker: notes the relations of a stored query. */
static bool
find_sources(Node *node, SourceScan *scan)
{
	ListCell *lc;

	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, find_sources, scan);
	foreach (lc, ((Query *) node)->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);
		LOCKMODE mode;

		if (rte->rtekind != RTE_RELATION || rte->relid == scan->skip)
			continue;
		mode = Max(rte->rellockmode, scan->mode);
		if (rte->relkind == RELKIND_VIEW && cf_an_is_locked(scan->a, rte->relid, mode))
			continue; /* views may form a circle */
		cf_an_lock(scan->a, rte->relid, mode, false);
		if (rte->relkind == RELKIND_VIEW && scan->mode > RowShareLock)
			cf_an_lock_view(scan->a, rte->relid, mode);
		else if (rte->relkind == RELKIND_VIEW)
			cf_an_view_sources(scan->a, rte->relid, mode);
		else if (rte->inh)
			cf_an_lock_list(scan->a, cf_an_descendants(rte->relid), mode);
	}
	return query_tree_walker((Query *) node, find_sources, scan, 0);
}

/* Returns the actions of the rules of a relation for an event: Query *. */
static List *
rule_actions(Oid relid, CmdType event, bool *instead)
{
	List *actions = NIL;
	Relation rel = table_open(RewriteRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	*instead = false;
	ScanKeyInit(&key, Anum_pg_rewrite_ev_class, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(rel, RewriteRelRulenameIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_rewrite form = (Form_pg_rewrite) GETSTRUCT(tuple);
		Datum value;
		bool isnull;

		if (form->ev_type != '0' + event)
			continue;
		*instead |= form->is_instead;
		value = heap_getattr(tuple, Anum_pg_rewrite_ev_action, RelationGetDescr(rel), &isnull);
		if (!isnull)
			actions = list_concat(actions, (List *) stringToNode(TextDatumGetCString(value)));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return actions;
}

/* Returns the names of the user's triggers on a table for an event. */
static List *
triggers_for(Oid relid, CmdType event, bool instead_of)
{
	List *names = NIL;
	Relation rel = table_open(TriggerRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_trigger_tgrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(rel, TriggerRelidNameIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);
		bool fires = event == CMD_INSERT   ? TRIGGER_FOR_INSERT(form->tgtype)
					 : event == CMD_UPDATE ? TRIGGER_FOR_UPDATE(form->tgtype)
										   : TRIGGER_FOR_DELETE(form->tgtype);

		if (!form->tgisinternal && form->tgenabled != TRIGGER_DISABLED && fires &&
			instead_of == TRIGGER_FOR_INSTEAD(form->tgtype))
			names = lappend(names, pstrdup(NameStr(form->tgname)));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return names;
}

/* Returns the relation that an updatable view selects from. */
static Oid
view_base(Query *query)
{
	Node *item;

	if (list_length(query->jointree->fromlist) != 1)
		return InvalidOid;
	item = (Node *) linitial(query->jointree->fromlist);
	if (!IsA(item, RangeTblRef))
		return InvalidOid;
	return rt_fetch(((RangeTblRef *) item)->rtindex, query->rtable)->relid;
}

/* Turns names of a view's columns into those of what it selects from. */
static List *
base_columns(Query *query, List *columns)
{
	List *result = NIL;
	ListCell *lc, *name;

	foreach (lc, query->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, lc);

		if (!IsA(entry->expr, Var) || entry->resname == NULL)
			continue;
		foreach (name, columns)
			if (strcmp(entry->resname, (char *) lfirst(name)) == 0)
				result = lappend(
					result, get_attname(view_base(query), ((Var *) entry->expr)->varattno, false));
	}
	return result;
}

/* Notes what writing to a view leads to. */
static void
write_view(CfAnalysis *a, Oid view, CmdType event, List *columns)
{
	SourceScan scan = {.a = a, .mode = AccessShareLock, .skip = view};
	bool instead, unused;
	List *actions = rule_actions(view, event, &instead);
	List *select = rule_actions(view, CMD_SELECT, &unused);
	List *triggers = instead ? NIL : triggers_for(view, event, true);
	Oid base = select ? view_base(linitial_node(Query, select)) : InvalidOid;

	(void) find_sources((Node *) actions, &scan);
	if (triggers)
		cf_an_warn(a, "%s has triggers (%s): only a dry run can tell what they do",
				   cf_relation_name(view), cf_an_short_list(triggers, 3));
	if (triggers && event == CMD_INSERT)
		return;
	(void) find_sources((Node *) select, &scan);
	/* The server writes to what the view selects from. */
	if (!instead && triggers == NIL && OidIsValid(base) && base != view)
		write_rows(a, base, event, base_columns(linitial_node(Query, select), columns), true,
				   list_make1_oid(view));
}

/* Notes what reading a view leads to. */
void
cf_an_view_sources(CfAnalysis *a, Oid view, LOCKMODE mode)
{
	SourceScan scan = {.a = a, .skip = view};
	bool instead;

	check_stack_depth();
	scan.mode = mode == RowShareLock ? RowShareLock : AccessShareLock;
	(void) find_sources((Node *) rule_actions(view, CMD_SELECT, &instead), &scan);
}

/* Notes what LOCK TABLE on a view leads to. */
void
cf_an_lock_view(CfAnalysis *a, Oid view, LOCKMODE mode)
{
	SourceScan scan = {.a = a, .mode = mode, .skip = view};
	bool instead;

	check_stack_depth();
	(void) find_sources((Node *) rule_actions(view, CMD_SELECT, &instead), &scan);
}

/* Tells whether UPDATE of some columns meets those of a key. NIL: all. */
static bool
touches_key(Oid relid, List *columns, const AttrNumber *key, int nkeys)
{
	ListCell *lc;

	if (columns == NIL)
		return true;
	foreach (lc, columns)
		for (int i = 0; i < nkeys; i++)
			if (get_attnum(relid, (char *) lfirst(lc)) == key[i])
				return true;
	return false;
}

/* Returns the names of the referencing columns of a foreign key. */
static List *
key_columns(const CfForeignKey *fk)
{
	List *names = NIL;

	for (int i = 0; i < fk->nkeys; i++)
		names = lappend(names, get_attname(fk->conrelid, fk->conkey[i], false));
	return names;
}

/* Raises the server's error for a published table whose rows can't be told apart. */
static void
check_replica_identity(CfAnalysis *a, Oid relid, CmdType event)
{
	Relation rel;

	if ((event == CMD_UPDATE || event == CMD_DELETE) &&
		RELKIND_HAS_TABLE_AM(get_rel_relkind(relid)) && cf_an_sure(a, relid) &&
		(rel = cf_an_open(a, relid)) != NULL)
		CheckCmdReplicaIdentity(rel, event);
}

/* Notes what the foreign keys of a written table look up or change. */
static void
write_foreign_keys(CfAnalysis *a, Oid relid, CmdType event, List *columns, List *seen)
{
	ListCell *lc;

	if (event != CMD_DELETE)
	{
		foreach (lc, cf_an_foreign_keys(a, relid, true))
		{
			const CfForeignKey *fk = (const CfForeignKey *) lfirst(lc);

			if (event == CMD_UPDATE && !touches_key(relid, columns, fk->conkey, fk->nkeys))
				continue;
			cf_an_lock_list(a, cf_an_with_descendants(fk->confrelid, true), RowShareLock);
		}
	}
	if (event == CMD_INSERT)
		return;
	foreach (lc, cf_an_foreign_keys(a, relid, false))
	{
		const CfForeignKey *fk = (const CfForeignKey *) lfirst(lc);
		char action = event == CMD_DELETE ? fk->on_delete : fk->on_update;

		if (OidIsValid(fk->parent) ||
			(event == CMD_UPDATE && !touches_key(relid, columns, fk->confkey, fk->nkeys)))
			continue;
		if (action == FKCONSTR_ACTION_NOACTION || action == FKCONSTR_ACTION_RESTRICT)
			cf_an_lock_list(a, cf_an_with_descendants(fk->conrelid, true), RowShareLock);
		else if (action == FKCONSTR_ACTION_CASCADE && event == CMD_DELETE)
			write_rows(a, fk->conrelid, CMD_DELETE, NIL, true, seen);
		else
			write_rows(a, fk->conrelid, CMD_UPDATE, key_columns(fk), true, seen);
	}
}

/* Notes the sequences that columns take their default from. */
static void
write_sequences(CfAnalysis *a, Oid relid, List *columns)
{
	List *given = NIL;
	ListCell *lc;

	foreach (lc, columns)
		given = list_concat(given,
							cf_an_column_sequences(relid, get_attnum(relid, (char *) lfirst(lc))));
	cf_an_lock_list(a, list_difference_oid(getOwnedSequences(relid), given), RowExclusiveLock);
}

/* Notes what writing rows of an existing relation leads to. */
static void
write_rows(CfAnalysis *a, Oid relid, CmdType event, List *columns, bool recurse, List *seen)
{
	SourceScan scan = {.a = a, .mode = AccessShareLock, .skip = relid};
	List *triggers;
	List *actions;
	bool instead;

	check_stack_depth();
	cf_an_lock(a, relid, RowExclusiveLock, false);
	if (list_member_oid(seen, relid))
		return;
	seen = lappend_oid(list_copy(seen), relid);
	if (get_rel_relkind(relid) == RELKIND_VIEW)
	{
		write_view(a, relid, event, columns);
		return;
	}
	if (recurse && (event != CMD_INSERT || get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE))
		cf_an_lock_list(a, cf_an_descendants(relid), RowExclusiveLock);
	actions = rule_actions(relid, event, &instead);
	if (actions != NIL)
		(void) find_sources((Node *) actions, &scan);
	triggers = triggers_for(relid, event, false);
	if (triggers)
		cf_an_warn(a, "%s has triggers (%s): only a dry run can tell what they do",
				   cf_relation_name(relid), cf_an_short_list(triggers, 3));
	if (event == CMD_INSERT)
		write_sequences(a, relid, columns);
	write_foreign_keys(a, relid, event, columns, seen);
}

/* Notes what a statement that writes rows leads to. */
void
cf_an_write(CfAnalysis *a, const CfRel *rel, CmdType event, List *columns, bool recurse)
{
	cf_an_lock_rel(a, rel, RowExclusiveLock);
	if (!a->parse_only && event != CMD_DELETE)
		cf_an_lock_references(a, rel, NULL, RowShareLock);
	if (rel->created || a->parse_only)
		return;
	cf_an_may(a, rel,
			  event == CMD_INSERT	? ACL_INSERT
			  : event == CMD_UPDATE ? ACL_UPDATE
									: ACL_DELETE);
	check_replica_identity(a, rel->relid, event);
	write_rows(a, rel->relid, event, columns, recurse, NIL);
}
