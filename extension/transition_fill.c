/*-------------------------------------------------------------------------
 *
 * transition_fill.c
 *	  Writing the rows that a query returns by a route.
 *
 * The copy, the replay of the change log and repairs all end here: what a
 * mirror writes row by row, they write for many. The query runs with the
 * rights of the owner of the table that is read, rows are computed and written
 * with those of the owner of the table that is written. Who calls must have
 * both: triggers do not fire.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "executor/tstoreReceiver.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "transition.h"

PG_FUNCTION_INFO_V1(confiture_transition_fill);

/* What is done with the rows of the query. */
typedef struct Filler
{
	DestReceiver receiver; /* must be first */
	CfSink *sink;
	Relation from;
	TupleTableSlot *row; /* of the table that is read */
	MemoryContext each;	 /* for one row */
	int64 rows;
} Filler;

/* Raises an error unless the query returns what the route reads, after its keys. */
static void
check_result(Filler *filler, TupleDesc result, bool with_keys)
{
	TupleDesc desc = RelationGetDescr(filler->from);
	CfRoute *route = filler->sink->route;
	int at = 0;
	bool fits = true;

	for (int i = 0; with_keys && i < route->nkeys; i++, at++)
		fits = fits && at < result->natts &&
			   TupleDescAttr(result, at)->atttypid ==
				   TupleDescAttr(desc, route->from_key[i] - 1)->atttypid;
	for (int i = 0; i < desc->natts; i++)
	{
		if (TupleDescAttr(desc, i)->attisdropped)
			continue;
		fits = fits && at < result->natts &&
			   TupleDescAttr(result, at)->atttypid == TupleDescAttr(desc, i)->atttypid;
		at++;
	}
	if (!fits || at != result->natts)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("the query does not return the columns of table \"%s\"",
							   RelationGetRelationName(filler->from))));
}

/* Lays a row of the query out as one of the table; skips the keys in front. */
static void
lay_out(Filler *filler, TupleTableSlot *result, int skip)
{
	TupleDesc desc = RelationGetDescr(filler->from);
	TupleTableSlot *row = filler->row;
	int at = skip;

	slot_getallattrs(result);
	ExecClearTuple(row);
	for (int i = 0; i < desc->natts; i++)
	{
		row->tts_isnull[i] = true;
		if (TupleDescAttr(desc, i)->attisdropped)
			continue;
		row->tts_values[i] = result->tts_values[at];
		row->tts_isnull[i] = result->tts_isnull[at];
		at++;
	}
	ExecStoreVirtualTuple(row);
}

/* Lays out a row of which only the key is known. */
static void
lay_out_key(Filler *filler, TupleTableSlot *result)
{
	CfRoute *route = filler->sink->route;
	TupleTableSlot *row = filler->row;

	slot_getallattrs(result);
	ExecClearTuple(row);
	memset(row->tts_isnull, true, row->tts_tupleDescriptor->natts);
	for (int i = 0; i < route->nkeys; i++)
	{
		row->tts_values[route->from_key[i] - 1] = result->tts_values[i];
		row->tts_isnull[route->from_key[i] - 1] = result->tts_isnull[i];
	}
	ExecStoreVirtualTuple(row);
}

/* The receiver of a copy: starts. */
static void
start_copy(DestReceiver *self, int operation, TupleDesc desc)
{
	check_result((Filler *) self, desc, false);
}

/* Inserts one row. */
static bool
copy_row(TupleTableSlot *slot, DestReceiver *self)
{
	Filler *filler = (Filler *) self;
	MemoryContext old = MemoryContextSwitchTo(filler->each);
	CfRights rights;

	lay_out(filler, slot, 0);
	cf_rights_enter_sink(&rights, filler->sink);
	cf_sink_insert(filler->sink, filler->row);
	cf_rights_leave(&rights);
	filler->rows++;
	MemoryContextSwitchTo(old);
	MemoryContextReset(filler->each);
	return true;
}

static void
end_copy(DestReceiver *self)
{
}

/* Runs a statement, and sends its rows, if it has any, somewhere. Returns how many. */
uint64
cf_run_query(const char *query, bool read_only, DestReceiver *dest)
{
	SPIExecuteOptions options = {.read_only = read_only, .dest = dest};
	uint64 count;
	int result;

	SPI_connect();
	result = SPI_execute_extended(query, &options);
	if (result < 0)
		elog(ERROR, "SPI_execute_extended failed: %s", SPI_result_code_string(result));
	count = SPI_processed;
	SPI_finish();
	return count;
}

/* What happens to a key that the query has returned. */
typedef enum Pass
{
	PASS_REMOVE, /* its row goes */
	PASS_INSERT, /* its row comes, if the table that is read has one */
	PASS_PUT	 /* its row becomes what it is to be, or goes */
} Pass;

