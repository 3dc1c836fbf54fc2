/*-------------------------------------------------------------------------
 *
 * intent_call.c
 *	  The SQL functions that take names or SQL: confiture.intent_register(),
 *	  intent_check(), intent_wait(), and intent_wait_turn().
 *
 * Names mean what the caller's search_path says, so they become claims here;
 * what is done with claims is decided by functions in SQL that run with the
 * rights of the extension. Those who wait look again and again, with a new
 * snapshot each time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "intent.h"

PG_FUNCTION_INFO_V1(confiture_intent_register);
PG_FUNCTION_INFO_V1(confiture_intent_check);
PG_FUNCTION_INFO_V1(confiture_intent_wait);
PG_FUNCTION_INFO_V1(confiture_intent_wait_turn);
PG_FUNCTION_INFO_V1(confiture_intent_collect);

/* Pauses between two looks, in milliseconds: the first, and the longest. */
#define FIRST_PAUSE 20
#define LONGEST_PAUSE 200

/* The arguments of intent_register() and intent_check(), in their order. */
enum
{
	ARG_AGENT,
	ARG_FEATURE,
	ARG_OBJECTS,
	ARG_TABLES,
	ARG_CHANGES,
	ARG_BRANCH,
	ARG_EXPIRES,
	ARG_ON_CONFLICT,
	ARG_METADATA,
	ARG_DESCRIPTION,
	ARG_DURATION,
	ARG_STARTS
};

/* A query that is planned once in a session. */
typedef struct PlannedQuery
{
	const char *sql;
	bool read_only;
	int nargs;
	Oid types[12];
	SPIPlanPtr plan;
} PlannedQuery;

static PlannedQuery register_query = {
	.sql = "SELECT confiture._intent_register($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
	.nargs = 12,
	.types = {TEXTOID, TEXTOID, JSONBOID, JSONBOID, TEXTOID, TEXTOID, INTERVALOID, TEXTOID,
			  JSONBOID, TEXTOID, INTERVALOID, TIMESTAMPTZOID}};

static PlannedQuery check_query = {
	.sql = "SELECT confiture._intent_check($1, $2, $3, $4, $5)",
	.read_only = true,
	.nargs = 5,
	.types = {TEXTOID, JSONBOID, JSONBOID, INTERVALOID, TIMESTAMPTZOID}};

static PlannedQuery free_query = {
	.sql = "SELECT confiture._intent_free($1, $2)", .nargs = 2, .types = {TEXTOID, JSONBOID}};

static PlannedQuery turn_query = {
	.sql = "SELECT confiture._intent_has_turn($1)", .nargs = 1, .types = {TEXTOID}};

/* Runs a query that returns one value, which is false and NULL in one. */
static Datum
run_query(PlannedQuery *query, Datum *values, const char *nulls, bool by_value, bool *isnull)
{
	Datum result;

	SPI_connect();
	if (query->plan == NULL)
	{
		SPIPlanPtr plan = SPI_prepare(query->sql, query->nargs, query->types);

		if (plan == NULL)
			elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
		SPI_keepplan(plan);
		query->plan = plan;
	}
	if (SPI_execute_plan(query->plan, values, nulls, query->read_only, 1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "unexpected result of %s", query->sql);
	result = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, isnull);
	if (!*isnull)
		result = SPI_datumTransfer(result, by_value, by_value ? 1 : -1);
	SPI_finish();
	return result;
}

/* Returns the agent: the argument, else the setting, else the session's role. */
char *
cf_intent_agent(const char *argument)
{
	const char *agent = argument;

	if (agent == NULL)
		agent = GetConfigOption("confiture.agent", true, false);
	if (argument == NULL && (agent == NULL || *agent == '\0'))
		return GetUserNameFromId(GetSessionUserId(), false);
	return pstrdup(agent);
}

/* Returns the elements of an argument that is an array of names. */
static int
names_of(FunctionCallInfo fcinfo, int arg, const char *what, Datum **names)
{
	bool *nulls;
	int n;

	if (PG_ARGISNULL(arg))
		return 0;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(arg), TEXTOID, -1, false, TYPALIGN_INT, names, &nulls,
					  &n);
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("element %d of %s is null", i + 1, what),
							errhint("Give the names of the objects, or leave %s out.", what)));
	}
	return n;
}

/* Adds the claims of an argument that is an array of names. */
static int
add_names(CfClaimSet *set, FunctionCallInfo fcinfo, int arg, const char *what, bool is_table)
{
	Datum *names;
	int n = names_of(fcinfo, arg, what, &names);

	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		cf_claims_add_name(set, TextDatumGetCString(names[i]), is_table);
	}
	return n;
}

