/*-------------------------------------------------------------------------
 *
 * failure.c
 *	  What is known of a failed migration, for the log.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "failure.h"
#include "json.h"
#include "ledger.h"
#include "record.h"
#include "subtransaction.h"
#include "worker.h"

/* Which migration this session is running. */
static char *current_version;
static char *current_name;
static char *current_direction;

/* Replaces a string that outlives transactions. */
static void
keep(char **where, const char *value)
{
	char *copy = value ? MemoryContextStrdup(TopMemoryContext, value) : NULL;

	if (*where)
		pfree(*where);
	*where = copy;
}

/* Notes which migration runs now; NULL when none does. */
void
cf_note_current(const char *version, const char *name, const char *direction)
{
	keep(&current_version, version);
	keep(&current_name, name);
	/* Between two migrations the run still has its direction. */
	if (direction)
		keep(&current_direction, direction);
}

/* Describes a failure as a JSON object: what confiture._failed() stores. */
char *
cf_failure_json(const ErrorData *edata, TimestampTz started)
{
	StringInfoData json;
	TimestampTz now = GetCurrentTimestamp();

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	cf_json_text(&json, "version", current_version);
	cf_json_text(&json, "name", current_name);
	cf_json_text(&json, "direction", current_direction);
	cf_json_text(&json, "started_at", timestamptz_to_str(started));
	cf_json_number(&json, "execution_time_ms", (double) ((now - started) / 1000));
	cf_json_text(&json, "sqlstate", unpack_sql_state(edata->sqlerrcode));
	cf_json_text(&json, "message", edata->message);
	cf_json_text(&json, "detail", edata->detail);
	cf_json_text(&json, "hint", edata->hint);
	cf_json_text(&json, "context", edata->context);
	cf_json_text(&json, "statement", edata->internalquery);
	cf_json_text(&json, "application_name", application_name);
	cf_json_number(&json, "backend_pid", MyProcPid);
	appendStringInfoChar(&json, '}');
	return json.data;
}

/*
 * Puts a failure on record although the caller's transaction will be rolled
 * back: a background worker writes it. Waits a bounded time, and only warns
 * when that can't be done.
 */
void
cf_record_failure_in_worker(const ErrorData *edata, TimestampTz started)
{
	/* Nothing was tried: another run goes on, or this can't write. */
	if (edata->sqlerrcode == ERRCODE_CF_RUNNING ||
		edata->sqlerrcode == ERRCODE_READ_ONLY_SQL_TRANSACTION)
		return;
	cf_log_failure_in_worker(cf_failure_json(edata, started));
}

/* Puts a failure on record in the current transaction. */
static void
record_failure(const char *json, const char *search_path)
{
	Oid types[2] = {TEXTOID, TEXTOID};
	Datum values[2];

	values[0] = CStringGetTextDatum(json);
	values[1] = CStringGetTextDatum(search_path);
	if (SPI_execute_with_args("SELECT confiture._failed($1::pg_catalog.jsonb, $2)", 2, types,
							  values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "confiture._failed() failed");
}

/* A failure that is to be put on record. */
typedef struct Failure
{
	ErrorData *edata;
	TimestampTz started;
	const char *search_path;
} Failure;

/* Puts a failure on record, as an attempt. */
static void
attempt_record(void *arg)
{
	Failure *failure = (Failure *) arg;

	record_failure(cf_failure_json(failure->edata, failure->started), failure->search_path);
}

/*
 * Puts a failure on record in a transaction of its own, and raises it again.
 * The caller, a non-atomic procedure connected to SPI, has rolled back. What
 * goes wrong with the record is a warning: the failure itself matters more.
 * The schema that the migrations before have left is recorded too.
 */
void
cf_fail(ErrorData *edata, TimestampTz started, const char *search_path)
{
	Failure failure = {edata, started, search_path};
	ErrorData *problem = cf_try(attempt_record, &failure, CurrentMemoryContext);

	if (problem)
		cf_warn_not_recorded(problem->message);
	SPI_commit();
	cf_record_partial_run();
	ReThrowError(edata);
}

/* Says that a failure is not on record. */
void
cf_warn_not_recorded(const char *reason)
{
	ereport(WARNING, (errcode(ERRCODE_WARNING),
					  errmsg("the failure could not be put on record in confiture.migration_log"),
					  errdetail_internal("%s", reason)));
}
