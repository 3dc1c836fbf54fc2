/*-------------------------------------------------------------------------
 *
 * ddl_log.c
 *	  The DDL log: when to look, and the row that is written.
 *
 * A statement comes by the event trigger confiture_guard_drop, where the
 * server tells what it has dropped, and then by confiture_log, where it tells
 * what it has changed besides. The row is written in the transaction of the
 * statement, with the privileges of the extension's owner: what is rolled back
 * leaves none, and what can't be logged does not happen.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "ddl_log.h"
#include "guard.h"
#include "values.h"

PG_FUNCTION_INFO_V1(confiture_log_ddl);
PG_FUNCTION_INFO_V1(confiture_ddl_log_refuse_change);
PG_FUNCTION_INFO_V1(confiture_ddl_log_prune);

/* What a statement has dropped, until the rest is known of it. */
typedef struct DroppedBy
{
	const Node *stmt;
	SubTransactionId subtransaction;
	List *objects; /* of char * */
} DroppedBy;

/* Of the statements that are running, in the memory of their transaction. */
static List *dropped = NIL;
static FullTransactionId dropped_transaction;

/* Returns the list of this transaction. */
static List *
dropped_here(void)
{
	FullTransactionId current = GetTopFullTransactionIdIfAny();

	if (!FullTransactionIdEquals(current, dropped_transaction))
		dropped = NIL;
	dropped_transaction = current;
	return dropped;
}

/* Error context callback: says why a statement gets an error of something else. */
static void
log_callback(void *arg)
{
	errcontext("log of DDL, as confiture.log_ddl says");
}

/* Notes what a statement has dropped. */
void
cf_ddl_log_dropped(const EventTriggerData *data)
{
	CfOwner owner;
	MemoryContext old;
	DroppedBy *entry;
	ErrorContextCallback callback = {.previous = error_context_stack, .callback = log_callback};

	if (!cf_logs_ddl() || cf_guard_is_exempt(data->parsetree))
		return;
	error_context_stack = &callback;
	old = MemoryContextSwitchTo(TopTransactionContext);
	entry = palloc0(sizeof(DroppedBy));
	entry->stmt = data->parsetree;
	entry->subtransaction = GetCurrentSubTransactionId();
	/* The types of arguments are written under our search_path. */
	(void) cf_owner_begin(&owner);
	entry->objects = cf_ddl_dropped_objects();
	cf_owner_end(&owner);
	dropped = lappend(dropped_here(), entry);
	MemoryContextSwitchTo(old);
	error_context_stack = callback.previous;
}

/* Takes what a statement has dropped out of the list. */
static List *
take_dropped(const Node *stmt)
{
	ListCell *lc;

	foreach (lc, dropped_here())
	{
		DroppedBy *entry = (DroppedBy *) lfirst(lc);

		if (entry->stmt == stmt && entry->subtransaction == GetCurrentSubTransactionId())
		{
			dropped = foreach_delete_current(dropped, lc);
			return entry->objects;
		}
	}
	return NIL;
}

/* The columns of the log that are given; the others have a default. */
enum
{
	LOG_COMMAND,
	LOG_OBJECTS,
	LOG_STATEMENT,
	LOG_SESSION_USER,
	LOG_CURRENT_USER,
	LOG_AGENT,
	LOG_APPLICATION,
	LOG_VERSION,
	LOG_SOURCE,
	LOG_COLUMNS
};

