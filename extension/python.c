/*-------------------------------------------------------------------------
 *
 * python.c
 *	  What migrations and hooks written in Python need from C.
 *
 * confiture_py._run() hands an error back as data, and it is raised here:
 * raised in Python it would lose its context, and get a prefix before its
 * message. The line of context that points into the source is made in Python;
 * what functions and triggers in the server had to say of a failed statement
 * is noted while it fails, since Python never sees it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "parser/parser.h"
#include "postgres_ext.h"
#include "tcop/utility.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "execute.h"
#include "guard.h"

PG_FUNCTION_INFO_V1(confiture_execute_python);
PG_FUNCTION_INFO_V1(confiture_parameter_types);

/* The columns of confiture_py._run(). */
enum
{
	RUN_STATEMENTS = 1,
	RUN_ROWS,
	RUN_SQLSTATE, /* NULL when nothing has failed */
	RUN_MESSAGE,
	RUN_DETAIL,
	RUN_HINT,
	RUN_QUERY,
	RUN_POSITION,
	RUN_CONTEXT
};
#define RUN_QUERY_TEXT "SELECT * FROM confiture_py._run($1, $2, $3, $4, $5, $6, $7)"

/* The last error that the server has raised while Python ran. */
typedef struct LastError
{
	MemoryContext context;
	ErrorData *edata; /* or NULL */
} LastError;

/* Error context callback: notes an error before Python gets hold of it. */
static void
note_error(void *arg)
{
	LastError *last = (LastError *) arg;
	MemoryContext old = MemoryContextSwitchTo(last->context);
	ErrorData *edata = CopyErrorData();

	if (edata->elevel >= ERROR)
	{
		if (last->edata)
			FreeErrorData(last->edata);
		last->edata = edata;
	}
	else
		FreeErrorData(edata);
	MemoryContextSwitchTo(old);
}

/* Returns the last line of a context. */
static char *
last_line(char *context)
{
	char *newline = strrchr(context, '\n');

	return newline ? newline + 1 : context;
}

/* Cuts everything from a place on, and the end of the line before it. */
static void
cut_from(char *context, char *place)
{
	*place = '\0';
	if (place > context)
		place[-1] = '\0';
}

/*
 * Returns what the server itself said of where a statement failed, innermost
 * first, or NULL: the context without the entries that only say that Python
 * has run the statement.
 */
static char *
inner_context(const ErrorData *edata, const char *query)
{
	char *context = pstrdup(edata->context ? edata->context : "");
	char *quoted = psprintf("\"%s\"", query ? query : "");
	size_t len;

	/* SPI's line about _run(), and PL/Python's. */
	if (strstr(last_line(context), "confiture_py._run(") == NULL)
		return NULL;
	cut_from(context, last_line(context));
	cut_from(context, last_line(context));

	/* SPI's entry about the statement, which the error shows anyway. */
	len = strlen(context);
	if (strstr(last_line(context), "confiture._parameter_types("))
		cut_from(context, last_line(context));
	else if (len >= strlen(quoted) && strcmp(context + len - strlen(quoted), quoted) == 0)
	{
		context[len - strlen(quoted)] = '\0';
		cut_from(context, last_line(context));
	}
	return *context ? context : NULL;
}

/* Returns a column of the only row as text, or NULL. */
static char *
column(int number)
{
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number);
}

