/*-------------------------------------------------------------------------
 *
 * transition_sink.c
 *	  Opening the table that a route leads to.
 *
 * A mirror writes one row a call, and would spend more on opening the table
 * and its indexes than on the row. What does not change from row to row, it
 * keeps with the route: slots, expressions, descriptions of indexes. The
 * relations themselves come from the relation cache each time, and are locked
 * once a transaction. Whatever changes the table or its indexes makes the
 * route stale, and all of this with it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_am.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "transition.h"

/* Makes the keys of a scan for one row by a unique index; the values are filled in later. */
ScanKey
cf_scan_keys(Relation index)
{
	int nkeys = IndexRelationGetNumberOfKeyAttributes(index);
	ScanKey keys = palloc(nkeys * sizeof(ScanKeyData));

	for (int i = 0; i < nkeys; i++)
	{
		Oid type = index->rd_opcintype[i];
		Oid op = get_opfamily_member(index->rd_opfamily[i], type, type, BTEqualStrategyNumber);

		if (!OidIsValid(op))
			elog(ERROR, "no equality operator for index \"%s\"", RelationGetRelationName(index));
		ScanKeyInit(&keys[i], i + 1, BTEqualStrategyNumber, get_opcode(op), (Datum) 0);
		keys[i].sk_collation = index->rd_indcollation[i];
	}
	return keys;
}

/* Puts the index of the key at the end: a new row is entered there first, by itself. */
static void
key_index_last(CfSink *sink)
{
	ResultRelInfo *info = sink->info;
	int last = sink->nindexes - 1;

	for (int i = 0; i < last; i++)
	{
		Relation index = info->ri_IndexRelationDescs[i];
		IndexInfo *about = info->ri_IndexRelationInfo[i];

		if (RelationGetRelid(index) != sink->route->to_index)
			continue;
		info->ri_IndexRelationDescs[i] = info->ri_IndexRelationDescs[last];
		info->ri_IndexRelationInfo[i] = info->ri_IndexRelationInfo[last];
		info->ri_IndexRelationDescs[last] = index;
		info->ri_IndexRelationInfo[last] = about;
	}
}

/* Fills in a sink whose table is open. */
static void
set_up(CfSink *sink, TupleDesc desc)
{
	CfRights rights;

	sink->estate = CreateExecutorState();
	sink->estate->es_snapshot = GetActiveSnapshot();
	sink->info = makeNode(ResultRelInfo);
	InitResultRelInfo(sink->info, sink->rel, 0, NULL, 0);
	/* No trigger of this table fires. */
	sink->info->ri_TrigDesc = NULL;
	/* Reads expressions of indexes, and runs parts of them. */
	cf_rights_enter_sink(&rights, sink);
	ExecOpenIndices(sink->info, false);
	cf_rights_leave(&rights);
	sink->nindexes = sink->info->ri_NumIndices;
	key_index_last(sink);
	sink->found = MakeSingleTupleTableSlot(desc, table_slot_callbacks(sink->rel));
	sink->row = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
}

/* Opens the table that a route leads to, for many rows. */
CfSink *
cf_sink_open(CfRoute *route, LOCKMODE lockmode)
{
	CfSink *sink = palloc0(sizeof(CfSink));

	sink->route = route;
	sink->rel = table_open(route->to, lockmode);
	set_up(sink, RelationGetDescr(sink->rel));
	return sink;
}

/* Closes it; the lock stays until the end of the transaction. */
void
cf_sink_close(CfSink *sink)
{
	ExecCloseIndices(sink->info);
	ExecDropSingleTupleTableSlot(sink->found);
	ExecDropSingleTupleTableSlot(sink->row);
	FreeExecutorState(sink->estate);
	table_close(sink->rel, NoLock);
	pfree(sink);
}

/* Locks a relation until the end of the whole transaction, not only of a subtransaction. */
static void
lock_for_transaction(Oid relid)
{
	ResourceOwner caller = CurrentResourceOwner;

	CurrentResourceOwner = TopTransactionResourceOwner;
	LockRelationOid(relid, RowExclusiveLock);
	CurrentResourceOwner = caller;
}

/*
 * Locks what a route writes, once a transaction. Returns false when the route
 * turns out to be stale: it must be got again.
 */
