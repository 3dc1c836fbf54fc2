/*-------------------------------------------------------------------------
 *
 * ddl_log_dropped.c
 *	  What a statement has dropped, for the DDL log: what it names, and what
 *	  CASCADE has taken with it, but not the parts of these.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "ddl_log.h"

/* Kinds of what is gone: what the server calls them, and what a snapshot does. */
static const char *const kinds[][2] = {
	{"table column", "column"},
	{"view column", "column"},
	{"materialized view column", "column"},
	{"foreign table column", "column"},
	{"composite type column", "attribute"},
	{"table constraint", "constraint"},
	{"default value", "default"},
	{"trigger", "trigger"},
	{"policy", "policy"},
	{"rule", "rule"},
	{"table", "table"},
	{"view", "view"},
	{"materialized view", "materialized view"},
	{"foreign table", "foreign table"},
	{"sequence", "sequence"},
	{"index", "index"},
	{"function", "function"},
	{"procedure", "procedure"},
	{"aggregate", "aggregate"},
};

/* Reads the texts of an array. */
static char **
texts_of(Datum array, int *count)
{
	Datum *values;
	char **texts;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &values, NULL,
					  count);
	texts = palloc(Max(*count, 1) * sizeof(char *));
	for (int i = 0; i < *count; i++)
		texts[i] = TextDatumGetCString(values[i]);
	return texts;
}

/* A type as a snapshot writes it: those of the system without their schema. */
static const char *
without_catalog(const char *type)
{
	const char *prefix = "pg_catalog.";

	return strncmp(type, prefix, strlen(prefix)) == 0 ? type + strlen(prefix) : type;
}

/* Adds the identity of something that is gone. */
static List *
add_gone(List *objects, const char *type, const char *identity, char **names, int nnames,
		 char **arguments, int narguments)
{
	CfIdentity pieces = {.kind = type, .whole = identity};
	StringInfoData list;

	/* That of a view is a part of it. */
	if (strcmp(type, "rule") == 0 && nnames > 2 && strcmp(names[2], "_RETURN") == 0)
		return objects;
	if (strcmp(type, "statistics object") == 0)
		pieces.kind = "statistics";
	/* A domain is a type by then. */
	if (strcmp(type, "type") == 0)
		objects = cf_identity_add(objects, psprintf("domain %s", identity));
	if (strcmp(type, "composite type") == 0)
		pieces.kind = "type";
	for (int i = 0; i < lengthof(kinds); i++)
		if (nnames > 1 && strcmp(type, kinds[i][0]) == 0)
		{
			pieces.kind = kinds[i][1];
			pieces.whole = NULL;
			pieces.schema = names[0];
			pieces.name = names[1];
			pieces.part = nnames > 2 ? names[2] : NULL;
		}
	if (pieces.whole == NULL && pieces.part == NULL &&
		(strcmp(type, "function") == 0 || strcmp(type, "procedure") == 0 ||
		 strcmp(type, "aggregate") == 0))
	{
		initStringInfo(&list);
		for (int i = 0; i < narguments; i++)
			appendStringInfo(&list, "%s%s", i > 0 ? ", " : "", without_catalog(arguments[i]));
		pieces.arguments = list.data;
	}
	return cf_identity_add(objects, cf_identity_text(&pieces));
}

/* Returns what a statement has dropped, as identities, in the caller's memory. */
List *
cf_ddl_dropped_objects(void)
{
	static SPIPlanPtr plan = NULL;
	MemoryContext caller = CurrentMemoryContext;
	List *objects = NIL;

	SPI_connect();
	if (plan == NULL)
	{
		plan =
			SPI_prepare("SELECT d.object_type, d.object_identity, d.address_names, d.address_args"
						" FROM pg_catalog.pg_event_trigger_dropped_objects() AS d"
						" WHERE NOT d.is_temporary AND (d.original OR d.normal)",
						0, NULL);
		if (plan == NULL || SPI_keepplan(plan) != 0)
			elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	}
	if (SPI_execute_plan(plan, NULL, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "pg_event_trigger_dropped_objects() failed");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple tuple = SPI_tuptable->vals[i];
		TupleDesc desc = SPI_tuptable->tupdesc;
		MemoryContext spi = MemoryContextSwitchTo(caller);
		bool isnull[2];
		Datum names = SPI_getbinval(tuple, desc, 3, &isnull[0]);
		Datum arguments = SPI_getbinval(tuple, desc, 4, &isnull[1]);
		int nnames = 0;
		int narguments = 0;
		char **name_texts = isnull[0] ? NULL : texts_of(names, &nnames);
		char **argument_texts = isnull[1] ? NULL : texts_of(arguments, &narguments);
		char *type = SPI_getvalue(tuple, desc, 1);
		char *identity = SPI_getvalue(tuple, desc, 2);

		if (type && identity)
			objects =
				add_gone(objects, type, identity, name_texts, nnames, argument_texts, narguments);
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	return objects;
}
