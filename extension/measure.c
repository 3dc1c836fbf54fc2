/*-------------------------------------------------------------------------
 *
 * measure.c
 *	  What a statement has done to relations: locks, rewrites, scans.
 *
 * Nothing is guessed from the statement: locks come from the lock table,
 * rewrites from a changed relfilenode, scans from the statistics counters of
 * this transaction. A relation that the statement has dropped is looked up
 * with a snapshot taken before it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/catalog.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "measure.h"

/* What is known of a relation that this session has locked. */
typedef struct WatchedRelation
{
	Oid relid; /* hash key */
	LOCKMODE held;
	int unit;	/* in which this lock was taken */
	char *name; /* NULL: not worth a report */
	char relkind;
	bool created;	/* since the watch began */
	bool was_there; /* before the statement that locked it */
	bool ours;		/* of Confiture itself */
	Oid filenode;
	int64 scans;
	int64 tuples;
} WatchedRelation;

/* Scans that the counters knew of before the watch began. */
typedef struct EarlierScans
{
	Oid relid; /* hash key */
	int64 scans;
	int64 tuples;
} EarlierScans;

/* Reads the pg_class row of a relation as a snapshot sees it. */
static bool
read_class(Oid relid, Snapshot snapshot, Form_pg_class result)
{
	Relation pg_class = table_open(RelationRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;
	bool found;

	ScanKeyInit(&key, Anum_pg_class_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(pg_class, ClassOidIndexId, true, snapshot, 1, &key);
	tuple = systable_getnext(scan);
	found = HeapTupleIsValid(tuple);
	if (found)
		memcpy(result, GETSTRUCT(tuple), CLASS_TUPLE_SIZE);
	systable_endscan(scan);
	table_close(pg_class, AccessShareLock);
	return found;
}

/*
 * Returns the name of a schema, as a snapshot sees it when it is gone by now:
 * a relation may have been dropped together with its schema.
 */
static char *
schema_name(Oid schema, Snapshot snapshot)
{
	char *name = get_namespace_name(schema);
	Relation pg_namespace;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	if (name || snapshot == NULL)
		return name;
	pg_namespace = table_open(NamespaceRelationId, AccessShareLock);
	ScanKeyInit(&key, Anum_pg_namespace_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(schema));
	scan = systable_beginscan(pg_namespace, NamespaceOidIndexId, true, snapshot, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		name = pstrdup(NameStr(((Form_pg_namespace) GETSTRUCT(tuple))->nspname));
	systable_endscan(scan);
	table_close(pg_namespace, AccessShareLock);
	return name;
}

/* Reads the pg_class row from the cache: as it is now. */
static bool
read_class_now(Oid relid, Form_pg_class result)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));

	if (!HeapTupleIsValid(tuple))
		return false;
	memcpy(result, GETSTRUCT(tuple), CLASS_TUPLE_SIZE);
	ReleaseSysCache(tuple);
	return true;
}

/*
 * How many times a table was scanned from end to end. The counter begins with
 * what this session has not yet reported, which may be of earlier transactions.
 */
static int64
count_scans(Oid relid, char relkind)
{
	if (relkind != RELKIND_RELATION && relkind != RELKIND_MATVIEW)
		return 0;
	return DatumGetInt64(DirectFunctionCall1(pg_stat_get_xact_numscans, ObjectIdGetDatum(relid)));
}

/* How many rows these scans have returned. */
static int64
count_tuples(Oid relid)
{
	return DatumGetInt64(
		DirectFunctionCall1(pg_stat_get_xact_tuples_returned, ObjectIdGetDatum(relid)));
}

