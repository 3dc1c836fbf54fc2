/*-------------------------------------------------------------------------
 *
 * snapshot.c
 *	  confiture.snapshot(): the schema of this database as one value.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "scratch.h"
#include "snapshot.h"

PG_FUNCTION_INFO_V1(confiture_snapshot);

static int
by_name(const ListCell *a, const ListCell *b)
{
	return strcmp((const char *) lfirst(a), (const char *) lfirst(b));
}

/* Returns the names of an array of schemas: sorted, each once, all of them there. */
static List *
schema_names(ArrayType *array)
{
	List *names = NIL;
	Datum *values;
	bool *nulls;
	int count;
	const char *last = NULL;
	ListCell *lc;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
	if (count == 0)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("no schema is given"),
				errhint("NULL is for all schemas."));
	for (int i = 0; i < count; i++)
	{
		char *name;

		if (nulls[i])
			ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					errmsg("a name among the schemas is null"), errhint("Give names of schemas."));
		name = TextDatumGetCString(values[i]);
		if (!OidIsValid(get_namespace_oid(name, true)))
			ereport(ERROR, errcode(ERRCODE_UNDEFINED_SCHEMA),
					errmsg("schema \"%s\" does not exist", name),
					errhint("Names are written as they are, without quotes."));
		names = lappend(names, name);
	}
	list_sort(names, by_name);
	foreach (lc, names)
	{
		if (last && strcmp(last, (const char *) lfirst(lc)) == 0)
			names = foreach_delete_current(names, lc);
		else
			last = (const char *) lfirst(lc);
	}
	return names;
}

/* The version of the extension in this database. */
static char *
extension_version(void)
{
	char *version = NULL;

	if (SPI_execute("SELECT confiture._extension_version()", true, 1) == SPI_OK_SELECT &&
		SPI_processed == 1)
		version = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	return version;
}

/*
 * confiture.snapshot(schemas text[]). What makes texts depend on the session,
 * such as search_path, is pinned by the declaration in sql/66_snapshot.sql.
 */
Datum
confiture_snapshot(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	List *schemas = PG_ARGISNULL(0) ? NIL : schema_names(PG_GETARG_ARRAYTYPE_P(0));
	CfSnapshot snapshot = {0};
	Datum result;

	SPI_connect();
	cf_snapshot_read(&snapshot);
	cf_scratch_look(&snapshot);
	result = cf_snapshot_json(&snapshot, schemas, extension_version(), caller);
	SPI_finish();
	PG_RETURN_DATUM(result);
}
