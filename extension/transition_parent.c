/*-------------------------------------------------------------------------
 *
 * transition_parent.c
 *	  Locking the rows to which a mirrored row refers.
 *
 * No trigger fires for a row that a mirror writes, those of foreign keys
 * neither: its counterpart was checked on the side that was written. But that
 * check has locked the parent of that side only. Without a lock on this side
 * somebody could delete the parent here, would not see the child, which is
 * not committed, and both sides would be left with an orphan.
 *
 * A parent that is not there is no error: a foreign key may be deferred, and
 * the check of the other side has the last word.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_constraint.h"
#include "nodes/parsenodes.h"
#include "parser/parse_coerce.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "transition.h"

/* The index by which the parent of a foreign key is found. */
static Oid
index_of(Oid constraint)
{
	HeapTuple tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
	Oid result;

	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	result = ((Form_pg_constraint) GETSTRUCT(tuple))->conindid;
	ReleaseSysCache(tuple);
	return result;
}

/* Tells whether the row refers to another parent than the one that stood there, and to any. */
static bool
refers_anew(CfSink *sink, const ForeignKeyCacheInfo *fk)
{
	TupleDesc desc = sink->row->tts_tupleDescriptor;
	bool changed = TTS_EMPTY(sink->found);

	for (int k = 0; k < fk->nkeys; k++)
	{
		int at = fk->conkey[k] - 1;
		Form_pg_attribute attr = TupleDescAttr(desc, at);
		bool isnull;
		Datum before;

		if (sink->row->tts_isnull[at])
			return false;
		if (changed)
			continue;
		before = slot_getattr(sink->found, fk->conkey[k], &isnull);
		changed = isnull ||
				  !datumIsEqual(before, sink->row->tts_values[at], attr->attbyval, attr->attlen);
	}
	return changed;
}

/* Makes the keys of a scan for the parent; false where the types do not allow it. */
static bool
make_keys(CfSink *sink, const ForeignKeyCacheInfo *fk, Relation index, ScanKey keys)
{
	TupleDesc desc = sink->row->tts_tupleDescriptor;

	for (int i = 0; i < fk->nkeys; i++)
	{
		AttrNumber wanted = index->rd_index->indkey.values[i];
		int k = 0, at;
		Oid left, right, cast;
		Datum value;

		while (k < fk->nkeys && fk->confkey[k] != wanted)
			k++;
		if (k == fk->nkeys)
			return false;
		at = fk->conkey[k] - 1;
		value = sink->row->tts_values[at];
		op_input_types(fk->conpfeqop[k], &left, &right);
		switch (find_coercion_pathway(right, getBaseType(TupleDescAttr(desc, at)->atttypid),
									  COERCION_IMPLICIT, &cast))
		{
			case COERCION_PATH_FUNC:
				value = OidFunctionCall1(cast, value);
				break;
			case COERCION_PATH_RELABELTYPE:
				break;
			default:
				/* anyenum, anyarray and the like take what is there */
				if (!IsPolymorphicType(right))
					return false;
		}
		ScanKeyEntryInitialize(&keys[i], 0, i + 1,
							   get_op_opfamily_strategy(fk->conpfeqop[k], index->rd_opfamily[i]),
							   IsPolymorphicType(right) ? InvalidOid : right,
							   index->rd_indcollation[i], get_opcode(fk->conpfeqop[k]), value);
	}
	return true;
}

/* Locks the parent that the keys find, until it stands still. */
static void
lock_row(Relation parent, Relation index, ScanKey keys, int nkeys)
{
	TupleTableSlot *slot = table_slot_create(parent, NULL);
	bool again = true;

	while (again)
	{
		Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
		IndexScanDesc scan = cf_index_beginscan(parent, index, snapshot, nkeys);
		TM_FailureData failure;

		index_rescan(scan, keys, nkeys, NULL, 0);
		again = index_getnext_slot(scan, ForwardScanDirection, slot);
		if (again)
		{
			ItemPointerData tid = slot->tts_tid;
			TM_Result result =
				table_tuple_lock(parent, &tid, snapshot, slot, GetCurrentCommandId(false),
								 LockTupleKeyShare, LockWaitBlock, 0, &failure);

			again = result == TM_Updated || result == TM_Deleted;
		}
		index_endscan(scan);
		UnregisterSnapshot(snapshot);
	}
	ExecDropSingleTupleTableSlot(slot);
}

/* Locks the parent by one foreign key. */
static void
lock_parent(CfSink *sink, const ForeignKeyCacheInfo *fk)
{
	Oid index_oid = index_of(fk->conoid);
	Relation parent, index;
	ScanKeyData keys[INDEX_MAX_KEYS];

	/* Partitions of a partitioned parent have a foreign key each. */
	if (!OidIsValid(index_oid) || get_rel_relkind(fk->confrelid) != RELKIND_RELATION)
		return;
	parent = table_open(fk->confrelid, RowShareLock);
	index = index_open(index_oid, AccessShareLock);
	if (make_keys(sink, fk, index, keys))
		lock_row(parent, index, keys, fk->nkeys);
	index_close(index, NoLock);
	table_close(parent, NoLock);
}

/* Locks what the row that was just written refers to. */
void
cf_lock_parents(CfSink *sink)
{
	List *keys = NIL;
	ListCell *lc;

	/* Copies: opening tables may make the relation cache forget its own list. */
	foreach (lc, RelationGetFKeyList(sink->rel))
		if (refers_anew(sink, lfirst_node(ForeignKeyCacheInfo, lc)))
			keys = lappend(keys, copyObject(lfirst(lc)));
	foreach (lc, keys)
		lock_parent(sink, lfirst_node(ForeignKeyCacheInfo, lc));
	list_free_deep(keys);
}
