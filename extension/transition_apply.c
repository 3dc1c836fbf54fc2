/*-------------------------------------------------------------------------
 *
 * transition_apply.c
 *	  Writing the rows of a route: insert, put, remove.
 *
 * Rows are written as logical replication's apply worker does it, by OID and
 * by the index of the key, without a plan and without names: a table that is
 * renamed meanwhile stays the same table. Constraints and indexes are kept;
 * triggers do not fire: those of the table that the application has written
 * have fired already, and a mirror must not mirror itself.
 *
 * Whoever calls has become the owner of the table that is written, by
 * cf_rights_enter_sink(): expressions, checks and functions of indexes are the
 * owner's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relscan.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "executor/nodeModifyTable.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "transition.h"

/* The last transaction of this session in which a row was put somewhere, and in which one was removed. */
static LocalTransactionId last_put = InvalidLocalTransactionId;
static LocalTransactionId last_removed = InvalidLocalTransactionId;

/*
 * Finds the row with a key, as it is now. Waits for a transaction that is
 * about to insert or delete it. The values of the key stand in row, at the
 * places of its columns.
 */
bool
cf_find_by_key(Relation rel, Relation index, ScanKey keys, const Datum *row, TupleTableSlot *found)
{
	int nkeys = IndexRelationGetNumberOfKeyAttributes(index);
	SnapshotData dirty;
	IndexScanDesc scan;
	bool result;

	for (int i = 0; i < nkeys; i++)
		keys[i].sk_argument = row[index->rd_index->indkey.values[i] - 1];
	InitDirtySnapshot(dirty);
	scan = cf_index_beginscan(rel, index, &dirty, nkeys);
	for (;;)
	{
		TransactionId other;

		CHECK_FOR_INTERRUPTS();
		index_rescan(scan, keys, nkeys, NULL, 0);
		result = index_getnext_slot(scan, ForwardScanDirection, found);
		if (!result)
			break;
		other = TransactionIdIsValid(dirty.xmin) ? dirty.xmin : dirty.xmax;
		if (!TransactionIdIsValid(other))
			break;
		ExecClearTuple(found);
		XactLockTableWait(other, NULL, NULL, XLTW_None);
	}
	index_endscan(scan);
	return result;
}

/* Computes the row that is to be written; only its key, if that is all that is asked for. */
void
cf_compute_row(CfSink *sink, TupleTableSlot *from, bool only_key)
{
	CfRoute *route = sink->route;
	int natts = sink->row->tts_tupleDescriptor->natts;

	ExecClearTuple(sink->row);
	memset(sink->row->tts_isnull, true, natts);
	ResetExprContext(route->econtext);
	/* The columns of the key are among the others, but where only the rest of a row is written. */
	for (int k = 0; route->extent == CF_WRITES_REST && k < route->nkeys; k++)
		sink->row->tts_values[route->to_key[k] - 1] =
			slot_getattr(from, route->from_key[k], &sink->row->tts_isnull[route->to_key[k] - 1]);
	for (int i = 0; i < route->ncolumns; i++)
	{
		bool is_key = false;

		for (int k = 0; only_key && k < route->nkeys; k++)
			is_key = is_key || route->to_key[k] == route->columns[i].attno;
		if (!only_key || is_key)
			cf_compute(sink, &route->columns[i], from);
	}
	ExecStoreVirtualTuple(sink->row);
}

/* Lets columns that do not depend on the row keep the value that stands in the table. */
void
cf_keep_constants(CfSink *sink)
{
	for (int i = 0; i < sink->route->ncolumns; i++)
	{
		const CfRouteColumn *column = &sink->route->columns[i];
		int at = column->attno - 1;

		if (column->constant)
			sink->row->tts_values[at] =
				slot_getattr(sink->found, column->attno, &sink->row->tts_isnull[at]);
	}
}

/* Tells whether a route has columns that do not depend on the row. */
static bool
has_constants(CfRoute *route)
{
	for (int i = 0; i < route->ncolumns; i++)
		if (route->columns[i].constant)
			return true;
	return false;
}

/*
 * Finds the row with the key that was computed as it was before this
 * transaction. Many rows are replaced by removing all of them before any comes,
 * and what comes in the place of a row keeps what it had.
 */
