/*-------------------------------------------------------------------------
 *
 * build_run.c
 *	  Running the files of a build, in the new database.
 *
 * One transaction for all of it would run out of locks: it is committed in
 * pieces. That is safe because nobody knows the database by its name until
 * all of it is there. Each statement runs in a subtransaction, so that one
 * that needs an object of a later file can wait for it (build_wait.c) without
 * undoing what stands before it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "build.h"

/* A transaction is committed after so many statements of DDL. */
#define PIECE 50

/* Opens the transaction of a piece. */
static void
begin_piece(CfBuild *build)
{
	if (build->open)
		return;
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	build->open = true;
	build->count = build->weight = 0;
	build->data = false;
}

/* Commits it; where rows were touched, deferred constraints speak before. */
static void
end_piece(CfBuild *build, const CfScript *script)
{
	if (!build->open)
		return;
	if (build->data)
		cf_check_deferred(script->label);
	CommitTransactionCommand();
	build->open = false;
	MemoryContextSwitchTo(build->context);
}

/* Makes the session what it was when it began: a SET ends with its file. */
static void
reset_session(CfBuild *build)
{
	begin_piece(build);
	SetPGVariable("session_authorization", NIL, false);
	SetPGVariable("role", NIL, false);
	ResetAllOptions();
	if (GetUserId() != build->caller)
		SetCurrentRoleId(build->caller, build->caller_is_superuser);
}

