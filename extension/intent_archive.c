/*-------------------------------------------------------------------------
 *
 * intent_archive.c
 *	  The audit trail of intents: rows are added, and never changed, but by
 *	  the function that archives them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"

#include "confiture.h"

PG_FUNCTION_INFO_V1(confiture_intent_refuse_change);
PG_FUNCTION_INFO_V1(confiture_intent_archive);

/* Whether confiture.intent_archive() is running: no setting that a session could make. */
static bool archiving = false;

/* Trigger of confiture.intent_event: refuses UPDATE, DELETE and TRUNCATE. */
Datum
confiture_intent_refuse_change(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("this function is a trigger")));
	if (!archiving)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("the history of intents can't be changed"),
				 errdetail("Rows of confiture.intent_event are added, and never changed."),
				 errhint("confiture.intent_archive() removes intents that have ended, with their "
						 "history, and returns them.")));
	return PointerGetDatum(NULL);
}

/* Puts the rows of the last query into the result of a set-returning function. */
static void
return_rows(ReturnSetInfo *rsinfo)
{
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool isnull;
		Datum value = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull);

		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, &value, &isnull);
	}
}

/* SELECT confiture.intent_archive(older_than) */
Datum
confiture_intent_archive(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid types[1] = {INTERVALOID};
	Datum values[1];

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	values[0] = PG_GETARG_DATUM(0);
	SPI_connect();
	PG_TRY();
	{
		archiving = true;
		if (SPI_execute_with_args("SELECT confiture._intent_archive($1)", 1, types, values,
								  PG_ARGISNULL(0) ? "n" : NULL, false, 0) != SPI_OK_SELECT)
			elog(ERROR, "confiture._intent_archive() failed");
	}
	PG_FINALLY();
	{
		archiving = false;
	}
	PG_END_TRY();
	return_rows(rsinfo);
	SPI_finish();
	return (Datum) 0;
}
