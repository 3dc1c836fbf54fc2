/*-------------------------------------------------------------------------
 *
 * transition_background.c
 *	  Background workers that drive a transition, or copy along.
 *
 * Nobody waits for them: they outlive the session that has started them, and
 * end when the state is reached, or nothing is left to copy. What needs no
 * change to go away, a lock or a connection that was not to be had, they try
 * again; any other error ends them. Both are stored with the transition.
 *
 * A worker holds an advisory lock as long as it lives, by which it is found:
 * exclusive for the one that drives, shared for those that copy.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/lock.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "confiture.h"
#include "failure.h"
#include "transition.h"
#include "worker.h"

PG_FUNCTION_INFO_V1(confiture_transition_launch);

extern PGDLLEXPORT void cf_transition_main(Datum main_arg);

/* The classes of the advisory locks: "conT" and "conW". */
#define LOCK_DRIVES 0x636F6E54
#define LOCK_COPIES 0x636F6E57

/* What a worker is told, in bgw_extra. */
typedef struct Order
{
	Oid database;
	Oid session_user;
	Oid current_user;
	int32 transition;
	bool copies;	/* else it drives */
	char until[32]; /* the state that it drives to */
} Order;

StaticAssertDecl(sizeof(Order) <= BGW_EXTRALEN, "the order of a worker must fit");

/* Tells whether a worker holds the lock by which it is found. */
static bool
is_found(pid_t pid)
{
	Oid types[1] = {INT4OID};
	Datum values[1] = {Int32GetDatum(pid)};
	bool found;

	SPI_connect();
	if (SPI_execute_with_args("SELECT FROM pg_catalog.pg_locks AS l"
							  " WHERE l.locktype = 'advisory' AND l.granted AND l.pid = $1",
							  1, types, values, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "the locks could not be read");
	found = SPI_processed > 0;
	SPI_finish();
	return found;
}

/* confiture._transition_launch(transition, until): starts a worker, and returns its process ID.
 * Without a state it copies. */
Datum
confiture_transition_launch(PG_FUNCTION_ARGS)
{
	BackgroundWorker bgw = {0};
	BackgroundWorkerHandle *handle;
	Order order = {.database = MyDatabaseId,
				   .session_user = GetSessionUserId(),
				   .current_user = GetUserId(),
				   .transition = PG_GETARG_INT32(0),
				   .copies = PG_ARGISNULL(1)};
	pid_t pid, started;

	if (InSecurityRestrictedOperation())
		ereport(
			ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("a background worker can't be started in a security-restricted operation")));
	/* A function with the rights of its owner: RESET ROLE must not lead further in the worker, either. */
	if (InLocalUserIdChange())
		order.session_user = GetUserId();
	if (!order.copies)
		strlcpy(order.until, text_to_cstring(PG_GETARG_TEXT_PP(1)), sizeof(order.until));
	bgw.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	bgw.bgw_start_time = BgWorkerStart_RecoveryFinished;
	bgw.bgw_restart_time = BGW_NEVER_RESTART;
	bgw.bgw_notify_pid = MyProcPid;
	memcpy(bgw.bgw_extra, &order, sizeof(order));
	strlcpy(bgw.bgw_library_name, CF_LIBRARY_NAME, sizeof(bgw.bgw_library_name));
	strlcpy(bgw.bgw_function_name, "cf_transition_main", BGW_MAXLEN);
	snprintf(bgw.bgw_name, BGW_MAXLEN, "confiture transition %d%s", order.transition,
			 order.copies ? ", copying" : "");
	strlcpy(bgw.bgw_type, "confiture transition", BGW_MAXLEN);
	if (!RegisterDynamicBackgroundWorker(&bgw, &handle))
		cf_raise_no_worker();
	if (WaitForBackgroundWorkerStartup(handle, &pid) != BGWH_STARTED)
		ereport(ERROR, (errcode(ERRCODE_CONNECTION_FAILURE),
						errmsg("the background worker ended as soon as it was started"),
						errhint("See the server's log.")));
	started = pid;
	/* It may have done its work before anybody sees it. */
	while (!is_found(pid) && GetBackgroundWorkerPid(handle, &pid) == BGWH_STARTED)
		cf_sleep(5);
	PG_RETURN_INT32(started);
}

/* Runs a query in a transaction of its own. Returns its float8, or -1 for NULL. */
static double
run_query(const char *query, int nargs, Oid *types, Datum *values, const char *nulls)
{
	double result = -1;
	bool isnull;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	pgstat_report_activity(STATE_RUNNING, query);
	if (SPI_execute_with_args(query, nargs, types, values, nulls, false, 1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "a step of a transition returned nothing");
	if (SPI_gettypeid(SPI_tuptable->tupdesc, 1) == FLOAT8OID)
	{
		Datum value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);

		if (!isnull)
			result = DatumGetFloat8(value);
	}
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	pgstat_report_stat(false);
	pgstat_report_activity(STATE_IDLE, NULL);
	return result;
}