/* Runs a statement at the top level. Returns its error, or NULL. */
static ErrorData *
try_top_level(CfBuild *build, const CfScript *script, const CfStatement *stmt, CfCost *cost)
{
	ErrorData *volatile edata = NULL;

	end_piece(build, script);
	PG_TRY();
	{
		cf_execute_top_level(script, stmt, cost);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(build->context);
		edata = CopyErrorData();
		FlushErrorState();
		AbortCurrentTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(build->context);
	return edata;
}

/* Runs a statement in the open piece. Returns its error, or NULL. */
static ErrorData *
try_in_piece(CfBuild *build, const CfScript *script, const CfStatement *stmt, CfCost *cost)
{
	MemoryContext context;
	ResourceOwner owner;
	ErrorData *volatile edata = NULL;

	begin_piece(build);
	context = CurrentMemoryContext;
	owner = CurrentResourceOwner;
	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		cf_execute_statement(script, stmt, cost);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(build->context);
		edata = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	if (edata == NULL)
	{
		build->count++;
		if (cf_build_is_data(stmt->raw->stmt))
			build->data = true;
		else
			build->weight++;
	}
	return edata;
}

/*
 * Runs a statement between BEGIN and COMMIT of its file: without a
 * subtransaction, which COPY FREEZE and others would notice. Returns its
 * error, which has ended the transaction, or NULL.
 */
static ErrorData *
try_in_block(CfBuild *build, const CfScript *script, const CfStatement *stmt, CfCost *cost)
{
	ErrorData *volatile edata = NULL;

	PG_TRY();
	{
		cf_execute_statement(script, stmt, cost);
		build->data = true;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(build->context);
		edata = CopyErrorData();
		FlushErrorState();
		AbortCurrentTransaction();
		build->open = false;
		MemoryContextSwitchTo(build->context);
	}
	PG_END_TRY();
	return edata;
}

/* Tells whether an error may come from what the same transaction did before. */
static bool
may_be_alone(int sqlerrcode)
{
	return ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE ||
		   sqlerrcode == ERRCODE_OUT_OF_MEMORY;
}

/*
 * Runs a statement. What fails in the middle of a piece, for an enum value
 * that is not committed or for too many locks, is tried again as the first
 * of the next one. Returns its error, or NULL.
 */
static ErrorData *
try_statement(CfBuild *build, CfBuildFile *file, const CfStatement *stmt)
{
	CfCost cost = {0};
	ErrorData *edata;

	if (file->block >= 0)
		edata = try_in_block(build, file->script, stmt, &cost);
	else if (stmt->needs_top_level)
		edata = try_top_level(build, file->script, stmt, &cost);
	else
	{
		edata = try_in_piece(build, file->script, stmt, &cost);
		/* REINDEX of a partitioned table was not yet seen to be one. */
		if (edata && edata->sqlerrcode == ERRCODE_ACTIVE_SQL_TRANSACTION)
			edata = try_top_level(build, file->script, stmt, &cost);
		else if (edata && build->count > 0 && may_be_alone(edata->sqlerrcode))
		{
			end_piece(build, file->script);
			edata = try_in_piece(build, file->script, stmt, &cost);
		}
	}
	build->rows += cost.rows;
	return edata;
}

/* BEGIN and COMMIT of a file: what is between them is one transaction. */
static void
run_transaction_command(CfBuild *build, CfBuildFile *file)
{
	end_piece(build, file->script);
	if (file->block < 0)
		file->block = file->next;
	else
	{
		build->statements += file->next - file->block - 1;
		file->block = -1;
		if (file->waits)
			cf_build_goes_on(build, file);
	}
}

/* Repeats the SETs before the statement where a file goes on. */
static void
repeat_settings(CfBuild *build, CfBuildFile *file)
{
	for (int i = 0; i < file->next; i++)
	{
		const CfStatement *stmt = &file->script->statements[i];
		CfCost cost = {0};

		if (!cf_build_is_setting(stmt->raw->stmt))
			continue;
		begin_piece(build);
		cf_execute_statement(file->script, stmt, &cost);
	}
}

/* Parses a file when it is first run. */
static void
open_file(CfBuild *build, CfBuildFile *file)
{
	char *activity = psprintf("confiture: building, file %s", file->path);

	pgstat_report_activity(STATE_RUNNING, activity);
	pfree(activity);
	if (file->script)
		return;
	begin_piece(build);
	MemoryContextSwitchTo(build->context);
	file->script = cf_build_parse(file->path, file->text, file->len);
}

/* Ends a file: all of it has run. */
static void
close_file(CfBuild *build, CfBuildFile *file)
{
	if (build->data)
		end_piece(build, file->script);
	build->last = file->path;
	if (build->order.len > 1)
		appendStringInfoChar(&build->order, ',');
	escape_json(&build->order, file->path);
	cf_script_free(file->script);
	file->script = NULL;
}

/*
 * Tells whether an error ends the build at once: it is real, and no other
 * file is without what it needs, which could be the cause; or the server
 * itself has a problem.
 */
static bool
ends_build(const CfBuild *build, const ErrorData *edata)
{
	switch (ERRCODE_TO_CATEGORY(edata->sqlerrcode))
	{
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_SYSTEM_ERROR:
		case ERRCODE_INTERNAL_ERROR:
			return true;
		default:
			return build->waiting == 0;
	}
}

/* Lets a file wait; a block of it has been undone, and is run again from its BEGIN. */
static void
park_file(CfBuild *build, CfBuildFile *file, ErrorData *edata)
{
	begin_piece(build);
	cf_build_wait(build, file, edata);
	if (file->block >= 0)
		file->next = file->block;
	file->block = -1;
}

/*
 * Runs a file from where it stands until its end, or until a statement has to
 * wait for another file. Raises what is a real error.
 */
static void
run_file(CfBuild *build, CfBuildFile *file)
{
	CfScript *script;
	ErrorData *edata = NULL;

	open_file(build, file);
	script = file->script;
	repeat_settings(build, file);
	while (file->next < script->count)
	{
		const CfStatement *stmt = &script->statements[file->next];

		if (IsA(stmt->raw->stmt, TransactionStmt))
		{
			run_transaction_command(build, file);
			if (file->block >= 0)
				begin_piece(build);
			file->next++;
			continue;
		}
		edata = try_statement(build, file, stmt);
		if (edata)
			break;
		if (file->block < 0)
		{
			build->statements++;
			if (file->waits)
				cf_build_goes_on(build, file);
		}
		begin_piece(build); /* the catalogs may be asked */
		cf_build_made(build, stmt);
		file->next++;
		if (build->weight >= PIECE && file->block < 0)
			end_piece(build, script);
	}
	if (edata && !cf_build_may_wait(edata->sqlerrcode, script->statements[file->next].raw->stmt))
	{
		if (ends_build(build, edata))
			ReThrowError(edata);
		file->failed = true;
		build->failed++;
	}
	if (edata)
		park_file(build, file, edata);
	else
		close_file(build, file);
	reset_session(build);
}

/* Runs the files whose missing objects have been made, and those after them. */
static void
run_ready(CfBuild *build)
{
	while (build->ready != NIL)
	{
		CfBuildFile *file = (CfBuildFile *) linitial(build->ready);

		build->ready = list_delete_first(build->ready);
		file->ready = false;
		run_file(build, file);
	}
}

/*
 * Runs all files: first in their order, then those that wait, again and again
 * as long as that brings something.
 */
void
cf_build_run_files(CfBuild *build)
{
	for (int i = 0; i < build->nfiles; i++)
	{
		run_file(build, &build->files[i]);
		run_ready(build);
	}
	while (build->waiting > build->failed)
	{
		int64 before = build->statements;

		for (int i = 0; i < build->nfiles; i++)
		{
			if (build->files[i].waits && !build->files[i].failed)
				run_file(build, &build->files[i]);
			run_ready(build);
		}
		if (build->statements == before)
			break;
	}
	if (build->waiting > 0)
	{
		begin_piece(build);
		cf_build_stuck(build);
	}
	if (build->open)
	{
		CommitTransactionCommand();
		build->open = false;
	}
}