/*
 * Makes the claims of the arguments objects, tables and schema_changes; the
 * last two may be -1. Returns how many names and statements there are.
 */
static int
collect(FunctionCallInfo fcinfo, int objects, int tables, int changes, List **claims, List **unseen)
{
	CfClaimSet set;
	int n = 0;

	cf_claims_begin(&set);
	if (changes >= 0 && !PG_ARGISNULL(changes))
	{
		text *sql = PG_GETARG_TEXT_PP(changes);
		CfScript *script =
			cf_script_parse(VARDATA_ANY(sql), VARSIZE_ANY_EXHDR(sql), "schema_changes");

		n += script->count;
		/* the claims point into its parse trees: it goes with the call */
		cf_claims_add_script(&set, script);
	}
	n += add_names(&set, fcinfo, objects, "objects", false);
	if (tables >= 0)
		n += add_names(&set, fcinfo, tables, "tables", true);
	*claims = cf_claims_end(&set);
	*unseen = set.unseen;
	return n;
}

/* Refuses a call that is about nothing. */
static void
check_something(int given, List *claims, List *unseen)
{
	if (claims != NIL || unseen != NIL)
		return;
	ereport(
		ERROR,
		(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there is nothing to claim"),
		 given > 0
			 ? errdetail("What is given touches no object of a schema of yours; temporary objects, "
						 "pg_catalog, information_schema and confiture are nobody's to claim.")
			 : errdetail("No object, table or statement is given."),
		 errhint(
			 "Name what is to be changed, as in objects => '{users, public.users.email}', or "
			 "give the SQL, as in schema_changes => 'ALTER TABLE users ADD COLUMN email text'.")));
}

/* Returns the agent of an argument. */
static char *
agent_of(FunctionCallInfo fcinfo, int arg)
{
	return cf_intent_agent(PG_ARGISNULL(arg) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(arg)));
}

/* Returns JSON text as jsonb. */
static Datum
jsonb_of(char *json)
{
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json));
}

/* Refuses a feature that is missing or blank. */
static void
check_feature(FunctionCallInfo fcinfo)
{
	char *feature =
		PG_ARGISNULL(ARG_FEATURE) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(ARG_FEATURE));

	if (feature[strspn(feature, " \t\r\n")] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("feature is empty"),
				 errhint("Say in a few words what the change is for: others will read it.")));
}

/* SELECT confiture.intent_register(agent, feature, ...) */
Datum
confiture_intent_register(PG_FUNCTION_ARGS)
{
	Datum values[12];
	char nulls[13] = "            ";
	List *claims;
	List *unseen;
	int given;
	bool isnull;
	Datum result;

	check_feature(fcinfo);
	values[0] = CStringGetTextDatum(agent_of(fcinfo, ARG_AGENT));
	values[1] = PG_GETARG_DATUM(ARG_FEATURE);
	given = collect(fcinfo, ARG_OBJECTS, ARG_TABLES, ARG_CHANGES, &claims, &unseen);
	check_something(given, claims, unseen);
	values[2] = jsonb_of(cf_claims_json(claims, true));
	values[3] = jsonb_of(cf_unseen_json(unseen));
	/* objects and tables make way for claims and unseen; the rest is the same */
	for (int i = ARG_CHANGES; i <= ARG_STARTS; i++)
	{
		values[i] = PG_GETARG_DATUM(i);
		if (PG_ARGISNULL(i))
			nulls[i] = 'n';
	}
	result = run_query(&register_query, values, nulls, false, &isnull);
	if (isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(result);
}

/* SELECT confiture.intent_check(agent, feature, ...) */
Datum
confiture_intent_check(PG_FUNCTION_ARGS)
{
	Datum values[5];
	char nulls[6] = "     ";
	List *claims;
	List *unseen;
	int given;
	bool isnull;
	Datum result;

	values[0] = CStringGetTextDatum(agent_of(fcinfo, ARG_AGENT));
	given = collect(fcinfo, ARG_OBJECTS, ARG_TABLES, ARG_CHANGES, &claims, &unseen);
	check_something(given, claims, unseen);
	values[1] = jsonb_of(cf_claims_json(claims, true));
	values[2] = jsonb_of(cf_unseen_json(unseen));
	values[3] = PG_GETARG_DATUM(ARG_DURATION);
	values[4] = PG_GETARG_DATUM(ARG_STARTS);
	if (PG_ARGISNULL(ARG_DURATION))
		nulls[3] = 'n';
	if (PG_ARGISNULL(ARG_STARTS))
		nulls[4] = 'n';
	result = run_query(&check_query, values, nulls, false, &isnull);
	if (isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(result);
}

/* SELECT confiture._intent_collect(objects, tables, schema_changes) */
Datum
confiture_intent_collect(PG_FUNCTION_ARGS)
{
	List *claims;
	List *unseen;

	(void) collect(fcinfo, 0, 1, 2, &claims, &unseen);
	PG_RETURN_DATUM(jsonb_of(psprintf("{\"claims\": %s, \"unseen\": %s}",
									  cf_claims_json(claims, false), cf_unseen_json(unseen))));
}

/* Returns when to give up, by an argument that is an interval. */
static TimestampTz
deadline_of(FunctionCallInfo fcinfo, int arg)
{
	const double forever = 1e15; /* microseconds: thirty years */
	Interval *timeout = PG_ARGISNULL(arg) ? NULL : PG_GETARG_INTERVAL_P(arg);
	double time = timeout ? timeout->time + timeout->day * (double) USECS_PER_DAY +
								timeout->month * (double) DAYS_PER_MONTH * USECS_PER_DAY
						  : -1;

	if (time < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 timeout ? errmsg("timeout must not be negative") : errmsg("timeout is null"),
				 errhint("Give an interval such as '60 s'; '0' looks once.")));
	return GetCurrentTimestamp() + (int64) Min(time, forever);
}

/*
 * Refuses to wait in a transaction whose snapshot stays: it would never see
 * what the others do.
 */
static void
check_isolation(void)
{
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("can't wait in a transaction that sees one snapshot only"),
				 errdetail("What other sessions commit is not visible in it."),
				 errhint("Call it in a READ COMMITTED transaction, or in autocommit mode.")));
}

