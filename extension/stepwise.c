/*-------------------------------------------------------------------------
 *
 * stepwise.c
 *	  A migration that does not run in one transaction: statement by
 *	  statement, in the background worker.
 *
 * confiture.migration_progress says how far it is. A statement that runs in a
 * transaction is recorded in that same transaction. One that needs the top
 * level is marked as started before, and as done after: if the server dies in
 * between, leftover.c finds out what has happened.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "estimate.h"
#include "failure.h"
#include "guard.h"
#include "ledger.h"
#include "values.h"
#include "worker.h"

/* A migration on its way. */
typedef struct Stepwise
{
	MemoryContext context;
	const char *version;
	const char *direction;
	const char *search_path;
	char *name;
	char *checksum; /* of the script that runs */
	char *intent;	/* that it carries out, or NULL */
	CfScript *script;
	CfRun run;
	int done;	 /* statements done */
	int started; /* the one in doubt, or 0 */
	bool ended;	 /* the statement itself has ended */
	CfCost cost;
	double *elapsed_ms; /* of each statement */
	List *leftovers;	/* names of invalid indexes to be dropped */
} Stepwise;

/* Opens a transaction that can use SPI. */
static void
begin(void)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
}

/* Commits it. */
static void
commit(void)
{
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
}

/* The role that asked for the migration; a script may SET another. */
static Oid caller;

/* Runs a query of ours, as the role that asked for the migration. */
static void
query(const char *sql, int nargs, Oid *types, Datum *values, const char *nulls)
{
	Oid role;
	int context;

	GetUserIdAndSecContext(&role, &context);
	SetUserIdAndSecContext(caller, context);
	if (SPI_execute_with_args(sql, nargs, types, values, nulls, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "unexpected result of %s", sql);
	SetUserIdAndSecContext(role, context);
}

/* Reads script and progress. Returns false when there is nothing to do. */
static bool
load(Stepwise *step)
{
	Oid types[2] = {TEXTOID, TEXTOID};
	Datum values[2];
	char *text, *label;
	bool isnull, found;

	begin();
	values[0] = CStringGetTextDatum(step->version);
	values[1] = CStringGetTextDatum(step->direction);
	query("SELECT name, script, label, checksum, statements_done, started, leftovers, intent"
		  " FROM confiture._load_stepwise($1, $2)",
		  2, types, values, NULL);
	found = SPI_processed > 0;
	if (found)
	{
		HeapTuple tuple = SPI_tuptable->vals[0];
		TupleDesc desc = SPI_tuptable->tupdesc;
		MemoryContext old = MemoryContextSwitchTo(step->context);

		step->name = SPI_getvalue(tuple, desc, 1);
		text = SPI_getvalue(tuple, desc, 2);
		label = SPI_getvalue(tuple, desc, 3);
		step->checksum = SPI_getvalue(tuple, desc, 4);
		step->done = DatumGetInt32(SPI_getbinval(tuple, desc, 5, &isnull));
		step->started = DatumGetInt32(SPI_getbinval(tuple, desc, 6, &isnull));
		if (isnull)
			step->started = 0;
		step->leftovers = cf_read_names(SPI_getbinval(tuple, desc, 7, &isnull));
		step->intent = SPI_getvalue(tuple, desc, 8);
		step->script = cf_script_parse(text, strlen(text), label);
		cf_script_check_runnable(step->script);
		step->elapsed_ms = palloc0(Max(1, step->script->count) * sizeof(double));
		MemoryContextSwitchTo(old);
	}
	commit();
	return found;
}

/*
 * Returns the text of the first statements of the script, without data of
 * COPY: those that have run must stay what they are, the others may be mended.
 */
static Datum
first_statements(const Stepwise *step, int count)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < count && i < step->script->count; i++)
	{
		const CfStatement *stmt = &step->script->statements[i];

		appendBinaryStringInfo(&text, step->script->sql + stmt->start, stmt->len);
		appendStringInfoString(&text, ";\n");
	}
	return CStringGetTextDatum(text.data);
}

