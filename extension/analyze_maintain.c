/*-------------------------------------------------------------------------
 *
 * analyze_maintain.c
 *	  Statements that work on tables as they are: TRUNCATE, LOCK, VACUUM,
 *	  ANALYZE, CLUSTER, REINDEX, REFRESH MATERIALIZED VIEW, COPY.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "commands/defrem.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "analyze.h"

/* Tells whether an option of a list in parentheses is given and on. */
static bool
option_is_on(List *options, const char *name)
{
	ListCell *lc;
	bool result = false;

	foreach (lc, options)
		if (strcmp(lfirst_node(DefElem, lc)->defname, name) == 0)
			result = defGetBoolean(lfirst_node(DefElem, lc));
	return result;
}

/* TRUNCATE */
static void
truncate_tables(CfAnalysis *a, TruncateStmt *stmt)
{
	List *tables = NIL;
	ListCell *lc, *fk;
	CfRel rel;

	foreach (lc, stmt->relations)
	{
		RangeVar *rv = lfirst_node(RangeVar, lc);

		cf_an_need(a, rv, &rel);
		cf_an_may(a, &rel, ACL_TRUNCATE);
		cf_an_lock_rel(a, &rel, AccessExclusiveLock);
		if (!rel.created)
			tables = list_concat_unique_oid(tables, cf_an_with_descendants(rel.relid, rv->inh));
	}
	/* The list grows while it is walked: what CASCADE reaches reaches more. */
	foreach (lc, tables)
	{
		Oid relid = lfirst_oid(lc);
		double rows;
		uint64 bytes;

		cf_an_lock(a, relid, AccessExclusiveLock, false);
		if (get_rel_relkind(relid) != RELKIND_PARTITIONED_TABLE)
			cf_an_lock_indexes(a, relid, AccessExclusiveLock);
		cf_an_size(relid, &rows, &bytes);
		if (bytes > 0 && get_rel_relkind(relid) != RELKIND_PARTITIONED_TABLE)
			cf_an_warn(a, "removes all rows of %s (%s)", cf_relation_name(relid),
					   cf_an_size_text(rows, bytes));
		if (stmt->restart_seqs)
			cf_an_lock_list(a, getOwnedSequences(relid), AccessExclusiveLock);
		foreach (fk, cf_an_foreign_keys(a, relid, false))
		{
			Oid other = ((CfForeignKey *) lfirst(fk))->conrelid;

			if (list_member_oid(tables, other))
				continue;
			if (stmt->behavior != DROP_CASCADE)
				ereport(
					ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("cannot truncate a table referenced in a foreign key constraint"),
					 errdetail("Table \"%s\" references \"%s\".", get_rel_name(other),
							   get_rel_name(relid)),
					 errhint("Truncate table \"%s\" at the same time, or use TRUNCATE ... CASCADE.",
							 get_rel_name(other))));
			tables = list_concat_unique_oid(tables, cf_an_with_descendants(other, true));
		}
	}
}

/* LOCK TABLE */
static void
lock_table(CfAnalysis *a, LockStmt *stmt)
{
	ListCell *lc;
	CfRel rel;

	foreach (lc, stmt->relations)
	{
		RangeVar *rv = lfirst_node(RangeVar, lc);

		cf_an_need(a, rv, &rel);
		cf_an_lock_rel(a, &rel, stmt->mode);
		if (rel.created)
			continue;
		if (rel.relkind == RELKIND_VIEW)
			cf_an_lock_view(a, rel.relid, stmt->mode);
		else if (rv->inh)
			cf_an_lock_list(a, cf_an_descendants(rel.relid), stmt->mode);
	}
}

/* VACUUM and ANALYZE */
static void
vacuum_tables(CfAnalysis *a, VacuumStmt *stmt)
{
	bool full = stmt->is_vacuumcmd && option_is_on(stmt->options, "full");
	ListCell *lc, *part;
	CfRel rel;

	if (stmt->rels == NIL)
		cf_an_warn(a, "works on every table of the database");
	foreach (lc, stmt->rels)
	{
		RangeVar *rv = lfirst_node(VacuumRelation, lc)->relation;

		cf_an_need(a, rv, &rel);
		cf_an_lock_rel(a, &rel, full ? AccessExclusiveLock : ShareUpdateExclusiveLock);
		if (rel.created)
			continue;
		foreach (part, cf_an_with_descendants(rel.relid, rel.relkind == RELKIND_PARTITIONED_TABLE))
		{
			cf_an_lock(a, lfirst_oid(part), full ? AccessExclusiveLock : ShareUpdateExclusiveLock,
					   false);
			if (full)
				cf_an_rewrite(a, lfirst_oid(part), "rewriting",
							  "VACUUM without FULL blocks nobody");
		}
	}
}

/* CLUSTER */
static void
cluster_tables(CfAnalysis *a, ClusterStmt *stmt)
{
	ListCell *lc;
	CfRel rel;

	if (stmt->relation == NULL)
	{
		cf_an_warn(a, "works on every table that was clustered before");
		return;
	}
	cf_an_need(a, stmt->relation, &rel);
	cf_an_lock_rel(a, &rel, AccessExclusiveLock);
	if (rel.created)
		return;
	foreach (lc, cf_an_with_descendants(rel.relid, rel.relkind == RELKIND_PARTITIONED_TABLE))
	{
		cf_an_lock(a, lfirst_oid(lc), AccessExclusiveLock, false);
		cf_an_rewrite(a, lfirst_oid(lc), "rewriting", NULL);
	}
	if (stmt->indexname)
		cf_an_lock(a, get_relname_relid(stmt->indexname, get_rel_namespace(rel.relid)),
				   AccessExclusiveLock, true);
}