/* Writes a row. */
static void
write_row(const char *command, List *objects, Oid role)
{
	static SPIPlanPtr plan = NULL;
	Oid types[LOG_COLUMNS] = {TEXTOID, TEXTARRAYOID, TEXTOID, TEXTOID, TEXTOID,
							  TEXTOID, TEXTOID,		 TEXTOID, TEXTOID};
	Datum values[LOG_COLUMNS];
	char nulls[LOG_COLUMNS + 1];
	const CfGuardScope *scope = cf_guard_scope();

	memset(nulls, ' ', LOG_COLUMNS);
	nulls[LOG_COLUMNS] = '\0';
	values[LOG_COMMAND] = CStringGetTextDatum(command);
	values[LOG_OBJECTS] = cf_names_array(objects);
	values[LOG_STATEMENT] = cf_optional_text(cf_ddl_statement(), &nulls[LOG_STATEMENT]);
	values[LOG_SESSION_USER] = CStringGetTextDatum(GetUserNameFromId(GetSessionUserId(), false));
	values[LOG_CURRENT_USER] = CStringGetTextDatum(GetUserNameFromId(role, false));
	values[LOG_AGENT] = cf_optional_text(cf_agent[0] ? cf_agent : NULL, &nulls[LOG_AGENT]);
	values[LOG_APPLICATION] = cf_optional_text(application_name, &nulls[LOG_APPLICATION]);
	values[LOG_VERSION] = cf_optional_text(scope ? scope->version : NULL, &nulls[LOG_VERSION]);
	values[LOG_SOURCE] = cf_optional_text(scope ? scope->label : NULL, &nulls[LOG_SOURCE]);
	if (plan == NULL)
	{
		plan = SPI_prepare(
			"INSERT INTO confiture.ddl_log (command, objects, statement, \"session_user\","
			" \"current_user\", agent, application_name, version, source, client_addr)"
			" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, pg_catalog.inet_client_addr())",
			LOG_COLUMNS, types);
		if (plan == NULL || SPI_keepplan(plan) != 0)
			elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	}
	if (SPI_execute_plan(plan, values, nulls, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not write confiture.ddl_log");
}

/* Logs a statement. */
static void
log_statement(const EventTriggerData *data)
{
	Oid role = GetUserId();
	List *objects = take_dropped(data->parsetree);
	CfOwner owner;

	if (!cf_owner_begin(&owner))
		return;
	SPI_connect();
	objects = list_concat_unique_ptr(cf_ddl_changed_objects(), objects);
	/* What is temporary, or was there already, is no change. */
	if (objects != NIL)
		write_row(GetCommandTagName(data->tag), objects, role);
	SPI_finish();
	cf_owner_end(&owner);
}

/* Event trigger confiture_log, on ddl_command_end */
Datum
confiture_log_ddl(PG_FUNCTION_ARGS)
{
	EventTriggerData *data;
	ErrorContextCallback callback = {.previous = error_context_stack, .callback = log_callback};

	if (!cf_logs_ddl())
		PG_RETURN_NULL();
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("not called by event trigger manager")));
	data = (EventTriggerData *) fcinfo->context;
	/* That the rows of a materialized view are new is no change of the schema. */
	if (cf_guard_is_exempt(data->parsetree) || IsA(data->parsetree, RefreshMatViewStmt))
		PG_RETURN_NULL();
	cf_check_log_ddl();
	error_context_stack = &callback;
	log_statement(data);
	error_context_stack = callback.previous;
	PG_RETURN_NULL();
}

/* ---------------------------------------------------------------------
 * Rows are added, and never changed
 * ------------------------------------------------------------------- */

/* Whether confiture.ddl_log_prune() is running: no setting that a session could make. */
static bool pruning = false;

/* Trigger of confiture.ddl_log: refuses UPDATE, DELETE and TRUNCATE. */
Datum
confiture_ddl_log_refuse_change(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("this function is a trigger")));
	if (!pruning)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("the log of DDL can't be changed"),
				 errdetail("Rows of confiture.ddl_log are added, and never changed."),
				 errhint("confiture.ddl_log_prune() removes old ones.")));
	return PointerGetDatum(NULL);
}

/* SELECT confiture._ddl_log_prune(older_than) */
Datum
confiture_ddl_log_prune(PG_FUNCTION_ARGS)
{
	Oid types[1] = {INTERVALOID};
	Datum values[1];
	int64 removed;

	values[0] = PG_GETARG_DATUM(0);
	SPI_connect();
	PG_TRY();
	{
		pruning = true;
		if (SPI_execute_with_args("DELETE FROM confiture.ddl_log AS l"
								  " WHERE l.at < pg_catalog.clock_timestamp() - $1",
								  1, types, values, NULL, false, 0) != SPI_OK_DELETE)
			elog(ERROR, "could not prune confiture.ddl_log");
	}
	PG_FINALLY();
	{
		pruning = false;
	}
	PG_END_TRY();
	removed = (int64) SPI_processed;
	SPI_finish();
	PG_RETURN_INT64(removed);
}
