/*-------------------------------------------------------------------------
 *
 * scratch_statements.c
 *	  The statements of a plan in a scratch database: run as they would be run
 *	  for real, in the same transactions, at the top level where they must.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "execute.h"
#include "json.h"
#include "scratch.h"

/* Statements while they run. */
typedef struct Runner
{
	CfStatements *given;
	CfScript **scripts; /* one for each text */
	int count;
	bool stepwise;		  /* without groups: one of them needs the top level */
	volatile int current; /* the one that is looked at or runs, from 0: read after an error */
	int group;			  /* of the transaction that is open */
	bool open;
} Runner;

/* Parses all statements: what can't be parsed fails before anything runs. */
static void
parse_all(Runner *runner)
{
	ListCell *lc;

	StartTransactionCommand();
	MemoryContextSwitchTo(runner->given->context);
	runner->count = list_length(runner->given->texts);
	runner->scripts = palloc0(Max(runner->count, 1) * sizeof(CfScript *));
	foreach (lc, runner->given->texts)
	{
		const char *text = (const char *) lfirst(lc);
		CfScript *script;

		runner->current = foreach_current_index(lc);
		script = cf_script_parse(text, strlen(text),
								 psprintf("statement %d of the plan", runner->current + 1));
		cf_script_check_runnable(script);
		runner->scripts[runner->current] = script;
		for (int i = 0; i < script->count; i++)
			if (script->statements[i].needs_top_level)
				runner->stepwise = true;
	}
	CommitTransactionCommand();
	MemoryContextSwitchTo(runner->given->context);
}

/* Commits what is open. */
static void
commit(Runner *runner)
{
	if (!runner->open)
		return;
	CommitTransactionCommand();
	runner->open = false;
	MemoryContextSwitchTo(runner->given->context);
}

/* Opens the transaction of a group; ends another one's. */
static void
enter_group(Runner *runner, int group)
{
	if (runner->open && runner->group != group)
	{
		/* An error of COMMIT is one of the group that ends. */
		runner->current--;
		commit(runner);
		runner->current++;
	}
	if (runner->open)
		return;
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	runner->open = true;
	runner->group = group;
}

/* Runs what one text holds. */
static void
run_one(Runner *runner, int i)
{
	const CfScript *script = runner->scripts[i];
	int group = runner->given->groups ? list_nth_int(runner->given->groups, i)
				: runner->stepwise	  ? i
									  : 0;

	pgstat_report_activity(STATE_RUNNING, (const char *) list_nth(runner->given->texts, i));
	for (int s = 0; s < script->count; s++)
	{
		const CfStatement *stmt = &script->statements[s];
		CfCost cost = {0};

		if (stmt->needs_top_level)
		{
			if (runner->open)
			{
				runner->current--;
				commit(runner);
				runner->current++;
			}
			cf_execute_top_level(script, stmt, &cost);
			MemoryContextSwitchTo(runner->given->context);
		}
		else
		{
			enter_group(runner, group);
			cf_execute_statement(script, stmt, &cost);
		}
	}
}

/* Parses and runs all of them. */
static void
run_all(Runner *runner)
{
	parse_all(runner);
	for (int i = 0; i < runner->count; i++)
	{
		runner->current = i;
		run_one(runner, i);
	}
	commit(runner);
}

/* Describes a statement that has failed. */
static void
describe_failure(const Runner *runner, const ErrorData *edata, StringInfo json)
{
	int current = Max(runner->current, 0);

	cf_json_key(json, "failed");
	appendStringInfoChar(json, '{');
	cf_json_number(json, "ordinal", current + 1);
	cf_json_text(json, "statement", (const char *) list_nth(runner->given->texts, current));
	cf_json_text(json, "sqlstate", unpack_sql_state(edata->sqlerrcode));
	cf_json_text(json, "message", edata->message);
	cf_json_text(json, "detail", edata->detail);
	cf_json_text(json, "hint", edata->hint);
	appendStringInfoChar(json, '}');
}

/*
 * Runs statements, outside of any transaction. Returns {} or {"failed": ...}.
 * What cancels is an error as always.
 */
Jsonb *
cf_scratch_statements(CfStatements *statements)
{
	Runner runner = {.given = statements};
	ErrorData *volatile edata = NULL;
	StringInfoData json;
	Datum result;

	PG_TRY();
	{
		run_all(&runner);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(statements->context);
		edata = CopyErrorData();
		if (ERRCODE_TO_CATEGORY(edata->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
			PG_RE_THROW();
		FlushErrorState();
		AbortCurrentTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(statements->context);

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	if (edata)
		describe_failure(&runner, edata, &json);
	appendStringInfoChar(&json, '}');
	StartTransactionCommand();
	MemoryContextSwitchTo(statements->context);
	result = cf_json_datum(&json);
	CommitTransactionCommand();
	MemoryContextSwitchTo(statements->context);
	return DatumGetJsonbP(result);
}