/* One transaction of the work. Returns the pause after it, or -1 when all is done. */
static double
work(const Order *order)
{
	Oid types[2] = {INT4OID, TEXTOID};
	Datum values[2] = {Int32GetDatum(order->transition), CStringGetTextDatum(order->until)};

	return run_query("SELECT confiture._transition_background($1, $2)", 2, types, values,
					 order->copies ? " n" : "  ");
}

/* Tells whether an error may be gone by itself when the work is tried again. */
static bool
may_pass(const ErrorData *edata)
{
	int class = ERRCODE_TO_CATEGORY(edata->sqlerrcode);

	return cf_is_lock_failure(edata) || class == ERRCODE_CONNECTION_EXCEPTION ||
		   class == ERRCODE_TRANSACTION_ROLLBACK ||
		   edata->sqlerrcode == ERRCODE_CF_TRANSITION_LOCK ||
		   edata->sqlerrcode == ERRCODE_CF_TRANSITION_BUSY ||
		   edata->sqlerrcode == ERRCODE_TOO_MANY_CONNECTIONS ||
		   edata->sqlerrcode == ERRCODE_CANNOT_CONNECT_NOW ||
		   edata->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN ||
		   edata->sqlerrcode == ERRCODE_CRASH_SHUTDOWN;
}

/* Stores an error with the transition; no error: takes the last one off. */
static void
store_failure(const Order *order, const ErrorData *edata, double retry_ms)
{
	Oid types[6] = {INT4OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, FLOAT8OID};
	Datum values[6] = {Int32GetDatum(order->transition)};
	char nulls[7] = " nnnnn";

	if (edata)
	{
		const char *texts[4] = {unpack_sql_state(edata->sqlerrcode), edata->message, edata->detail,
								edata->hint};

		for (int i = 0; i < 4; i++)
			if (texts[i])
			{
				values[i + 1] = CStringGetTextDatum(texts[i]);
				nulls[i + 1] = ' ';
			}
		if (retry_ms > 0)
		{
			values[5] = Float8GetDatum(retry_ms);
			nulls[5] = ' ';
		}
	}
	(void) run_query("SELECT confiture._transition_failed($1, $2, $3, $4, $5, $6)", 6, types,
					 values, nulls);
}

/* Cleans up after an error, and returns a copy of it that is in the log already. */
static ErrorData *
take_error(MemoryContext context)
{
	ErrorData *edata;

	HOLD_INTERRUPTS();
	MemoryContextSwitchTo(context);
	edata = CopyErrorData();
	EmitErrorReport();
	AbortCurrentTransaction();
	FlushErrorState();
	MemoryContextSwitchTo(context);
	RESUME_INTERRUPTS();
	return edata;
}

/* Tells others of a failure; that it can't is no reason to stop. */
static void
try_to_store_failure(const Order *order, const ErrorData *failed, double pause,
					 MemoryContext context)
{
	PG_TRY();
	{
		store_failure(order, failed, pause);
	}
	PG_CATCH();
	{
		(void) take_error(context);
	}
	PG_END_TRY();
}

/* Does the work until nothing is left of it. */
static void
loop(const Order *order, MemoryContext context)
{
	volatile int failures = 0;
	volatile double pause = 0;

	while (pause >= 0)
	{
		MemoryContextSwitchTo(context);
		MemoryContextReset(context);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		PG_TRY();
		{
			pause = work(order);
			if (failures > 0)
				store_failure(order, NULL, 0);
			failures = 0;
		}
		PG_CATCH();
		{
			ErrorData *edata = take_error(context);

			pause = may_pass(edata) ? cf_retry_pause(++failures) : -1;
			try_to_store_failure(order, edata, pause, context);
		}
		PG_END_TRY();
		if (pause > 0)
			cf_sleep(pause);
	}
}

/* Holds the lock by which the worker is found. Returns false if another one drives already. */
static bool
announce(const Order *order)
{
	LOCKTAG tag;
	bool free;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, order->copies ? LOCK_COPIES : LOCK_DRIVES,
						 order->transition, 2);
	StartTransactionCommand();
	free = LockAcquire(&tag, order->copies ? ShareLock : ExclusiveLock, true, true) !=
		   LOCKACQUIRE_NOT_AVAIL;
	CommitTransactionCommand();
	return free;
}

/* Entry point of the worker. */
void
cf_transition_main(Datum main_arg)
{
	Order order;
	MemoryContext context;

	memcpy(&order, MyBgworkerEntry->bgw_extra, sizeof(order));
	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(order.database, order.session_user, 0);
	StartTransactionCommand();
	if (order.current_user != order.session_user)
		SetCurrentRoleId(order.current_user, superuser_arg(order.current_user));
	CommitTransactionCommand();
	pgstat_report_appname(MyBgworkerEntry->bgw_name);
	if (!announce(&order))
		ereport(FATAL, (errcode(ERRCODE_CF_TRANSITION_BUSY),
						errmsg("a background worker drives this transition already")));
	context =
		AllocSetContextCreate(TopMemoryContext, "confiture transition", ALLOCSET_DEFAULT_SIZES);
	loop(&order, context);
}
