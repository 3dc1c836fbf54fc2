/*-------------------------------------------------------------------------
 *
 * guard.c
 *	  When DDL is checked against the intents of other agents, and how the
 *	  database is asked.
 *
 * Whatever client issues it, DDL comes by the event triggers confiture_guard,
 * before anything has happened, and confiture_guard_drop, when it is known
 * what CASCADE has dropped. A migration is checked as a whole before its first
 * statement. What collides is decided by confiture._guard(): here is what to
 * ask it, and that the caller's privileges and settings don't matter.
 *
 * What cannot be looked at is an error when conflicts are errors, and a
 * warning when they are warnings. What removes or updates the extension is
 * never looked at: there must be a way out.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "ddl_log.h"
#include "guard.h"
#include "intent.h"
#include "subtransaction.h"

PG_FUNCTION_INFO_V1(confiture_guard_start);
PG_FUNCTION_INFO_V1(confiture_guard_drop);

/* What runs now, the innermost. */
static CfGuardScope *scope = NULL;

/* What was reported of the statement that the event triggers look at. */
static HTAB *statement_reported = NULL;
static MemoryContext statement_context = NULL;

/* An override of that statement, to be logged when it has dropped something. */
static CfGuardFinding postponed;

/* ---------------------------------------------------------------------
 * What was reported already
 * ------------------------------------------------------------------- */

/* Opens a scope; without an intent it carries out that of the outer one. */
void
cf_guard_enter(CfGuardScope *new, const char *intent, const char *label, const char *version)
{
	new->outer = scope;
	new->context = CurrentMemoryContext;
	new->intent = intent || scope == NULL ? intent : scope->intent;
	new->label = label;
	new->version = version;
	new->reported = NULL;
	scope = new;
}

/* Returns the innermost scope, or NULL. */
const CfGuardScope *
cf_guard_scope(void)
{
	return scope;
}

/* Closes it, also after an error. */
void
cf_guard_leave(const CfGuardScope *old)
{
	scope = old->outer;
}

/* Returns what stands for a text in a set. */
static uint64
hash_of(const char *text)
{
	return DatumGetUInt64(hash_any_extended((const unsigned char *) text, strlen(text), 0));
}

/* Tells whether a set has a text. */
static bool
contains(HTAB *set, const char *text)
{
	uint64 key = hash_of(text);

	return set != NULL && hash_search(set, &key, HASH_FIND, NULL) != NULL;
}

/* Tells whether something has not been reported yet. */
bool
cf_guard_is_news(const CfGuardFinding *finding, const char *what)
{
	if (scope && contains(scope->reported, what))
		return false;
	return finding->script || !contains(statement_reported, what);
}

/*
 * Notes that something has been reported: of a script, until its end; of a
 * statement, until the next one. A transaction that a script rolls back must
 * not take the log of an override with it and leave the note.
 */
