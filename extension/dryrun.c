/*-------------------------------------------------------------------------
 *
 * dryrun.c
 *	  confiture.dry_run() and confiture.migrate_dry_run(): run a script, or
 *	  the pending migrations, in a subtransaction that is always rolled back,
 *	  and report what every statement did.
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
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "estimate.h"
#include "execute.h"
#include "failure.h"
#include "guard.h"
#include "ledger.h"
#include "measure.h"
#include "plan.h"

PG_FUNCTION_INFO_V1(confiture_dry_run);
PG_FUNCTION_INFO_V1(confiture_migrate_dry_run);

/* A row of the result, with the migration that it belongs to. */
typedef struct DryRow
{
	const CfPlanned *planned; /* NULL for a plain script */
	const CfScript *script;	  /* NULL for Python */
	CfReportRow row;
} DryRow;

/* A dry run while it goes on. */
typedef struct DryRun
{
	MemoryContext context; /* outlives the subtransaction */
	CfWatch *watch;
	Jsonb *targets;	 /* sizes to estimate for, or NULL */
	List *rows;		 /* of DryRow * */
	DryRow *current; /* the statement that runs now */
	bool deferred;	 /* the check of deferred constraints runs */
} DryRun;

/* Appends a row for a statement. */
static DryRow *
add_row(DryRun *run, const CfPlanned *planned, const CfScript *script, const CfStatement *stmt,
		const char *text)
{
	MemoryContext old = MemoryContextSwitchTo(run->context);
	DryRow *dry = palloc0(sizeof(DryRow));

	dry->planned = planned;
	dry->script = script;
	dry->row.stmt = stmt;
	dry->row.text = pstrdup(text);
	run->rows = lappend(run->rows, dry);
	MemoryContextSwitchTo(old);
	return dry;
}

/* Appends a warning to a row. */
static void
warn(DryRun *run, DryRow *dry, const char *text)
{
	MemoryContext old = MemoryContextSwitchTo(run->context);

	dry->row.warnings = lappend(dry->row.warnings, pstrdup(text));
	MemoryContextSwitchTo(old);
}

/*
 * Returns a form of a statement that can run here: CREATE and DROP INDEX and
 * REINDEX without CONCURRENTLY. NULL when there is none.
 */
static const CfStatement *
transactional_form(const CfStatement *stmt)
{
	CfStatement *copy;
	Node *node = stmt->raw->stmt;

	if (!stmt->needs_top_level)
		return stmt;
	copy = palloc(sizeof(CfStatement));
	*copy = *stmt;
	copy->raw = copyObject(stmt->raw);
	node = copy->raw->stmt;
	if (IsA(node, IndexStmt))
		((IndexStmt *) node)->concurrent = false;
	else if (IsA(node, DropStmt))
		((DropStmt *) node)->concurrent = false;
	else if (IsA(node, ReindexStmt) && (((ReindexStmt *) node)->kind == REINDEX_OBJECT_INDEX ||
										((ReindexStmt *) node)->kind == REINDEX_OBJECT_TABLE))
		((ReindexStmt *) node)->params = NIL;
	else
		return NULL;
	if (cf_needs_top_level(node))
		return NULL; /* of a partitioned table */
	return copy;
}

/* With CONCURRENTLY the locks are weaker than those just measured. */
static void
weaken_locks(DryRow *dry)
{
	ListCell *lc;

	foreach (lc, dry->row.locks)
	{
		CfRelationLock *lock = (CfRelationLock *) lfirst(lc);

		if (lock->mode > ShareUpdateExclusiveLock && !lock->created)
			lock->mode = ShareUpdateExclusiveLock;
	}
}

/* Says what the rollback of a statement leaves behind. */
static void
warn_of_remains(DryRun *run, DryRow *dry)
{
	switch (dry->row.stmt->tag)
	{
		case CMDTAG_INSERT:
		case CMDTAG_UPDATE:
		case CMDTAG_DELETE:
		case CMDTAG_MERGE:
		case CMDTAG_COPY:
			if (dry->row.cost.rows >= 1000)
				warn(run, dry,
					 psprintf(INT64_FORMAT
							  " rows were written and rolled back: VACUUM will reclaim the space",
							  dry->row.cost.rows));
			break;
		case CMDTAG_DO:
		case CMDTAG_CALL:
			warn(run, dry,
				 "what it did outside of this database (files, other servers) is not undone");
			break;
		default:
			break;
	}
}

/*
 * Adds the locks that a statement did not take here, because what would be an
 * earlier transaction of the real run holds them: as the analysis predicts.
 */
static void
add_repeated_locks(DryRun *run, DryRow *dry, List *predicted)
{
	ListCell *lc;

	foreach (lc, predicted)
	{
		const CfRelationLock *lock = (const CfRelationLock *) lfirst(lc);

		if (!OidIsValid(lock->relid) || lock->created ||
			!cf_watch_held_before(run->watch, lock->relid, lock->mode))
			continue;
		dry->row.locks = cf_add_lock(dry->row.locks, lock->relid, lock->relation, lock->mode,
									 lock->named, false);
		((CfRelationLock *) llast(dry->row.locks))->again = true;
	}
}