/* Goes through the rows that were kept. */
static void
go_through(Filler *filler, Tuplestorestate *store, TupleTableSlot *slot, Pass pass)
{
	CfRoute *route = filler->sink->route;
	CfRights rights;

	tuplestore_rescan(store);
	cf_rights_enter_sink(&rights, filler->sink);
	while (tuplestore_gettupleslot(store, true, false, slot))
	{
		MemoryContext old = MemoryContextSwitchTo(filler->each);
		bool there;

		CHECK_FOR_INTERRUPTS();
		lay_out(filler, slot, route->nkeys);
		/* A key is never null: where it is, there is no row. */
		there = !filler->row->tts_isnull[route->from_key[0] - 1];
		if (pass == PASS_PUT && there)
			cf_sink_put(filler->sink, filler->row);
		else if (pass == PASS_INSERT && there)
			cf_sink_insert(filler->sink, filler->row);
		else if (pass == PASS_REMOVE || (pass == PASS_PUT && !there))
		{
			lay_out_key(filler, slot);
			cf_sink_remove(filler->sink, filler->row);
		}
		if (pass != PASS_INSERT)
			filler->rows++;
		MemoryContextSwitchTo(old);
		MemoryContextReset(filler->each);
	}
	cf_rights_leave(&rights);
}

/*
 * Makes rows what the query says. Replacing removes all of them first and
 * inserts then: values of a unique column may change places.
 */
static void
put_rows(Filler *filler, const char *query, bool replace)
{
	Tuplestorestate *store = tuplestore_begin_heap(true, false, work_mem);
	DestReceiver *dest = CreateTuplestoreDestReceiver();
	TupleDesc desc = NULL;
	TupleTableSlot *slot;
	SPIExecuteOptions options = {.read_only = false, .dest = dest};

	SetTuplestoreDestReceiverParams(dest, store, CurrentMemoryContext, false, NULL, NULL);
	SPI_connect();
	{
		SPIPlanPtr plan = SPI_prepare(query, 0, NULL);
		CachedPlanSource *source;

		if (plan == NULL || list_length(SPI_plan_get_plan_sources(plan)) != 1)
			elog(ERROR, "the query of a transition is not one statement");
		source = linitial(SPI_plan_get_plan_sources(plan));
		if (source->resultDesc == NULL)
			elog(ERROR, "the query of a transition returns nothing");
		check_result(filler, source->resultDesc, true);
		{
			MemoryContext old = MemoryContextSwitchTo(filler->each);

			MemoryContextSwitchTo(MemoryContextGetParent(filler->each));
			desc = CreateTupleDescCopy(source->resultDesc);
			MemoryContextSwitchTo(old);
		}
		if (SPI_execute_plan_extended(plan, &options) < 0)
			elog(ERROR, "SPI_execute_plan_extended failed");
	}
	SPI_finish();
	CommandCounterIncrement();
	slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	if (replace)
		go_through(filler, store, slot, PASS_REMOVE);
	go_through(filler, store, slot, replace ? PASS_INSERT : PASS_PUT);
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_end(store);
}

/*
 * confiture._transition_fill(pair, back, query, mode): writes what the query
 * returns. Mode insert: all columns of the table that is read, each row is
 * new. Modes put and replace: the key, then all columns, null where there is no row
 * with that key. With "later" behind it, what the second of two merged tables has
 * does not come together with new rows, but by its change log. Returns how many
 * rows, or keys, it was.
 */
Datum
confiture_transition_fill(PG_FUNCTION_ARGS)
{
	char *query = text_to_cstring(PG_GETARG_TEXT_PP(2));
	char *mode = text_to_cstring(PG_GETARG_TEXT_PP(3));
	Filler filler = {.receiver = {.receiveSlot = copy_row,
								  .rStartup = start_copy,
								  .rShutdown = end_copy,
								  .rDestroy = end_copy,
								  .mydest = DestNone}};

	CfTelling about = {0};
	CfRights rights;

	cf_route_enter();
	PG_TRY();
	{
		CfRoute *route =
			cf_route_get(PG_GETARG_INT32(0), PG_GETARG_BOOL(1) ? CF_ROUTE_BACK : CF_ROUTE_FORWARD);
		Oid reader = cf_rights_owner(route->from);

		about = (CfTelling) {.name = route->name, .from = route->from, .to = route->to};
		cf_tell_pair(&about);
		(void) cf_rights_owner(route->to);
		filler.from = table_open(route->from, AccessShareLock);
		filler.sink = cf_sink_open(route, RowExclusiveLock);
		filler.sink->later = strstr(mode, " later") != NULL;
		filler.sink->pinned = true;
		cf_rights_enter(&rights, reader);
		filler.row = MakeSingleTupleTableSlot(RelationGetDescr(filler.from), &TTSOpsVirtual);
		filler.each =
			AllocSetContextCreate(CurrentMemoryContext, "confiture row", ALLOCSET_DEFAULT_SIZES);
		if (strcmp(mode, "insert") == 0)
			(void) cf_run_query(query, false, &filler.receiver);
		else
			put_rows(&filler, query, strncmp(mode, "replace", 7) == 0);
		cf_rights_leave(&rights);
		ExecDropSingleTupleTableSlot(filler.row);
		cf_sink_close(filler.sink);
		table_close(filler.from, NoLock);
		cf_tell_end(&about);
	}
	PG_FINALLY();
	{
		cf_route_leave();
	}
	PG_END_TRY();
	PG_RETURN_INT64(filler.rows);
}
