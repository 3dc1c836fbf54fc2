/*-------------------------------------------------------------------------
 *
 * transition.c
 *	  Driving a transition: one transaction after the other.
 *
 * What the next step is, SQL decides: confiture._transition_step() and
 * confiture._transition_work(). Here is what SQL can't do: commit in between,
 * and look at the snapshots of others.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/statvfs.h>

#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/sinvaladt.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/xid8.h"

#include "failure.h"
#include "transition.h"

PG_FUNCTION_INFO_V1(confiture_transition_run);
PG_FUNCTION_INFO_V1(confiture_transition_worker);
PG_FUNCTION_INFO_V1(confiture_transition_older_snapshots);
PG_FUNCTION_INFO_V1(confiture_free_bytes);

/* Raises an error where a procedure can't commit. */
static void
check_can_commit(FunctionCallInfo fcinfo, const char *name)
{
	if (!fcinfo->context || !IsA(fcinfo->context, CallContext) ||
		castNode(CallContext, fcinfo->context)->atomic)
		ereport(ERROR, (errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
						errmsg("CALL %s() cannot run inside a transaction block", name),
						errhint("Call it by itself, outside of BEGIN and of functions.")));
}

/*
 * Repeats a query, each time in a transaction of its own, as long as it
 * returns a pause in milliseconds. NULL ends it.
 */
static void
drive(const char *query, const char *name, const char *until)
{
	Oid types[2] = {TEXTOID, TEXTOID};
	bool more = true;

	SPI_connect_ext(SPI_OPT_NONATOMIC);
	while (more)
	{
		Datum values[2];
		char nulls[2] = {name ? ' ' : 'n', until ? ' ' : 'n'};
		bool isnull = true;
		double pause = 0;

		CHECK_FOR_INTERRUPTS();
		values[0] = name ? CStringGetTextDatum(name) : (Datum) 0;
		values[1] = until ? CStringGetTextDatum(until) : (Datum) 0;
		if (SPI_execute_with_args(query, 2, types, values, nulls, false, 1) != SPI_OK_SELECT ||
			SPI_processed != 1)
			elog(ERROR, "a step of a transition returned nothing");
		{
			Datum value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);

			more = !isnull;
			if (more)
				pause = DatumGetFloat8(value);
		}
		SPI_freetuptable(SPI_tuptable);
		/* A worker outlives that the target of its transition is away. */
		if (until)
			SPI_commit();
		else if (!cf_commit_remote())
			pause = 1000;
		if (pause > 0)
			cf_sleep(pause);
	}
	SPI_finish();
}

/* CALL confiture.transition_run(name, until) */
Datum
confiture_transition_run(PG_FUNCTION_ARGS)
{
	check_can_commit(fcinfo, "confiture.transition_run");
	drive("SELECT confiture._transition_step($1, $2)",
		  PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0)),
		  PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1)));
	PG_RETURN_VOID();
}

/* CALL confiture.transition_worker(name) */
Datum
confiture_transition_worker(PG_FUNCTION_ARGS)
{
	check_can_commit(fcinfo, "confiture.transition_worker");
	drive("SELECT confiture._transition_work($1, $2)",
		  PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0)), NULL);
	PG_RETURN_VOID();
}

/*
 * confiture._transition_older_snapshots(xid): processes in this database whose
 * snapshot may not see what that transaction has done.
 */
Datum
confiture_transition_older_snapshots(PG_FUNCTION_ARGS)
{
	FullTransactionId xid = PG_GETARG_FULLTRANSACTIONID(0);
	VirtualTransactionId *others;
	Datum *pids;
	int count, n = 0;

	others = GetCurrentVirtualXIDs(XidFromFullTransactionId(xid), true, false,
								   PROC_IS_AUTOVACUUM | PROC_IN_VACUUM, &count);
	pids = palloc(Max(1, count) * sizeof(Datum));
	for (int i = 0; i < count; i++)
	{
		PGPROC *proc = cf_proc_of_vxid(others[i]);

		if (proc && proc->pid != 0)
			pids[n++] = Int32GetDatum(proc->pid);
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(pids, n, INT4OID, sizeof(int32), true, TYPALIGN_INT));
}

/* confiture._free_bytes(): how much room there is where the server keeps its data. */
Datum
confiture_free_bytes(PG_FUNCTION_ARGS)
{
	struct statvfs room;

	if (statvfs(DataDir, &room) != 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64((int64) room.f_bavail * (int64) room.f_frsize);
}
