/*-------------------------------------------------------------------------
 *
 * progress.c
 *	  Notices that tell a client how far a migration is.
 *
 * Sent when confiture.progress asks for them. The SQLSTATE says which kind
 * (CFP01 started, CFP02 finished, CFP03 waiting), the DETAIL is one JSON
 * object for programs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "execute.h"
#include "json.h"

/* Starts the JSON object of an event. */
static void
begin_event(StringInfo json, const char *event, const CfRun *run)
{
	initStringInfo(json);
	appendStringInfoChar(json, '{');
	cf_json_text(json, "event", event);
	cf_json_text(json, "version", run->version);
	cf_json_text(json, "name", run->name);
	cf_json_text(json, "direction", run->direction);
}

/* Appends what running something has cost, and ends the object. */
static void
end_event(StringInfo json, const CfCost *cost)
{
	if (cost)
		appendStringInfo(json,
						 ", \"elapsed_ms\": %.3f, \"rows\": " INT64_FORMAT
						 ", \"wal_bytes\": " INT64_FORMAT,
						 cost->elapsed_ms, cost->rows, cost->wal_bytes);
	appendStringInfoChar(json, '}');
}

/* Returns how a run is called in a message. */
static const char *
run_name(const CfRun *run)
{
	if (run->version == NULL)
		return "script";
	return psprintf("%s %s", run->version, run->name);
}

/* Reports that a statement starts. */
void
cf_progress_statement_started(const CfRun *run, const CfScript *script, const CfStatement *stmt)
{
	StringInfoData json;

	if (cf_progress < CF_PROGRESS_STATEMENTS)
		return;
	begin_event(&json, "statement_started", run);
	appendStringInfo(&json, ", \"ordinal\": %d, \"of\": %d, \"line\": %d", stmt->ordinal,
					 script->count, stmt->line);
	cf_json_text(&json, "command", cf_command_name(stmt));
	end_event(&json, NULL);
	ereport(NOTICE, (errcode(ERRCODE_CF_PROGRESS_STARTED),
					 errmsg("%s: statement %d of %d, line %d: %s", run_name(run), stmt->ordinal,
							script->count, stmt->line, cf_command_name(stmt)),
					 errdetail_internal("%s", json.data), errhidestmt(true), errhidecontext(true)));
	pfree(json.data);
}

/* Reports that a statement has ended. */
void
cf_progress_statement_finished(const CfRun *run, const CfScript *script, const CfStatement *stmt,
							   const CfCost *cost)
{
	StringInfoData json;

	if (cf_progress < CF_PROGRESS_STATEMENTS)
		return;
	begin_event(&json, "statement_finished", run);
	appendStringInfo(&json, ", \"ordinal\": %d, \"of\": %d, \"line\": %d", stmt->ordinal,
					 script->count, stmt->line);
	cf_json_text(&json, "command", cf_command_name(stmt));
	end_event(&json, cost);
	ereport(NOTICE,
			(errcode(ERRCODE_CF_PROGRESS_FINISHED),
			 errmsg("%s: statement %d of %d, line %d: %s, %.1f ms", run_name(run), stmt->ordinal,
					script->count, stmt->line, cf_command_name(stmt), cost->elapsed_ms),
			 errdetail_internal("%s", json.data), errhidestmt(true), errhidecontext(true)));
	pfree(json.data);
}

/* Reports that a migration starts. */
void
cf_progress_migration_started(const CfRun *run, int ordinal, int of)
{
	StringInfoData json;

	if (cf_progress < CF_PROGRESS_MIGRATIONS)
		return;
	begin_event(&json, "migration_started", run);
	appendStringInfo(&json, ", \"ordinal\": %d, \"of\": %d", ordinal, of);
	end_event(&json, NULL);
	ereport(NOTICE, (errcode(ERRCODE_CF_PROGRESS_STARTED),
					 errmsg("%s: %s, %d of %d", run_name(run), run->direction, ordinal, of),
					 errdetail_internal("%s", json.data), errhidestmt(true), errhidecontext(true)));
	pfree(json.data);
}

/* Reports that a migration has ended well. */
void
cf_progress_migration_finished(const CfRun *run, int ordinal, int of, int statements,
							   const CfCost *cost)
{
	StringInfoData json;

	if (cf_progress < CF_PROGRESS_MIGRATIONS)
		return;
	begin_event(&json, "migration_finished", run);
	appendStringInfo(&json, ", \"ordinal\": %d, \"of\": %d, \"statements\": %d", ordinal, of,
					 statements);
	end_event(&json, cost);
	ereport(NOTICE,
			(errcode(ERRCODE_CF_PROGRESS_FINISHED),
			 errmsg("%s: %s done, %.1f ms", run_name(run), run->direction, cost->elapsed_ms),
			 errdetail_internal("%s", json.data), errhidestmt(true), errhidecontext(true)));
	pfree(json.data);
}

/* Reports that a migration is tried again after a lock timeout. */
void
cf_progress_lock_retry(const CfRun *run, int attempt, double wait_ms, const char *message)
{
	StringInfoData json;

	if (cf_progress < CF_PROGRESS_MIGRATIONS)
		return;
	begin_event(&json, "lock_retry", run);
	appendStringInfo(&json, ", \"attempt\": %d, \"of\": %d, \"wait_ms\": %.0f", attempt,
					 cf_lock_retries, wait_ms);
	cf_json_text(&json, "message", message);
	end_event(&json, NULL);
	ereport(NOTICE, (errcode(ERRCODE_CF_PROGRESS_WAITING),
					 errmsg("%s: %s, retry %d of %d in %.0f ms", run_name(run), message, attempt,
							cf_lock_retries, wait_ms),
					 errdetail_internal("%s", json.data), errhidestmt(true), errhidecontext(true)));
	pfree(json.data);
}