/* Predicts the locks of a statement, when an earlier transaction may hold them. */
static List *
predict_locks(DryRun *run, DryRow *dry)
{
	CfReportRow row = {.stmt = dry->row.stmt, .text = dry->row.text};

	if (run->watch->unit < 2)
		return NIL;
	cf_analyze_statement(dry->script, dry->row.stmt, &row);
	return row.locks;
}

/* Runs one statement and measures it. */
static void
run_statement(DryRun *run, DryRow *dry)
{
	const CfStatement *stmt = dry->row.stmt;
	const CfStatement *form = transactional_form(stmt);
	CfBaseline baseline;
	MemoryContext old;
	List *named;
	List *predicted;

	if (form == NULL)
	{
		warn(run, dry, "not run: it can't run in a transaction block, and nothing like it can");
		return;
	}
	old = MemoryContextSwitchTo(run->context);
	run->current = dry;
	CommandCounterIncrement();
	named = cf_named_relations(stmt);
	predicted = predict_locks(run, dry);
	MemoryContextSwitchTo(old);
	cf_estimate_prepare(dry->script, stmt, run->targets, &baseline);
	dry->row.main_relid = baseline.relid;
	old = MemoryContextSwitchTo(run->context);
	cf_watch_statement_starts(run->watch);
	MemoryContextSwitchTo(old);

	cf_execute_statement(dry->script, form, &dry->row.cost);
	dry->row.executed = true;
	CommandCounterIncrement();

	old = MemoryContextSwitchTo(run->context);
	named = list_concat_unique_oid(named, cf_named_relations(stmt));
	cf_watch_statement_ended(run->watch, stmt, named, &dry->row);
	add_repeated_locks(run, dry, predicted);
	if (form != stmt)
	{
		weaken_locks(dry);
		warn(
			run, dry,
			"measured without CONCURRENTLY, which takes longer, blocks no writes, and waits for older transactions");
	}
	warn_of_remains(run, dry);
	cf_estimate_statement(stmt, run->targets, &baseline, &dry->row);
	MemoryContextSwitchTo(old);
	run->current = NULL;
}

/* Compares the schema with what a script says that it was made from; the first row takes the blame. */
static void
check_basis(DryRun *run, const CfScript *script, DryRow *first)
{
	Oid types[1] = {TEXTOID};
	Datum values[1];

	run->current = first;
	values[0] = PointerGetDatum(cstring_to_text_with_len(script->text, script->len));
	SPI_connect();
	if (SPI_execute_with_args("SELECT confiture._check_basis($1)", 1, types, values, NULL, false,
							  0) != SPI_OK_SELECT)
		elog(ERROR, "confiture._check_basis() failed");
	SPI_finish();
	run->current = NULL;
}

/* Adds the rows of a script, then runs its statements. */
static void
run_script(DryRun *run, const CfPlanned *planned, CfScript *script)
{
	int nest_level = cf_begin_script_settings(NULL);
	bool stepwise = cf_script_is_stepwise(script);
	List *rows = NIL;
	ListCell *lc;

	for (int i = 0; i < script->count; i++)
		rows = lappend(rows, add_row(run, planned, script, &script->statements[i],
									 cf_statement_text(script, &script->statements[i])));
	if (rows != NIL && (planned == NULL || strcmp(planned->direction, "up") == 0))
		check_basis(run, script, (DryRow *) linitial(rows));
	foreach (lc, rows)
	{
		if (stepwise || lc == list_head(rows))
			cf_watch_next_unit(run->watch);
		run_statement(run, (DryRow *) lfirst(lc));
	}
	run->deferred = true;
	cf_check_deferred(script->label);
	run->deferred = false;
	cf_end_script_settings(nest_level);
}

/* Runs a migration in Python as one statement. */
static void
run_python(DryRun *run, const CfPlanned *planned)
{
	CfStatement *stmt = MemoryContextAllocZero(run->context, sizeof(CfStatement));
	DryRow *dry;

	stmt->ordinal = stmt->line = stmt->column = 1;
	stmt->tag = CMDTAG_UNKNOWN;
	dry = add_row(run, planned, NULL, stmt, planned->script);
	dry->row.command = "PYTHON";
	run->current = dry;
	cf_watch_next_unit(run->watch);
	cf_watch_statement_starts(run->watch);
	cf_run_planned_python(planned, &dry->row.cost);
	dry->row.executed = true;
	CommandCounterIncrement();
	{
		MemoryContext old = MemoryContextSwitchTo(run->context);

		cf_watch_statement_ended(run->watch, stmt, NIL, &dry->row);
		MemoryContextSwitchTo(old);
	}
	warn(run, dry, "what it did outside of this database (files, other servers) is not undone");
	run->current = NULL;
}

