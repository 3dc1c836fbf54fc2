/*-------------------------------------------------------------------------
 *
 * ledger.c
 *	  What the SQL functions of the ledger need from C: running one script
 *	  of a migration, and the lock that lets one run at a time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "estimate.h"
#include "execute.h"
#include "guard.h"
#include "ledger.h"

PG_FUNCTION_INFO_V1(confiture_execute);
PG_FUNCTION_INFO_V1(confiture_lock);
PG_FUNCTION_INFO_V1(confiture_check_writable);
PG_FUNCTION_INFO_V1(confiture_progress);

/* Returns a text argument as a C string, or NULL. */
static char *
optional_text(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

/*
 * Runs a script in the current transaction. Arguments: script, label,
 * version, name, direction, search_path, whether a dry run has predicted how
 * long its statements take, the intent that it carries out. Returns statements,
 * rows, WAL bytes, elapsed milliseconds.
 */
Datum
confiture_execute(PG_FUNCTION_ARGS)
{
	text *text_in = PG_GETARG_TEXT_PP(0);
	char *label = text_to_cstring(PG_GETARG_TEXT_PP(1));
	CfRun run = {.version = optional_text(fcinfo, 2),
				 .name = optional_text(fcinfo, 3),
				 .direction = optional_text(fcinfo, 4)};
	char *search_path = optional_text(fcinfo, 5);
	CfGuardScope scope;
	CfCost cost = {0};
	double *elapsed_ms;
	CfScript *script;
	TupleDesc desc;
	Datum values[4];
	bool nulls[4] = {false};
	int nest_level;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	nest_level = cf_begin_script_settings(search_path);
	script = cf_script_parse(VARDATA_ANY(text_in), VARSIZE_ANY_EXHDR(text_in), label);
	cf_script_check_runnable(script);
	cf_script_check_transactional(script);
	elapsed_ms = palloc0(Max(1, script->count) * sizeof(double));
	cf_guard_enter(&scope, optional_text(fcinfo, 7), label, run.version);
	PG_TRY();
	{
		/* A migration is not begun when it can't end; a hook is checked as it runs. */
		if (run.version)
			cf_guard_script(script, 0);
		cf_execute_script(script, &run, &cost, elapsed_ms);
		if (run.version)
			cf_check_deferred(label);
	}
	PG_FINALLY();
	{
		cf_guard_leave(&scope);
	}
	PG_END_TRY();
	cf_end_script_settings(nest_level);
	if (PG_GETARG_BOOL(6))
		cf_store_actuals(run.version, run.direction, script, elapsed_ms);

	values[0] = Int32GetDatum(script->count);
	values[1] = Int64GetDatum(cost.rows);
	values[2] = Int64GetDatum(cost.wal_bytes);
	values[3] = Float8GetDatum(cost.elapsed_ms);
	cf_script_free(script);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* Makes the tag of one of our advisory locks. */
static void
set_tag(LOCKTAG *tag, CfLockKey key)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, CF_LOCK_CLASS, key, 2);
}

/*
 * Takes an advisory lock without waiting; for the transaction, or for the
 * session. Tells whether it was free.
 */
bool
cf_try_lock(CfLockKey key, LOCKMODE mode, bool session)
{
	LOCKTAG tag;

	set_tag(&tag, key);
	return LockAcquire(&tag, mode, session, true) != LOCKACQUIRE_NOT_AVAIL;
}

/* Gives an advisory lock of the session back, if it is still held. */
void
cf_unlock(CfLockKey key, LOCKMODE mode)
{
	LOCKTAG tag;

	set_tag(&tag, key);
	if (cf_lock_held_by_me(&tag, mode))
		(void) LockRelease(&tag, mode, true);
}

/* Tells how many rows of the ledger a snapshot sees, and the last position. */
static void
read_ledger(Relation ledger, Snapshot snapshot, int64 *rows, int64 *last)
{
	AttrNumber position = get_attnum(RelationGetRelid(ledger), "position");
	SysScanDesc scan = systable_beginscan(ledger, InvalidOid, false, snapshot, 0, NULL);
	HeapTuple tuple;

	*rows = *last = 0;
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool isnull;
		int64 value =
			DatumGetInt64(heap_getattr(tuple, position, RelationGetDescr(ledger), &isnull));

		(*rows)++;
		*last = Max(*last, value);
	}
	systable_endscan(scan);
}

/*
 * Refuses to go on when the snapshot of a REPEATABLE READ or SERIALIZABLE
 * transaction is older than the last run: what is pending would be wrong.
 */
static void
check_snapshot(void)
{
	Relation ledger;
	Snapshot latest;
	int64 rows, last, rows_now, last_now;

	if (!IsolationUsesXactSnapshot())
		return;
	ledger = table_openrv(makeRangeVar("confiture", "tb_confiture", -1), AccessShareLock);
	read_ledger(ledger, GetActiveSnapshot(), &rows, &last);
	latest = RegisterSnapshot(GetLatestSnapshot());
	read_ledger(ledger, latest, &rows_now, &last_now);
	UnregisterSnapshot(latest);
	table_close(ledger, AccessShareLock);
	if (rows != rows_now || last != last_now)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access: another session has run migrations meanwhile"),
				 errhint("Run again in a new transaction, or in READ COMMITTED.")));
}

