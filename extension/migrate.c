/*-------------------------------------------------------------------------
 *
 * migrate.c
 *	  The ways to run migrations: all in the caller's transaction
 *	  (migrate_up, migrate_down), or one transaction each (CALL migrate).
 *
 * What is pending, in which order, and what is recorded is decided by the SQL
 * functions confiture._plan(), _run() and _apply(); what schema a run leaves, by
 * _record_begin() and _record_end(). Here is what SQL can't do: commit in
 * between, try again, and keep a failure on record although its transaction is
 * rolled back.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "execute.h"
#include "failure.h"
#include "ledger.h"
#include "record.h"
#include "subtransaction.h"
#include "worker.h"

PG_FUNCTION_INFO_V1(confiture_migrate_up);
PG_FUNCTION_INFO_V1(confiture_migrate_down);
PG_FUNCTION_INFO_V1(confiture_migrate);

/* One step of a planned run. */
typedef struct PlannedMigration
{
	char *version;
	char *name;
	bool transactional;
} PlannedMigration;

/* A planned run, in a memory context that outlives its transactions. */
typedef struct PlannedRun
{
	MemoryContext context;
	const char *direction;
	const char *target;		 /* or NULL */
	int max_steps;			 /* or -1 */
	const char *search_path; /* of the caller's session */
	PlannedMigration *steps;
	int count;
	const struct varlena *by_hand; /* jsonb: what was changed by hand before it, or NULL */
	bool has_begun;				   /* something may have been applied */
} PlannedRun;

/* Whether this session runs migrations now. */
static bool running = false;

/* Refuses a migration that runs migrations: our lock would let it in. */
static void
refuse_recursion(void)
{
	if (running)
		ereport(ERROR,
				(errcode(ERRCODE_CF_RUNNING), errmsg("a migration or hook can't run migrations"),
				 errhint("Say with depends_on what must run before.")));
}

/*
 * Calls confiture._run() in the current transaction and hands its rows on.
 */
static void
run_in_transaction(ReturnSetInfo *rsinfo, const char *direction, Datum target, bool target_null,
				   Datum steps, bool steps_null)
{
	Oid types[4] = {TEXTOID, TEXTOID, INT4OID, TEXTOID};
	Datum values[4];
	char nulls[5] = "    ";

	values[0] = CStringGetTextDatum(direction);
	values[1] = target;
	values[2] = steps;
	values[3] = CStringGetTextDatum(GetConfigOption("search_path", false, false));
	if (target_null)
		nulls[1] = 'n';
	if (steps_null)
		nulls[2] = 'n';

	SPI_connect();
	if (SPI_execute_with_args("SELECT * FROM confiture._run($1, $2, $3, $4)", 4, types, values,
							  nulls, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "confiture._run() returned no rows");
	for (uint64 i = 0; i < SPI_processed; i++)
		tuplestore_puttuple(rsinfo->setResult, SPI_tuptable->vals[i]);
	SPI_finish();
}

/* The arguments of run_in_transaction(). */
typedef struct AtomicRun
{
	ReturnSetInfo *rsinfo;
	const char *direction;
	Datum target;
	bool target_null;
	Datum steps;
	bool steps_null;
} AtomicRun;

/* Runs migrations, as an attempt. */
static void
attempt_atomic(void *arg)
{
	AtomicRun *run = (AtomicRun *) arg;

	run_in_transaction(run->rsinfo, run->direction, run->target, run->target_null, run->steps,
					   run->steps_null);
}

/*
 * Runs migrations in the caller's transaction. They run in a subtransaction,
 * so that a failure can be put on record by a worker after its locks are
 * gone, and before the error goes on to the caller.
 */
static Datum
run_atomic(FunctionCallInfo fcinfo, const char *direction, Datum target, bool target_null,
		   Datum steps, bool steps_null)
{
	AtomicRun run = {
		(ReturnSetInfo *) fcinfo->resultinfo, direction, target, target_null, steps, steps_null};
	TimestampTz started = GetCurrentTimestamp();
	ErrorData *edata;

	InitMaterializedSRF(fcinfo, 0);
	refuse_recursion();
	cf_check_extension_version();
	cf_check_enforcement();
	cf_note_current(NULL, NULL, direction);
	running = true;
	edata = cf_try(attempt_atomic, &run, CurrentMemoryContext);
	running = false;

	if (edata)
	{
		cf_trim_error_context(edata);
		cf_record_failure_in_worker(edata, started);
		ReThrowError(edata);
	}
	return (Datum) 0;
}

/* SELECT * FROM confiture.migrate_up(target) */
Datum
confiture_migrate_up(PG_FUNCTION_ARGS)
{
	return run_atomic(fcinfo, "up", PG_GETARG_DATUM(0), PG_ARGISNULL(0), (Datum) 0, true);
}

/* SELECT * FROM confiture.migrate_down(steps, target) */
Datum
confiture_migrate_down(PG_FUNCTION_ARGS)
{
	/* Going back to a version takes as many steps as it takes. */
	bool no_steps = !PG_ARGISNULL(1);

	if (PG_ARGISNULL(0) && !no_steps)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("neither steps nor target is given"),
				 errhint("Say how many migrations to take back, or to which version to go back.")));
	return run_atomic(fcinfo, "down", PG_GETARG_DATUM(1), PG_ARGISNULL(1), PG_GETARG_DATUM(0),
					  no_steps);
}