/* Refuses to go on when statements that have run are other ones now. */
static void
check_progress(const Stepwise *step)
{
	Oid types[3] = {TEXTOID, TEXTOID, TEXTOID};
	Datum values[3];

	begin();
	values[0] = CStringGetTextDatum(step->version);
	values[1] = CStringGetTextDatum(step->direction);
	values[2] = first_statements(step, Max(step->done, step->started));
	query("SELECT confiture._check_progress($1, $2, $3)", 3, types, values, NULL);
	commit();
}

/* Stores how far the migration is, in the current transaction. */
static void
set_progress(const Stepwise *step, int done, const CfStatement *started)
{
	Oid types[7] = {TEXTOID, TEXTOID, TEXTOID, INT4OID, INT4OID, TEXTOID, TEXTARRAYOID};
	Datum values[7];
	char nulls[8] = "       ";

	values[0] = CStringGetTextDatum(step->version);
	values[1] = CStringGetTextDatum(step->direction);
	values[2] = first_statements(step, started ? started->ordinal : done);
	values[3] = Int32GetDatum(done);
	if (started)
	{
		values[4] = Int32GetDatum(started->ordinal);
		values[5] = CStringGetTextDatum(GetCommandTagName(started->tag));
	}
	else
	{
		values[4] = values[5] = (Datum) 0;
		nulls[4] = nulls[5] = 'n';
	}
	values[6] = cf_names_array(step->leftovers);
	query("SELECT confiture._set_progress($1, $2, $3, $4, $5, $6, $7)", 7, types, values, nulls);
}

/* The same in a transaction of its own. */
static void
commit_progress(const Stepwise *step, int done, const CfStatement *started)
{
	begin();
	set_progress(step, done, started);
	commit();
}

/* Runs the hooks of a phase in a transaction of their own. */
static void
run_hooks(const Stepwise *step, const char *phase)
{
	Oid types[6] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	Datum values[6];
	char nulls[7] = "      ";

	begin();
	values[0] = CStringGetTextDatum(phase);
	values[1] = CStringGetTextDatum(step->version);
	values[2] = CStringGetTextDatum(step->name);
	values[3] = CStringGetTextDatum(step->direction);
	values[4] = CStringGetTextDatum(step->search_path);
	values[5] = cf_optional_text(step->intent, &nulls[5]);
	query("SELECT confiture._run_hooks($1, pg_catalog.jsonb_strip_nulls("
		  "pg_catalog.jsonb_build_object("
		  "'version', $2, 'name', $3, 'direction', $4, 'intent', $6)), $5)",
		  6, types, values, nulls);
	commit();
}

/* Runs the statements of one transaction, mostly one, and records them in it. */
static void
run_in_transaction(Stepwise *step, const CfStatement *first, CfCost *costs)
{
	begin();
	for (int i = first->ordinal; i <= first->block_end; i++)
	{
		const CfStatement *stmt = first + (i - first->ordinal);

		if (i > first->ordinal)
			cf_progress_statement_started(&step->run, step->script, stmt);
		if (StatementTimeout > 0)
			enable_timeout_after(STATEMENT_TIMEOUT, StatementTimeout);
		cf_execute_statement(step->script, stmt, &costs[i - first->ordinal]);
		CommandCounterIncrement();
		if (i == first->block_end)
			cf_check_deferred(step->script->label);
		disable_timeout(STATEMENT_TIMEOUT, false);
	}
	set_progress(step, first->block_end, NULL);
	commit();
}