bool
cf_route_lock(CfRoute *route)
{
	if (route->locked != cf_lxid())
	{
		lock_for_transaction(route->to);
		for (int i = 0; route->sink && i < route->sink->nindexes && !route->stale; i++)
			lock_for_transaction(route->sink->indexes[i]);
		route->locked = cf_lxid();
	}
	return !route->stale;
}

/* Opens a relation that this transaction has locked; RelationClose() closes it. */
Relation
cf_relation_again(Oid relid)
{
	Relation rel = RelationIdGetRelation(relid);

	if (!RelationIsValid(rel))
		elog(ERROR, "could not open relation with OID %u", relid);
	return rel;
}

/*
 * Tells whether all that is known about the indexes may be kept. The two
 * access methods keep nothing of their own there.
 */
static bool
can_be_kept(ResultRelInfo *info)
{
	for (int i = 0; i < info->ri_NumIndices; i++)
	{
		Oid method = info->ri_IndexRelationDescs[i]->rd_rel->relam;

		if (method != BTREE_AM_OID && method != HASH_AM_OID)
			return false;
	}
	return true;
}

/* Makes a sink that is kept with its route; NULL if that can't be. It is open then. */
static CfSink *
make_kept(CfRoute *route)
{
	MemoryContext context =
		AllocSetContextCreate(route->context, "confiture sink", ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	Relation rel = table_open(route->to, NoLock);
	CfSink *sink = NULL;
	ListCell *lc;

	foreach (lc, RelationGetIndexList(rel))
		lock_for_transaction(lfirst_oid(lc));
	sink = palloc0(sizeof(CfSink));
	sink->route = route;
	sink->rel = rel;
	/* A copy: slots of this transaction must not hold on to the table. */
	set_up(sink, CreateTupleDescCopyConstr(RelationGetDescr(rel)));
	if (can_be_kept(sink->info))
	{
		sink->context = context;
		sink->indexes = palloc(Max(1, sink->nindexes) * sizeof(Oid));
		for (int i = 0; i < sink->nindexes; i++)
			sink->indexes[i] = RelationGetRelid(sink->info->ri_IndexRelationDescs[i]);
	}
	MemoryContextSwitchTo(caller);
	if (sink->context == NULL)
	{
		cf_sink_close(sink);
		MemoryContextDelete(context);
		return NULL;
	}
	return sink;
}

/* Opens the table that a route leads to for one row; cf_route_lock() has locked it. */
CfSink *
cf_sink_take(CfRoute *route)
{
	CfSink *sink = route->sink;

	if (sink == NULL && !route->unkept)
	{
		sink = make_kept(route);
		route->unkept = sink == NULL;
		route->sink = sink;
	}
	else if (sink && !sink->busy)
	{
		sink->rel = sink->info->ri_RelationDesc = cf_relation_again(route->to);
		for (int i = 0; i < sink->nindexes; i++)
			sink->info->ri_IndexRelationDescs[i] = cf_relation_again(sink->indexes[i]);
		sink->estate->es_snapshot = GetActiveSnapshot();
	}
	else
		sink = NULL;
	if (sink == NULL)
		sink = cf_sink_open(route, RowExclusiveLock);
	sink->waits = true;
	sink->busy = true;
	return sink;
}

/* Closes it again. */
void
cf_sink_give(CfSink *sink)
{
	if (sink->context == NULL)
	{
		cf_sink_close(sink);
		return;
	}
	ExecClearTuple(sink->found);
	ExecClearTuple(sink->row);
	for (int i = 0; i < sink->nindexes; i++)
	{
		RelationClose(sink->info->ri_IndexRelationDescs[i]);
		sink->info->ri_IndexRelationDescs[i] = NULL;
	}
	RelationClose(sink->rel);
	sink->rel = sink->info->ri_RelationDesc = NULL;
	sink->estate->es_snapshot = NULL;
	sink->busy = false;
}

/* Throws a sink away after an error, which has closed what it had opened. */
void
cf_sink_drop(CfSink *sink)
{
	if (sink->context == NULL)
		return;
	sink->route->sink = NULL;
	MemoryContextDelete(sink->context);
}