/* ---------------------------------------------------------------------
 * CALL confiture.migrate()
 * ------------------------------------------------------------------- */

/* Runs a query that must return rows or nothing; raises its errors. */
static void
spi_select(const char *query, int nargs, Oid *types, Datum *values, const char *nulls)
{
	if (SPI_execute_with_args(query, nargs, types, values, nulls, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "unexpected result of %s", query);
}

/* What one part of a run does, in a subtransaction of its own. */
typedef void (*run_part)(PlannedRun *run, void *arg);

/* A part with its arguments. */
typedef struct Part
{
	PlannedRun *run;
	run_part part;
	void *arg;
} Part;

/* Does a part, as an attempt. */
static void
attempt_part(void *arg)
{
	Part *part = (Part *) arg;

	part->part(part->run, part->arg);
}

/*
 * Does one part of a run in a subtransaction. Returns the error that it has
 * failed with, in the context of the run, or NULL.
 */
static ErrorData *
try_part(PlannedRun *run, run_part part, void *arg)
{
	Part whole = {run, part, arg};
	ErrorData *edata;

	/* A script may have given up the session's lock: hold the transaction's. */
	if (!cf_try_lock(CF_LOCK_RUN, ExclusiveLock, false))
		cf_lock_migrations(false);
	edata = cf_try(attempt_part, &whole, run->context);
	if (edata)
		cf_trim_error_context(edata);
	return edata;
}

/* Warns of migrations that are older than the newest applied one. */
static void
warn_out_of_order(Datum *versions, int count)
{
	Oid types[1] = {TEXTARRAYOID};
	Datum values[1];

	values[0] = PointerGetDatum(construct_array(versions, count, TEXTOID, -1, false, TYPALIGN_INT));
	spi_select("SELECT confiture._warn_out_of_order($1)", 1, types, values, NULL);
}

/* Asks the database what to do, and keeps the answer. */
static void
make_plan(PlannedRun *run, void *arg)
{
	Oid types[3] = {TEXTOID, TEXTOID, INT4OID};
	Datum values[3];
	char nulls[4] = "   ";
	Datum *late;
	int nlate = 0;
	MemoryContext old;

	values[0] = CStringGetTextDatum(run->direction);
	values[1] = run->target ? CStringGetTextDatum(run->target) : (Datum) 0;
	values[2] = Int32GetDatum(run->max_steps);
	if (run->target == NULL)
		nulls[1] = 'n';
	if (run->max_steps < 0)
		nulls[2] = 'n';
	spi_select("SELECT version, name, transactional, out_of_order"
			   " FROM confiture._plan($1, $2, $3) ORDER BY ordinal",
			   3, types, values, nulls);

	old = MemoryContextSwitchTo(run->context);
	run->count = (int) SPI_processed;
	run->steps = palloc0(Max(1, run->count) * sizeof(PlannedMigration));
	late = palloc(Max(1, run->count) * sizeof(Datum));
	for (int i = 0; i < run->count; i++)
	{
		HeapTuple tuple = SPI_tuptable->vals[i];
		TupleDesc desc = SPI_tuptable->tupdesc;
		bool isnull;

		run->steps[i].version = SPI_getvalue(tuple, desc, 1);
		run->steps[i].name = SPI_getvalue(tuple, desc, 2);
		run->steps[i].transactional = DatumGetBool(SPI_getbinval(tuple, desc, 3, &isnull));
		if (DatumGetBool(SPI_getbinval(tuple, desc, 4, &isnull)))
			late[nlate++] = CStringGetTextDatum(run->steps[i].version);
	}
	MemoryContextSwitchTo(old);
	warn_out_of_order(late, nlate);
}

/* Runs the hooks of a phase in the current transaction. */
static void
run_hooks(PlannedRun *run, void *arg)
{
	Oid types[3] = {TEXTOID, TEXTOID, TEXTOID};
	Datum values[3];

	values[0] = CStringGetTextDatum((const char *) arg);
	values[1] = CStringGetTextDatum(run->direction);
	values[2] = CStringGetTextDatum(run->search_path);
	spi_select(
		"SELECT confiture._run_hooks($1, pg_catalog.jsonb_build_object('direction', $2), $3)", 3,
		types, values, NULL);
}

/* Runs one migration. */
static void
apply_step(PlannedRun *run, void *arg)
{
	int step = *(int *) arg;
	Oid types[5] = {TEXTOID, TEXTOID, INT4OID, INT4OID, TEXTOID};
	Datum values[5];

	values[0] = CStringGetTextDatum(run->steps[step].version);
	values[1] = CStringGetTextDatum(run->direction);
	values[2] = Int32GetDatum(step + 1);
	values[3] = Int32GetDatum(run->count);
	values[4] = CStringGetTextDatum(run->search_path);
	spi_select("SELECT * FROM confiture._apply($1, $2, $3, $4, $5)", 5, types, values, NULL);
}

/* Does a part that stands alone in its transaction: commits, or fails. */
static void
run_alone(PlannedRun *run, run_part part, void *arg)
{
	TimestampTz started = GetCurrentTimestamp();
	ErrorData *edata = try_part(run, part, arg);

	if (edata)
	{
		SPI_rollback();
		cf_fail(edata, started, run->search_path);
	}
	SPI_commit();
}

/*
 * Runs one migration in a transaction of its own: again after a lock timeout,
 * as often as confiture.lock_retries says.
 */
static void
run_transactional_step(PlannedRun *run, int step)
{
	CfRun what = {.version = run->steps[step].version,
				  .name = run->steps[step].name,
				  .direction = run->direction};
	TimestampTz started = GetCurrentTimestamp();

	for (int attempt = 1;; attempt++)
	{
		ErrorData *edata = try_part(run, apply_step, &step);
		double pause;

		if (edata == NULL)
		{
			SPI_commit();
			return;
		}
		SPI_rollback();
		if (!cf_is_lock_failure(edata) || attempt > cf_lock_retries)
			cf_fail(edata, started, run->search_path);
		pause = cf_retry_pause(attempt);
		cf_progress_lock_retry(&what, attempt, pause, edata->message);
		cf_sleep(pause);
	}
}

/* Reads the arguments of the procedure into a run. */
static void
init_run(PlannedRun *run, FunctionCallInfo fcinfo)
{
	MemoryContext old;

	/* Lives as long as the portal of the CALL, through all transactions. */
	run->context = AllocSetContextCreate(PortalContext, "confiture run", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(run->context);
	run->direction = PG_ARGISNULL(0) ? "up" : text_to_cstring(PG_GETARG_TEXT_PP(0));
	run->target = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	run->max_steps = PG_ARGISNULL(2) ? -1 : PG_GETARG_INT32(2);
	run->search_path = pstrdup(GetConfigOption("search_path", false, false));
	MemoryContextSwitchTo(old);

	if (strcmp(run->direction, "up") != 0 && strcmp(run->direction, "down") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("direction must be up or down, not %s", quote_literal_cstr(run->direction)),
				 errhint("Use 'up' or 'down'.")));
	if (!PG_ARGISNULL(2) && run->max_steps < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("steps must not be negative"),
				 errhint("Give how many migrations to run at most.")));
	/* Down without target: one step. */
	if (PG_ARGISNULL(2) && run->target == NULL && strcmp(run->direction, "down") == 0)
		run->max_steps = 1;
}

