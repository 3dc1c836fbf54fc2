/*-------------------------------------------------------------------------
 *
 * execute.c
 *	  The one executor: every script of Confiture runs here.
 *
 * Statements are taken from the parse trees that the server's grammar has
 * made, and are analysed, planned and run as extension.c does for the script
 * of an extension, in one pass, without a second parse.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "storage/proc.h"
#include "tcop/dest.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

#include "execute.h"

/* The statement of a script that runs, the innermost; for the DDL log. */
static const CfScript *running_script = NULL;
static const CfStatement *running_statement = NULL;

/* Returns the statement that runs, and its script; NULL when none does. */
const CfStatement *
cf_running_statement(const CfScript **script)
{
	*script = running_script;
	return running_statement;
}

/* Runs one planned statement; returns how many rows it has processed. */
static uint64
run_planned(PlannedStmt *plan, const char *sql)
{
	uint64 rows = 0;

	if (plan->utilityStmt == NULL)
	{
		QueryDesc *desc = cf_create_query_desc(plan, sql, GetActiveSnapshot(), None_Receiver);

		ExecutorStart(desc, 0);
		cf_executor_run(desc);
		ExecutorFinish(desc);
		rows = desc->estate->es_processed;
		ExecutorEnd(desc);
		FreeQueryDesc(desc);
	}
	else
	{
		QueryCompletion qc;

		InitializeQueryCompletion(&qc);
		ProcessUtility(plan, sql, false, PROCESS_UTILITY_QUERY, NULL, NULL, None_Receiver, &qc);
		rows = qc.nprocessed;
	}
	return rows;
}

/* Analyses, plans and runs one statement of the current transaction. */
static uint64
run_statement(const CfScript *script, const CfStatement *stmt)
{
	uint64 rows = 0;
	List *plans;
	ListCell *lc;

	if (stmt->copy_data)
	{
		CommandCounterIncrement();
		PushActiveSnapshot(GetTransactionSnapshot());
		rows = cf_copy_from_script(script, stmt);
		PopActiveSnapshot();
		return rows;
	}

	/* Let the parser see what the statements before have done. */
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	/* Analysis scribbles on utility statements: a dry run may run one twice. */
	plans = pg_analyze_and_rewrite_fixedparams(copyObject(stmt->raw), script->sql, NULL, 0, NULL);
	plans = pg_plan_queries(plans, script->sql, CURSOR_OPT_PARALLEL_OK, NULL);
	PopActiveSnapshot();

	foreach (lc, plans)
	{
		CommandCounterIncrement();
		PushActiveSnapshot(GetTransactionSnapshot());
		rows += run_planned(lfirst_node(PlannedStmt, lc), script->sql);
		/* A utility statement may have popped it. */
		if (ActiveSnapshotSet())
			PopActiveSnapshot();
	}
	return rows;
}

/*
 * Arms statement_timeout for one statement when the script itself has changed
 * it: the server arms it only once for each statement of the client. A timer
 * that the client's own statement runs under stays the upper bound. Returns
 * whether a timer was changed, and where the old one stood.
 */
static bool
arm_statement_timeout(int outer_timeout, TimestampTz *outer_finish)
{
	bool armed = get_timeout_active(STATEMENT_TIMEOUT);
	TimestampTz finish;

	if (StatementTimeout == outer_timeout || StatementTimeout <= 0)
		return false;
	*outer_finish = armed ? get_timeout_finish_time(STATEMENT_TIMEOUT) : 0;
	finish = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), StatementTimeout);
	if (armed && *outer_finish < finish)
		return false;
	enable_timeout_at(STATEMENT_TIMEOUT, finish);
	return true;
}

/* Puts the timer of the client's own statement back. */
static void
restore_statement_timeout(TimestampTz outer_finish)
{
	disable_timeout(STATEMENT_TIMEOUT, false);
	if (outer_finish != 0)
		enable_timeout_at(STATEMENT_TIMEOUT, outer_finish);
}

/*
 * Runs one statement in the current transaction and adds to cost what it has
 * cost. Errors point into the script.
 */