void
cf_guard_note(const CfGuardFinding *finding, const char *what)
{
	HTAB **set = finding->script && scope ? &scope->reported : &statement_reported;
	uint64 key = hash_of(what);

	if (*set == NULL)
	{
		HASHCTL control = {.keysize = sizeof(uint64),
						   .entrysize = sizeof(uint64),
						   .hcxt = finding->script && scope ? scope->context : statement_context};

		*set = hash_create("confiture reported conflicts", 32, &control,
						   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	(void) hash_search(*set, &key, HASH_ENTER, NULL);
}

/* Forgets the statement before. */
static void
forget_statement(void)
{
	if (statement_context == NULL)
		statement_context =
			AllocSetContextCreate(TopMemoryContext, "confiture guard", ALLOCSET_SMALL_SIZES);
	statement_reported = NULL;
	memset(&postponed, 0, sizeof(postponed));
	MemoryContextReset(statement_context);
}

/* Keeps an override until it can be logged. */
void
cf_guard_postpone(const CfGuardFinding *finding)
{
	MemoryContext old = MemoryContextSwitchTo(statement_context);

	postponed.claims_json = pstrdup(finding->claims_json);
	postponed.conflicts =
		(Jsonb *) DatumGetPointer(datumCopy(JsonbPGetDatum(finding->conflicts), false, -1));
	postponed.command = finding->command ? pstrdup(finding->command) : NULL;
	MemoryContextSwitchTo(old);
}

/* Logs what was kept. */
static void
log_postponed(void)
{
	CfGuardFinding finding = postponed;

	memset(&postponed, 0, sizeof(postponed));
	if (finding.conflicts)
		cf_guard_log_override(&finding);
}

/* ---------------------------------------------------------------------
 * Asking the database
 * ------------------------------------------------------------------- */

/* Says that it can't be found out who claims what. */
static void
report_blind(const char *why)
{
	ereport(cf_enforce_intents == CF_ENFORCE_ERROR ? ERROR : WARNING,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("DDL can't be checked against the intents of other agents"),
			 errdetail("%s", why),
			 errhint("ALTER EXTENSION confiture UPDATE or DROP EXTENSION confiture always work. "
					 "A superuser can SET confiture.enforce_intents = off.")));
}

/* Tells whether the function is there that this library is made for. */
static bool
can_ask(void)
{
	Oid types[3] = {TEXTOID, JSONBOID, TEXTOID};

	return OidIsValid(
		LookupFuncName(list_make2(makeString("confiture"), makeString("_guard")), 3, types, true));
}

/*
 * Asks whom claims collide with. It is seen what is committed by now, also in
 * REPEATABLE READ and SERIALIZABLE. Returns NULL when there is no conflict.
 */
static Jsonb *
ask(const char *claims, const char *acting)
{
	static SPIPlanPtr plan = NULL;
	MemoryContext caller = CurrentMemoryContext;
	Oid types[3] = {TEXTOID, JSONBOID, TEXTOID};
	Datum values[3];
	char nulls[4] = "   ";
	Jsonb *result = NULL;
	Datum found;
	bool isnull;

	SPI_connect();
	if (plan == NULL)
	{
		plan = SPI_prepare("SELECT confiture._guard($1, $2, $3)", 3, types);
		if (plan == NULL || SPI_keepplan(plan) != 0)
			elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	}
	values[0] = CStringGetTextDatum(cf_intent_agent(NULL));
	values[1] = DirectFunctionCall1(jsonb_in, CStringGetDatum(claims));
	values[2] = acting ? CStringGetTextDatum(acting) : (Datum) 0;
	if (acting == NULL)
		nulls[2] = 'n';
	if (SPI_execute_snapshot(plan, values, nulls, GetLatestSnapshot(), InvalidSnapshot, true, false,
							 1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "confiture._guard() returned no row");
	found = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (!isnull)
	{
		MemoryContext spi = MemoryContextSwitchTo(caller);

		result = DatumGetJsonbPCopy(found);
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	return result;
}

/* Finds the claims of what is about to run, or has been dropped, and asks. */
static void
look(CfGuardFinding *finding, Node *stmt)
{
	List *unseen = NIL;
	CfOwner owner;

	if (finding->dropped)
		finding->claims = cf_guard_dropped();
	else if (finding->script)
		finding->claims = cf_claims_of_script(finding->script, &unseen);
	else
		finding->claims = list_concat(cf_claims_of_statement(stmt, &unseen), cf_guard_query(stmt));
	if (finding->claims == NIL)
		return;
	finding->claims_json = cf_claims_json(finding->claims, true);
	if (cf_owner_begin(&owner) && can_ask())
		finding->conflicts = ask(finding->claims_json, scope ? scope->intent : NULL);
	else
		report_blind("The function confiture._guard(text, jsonb, text) is not there.");
	cf_owner_end(&owner);
}

/* What is looked at, for try_look(). */
typedef struct Look
{
	CfGuardFinding *finding;
	Node *stmt;
} Look;

/* Looks, as an attempt. */
static void
attempt_look(void *arg)
{
	look(((Look *) arg)->finding, ((Look *) arg)->stmt);
}

/* The same where nothing but a warning may come of it, whatever goes wrong. */
static void
try_look(CfGuardFinding *finding, Node *stmt)
{
	Look what = {finding, stmt};
	ErrorData *edata = cf_try(attempt_look, &what, CurrentMemoryContext);

	if (edata == NULL)
		return;
	if (edata->sqlerrcode == ERRCODE_QUERY_CANCELED)
		ReThrowError(edata);
	finding->conflicts = NULL;
	report_blind(edata->message);
}

/* Error context callback: says why a statement gets an error of something else. */
static void
look_callback(void *arg)
{
	if (geterrcode() != ERRCODE_CF_INTENT_CONFLICT)
		errcontext("check against the intents of other agents, as confiture.enforce_intents says");
}

/* Looks and reports, with what it takes of memory given back at once. */
static void
check(CfGuardFinding *finding, Node *stmt)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "confiture check", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	ErrorContextCallback callback = {.previous = error_context_stack, .callback = look_callback};

	error_context_stack = &callback;
	if (cf_enforce_intents == CF_ENFORCE_WARN)
		try_look(finding, stmt);
	else
		look(finding, stmt);
	error_context_stack = callback.previous;
	if (finding->conflicts)
		cf_guard_report(finding);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* ---------------------------------------------------------------------
 * When to look
 * ------------------------------------------------------------------- */

/* Checks the statements of a script from one on, before the first of them runs. */
void
cf_guard_script(const CfScript *script, int done)
{
	CfScript rest = *script;
	CfGuardFinding finding = {.script = &rest, .command = scope ? scope->label : script->label};

	if (!cf_enforces_intents())
		return;
	cf_check_enforcement();
	rest.statements += done;
	rest.count -= done;
	check(&finding, NULL);
}

/* Tells whether a name is that of one of our extensions. */
static bool
is_ours(const char *extension)
{
	return strcmp(extension, "confiture") == 0 || strcmp(extension, "confiture_py") == 0;
}

/* Tells whether a statement creates, updates or removes the extension itself. */
static bool
is_about_us(Node *stmt)
{
	ListCell *lc;

	if (IsA(stmt, CreateExtensionStmt))
		return is_ours(((CreateExtensionStmt *) stmt)->extname);
	if (IsA(stmt, AlterExtensionStmt))
		return is_ours(((AlterExtensionStmt *) stmt)->extname);
	if (IsA(stmt, AlterExtensionContentsStmt))
		return is_ours(((AlterExtensionContentsStmt *) stmt)->extname);
	if (!IsA(stmt, DropStmt) || ((DropStmt *) stmt)->removeType != OBJECT_EXTENSION)
		return false;
	foreach (lc, ((DropStmt *) stmt)->objects)
		if (is_ours(strVal(lfirst(lc))))
			return true;
	return false;
}

/* Tells whether a statement is one that nobody is stopped at. */
bool
cf_guard_is_exempt(Node *stmt)
{
	/* What the script of an extension does, and pg_upgrade, belongs to neither agent. */
	return IsBinaryUpgrade || creating_extension || is_about_us(stmt);
}

/* Returns what an event trigger was called with. */
static EventTriggerData *
trigger_data(FunctionCallInfo fcinfo)
{
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("not called by event trigger manager")));
	return (EventTriggerData *) fcinfo->context;
}

/* Tells whether a statement refuses to run when something was written before it. */
static bool
writes_first(Node *stmt)
{
	return IsA(stmt, DropStmt) && ((DropStmt *) stmt)->concurrent;
}

/* Checks a statement, or what it has dropped. */
static void
check_statement(EventTriggerData *data, bool dropped)
{
	Node *stmt = data->parsetree;
	CfGuardFinding finding = {.dropped = dropped,
							  .log_later = !dropped && writes_first(stmt),
							  /* not its text, in which there may be a password */
							  .command = scope ? scope->label : GetCommandTagName(data->tag)};

	if (cf_guard_is_exempt(stmt))
		return;
	cf_check_enforcement();
	check(&finding, stmt);
}

/* Event trigger confiture_guard, on ddl_command_start */
Datum
confiture_guard_start(PG_FUNCTION_ARGS)
{
	if (cf_enforces_intents())
	{
		forget_statement();
		check_statement(trigger_data(fcinfo), false);
	}
	PG_RETURN_NULL();
}

/* Event trigger confiture_guard_drop, on sql_drop */
Datum
confiture_guard_drop(PG_FUNCTION_ARGS)
{
	if (cf_enforces_intents())
	{
		if (statement_context == NULL)
			forget_statement();
		log_postponed();
		check_statement(trigger_data(fcinfo), true);
	}
	if (cf_logs_ddl())
		cf_ddl_log_dropped(trigger_data(fcinfo));
	PG_RETURN_NULL();
}