/* Runs a statement at the top level, marked before and after. */
static void
run_top_level(Stepwise *step, const CfStatement *stmt, CfCost *cost)
{
	CfErrorFrame frame = {.script = step->script, .stmt = stmt};
	ErrorContextCallback callback = {
		.previous = error_context_stack, .callback = cf_error_callback, .arg = &frame};

	error_context_stack = &callback;
	cf_drop_leftovers(step->leftovers);
	step->leftovers = NIL;
	cf_check_can_start(stmt);
	error_context_stack = callback.previous;
	commit_progress(step, stmt->ordinal - 1, stmt);
	cf_execute_top_level(step->script, stmt, cost);
	step->ended = true;
	/* DISCARD ALL has taken from the session what we rely on. */
	if (IsA(stmt->raw->stmt, DiscardStmt))
	{
		cf_worker_lock();
		cf_worker_set_session(step->search_path);
	}
	commit_progress(step, stmt->ordinal, NULL);
}

/* Cleans up after a statement that has failed; what is left is on record. */
static void
clean_up(Stepwise *step, const CfStatement *stmt)
{
	if (!stmt->needs_top_level)
		return;
	/* It did its work, only the mark is missing: the mark "started" stays. */
	if (!step->ended && cf_clean_up(stmt, &step->leftovers))
		commit_progress(step, stmt->ordinal - 1, NULL);
	else
		step->started = stmt->ordinal;
}