/* Runs one script, or one migration in Python, as what carries out its intent. */
static void
run_one(DryRun *run, const CfPlanned *planned, CfScript *script)
{
	CfGuardScope scope;

	cf_guard_enter(&scope, planned ? planned->intent : cf_script_intent(script), "dry run",
				   planned ? planned->version : NULL);
	PG_TRY();
	{
		if (script)
			run_script(run, planned, script);
		else
			run_python(run, planned);
	}
	PG_FINALLY();
	{
		cf_guard_leave(&scope);
	}
	PG_END_TRY();
}

/* What runs in the subtransaction. */
static void
run_all(DryRun *run, CfScript *script, List *plan)
{
	ListCell *lc;

	run->watch = cf_watch_begin();
	if (script)
		run_one(run, NULL, script);
	foreach (lc, plan)
	{
		const CfPlanned *planned = (const CfPlanned *) lfirst(lc);

		run_one(run, planned, planned->parsed);
	}
	cf_watch_end(run->watch);
}

/* Puts the error that has ended the run on the row that it belongs to. */
static void
report_error(DryRun *run, ErrorData *edata)
{
	DryRow *dry = run->current;
	DryRow *last = run->rows ? (DryRow *) llast(run->rows) : NULL;
	bool after = false;
	ListCell *lc;

	cf_trim_error_context(edata);
	if (run->deferred)
	{
		CfStatement *stmt = palloc0(sizeof(CfStatement));

		stmt->ordinal = last ? last->row.stmt->ordinal + 1 : 1;
		stmt->line = last ? last->row.stmt->line : 1;
		stmt->tag = CMDTAG_SET_CONSTRAINTS;
		dry =
			add_row(run, last ? last->planned : NULL, NULL, stmt, "SET CONSTRAINTS ALL IMMEDIATE");
		warn(run, dry,
			 "run by the dry run at the end, as COMMIT would: a deferred constraint is violated");
	}
	if (dry == NULL)
		ReThrowError(edata);
	dry->row.error = cf_error_json(edata);
	if (cf_is_lock_failure(edata) && dry->script)
	{
		cf_analyze_statement(dry->script, dry->row.stmt, &dry->row);
		dry->row.holders = cf_lock_holders(dry->row.locks);
	}
	foreach (lc, run->rows)
	{
		DryRow *other = (DryRow *) lfirst(lc);

		if (after && !other->row.executed)
			warn(run, other,
				 psprintf("not run: statement %d before it failed", dry->row.stmt->ordinal));
		after |= other == dry;
	}
}

/*
 * Runs a script or a plan, rolls it back, and returns the rows.
 */
static List *
dry_run(CfScript *script, List *plan, Jsonb *targets)
{
	DryRun run = {.context = CurrentMemoryContext, .targets = targets};
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData *volatile edata = NULL;

	cf_check_writable("a dry run");
	cf_check_targets(targets);
	BeginInternalSubTransaction("confiture dry run");
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		run_all(&run, script, plan);
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
	if (edata)
	{
		if (edata->sqlerrcode == ERRCODE_QUERY_CANCELED)
			ReThrowError(edata);
		report_error(&run, edata);
	}
	return run.rows;
}

/* Hands the rows to the caller. */
static void
put_rows(ReturnSetInfo *rsinfo, List *rows)
{
	ListCell *lc;

	foreach (lc, rows)
	{
		const DryRow *dry = (const DryRow *) lfirst(lc);

		cf_report_put(rsinfo, dry->planned ? dry->planned->version : NULL,
					  dry->planned ? dry->planned->name : NULL, &dry->row);
	}
}

/* SELECT * FROM confiture.dry_run(script) */
Datum
confiture_dry_run(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	text *text_in;
	CfScript *script;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	text_in = PG_GETARG_TEXT_PP(0);
	script = cf_script_parse(VARDATA_ANY(text_in), VARSIZE_ANY_EXHDR(text_in), "script");
	cf_script_check_runnable(script);
	put_rows(rsinfo, dry_run(script, NIL, PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1)));
	return (Datum) 0;
}

/* SELECT * FROM confiture.migrate_dry_run(direction, target, steps) */
Datum
confiture_migrate_dry_run(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	List *plan;
	List *rows;
	ListCell *lc;

	InitMaterializedSRF(fcinfo, 0);
	cf_check_writable("a dry run");
	cf_lock_migrations(false);
	plan = cf_load_plan(fcinfo);
	rows = dry_run(NULL, plan, PG_ARGISNULL(3) ? NULL : PG_GETARG_JSONB_P(3));
	put_rows(rsinfo, rows);
	foreach (lc, rows)
	{
		const DryRow *dry = (const DryRow *) lfirst(lc);

		if (dry->script)
			cf_store_prediction(dry->planned->version, dry->planned->direction, &dry->row);
	}
	return (Datum) 0;
}
