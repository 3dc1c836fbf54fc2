/*-------------------------------------------------------------------------
 *
 * plan.c
 *	  The scripts of a planned run of migrations, for dry run and analysis.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "plan.h"

/*
 * Loads the plan for the arguments (direction, target, steps) of a function
 * and parses its scripts. Returns a list of CfPlanned * in the current context.
 */
List *
cf_load_plan(FunctionCallInfo fcinfo)
{
	MemoryContext context = CurrentMemoryContext;
	Oid types[3] = {TEXTOID, TEXTOID, INT4OID};
	Datum values[3];
	char nulls[4] = "   ";
	char *direction = PG_ARGISNULL(0) ? "up" : text_to_cstring(PG_GETARG_TEXT_PP(0));
	List *result = NIL;

	values[0] = CStringGetTextDatum(direction);
	for (int i = 1; i < 3; i++)
	{
		values[i] = PG_GETARG_DATUM(i);
		if (PG_ARGISNULL(i))
			nulls[i] = 'n';
	}
	SPI_connect();
	if (SPI_execute_with_args("SELECT version, name, language, script, label, intent"
							  " FROM confiture._plan_scripts($1, $2, $3) ORDER BY ordinal",
							  3, types, values, nulls, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "confiture._plan_scripts() failed");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple tuple = SPI_tuptable->vals[i];
		TupleDesc desc = SPI_tuptable->tupdesc;
		MemoryContext old = MemoryContextSwitchTo(context);
		CfPlanned *planned = palloc0(sizeof(CfPlanned));

		planned->version = SPI_getvalue(tuple, desc, 1);
		planned->name = SPI_getvalue(tuple, desc, 2);
		planned->direction = direction;
		planned->script = SPI_getvalue(tuple, desc, 4);
		planned->intent = SPI_getvalue(tuple, desc, 6);
		if (strcmp(SPI_getvalue(tuple, desc, 3), "sql") == 0)
		{
			planned->parsed = cf_script_parse(planned->script, strlen(planned->script),
											  SPI_getvalue(tuple, desc, 5));
			cf_script_check_runnable(planned->parsed);
		}
		result = lappend(result, planned);
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	return result;
}

/* Runs a planned migration in Python, with its hooks left out. */
void
cf_run_planned_python(const CfPlanned *planned, CfCost *cost)
{
	Oid types[6] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	Datum values[6];
	char nulls[7] = "      ";
	bool isnull;

	values[0] = CStringGetTextDatum(planned->script);
	values[1] = CStringGetTextDatum(planned->version);
	values[2] = CStringGetTextDatum(planned->name);
	values[3] = CStringGetTextDatum(planned->direction);
	values[4] = CStringGetTextDatum(GetConfigOption("search_path", false, false));
	values[5] = planned->intent ? CStringGetTextDatum(planned->intent) : (Datum) 0;
	if (planned->intent == NULL)
		nulls[5] = 'n';
	SPI_connect();
	if (SPI_execute_with_args(
			"SELECT rows_affected, wal_bytes, elapsed_ms FROM confiture._execute_python("
			"'migration', $1, confiture._label($2, $3, $4), $2, $3, $4, $5,"
			" pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object("
			"'version', $2, 'name', $3, 'direction', $4, 'intent', $6)), $6)",
			6, types, values, nulls, false, 1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "confiture._execute_python() failed");
	cost->rows =
		DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	cost->wal_bytes =
		DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	cost->elapsed_ms =
		DatumGetFloat8(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3, &isnull));
	SPI_finish();
}
