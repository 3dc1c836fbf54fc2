/*-------------------------------------------------------------------------
 *
 * analyze.c
 *	  What a script would do, without running it: confiture.analyze() and
 *	  confiture.migrate_analyze().
 *
 * Each statement is worked out in a subtransaction that is rolled back: an
 * error becomes a row, and no lock stays behind.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "analyze.h"
#include "core/cf_core.h"
#include "execute.h"
#include "follow.h"
#include "plan.h"

PG_FUNCTION_INFO_V1(confiture_analyze);
PG_FUNCTION_INFO_V1(confiture_migrate_analyze);

/* Settings that change what later statements mean. */
static const char *const followed_settings[] = {"search_path", "timezone", "datestyle",
												"intervalstyle", NULL};

/* Who holds conflicting locks, for the list of locks asked for last. */
typedef struct CfHolders
{
	char *locks;
	char *holders;
} CfHolders;

/* Works one statement out. */
static void
work_out(CfAnalysis *a, void *arg)
{
	CfScript one = *a->script;
	CfStatement stmt = *a->stmt;

	one.statements = &stmt;
	one.count = 1;
	cf_script_check_runnable(&one);
	if (a->stmt->needs_top_level)
		cf_an_warn(
			a,
			"can't run in a transaction block: CALL confiture.migrate() runs it in a background worker");
	cf_an_statement(a, copyObject(a->stmt->raw->stmt));
	cf_an_advise(a);
}

/* Remembers for the next statements what this one changes. */
static void
learn(CfAnalysis *a, void *arg)
{
	cf_world_learn(a, a->stmt->raw->stmt);
}

/* Tells whether a statement names an index. */
static bool
names_index(const Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_DropStmt:
			return ((const DropStmt *) stmt)->removeType == OBJECT_INDEX;
		case T_AlterTableStmt:
			return ((const AlterTableStmt *) stmt)->objtype == OBJECT_INDEX;
		case T_RenameStmt:
			return ((const RenameStmt *) stmt)->renameType == OBJECT_INDEX;
		case T_CommentStmt:
			return ((const CommentStmt *) stmt)->objtype == OBJECT_INDEX;
		case T_ReindexStmt:
			return ((const ReindexStmt *) stmt)->kind == REINDEX_OBJECT_INDEX;
		default:
			return false;
	}
}

/*
 * Tells whether an error may come from what the analysis can't see: objects
 * that code before creates, or types and functions of the script itself.
 */
static bool
is_uncertain(const CfAnalysis *a, const ErrorData *error)
{
	switch (ERRCODE_TO_CATEGORY(error->sqlerrcode))
	{
		case ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION:
		case ERRCODE_INVALID_SCHEMA_NAME:
		case ERRCODE_DEPENDENT_PRIVILEGE_DESCRIPTORS_STILL_EXIST:
		case ERRCODE_DATA_EXCEPTION:
		case ERRCODE_FEATURE_NOT_SUPPORTED:
			break;
		default:
			return false;
	}
	if (error->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE)
		return false;
	if (a->world->opaque)
		return true;
	if (a->world->generated_names && names_index(a->stmt->raw->stmt))
		return true;
	switch (error->sqlerrcode)
	{
		/* Of these the script's own statements are known. */
		case ERRCODE_UNDEFINED_TABLE:
		case ERRCODE_UNDEFINED_COLUMN:
		case ERRCODE_UNDEFINED_SCHEMA:
		case ERRCODE_DUPLICATE_TABLE:
		case ERRCODE_DUPLICATE_COLUMN:
		case ERRCODE_DUPLICATE_OBJECT:
			return false;
		default:
			return a->world->code_changed || a->uncertain;
	}
}

/* Tells whether a statement takes names away: one that fails does not. */
static bool
takes_away(const Node *stmt)
{
	return IsA(stmt, DropStmt) || IsA(stmt, RenameStmt) || IsA(stmt, AlterObjectSchemaStmt);
}

/* Fills a row with what a statement would do; errors become part of it. */
static void
analyze_statement(CfWorld *world, const CfScript *script, const CfStatement *stmt, CfReportRow *row)
{
	CfAnalysis a = {.world = world, .script = script, .stmt = stmt, .row = row};
	CfErrorFrame frame = {.script = script, .stmt = stmt};
	ErrorContextCallback callback = {
		.previous = error_context_stack, .callback = cf_error_callback, .arg = &frame};
	ErrorData *error;

	error_context_stack = &callback;
	if (!cf_an_attempt(&a, work_out, NULL, &error))
	{
		if (error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE)
			cf_an_warn(&a, "not worked out: an object is locked by another session");
		else if (is_uncertain(&a, error))
			cf_an_warn(&a, "%s, unless %s changes that: only a dry run can tell", error->message,
					   world->opaque ? world->opaque : "a statement before");
		else
			row->error = cf_error_json(error);
	}
	error_context_stack = callback.previous;
	if (row->error == NULL || !takes_away(stmt->raw->stmt))
		(void) cf_an_attempt(&a, learn, NULL, NULL);
	if (a.opaque && world->opaque == NULL)
		world->opaque = MemoryContextStrdup(
			world->context, psprintf("%s at line %d", GetCommandTagName(stmt->tag), stmt->line));
	if (row->error == NULL && world->transactional)
		cf_world_hold(&a);
}

/* Says who holds conflicting locks; a bulk load asks the same again and again. */
static char *
find_holders(CfHolders *last, MemoryContext context, List *locks)
{
	MemoryContext old;
	StringInfoData key;
	ListCell *lc;

	initStringInfo(&key);
	foreach (lc, locks)
	{
		const CfRelationLock *lock = (const CfRelationLock *) lfirst(lc);

		if (!lock->created)
			appendStringInfo(&key, "%u:%d,", lock->relid, lock->mode);
	}
	if (last->locks && strcmp(last->locks, key.data) == 0)
		return last->holders;
	old = MemoryContextSwitchTo(context);
	last->locks = pstrdup(key.data);
	last->holders = cf_lock_holders(locks);
	MemoryContextSwitchTo(old);
	return last->holders;
}