/* Describes the session that holds one of our locks, for a DETAIL. */
static char *
describe_holder(void)
{
	char *result = NULL;
	MemoryContext caller = CurrentMemoryContext;

	SPI_connect();
	if (SPI_execute("SELECT confiture._lock_holder()", true, 1) == SPI_OK_SELECT &&
		SPI_processed == 1)
	{
		char *text = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);

		if (text)
			result = MemoryContextStrdup(caller, text);
	}
	SPI_finish();
	return result;
}

/* Raises CF001 with what can be said of the other run. */
static void
report_running(void)
{
	char *holder = describe_holder();

	ereport(
		ERROR,
		(errcode(ERRCODE_CF_RUNNING), errmsg("another migration is running in this database"),
		 holder ? errdetail("%s", holder) : 0,
		 errhint(
			 "Wait until it has ended, then run again: what is pending is read anew. Raise confiture.lock_timeout to wait longer.")));
}

/*
 * Takes the lock that lets one run of migrations at a time, for the current
 * transaction or for the session, and makes sure that no worker of an earlier
 * run still works. Waits as long as confiture.lock_timeout; then raises CF001
 * with the holder.
 */
void
cf_lock_migrations(bool session)
{
	TimestampTz deadline =
		TimestampTzPlusMilliseconds(GetCurrentTimestamp(), Max(cf_lock_timeout, 1));

	for (;;)
	{
		if (cf_try_lock(CF_LOCK_RUN, ExclusiveLock, session))
		{
			/* The worker of a run that has died may still be at it. */
			if (cf_try_lock(CF_LOCK_WORKER, ShareLock, true))
			{
				cf_unlock(CF_LOCK_WORKER, ShareLock);
				return;
			}
			if (session)
				cf_unlock(CF_LOCK_RUN, ExclusiveLock);
		}
		if (GetCurrentTimestamp() >= deadline)
			break;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 20L,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	report_running();
}

/* SELECT confiture._lock() */
Datum
confiture_lock(PG_FUNCTION_ARGS)
{
	cf_lock_migrations(false);
	check_snapshot();
	PG_RETURN_VOID();
}

/*
 * Refuses to run with another version of the SQL objects than the library's:
 * the two are one piece of software.
 */
void
cf_check_extension_version(void)
{
	char *installed = NULL;

	SPI_connect();
	if (SPI_execute("SELECT confiture._extension_version()", true, 1) == SPI_OK_SELECT &&
		SPI_processed == 1)
		installed = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (installed == NULL || strcmp(installed, CONFITURE_VERSION) != 0)
		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("extension confiture is version %s, but the library is version %s",
					installed ? installed : "(none)", CONFITURE_VERSION),
			 errhint(
				 "Run ALTER EXTENSION confiture UPDATE; start a new session if the library was replaced.")));
	SPI_finish();
}

/* Refuses to go on where nothing can be written. */
void
cf_check_writable(const char *what)
{
	if (RecoveryInProgress())
		ereport(
			ERROR,
			(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
			 errmsg("cannot run %s on a standby server", what),
			 errdetail("The server is in recovery: it only reads."),
			 errhint("Connect to the primary server (target_session_attrs=read-write finds it).")));
	if (XactReadOnly)
		ereport(
			ERROR,
			(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
			 errmsg("cannot run %s in a read-only transaction", what),
			 errhint(
				 "SET default_transaction_read_only = off, or start the transaction with READ WRITE.")));
}

/* SELECT confiture._check_writable(what) */
Datum
confiture_check_writable(PG_FUNCTION_ARGS)
{
	cf_check_writable(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_VOID();
}

/*
 * Reports that a migration starts or has ended. Arguments: version, name,
 * direction, ordinal, of, elapsed milliseconds (NULL when it starts), rows,
 * WAL bytes, statements.
 */
Datum
confiture_progress(PG_FUNCTION_ARGS)
{
	CfRun run = {.version = optional_text(fcinfo, 0),
				 .name = optional_text(fcinfo, 1),
				 .direction = optional_text(fcinfo, 2)};

	if (PG_ARGISNULL(5))
	{
		cf_note_current(run.version, run.name, run.direction);
		cf_progress_migration_started(&run, PG_GETARG_INT32(3), PG_GETARG_INT32(4));
	}
	else
	{
		CfCost cost = {.elapsed_ms = PG_GETARG_FLOAT8(5),
					   .rows = PG_GETARG_INT64(6),
					   .wal_bytes = PG_GETARG_INT64(7)};

		cf_note_current(NULL, NULL, NULL);
		cf_progress_migration_finished(&run, PG_GETARG_INT32(3), PG_GETARG_INT32(4),
									   PG_GETARG_INT32(8), &cost);
	}
	PG_RETURN_VOID();
}