/* Turns five characters into an SQLSTATE; what is none becomes 38000. */
static int
sqlstate_of(const char *state)
{
	if (strlen(state) != 5 || strspn(state, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 5 ||
		strncmp(state, "00", 2) == 0)
		return ERRCODE_EXTERNAL_ROUTINE_EXCEPTION;
	return MAKE_SQLSTATE(state[0], state[1], state[2], state[3], state[4]);
}

/* Adds the object that an error of the server is about. */
static int
err_object(const ErrorData *edata)
{
	if (edata->schema_name)
		err_generic_string(PG_DIAG_SCHEMA_NAME, edata->schema_name);
	if (edata->table_name)
		err_generic_string(PG_DIAG_TABLE_NAME, edata->table_name);
	if (edata->column_name)
		err_generic_string(PG_DIAG_COLUMN_NAME, edata->column_name);
	if (edata->datatype_name)
		err_generic_string(PG_DIAG_DATATYPE_NAME, edata->datatype_name);
	if (edata->constraint_name)
		err_generic_string(PG_DIAG_CONSTRAINT_NAME, edata->constraint_name);
	return 0;
}

/* Raises the error in the row of confiture_py._run(), if there is one. */
static void
raise_error_of_row(const ErrorData *last)
{
	char *state = column(RUN_SQLSTATE);
	char *message = column(RUN_MESSAGE);
	char *detail = column(RUN_DETAIL);
	char *hint = column(RUN_HINT);
	char *query = column(RUN_QUERY);
	char *position = column(RUN_POSITION);
	char *context = column(RUN_CONTEXT);
	char *inner;

	if (state == NULL)
		return;
	/* An error that Python has dealt with is not the one it ends with. */
	if (last && (last->message == NULL || strcmp(last->message, message) != 0))
		last = NULL;
	inner = last ? inner_context(last, query) : NULL;
	ereport(ERROR, (errcode(sqlstate_of(state)), errmsg_internal("%s", message),
					detail ? errdetail_internal("%s", detail) : 0, hint ? errhint("%s", hint) : 0,
					query ? internalerrquery(query) : 0,
					position ? internalerrposition(pg_strtoint32(position)) : 0,
					last ? err_object(last) : 0, inner ? errcontext("%s", inner) : 0,
					errcontext("%s", context)));
}

/* Refuses what can't work: Python is not installed, or the role may not. */
static void
check_python(const char *label)
{
	Oid schema = get_namespace_oid("confiture_py", true);

	if (!OidIsValid(schema))
		ereport(
			ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("%s is written in Python, and extension confiture_py is not installed", label),
			 errhint("A superuser can install it: CREATE EXTENSION confiture_py CASCADE.")));
	if (!DatumGetBool(DirectFunctionCall2(has_schema_privilege_id, ObjectIdGetDatum(schema),
										  CStringGetTextDatum("USAGE"))))
		ereport(
			ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("%s is written in Python, and role \"%s\" may not run Python", label,
					GetUserNameFromId(GetUserId(), false)),
			 errdetail("Python in the server can do whatever the server's own account can do."),
			 errhint(
				 "Run it as a superuser; or a superuser trusts the role that far: SELECT confiture_py.grant_usage(%s).",
				 quote_literal_cstr(GetUserNameFromId(GetUserId(), false)))));
}

/*
 * Runs a migration or a hook written in Python, through confiture_py.
 * Arguments: kind, source, label, version, name, direction, search_path,
 * context, the intent that it carries out. Result as confiture_execute().
 */
Datum
confiture_execute_python(PG_FUNCTION_ARGS)
{
	Oid types[7] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID};
	static const int args[7] = {0, 1, 2, 3, 4, 5, 7};
	Datum values[7];
	char nulls[8] = "       ";
	char *search_path = PG_ARGISNULL(6) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(6));
	LastError last = {.context = CurrentMemoryContext};
	ErrorContextCallback callback = {
		.previous = error_context_stack, .callback = note_error, .arg = &last};
	CfGuardScope scope;
	CfCost cost = {0};
	CfMeter meter;
	TupleDesc desc;
	Datum result[4];
	bool isnull[4] = {false};
	int nest_level;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("kind, source and label must not be null")));
	check_python(text_to_cstring(PG_GETARG_TEXT_PP(2)));
	for (int i = 0; i < 7; i++)
	{
		values[i] = PG_GETARG_DATUM(args[i]);
		if (PG_ARGISNULL(args[i]))
			nulls[i] = 'n';
	}

	nest_level = cf_begin_script_settings(search_path);
	cf_meter_start(&meter);
	SPI_connect();
	error_context_stack = &callback;
	cf_guard_enter(&scope, PG_ARGISNULL(8) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(8)),
				   text_to_cstring(PG_GETARG_TEXT_PP(2)),
				   PG_ARGISNULL(3) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(3)));
	PG_TRY();
	{
		if (SPI_execute_with_args(RUN_QUERY_TEXT, 7, types, values, nulls, false, 1) !=
				SPI_OK_SELECT ||
			SPI_processed != 1)
			elog(ERROR, "confiture_py._run() returned no row");
	}
	PG_FINALLY();
	{
		cf_guard_leave(&scope);
	}
	PG_END_TRY();
	error_context_stack = callback.previous;
	raise_error_of_row(last.edata);
	result[0] =
		SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, RUN_STATEMENTS, &isnull[0]);
	cost.rows = DatumGetInt64(
		SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, RUN_ROWS, &isnull[1]));
	SPI_finish();
	if (strcmp(text_to_cstring(PG_GETARG_TEXT_PP(0)), "migration") == 0)
		cf_check_deferred(text_to_cstring(PG_GETARG_TEXT_PP(2)));
	cf_meter_stop(&meter, &cost);
	cf_end_script_settings(nest_level);

	result[1] = Int64GetDatum(cost.rows);
	result[2] = Int64GetDatum(cost.wal_bytes);
	result[3] = Float8GetDatum(cost.elapsed_ms);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), result, isnull)));
}

