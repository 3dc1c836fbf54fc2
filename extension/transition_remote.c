/*-------------------------------------------------------------------------
 *
 * transition_remote.c
 *	  The target's half of a transition from another server.
 *
 * Rows arrive through a door: a view with a trigger, into which the source's
 * server inserts by postgres_fdw. Behind the door they are written as a local
 * transition writes them, by the index of the key and without triggers. The
 * arguments of the trigger are the number of the pair, and the columns whose
 * value says nothing about the row, so that a row that is there keeps its own.
 * The last column says what is to be done:
 *	  p  put: the row with this key becomes that row, or comes
 *	  i  the same, when it is hardly there: rows that are copied
 *	  d  remove: the row with this key goes, if it is there
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "transition.h"

PG_FUNCTION_INFO_V1(confiture_transition_door);

/* A door that is open, for the rows of one statement. */
typedef struct Door
{
	MemoryContextCallback callback;
	MemoryContext context; /* of what is open: it must be there when the statement's goes */
	CfSink *sink;		   /* or NULL */
	TupleTableSlot *slot;
} Door;

/* Closes the door at the end of the statement. After an error all of it is gone already. */
static void
close_door(void *arg)
{
	Door *door = arg;

	if (door->sink && IsTransactionState())
	{
		cf_sink_close(door->sink);
		ExecDropSingleTupleTableSlot(door->slot);
		MemoryContextDelete(door->context);
	}
	door->sink = NULL;
}

/* Raises an error unless a view has the columns that a route reads, and the one that says what is to be done. */
static void
check_view(Relation view, CfRoute *route)
{
	TupleDesc desc = RelationGetDescr(view);
	Relation from = table_open(route->from, AccessShareLock);
	TupleDesc shape = RelationGetDescr(from);
	bool fits = desc->natts == shape->natts;

	for (int i = 0; fits && i < desc->natts; i++)
		fits = !TupleDescAttr(shape, i)->attisdropped &&
			   TupleDescAttr(desc, i)->atttypid == TupleDescAttr(shape, i)->atttypid;
	if (!fits || TupleDescAttr(desc, desc->natts - 1)->atttypid != CHAROID)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("view \"%s\" does not have the columns of table \"%s\"",
							   RelationGetRelationName(view), RelationGetRelationName(from))));
	table_close(from, NoLock);
}

/* What arrives are values: which of them are constants, the trigger says. */
static void
mark_constants(CfRoute *route, Trigger *trigger)
{
	for (int i = 0; i < route->ncolumns; i++)
		for (int j = 1; j < trigger->tgnargs; j++)
			if (strcmp(route->columns[i].name, trigger->tgargs[j]) == 0)
				route->columns[i].constant = true;
}

/* Opens it for the first row; again after the route was made anew. */
static Door *
open_door(FmgrInfo *flinfo, Relation view, Trigger *trigger)
{
	CfRoute *route = cf_route_get(pg_strtoint32(trigger->tgargs[0]), CF_ROUTE_BACK);
	Door *door = flinfo->fn_extra;
	MemoryContext caller;

	if (door == NULL)
	{
		flinfo->fn_extra = door = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(Door));
		door->callback.func = close_door;
		door->callback.arg = door;
		MemoryContextRegisterResetCallback(flinfo->fn_mcxt, &door->callback);
	}
	if (door->sink == NULL || door->sink->route != route)
	{
		close_door(door);
		check_view(view, route);
		mark_constants(route, trigger);
		door->context =
			AllocSetContextCreate(TopTransactionContext, "confiture door", ALLOCSET_SMALL_SIZES);
		caller = MemoryContextSwitchTo(door->context);
		door->slot = MakeSingleTupleTableSlot(RelationGetDescr(view), &TTSOpsHeapTuple);
		door->sink = cf_sink_open(route, RowExclusiveLock);
		if (!has_privs_of_role(view->rd_rel->relowner, door->sink->rel->rd_rel->relowner))
			ereport(
				ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("the owner of view \"%s\" may not write table \"%s\"",
						RelationGetRelationName(view), RelationGetRelationName(door->sink->rel)),
				 errhint("The role that the source's server connects as must own both.")));
		MemoryContextSwitchTo(caller);
	}
	return door;
}

/* Writes the row that came through a door. */
static void
let_in(Door *door, HeapTuple row)
{
	bool isnull;
	Datum what;
	CfRights rights;

	ExecForceStoreHeapTuple(row, door->slot, false);
	what = slot_getattr(door->slot, door->slot->tts_tupleDescriptor->natts, &isnull);
	if (isnull)
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("a row for table \"%s\" does not say what it is",
							   RelationGetRelationName(door->sink->rel))));
	cf_rights_enter_sink(&rights, door->sink);
	if (DatumGetChar(what) == 'd')
		cf_sink_remove(door->sink, door->slot);
	else if (DatumGetChar(what) == 'i')
		cf_sink_put_new(door->sink, door->slot);
	else
		cf_sink_put(door->sink, door->slot);
	cf_rights_leave(&rights);
}

/*
 * confiture._transition_door(): the trigger of a door. Does its work with the
 * rights of the door's owner; nobody else may insert into it.
 */
Datum
confiture_transition_door(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	Oid user;
	int security;

	if (!CALLED_AS_TRIGGER(fcinfo) || data->tg_trigger->tgnargs < 1 ||
		!TRIGGER_FIRED_INSTEAD(data->tg_event) || !TRIGGER_FIRED_BY_INSERT(data->tg_event))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("this function is the trigger of a transition's door")));
	GetUserIdAndSecContext(&user, &security);
	SetUserIdAndSecContext(data->tg_relation->rd_rel->relowner,
						   security | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION |
							   SECURITY_NOFORCE_RLS);
	cf_route_enter();
	PG_TRY();
	{
		let_in(open_door(fcinfo->flinfo, data->tg_relation, data->tg_trigger), data->tg_trigtuple);
	}
	PG_FINALLY();
	{
		cf_route_leave();
	}
	PG_END_TRY();
	SetUserIdAndSecContext(user, security);
	return PointerGetDatum(data->tg_trigtuple);
}

/*
 * Commits, on the target first. Returns false when the connection was lost:
 * what this transaction did here is undone then, and is to be done again.
 */
bool
cf_commit_remote(void)
{
	MemoryContext caller = CurrentMemoryContext;
	volatile bool lost = false;

	PG_TRY();
	{
		SPI_commit();
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_CONNECTION_EXCEPTION &&
			error->sqlerrcode != ERRCODE_ADMIN_SHUTDOWN &&
			error->sqlerrcode != ERRCODE_CRASH_SHUTDOWN)
			PG_RE_THROW();
		FlushErrorState();
		FreeErrorData(error);
		lost = true;
	}
	PG_END_TRY();
	return !lost;
}