/* Looks once whether the time has come. */
typedef bool (*look)(FunctionCallInfo fcinfo);

/* Looks until the time has come, or the deadline has. */
static bool
wait_until(FunctionCallInfo fcinfo, look look, TimestampTz deadline)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "confiture wait", ALLOCSET_DEFAULT_SIZES);
	double pause = FIRST_PAUSE;

	for (;;)
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		bool found;
		int64 left;

		CHECK_FOR_INTERRUPTS();
		/* names of what others have created since */
		AcceptInvalidationMessages();
		found = look(fcinfo);
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
		left = (deadline - GetCurrentTimestamp()) / 1000;
		if (found || left <= 0)
		{
			MemoryContextDelete(context);
			return found;
		}
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 (long) Max(1, Min(pause, left)), PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		pause = Min(pause * 1.5, LONGEST_PAUSE);
	}
}

/* Tells whether the objects of intent_wait() are free. */
static bool
objects_are_free(FunctionCallInfo fcinfo)
{
	Datum values[2];
	List *claims;
	List *unseen;
	int given;
	bool isnull;
	Datum result;

	values[0] = CStringGetTextDatum(agent_of(fcinfo, 2));
	given = collect(fcinfo, 0, -1, -1, &claims, &unseen);
	check_something(given, claims, unseen);
	values[1] = jsonb_of(cf_claims_json(claims, true));
	result = run_query(&free_query, values, NULL, true, &isnull);
	return !isnull && DatumGetBool(result);
}

/* SELECT confiture.intent_wait(objects, timeout, agent) */
Datum
confiture_intent_wait(PG_FUNCTION_ARGS)
{
	TimestampTz deadline = deadline_of(fcinfo, 1);

	check_isolation();
	PG_RETURN_BOOL(wait_until(fcinfo, objects_are_free, deadline));
}

/* Tells whether the intent of intent_wait_turn() may start. */
static bool
has_turn(FunctionCallInfo fcinfo)
{
	Datum id = PG_GETARG_DATUM(0);
	bool isnull;
	Datum result = run_query(&turn_query, &id, NULL, true, &isnull);

	return !isnull && DatumGetBool(result);
}

/* SELECT confiture.intent_wait_turn(id, timeout) */
Datum
confiture_intent_wait_turn(PG_FUNCTION_ARGS)
{
	TimestampTz deadline = deadline_of(fcinfo, 1);

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("id is null"),
						errhint("Give the id that confiture.intent_register() has returned.")));
	check_isolation();
	PG_RETURN_BOOL(wait_until(fcinfo, has_turn, deadline));
}
