/*-------------------------------------------------------------------------
 *
 * scratch_main.c
 *	  Steps in a scratch database, in the worker that is connected to it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/snapmgr.h"

#include "build.h"
#include "scratch.h"
#include "worker.h"

/* What there is to do. */
typedef struct Work
{
	MemoryContext context;
	Jsonb *steps;
	List *arguments; /* Jsonb * */
	bool failed;	 /* a statement has: the steps after it are left out */
} Work;

/* Reads the work from the session that asks; it ends with an 'E'. */
static void
read_work(Work *work, shm_mq_handle *input)
{
	for (;;)
	{
		Size size;
		void *data;
		Jsonb *value;

		if (shm_mq_receive(input, &size, &data, false) != SHM_MQ_SUCCESS)
			ereport(ERROR, (errcode(ERRCODE_CONNECTION_FAILURE),
							errmsg("the session that asked for a scratch database is gone")));
		if (*(char *) data == 'E')
			return;
		value = MemoryContextAllocHuge(work->context, size);
		memcpy(value, (char *) data + 1, size - 1);
		if (*(char *) data == 'P')
			work->steps = value;
		else
			work->arguments = lappend(work->arguments, value);
	}
}

/* Sends what a step has returned. */
static void
send_result(const Jsonb *value)
{
	StringInfoData message;

	pq_beginmessage(&message, 'B');
	if (value)
		pq_sendbytes(&message, (const char *) value, VARSIZE(value));
	pq_endmessage(&message);
}

/* Looks a key of a step up; returns whether it is there. */
static bool
lookup(JsonbContainer *object, const char *key, JsonbValue *value)
{
	return getKeyJsonValueFromContainer(object, key, strlen(key), value) != NULL;
}

static char *
string_of(const JsonbValue *value)
{
	if (value->type != jbvString)
		elog(ERROR, "a string is missing in a step");
	return pnstrdup(value->val.string.val, value->val.string.len);
}

static int
integer_of(const JsonbValue *value)
{
	if (value->type != jbvNumeric)
		elog(ERROR, "a number is missing in a step");
	return DatumGetInt32(DirectFunctionCall1(numeric_int4, NumericGetDatum(value->val.numeric)));
}

/* Runs files as a build does. */
static void
run_files(JsonbContainer *files)
{
	CfBuild build;
	Datum report;

	cf_build_begin(&build);
	for (int i = 0; i < JsonContainerSize(files); i++)
	{
		JsonbValue *file = getIthJsonbValueFromContainer(files, i);
		JsonbValue path, text;

		if (!lookup(file->val.binary.data, "path", &path) ||
			!lookup(file->val.binary.data, "text", &text))
			elog(ERROR, "a file has no path or no text");
		cf_build_add(&build, string_of(&path), string_of(&text));
	}
	cf_build_run_files(&build);
	MemoryContextSwitchTo(build.context);
	StartTransactionCommand();
	report = DirectFunctionCall1(jsonb_in, CStringGetDatum(cf_build_report(&build)));
	send_result(DatumGetJsonbP(report));
	CommitTransactionCommand();
	MemoryContextDelete(build.context);
}

/* Runs statements in their transactions. */
static void
run_statements(JsonbContainer *texts, JsonbContainer *step, Work *work)
{
	CfStatements statements = {.context = CurrentMemoryContext};
	JsonbValue groups;
	Jsonb *result;

	for (int i = 0; i < JsonContainerSize(texts); i++)
		statements.texts =
			lappend(statements.texts, string_of(getIthJsonbValueFromContainer(texts, i)));
	if (lookup(step, "groups", &groups) && groups.type == jbvBinary)
	{
		JsonbContainer *numbers = groups.val.binary.data;

		for (int i = 0; i < JsonContainerSize(numbers); i++)
			statements.groups = lappend_int(statements.groups,
											integer_of(getIthJsonbValueFromContainer(numbers, i)));
		if (list_length(statements.groups) != list_length(statements.texts))
			elog(ERROR, "there are not as many groups as statements");
	}
	result = cf_scratch_statements(&statements);
	work->failed = JsonContainerSize(&result->root) > 0;
	send_result(result);
}

/* Runs a query whose result is one jsonb value, in a transaction of its own. */
static void
run_query(const char *query, JsonbContainer *step, Work *work)
{
	JsonbValue places;
	int count = 0;
	Oid *types;
	Datum *values;
	SPIPlanPtr plan;

	if (lookup(step, "arguments", &places) && places.type == jbvBinary)
		count = JsonContainerSize(places.val.binary.data);
	types = palloc(Max(count, 1) * sizeof(Oid));
	values = palloc(Max(count, 1) * sizeof(Datum));
	for (int i = 0; i < count; i++)
	{
		int place = integer_of(getIthJsonbValueFromContainer(places.val.binary.data, i));

		types[i] = JSONBOID;
		values[i] = PointerGetDatum(list_nth(work->arguments, place));
	}
	SetCurrentStatementStartTimestamp();
	pgstat_report_activity(STATE_RUNNING, query);
	StartTransactionCommand();
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	plan = SPI_prepare(query, count, types);
	if (plan == NULL || SPI_execute_plan(plan, values, NULL, false, 0) != SPI_OK_SELECT ||
		SPI_processed != 1 || SPI_gettypeid(SPI_tuptable->tupdesc, 1) != JSONBOID)
		elog(ERROR, "a step returns no jsonb value");
	else
	{
		bool isnull;
		Datum value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);

		send_result(isnull ? NULL : DatumGetJsonbP(value));
	}
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
}

/* Does one step, outside of any transaction. */
static void
do_step(Work *work, JsonbContainer *step)
{
	MemoryContext context =
		AllocSetContextCreate(work->context, "confiture step", ALLOCSET_DEFAULT_SIZES);
	JsonbValue value;

	MemoryContextSwitchTo(context);
	if (work->failed)
		send_result(NULL);
	else if (lookup(step, "files", &value))
		run_files(value.val.binary.data);
	else if (lookup(step, "statements", &value))
		run_statements(value.val.binary.data, step, work);
	else if (lookup(step, "query", &value))
		run_query(string_of(&value), step, work);
	else
		elog(ERROR, "a step is of no kind");
	MemoryContextSwitchTo(work->context);
	MemoryContextDelete(context);
}

/* Does all steps, one after the other. Called outside of any transaction. */
void
cf_run_scratch(shm_mq_handle *input)
{
	Work work = {0};

	work.context =
		AllocSetContextCreate(TopMemoryContext, "confiture scratch", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(work.context);
	/* Nothing of it has to survive a crash; what is done is told in the end. */
	SetConfigOption("synchronous_commit", "off", PGC_USERSET, PGC_S_OVERRIDE);
	SetConfigOption("client_min_messages", "warning", PGC_USERSET, PGC_S_OVERRIDE);
	/* Snapshots are large: no plan is made with them in it, and none is worth compiling. */
	SetConfigOption("plan_cache_mode", "force_generic_plan", PGC_USERSET, PGC_S_OVERRIDE);
	SetConfigOption("jit", "off", PGC_USERSET, PGC_S_OVERRIDE);
	read_work(&work, input);
	cf_scratch_tame();
	for (int i = 0; i < JsonContainerSize(&work.steps->root); i++)
	{
		JsonbValue *step = getIthJsonbValueFromContainer(&work.steps->root, i);

		if (step->type != jbvBinary)
			elog(ERROR, "a step is no object");
		do_step(&work, step->val.binary.data);
	}
}