/* Notes that the indexes of a table are built again. */
static void
reindex_table(CfAnalysis *a, Oid relid, List *indexes, bool concurrently, bool named)
{
	ListCell *lc;

	cf_an_lock(a, relid, concurrently ? ShareUpdateExclusiveLock : ShareLock, named);
	foreach (lc, indexes)
		cf_an_lock(a, lfirst_oid(lc), concurrently ? ShareUpdateExclusiveLock : AccessExclusiveLock,
				   false);
	if (indexes)
		cf_an_scan(a, relid, "building indexes again on",
				   concurrently ? NULL : "REINDEX ... CONCURRENTLY blocks no writes");
}

/* REINDEX */
static void
reindex(CfAnalysis *a, ReindexStmt *stmt)
{
	bool concurrently = option_is_on(stmt->params, "concurrently");
	ListCell *lc;
	CfRel rel;

	if (stmt->relation == NULL)
	{
		cf_an_warn(a, "builds every index of the %s again",
				   stmt->kind == REINDEX_OBJECT_SCHEMA ? "schema" : "database");
		return;
	}
	cf_an_need(a, stmt->relation, &rel);
	cf_an_own(a, &rel);
	if (rel.created)
	{
		cf_an_lock_rel(a, &rel, AccessExclusiveLock);
		return;
	}
	if (stmt->kind == REINDEX_OBJECT_INDEX)
	{
		cf_an_lock_rel(a, &rel, concurrently ? ShareUpdateExclusiveLock : AccessExclusiveLock);
		foreach (lc, cf_an_with_descendants(rel.relid, true))
			if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_INDEX)
				reindex_table(a, IndexGetRelation(lfirst_oid(lc), true),
							  list_make1_oid(lfirst_oid(lc)), concurrently, false);
		return;
	}
	foreach (lc, cf_an_with_descendants(rel.relid, true))
		if (RELKIND_HAS_TABLE_AM(get_rel_relkind(lfirst_oid(lc))))
			reindex_table(a, lfirst_oid(lc), cf_an_indexes(lfirst_oid(lc)), concurrently,
						  lfirst_oid(lc) == rel.relid);
}

/* Tells whether a materialized view can be refreshed concurrently. */
static bool
has_plain_unique_index(Oid relid)
{
	ListCell *lc;
	bool found = false;

	foreach (lc, cf_an_indexes(relid))
	{
		HeapTuple tuple = SearchSysCache1(INDEXRELID, lfirst_oid(lc));

		if (!HeapTupleIsValid(tuple))
			continue;
		found |= ((Form_pg_index) GETSTRUCT(tuple))->indisunique &&
				 ((Form_pg_index) GETSTRUCT(tuple))->indisvalid &&
				 heap_attisnull(tuple, Anum_pg_index_indpred, NULL) &&
				 heap_attisnull(tuple, Anum_pg_index_indexprs, NULL);
		ReleaseSysCache(tuple);
	}
	return found;
}

/* REFRESH MATERIALIZED VIEW */
static void
refresh(CfAnalysis *a, RefreshMatViewStmt *stmt)
{
	CfRel rel;

	cf_an_need(a, stmt->relation, &rel);
	cf_an_own(a, &rel);
	cf_an_lock_rel(a, &rel, stmt->concurrent ? ExclusiveLock : AccessExclusiveLock);
	if (rel.created)
		return;
	if (!stmt->skipData)
		cf_an_view_sources(a, rel.relid, AccessShareLock);
	a->writes |= !stmt->skipData;
	if (stmt->concurrent)
	{
		if (!has_plain_unique_index(rel.relid))
			ereport(
				ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot refresh materialized view \"%s\" concurrently", rel.name),
				 errhint(
					 "Create a unique index with no WHERE clause on one or more columns of the materialized view.")));
		return;
	}
	cf_an_rewrite(
		a, rel.relid, "refreshing",
		has_plain_unique_index(rel.relid)
			? "REFRESH MATERIALIZED VIEW CONCURRENTLY blocks no reads"
			: "With a unique index, REFRESH MATERIALIZED VIEW CONCURRENTLY blocks no reads");
}

/* COPY */
static void
copy(CfAnalysis *a, CopyStmt *stmt)
{
	CfRel rel;

	if (stmt->query)
	{
		cf_an_query(a, stmt->query);
		return;
	}
	cf_an_need(a, stmt->relation, &rel);
	if (stmt->is_from)
	{
		List *columns = NIL;
		ListCell *lc;

		foreach (lc, stmt->attlist)
			columns = lappend(columns, strVal(lfirst(lc)));
		a->writes = true;
		cf_an_write(a, &rel, CMD_INSERT, columns, true);
		return;
	}
	cf_an_read(a, &rel, AccessShareLock, false);
	if (!rel.created)
		cf_an_scan(a, rel.relid, "reading", NULL);
}

/* Works out the statements of this file; false for others. */
bool
cf_an_maintain_statement(CfAnalysis *a, Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_TruncateStmt:
			truncate_tables(a, (TruncateStmt *) stmt);
			return true;
		case T_LockStmt:
			lock_table(a, (LockStmt *) stmt);
			return true;
		case T_VacuumStmt:
			vacuum_tables(a, (VacuumStmt *) stmt);
			return true;
		case T_ClusterStmt:
			cluster_tables(a, (ClusterStmt *) stmt);
			return true;
		case T_ReindexStmt:
			reindex(a, (ReindexStmt *) stmt);
			return true;
		case T_RefreshMatViewStmt:
			refresh(a, (RefreshMatViewStmt *) stmt);
			return true;
		case T_CopyStmt:
			copy(a, (CopyStmt *) stmt);
			return true;
		default:
			return false;
	}
}