/* The run of this session whose schema is to be recorded at its end. */
static PlannedRun *recorded_run = NULL;

/* Finds what was changed by hand before the run. */
static void
begin_record(PlannedRun *run, void *arg)
{
	run->by_hand = cf_record_begin(run->context);
}

/* Records the schema that the run has left. */
static void
end_record(PlannedRun *run, void *arg)
{
	cf_record_end(run->direction, run->by_hand);
}

/*
 * Records what a run that has failed has left: called when its failure is on
 * record. That it can't be done is a warning already.
 */
void
cf_record_partial_run(void)
{
	PlannedRun *run = recorded_run;

	recorded_run = NULL;
	if (run == NULL || !run->has_begun)
		return;
	(void) try_part(run, end_record, NULL);
	SPI_commit();
}

/* The run itself, under the lock. */
static void
run_planned(PlannedRun *run)
{
	run_alone(run, make_plan, NULL);
	if (run->count == 0)
		return;
	if (cf_record_schema)
	{
		run_alone(run, begin_record, NULL);
		recorded_run = run;
	}
	run_alone(run, run_hooks, "before_migrate");
	for (int i = 0; i < run->count; i++)
	{
		/* One that runs statement by statement may fail and leave something. */
		run->has_begun = i > 0 || !run->steps[i].transactional;
		if (run->steps[i].transactional)
			run_transactional_step(run, i);
		else
			cf_run_in_worker(run->steps[i].version, run->steps[i].name, run->direction, i + 1,
							 run->count, run->search_path, run->context);
	}
	run->has_begun = true;
	run_alone(run, run_hooks, "after_migrate");
	if (recorded_run)
		run_alone(run, end_record, NULL);
	recorded_run = NULL;
}

