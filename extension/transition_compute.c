/*-------------------------------------------------------------------------
 *
 * transition_compute.c
 *	  Computing a column of the row that a route writes.
 *
 * An error of a type says only what is wrong with a value: here it is known
 * which row the value is out of.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/executor.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "transition.h"

/* What is being computed, for an error. */
typedef struct Computing
{
	CfRoute *route;
	const CfRouteColumn *column;
	TupleTableSlot *from;
} Computing;

/* The key of a row, as text: (a, b)=(1, 2). */
static char *
key_text(TupleTableSlot *row, const AttrNumber *key, int nkeys)
{
	StringInfoData names, values;

	initStringInfo(&names);
	initStringInfo(&values);
	for (int k = 0; k < nkeys; k++)
	{
		Form_pg_attribute att = TupleDescAttr(row->tts_tupleDescriptor, key[k] - 1);
		bool isnull, varlena;
		Datum value = slot_getattr(row, key[k], &isnull);
		Oid output;

		getTypeOutputInfo(att->atttypid, &output, &varlena);
		appendStringInfo(&names, "%s%s", k ? ", " : "", NameStr(att->attname));
		appendStringInfo(&values, "%s%s", k ? ", " : "",
						 isnull ? "null" : OidOutputFunctionCall(output, value));
	}
	return psprintf("(%s)=(%s)", names.data, values.data);
}

/*
 * Adds the row and the column to an error that says only what is wrong with a
 * value: it is too long for the new type, or out of its range.
 */
static void
tell_row(void *arg)
{
	Computing *now = arg;
	CfRoute *route = now->route;
	bool partner = route->npartner > 0 && now->column >= route->partner_columns &&
				   now->column < route->partner_columns + route->npartner;
	MemoryContext caller;
	ErrorData *error;
	char *row;

	if (ERRCODE_TO_CATEGORY(geterrcode()) != ERRCODE_DATA_EXCEPTION)
		return;
	caller = MemoryContextSwitchTo(CurTransactionContext);
	error = CopyErrorData();
	row =
		psprintf("Column %s, out of the row %s.", now->column->name,
				 key_text(now->from, partner ? route->partner_key : route->from_key, route->nkeys));
	MemoryContextSwitchTo(caller);
	if (error->detail)
		errdetail("%s\n%s", error->detail, row);
	else
		errdetail("%s", row);
}

/* Computes one column of the written row. */
void
cf_compute(CfSink *sink, const CfRouteColumn *column, TupleTableSlot *from)
{
	TupleTableSlot *row = sink->row;
	int at = column->attno - 1;

	if (column->taken)
		row->tts_values[at] = slot_getattr(from, column->taken, &row->tts_isnull[at]);
	else
	{
		ExprContext *econtext = sink->route->econtext;
		Computing now = {.route = sink->route, .column = column, .from = from};
		ErrorContextCallback callback = {
			.previous = error_context_stack, .callback = tell_row, .arg = &now};

		error_context_stack = &callback;
		econtext->ecxt_scantuple = from;
		row->tts_values[at] =
			ExecEvalExprSwitchContext(column->state, econtext, &row->tts_isnull[at]);
		error_context_stack = callback.previous;
	}
}
