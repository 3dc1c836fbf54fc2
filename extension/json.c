/*-------------------------------------------------------------------------
 *
 * json.c
 *	  Small helpers to write JSON.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"

#include "json.h"

/* Appends a key, with a comma before it unless it is the first. */
void
cf_json_key(StringInfo json, const char *key)
{
	char last = json->len > 0 ? json->data[json->len - 1] : '{';

	if (last != '{' && last != '[')
		appendStringInfoString(json, ", ");
	escape_json(json, key);
	appendStringInfoString(json, ": ");
}

/* Appends a key with a text value; nothing when the value is NULL. */
void
cf_json_text(StringInfo json, const char *key, const char *value)
{
	if (value == NULL)
		return;
	cf_json_key(json, key);
	escape_json(json, value);
}

/* Appends a key with a number. */
void
cf_json_number(StringInfo json, const char *key, double value)
{
	cf_json_key(json, key);
	appendStringInfo(json, "%.15g", value);
}

/* Appends a key with true or false. */
void
cf_json_bool(StringInfo json, const char *key, bool value)
{
	cf_json_key(json, key);
	appendStringInfoString(json, value ? "true" : "false");
}

/* Returns the text as a jsonb datum. */
Datum
cf_json_datum(StringInfo json)
{
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json->data));
}
