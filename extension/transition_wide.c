/*-------------------------------------------------------------------------
 *
 * transition_wide.c
 *	  Where one table is split into two, or two are merged into one: writing
 *	  the wide one out of the two others.
 *
 * A row of the wide table is a row of the main table with what the other
 * table, its partner, has under the same key, or else with the values for an
 * absent row. Each of the two writes the columns that it owns and leaves the
 * rest alone. A row of the partner without one in the main table is nowhere in
 * the wide table: it is looked for when the main table gets that key.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/relscan.h"
#include "access/table.h"
#include "access/tableam.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/datum.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "transition.h"

/* Tells whether a row of the wide table has one in the table that is written. */
bool
cf_route_applies(CfRoute *route, TupleTableSlot *from)
{
	bool isnull;
	Datum result;

	if (route->condition == NULL)
		return true;
	ResetExprContext(route->econtext);
	route->econtext->ecxt_scantuple = from;
	result = ExecEvalExprSwitchContext(route->condition, route->econtext, &isnull);
	return !isnull && DatumGetBool(result);
}

/* Computes some columns of the wide row, beside those that are there. */
static void
add_columns(CfSink *sink, const CfRouteColumn *columns, int count, TupleTableSlot *from)
{
	for (int i = 0; i < count; i++)
		cf_compute(sink, &columns[i], from);
}

/* Tells whether a column is among some. */
static bool
is_among(const CfRouteColumn *columns, int count, AttrNumber attno)
{
	for (int i = 0; i < count; i++)
		if (columns[i].attno == attno)
			return true;
	return false;
}

/* Takes over from the row that was found all columns but some. */
static void
keep_all_but(CfSink *sink, const CfRouteColumn *columns, int count)
{
	TupleDesc desc = RelationGetDescr(sink->rel);

	for (int i = 0; i < desc->natts; i++)
		if (!TupleDescAttr(desc, i)->attisdropped && !is_among(columns, count, i + 1))
			sink->row->tts_values[i] = slot_getattr(sink->found, i + 1, &sink->row->tts_isnull[i]);
}

/* Tells whether the row that was computed is the one that was found. */
static bool
is_unchanged(CfSink *sink, const CfRouteColumn *columns, int count)
{
	TupleDesc desc = RelationGetDescr(sink->rel);

	for (int i = 0; i < count; i++)
	{
		int at = columns[i].attno - 1;
		Form_pg_attribute att = TupleDescAttr(desc, at);
		bool isnull;
		Datum value = slot_getattr(sink->found, at + 1, &isnull);

		if (isnull != sink->row->tts_isnull[at] ||
			(!isnull &&
			 !datum_image_eq(value, sink->row->tts_values[at], att->attbyval, att->attlen)))
			return false;
	}
	return true;
}

/*
 * Writes some columns of the row with the key that was computed; they are
 * computed too. Does nothing when there is no such row.
 */
static bool
change_columns(CfSink *sink, const CfRouteColumn *columns, int count, bool own)
{
	while (cf_find_row(sink))
	{
		keep_all_but(sink, columns, count);
		if (own)
			cf_keep_constants(sink);
		if (is_unchanged(sink, columns, count))
			return true;
		if (cf_update_row(sink))
		{
			cf_written(sink, true);
			return true;
		}
	}
	return false;
}

/* Finds a row by its key as the last committed transaction has left it, without waiting. */
static bool
find_committed(Relation rel, Relation index, ScanKey keys, const Datum *row, TupleTableSlot *found)
{
	int nkeys = IndexRelationGetNumberOfKeyAttributes(index);
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	IndexScanDesc scan = cf_index_beginscan(rel, index, snapshot, nkeys);
	bool result;

	for (int i = 0; i < nkeys; i++)
		keys[i].sk_argument = row[index->rd_index->indkey.values[i] - 1];
	index_rescan(scan, keys, nkeys, NULL, 0);
	result = index_getnext_slot(scan, ForwardScanDirection, found);
	index_endscan(scan);
	UnregisterSnapshot(snapshot);
	return result;
}

