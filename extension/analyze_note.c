/*-------------------------------------------------------------------------
 *
 * analyze_note.c
 *	  Notes of what a statement would do: locks, scans, rewrites, warnings.
 *
 * No lock is waited for: a table that somebody holds or waits for exclusively
 * is not looked into, and a warning says so.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "optimizer/plancat.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/syscache.h"

#include "analyze.h"

/* Tells whether a relation is of no interest: the server's own, or TOAST. */
static bool
is_internal(Oid relid)
{
	return relid < FirstNormalObjectId || IsToastNamespace(get_rel_namespace(relid));
}

/* Notes a lock on an existing relation. */
void
cf_an_lock(CfAnalysis *a, Oid relid, LOCKMODE mode, bool named)
{
	if (mode != NoLock && OidIsValid(relid) && !is_internal(relid) &&
		!cf_world_is_gone(a, RelationRelationId, relid, 0))
		a->row->locks = cf_add_lock(a->row->locks, relid, NULL, mode, named, false);
}

/* Tells whether a lock as strong as that is noted already. */
bool
cf_an_is_locked(CfAnalysis *a, Oid relid, LOCKMODE mode)
{
	ListCell *lc;

	foreach (lc, a->row->locks)
		if (((CfRelationLock *) lfirst(lc))->relid == relid &&
			((CfRelationLock *) lfirst(lc))->mode >= mode)
			return true;
	return false;
}

/* Notes a lock on a relation that the statement names. */
void
cf_an_lock_rel(CfAnalysis *a, const CfRel *rel, LOCKMODE mode)
{
	if (rel->created)
		a->row->locks = cf_add_lock(a->row->locks, InvalidOid, rel->name, mode, true, true);
	else if (mode != NoLock && !is_internal(rel->relid))
		a->row->locks = cf_add_lock(a->row->locks, rel->relid, rel->name, mode, true, false);
}

/* Notes that a statement creates a relation. */
void
cf_an_lock_new(CfAnalysis *a, const char *name)
{
	a->row->locks = cf_add_lock(a->row->locks, InvalidOid, name, AccessExclusiveLock, true, true);
}

/* Notes locks on relations that the statement does not name. */
void
cf_an_lock_list(CfAnalysis *a, List *relids, LOCKMODE mode)
{
	ListCell *lc;

	foreach (lc, relids)
		cf_an_lock(a, lfirst_oid(lc), mode, false);
}

/* Notes locks on all indexes of a table. */
void
cf_an_lock_indexes(CfAnalysis *a, Oid relid, LOCKMODE mode)
{
	cf_an_lock_list(a, cf_an_indexes(relid), mode);
}

/* Notes that rows are read or written; adds the relation to a list of names. */
static List *
add_work(CfAnalysis *a, List *names, Oid relid, bool rewrite, const char *doing, const char *advice)
{
	CfWork *work = palloc(sizeof(CfWork));
	char *name = cf_relation_name(relid);
	ListCell *lc;

	if (name == NULL || is_internal(relid))
		return names;
	work->relid = relid;
	work->rewrite = rewrite;
	work->doing = doing;
	work->advice = advice;
	a->work = lappend(a->work, work);
	foreach (lc, names)
		if (strcmp((char *) lfirst(lc), name) == 0)
			return names;
	return lappend(names, name);
}

/*
 * Notes that a table is read as a whole. Relations without rows of their own
 * are left out, so that a list with partitioned tables can be given.
 */
void
cf_an_scan(CfAnalysis *a, Oid relid, const char *doing, const char *advice)
{
	char relkind = get_rel_relkind(relid);

	if (RELKIND_HAS_TABLE_AM(relkind))
		a->row->scans = add_work(a, a->row->scans, relid, false, doing, advice);
}

/* Notes that a relation is written anew, with its indexes. */
void
cf_an_rewrite(CfAnalysis *a, Oid relid, const char *doing, const char *advice)
{
	char relkind = get_rel_relkind(relid);

	if (!RELKIND_HAS_TABLE_AM(relkind))
		return;
	a->row->rewrites = add_work(a, a->row->rewrites, relid, true, doing, advice);
	cf_an_lock_indexes(a, relid, AccessExclusiveLock);
}

/* Notes that the file of a relation is copied to another place. */
void
cf_an_copy(CfAnalysis *a, Oid relid, const char *doing)
{
	if (RELKIND_HAS_TABLE_AM(get_rel_relkind(relid)))
		a->row->rewrites = add_work(a, a->row->rewrites, relid, true, doing, NULL);
}

/* Tells whether the statement rewrites a relation, as far as worked out. */
bool
cf_an_rewrites(CfAnalysis *a, Oid relid)
{
	ListCell *lc;

	foreach (lc, a->work)
	{
		const CfWork *work = (const CfWork *) lfirst(lc);

		if (work->rewrite && work->relid == relid)
			return true;
	}
	return false;
}

/* Adds a warning, once. */
void
cf_an_warn(CfAnalysis *a, const char *fmt, ...)
{
	StringInfoData text;
	ListCell *lc;

	initStringInfo(&text);
	for (;;)
	{
		va_list args;
		int needed;

		va_start(args, fmt);
		needed = appendStringInfoVA(&text, fmt, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&text, needed);
	}
	foreach (lc, a->row->warnings)
		if (strcmp((char *) lfirst(lc), text.data) == 0)
			return;
	a->row->warnings = lappend(a->row->warnings, text.data);
}

/*
 * Opens a relation under an ACCESS SHARE lock, or returns NULL with a warning
 * where that would have to wait. It is closed when the analysis of the
 * statement is rolled back.
 */