static bool
find_removed_row(CfSink *sink)
{
	Relation index = sink->info->ri_IndexRelationDescs[sink->nindexes - 1];
	ScanKey keys = sink->route->to_scan;
	int nkeys = IndexRelationGetNumberOfKeyAttributes(index);
	Snapshot before;
	IndexScanDesc scan;
	bool found;

	if (sink->waits || last_removed != cf_lxid() || !has_constants(sink->route))
		return false;
	before = RegisterSnapshot(GetLatestSnapshot());
	before->curcid = FirstCommandId;
	for (int i = 0; i < nkeys; i++)
		keys[i].sk_argument = sink->row->tts_values[index->rd_index->indkey.values[i] - 1];
	scan = cf_index_beginscan(sink->rel, index, before, nkeys);
	index_rescan(scan, keys, nkeys, NULL, 0);
	found = index_getnext_slot(scan, ForwardScanDirection, sink->found);
	if (found)
		ExecMaterializeSlot(sink->found);
	index_endscan(scan);
	UnregisterSnapshot(before);
	return found;
}

/* Makes what was written visible to what comes next; remembers whether a row was put there. */
void
cf_written(CfSink *sink, bool put)
{
	if (put)
		last_put = cf_lxid();
	else
		last_removed = cf_lxid();
	CommandCounterIncrement();
	if (put && sink->waits)
		cf_lock_parents(sink);
	ResetPerTupleExprContext(sink->estate);
}

/* Inserts the row that was computed. */
void
cf_insert_row(CfSink *sink)
{
	sink->estate->es_output_cid = GetCurrentCommandId(true);
	ExecSimpleRelationInsert(sink->info, sink->estate, sink->row);
}

/* Enters the row that was inserted into the index of the key; false when the key is there, perhaps. */
static bool
enter_key(CfSink *sink)
{
	ResultRelInfo *info = sink->info;
	int key = sink->nindexes - 1;
	Datum values[INDEX_MAX_KEYS];
	bool isnull[INDEX_MAX_KEYS];

	FormIndexDatum(info->ri_IndexRelationInfo[key], sink->row, sink->estate, values, isnull);
	return index_insert(info->ri_IndexRelationDescs[key], values, isnull, &sink->row->tts_tid,
						sink->rel, UNIQUE_CHECK_PARTIAL, false, info->ri_IndexRelationInfo[key]);
}

/*
 * Inserts the row that was computed without looking first whether its key is
 * there. If it is, takes the row back and returns false.
 */
static bool
insert_new_row(CfSink *sink)
{
	TupleConstr *constr = RelationGetDescr(sink->rel)->constr;
	TM_FailureData failure;

	if (constr && constr->has_generated_stored)
		ExecComputeStoredGenerated(sink->info, sink->estate, sink->row, CMD_INSERT);
	if (constr)
		ExecConstraints(sink->info, sink->row, sink->estate);
	simple_table_tuple_insert(sink->rel, sink->row);
	if (enter_key(sink))
	{
		sink->info->ri_NumIndices--;
		if (sink->info->ri_NumIndices > 0)
			cf_insert_all_index_tuples(sink->info, sink->row, sink->estate);
		sink->info->ri_NumIndices++;
		return true;
	}
	CommandCounterIncrement();
	if (table_tuple_delete(sink->rel, &sink->row->tts_tid, GetCurrentCommandId(true),
						   sink->estate->es_snapshot, InvalidSnapshot, true, &failure,
						   false) != TM_Ok)
		elog(ERROR, "a row that was just inserted can't be taken back");
	return false;
}

/*
 * Makes the row that was found the one that was computed. Returns false when
 * somebody else has changed it meanwhile: it must be looked for again.
 */
bool
cf_update_row(CfSink *sink)
{
	TupleConstr *constr = RelationGetDescr(sink->rel)->constr;
	TM_FailureData failure;
	LockTupleMode mode;
	CfUpdateIndexes indexes;
	TM_Result result;

	CheckCmdReplicaIdentity(sink->rel, CMD_UPDATE);
	if (constr && constr->has_generated_stored)
		ExecComputeStoredGenerated(sink->info, sink->estate, sink->row, CMD_UPDATE);
	if (constr)
		ExecConstraints(sink->info, sink->row, sink->estate);
	result = table_tuple_update(sink->rel, &sink->found->tts_tid, sink->row,
								GetCurrentCommandId(true), sink->estate->es_snapshot,
								InvalidSnapshot, true, &failure, &mode, &indexes);
	if (result == TM_Updated || result == TM_Deleted)
		return false;
	if (result != TM_Ok)
		elog(ERROR, "unexpected result %u of table_tuple_update", result);
	if (sink->info->ri_NumIndices > 0)
		cf_insert_index_tuples(sink->info, sink->row, sink->estate, indexes);
	return true;
}