/* Sets a setting that later statements of the script depend on. */
static void
follow(const char *name, const char *value)
{
	for (const char *const *p = followed_settings; *p; p++)
		if (pg_strcasecmp(*p, name) == 0)
			(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true,
									 DEBUG5, false);
}

/* Follows what a statement sets, and remembers when it becomes another role. */
static void
follow_settings(CfWorld *world, Node *stmt)
{
	cf_follow_settings(stmt, follow);
	if (IsA(stmt, VariableSetStmt))
	{
		const char *name = ((VariableSetStmt *) stmt)->name;

		world->role_changed |=
			name && (strcmp(name, "role") == 0 || strcmp(name, "session_authorization") == 0);
	}
}

/* Puts one row for each statement of a script into the result. */
static void
analyze_script(ReturnSetInfo *rsinfo, CfWorld *world, const CfScript *script, const char *version,
			   const char *name)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "confiture analysis", ALLOCSET_DEFAULT_SIZES);
	CfHolders holders = {NULL, NULL};
	int nest_level = cf_begin_script_settings(NULL);

	world->held = NIL;
	for (int i = 0; i < script->count; i++)
	{
		const CfStatement *stmt = &script->statements[i];
		MemoryContext old = MemoryContextSwitchTo(context);
		CfReportRow row = {.stmt = stmt};

		CHECK_FOR_INTERRUPTS();
		row.text = cf_statement_text(script, stmt);
		analyze_statement(world, script, stmt, &row);
		row.holders = find_holders(&holders, world->context, row.locks);
		cf_report_put(rsinfo, version, name, &row);
		follow_settings(world, stmt->raw->stmt);
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
	}
	cf_end_script_settings(nest_level);
	MemoryContextDelete(context);
}

/* Callback of cf_directives(): looks for transaction=off. */
static int
find_transaction_off(const cf_directive *directive, void *arg)
{
	if (directive->kind != CF_DIRECTIVE_MALFORMED && directive->key_len == 11 &&
		strncmp(directive->key, "transaction", 11) == 0 && directive->value_len == 3 &&
		strncmp(directive->value, "off", 3) == 0)
		*(bool *) arg = true;
	return 0;
}

/* Tells whether a script runs in one transaction. */
static bool
is_transactional(const CfScript *script)
{
	bool off = false;

	(void) cf_directives(script->text, script->len, find_transaction_off, &off);
	for (int i = 0; i < script->count; i++)
		off |= script->statements[i].needs_top_level;
	return !off;
}

/* SELECT * FROM confiture.analyze(script) */
Datum
confiture_analyze(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	text *text_in = PG_GETARG_TEXT_PP(0);
	CfWorld *world = cf_world_create(CurrentMemoryContext);
	CfScript *script;

	InitMaterializedSRF(fcinfo, 0);
	script = cf_script_parse(VARDATA_ANY(text_in), VARSIZE_ANY_EXHDR(text_in), "script");
	cf_script_fold_blocks(script);
	world->transactional = is_transactional(script);
	analyze_script(rsinfo, world, script, NULL, NULL);
	cf_script_free(script);
	return (Datum) 0;
}

/* Puts one row for a migration in Python into the result. */
static void
put_python(ReturnSetInfo *rsinfo, CfWorld *world, const CfPlanned *planned)
{
	CfStatement stmt = {.ordinal = 1, .line = 1, .column = 1};
	CfReportRow row = {.stmt = &stmt, .command = "PYTHON"};

	row.text = planned->script;
	row.warnings = list_make1(pstrdup("written in Python: only a dry run can tell"));
	cf_report_put(rsinfo, planned->version, planned->name, &row);
	if (world->opaque == NULL)
		world->opaque = psprintf("migration %s", planned->version);
}

/* SELECT * FROM confiture.migrate_analyze(direction, target, steps) */
Datum
confiture_migrate_analyze(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	CfWorld *world = cf_world_create(CurrentMemoryContext);
	List *plan;
	ListCell *lc;

	InitMaterializedSRF(fcinfo, 0);
	plan = cf_load_plan(fcinfo);
	foreach (lc, plan)
	{
		const CfPlanned *planned = (const CfPlanned *) lfirst(lc);

		if (planned->parsed == NULL)
		{
			put_python(rsinfo, world, planned);
			continue;
		}
		world->transactional = is_transactional(planned->parsed);
		analyze_script(rsinfo, world, planned->parsed, planned->version, planned->name);
	}
	return (Datum) 0;
}

/*
 * Adds to a row what a statement of a script would lock, read and rewrite:
 * for a statement that could not run.
 */
void
cf_analyze_statement(const CfScript *script, const CfStatement *stmt, CfReportRow *row)
{
	CfWorld *world = cf_world_create(CurrentMemoryContext);
	CfReportRow result = {.stmt = stmt};

	for (int i = 0; i < script->count && &script->statements[i] != stmt; i++)
	{
		CfReportRow unused = {.stmt = &script->statements[i]};
		CfAnalysis a = {.world = world, .script = script, .stmt = unused.stmt, .row = &unused};

		(void) cf_an_attempt(&a, learn, NULL, NULL);
	}
	analyze_statement(world, script, stmt, &result);
	row->locks = result.locks;
	row->rewrites = result.rewrites;
	row->scans = result.scans;
	row->warnings = list_concat(row->warnings, result.warnings);
}