/* Runs a statement, or those of its transaction, once. Returns the error, or NULL. */
static ErrorData *
try_statement(Stepwise *step, const CfStatement *stmt, CfCost *costs)
{
	ErrorData *volatile edata = NULL;

	PG_TRY();
	{
		if (stmt->needs_top_level)
			run_top_level(step, stmt, costs);
		else
			run_in_transaction(step, stmt, costs);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(step->context);
		edata = CopyErrorData();
		FlushErrorState();
		disable_timeout(STATEMENT_TIMEOUT, false);
		AbortCurrentTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(step->context);
	return edata;
}

/* Adds what statements have cost, and tells that they have ended. */
static void
account(Stepwise *step, const CfStatement *first, const CfCost *costs)
{
	for (int i = 0; i <= first->block_end - first->ordinal; i++)
	{
		cf_progress_statement_finished(&step->run, step->script, first + i, &costs[i]);
		step->elapsed_ms[first->ordinal - 1 + i] = costs[i].elapsed_ms;
		step->cost.elapsed_ms += costs[i].elapsed_ms;
		step->cost.rows += costs[i].rows;
		step->cost.wal_bytes += costs[i].wal_bytes;
	}
}

/* Runs a statement, or those of its transaction, again after a lock timeout. */
static void
run_statement(Stepwise *step, const CfStatement *stmt)
{
	for (int attempt = 1;; attempt++)
	{
		CfCost *costs = palloc0((stmt->block_end - stmt->ordinal + 1) * sizeof(CfCost));
		ErrorData *edata;
		double pause;

		if (step->started == stmt->ordinal)
		{
			step->started = 0;
			if (cf_was_completed(stmt, stmt->ordinal))
			{
				commit_progress(step, stmt->ordinal, NULL);
				return;
			}
		}
		cf_progress_statement_started(&step->run, step->script, stmt);
		step->ended = false;
		edata = try_statement(step, stmt, costs);
		if (edata == NULL)
		{
			account(step, stmt, costs);
			return;
		}
		clean_up(step, stmt);
		if (!cf_is_lock_failure(edata) || attempt > cf_lock_retries)
			ReThrowError(edata);
		pause = cf_retry_pause(attempt);
		cf_progress_lock_retry(&step->run, attempt, pause, edata->message);
		cf_sleep(pause);
	}
}

/*
 * Runs the SETs among the statements that are done already: the rest of a
 * resumed script expects them.
 */
static void
repeat_settings(Stepwise *step)
{
	for (int i = 0; i < step->done; i++)
	{
		const CfStatement *stmt = &step->script->statements[i];
		CfCost cost = {0};

		if (!IsA(stmt->raw->stmt, VariableSetStmt) ||
			((VariableSetStmt *) stmt->raw->stmt)->is_local)
			continue;
		begin();
		cf_execute_statement(step->script, stmt, &cost);
		commit();
	}
}

/* Compares the schema with what the script says that it was made from. */
static void
check_basis(const Stepwise *step)
{
	Oid types[1] = {TEXTOID};
	Datum values[1];

	/* What has begun goes on: the schema has moved by its own statements. */
	if (step->done > 0 || step->started > 0 || strcmp(step->direction, "up") != 0)
		return;
	begin();
	values[0] = PointerGetDatum(cstring_to_text_with_len(step->script->text, step->script->len));
	query("SELECT confiture._check_basis($1)", 1, types, values, NULL);
	commit();
}

/* Checks the statements that are to run against the intents of other agents. */
static void
check_intents(const Stepwise *step)
{
	begin();
	cf_guard_script(step->script, step->done);
	commit();
}

/* Writes the ledger, and runs the hooks, in one transaction. */
static void
finish(const Stepwise *step, TimestampTz started)
{
	Oid types[11] = {TEXTOID, TEXTOID, TIMESTAMPTZOID, FLOAT8OID, INT4OID, INT8OID,
					 INT8OID, TEXTOID, TEXTOID,		   TEXTOID,	  TEXTOID};
	Datum values[11];
	char nulls[12] = "           ";
	Oid role;
	int context;

	begin();
	/* The script is done: what follows is ours. */
	GetUserIdAndSecContext(&role, &context);
	SetUserIdAndSecContext(caller, context);
	values[0] = CStringGetTextDatum(step->version);
	values[1] = CStringGetTextDatum(step->direction);
	values[2] = TimestampTzGetDatum(started);
	values[3] = Float8GetDatum(step->cost.elapsed_ms);
	values[4] = Int32GetDatum(step->script->count);
	values[5] = Int64GetDatum(step->cost.rows);
	values[6] = Int64GetDatum(step->cost.wal_bytes);
	values[7] = CStringGetTextDatum(step->search_path);
	values[8] = CStringGetTextDatum(step->name);
	values[9] = CStringGetTextDatum(step->checksum);
	values[10] = cf_optional_text(step->intent, &nulls[10]);
	query("SELECT confiture._finish_stepwise($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)", 11,
		  types, values, nulls);
	/* After a resumed run some were not measured: better none than wrong. */
	if (step->done == 0 && cf_has_predictions(step->version, step->direction))
		cf_store_actuals(step->version, step->direction, step->script, step->elapsed_ms);
	commit();
}

/*
 * Runs a migration statement by statement, from where an earlier run has
 * stopped. Called in the worker, outside of any transaction.
 */
void
cf_run_stepwise(const char *version, const char *direction, const char *search_path, int ordinal,
				int of)
{
	TimestampTz started = GetCurrentTimestamp();
	CfGuardScope scope;
	Stepwise step = {.version = version, .direction = direction, .search_path = search_path};

	step.context =
		AllocSetContextCreate(TopMemoryContext, "confiture stepwise", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(step.context);
	caller = GetUserId();
	pgstat_report_activity(STATE_RUNNING,
						   psprintf("confiture: migration %s (%s)", version, direction));
	cf_worker_lock();
	cf_worker_set_session(search_path);
	if (!load(&step))
		return;
	step.run = (CfRun) {.version = version, .name = step.name, .direction = direction};
	check_progress(&step);
	cf_progress_migration_started(&step.run, ordinal, of);
	/* To the end of the worker. */
	cf_guard_enter(&scope, step.intent, step.script->label, step.version);
	run_hooks(&step, "before_each");
	check_basis(&step);
	repeat_settings(&step);
	check_intents(&step);
	for (int i = step.done; i < step.script->count; i = step.script->statements[i].block_end)
	{
		char *text = cf_statement_text(step.script, &step.script->statements[i]);

		pgstat_report_activity(STATE_RUNNING, text);
		run_statement(&step, &step.script->statements[i]);
	}
	finish(&step, started);
	cf_progress_migration_finished(&step.run, ordinal, of, step.script->count, &step.cost);
}