/* Removes the row that was found; false as above. */
static bool
delete_row(CfSink *sink)
{
	TM_FailureData failure;
	TM_Result result;

	CheckCmdReplicaIdentity(sink->rel, CMD_DELETE);
	result = table_tuple_delete(sink->rel, &sink->found->tts_tid, GetCurrentCommandId(true),
								sink->estate->es_snapshot, InvalidSnapshot, true, &failure, false);
	if (result == TM_Updated || result == TM_Deleted)
		return false;
	if (result != TM_Ok)
		elog(ERROR, "unexpected result %u of table_tuple_delete", result);
	return true;
}

/* Finds the row with the key that was computed. */
bool
cf_find_row(CfSink *sink)
{
	return cf_find_by_key(sink->rel, sink->info->ri_IndexRelationDescs[sink->nindexes - 1],
						  sink->route->to_scan, sink->row->tts_values, sink->found);
}

/* Inserts a row that is not there. */
void
cf_sink_insert(CfSink *sink, TupleTableSlot *from)
{
	if (!cf_route_applies(sink->route, from))
		return;
	if (sink->route->extent != CF_WRITES_ROW)
	{
		cf_wide_insert(sink, from);
		return;
	}
	cf_compute_row(sink, from, false);
	if (find_removed_row(sink))
		cf_keep_constants(sink);
	cf_insert_row(sink);
	ResetPerTupleExprContext(sink->estate);
}

/* Puts the row that was computed where it belongs. */
static void
put_row(CfSink *sink)
{
	bool done = false;

	while (!done)
	{
		if (!cf_find_row(sink))
		{
			if (find_removed_row(sink))
				cf_keep_constants(sink);
			cf_insert_row(sink);
			break;
		}
		cf_keep_constants(sink);
		done = cf_update_row(sink);
	}
	cf_written(sink, true);
}

/* Makes the row with this key what it is to be, whether it is there or not. */
void
cf_sink_put(CfSink *sink, TupleTableSlot *from)
{
	if (!cf_route_applies(sink->route, from))
		cf_sink_remove(sink, from);
	else if (sink->route->extent != CF_WRITES_ROW)
		cf_wide_put(sink, from);
	else
	{
		cf_compute_row(sink, from, false);
		put_row(sink);
	}
}

/* Makes the row with this key what it is to be, if it is there. */
void
cf_sink_refresh(CfSink *sink, TupleTableSlot *from)
{
	cf_compute_row(sink, from, false);
	while (cf_find_row(sink))
	{
		cf_keep_constants(sink);
		if (cf_update_row(sink))
		{
			cf_written(sink, true);
			break;
		}
	}
}

/* The same, when the row is hardly there. */
void
cf_sink_put_new(CfSink *sink, TupleTableSlot *from)
{
	if (sink->route->extent != CF_WRITES_ROW || !cf_route_applies(sink->route, from))
	{
		cf_sink_put(sink, from);
		return;
	}
	cf_compute_row(sink, from, false);
	if (insert_new_row(sink))
		cf_written(sink, true);
	else
		put_row(sink);
}

/* Removes the row with this key, if it is there. */
void
cf_sink_remove(CfSink *sink, TupleTableSlot *from)
{
	if (sink->route->extent == CF_WRITES_REST)
	{
		cf_wide_remove(sink, from);
		return;
	}
	cf_compute_row(sink, from, true);
	while (cf_find_row(sink))
		if (delete_row(sink))
		{
			cf_written(sink, false);
			break;
		}
}

/*
 * Removes it, unless the table that was written has got a row with this key
 * again: triggers of the application can let events come out of order. It can
 * only stand there if this transaction has put it there.
 */
void
cf_sink_remove_unless_kept(CfSink *sink, Relation rel, TupleTableSlot *from)
{
	if (last_put == cf_lxid())
	{
		Relation index = index_open(sink->route->from_index, RowExclusiveLock);
		TupleTableSlot *again = table_slot_create(rel, NULL);
		bool kept;

		slot_getallattrs(from);
		kept = cf_find_by_key(rel, index, sink->route->from_scan, from->tts_values, again);
		ExecDropSingleTupleTableSlot(again);
		index_close(index, NoLock);
		if (kept)
			return;
	}
	cf_sink_remove(sink, from);
}