/* Notes the scans that the counters know of already. */
static void
note_earlier_scans(CfWatch *watch)
{
	HASHCTL ctl = {0};
	Relation pg_class = table_open(RelationRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(pg_class, InvalidOid, false, NULL, 0, NULL);
	HeapTuple tuple;

	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(EarlierScans);
	ctl.hcxt = watch->context;
	watch->earlier =
		hash_create("confiture earlier scans", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_class class = (Form_pg_class) GETSTRUCT(tuple);
		int64 scans;
		EarlierScans *earlier;

		if (class->oid < FirstNormalObjectId)
			continue;
		scans = count_scans(class->oid, class->relkind);
		if (scans == 0)
			continue;
		earlier = hash_search(watch->earlier, &class->oid, HASH_ENTER, NULL);
		earlier->scans = scans;
		earlier->tuples = count_tuples(class->oid);
	}
	systable_endscan(scan);
	table_close(pg_class, AccessShareLock);
}

/* Fills in what is known of a relation that was not locked before. */
static void
describe(CfWatch *watch, WatchedRelation *relation)
{
	FormData_pg_class class;
	FormData_pg_class unused;
	EarlierScans *earlier = hash_search(watch->earlier, &relation->relid, HASH_FIND, NULL);
	char *schema;
	MemoryContext old;

	relation->held = NoLock;
	relation->unit = watch->unit;
	relation->name = NULL;
	relation->relkind = '\0';
	relation->filenode = InvalidOid;
	relation->scans = earlier ? earlier->scans : 0;
	relation->tuples = earlier ? earlier->tuples : 0;
	relation->created = false;
	relation->ours = false;
	relation->was_there = watch->before && read_class(relation->relid, watch->before, &class);
	if (!relation->was_there && !read_class_now(relation->relid, &class))
		return; /* came and went within the statement */
	relation->relkind = class.relkind;
	relation->filenode = class.relfilenode;
	relation->created = watch->start != NULL && !read_class(relation->relid, watch->start, &unused);
	schema = schema_name(class.relnamespace, watch->before);
	if (schema == NULL || IsToastNamespace(class.relnamespace))
		return;
	relation->ours = strcmp(schema, "confiture") == 0;
	old = MemoryContextSwitchTo(watch->context);
	relation->name = quote_qualified_identifier(schema, NameStr(class.relname));
	MemoryContextSwitchTo(old);
}

/*
 * Calls fn for every relation of this database that this session has locked,
 * outside of the system catalogs, with the strongest mode.
 */
typedef void (*lock_fn)(CfWatch *watch, Oid relid, LOCKMODE mode, void *arg);

static void
for_each_lock(CfWatch *watch, lock_fn fn, void *arg)
{
	LockData *data = GetLockStatusData();

	for (int i = 0; i < data->nelements; i++)
	{
		const LockInstanceData *lock = &data->locks[i];
		LOCKMODE mode = MaxLockMode;

		if (lock->pid != MyProcPid || lock->locktag.locktag_type != LOCKTAG_RELATION ||
			lock->locktag.locktag_field1 != MyDatabaseId ||
			lock->locktag.locktag_field2 < FirstNormalObjectId)
			continue;
		while (mode > NoLock && !(lock->holdMask & LOCKBIT_ON(mode)))
			mode--;
		if (mode > NoLock)
			fn(watch, lock->locktag.locktag_field2, mode, arg);
	}
}

/* Notes a lock that is held when the watch begins. */
static void
note_held(CfWatch *watch, Oid relid, LOCKMODE mode, void *arg)
{
	bool found;
	WatchedRelation *relation = hash_search(watch->relations, &relid, HASH_ENTER, &found);

	if (!found)
		describe(watch, relation);
	relation->held = Max(relation->held, mode);
}

/* Begins to watch: what is locked now is not news. */
CfWatch *
cf_watch_begin(void)
{
	CfWatch *watch = palloc0(sizeof(CfWatch));
	HASHCTL ctl = {0};

	watch->context = CurrentMemoryContext;
	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(WatchedRelation);
	ctl.hcxt = CurrentMemoryContext;
	watch->relations = hash_create("confiture watched relations", 256, &ctl,
								   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	note_earlier_scans(watch);
	for_each_lock(watch, note_held, NULL);
	watch->start = RegisterSnapshot(GetLatestSnapshot());
	return watch;
}

/* Ends the watch, when all went well: an abort releases the snapshots itself. */
void
cf_watch_end(CfWatch *watch)
{
	if (watch->before)
		UnregisterSnapshot(watch->before);
	UnregisterSnapshot(watch->start);
}

/* What follows would run in a transaction of its own, and lock anew. */
void
cf_watch_next_unit(CfWatch *watch)
{
	watch->unit++;
}

/*
 * Tells whether a lock is held only because of what would be an earlier
 * transaction: the real run would have to take it again.
 */
bool
cf_watch_held_before(const CfWatch *watch, Oid relid, LOCKMODE mode)
{
	const WatchedRelation *relation = hash_search(watch->relations, &relid, HASH_FIND, NULL);

	return relation != NULL && relation->name != NULL && !relation->created &&
		   relation->held >= mode && relation->unit < watch->unit;
}

/* Takes the snapshot that knows what the statement may drop. */
void
cf_watch_statement_starts(CfWatch *watch)
{
	if (watch->before)
		UnregisterSnapshot(watch->before);
	watch->before = RegisterSnapshot(GetLatestSnapshot());
}

typedef struct EndedState
{
	const CfStatement *stmt;
	List *named;
	CfReportRow *row;
} EndedState;

/*
 * Tells whether a lock is that of the check against intents, which stands in
 * nobody's way, and not of the statement.
 */
static bool
is_of_guard(const WatchedRelation *relation, LOCKMODE mode, const EndedState *state)
{
	return relation->ours && cf_enforce_intents != CF_ENFORCE_OFF && mode <= RowExclusiveLock &&
		   !list_member_oid(state->named, relation->relid);
}

/* Compares one locked relation with what was known of it before. */
static void
compare(CfWatch *watch, Oid relid, LOCKMODE mode, void *arg)
{
	EndedState *state = (EndedState *) arg;
	CfReportRow *row = state->row;
	bool found;
	WatchedRelation *relation = hash_search(watch->relations, &relid, HASH_ENTER, &found);
	FormData_pg_class class;
	int64 scans;

	if (!found)
		describe(watch, relation);
	if (relation->name == NULL || is_of_guard(relation, mode, state))
		return;
	if (mode > relation->held)
	{
		row->locks = cf_add_lock(row->locks, relid, relation->name, mode,
								 list_member_oid(state->named, relid), relation->created);
		if (relation->relkind == RELKIND_SEQUENCE && relation->was_there && !relation->created &&
			mode == RowExclusiveLock)
			row->warnings = lappend(
				row->warnings, psprintf("sequence %s was advanced, which a rollback does not undo",
										relation->name));
		relation->held = mode;
		relation->unit = watch->unit;
	}
	scans = count_scans(relid, relation->relkind);
	if (scans > relation->scans && !(relation->created && !found))
	{
		int64 tuples = count_tuples(relid);

		/* TRUNCATE builds the indexes of an empty file: that reads no row. */
		if (state->stmt->tag != CMDTAG_TRUNCATE_TABLE)
			row->scans = lappend(row->scans, relation->name);
		if (relid == row->main_relid)
		{
			row->main_tuples = tuples - relation->tuples;
			row->main_scans = scans - relation->scans;
		}
		relation->tuples = tuples;
	}
	relation->scans = scans;

	/* TRUNCATE gives a table a new, empty file: nothing is written anew. */
	if ((found || relation->was_there) && OidIsValid(relation->filenode) &&
		read_class_now(relid, &class) && class.relfilenode != relation->filenode)
	{
		if (state->stmt->tag != CMDTAG_TRUNCATE_TABLE &&
			(relation->relkind == RELKIND_RELATION || relation->relkind == RELKIND_MATVIEW))
			row->rewrites = lappend(row->rewrites, relation->name);
		relation->filenode = class.relfilenode;
	}
}

/*
 * Leaves out locks on indexes whose table is locked as strongly: nobody is
 * kept waiting by them who does not wait for the table. An index that the
 * statement names stays.
 */
static List *
without_indexes(const CfWatch *watch, List *locks)
{
	List *result = NIL;
	ListCell *lc;

	foreach (lc, locks)
	{
		const CfRelationLock *lock = (const CfRelationLock *) lfirst(lc);
		const WatchedRelation *index = hash_search(watch->relations, &lock->relid, HASH_FIND, NULL);
		const WatchedRelation *table = NULL;
		Oid relid;

		if (index && !lock->named &&
			(index->relkind == RELKIND_INDEX || index->relkind == RELKIND_PARTITIONED_INDEX))
		{
			relid = IndexGetRelation(lock->relid, true);
			if (!OidIsValid(relid))
				continue; /* it was dropped with its table or constraint */
			table = hash_search(watch->relations, &relid, HASH_FIND, NULL);
			if (table && table->held >= lock->mode)
				continue;
		}
		result = lappend(result, lfirst(lc));
	}
	return result;
}

/*
 * Adds to a row what the statement has done. named: OIDs of the relations
 * that it names.
 */
void
cf_watch_statement_ended(CfWatch *watch, const CfStatement *stmt, List *named, CfReportRow *row)
{
	EndedState state = {.stmt = stmt, .named = named, .row = row};

	for_each_lock(watch, compare, &state);
	row->locks = without_indexes(watch, row->locks);
}
