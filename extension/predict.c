/*-------------------------------------------------------------------------
 *
 * predict.c
 *	  What dry runs have predicted, against what real runs take.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "estimate.h"

/* Stores the estimate of one statement of a migration. */
void
cf_store_prediction(const char *version, const char *direction, const CfReportRow *row)
{
	Oid types[5] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	Datum values[5];

	if (row->estimate == NULL)
		return;
	values[0] = CStringGetTextDatum(version);
	values[1] = CStringGetTextDatum(direction);
	values[2] = CStringGetTextDatum(row->text);
	values[3] = CStringGetTextDatum(GetCommandTagName(row->stmt->tag));
	values[4] = CStringGetTextDatum(row->estimate);
	SPI_connect();
	if (SPI_execute_with_args(
			"SELECT confiture._store_prediction($1, $2, $3, $4, $5::pg_catalog.jsonb)", 5, types,
			values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "confiture._store_prediction() failed");
	SPI_finish();
}

/* Tells whether a dry run has predicted something of a migration. */
bool
cf_has_predictions(const char *version, const char *direction)
{
	Oid types[2] = {TEXTOID, TEXTOID};
	Datum values[2];
	bool isnull, result;

	values[0] = CStringGetTextDatum(version);
	values[1] = CStringGetTextDatum(direction);
	SPI_connect();
	if (SPI_execute_with_args("SELECT confiture._has_predictions($1, $2)", 2, types, values, NULL,
							  false, 1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "confiture._has_predictions() failed");
	result = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
	return result;
}

/*
 * Stores how long the statements of a migration took, for those that a dry
 * run has predicted.
 */
void
cf_store_actuals(const char *version, const char *direction, const CfScript *script,
				 const double *elapsed_ms)
{
	Oid types[4] = {TEXTOID, TEXTOID, TEXTARRAYOID, FLOAT8ARRAYOID};
	Datum values[4];
	Datum *texts = palloc(Max(1, script->count) * sizeof(Datum));
	Datum *times = palloc(Max(1, script->count) * sizeof(Datum));

	for (int i = 0; i < script->count; i++)
	{
		texts[i] = CStringGetTextDatum(cf_statement_text(script, &script->statements[i]));
		times[i] = Float8GetDatum(elapsed_ms[i]);
	}
	values[0] = CStringGetTextDatum(version);
	values[1] = CStringGetTextDatum(direction);
	values[2] =
		PointerGetDatum(construct_array(texts, script->count, TEXTOID, -1, false, TYPALIGN_INT));
	values[3] = PointerGetDatum(construct_array(times, script->count, FLOAT8OID, sizeof(float8),
												FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	SPI_connect();
	if (SPI_execute_with_args("SELECT confiture._store_actuals($1, $2, $3, $4)", 4, types, values,
							  NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "confiture._store_actuals() failed");
	SPI_finish();
}