/* ---------------------------------------------------------------------
 * The types of parameters
 * ------------------------------------------------------------------- */

/* Error context callback: the position is one in the statement. */
static void
point_into_statement(void *arg)
{
	int position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery((const char *) arg);
	}
}

/* Returns the statement of a text that must have exactly one. */
static RawStmt *
parse_one(const char *sql)
{
	List *parsed = raw_parser(sql, RAW_PARSE_DEFAULT);

	if (list_length(parsed) > 1)
		ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR),
						errmsg("only one statement can have parameters, and this is %d",
							   list_length(parsed)),
						errhint("Execute them one by one.")));
	return parsed ? linitial_node(RawStmt, parsed) : NULL;
}

/* Finds the highest number of a parameter below a node. */
static bool
highest_parameter(Node *node, int *highest)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param))
		*highest = Max(*highest, ((Param *) node)->paramid);
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, highest_parameter, highest, 0);
	return expression_tree_walker(node, highest_parameter, highest);
}

/* Returns how many parameters an analysed statement has. */
static int
count_parameters(Query *query)
{
	int highest = 0;

	/* EXPLAIN, CREATE TABLE AS and DECLARE CURSOR have a query in them. */
	if (query->commandType == CMD_UTILITY)
		query = UtilityContainsQuery(query->utilityStmt);
	if (query)
		(void) highest_parameter((Node *) query, &highest);
	return highest;
}

/*
 * Finds the types of the parameters $1, $2, ... of a statement, as PREPARE
 * does. Arguments: the statement, and the types that are known already, 0 for
 * those that are not. Returns as many types as the statement has parameters.
 */
Datum
confiture_parameter_types(PG_FUNCTION_ARGS)
{
	char *sql = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Datum *values;
	int known;
	int count = 0;
	Oid *types;
	RawStmt *raw;
	ErrorContextCallback callback = {
		.previous = error_context_stack, .callback = point_into_statement, .arg = sql};

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), REGTYPEOID, sizeof(Oid), true, TYPALIGN_INT,
					  &values, NULL, &known);
	types = palloc0(Max(known, 1) * sizeof(Oid));
	for (int i = 0; i < known; i++)
		types[i] = DatumGetObjectId(values[i]);

	error_context_stack = &callback;
	raw = parse_one(sql);
	if (raw)
		count = count_parameters(parse_analyze_varparams(raw, sql, &types, &known, NULL));
	values = palloc(Max(count, 1) * sizeof(Datum));
	for (int i = 0; i < count; i++)
	{
		if (types[i] == InvalidOid || types[i] == UNKNOWNOID)
			ereport(ERROR, (errcode(ERRCODE_INDETERMINATE_DATATYPE),
							errmsg("could not determine data type of parameter $%d", i + 1),
							errhint("Write its type: $%d::text, for example.", i + 1)));
		values[i] = ObjectIdGetDatum(types[i]);
	}
	error_context_stack = callback.previous;
	PG_RETURN_ARRAYTYPE_P(
		construct_array(values, count, REGTYPEOID, sizeof(Oid), true, TYPALIGN_INT));
}
