/*-------------------------------------------------------------------------
 *
 * scratch.c
 *	  Steps in a scratch database, from the session that asks.
 *
 * sql/68_scratch.sql makes the database and drops it; a background worker
 * does the steps in it (scratch_main.c). Values cross the queues as they are
 * stored: both databases have the same encoding, both sides the same library.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "worker.h"

PG_FUNCTION_INFO_V1(confiture_scratch_run);

/* Sends one value, after a byte that says what it is; false when the worker is gone. */
static bool
send_value(CfWorker *worker, char what, const void *value, Size size)
{
	shm_mq_iovec parts[2] = {{.data = &what, .len = 1}, {.data = value, .len = size}};

	return shm_mq_sendv(worker->input, parts, size > 0 ? 2 : 1, false, true) == SHM_MQ_SUCCESS;
}

/* Sends what is to be done. Why the worker is gone, if it is, it has said itself. */
static void
send_work(CfWorker *worker, Jsonb *steps, Datum *arguments, int count)
{
	if (!send_value(worker, 'P', steps, VARSIZE(steps)))
		return;
	for (int i = 0; i < count; i++)
	{
		Jsonb *argument = DatumGetJsonbP(arguments[i]);

		if (!send_value(worker, 'A', argument, VARSIZE(argument)))
			return;
	}
	(void) send_value(worker, 'E', NULL, 0);
}

/* Returns what the worker has sent, a value for each step. */
static Datum
results_array(List *list)
{
	int count = list_length(list);
	int dims[1] = {count};
	int bounds[1] = {1};
	Datum *values = palloc(Max(count, 1) * sizeof(Datum));
	bool *nulls = palloc(Max(count, 1) * sizeof(bool));

	for (int i = 0; i < count; i++)
	{
		values[i] = PointerGetDatum(list_nth(list, i));
		nulls[i] = list_nth(list, i) == NULL;
	}
	return PointerGetDatum(
		construct_md_array(values, nulls, 1, dims, bounds, JSONBOID, -1, false, TYPALIGN_INT));
}

/*
 * SELECT confiture._scratch_run(database, steps, arguments): does steps, one
 * after the other, in one session in another database. A step is an object:
 * {"files": [{path, text}]} runs files as a build does, and returns its report;
 * {"statements": [...], "groups": [...]} runs statements, and returns {} or
 * what has failed; {"query": ..., "arguments": [places in arguments]} returns
 * the jsonb value of a query. Returns an array of what the steps have returned.
 */
Datum
confiture_scratch_run(PG_FUNCTION_ARGS)
{
	char *database = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Jsonb *steps = PG_GETARG_JSONB_P(1);
	CfWorkerHeader header = {.task = CF_TASK_SCRATCH, .has_input = true};
	CfWorker *worker;
	Datum *arguments;
	int count;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(2), JSONBOID, -1, false, TYPALIGN_INT, &arguments, NULL,
					  &count);
	header.database = get_database_oid(database, false);
	worker = cf_start_build_worker(&header, NULL);
	PG_TRY();
	{
		send_work(worker, steps, arguments, count);
	}
	PG_CATCH();
	{
		cf_worker_end(worker);
		PG_RE_THROW();
	}
	PG_END_TRY();
	(void) cf_finish_build_worker(worker, false);
	if (list_length(worker->values) != JsonContainerSize(&steps->root))
		elog(ERROR, "the worker has sent %d results for %d steps", list_length(worker->values),
			 (int) JsonContainerSize(&steps->root));
	PG_RETURN_DATUM(results_array(worker->values));
}