/*
 * Adds to the row that was computed what the partner has under its key. When
 * the sink waits, so that nobody's write is missed, the row must stand in the
 * table already: whoever writes the partner at this moment finds it there, or
 * is waited for here. Returns whether there is such a row.
 */
static bool
add_partner(CfSink *sink)
{
	CfRoute *route = sink->route;
	Relation rel = table_open(route->partner, AccessShareLock);
	Relation index = index_open(route->partner_index, AccessShareLock);
	TupleTableSlot *found = table_slot_create(rel, NULL);
	Datum *key = palloc0(RelationGetDescr(rel)->natts * sizeof(Datum));
	bool result;

	if (!has_privs_of_role(sink->rel->rd_rel->relowner, rel->rd_rel->relowner))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("the owner of table \"%s\" may not read table \"%s\"",
							   RelationGetRelationName(sink->rel), RelationGetRelationName(rel)),
						errhint("In a transition all tables belong to the same role.")));
	for (int k = 0; k < route->nkeys; k++)
		key[route->partner_key[k] - 1] = sink->row->tts_values[route->to_key[k] - 1];
	result = sink->waits ? cf_find_by_key(rel, index, route->partner_scan, key, found)
						 : find_committed(rel, index, route->partner_scan, key, found);
	if (result)
	{
		/* Its values must outlive the slot. */
		ExecMaterializeSlot(found);
		add_columns(sink, route->partner_columns, route->npartner, found);
		if (sink->waits)
			change_columns(sink, route->partner_columns, route->npartner, false);
		else
			cf_insert_row(sink);
	}
	ExecDropSingleTupleTableSlot(found);
	index_close(index, NoLock);
	table_close(rel, NoLock);
	return result;
}

/* Enters the key of the row that was computed into the change log of the partner. */
static void
log_partner(CfSink *sink)
{
	CfRoute *route = sink->route;
	Relation log = table_open(route->partner_log, RowExclusiveLock);
	Datum values[INDEX_MAX_KEYS];
	bool nulls[INDEX_MAX_KEYS] = {0};
	HeapTuple entry;

	cf_check_log(sink->rel, log, route->to_key, route->nkeys);
	for (int k = 0; k < route->nkeys; k++)
		values[k] = sink->row->tts_values[route->to_key[k] - 1];
	entry = heap_form_tuple(RelationGetDescr(log), values, nulls);
	simple_heap_insert(log, entry);
	heap_freetuple(entry);
	table_close(log, NoLock);
}

/* Inserts a wide row that was not there. */
static void
insert_main(CfSink *sink)
{
	add_columns(sink, sink->route->absent, sink->route->nabsent, NULL);
	if (sink->later)
	{
		cf_insert_row(sink);
		log_partner(sink);
		return;
	}
	if (sink->waits)
	{
		cf_insert_row(sink);
		cf_written(sink, true);
		add_partner(sink);
	}
	else if (!add_partner(sink))
		cf_insert_row(sink);
}

/* A copy: inserts a wide row that is not there; the rest comes along. */
void
cf_wide_insert(CfSink *sink, TupleTableSlot *from)
{
	if (sink->route->extent == CF_WRITES_REST)
	{
		cf_wide_put(sink, from);
		return;
	}
	cf_compute_row(sink, from, false);
	insert_main(sink);
	ResetPerTupleExprContext(sink->estate);
}

/* Makes what a table owns of the wide row what it is to be. */
void
cf_wide_put(CfSink *sink, TupleTableSlot *from)
{
	CfRoute *route = sink->route;

	cf_compute_row(sink, from, false);
	if (change_columns(sink, route->columns, route->ncolumns, true))
		return;
	if (route->extent == CF_WRITES_REST)
		return;
	insert_main(sink);
	cf_written(sink, true);
}

/* Where the partner has lost a row: the wide row gets the values for an absent one. */
void
cf_wide_remove(CfSink *sink, TupleTableSlot *from)
{
	cf_compute_row(sink, from, true);
	add_columns(sink, sink->route->absent, sink->route->nabsent, NULL);
	change_columns(sink, sink->route->absent, sink->route->nabsent, false);
}
