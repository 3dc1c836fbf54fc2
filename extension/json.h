/*-------------------------------------------------------------------------
 *
 * json.h
 *	  Small helpers to write JSON.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CF_JSON_H
#define CF_JSON_H

#include "lib/stringinfo.h"

extern void cf_json_key(StringInfo json, const char *key);
extern void cf_json_text(StringInfo json, const char *key, const char *value);
extern void cf_json_number(StringInfo json, const char *key, double value);
extern void cf_json_bool(StringInfo json, const char *key, bool value);
extern Datum cf_json_datum(StringInfo json);

#endif /* CF_JSON_H */