Relation
cf_an_open(CfAnalysis *a, Oid relid)
{
	if (!ConditionalLockRelationOid(relid, AccessShareLock))
	{
		cf_an_warn(
			a, "%s is locked by another session: it was not looked into, and the worse is assumed",
			cf_relation_name(relid));
		return NULL;
	}
	if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
		return NULL;
	return relation_open(relid, NoLock);
}

/* Adds size and rows of one relation that has storage. */
static void
add_relation_size(Oid relid, double *rows, uint64 *bytes)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class form;
	Relation rel;
	BlockNumber blocks, pages;
	double tuples, visible;

	if (!HeapTupleIsValid(tuple))
		return;
	form = (Form_pg_class) GETSTRUCT(tuple);
	if (!RELKIND_HAS_TABLE_AM(form->relkind))
	{
		ReleaseSysCache(tuple);
		return;
	}
	if (!ConditionalLockRelationOid(relid, AccessShareLock))
	{
		/* Locked by somebody: what VACUUM has seen last must do. */
		*rows += Max(form->reltuples, 0);
		*bytes += (uint64) form->relpages * BLCKSZ;
		ReleaseSysCache(tuple);
		return;
	}
	ReleaseSysCache(tuple);
	rel = relation_open(relid, NoLock);
	blocks = RelationGetNumberOfBlocks(rel);
	if (blocks > 0)
	{
		estimate_rel_size(rel, NULL, &pages, &tuples, &visible);
		/* The planner takes a never vacuumed table for larger than it is. */
		*rows += pages > blocks ? tuples * blocks / pages : tuples;
		*bytes += (uint64) blocks * BLCKSZ;
	}
	relation_close(rel, AccessShareLock);
}

/* Estimates rows and bytes of a table, with its partitions and children. */
void
cf_an_size(Oid relid, double *rows, uint64 *bytes)
{
	ListCell *lc;

	*rows = 0;
	*bytes = 0;
	if (get_rel_relkind(relid) != RELKIND_PARTITIONED_TABLE)
		add_relation_size(relid, rows, bytes);
	else
		foreach (lc, cf_an_descendants(relid))
			add_relation_size(lfirst_oid(lc), rows, bytes);
}

/* Says a size: "about 1200 rows, 96 kB". */
char *
cf_an_size_text(double rows, uint64 bytes)
{
	if (bytes < (uint64) 10 * 1024 * 1024)
		return psprintf("about %.0f rows, " UINT64_FORMAT " kB", rows, bytes / 1024);
	if (bytes < (uint64) 10 * 1024 * 1024 * 1024)
		return psprintf("about %.0f rows, " UINT64_FORMAT " MB", rows, bytes / (1024 * 1024));
	return psprintf("about %.0f rows, " UINT64_FORMAT " GB", rows, bytes / (1024 * 1024 * 1024));
}

/* Returns partitions and inheritance children of all levels. */
List *
cf_an_descendants(Oid relid)
{
	if (!has_subclass(relid))
		return NIL;
	return list_delete_first(find_all_inheritors(relid, NoLock, NULL));
}

/* Returns a relation and, where a command recurses, its descendants. */
List *
cf_an_with_descendants(Oid relid, bool recurse)
{
	return lcons_oid(relid, recurse ? cf_an_descendants(relid) : NIL);
}

/* Returns the indexes of a table. */
List *
cf_an_indexes(Oid relid)
{
	List *result = NIL;
	Relation rel = table_open(IndexRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, Anum_pg_index_indrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(rel, IndexIndrelidIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		result = lappend_oid(result, ((Form_pg_index) GETSTRUCT(tuple))->indexrelid);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

/* Returns the sequences that belong to a column: serial or identity. */
List *
cf_an_column_sequences(Oid relid, AttrNumber attnum)
{
	List *result = NIL;
	ListCell *lc;
	Oid table;
	int32 column;

	foreach (lc, getOwnedSequences(relid))
		if ((sequenceIsOwned(lfirst_oid(lc), DEPENDENCY_AUTO, &table, &column) ||
			 sequenceIsOwned(lfirst_oid(lc), DEPENDENCY_INTERNAL, &table, &column)) &&
			column == attnum)
			result = lappend_oid(result, lfirst_oid(lc));
	return result;
}

/* Says the first few of a list of strings, and how many more there are. */
char *
cf_an_short_list(List *names, int limit)
{
	StringInfoData text;
	int n = 0;
	ListCell *lc;

	initStringInfo(&text);
	foreach (lc, names)
	{
		if (n++ == limit)
		{
			appendStringInfo(&text, " and %d more", list_length(names) - limit);
			break;
		}
		appendStringInfo(&text, "%s%s", n > 1 ? ", " : "", (char *) lfirst(lc));
	}
	return text.data;
}

/*
 * Does something in a subtransaction that is always rolled back, so that no
 * lock and no open relation stays. Returns false and the error when it
 * raises one; a cancelled query stays cancelled. Memory is the caller's.
 */
bool
cf_an_attempt(CfAnalysis *a, void (*work)(CfAnalysis *a, void *arg), void *arg, ErrorData **error)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData *volatile edata = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		work(a, arg);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		edata = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;

	if (edata &&
		(edata->sqlerrcode == ERRCODE_QUERY_CANCELED || edata->sqlerrcode == ERRCODE_OUT_OF_MEMORY))
		ReThrowError(edata);
	if (error)
		*error = edata;
	return edata == NULL;
}