void
cf_execute_statement(const CfScript *script, const CfStatement *stmt, CfCost *cost)
{
	CfErrorFrame frame = {.script = script, .stmt = stmt};
	ErrorContextCallback callback = {
		.previous = error_context_stack, .callback = cf_error_callback, .arg = &frame};
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "confiture statement", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	const char *source = ActivePortal ? ActivePortal->sourceText : NULL;
	const CfScript *outer_script = running_script;
	const CfStatement *outer_statement = running_statement;
	CfMeter meter;

	CHECK_FOR_INTERRUPTS();
	error_context_stack = &callback;
	cf_meter_start(&meter);
	running_script = script;
	running_statement = stmt;
	PG_TRY();
	{
		/* Errors in the body of a function are placed in this text. */
		if (ActivePortal)
			ActivePortal->sourceText = script->sql;
		cost->rows += (int64) run_statement(script, stmt);
	}
	PG_FINALLY();
	{
		running_script = outer_script;
		running_statement = outer_statement;
		if (ActivePortal)
			ActivePortal->sourceText = source;
	}
	PG_END_TRY();
	cf_meter_stop(&meter, cost);
	error_context_stack = callback.previous;

	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/*
 * Runs one statement at the top level, in a transaction that it opens and
 * commits itself: for the background worker. The caller has no transaction.
 */
void
cf_execute_top_level(const CfScript *script, const CfStatement *stmt, CfCost *cost)
{
	CfErrorFrame frame = {.script = script, .stmt = stmt};
	ErrorContextCallback callback = {
		.previous = error_context_stack, .callback = cf_error_callback, .arg = &frame};
	RawStmt *raw;
	List *plans;
	Portal portal;
	QueryCompletion qc;
	CfMeter meter;

	error_context_stack = &callback;
	/* After an error the worker ends, or goes on with another one. */
	running_script = script;
	running_statement = stmt;
	cf_meter_start(&meter);
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	if (StatementTimeout > 0)
		enable_timeout_after(STATEMENT_TIMEOUT, StatementTimeout);

	/* The portal's context outlives transactions that VACUUM and the like start. */
	portal = CreatePortal("", true, true);
	portal->visible = false;
	MemoryContextSwitchTo(portal->portalContext);
	raw = copyObject(stmt->raw);
	PushActiveSnapshot(GetTransactionSnapshot());
	plans = pg_analyze_and_rewrite_fixedparams(raw, script->sql, NULL, 0, NULL);
	plans = pg_plan_queries(plans, script->sql, CURSOR_OPT_PARALLEL_OK, NULL);
	PopActiveSnapshot();
	PortalDefineQuery(portal, NULL, script->sql, stmt->tag, plans, NULL);
	PortalStart(portal, NULL, 0, InvalidSnapshot);
	InitializeQueryCompletion(&qc);
	(void) cf_portal_run(portal, true, None_Receiver, &qc);
	PortalDrop(portal, false);
	disable_timeout(STATEMENT_TIMEOUT, false);
	CommitTransactionCommand();
	running_script = NULL;
	running_statement = NULL;

	cf_meter_stop(&meter, cost);
	cost->rows += (int64) qc.nprocessed;
	error_context_stack = callback.previous;
}

/* Sets lock_timeout to ours, unless the session's own is shorter. */
static void
limit_lock_waits(void)
{
	char value[32];

	if (cf_lock_timeout == 0 || (LockTimeout > 0 && LockTimeout <= cf_lock_timeout))
		return;
	snprintf(value, sizeof(value), "%d", cf_lock_timeout);
	(void) set_config_option("lock_timeout", value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
}

/*
 * Opens a scope for the settings of a script: it runs under the search_path
 * of the caller's session (NULL leaves it), waits no longer for a lock than
 * confiture.lock_timeout, and what it SETs ends with it.
 */
int
cf_begin_script_settings(const char *search_path)
{
	int nest_level = NewGUCNestLevel();

	limit_lock_waits();
	if (search_path)
		(void) set_config_option("search_path", search_path, PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	return nest_level;
}

/* Ends the scope: every setting is again what it was before. */
void
cf_end_script_settings(int nest_level)
{
	AtEOXact_GUC(false, nest_level);
}

/* Runs the statements of a script one after the other. */
static void
run_statements(const CfScript *script, const CfRun *run, CfCost *cost, double *elapsed_ms,
			   int outer_timeout, volatile bool *timer, volatile TimestampTz *outer_finish)
{
	for (int i = 0; i < script->count; i++)
	{
		const CfStatement *stmt = &script->statements[i];
		CfCost one = {0};
		TimestampTz finish = 0;

		cf_progress_statement_started(run, script, stmt);
		*timer = arm_statement_timeout(outer_timeout, &finish);
		*outer_finish = finish;
		cf_execute_statement(script, stmt, &one);
		if (*timer)
			restore_statement_timeout(finish);
		*timer = false;
		cf_progress_statement_finished(run, script, stmt, &one);

		elapsed_ms[i] = one.elapsed_ms;
		cost->elapsed_ms += one.elapsed_ms;
		cost->rows += one.rows;
		cost->wal_bytes += one.wal_bytes;
		cost->buffers_read += one.buffers_read;
	}
}

/*
 * Runs a whole script in the current transaction, adds to cost what it has
 * cost, and stores in elapsed_ms how long each statement took. The caller has
 * checked that every statement may run here.
 */
void
cf_execute_script(const CfScript *script, const CfRun *run, CfCost *cost, double *elapsed_ms)
{
	volatile bool timer = false;
	volatile TimestampTz outer_finish = 0;

	PG_TRY();
	{
		run_statements(script, run, cost, elapsed_ms, StatementTimeout, &timer, &outer_finish);
	}
	PG_CATCH();
	{
		if (timer)
			restore_statement_timeout(outer_finish);
		PG_RE_THROW();
	}
	PG_END_TRY();
	/* The caller sees what the last statement has done. */
	CommandCounterIncrement();
}

/*
 * Error context callback: names the script whose deferred constraints speak.
 */
static void
deferred_callback(void *arg)
{
	errcontext("%s, at its end: deferred constraints", (const char *) arg);
}

/*
 * Lets deferred constraints speak now, as COMMIT would, while it is known
 * which script violates them. Done in a subtransaction that is rolled back:
 * what is deferred stays deferred.
 */
void
cf_check_deferred(const char *label)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ConstraintsSetStmt *stmt = makeNode(ConstraintsSetStmt);
	ErrorData *volatile edata = NULL;
	ErrorContextCallback callback = {.previous = error_context_stack,
									 .callback = deferred_callback,
									 .arg = unconstify(char *, label)};

	stmt->constraints = NIL;
	stmt->deferred = false;
	error_context_stack = &callback;
	BeginInternalSubTransaction("confiture deferred constraints");
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		PushActiveSnapshot(GetTransactionSnapshot());
		AfterTriggerSetState(stmt);
		PopActiveSnapshot();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		edata = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	error_context_stack = callback.previous;
	if (edata)
		ReThrowError(edata);
}
