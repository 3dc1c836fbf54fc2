/*-------------------------------------------------------------------------
 *
 * values.c
 *	  Strings as arguments of queries, and as their results.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "values.h"

/* Reads a text[] into a list of strings. */
List *
cf_read_names(Datum array)
{
	List *result = NIL;
	Datum *names;
	int count;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &names, NULL,
					  &count);
	for (int i = 0; i < count; i++)
		result = lappend(result, TextDatumGetCString(names[i]));
	return result;
}

/* Makes a text[] of a list of strings. */
Datum
cf_names_array(List *names)
{
	Datum *values = palloc(Max(1, list_length(names)) * sizeof(Datum));
	int count = 0;
	ListCell *lc;

	foreach (lc, names)
		values[count++] = CStringGetTextDatum((char *) lfirst(lc));
	return PointerGetDatum(construct_array(values, count, TEXTOID, -1, false, TYPALIGN_INT));
}

/* Makes a text of a string; marks it as null when there is none. */
Datum
cf_optional_text(const char *string, char *null)
{
	*null = string ? ' ' : 'n';
	return string ? CStringGetTextDatum(string) : (Datum) 0;
}