/* CALL confiture.migrate(direction, target, steps) */
Datum
confiture_migrate(PG_FUNCTION_ARGS)
{
	bool atomic = !(fcinfo->context && IsA(fcinfo->context, CallContext)) ||
				  ((CallContext *) fcinfo->context)->atomic;
	PlannedRun run = {0};

	if (atomic)
		ereport(
			ERROR,
			(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
			 errmsg("CALL confiture.migrate() cannot run inside a transaction block"),
			 errdetail("It commits after every migration."),
			 errhint(
				 "Send it alone, in autocommit mode (psycopg: connection.autocommit = True), or use SELECT confiture.migrate_up().")));
	cf_check_writable("migrations");
	refuse_recursion();
	init_run(&run, fcinfo);
	cf_check_extension_version();
	cf_check_enforcement();
	cf_note_current(NULL, NULL, run.direction);

	SPI_connect_ext(SPI_OPT_NONATOMIC);
	/* Held by the session through all transactions of the run. */
	cf_lock_migrations(true);
	PG_TRY();
	{
		running = true;
		/* A snapshot taken before the lock was had may be too old. */
		SPI_commit();
		run_planned(&run);
	}
	PG_FINALLY();
	{
		running = false;
		recorded_run = NULL;
		cf_unlock(CF_LOCK_RUN, ExclusiveLock);
	}
	PG_END_TRY();
	SPI_finish();
	PG_RETURN_VOID();
}
